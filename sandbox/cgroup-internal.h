#pragma once
/*
 * Between the files of the cgroup module: the table of functions that a
 * backend fills, the group itself, and the parts that are kept apart from the
 * host so that tests can feed them recorded texts.
 */
#include "sandbox/cgroup.h"

#include <stdarg.h>

#define CGROUP_PREFIX "agentbox-" /* each group is agentbox-<id> */
#define CGROUP_PARENT "agentbox"  /* on v2 they lie in this one */
#define CGROUP_LEAF "supervisor"  /* where we go in a group of our own */

/* Index of the v1 hierarchies in v1_dir; their group is at 1 + index. */
enum cgroup_v1 {
	CGROUP_V1_MEMORY,
	CGROUP_V1_PIDS,
	CGROUP_V1_CPU,
	CGROUP_V1_BLKIO,
};

/* One directory of a box. */
struct cgroup_group {
	int dir;   /* O_PATH, -EBADF: this hierarchy is not used */
	int tasks; /* v1: the file that the child writes "0" to */
	char path[CGROUP_PATH_MAX];
	char rel[CGROUP_PATH_MAX]; /* as /proc/PID/cgroup says it */
};

struct cgroup_ops {
	/* Makes cg->g[] and sets the limits in wanted. */
	int (*create)(struct cgroup *cg, const struct cgroup_host *h,
		      const struct cgroup_limits *lim, uint32_t wanted,
		      uint32_t *ret_set, struct err *e);
	/* Fills the rows of the limits in wanted; members is the text of
	 * /proc/PID/cgroup. */
	void (*readback)(struct cgroup *cg, const char *members,
			 const struct cgroup_limits *want, uint32_t wanted,
			 struct layer_table *t);
	int (*usage)(struct cgroup *cg, struct cgroup_usage *ret);
	uint64_t (*memory_peak)(struct cgroup *cg);
};

extern const struct cgroup_ops cgroup_v2_ops;
extern const struct cgroup_ops cgroup_hybrid_ops;

struct cgroup {
	const struct cgroup_ops *ops;
	char name[80];
	int freeze, events, kill;    /* of g[0]; opened by cgroup_prepare() */
	char parent[CGROUP_DIR_MAX]; /* to remove when empty, or "" */
	struct cgroup_group g[CGROUP_GROUPS_MAX]; /* g[0] is cgroup2 */
};

/* ---- the finder (cgroup_find.c): no access to the host but through v */
struct cgroup_view {
	const char *mountinfo; /* /proc/self/mountinfo */
	const char *self;      /* /proc/self/cgroup */
	const char *parent;    /* $AGENTBOX_CGROUP_PARENT or NULL */
	uid_t uid;
	bool systemd; /* a user manager could be asked for a scope */
	bool own;     /* take the group that we are in and no other */
	/* May we make groups in dir and (v2) switch controllers on? */
	bool (*writable)(const char *dir, bool v2, void *arg);
	void *arg;
};
void cgroup_find(struct cgroup_host *h, const struct cgroup_view *v);
/* Is /proc/PID/cgroup's line for controller (NULL: the v2 line) path rel? */
bool cgroup_is_member(const char *text, const char *controller,
		      const char *rel);
/* The path of the v2 line. 0, -ENOENT, -ENAMETOOLONG. */
int cgroup_own_path(const char *text, char *ret, size_t size);

/* Fills the view from the host and finds; for cgroup_scope_enter(). */
void cgroup_host_view(struct cgroup_host *h, bool allow_scope, bool own);

/* ---- shared by the backends (cgroup.c, cgroup_report.c) */
/* Makes dir/name (and dir itself when it is gone) and opens it. */
int cgroup_group_make(struct cgroup_group *g, const char *dir, const char *rel,
		      const char *name, struct err *e);
/* The limits that were asked for, without FREEZE. */
uint32_t cgroup_wanted(const struct cgroup_limits *lim);
int cgroup_write(int dir, const char *file, const char *fmt, ...)
	_printf_(3, 4);
/* "8:16", "100000 100000", "6.1.0": the first two numbers. */
int cgroup_parse_pair(const char *s, char sep, uint64_t *ret_a,
		      uint64_t *ret_b);
/* One number, "max" is CGROUP_UNLIMITED. */
int cgroup_read_u64(int dir, const char *file, uint64_t *ret);
/* The number behind "key " in a file of such lines. */
int cgroup_read_key(int dir, const char *file, const char *key, uint64_t *ret);
/* The same in a text. -ENOENT when it is not there. */
int cgroup_key(const char *text, const char *key, uint64_t *ret);
/* The disk that dev is on: a partition is no target for io limits.
 * -ENOTBLK when there is none below (tmpfs, overlay, btrfs, network). */
int cgroup_disk(dev_t dev, dev_t *ret);
bool cgroup_host_has_swap(void);
void cgroup_row(struct layer_table *t, enum layer l, enum layer_state s,
		const char *fmt, ...) _printf_(4, 5);
/* HELD if file holds want (bytes rounded down to pages, as the kernel does),
 * else ABSENT; the text names the file. */
void cgroup_row_bytes(struct layer_table *t, enum layer l, int dir,
		      const char *file, uint64_t want);
void cgroup_row_count(struct layer_table *t, enum layer l, int dir,
		      const char *file, uint64_t want);
/* No accounting: HELD if there is no swap that could be used. */
void cgroup_row_no_swap(struct layer_table *t, const char *file);
/* rest is of the form "MAJ:MIN ... key=N" or, key NULL, "MAJ:MIN N". */
int cgroup_io_value(const char *text, dev_t dev, const char *key,
		    uint64_t *ret);

/* cgroup_v2.c: without cgroup.kill */
int cgroup_kill_each(struct cgroup *cg);
/* Switches on the controllers of the layers, from h->v2_top down to
 * h->v2_dir; what fails shows in the files that are not there then. */
void cgroup_v2_enable(const struct cgroup_host *h, uint32_t layers);
const char *cgroup_controller(enum layer l);
