#pragma once
/*
 * Limits, freeze and kill through control groups, whichever way the host has
 * them. A table of functions per backend, chosen by what is mounted and what
 * this user may write:
 *
 *   v2       one unified hierarchy, written directly (root, or a subtree that
 *            was delegated to this user)
 *   hybrid   v1 controllers (memory, pids, cpu, blkio) beside a cgroup2 mount
 *            that has freeze and kill only; root
 *   scope    the user's systemd makes us a delegated scope (agentbox-scope);
 *            then as v2 inside it
 *   none     nothing may be written: every cgroup layer is absent
 *
 * Where the groups go. Root uses the top of each hierarchy, not the group it
 * happens to stand in: a box must not die with the login session that started
 * it. $AGENTBOX_CGROUP_PARENT names another place (absolute, below the mount).
 * A user uses the topmost group on the way to its own that was delegated to
 * it (user@UID.service), or else asks systemd for a scope. On v2 the groups lie
 * in one named "agentbox", which keeps the controllers of its boxes switched on
 * whatever the host's service manager does above it, and goes when it is empty;
 * on v1 there is nothing to keep, so they lie at the top itself.
 *
 * Joining is free of the multi-millisecond grace period that a write to
 * cgroup.procs costs: on v2 the box is cloned into the group
 * (CLONE_INTO_CGROUP), on v1 the child itself writes "0" to tasks, which moves
 * one thread and skips the global lock (kernel/cgroup/cgroup.c,
 * cgroup_procs_write_start()).
 */
#include "lib/err.h"
#include "sandbox/layers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_UNLIMITED UINT64_MAX
#define CGROUP_V1_MAX 4 /* memory, pids, cpu, blkio */
#define CGROUP_DIR_MAX 256
#define CGROUP_PATH_MAX (CGROUP_DIR_MAX + 80)
#define CGROUP_GROUPS_MAX (1 + CGROUP_V1_MAX)

struct cgroup_limits {
	uint64_t memory;      /* bytes */
	uint64_t swap;	      /* bytes of swap beside memory; 0 is none */
	uint64_t pids;	      /* processes and threads */
	uint64_t cpu_percent; /* 100 is one cpu; 0: unset */
	uint64_t io_weight; /* 1..10000, default 100; CGROUP_UNLIMITED: unset */
	uint64_t io_bps;    /* bytes per second, reads and writes each, on the
			       disk of the workspace; 0: unset */
	dev_t io_dev;	    /* that device; 0: none */
};

enum cgroup_backend {
	CGROUP_NONE,
	CGROUP_V2,
	CGROUP_HYBRID,
	CGROUP_SCOPE,
	CGROUP_BACKEND_MAX
};

/* What the host offers to this user. */
struct cgroup_host {
	enum cgroup_backend backend;
	char v2_dir[CGROUP_DIR_MAX]; /* where our groups lie, or "" */
	char v2_rel[CGROUP_DIR_MAX]; /* the same, as /proc/PID/cgroup says it */
	char v2_top[CGROUP_DIR_MAX]; /* topmost group that we may change */
	/* memory, pids, cpu, blkio; each may be "" */
	char v1_dir[CGROUP_V1_MAX][CGROUP_DIR_MAX];
	char v1_rel[CGROUP_V1_MAX][CGROUP_DIR_MAX];
	char why[256];	/* for none: the reason */
	char cure[256]; /* and what to do about it */
};

struct cgroup; /* one box's group(s) */

/* Finds the backend; never fails (CGROUP_NONE with a reason instead). Reads
 * /proc/self/mountinfo and, for a user, /proc/self/cgroup. allow_scope: may
 * answer CGROUP_SCOPE with an empty v2_dir; cgroup_scope_enter() must then be
 * called before cgroup_create() (only `run` does that, as it moves the calling
 * process). */
void cgroup_host_find(struct cgroup_host *h, bool allow_scope);
const char *cgroup_backend_name(enum cgroup_backend b);

/* CGROUP_SCOPE only: runs helper (the path of agentbox-scope), which asks the
 * user's systemd for agentbox-<id>.scope with us in it, and fills v2_dir. Costs
 * milliseconds. On failure *h becomes CGROUP_NONE with the reason. */
int cgroup_scope_enter(struct cgroup_host *h, const char *helper,
		       const char *id, struct err *e);

/* The layers (MEMORY SWAP PIDS CPU IO FREEZE) that a box could get here, as
 * LAYER_BIT set; for doctor. Creates nothing. */
uint32_t cgroup_host_layers(const struct cgroup_host *h);
/* Why a layer cannot be had here and what helps; returns -EOPNOTSUPP. */
int cgroup_host_missing(const struct cgroup_host *h, enum layer l,
			struct err *e);

/* Absolute paths that the groups of id will have: for the guard, which is told
 * before they are made. Returns their number. */
size_t cgroup_host_paths(const struct cgroup_host *h, const char *id,
			 char (*paths)[CGROUP_PATH_MAX], size_t max);

/* The directory that goes when the last box has left it (rmdir(2) says when),
 * or NULL: for the guard too. */
const char *cgroup_host_parent(const struct cgroup_host *h);

/* Makes the group(s) of a box named id and sets the limits. Each limit that
 * cannot be set leaves its layer bit out of *ret_set; the caller decides. With
 * CGROUP_NONE *ret is NULL, *ret_set 0 and the return value 0. */
int cgroup_create(const struct cgroup_host *h, const char *id,
		  const struct cgroup_limits *lim, struct cgroup **ret,
		  uint32_t *ret_set, struct err *e);

/* For the child: the v2 directory descriptor for CLONE_INTO_CGROUP (-EBADF if
 * none), and the v1 "tasks" files, each of which the child must write "0" to
 * before exec. All CLOEXEC, owned by the group. */
int cgroup_clone_fd(const struct cgroup *cg);
size_t cgroup_join_fds(const struct cgroup *cg, int *fds, size_t max);
/* Fallback when CLONE_INTO_CGROUP is not there: moves pid (slow). */
int cgroup_attach(struct cgroup *cg, pid_t pid);

/* Opens the control files that freeze and kill need, so that each is one write
 * later. Optional; done on first use otherwise. */
int cgroup_prepare(struct cgroup *cg);
/* And goes through a freeze without doing it, so that its code is at hand. */
void cgroup_rehearse(struct cgroup *cg);
/* Freezes or thaws and waits until the kernel says so (by reading
 * cgroup.events; at most timeout_us, then -ETIMEDOUT). */
int cgroup_freeze(struct cgroup *cg, bool on, uint64_t timeout_us);
bool cgroup_can_freeze(const struct cgroup *cg);
/* SIGKILL to every process at once; returns after the write. Before Linux 5.14
 * (no cgroup.kill): freezes, then kills one by one, so that fork cannot win.
 * -EOPNOTSUPP where there is no cgroup2 group. */
int cgroup_kill(struct cgroup *cg);
/* 1 when processes are left, 0 when empty. */
int cgroup_populated(struct cgroup *cg);

/* Reads the limits back from the kernel and fills the rows MEMORY, SWAP, PIDS,
 * CPU, IO, FREEZE of the table: state and enforced text (requested text and
 * optional are the caller's). Checks too that pid is a member: where it is not,
 * the rows of that hierarchy are ABSENT. A limit that is not wanted is OFF;
 * FREEZE is always wanted. cg may be NULL (no backend): all wanted are ABSENT.
 * Returns 0, or the error of reading /proc/PID/cgroup. */
int cgroup_readback(struct cgroup *cg, pid_t pid,
		    const struct cgroup_limits *want, struct layer_table *t);

struct cgroup_usage {
	uint64_t memory, pids, cpu_usec;
	uint64_t oom_kills;
};
int cgroup_usage(struct cgroup *cg, struct cgroup_usage *ret);
/* All that was used in its life: cpu_usec, and the most memory at once (0 where
 * the kernel does not say: cgroup2 before Linux 5.19). */
int cgroup_spent(struct cgroup *cg, uint64_t *ret_cpu_usec,
		 uint64_t *ret_memory_peak);

/* Removes the directories (they must be empty; waits briefly for the kernel).
 * Accepts NULL. cgroup_free() only releases memory and descriptors. */
int cgroup_remove(struct cgroup *cg);
void cgroup_free(struct cgroup *cg);

/* Directories of the group, for the guard that removes them if the supervisor
 * dies: absolute paths; returns their number. */
size_t cgroup_paths(const struct cgroup *cg, const char **paths, size_t max);

/* Kills and removes groups of this user whose supervisor is gone. The callback
 * says whether id is in use; it must say so from before the group is made.
 * Returns how many were removed. */
int cgroup_sweep(const struct cgroup_host *h,
		 bool (*alive)(const char *id, void *arg), void *arg);
