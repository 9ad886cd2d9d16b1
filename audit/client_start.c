/*
 * Finding the writer, or starting it. What always holds: the writer gets no
 * descriptor of ours but the pipe on which it says that it is ready; several
 * starters at once end with one writer, which its lock sees to.
 */
#include "audit/client-internal.h"
#include "audit/layout.h"
#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define READY_FD 3
#define READY_MAX 2048

static int
try_connect(int dir)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* the real path may be longer than a socket's may be */
	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%s", dir,
		 LAYOUT_SOCKET);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* What the writer needs to find the log, and nothing else. */
static size_t
pick_environment(char *env[5])
{
	static const char *const names[] = { "AGENTBOX_STATE_DIR=", "HOME=",
					     "XDG_STATE_HOME=",
					     "XDG_CONFIG_HOME=" };
	size_t n = 0;

	for (char **v = environ; v && *v; v++)
		for (size_t i = 0; i < ARRAY_SIZE(names) && n < 4; i++)
			if (str_starts(*v, names[i]))
				env[n++] = *v;
	env[n] = NULL;
	return n;
}

static int
set_up(posix_spawn_file_actions_t *fa, posix_spawnattr_t *at, int ready)
{
	sigset_t none, all;
	int r = 0;

	sigemptyset(&none);
	sigfillset(&all);
	for (int i = 0; i < 3 && !r; i++)
		r = posix_spawn_file_actions_addopen(fa, i, "/dev/null", O_RDWR,
						     0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(fa, ready, READY_FD);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(fa, READY_FD + 1);
	if (!r)
		r = posix_spawnattr_setsigmask(at, &none);
	if (!r)
		r = posix_spawnattr_setsigdefault(at, &all);
	if (!r)
		r = posix_spawnattr_setflags(at, POSIX_SPAWN_SETSIGMASK |
							 POSIX_SPAWN_SETSIGDEF);
	return -r;
}

static int
spawn_writer(const char *path, int ready, pid_t *ret)
{
	char name[] = "agentbox-audit", option[] = "--ready-fd", fd[] = "3";
	char *argv[] = { name, option, fd, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	char *env[5];
	int r;

	pick_environment(env);
	if (posix_spawn_file_actions_init(&fa) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&at) != 0) {
		posix_spawn_file_actions_destroy(&fa);
		return -ENOMEM;
	}
	r = set_up(&fa, &at, ready);
	if (r == 0)
		r = -posix_spawn(ret, path, &fa, &at, argv, env);
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);
	return r;
}

/* What the writer says, until it closes the pipe. */
static int
hear(int fd, char *buf, size_t size)
{
	uint64_t until = client_now_us() + CLIENT_START_US;
	size_t n = 0;

	while (n + 1 < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = client_now_us();
		ssize_t got;

		if (now >= until)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)((until - now) / 1000) + 1) <= 0)
			continue;
		got = read(fd, buf + n, size - 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	buf[n] = '\0';
	return 0;
}

static int
start_writer(struct client *c, struct err *e)
{
	_cleanup_close_ int out = -EBADF, in = -EBADF;
	char said[READY_MAX], *end;
	int p[2], r;
	pid_t pid = -1;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, -errno, "a pipe");
	in = p[0];
	/* dup2() onto itself would leave it close-on-exec */
	out = fcntl(p[1], F_DUPFD_CLOEXEC, READY_FD + 1);
	close(p[1]);
	if (out < 0)
		return err_sys(e, -errno, "a pipe");
	r = spawn_writer(c->writer, out, &pid);
	if (r < 0) {
		err_sys(e, r, "%s", c->writer);
		return err_cure(e, "no agent starts without a record; `make` "
				   "or `make install` puts the writer there");
	}
	close_ptr(&out);
	out = -EBADF;
	r = hear(in, said, sizeof(said));
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return err_sys(e, r, "the writer of the audit log");
	if (strcmp(said, "ok\n") == 0 || str_starts(said, "another one"))
		return 0;
	end = strchr(said, '\n');
	if (end)
		*end = '\0';
	return err_set(e, -EIO,
		       "the writer of the audit log does not start%s%s",
		       *said ? ": " : "", said);
}

void
client_no_start(struct client *c)
{
	c->start = false;
}

int
client_launch(struct client *c, struct err *e)
{
	/* nobody listens to what it says */
	_cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	_cleanup_close_ int out =
		null < 0 ? -EBADF : fcntl(null, F_DUPFD_CLOEXEC, READY_FD + 1);
	pid_t pid = 0;
	int r = out < 0 ? -errno : spawn_writer(c->writer, out, &pid);

	return r < 0 ? err_sys(e, r, "%s", c->writer) : pid;
}

static int
no_writer(struct err *e, int r)
{
	err_sys(e, r, "the writer of the audit log cannot be reached");
	return err_cure(e, "`agentbox audit stats` says more");
}

int
client_connect(struct client *c, struct err *e)
{
	static const struct timespec pause = { .tv_nsec = 5000000 };
	uint64_t until;
	int r = try_connect(c->dir);

	if (r >= 0 || !c->start || (r != -ENOENT && r != -ECONNREFUSED))
		return r >= 0 ? r : no_writer(e, r);
	until = client_now_us() + CLIENT_CONNECT_US;
	r = start_writer(c, e);
	if (r < 0)
		return r;
	/* the other one may have its lock and not its socket yet */
	for (;;) {
		r = try_connect(c->dir);
		if (r >= 0)
			return r;
		if (client_now_us() >= until)
			return no_writer(e, r);
		nanosleep(&pause, NULL);
	}
}
