/*
 * The supervisor's side of agentbox-guard. Launch pays for this, so it is one
 * vfork and one exec: nothing is copied, and the parent continues as soon as
 * the guard's image is in place.
 */
#include "supervisor/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

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
	/* Written by the child, which shares our memory until exec; volatile,
	 * since to the compiler that path never comes back here. */
	volatile int error;
};

/* 0 is the pipe, 1 the lock; the guard closes what is above. */
_noreturn_ static void
child(struct start *s)
{
	static char *const no_env[] = { NULL };

	/* A source may sit where the other one goes. */
	if (s->keep == 0)
		s->keep = fcntl(s->keep, F_DUPFD_CLOEXEC, 3);
	if (s->pipe == 1)
		s->pipe = fcntl(s->pipe, F_DUPFD_CLOEXEC, 3);
	if (s->pipe == 0)
		fcntl(0, F_SETFD, 0);
	else if (dup2(s->pipe, 0) < 0)
		goto fail;
	if (s->keep == 1)
		fcntl(1, F_SETFD, 0);
	else if (s->keep >= 0)
		dup2(s->keep, 1);
	else
		close(1);
	execve(s->path, s->argv, no_env);
fail:
	s->error = errno;
	_exit(127);
}

/* A function of its own: what lives in the caller's frame across vfork(2) is
 * then out of the child's reach. POSIX allows that child nothing but exec; on
 * Linux (vfork(2), "Linux description") it is an ordinary process whose parent
 * waits, so calls that touch only its own descriptors are safe. */
static __attribute__((noinline)) pid_t
start_guard(struct start *s)
{
	pid_t pid = vfork();

	if (pid == 0)
		child(s); /* NOLINT(clang-analyzer-unix.Vfork) */
	return pid;
}

int
guard_spawn(const char *path, const struct guard_items *it, int keep_fd,
	    struct guard *ret, struct err *e)
{
	struct start s = { .path = path, .keep = keep_fd };
	struct guard_items args = *it;
	sigset_t all, old;
	pid_t pid;
	int p[2];

	args.arg[0] = (char[]){ "agentbox-guard" };
	args.arg[1 + args.n] = NULL;
	s.argv = args.arg;
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, errno, "cannot make a pipe");
	s.pipe = p[0];
	/* Born with every signal blocked, so that a Ctrl-C that ends the
	 * supervisor cannot end its guard as well. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid = start_guard(&s);
	if (pid < 0)
		s.error = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(p[0]);
	if (s.error) {
		if (pid > 0)
			waitpid(pid, NULL, 0);
		close(p[1]);
		err_sys(e, s.error, "cannot start %s", path);
		return err_cure(e, "install agentbox completely: the guard "
				   "belongs beside its other programs");
	}
	ret->pid = pid;
	ret->fd = p[1];
	return 0;
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
