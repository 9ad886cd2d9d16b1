/*
 * Launching a box. agentbox-stage is started before there is a plan, and
 * nothing here waits for its exec, so that the kernel's slow work (loading it,
 * a network namespace) and ours (profile, cgroups) run side by side. Ids are
 * mapped from outside, which is also what keeps the stage from going on before
 * its supervisor is ready.
 */
#include "sandbox/launch-internal.h"

#include "lib/fd.h"
#include "lib/raw.h"
#include "sandbox/clone.h"
#include "sandbox/net.h"
#include "sandbox/probe.h"
#include "sandbox/sys.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* Every descriptor for the child is first moved above the fixed numbers. */
#define FD_FLOOR 16

static char child_stack[CLONE_STACK] __attribute__((aligned(64)));

/* What the child needs until its exec: it shares our memory while we run on, so
 * this is no local variable, and the child keeps off errno. */
static struct child {
	int from[STAGE_FD_LAST + 1]; /* what becomes 0..STAGE_FD_LAST */
	int stage;
} child;

/* In the child: tells the supervisor as the stage would. */
static int
child_failed(const struct child *c, long r, const char *what)
{
	struct stage_msg m = { .type = STAGE_FAIL,
			       .step = STEP_START,
			       .code = (int)r };

	memcpy(m.text, what, MIN(strlen(what), sizeof(m.text) - 1));
	(void)raw_call(SYS_write, c->from[STAGE_FD_INIT], (long)(uintptr_t)&m,
		       sizeof(m), 0, 0, 0);
	return 1;
}

static int
child_main(void *arg)
{
	static char name[] = "agentbox-stage";
	static char *const argv[] = { name, NULL }, *const envp[] = { NULL };
	const struct child *c = arg;
	long r;

	for (int i = 0; i <= STAGE_FD_LAST; i++) {
		r = raw_call(SYS_dup3, c->from[i], i, 0, 0, 0, 0);
		if (r < 0)
			return child_failed(c, r, "cannot pass descriptors");
	}
	r = raw_call(SYS_close_range, STAGE_FD_LAST + 1, ~0u,
		     4 /* CLOSE_RANGE_CLOEXEC */, 0, 0, 0);
	if (r < 0 && r != -ENOSYS && r != -EINVAL)
		return child_failed(c, r, "cannot close descriptors");
	r = raw_call(SYS_execveat, c->stage, (long)(uintptr_t) "",
		     (long)(uintptr_t)argv, (long)(uintptr_t)envp,
		     AT_EMPTY_PATH, 0);
	return child_failed(c, r, "cannot execute agentbox-stage");
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
seal_plan(const struct plan *p, struct err *e)
{
	_cleanup_free_ void *data = NULL;
	size_t len;
	int fd, r = plan_encode(p, &data, &len, e);

	if (r < 0)
		return r;
	fd = fd_sealed("agentbox-plan", data, len);
	return fd < 0 ? err_sys(e, fd, "cannot seal the plan") : fd;
}

static int
child_prepare(struct child *c, const char *path, const int stdio[3],
	      struct launch *l, struct err *e)
{
	int r = 0, one = 1;

	for (int i = 0; i < 3 && r >= 0; i++)
		r = c->from[i] = raise_fd(stdio[i]);
	if (r < 0)
		return err_sys(e, r, "stdin, stdout or stderr is closed");
	r = make_channel(&l->init, &c->from[STAGE_FD_INIT]);
	if (r >= 0)
		r = make_channel(&l->agent, &c->from[STAGE_FD_AGENT]);
	if (r < 0)
		return err_sys(e, r, "socketpair");
	if (setsockopt(l->init, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) <
		    0 ||
	    setsockopt(l->agent, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) <
		    0)
		return err_sys(e, -errno, "SO_PASSCRED");
	r = open(path, O_PATH | O_CLOEXEC);
	c->stage = r < 0 ? r : raise_fd(r);
	if (r >= 0)
		close(r);
	if (c->stage < 0)
		return err_sys(e, -errno, "%s", path);
	return 0;
}

static void
child_done(const struct child *c)
{
	/* The numbers stay: the child, which has descriptors of its own, may
	 * not have come to use them yet. */
	for (int i = 0; i <= STAGE_FD_LAST; i++)
		if (c->from[i] >= 0)
			close(c->from[i]);
	if (c->stage >= 0)
		close(c->stage);
}

static int
start_stage(struct child *c, struct launch *l, struct err *e)
{
	struct clone_request rq = { .flags = CLONE_VM, .exit_signal = SIGCHLD };
	pid_t pid = clone_call(&rq, child_stack, child_main, c);

	if (pid < 0)
		return err_sys(e, pid, "cannot start a process");
	l->stage = pid;
	return 0;
}

int
launch_begin(const char *path, const int stdio[3], struct launch *l,
	     struct err *e)
{
	int r;

	child.stage = -EBADF;
	for (int i = 0; i <= STAGE_FD_LAST; i++)
		child.from[i] = -EBADF;
	r = child_prepare(&child, path, stdio, l, e);
	if (r >= 0)
		r = start_stage(&child, l, e);
	child_done(&child);
	return r;
}

/* A FAIL, and the packet with its cure if there is one. */
static int
take_failure(int chan, const struct stage_msg *m, struct err *e)
{
	struct stage_msg cure;
	int code = m->code < 0 ? m->code : -EIO;

	if (m->step == STEP_START) /* before there was a stage */
		return err_sys(e, code, "%s", m->text);
	err_set(e, code, "step %s: %s", step_name((enum step)m->step), m->text);
	if (m->step != STEP_EXEC &&
	    stage_recv(chan, &cure, NULL, 0, NULL, NULL) == 1 &&
	    cure.type == STAGE_FAIL && cure.step == m->step)
		err_cure(e, "%s", cure.text);
	probe_explain_stage((enum step)m->step, code, e);
	return code;
}

/* The descriptor of the box's network, or of its terminal, is kept; no other
 * message has one. */
static bool
keep_fd(struct launch *l, uint32_t type, int fd)
{
	int *keep = type == STAGE_READY ? &l->net.route
		    : type == STAGE_TTY ? &l->tty
					: NULL;

	if (!keep || *keep >= 0) {
		close(fd);
		return false;
	}
	*keep = fd;
	return true;
}

/* The next message, which must be of that type; a terminal may come before
 * it. */
static int
expect(struct launch *l, uint32_t type, struct stage_msg *m, pid_t *ret_pid,
       struct err *e)
{
	size_t n;
	int fd, r;

	while ((r = stage_recv(l->init, m, &fd, 1, &n, ret_pid)) == 1) {
		bool kept = n == 1 && keep_fd(l, m->type, fd);

		if (m->type == STAGE_FAIL)
			return take_failure(l->init, m, e);
		if (m->type == type && (n == 0 || kept))
			return 0;
		if (m->type != STAGE_TTY || !kept)
			return err_set(e, -EBADMSG,
				       "unexpected word from the stage");
	}
	if (r < 0)
		return err_sys(e, r, "the stage's channel");
	return err_set(e, -ECONNRESET, "the stage ended without a word");
}

/* It does not listen any more: its last word says why. */
static int
stage_gone(struct launch *l, struct err *e)
{
	struct stage_msg m;

	while (stage_recv(l->init, &m, NULL, 0, NULL, NULL) == 1)
		if (m.type == STAGE_FAIL)
			return take_failure(l->init, &m, e);
	return err_set(e, -ECONNRESET, "the stage went away");
}

/* Plan, cgroup to be born in, v1 groups to join. */
static int
send_go(const struct launch_params *lp, struct launch *l, struct err *e)
{
	struct stage_msg go = { .type = STAGE_GO };
	_cleanup_close_ int plan = seal_plan(lp->plan, e);
	int fds[2 + CGROUP_V1_MAX], r;
	size_t n = 0;

	if (plan < 0)
		return plan;
	fds[n++] = plan;
	if (lp->cg && cgroup_clone_fd(lp->cg) >= 0) {
		fds[n++] = cgroup_clone_fd(lp->cg);
		go.code = 1;
	}
	n += cgroup_join_fds(lp->cg, &fds[n], CGROUP_V1_MAX);
	r = stage_send(l->init, &go, fds, n);
	return r < 0 ? stage_gone(l, e) : 0;
}

static int
send_mounts(const struct launch_params *lp, struct launch *l, struct err *e)
{
	struct stage_msg m = { .type = STAGE_MOUNTS };
	int fds[STAGE_FDS_MAX], r;
	size_t n = 0;

	r = launch_make_mounts(lp, fds, &n, e);
	if (r < 0 || !n)
		return r;
	r = stage_send(l->init, &m, fds, n);
	launch_close_all(fds, n);
	return r < 0 ? stage_gone(l, e) : 0;
}

static void
end_process(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
}

/* Pid 1 says hello; the process that started it is done. */
static int
take_init(const struct launch_params *lp, struct launch *l, struct err *e)
{
	struct stage_msg m;
	pid_t pid = 0;
	int r = expect(l, STAGE_INIT, &m, &pid, e);

	if (r < 0)
		return r;
	l->pid = pid;
	l->pidfd = sys_ret(syscall(SYS_pidfd_open, pid, 0));
	while (waitpid(l->stage, NULL, 0) < 0 && errno == EINTR)
		;
	l->stage = 0;
	if (pid <= 0 || l->pidfd < 0)
		return err_sys(e, l->pidfd, "pid 1 of the box");
	if (m.code != 1)
		return 0;
	r = cgroup_attach(lp->cg, pid);
	return r < 0 ? err_sys(e, r, "cannot join the cgroup") : 0;
}

/* The stage, which decodes our plan, sends what it says: anything else is a
 * stage that is not ours. */
static int
take_sockets(const struct launch_params *lp, struct launch *l, struct err *e)
{
	int fds[PLAN_SOCKETS_MAX + 2];
	size_t want = lp->plan->sockets, n = 0;
	struct stage_msg m;
	int r = stage_recv(l->init, &m, fds, ARRAY_SIZE(fds), &n, NULL);

	if (r == 1 && m.type == STAGE_NET && (size_t)m.code == want &&
	    (n == want + 1 || n == want + 2)) {
		l->net.udp = fds[0];
		memcpy(l->net.tcp, &fds[1], want * sizeof(*fds));
		l->net.n_tcp = want;
		l->net.nft = n == want + 2 ? fds[want + 1] : -EBADF;
		return 0;
	}
	launch_close_all(fds, r == 1 ? n : 0);
	if (r == 1 && m.type == STAGE_FAIL)
		return take_failure(l->init, &m, e);
	if (r < 0)
		return err_sys(e, r, "the stage's channel");
	return err_set(e, -EBADMSG, "unexpected word from the stage");
}

/* Loopback is set up while pid 1 is being made. */
static int
set_up_network(const struct launch_params *lp, struct launch *l, struct err *e)
{
	uint32_t flags = lp->plan->flags;
	int r = 0;

	if (flags & PLAN_LOOPBACK)
		r = net_loopback_up(l->net.route, e);
	if (r >= 0 && flags & PLAN_NETWORK)
		return take_sockets(lp, l, e);
	net_sockets_close(&l->net);
	return r;
}

int
launch_start(const struct launch_params *lp, struct launch *l, struct err *e)
{
	struct stage_msg m;
	int r = expect(l, STAGE_READY, &m, NULL, e);

	if (r < 0)
		return r;
	r = launch_write_maps(l->stage, lp->plan->uid, lp->host_uid,
			      lp->plan->gid, lp->host_gid, lp->root);
	if (r < 0)
		return err_sys(e, r, "cannot map the box's ids");
	r = send_go(lp, l, e);
	if (r >= 0 && lp->root)
		r = send_mounts(lp, l, e);
	if (r >= 0)
		r = set_up_network(lp, l, e);
	return r < 0 ? r : take_init(lp, l, e);
}

int
launch_built(struct launch *l, struct err *e)
{
	struct stage_msg m;

	return expect(l, STAGE_BUILT, &m, NULL, e);
}

int
launch_confined(struct launch *l, struct err *e)
{
	struct stage_msg m;
	int r = stage_recv(l->agent, &m, NULL, 0, NULL, &l->agent_pid);

	/* Ended without a word: pid 1 knows why. */
	if (r == 0)
		return expect(l, STAGE_EXITED, &m, NULL, e) < 0
			       ? e->code
			       : err_set(e, -ECONNRESET,
					 "the agent's process died");
	if (r < 0)
		return err_sys(e, r, "the agent's channel");
	if (m.type == STAGE_FAIL)
		return take_failure(l->agent, &m, e);
	if (m.type != STAGE_CONFINED || l->agent_pid <= 0)
		return err_set(e, -EBADMSG, "unexpected word from the stage");
	l->landlock = m.code;
	l->securebits = (unsigned int)strtoul(m.text, NULL, 16);
	return 0;
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

int
launch_status(struct launch *l, int *ret_status, struct err *e)
{
	int flags = fcntl(l->init, F_GETFL), fd, got = 0;
	struct stage_msg m;
	size_t n;

	/* Others may hold the other end: what is there is all. */
	(void)fcntl(l->init, F_SETFL, flags | O_NONBLOCK);
	while (stage_recv(l->init, &m, &fd, 1, &n, NULL) == 1) {
		if (n)
			close(fd);
		if (m.type == STAGE_FAIL)
			return take_failure(l->init, &m, e);
		if (m.type != STAGE_EXITED)
			continue;
		*ret_status = m.code;
		got = 1;
	}
	return got;
}

/* A stage that is killed may just have started pid 1, a child of ours that we
 * do not know yet: its first word tells, or the end of the channel says that
 * there is none. */
static void
end_unknown(struct launch *l)
{
	pid_t pid = 0;
	struct stage_msg m;

	while (l->pid <= 0 && stage_recv(l->init, &m, NULL, 0, NULL, &pid) == 1)
		if (m.type == STAGE_INIT)
			l->pid = pid;
}

void
launch_end(struct launch *l)
{
	bool early = l->stage > 0;

	end_process(&l->stage);
	if (early)
		end_unknown(l);
	end_process(&l->pid);
	close_ptr(&l->pidfd);
	close_ptr(&l->init);
	close_ptr(&l->agent);
	close_ptr(&l->tty);
	net_sockets_close(&l->net);
	l->pidfd = l->init = l->agent = l->tty = -EBADF;
}
