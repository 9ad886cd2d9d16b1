/*
 * agentbox-stage. Started by launch.c with two channels (stage.h) and the box's
 * stdio while the supervisor still compiles the profile: it enters the
 * namespaces that are made meanwhile, takes the plan, and starts pid 1 of the
 * box as a child of the supervisor (CLONE_PARENT); pid 1 builds the box and
 * starts the process that becomes the command. Whatever fails is told to the
 * supervisor as a step, an errno and a text; then everything ends.
 *
 * The three processes share one memory for speed, but never run at once: the
 * first exits when pid 1 is there, and pid 1 waits, as after vfork, until the
 * agent's process has executed the command.
 *
 * Nothing here reads a profile, a path of the agent's choice or an environment
 * variable; the plan is all there is.
 */
#include "lib/fd.h"
#include "sandbox/caps.h"
#include "sandbox/clone.h"
#include "sandbox/confine.h"
#include "sandbox/init.h"
#include "sandbox/mount.h"
#include "sandbox/stage.h"
#include "sandbox/sys.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Exit status when even the report failed; see agentbox-run(1). */
#define EXIT_AGENTBOX 125

struct stage {
	struct plan *plan;
	const void *data;
	size_t len;
	int fds[STAGE_FDS_MAX]; /* with GO, then with MOUNTS */
	size_t n_fds;
	bool into_cgroup; /* GO brought a cgroup to be born in */
	bool attached;	  /* and pid 1 is in it */
	int slave;	  /* of the box's pty */
	bool sig_cleared; /* the agent's process was born with all defaults */
};

static char init_stack[CLONE_STACK] __attribute__((aligned(64)));
static char agent_stack[CLONE_STACK] __attribute__((aligned(64)));

static _Noreturn void
fail(int chan, enum step step, int code, const struct err *e)
{
	struct stage_msg m = { .type = STAGE_FAIL, .step = step, .code = code };

	snprintf(m.text, sizeof(m.text), "%.190s", e->text);
	(void)stage_send(chan, &m, NULL, 0);
	if (e->cure[0]) {
		/* The cure travels as a second packet of the same step. */
		snprintf(m.text, sizeof(m.text), "%.190s", e->cure);
		m.code = 0;
		(void)stage_send(chan, &m, NULL, 0);
	}
	_exit(EXIT_AGENTBOX);
}

static int
tell(int type, int code, struct err *e)
{
	const struct stage_msg m = { .type = (uint32_t)type, .code = code };
	int r = stage_send(STAGE_FD_INIT, &m, NULL, 0);

	return r < 0 ? err_sys(e, r, "the supervisor went away") : 0;
}

static int
step_namespaces(struct stage *s, struct err *e)
{
	(void)s;
	/* The supervisor finds out which setting forbids it. */
	if (unshare(STAGE_NAMESPACES) < 0)
		return err_sys(e, -errno, "the kernel refuses new namespaces");
	return 0;
}

/* The supervisor has the words for it, and does it while pid 1 builds. */
static int
step_loopback(struct stage *s, struct err *e)
{
	const struct stage_msg m = { .type = STAGE_READY };
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int r;

	(void)s;
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_sys(e, -errno, "netlink");
	r = stage_send(STAGE_FD_INIT, &m, &fd, 1);
	return r < 0 ? err_sys(e, r, "the supervisor went away") : 0;
}

static int
step_go(struct stage *s, struct err *e)
{
	struct stage_msg m;
	int r = stage_recv(STAGE_FD_INIT, &m, s->fds, STAGE_FDS_MAX, &s->n_fds,
			   NULL);

	if (r <= 0 || m.type != STAGE_GO || !s->n_fds)
		return err_set(e, -ECONNRESET, "the supervisor went away");
	s->into_cgroup = m.code == 1 && s->n_fds >= 2;
	return 0;
}

static int
step_plan(struct stage *s, struct err *e)
{
	int r = fd_map_sealed(s->fds[0], PLAN_SIZE_MAX, &s->data, &s->len);

	if (r < 0)
		return err_sys(e, r, "cannot map the plan");
	return plan_decode(s->data, s->len, &s->plan, e);
}

/* One that stands for both families, where there are two. */
static int
open_inet(int type)
{
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 && errno == EAFNOSUPPORT)
		fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

static int
open_sockets(int *fds, size_t n_tcp, size_t *n)
{
	int r = fds[0] = open_inet(SOCK_DGRAM);

	while (r >= 0 && ++*n <= n_tcp)
		r = fds[*n] = open_inet(SOCK_STREAM);
	if (r < 0)
		return r;
	/* a kernel without nf_tables may well have no nfnetlink */
	r = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (r >= 0)
		fds[(*n)++] = r;
	return 0;
}

/* What was redirected is remembered for two minutes after its end, outside of
 * what the box's cgroup is charged for. Where these files cannot be written
 * (/proc of some containers), the kernel's bound for one network is all. */
static void
forget_soon(void)
{
#define CONNTRACK "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_"
	static const char *const files[] = { CONNTRACK "time_wait",
					     CONNTRACK "close" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		(void)fd_write_string(AT_FDCWD, files[i], "1");
}

/* A socket belongs to the network in which it was opened, so it is opened here;
 * whoever has the words for it binds it. */
static int
step_network(struct stage *s, struct err *e)
{
	const struct plan *p = s->plan;
	struct stage_msg m = { .type = STAGE_NET };
	int fds[PLAN_SOCKETS_MAX + 2], r;
	size_t n = 0;

	if (!p)
		return err_set(e, -EBADMSG, "there is no plan");
	if (!(p->flags & PLAN_NETWORK))
		return 0;
	m.code = (int32_t)p->sockets;
	r = open_sockets(fds, p->sockets, &n);
	if (r >= 0)
		r = stage_send(STAGE_FD_INIT, &m, fds, n);
	while (n)
		close(fds[--n]);
	if (r < 0)
		return err_sys(e, r, "cannot open the broker's sockets");
	forget_soon();
	return 0;
}

static int
step_session(struct stage *s, struct err *e)
{
	(void)s;
	if (setsid() < 0)
		return err_sys(e, -errno, "setsid");
	return 0;
}

static int
step_hostname(struct stage *s, struct err *e)
{
	if (sethostname(s->plan->hostname, strlen(s->plan->hostname)) < 0)
		return err_sys(e, -errno, "sethostname");
	return 0;
}

/* The host's procfs is still there; the box's own is read-only. */
static int
step_oom(struct stage *s, struct err *e)
{
	char text[16];
	int r;

	if (!(s->plan->layers & LAYER_BIT(LAYER_OOM)))
		return 0;
	snprintf(text, sizeof(text), "%d", s->plan->oom_score_adj);
	r = fd_write_string(AT_FDCWD, "/proc/self/oom_score_adj", text);
	if (r == -EACCES) {
		/* Lower than the caller's own score needs privilege: keep. */
		r = 0;
	}
	return r < 0 ? err_sys(e, r, "oom_score_adj") : 0;
}

static int
step_bounding(struct stage *s, struct err *e)
{
	(void)s;
	return caps_drop_bounding(e);
}

static int
step_ids(struct stage *s, struct err *e)
{
	const struct plan *p = s->plan;

	if (p->flags & PLAN_SETGROUPS && setgroups(0, NULL) < 0)
		return err_sys(e, -errno, "setgroups");
	if (setresgid(p->gid, p->gid, p->gid) < 0 ||
	    setresuid(p->uid, p->uid, p->uid) < 0)
		return err_sys(e, -errno, "cannot become uid %u", p->uid);
	return 0;
}

/* After the change of ids, which clears it. The look at the channel closes the
 * race with a supervisor that died just before. */
static int
step_parent(struct stage *s, struct err *e)
{
	struct pollfd pfd = { .fd = STAGE_FD_INIT, .events = POLLIN };

	(void)s;
	/* Dumpable until the command runs, so that a supervisor without
	 * privilege can look at /proc/PID; confine_init() ends that. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return err_sys(e, -errno, "prctl");
	if (poll(&pfd, 1, 0) > 0 && pfd.revents & (POLLHUP | POLLERR))
		return err_set(e, -ECONNRESET, "the supervisor went away");
	return 0;
}

static bool
needs_fds(const struct plan *p)
{
	for (size_t i = 0; i < p->n_fs; i++)
		if (p->fs[i].kind == PLAN_FS_BIND &&
		    p->fs[i].flags & PLAN_FS_FD)
			return true;
	return false;
}

static int
step_mounts(struct stage *s, struct err *e, int root)
{
	struct stage_msg m;
	int r = 1;

	s->n_fds = 0;
	if (needs_fds(s->plan))
		r = stage_recv(STAGE_FD_INIT, &m, s->fds, STAGE_FDS_MAX,
			       &s->n_fds, NULL);
	if (r <= 0 || (s->n_fds && m.type != STAGE_MOUNTS))
		return err_set(e, -ECONNRESET, "the supervisor went away");
	r = mount_build(root, s->plan, s->fds, s->n_fds, e);
	while (s->n_fds)
		close(s->fds[--s->n_fds]);
	return r;
}

/* The box's terminal comes from the box's own devpts, so that ttyname(3) works
 * inside; the supervisor gets the master. */
static int
step_tty(struct stage *s, struct err *e)
{
	_cleanup_close_ int master = -EBADF;
	struct stage_msg m = { .type = STAGE_TTY };
	int unlock = 0, r;

	s->slave = -EBADF;
	if (!(s->plan->flags & PLAN_TTY))
		return 0;
	master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_sys(e, -errno, "cannot make a terminal");
	s->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->slave < 0)
		return err_sys(e, -errno, "cannot open the terminal");
	r = stage_send(STAGE_FD_INIT, &m, &master, 1);
	return r < 0 ? err_sys(e, r, "cannot hand over the terminal") : 0;
}

static int
step_unshare(struct stage *s, struct err *e)
{
	int flags = CLONE_NEWCGROUP;

	if (s->plan->flags & PLAN_TIMENS)
		flags |= CLONE_NEWTIME;
	if (unshare(flags) < 0)
		return err_sys(e, -errno, "unshare");
	return tell(STAGE_BUILT, 0, e);
}

/* Those of 0, 1, 2 that are the caller's terminal become the box's own. */
static int
agent_stdio(const struct stage *s, struct err *e)
{
	if (setsid() < 0)
		return err_sys(e, -errno, "setsid");
	if (s->slave >= 0 && ioctl(s->slave, TIOCSCTTY, 0) < 0)
		return err_sys(e, -errno, "cannot take the terminal");
	for (int fd = 0; fd <= 2; fd++)
		if (s->slave >= 0 && isatty(fd) && dup2(s->slave, fd) < 0)
			return err_sys(e, -errno, "cannot set up stdio");
	if (dup3(STAGE_FD_AGENT, 3, O_CLOEXEC) < 0 ||
	    fd_close_range(4, ~0u, 0) < 0)
		return err_sys(e, -errno, "cannot close descriptors");
	return 0;
}

/* clone3(2) has cleared what the caller ignored, where it could. */
static void
agent_signals(const struct stage *s)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; !s->sig_cleared && sig <= SIGRTMAX; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* As execvp(3), but with the PATH of the plan, and inside the box. Returns the
 * errno of the attempt that says most: a file that may not be run beats a file
 * that is not there. */
static int
exec_command(const struct plan *p)
{
	const char *name = p->args[0], *path = "/usr/bin:/bin";
	char **argv = (char **)(uintptr_t)p->args;
	char **envp = (char **)(uintptr_t)p->env;
	char full[PATH_MAX];
	int best = ENOENT;

	if (strchr(name, '/')) {
		execve(name, argv, envp);
		return errno;
	}
	for (size_t i = 0; i < p->n_env; i++)
		if (!strncmp(p->env[i], "PATH=", 5))
			path = p->env[i] + 5;
	for (; *path; path += strcspn(path, ":"), path += *path == ':') {
		int n = (int)strcspn(path, ":");

		if (snprintf(full, sizeof(full), "%.*s/%s", n, path, name) >=
		    (int)sizeof(full))
			continue;
		execve(full, argv, envp);
		if (errno != ENOENT && errno != ENOTDIR)
			best = errno;
	}
	return best;
}

#define AGENT_CHAN 3

static int
agent_main(void *arg)
{
	const struct stage *s = arg;
	struct stage_msg m = { .type = STAGE_CONFINED };
	struct err e = ERR_INIT;
	enum step step = STEP_STDIO;
	int r = agent_stdio(s, &e);

	if (r < 0)
		fail(STAGE_FD_AGENT, STEP_STDIO, r, &e);
	umask((mode_t)s->plan->umask);
	if (chdir(s->plan->workdir) < 0) {
		r = err_sys(&e, -errno, "%s", s->plan->workdir);
		fail(AGENT_CHAN, STEP_WORKDIR, r, &e);
	}
	r = confine_agent(s->plan, &step, &e);
	if (r < 0)
		fail(AGENT_CHAN, step, r, &e);
	m.code = r;
	snprintf(m.text, sizeof(m.text), "%x",
		 (unsigned int)prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	/* read and write from here on: the strictest filter has no others. */
	if (write(AGENT_CHAN, &m, sizeof(m)) != sizeof(m) ||
	    read(AGENT_CHAN, &m, sizeof(m)) != sizeof(m) ||
	    m.type != STAGE_EXEC)
		_exit(EXIT_AGENTBOX);
	agent_signals(s);
	r = exec_command(s->plan);
	err_sys(&e, -r, "%s", s->plan->args[0]);
	m = (struct stage_msg){ .type = STAGE_FAIL,
				.step = STEP_EXEC,
				.code = -r };
	snprintf(m.text, sizeof(m.text), "%.190s", e.text);
	(void)!write(AGENT_CHAN, &m, sizeof(m));
	_exit(EXIT_AGENTBOX);
}

/* Pid 1 keeps its channel and nothing else: not the agent's stdio, whose other
 * end would never see end of file. */
static void
become_init(pid_t command)
{
	struct err e = ERR_INIT;
	int r;

	close(STAGE_FD_AGENT);
	fd_close_range(0, STAGE_FD_INIT - 1, 0);
	fd_close_range(STAGE_FD_INIT + 1, ~0u, 0);
	r = confine_init(&e);
	if (r < 0)
		fail(STAGE_FD_INIT, STEP_FORK, r, &e);
	init_loop(command, STAGE_FD_INIT);
}

static void
run_step(struct stage *s, enum step id,
	 int (*fn)(struct stage *s, struct err *e))
{
	struct err e = ERR_INIT;
	int r = fn(s, &e);

	if (r < 0)
		fail(STAGE_FD_INIT, id, r, &e);
}

static void
build_files(struct stage *s)
{
	struct err e = ERR_INIT;
	int root = mount_root(s->plan, &e), r;

	if (root < 0)
		fail(STAGE_FD_INIT, STEP_ROOT, root, &e);
	r = step_mounts(s, &e, root);
	if (r < 0)
		fail(STAGE_FD_INIT, STEP_MOUNTS, r, &e);
	r = mount_pivot(root, &e);
	if (r < 0)
		fail(STAGE_FD_INIT, STEP_PIVOT, r, &e);
	close(root);
}

/* vfork: we stand still until the agent's process has executed the command, or
 * has ended. */
static pid_t
start_agent(struct stage *s)
{
	struct clone_request rq = { .flags = CLONE_VM | CLONE_VFORK |
					     CLONE_CLEAR_SIGHAND,
				    .exit_signal = SIGCHLD };
	struct err e = ERR_INIT;
	pid_t pid;

	s->sig_cleared = true;
	pid = clone_call(&rq, agent_stack, agent_main, s);
	if (pid == -ENOSYS || pid == -EINVAL) { /* before Linux 5.5 */
		s->sig_cleared = false;
		rq.flags &= ~(uint64_t)CLONE_CLEAR_SIGHAND;
		pid = clone_call(&rq, agent_stack, agent_main, s);
	}
	if (pid < 0)
		fail(STAGE_FD_INIT, STEP_FORK,
		     err_sys(&e, pid, "cannot start the agent's process"), &e);
	return pid;
}

/* The v1 hierarchies: a thread that moves itself skips the global lock. */
static void
join_cgroups(struct stage *s)
{
	struct err e = ERR_INIT;
	size_t first = s->into_cgroup ? 2 : 1;

	for (size_t i = first; i < s->n_fds; i++)
		if (write(s->fds[i], "0", 1) != 1)
			fail(STAGE_FD_INIT, STEP_CLONE,
			     err_sys(&e, -errno, "cannot join the cgroup"), &e);
	while (s->n_fds)
		close(s->fds[--s->n_fds]);
}

/* Pid 1 of the box. */
static int
init_main(void *arg)
{
	struct stage *s = arg;
	struct err e = ERR_INIT;

	join_cgroups(s);
	if (tell(STAGE_INIT, s->into_cgroup && !s->attached, &e) < 0)
		_exit(EXIT_AGENTBOX);
	run_step(s, STEP_SESSION, step_session);
	run_step(s, STEP_HOSTNAME, step_hostname);
	run_step(s, STEP_OOM, step_oom);
	run_step(s, STEP_IDS, step_ids);
	run_step(s, STEP_PARENT, step_parent);
	build_files(s);
	run_step(s, STEP_TTY, step_tty);
	run_step(s, STEP_UNSHARE, step_unshare);
	become_init(start_agent(s));
	return 0;
}

/* Pid 1 becomes a child of the supervisor and takes over this memory: nothing
 * may be written here after the clone. */
static _Noreturn void
start_init(struct stage *s)
{
	struct clone_request rq = {
		/* CLONE_PARENT: the exit signal is ours, so none here. */
		.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_PARENT | CLONE_VM,
	};
	struct err e = ERR_INIT;
	pid_t pid = -ENOSYS;

	if (s->into_cgroup) {
		rq.flags |= CLONE_INTO_CGROUP;
		rq.cgroup = s->fds[1];
		s->attached = true;
		pid = clone_call(&rq, init_stack, init_main, s);
		rq.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
	}
	if (pid == -ENOSYS || pid == -EINVAL || pid == -E2BIG) {
		s->attached = false;
		pid = clone_call(&rq, init_stack, init_main, s);
	}
	if (pid < 0)
		fail(STAGE_FD_INIT, STEP_CLONE,
		     err_sys(&e, pid, "the kernel refuses new namespaces"), &e);
	_exit(0);
}

int
main(void)
{
	static struct stage s = { .slave = -EBADF };
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	run_step(&s, STEP_NAMESPACES, step_namespaces);
	run_step(&s, STEP_LOOPBACK, step_loopback);
	run_step(&s, STEP_BOUNDING, step_bounding);
	run_step(&s, STEP_GO, step_go);
	run_step(&s, STEP_PLAN, step_plan);
	run_step(&s, STEP_NETWORK, step_network);
	start_init(&s);
}
