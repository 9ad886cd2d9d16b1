#pragma once
/*
 * What this kernel, this machine and this user can do, found out by trying.
 * Every function is a fact: 0 or a positive value is "works here", a negative
 * errno is what the kernel answered. Nothing is left behind: whatever has to be
 * tried is tried in a child process, inside namespaces of its own.
 *
 * Used by `agentbox doctor`, by tests that must know what to skip, and by the
 * supervisor to turn an errno into a cause and a cure (probe_why_*()).
 */
#include "lib/err.h"
#include "sandbox/layers.h"
#include "sandbox/steps.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROBE_TIMEOUT_MS 3000 /* for each child */

struct probe_kernel {
	unsigned int major, minor;
	char release[65], machine[65];
};

/* "6.1", "6.1.0-13-amd64": the first two numbers. Pure. */
int probe_version(const char *s, unsigned int *ret_major,
		  unsigned int *ret_minor);
int probe_kernel(struct probe_kernel *ret);
bool probe_kernel_at_least(unsigned int major, unsigned int minor);

/* System calls, asked in a way that cannot have an effect: 0 when there,
 * -ENOSYS when the kernel (or a filter that plays an old kernel) has none,
 * -EPERM when a filter refuses it. */
enum probe_call {
	PROBE_CALL_CLONE3,
	PROBE_CALL_OPENAT2,
	PROBE_CALL_CLOSE_RANGE,
	PROBE_CALL_PIDFD_OPEN,
	PROBE_CALL_OPEN_TREE,
	PROBE_CALL_MOVE_MOUNT,
	PROBE_CALL_MOUNT_SETATTR,
	PROBE_CALL_FSOPEN,
	PROBE_CALL_MEMFD,
	PROBE_CALL_MAX
};
int probe_call(enum probe_call c);
const char *probe_call_name(enum probe_call c);
/* The first Linux version that has what we need of it, as "5.6". */
const char *probe_call_since(enum probe_call c);

/* Puts a child into a Landlock domain that grants nothing and sees it refused.
 * landlock_abi() says which ABI. */
int probe_landlock(void);
/* Loads a filter in a child and sees it obeyed; needs KILL_PROCESS too. */
int probe_seccomp(void);
/* A terminal pair. */
int probe_pty(void);

/* Clones a child with these CLONE_NEW* flags; it ends at once. clone3(2), and
 * clone(2) where that is missing. */
int probe_clone(uint64_t flags);

/* Runs fn in a child, for at most PROBE_TIMEOUT_MS. Its result (0 or negative
 * errno) is returned; -ETIMEDOUT; -EPERM or -EIO when it died of SIGSYS or of
 * another signal. */
int probe_in_child(int (*fn)(void *arg), void *arg);

/* The steps that a box goes through, tried in order in one child. A step that
 * fails does not stop those that do not need it. */
#define PROBE_STEPS(STEP)                                                      \
	STEP(CLONE, "make new namespaces")                                     \
	STEP(MAPS, "map ids into a user namespace")                            \
	STEP(PRIVATE, "make mounts private")                                   \
	STEP(TMPFS, "mount a bounded tmpfs")                                   \
	STEP(BIND, "bind a host directory")                                    \
	STEP(RDONLY, "make a bind read-only, recursively")                     \
	STEP(IDMAP, "id-map a mount")                                          \
	STEP(PROC, "mount a fresh procfs")                                     \
	STEP(DEVPTS, "mount a devpts of its own")                              \
	STEP(PIVOT, "change the root")                                         \
	STEP(LOOPBACK, "bring the loopback interface up")                      \
	STEP(HOSTNAME, "set the host name")                                    \
	STEP(CGROUPNS, "enter a cgroup namespace")                             \
	STEP(TIMENS, "enter a time namespace")                                 \
	STEP(RLIMITS, "lower resource limits")                                 \
	STEP(OOM, "raise the oom score")                                       \
	STEP(FDS, "close inherited descriptors")                               \
	STEP(SECUREBITS, "lock the securebits")                                \
	STEP(CAPS, "drop the capabilities from every set")                     \
	STEP(NNP, "set no_new_privs")

enum probe_step {
#define STEP(id, text) PROBE_STEP_##id,
	PROBE_STEPS(STEP)
#undef STEP
		PROBE_STEP_MAX
};

#define PROBE_NOT_REACHED 1
#define PROBE_NOT_NEEDED 2

struct probe_box {
	/* 0, negative errno, PROBE_NOT_REACHED or PROBE_NOT_NEEDED */
	int32_t step[PROBE_STEP_MAX];
	/* each of user pid mount net ipc uts alone; filled when CLONE failed */
	int32_t ns[LAYER_UTS + 1];
};

struct probe_box_request {
	uid_t outside_uid; /* what inside_uid is mapped to */
	gid_t outside_gid;
	uid_t inside_uid;
	gid_t inside_gid;
	bool idmap;	 /* try what root mode does with dir */
	const char *dir; /* the workspace; only with idmap */
};

/* Returns 0 when every step worked, else the first step's errno. */
int probe_box(const struct probe_box_request *r, struct probe_box *ret);
/* The same as another user, for root; the child changes to uid and gid. */
int probe_box_as(uid_t uid, gid_t gid, struct probe_box *ret);
const char *probe_step_name(enum probe_step s);
const char *probe_step_text(enum probe_step s);

/* What a box that may dial anything needs, tried out. 0: what is dialled
 * arrives, at least at ports with a listener; else why says what is wrong, if
 * it is known. */
struct probe_net {
	bool redirects; /* from any port: nf_tables */
	bool v6;
	char why[160]; /* why it does not redirect; or "" */
};
int probe_net(struct probe_net *ret);

/* A number from /proc/sys/NAME ("kernel/yama/ptrace_scope"); -ENOENT when this
 * kernel has no such switch. */
int probe_sysctl(const char *name, int64_t *ret);
/* "landlock,lockdown,yama", or -ENOENT when nobody may know. */
int probe_lsms(char *buf, size_t size);
/* Seccomp mode of this process: 2 when it already runs under a filter. */
int probe_own_seccomp(void);
/* "docker", "podman", "lxc"..., "container" when it is one of unknown make, or
 * "" when this looks like a whole machine. Returns buf. */
const char *probe_container(char *buf, size_t size);
/* Mounts over parts of /proc, as container runtimes make them: their number.
 * mountinfo is the text of /proc/self/mountinfo. Pure. */
size_t probe_proc_masks(const char *mountinfo);
/* "/" is no mount point: this process was chrooted. mountinfo as above. Pure.
 */
bool probe_chrooted(const char *mountinfo);

/* What is known about the machine when a cause is looked for. Filled once by
 * probe_machine(); tests fill it by hand. Switches are -1 where absent. */
struct probe_machine {
	struct probe_kernel kernel;
	bool root;		 /* effective uid 0 */
	bool userns_file;	 /* /proc/self/ns/user is there */
	int64_t userns_clone;	 /* kernel.unprivileged_userns_clone */
	int64_t max_userns;	 /* user.max_user_namespaces */
	int64_t apparmor_userns; /* kernel.apparmor_restrict_unprivileged_... */
	int own_seccomp;	 /* 0, 1, 2 */
	bool chrooted;
	size_t proc_masks;
	int call[PROBE_CALL_MAX]; /* probe_call() of each */
	char container[32];
	char lsms[256]; /* "" when unknown */
};
void probe_machine(struct probe_machine *ret);

/* Text and cure for a failure. Pure: only what m says is used. Each returns
 * e->code, which is -abs(code). */
int probe_why_userns(const struct probe_machine *m, int code, struct err *e);
int probe_why_landlock(const struct probe_machine *m, int code, struct err *e);
int probe_why_seccomp(const struct probe_machine *m, int code, struct err *e);
int probe_why_call(const struct probe_machine *m, enum probe_call c, int code,
		   struct err *e);
int probe_why_step(const struct probe_machine *m, enum probe_step s, int code,
		   struct err *e);
/* probe_machine() and probe_why_step() in one, for whoever just failed at
 * something like that step. */
int probe_explain(enum probe_step s, int code, struct err *e);
/* For an error of agentbox-stage at that step: where the machine explains it,
 * the cause is put behind the text and the cure is set. Leaves an error that
 * has a cure as it is. */
void probe_explain_stage(enum step s, int code, struct err *e);
/* The same, pure. */
void probe_why_stage(const struct probe_machine *m, enum step s, int code,
		     struct err *e);
