/*
 * The supervisor's side of agentbox-guard. Launch pays for this: so the child
 * shares our memory up to its exec, for which we stand still (as vfork(2)), and
 * nobody waits for its end.
 */
#include "supervisor/guard.h"

#include "lib/fd.h"
#include "sandbox/clone.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static char child_stack[CLONE_STACK] __attribute__((aligned(64)));

int
guard_add(struct guard_items *it, enum guard_kind kind, const char *path)
{
	char *s;

	if (it->n >= GUARD_ITEMS_MAX)
		return -ENOSPC;
	if (path[0] != '/')
		return -EINVAL;
	if (asprintf(&s, "%c%s", (char)kind, path) < 0)
		return -ENOMEM;
	it->arg[1 + it->n++] = s;
	return 0;
}

void
guard_items_done(struct guard_items *it)
{
	for (size_t i = 0; i < it->n; i++)
		free(it->arg[1 + i]);
	memset(it, 0, sizeof(*it));
}

struct start {
	const char *path;
	char *const *argv;
	int pipe, keep;
	int failed; /* why there was no exec: -errno */
	bool took;  /* the descriptors: it was the exec that failed */
};

/* 0 is the pipe, 1 the lock, and nothing else is left open: a copy of one of
 * the launch's channels would hide the supervisor's death from the box. */
static int
take_descriptors(struct start *s)
{
	/* A source may sit where the other one goes. */
	if (s->keep == 0)
		s->keep = fcntl(s->keep, F_DUPFD_CLOEXEC, 3);
	if (s->pipe == 1)
		s->pipe = fcntl(s->pipe, F_DUPFD_CLOEXEC, 3);
	if (s->pipe == 0)
		fcntl(0, F_SETFD, 0);
	else if (dup2(s->pipe, 0) < 0)
		return -errno;
	if (s->keep == 1)
		fcntl(1, F_SETFD, 0);
	else if (s->keep >= 0)
		dup2(s->keep, 1);
	else
		close(1);
	return fd_close_range(2, ~0u, 0);
}

static int
child(void *arg)
{
	static char *const no_env[] = { NULL };
	struct start *s = arg;

	s->failed = take_descriptors(s);
	if (s->failed < 0)
		return 127;
	s->took = true;
	execve(s->path, s->argv, no_env);
	s->failed = -errno;
	return 127;
}

static pid_t
start(struct start *s)
{
	struct clone_request rq = { .flags = CLONE_VM | CLONE_VFORK,
				    .exit_signal = SIGCHLD };
	sigset_t all, old;
	pid_t pid;

	/* Born with every signal blocked, so that a Ctrl-C that ends the
	 * supervisor cannot end its guard as well. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid = clone_call(&rq, child_stack, child, s);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid > 0 && s->failed) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return s->failed;
	}
	return pid;
}

static int
explain(const struct start *s, int r, struct err *e)
{
	if (r == s->failed && !s->took)
		return err_sys(e, r,
			       "cannot close descriptors for the guard "
			       "(close_range)");
	err_sys(e, r, "cannot start %s", s->path);
	return err_cure(e, "install agentbox completely: the guard belongs "
			   "beside its other programs");
}

static int
spawn(struct start *s, struct guard *ret, struct err *e)
{
	int p[2];
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, errno, "cannot make a pipe");
	s->pipe = p[0];
	pid = start(s);
	close(p[0]);
	if (pid < 0) {
		close(p[1]);
		return explain(s, pid, e);
	}
	ret->pid = pid;
	ret->fd = p[1];
	return 0;
}

int
guard_spawn(const char *path, const struct guard_items *it, int keep_fd,
	    struct guard *ret, struct err *e)
{
	struct start s = { .path = path, .keep = keep_fd };
	struct guard_items args = *it;

	args.arg[0] = (char[]){ "agentbox-guard" };
	args.arg[1 + args.n] = NULL;
	s.argv = args.arg;
	return spawn(&s, ret, e);
}

bool
guard_alive(const struct guard *g)
{
	struct pollfd p = { .fd = g->fd };

	/* A pipe without a reader reports POLLERR. */
	return g->fd >= 0 && poll(&p, 1, 0) == 0;
}

void
guard_release(struct guard *g)
{
	sigset_t pipe_sig, old;

	if (g->fd < 0)
		return;
	/* It may be gone: then this is no reason for us to die. */
	sigemptyset(&pipe_sig);
	sigaddset(&pipe_sig, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipe_sig, &old);
	if (write(g->fd, "c", 1) < 0 && errno == EPIPE) {
		struct timespec now = { 0, 0 };

		sigtimedwait(&pipe_sig, NULL, &now);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(g->fd);
	g->fd = -EBADF;
	g->pid = 0;
}
