/*
 * How a process gives up what it does not need, step by step, in the order of
 * the table below. What always holds: a step that must hold and fails ends the
 * start; a step that is named as holding was done. What is left is in
 * descriptors.
 */
#include "sandbox/jail.h"

#include "lib/fd.h"
#include "lib/str.h"
#include "sandbox/caps.h"
#include "sandbox/landlock.h"

#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct work {
	const struct jail *o;
	uid_t overflow;
	bool mounts; /* in a mount namespace of its own */
};

/* ---- namespaces ---------------------------------------------------------- */

/* One id, mapped to itself (user_namespaces(7): that needs no privilege). */
static int
map_self(int proc)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char line[64];
	int r;

	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	r = fd_write_string(proc, "self/setgroups", "deny");
	snprintf(line, sizeof(line), "%u %u 1", uid, uid);
	if (r >= 0)
		r = fd_write_string(proc, "self/uid_map", line);
	snprintf(line, sizeof(line), "%u %u 1", gid, gid);
	return r < 0 ? r : fd_write_string(proc, "self/gid_map", line);
}

/* A child tries it first: half a user namespace would be worse than none. */
static bool
can_map(int proc)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(map_self(proc) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int
do_users(struct work *w, struct err *e)
{
	char text[32];
	uint64_t id;
	int r;

	if (!w->o->own_users ||
	    fd_read_small(w->o->proc, "sys/kernel/overflowuid", text,
			  sizeof(text)) <= 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	if (str_to_u64(text, &id) < 0 || !can_map(w->o->proc))
		return 0;
	r = map_self(w->o->proc);
	if (r < 0)
		return err_sys(e, r, "a user namespace for %s", w->o->who);
	w->overflow = (uid_t)id;
	return 1;
}

static int
do_mounts(struct work *w, _unused_ struct err *e)
{
	w->mounts = unshare(CLONE_NEWNS) == 0;
	return w->mounts;
}

static int
do_network(_unused_ struct work *w, _unused_ struct err *e)
{
	return unshare(CLONE_NEWNET) == 0;
}

static int
do_ipc(_unused_ struct work *w, _unused_ struct err *e)
{
	return unshare(CLONE_NEWIPC) == 0;
}

/* The name of the host stays, the right to set it goes. */
static int
do_uts(_unused_ struct work *w, _unused_ struct err *e)
{
	return unshare(CLONE_NEWUTS) == 0;
}

/* An empty, read-only file tree: what the process has is in descriptors. It is
 * made over /proc, which every host has; pivot_root(2), ".", "." in its notes.
 */
static int
do_root(struct work *w, struct err *e)
{
	if (!w->mounts ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(w->o->name, "/proc", "tmpfs",
		  MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
		  "size=4k,nr_inodes=2,mode=0555") < 0)
		return 0;
	if (chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(e, -errno, "an empty root for %s", w->o->who);
	return 1;
}

/* ---- identity ------------------------------------------------------------ */

/* Root's process: its own uid and no groups. setresuid() takes the
 * capabilities along (capabilities(7)). */
static int
do_uid(struct work *w, struct err *e)
{
	uid_t uid = w->o->uid;

	if (geteuid() == uid || w->o->own_users)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return err_sys(e, -errno, "the uid of %s, %u", w->o->who, uid);
	return 1;
}

/* Only who may change securebits and the bounding set can; without new
 * privileges nobody gets any by them. */
static int
do_bounds(_unused_ struct work *w, _unused_ struct err *e)
{
	return caps_lock_securebits(NULL) == 0 && caps_drop_bounding(NULL) == 0;
}

static int
do_caps(_unused_ struct work *w, struct err *e)
{
	int r = caps_drop_all(e);

	return r < 0 ? r : 1;
}

static int
do_privileges(_unused_ struct work *w, struct err *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, -errno, "no new privileges");
	return 1;
}

static int
do_dumpable(_unused_ struct work *w, struct err *e)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(e, -errno, "keeping debuggers out");
	return 1;
}

static int
do_limits(struct work *w, struct err *e)
{
	const struct {
		int what;
		rlim_t most;
	} limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NPROC, 0 },
		{ RLIMIT_MEMLOCK, 0 },
		{ RLIMIT_MSGQUEUE, 0 },
		{ RLIMIT_NOFILE, w->o->nofile },
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit lim;

		if (getrlimit(limits[i].what, &lim) < 0)
			return err_sys(e, -errno, "limits");
		lim.rlim_max = MIN(lim.rlim_max, limits[i].most);
		lim.rlim_cur = lim.rlim_max;
		if (setrlimit(limits[i].what, &lim) < 0)
			return err_sys(e, -errno, "limits");
	}
	return 1;
}

/* ---- Landlock ------------------------------------------------------------ */

/* As in sandbox/landlock.c, which knows paths; here there are none. */
struct ll_ruleset {
	uint64_t fs, net, scoped;
};
struct ll_path {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));
#define LL_RULE_PATH 1
#define LL_NET_ALL 3ull
#define LL_SCOPE_ALL 3ull

static int
add_path(int set, int fd, uint64_t access)
{
	const struct ll_path p = { .access = access, .fd = fd };

	return syscall(SYS_landlock_add_rule, set, LL_RULE_PATH, &p, 0) < 0
		       ? -errno
		       : 0;
}

static uint64_t
known(int abi)
{
	return ((abi >= 5   ? LL_IOCTL_DEV
		 : abi >= 3 ? LL_TRUNCATE
		 : abi >= 2 ? LL_REFER
			    : LL_MAKE_SYM)
		<< 1) -
	       1;
}

static int
do_landlock(struct work *w, struct err *e)
{
	int abi = landlock_abi(), r;
	struct ll_ruleset a = {
		.fs = known(abi),
		.net = abi >= 4 ? LL_NET_ALL : 0,
		.scoped = abi >= 6 ? LL_SCOPE_ALL : 0,
	};
	_cleanup_close_ int set = -EBADF;

	if (abi < 1)
		return 0;
	set = (int)syscall(SYS_landlock_create_ruleset, &a, sizeof(a), 0);
	r = set < 0 ? -errno : 0;
	for (size_t i = 0; r == 0 && i < w->o->n_paths; i++)
		r = add_path(set, w->o->paths[i].fd,
			     w->o->paths[i].access & a.fs);
	if (r == 0 && syscall(SYS_landlock_restrict_self, set, 0) < 0)
		r = -errno;
	return r < 0 ? err_sys(e, r, "Landlock") : 1;
}

static int
do_seccomp(struct work *w, struct err *e)
{
	int r = w->o->seccomp(e);

	return r < 0 ? r : 1;
}

/* ---- all of it ----------------------------------------------------------- */

/* 1: it holds; 0: not here; negative: it must hold, and does not. */
static const struct {
	const char *name;
	int (*fn)(struct work *w, struct err *e);
} steps[] = {
	{ "users", do_users },
	{ "mounts", do_mounts },
	{ "network", do_network },
	{ "ipc", do_ipc },
	{ "uts", do_uts },
	{ "empty-root", do_root },
	{ "bounding-set", do_bounds },
	{ "uid", do_uid },
	{ "no-capabilities", do_caps },
	{ "limits", do_limits },
	{ "not-dumpable", do_dumpable },
	{ "no-new-privileges", do_privileges },
	{ "landlock", do_landlock },
	{ "seccomp", do_seccomp },
};

int
jail_enter(const struct jail *j, char *ret_text, size_t size,
	   uid_t *ret_overflow, struct err *e)
{
	struct work w = { .o = j, .overflow = *ret_overflow };
	size_t len = 0;

	*ret_text = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i].fn(&w, e);

		if (r < 0)
			return err_wrap(e, "the confinement of %s", j->who);
		if (r && len < size)
			len += (size_t)snprintf(ret_text + len, size - len,
						"%s%s", len ? " " : "",
						steps[i].name);
	}
	*ret_overflow = w.overflow;
	return 0;
}
