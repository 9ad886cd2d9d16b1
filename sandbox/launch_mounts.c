/*
 * What the supervisor does to a box's ids, and as root to its mounts, since the
 * stage has no right to. What always holds: exactly one id is mapped; a file
 * becomes the agent's only where it was its owner's, and the plan says so.
 */
#include "sandbox/launch-internal.h"

#include "lib/fd.h"
#include "sandbox/clone.h"
#include "sandbox/mount.h"
#include "sandbox/probe.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static int
write_map(int proc, const char *file, unsigned int in, unsigned int out)
{
	char text[48];

	snprintf(text, sizeof(text), "%u %u 1", in, out);
	return fd_write_string(proc, file, text);
}

/* The supervisor maps exactly one id; a caller without privilege must give up
 * setgroups first (user_namespaces(7)). */
int
launch_write_maps(pid_t pid, unsigned int in_uid, unsigned int uid,
		  unsigned int in_gid, unsigned int gid, bool root)
{
	_cleanup_close_ int proc = -EBADF;
	char path[32];
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return -errno;
	if (!root)
		r = fd_write_string(proc, "setgroups", "deny");
	if (r >= 0)
		r = write_map(proc, "gid_map", in_gid, gid);
	if (r >= 0)
		r = write_map(proc, "uid_map", in_uid, uid);
	return r;
}

/* A user namespace that says: files of the owner belong to the box. It lives
 * as long as the mounts that use it; the process that opened it waits to be
 * killed. */
static int
holder_main(void *arg)
{
	const pid_t *parent = arg;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0)
		while (getppid() == *parent)
			pause();
	return 0;
}

static int
idmap_open(const struct launch_params *lp, struct err *e)
{
	static char stack[CLONE_STACK] __attribute__((aligned(64)));
	struct clone_request rq = { .flags = CLONE_NEWUSER | CLONE_VM,
				    .exit_signal = SIGCHLD };
	char path[40];
	pid_t parent = getpid();
	pid_t pid = clone_call(&rq, stack, holder_main, &parent);
	int fd = -EBADF, r;

	if (pid < 0)
		return probe_explain(PROBE_STEP_CLONE, pid, e);
	r = launch_write_maps(pid, lp->owner_uid, lp->host_uid, lp->owner_gid,
			      lp->host_gid, true);
	if (r >= 0) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r < 0 ? err_sys(e, r, "cannot map the owner's files") : fd;
}

void
launch_close_all(int *fds, size_t n)
{
	while (n)
		close(fds[--n]);
}

/* What a person owns becomes the agent's. A tree that root lets be read does
 * not: mapping root's files would open what only root may read. */
static bool
wants_idmap(const struct launch_params *lp, const struct plan_fs *f)
{
	return f->flags & PLAN_FS_IDMAP &&
	       !(lp->owner_uid == 0 && f->flags & PLAN_FS_RDONLY);
}

/* Root mode: the stage has no right to open what belongs to others, so we
 * clone the trees for it. */
int
launch_make_mounts(const struct launch_params *lp, int *fds, size_t *ret_n,
		   struct err *e)
{
	_cleanup_close_ int idmap = -EBADF;
	const struct plan *p = lp->plan;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < p->n_fs && r >= 0; i++) {
		const struct plan_fs *f = &p->fs[i];

		if (f->kind != PLAN_FS_BIND || !(f->flags & PLAN_FS_FD))
			continue;
		if (wants_idmap(lp, f) && idmap < 0)
			r = idmap = idmap_open(lp, e);
		if (r >= 0 && n >= STAGE_FDS_MAX)
			r = err_set(e, -E2BIG, "more than %d granted paths",
				    STAGE_FDS_MAX);
		if (r >= 0)
			r = fds[n] = mount_clone(
				f, wants_idmap(lp, f) ? idmap : -EBADF, e);
		n += r >= 0;
	}
	if (r < 0) {
		launch_close_all(fds, n);
		return r;
	}
	*ret_n = n;
	return 0;
}
