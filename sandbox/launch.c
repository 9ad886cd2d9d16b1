/*
 * Launching a box. The child shares our memory until it execs (vfork), so it
 * is cheap however large the supervisor is, and it touches nothing but its own
 * struct. Ids are mapped from outside, which is also what keeps the stage from
 * going on before its supervisor is ready.
 */
#include "sandbox/launch.h"

#include "lib/fd.h"
#include "sandbox/caps.h"
#include "sandbox/clone.h"
#include "sandbox/mount.h"
#include "sandbox/sys.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define NAMESPACES                                                             \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |           \
	 CLONE_NEWIPC | CLONE_NEWUTS)

/* Every descriptor for the child is first moved above the fixed numbers. */
#define FD_FLOOR 16

static char child_stack[CLONE_STACK] __attribute__((aligned(64)));

struct child {
	int from[STAGE_FD_LAST + 1]; /* what becomes 0..STAGE_FD_LAST */
	int stage;
	int join[CGROUP_V1_MAX];
	size_t n_join;
	int error;	   /* -errno, set by the child */
	const char *where; /* likewise */
};

/* In the child: async-signal-safe, and no write to memory but *c. */
static int
child_failed(struct child *c, const char *where)
{
	c->error = -errno;
	c->where = where;
	return 1;
}

static int
child_main(void *arg)
{
	static char name[] = "agentbox-stage";
	static char *const argv[] = { name, NULL }, *const envp[] = { NULL };
	struct child *c = arg;

	for (size_t i = 0; i < c->n_join; i++)
		if (write(c->join[i], "0", 1) != 1)
			return child_failed(c, "cannot join the cgroup");
	for (int i = 0; i <= STAGE_FD_LAST; i++)
		if (dup2(c->from[i], i) < 0)
			return child_failed(c, "cannot pass descriptors");
	if (syscall(SYS_close_range, STAGE_FD_LAST + 1, ~0u,
		    4 /* CLOSE_RANGE_CLOEXEC */) < 0 &&
	    errno != ENOSYS && errno != EINVAL)
		return child_failed(c, "cannot close descriptors");
	if (caps_keep_over_exec() < 0)
		return child_failed(c, "cannot keep the new namespace's "
				       "capabilities");
	syscall(SYS_execveat, c->stage, "", argv, envp, AT_EMPTY_PATH);
	return child_failed(c, "cannot execute agentbox-stage");
}

static int
raise_fd(int fd)
{
	int r = fcntl(fd, F_DUPFD_CLOEXEC, FD_FLOOR);

	return r < 0 ? -errno : r;
}

/* A channel: ours in *ret, the child's, raised, in *ret_child. */
static int
make_channel(int *ret, int *ret_child)
{
	int sv[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return -errno;
	r = raise_fd(sv[1]);
	close(sv[1]);
	if (r < 0) {
		close(sv[0]);
		return r;
	}
	*ret = sv[0];
	*ret_child = r;
	return 0;
}

static int
seal_plan(const struct plan *p, int *ret, struct err *e)
{
	_cleanup_free_ void *data = NULL;
	_cleanup_close_ int fd = -EBADF;
	size_t len;
	int r = plan_encode(p, &data, &len, e);

	if (r < 0)
		return r;
	fd = fd_sealed("agentbox-plan", data, len);
	r = fd < 0 ? fd : raise_fd(fd);
	if (r < 0)
		return err_sys(e, r, "cannot seal the plan");
	*ret = r;
	return 0;
}

static int
child_prepare(struct child *c, const struct launch_params *lp,
	      struct launch *l, struct err *e)
{
	int r = 0, one = 1;

	for (int i = 0; i < 3 && r >= 0; i++)
		r = c->from[i] = raise_fd(lp->stdio[i]);
	if (r < 0)
		return err_sys(e, r, "stdin, stdout or stderr is closed");
	r = seal_plan(lp->plan, &c->from[STAGE_FD_PLAN], e);
	if (r < 0)
		return r;
	r = make_channel(&l->init, &c->from[STAGE_FD_INIT]);
	if (r >= 0)
		r = make_channel(&l->agent, &c->from[STAGE_FD_AGENT]);
	if (r < 0)
		return err_sys(e, r, "socketpair");
	if (setsockopt(l->agent, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0)
		return err_sys(e, -errno, "SO_PASSCRED");
	r = open(lp->stage, O_PATH | O_CLOEXEC);
	c->stage = r < 0 ? r : raise_fd(r);
	if (r >= 0)
		close(r);
	if (c->stage < 0)
		return err_sys(e, -errno, "%s", lp->stage);
	c->n_join = cgroup_join_fds(lp->cg, c->join, CGROUP_V1_MAX);
	return 0;
}

static void
child_done(struct child *c)
{
	for (int i = 0; i <= STAGE_FD_LAST; i++)
		if (c->from[i] >= 0)
			close(c->from[i]);
	if (c->stage >= 0)
		close(c->stage);
}

static int
clone_failed(struct err *e, int r)
{
	err_sys(e, r, "the kernel refuses new namespaces");
	if (r == -EPERM || r == -ENOSPC || r == -EACCES || r == -EUSERS)
		return err_cure(e, "`agentbox doctor` says which setting "
				   "(user.max_user_namespaces, "
				   "kernel.unprivileged_userns_clone, AppArmor "
				   "or the container's seccomp profile)");
	return r;
}

/* clone3 into the cgroup; where that is missing, move the child afterwards. */
static int
clone_box(const struct launch_params *lp, struct child *c, struct launch *l,
	  struct err *e)
{
	struct clone_request rq = {
		.flags = NAMESPACES | CLONE_VM | CLONE_VFORK | CLONE_PIDFD,
		.exit_signal = SIGCHLD,
		.cgroup = lp->cg ? cgroup_clone_fd(lp->cg) : -EBADF,
		.pidfd = -EBADF,
	};
	pid_t pid = -ENOSYS;

	if (rq.cgroup >= 0) {
		rq.flags |= CLONE_INTO_CGROUP;
		pid = clone_call(&rq, child_stack, child_main, c);
		rq.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
	}
	if (pid == -ENOSYS || pid == -EINVAL || pid == -E2BIG) {
		pid = clone_call(&rq, child_stack, child_main, c);
		if (pid > 0 && rq.cgroup >= 0) {
			int r = cgroup_attach(lp->cg, pid);

			if (r < 0)
				c->error = r, c->where = "cannot join the cgroup";
		}
	}
	if (pid < 0)
		return clone_failed(e, pid);
	l->pid = pid;
	l->pidfd = rq.pidfd;
	if (c->error)
		return err_sys(e, c->error, "%s", c->where);
	return 0;
}

static int
write_map(int proc, const char *file, unsigned int in, unsigned int out)
{
	char text[48];

	snprintf(text, sizeof(text), "%u %u 1", in, out);
	return fd_write_string(proc, file, text);
}

/* The supervisor maps exactly one id; a caller without privilege must give up
 * setgroups first (user_namespaces(7)). */
static int
write_maps(pid_t pid, unsigned int in_uid, unsigned int uid,
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
		return clone_failed(e, pid);
	r = write_maps(pid, lp->owner_uid, lp->host_uid, lp->owner_gid,
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

static void
close_all(int *fds, size_t n)
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
static int
make_mounts(const struct launch_params *lp, int *fds, size_t *ret_n,
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
		close_all(fds, n);
		return r;
	}
	*ret_n = n;
	return 0;
}

static int
send_go(const struct launch_params *lp, struct launch *l, struct err *e)
{
	struct stage_msg go = { .type = STAGE_GO };
	int fds[STAGE_FDS_MAX], r = 0;
	size_t n = 0;

	if (lp->root)
		r = make_mounts(lp, fds, &n, e);
	if (r < 0)
		return r;
	r = write_maps(l->pid, lp->plan->uid, lp->host_uid, lp->plan->gid,
		       lp->host_gid, lp->root);
	if (r < 0)
		r = err_sys(e, r, "cannot map the box's ids");
	else if ((r = stage_send(l->init, &go, fds, n)) < 0)
		r = err_sys(e, r, "the stage went away");
	close_all(fds, n);
	return r;
}

int
launch_start(const struct launch_params *lp, struct launch *l, struct err *e)
{
	struct child c = { .from = { -EBADF, -EBADF, -EBADF, -EBADF, -EBADF,
				     -EBADF },
			   .stage = -EBADF };
	int r = child_prepare(&c, lp, l, e);

	if (r >= 0)
		r = clone_box(lp, &c, l, e);
	child_done(&c);
	return r < 0 ? r : send_go(lp, l, e);
}

/* A FAIL, and the packet with its cure if there is one. */
static int
take_failure(int chan, const struct stage_msg *m, struct err *e)
{
	struct stage_msg cure;
	int code = m->code < 0 ? m->code : -EIO;

	err_set(e, code, "step %s: %s", step_name((enum step)m->step),
		m->text);
	if (m->step != STEP_EXEC &&
	    stage_recv(chan, &cure, NULL, 0, NULL, NULL) == 1 &&
	    cure.type == STAGE_FAIL && cure.step == m->step)
		err_cure(e, "%s", cure.text);
	return code;
}

/* The agent's channel ended without a word: pid 1 knows why. */
static int
ask_init(struct launch *l, struct err *e)
{
	struct stage_msg m;
	size_t n;
	int fd, r;

	while ((r = stage_recv(l->init, &m, &fd, 1, &n, NULL)) == 1) {
		if (m.type == STAGE_TTY && n == 1)
			l->tty = fd;
		else if (m.type == STAGE_FAIL)
			return take_failure(l->init, &m, e);
		else if (m.type == STAGE_EXITED)
			break;
	}
	return err_set(e, -ECONNRESET, "the stage ended without a word");
}

static int
take_tty(struct launch *l, struct err *e)
{
	struct stage_msg m;
	size_t n;
	int r = stage_recv(l->init, &m, &l->tty, 1, &n, NULL);

	if (r == 1 && m.type == STAGE_TTY && n == 1)
		return 0;
	if (r == 1 && m.type == STAGE_FAIL)
		return take_failure(l->init, &m, e);
	return err_set(e, -ECONNRESET, "the box has no terminal");
}

int
launch_confined(struct launch *l, bool tty, struct err *e)
{
	struct stage_msg m;
	int r = stage_recv(l->agent, &m, NULL, 0, NULL, &l->agent_pid);

	if (r == 0)
		return ask_init(l, e);
	if (r < 0)
		return err_sys(e, r, "the agent's channel");
	if (m.type == STAGE_FAIL)
		return take_failure(l->agent, &m, e);
	if (m.type != STAGE_CONFINED || l->agent_pid <= 0)
		return err_set(e, -EBADMSG, "unexpected word from the stage");
	l->landlock = m.code;
	l->securebits = (unsigned int)strtoul(m.text, NULL, 16);
	return tty ? take_tty(l, e) : 0;
}

int
launch_exec(struct launch *l, struct err *e)
{
	struct stage_msg m = { .type = STAGE_EXEC };
	int r = stage_send(l->agent, &m, NULL, 0);

	if (r < 0)
		return err_sys(e, r, "the agent's process went away");
	r = stage_recv(l->agent, &m, NULL, 0, NULL, NULL);
	close(TAKE_FD(l->agent));
	if (r == 0)
		return 0;
	if (r < 0)
		return err_sys(e, r, "the agent's channel");
	if (m.type == STAGE_FAIL && m.step == STEP_EXEC)
		return err_set(e, m.code, "%s", m.text);
	return err_set(e, -EBADMSG, "unexpected word from the stage");
}

void
launch_end(struct launch *l)
{
	if (l->pid > 0) {
		kill(l->pid, SIGKILL);
		while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
			;
		l->pid = 0;
	}
	close_ptr(&l->pidfd);
	close_ptr(&l->init);
	close_ptr(&l->agent);
	close_ptr(&l->tty);
	l->pidfd = l->init = l->agent = l->tty = -EBADF;
}
