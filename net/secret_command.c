/*
 * A secret that a command prints. What always holds: the command has no
 * terminal, no descriptor of ours but the pipe, no more than its time and
 * SECRET_MAX bytes; whatever it started in its session is killed when it ends;
 * what it printed is nowhere but in the keeper's pages.
 */
#include "net/secrets-internal.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

struct secret_command {
	const struct credential *c;
	secret_command_fn *done;
	void *arg;
	char *buf;
	size_t n;
	pid_t pid;
	int out, pidfd;
	struct event *readable, *ended, *timeout;
};

static void
command_free(struct secret_command *k)
{
	if (k->readable)
		event_free(k->readable);
	if (k->ended)
		event_free(k->ended);
	if (k->timeout)
		event_free(k->timeout);
	close_ptr(&k->out);
	close_ptr(&k->pidfd);
	free(k);
}

/* The leader stays a zombie until its group is dead, so that its number is
 * nobody else's. */
static int
kill_and_reap(struct secret_command *k)
{
	int status = 0;

	if (k->pid <= 0)
		return 0;
	kill(-k->pid, SIGKILL);
	kill(k->pid, SIGKILL);
	while (waitpid(k->pid, &status, 0) < 0 && errno == EINTR)
		;
	k->pid = 0;
	return status;
}

void
secret_command_stop(struct secret_command *k)
{
	if (!k)
		return;
	kill_and_reap(k);
	command_free(k);
}

static void
finish(struct secret_command *k, ssize_t status, const struct err *e)
{
	secret_command_fn *done = k->done;
	void *arg = k->arg;

	secret_command_stop(k);
	done(arg, status, e);
}

/* False when there is no more to come, or too much. */
static bool
take_output(struct secret_command *k)
{
	ssize_t n;

	while (k->n < SECRET_ROOM) {
		n = read(k->out, k->buf + k->n, SECRET_ROOM - k->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		k->n += (size_t)n;
	}
	return false;
}

static void
too_much(struct secret_command *k)
{
	struct err e = ERR_INIT;

	err_set(&e, -EFBIG, "credential \"%s\": %s says more than %u bytes",
		k->c->name, k->c->argv.v[0], SECRET_MAX);
	finish(k, -EFBIG, &e);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct secret_command *k = arg;

	(void)fd;
	(void)what;
	if (take_output(k))
		return;
	if (k->n >= SECRET_ROOM)
		too_much(k);
	else
		event_del(k->readable);
}

static int
bad_end(const struct secret_command *k, int status, struct err *e)
{
	if (WIFSIGNALED(status))
		err_set(e, -EIO,
			"credential \"%s\": %s was killed by signal %d",
			k->c->name, k->c->argv.v[0], WTERMSIG(status));
	else
		err_set(e, -EIO, "credential \"%s\": %s ended with status %d",
			k->c->name, k->c->argv.v[0], WEXITSTATUS(status));
	return err_cure(e, "run it by hand to see what it says");
}

static void
on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct secret_command *k = arg;
	struct err e = ERR_INIT;
	siginfo_t info = { .si_pid = 0 };
	int status;

	(void)fd;
	(void)what;
	/* how it ended, before the group is killed */
	if (waitid(P_PIDFD, (id_t)k->pidfd, &info,
		   WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    info.si_pid == 0)
		return;
	status = kill_and_reap(k);
	take_output(k);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		finish(k, bad_end(k, status, &e), &e);
	else if (k->n >= SECRET_ROOM)
		too_much(k);
	else
		finish(k, (ssize_t)k->n, &e);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct secret_command *k = arg;
	struct err e = ERR_INIT;

	(void)fd;
	(void)what;
	err_set(&e, -ETIMEDOUT,
		"credential \"%s\": %s did not end within %llu ms", k->c->name,
		k->c->argv.v[0], (unsigned long long)k->c->timeout_us / 1000);
	err_cure(&e, "it must not ask; or give it more \"timeout\"");
	finish(k, -ETIMEDOUT, &e);
}

static int
set_up(posix_spawn_file_actions_t *fa, posix_spawnattr_t *at, int out)
{
	sigset_t none, all;
	int r = 0;

	sigemptyset(&none);
	sigfillset(&all);
	for (int i = 0; i <= 2 && !r; i++)
		r = i == 1 ? posix_spawn_file_actions_adddup2(fa, out, 1)
			   : posix_spawn_file_actions_addopen(
				     fa, i, "/dev/null", O_RDWR, 0);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(fa, 3);
	if (!r)
		r = posix_spawnattr_setsigmask(at, &none);
	if (!r)
		r = posix_spawnattr_setsigdefault(at, &all);
	if (!r)
		r = posix_spawnattr_setflags(at, POSIX_SPAWN_SETSIGMASK |
							 POSIX_SPAWN_SETSIGDEF |
							 POSIX_SPAWN_SETSID);
	return -r;
}

static int
spawn(const struct credential *c, const char *const *env, int out, pid_t *ret)
{
	static char *const none[] = { NULL };
	union {
		const char *const *theirs;
		char *const *ours;
	} e = { .theirs = env };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	int r;

	if (posix_spawn_file_actions_init(&fa) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&at) != 0) {
		posix_spawn_file_actions_destroy(&fa);
		return -ENOMEM;
	}
	r = set_up(&fa, &at, out);
	if (r == 0)
		r = -posix_spawn(ret, c->argv.v[0], &fa, &at, c->argv.v,
				 env ? e.ours : none);
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);
	return r;
}

static int
start(struct secret_command *k, const char *const *env)
{
	_cleanup_close_ int in = -EBADF;
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	k->out = p[0];
	in = p[1];
	if (fcntl(k->out, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	r = spawn(k->c, env, in, &k->pid);
	if (r < 0) {
		k->pid = 0;
		return r;
	}
	k->pidfd = (int)syscall(SYS_pidfd_open, k->pid, 0);
	return k->pidfd < 0 ? -errno : 0;
}

static int
watch(struct secret_command *k, struct event_base *base)
{
	uint64_t us = k->c->timeout_us;
	struct timeval tv = { .tv_sec = (time_t)(us / 1000000u),
			      .tv_usec = (suseconds_t)(us % 1000000u) };

	k->readable =
		event_new(base, k->out, EV_READ | EV_PERSIST, on_readable, k);
	k->ended = event_new(base, k->pidfd, EV_READ, on_ended, k);
	k->timeout = evtimer_new(base, on_timeout, k);
	if (!k->readable || !k->ended || !k->timeout ||
	    event_add(k->readable, NULL) < 0 || event_add(k->ended, NULL) < 0 ||
	    evtimer_add(k->timeout, &tv) < 0)
		return -ENOMEM;
	return 0;
}

int
secret_command_start(struct event_base *base, const struct credential *c,
		     const char *const *env, char *buf, secret_command_fn *done,
		     void *arg, struct secret_command **ret, struct err *e)
{
	struct secret_command *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return err_sys(e, -ENOMEM, "credential \"%s\"", c->name);
	*k = (struct secret_command){ .c = c,
				      .done = done,
				      .arg = arg,
				      .buf = buf,
				      .out = -EBADF,
				      .pidfd = -EBADF };
	r = start(k, env);
	if (r >= 0)
		r = watch(k, base);
	if (r < 0) {
		secret_command_stop(k);
		return err_sys(e, r, "credential \"%s\": %s", c->name,
			       c->argv.v[0]);
	}
	*ret = k;
	return 0;
}
