/*
 * The supervisor's side of agentbox-guard. Launch pays for this, so it is one
 * fork; the exec comes later (see child()). Not a clone that shares our memory:
 * who kills for memory, or dumps it, ends all that share it, and then nobody
 * would be left to clean up.
 */
#include "supervisor/guard.h"

#include "lib/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define GUARD_SETTLE_MS 300 /* as the supervisor and pid 1 settle */

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

/*
 * A copy of the supervisor, with memory of its own, that waits on the pipe as
 * the program does. It becomes the program when the box has lived for a moment,
 * or when there is something to do. A box that is gone by then has not paid for
 * the program; should it not start, the copy stays on guard.
 */
_noreturn_ static void
child(struct start *s)
{
	static char *const no_env[] = { NULL };
	struct pollfd pfd = { .fd = 0, .events = POLLIN };
	ssize_t n;
	char c;

	if (take_descriptors(s) < 0)
		_exit(127);
	/* Out of the reach of the terminal and of the job. */
	setsid();
	if (poll(&pfd, 1, GUARD_SETTLE_MS) == 0)
		execve(s->path, s->argv, no_env);
	do
		n = read(0, &c, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	execve(s->path, s->argv, no_env);
	_exit(127);
}

static int
spawn(struct start *s, struct guard *ret, struct err *e)
{
	sigset_t all, old;
	int p[2], r = 0;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, errno, "cannot make a pipe");
	s->pipe = p[0];
	/* Born with every signal blocked, so that a Ctrl-C that ends the
	 * supervisor cannot end its guard as well. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid = fork();
	if (pid == 0)
		child(s);
	if (pid < 0)
		r = err_sys(e, errno, "cannot start %s", s->path);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(p[0]);
	if (r < 0) {
		close(p[1]);
		return r;
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
	/* Not when it is needed: now. */
	if (access(path, X_OK) < 0) {
		err_sys(e, errno, "cannot start %s", path);
		return err_cure(e, "install agentbox completely: the guard "
				   "belongs beside its other programs");
	}
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
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		;
	g->fd = -EBADF;
	g->pid = 0;
}
