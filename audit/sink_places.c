/*
 * The ways that a checkpoint leaves by. A file gets it appended, with an empty
 * line behind, and synced; syslog as one line, its newlines written as \n, so
 * that `printf %b` gives the note back as it was signed; a command as its
 * input.
 */
#include "audit/sink-internal.h"

#include "lib/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

/* LOG_AUTHPRIV | LOG_NOTICE of syslog(3); RFC 3164, 4.1.1 */
#define SYSLOG_PRIORITY (10 * 8 + 5)

int
sink_datagram(const char *path, const char *text, size_t len)
{
	_cleanup_close_ int fd =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path));
	if (fd < 0 ||
	    sendto(fd, text, len, MSG_NOSIGNAL, (void *)&a, sizeof(a)) < 0)
		return -errno;
	return 0;
}

int
sink_file(const char *path, const char *note, size_t len)
{
	_cleanup_close_ int fd =
		open(path,
		     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
			     O_NOCTTY | O_NONBLOCK,
		     0600);
	char text[NOTE_MAX + 1];
	int r;

	if (fd < 0)
		return -errno;
	memcpy(text, note, len);
	text[len] = '\n';
	r = fd_write_all(fd, text, len + 1);
	if (r < 0)
		return r;
	/* a pipe, say, cannot be synced */
	return fdatasync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

int
sink_syslog(const char *path, const char *note, size_t len)
{
	char text[2 * NOTE_MAX + 128], when[32];
	time_t now = time(NULL);
	struct tm tm;
	int n;

	if (!localtime_r(&now, &tm) ||
	    !strftime(when, sizeof(when), "%b %e %T", &tm))
		return -EINVAL;
	n = snprintf(text, sizeof(text), "<%d>%s agentbox-audit: checkpoint ",
		     SYSLOG_PRIORITY, when);
	for (size_t i = 0; i < len; i++) {
		if (note[i] == '\n')
			text[n++] = '\\';
		text[n++] = note[i] == '\n' ? 'n' : note[i];
	}
	return sink_datagram(path, text, (size_t)n);
}

/* ---- commands ------------------------------------------------------------ */

static void
default_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: a session of its own, the note as input, no output, a clean
 * environment. */
static void
command_child(const struct audit_sink *k, int input)
{
	const char *home = getenv("HOME");
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
		      "/sbin:/bin";
	char home_text[4096] = "HOME=/";
	char *env[] = { path, home_text, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (home)
		snprintf(home_text, sizeof(home_text), "HOME=%s", home);
	default_signals();
	setsid();
	if (null < 0 || dup2(input, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0 || fd_close_range(3, ~0u, 0) < 0)
		_exit(127);
	execvpe(k->argv.v[0], k->argv.v, env);
	_exit(127);
}

int
sink_command_start(const struct audit_sink *k, struct place *p)
{
	_cleanup_close_ int input = fd_sealed("checkpoint", p->note, p->len);
	pid_t pid;
	int fd;

	if (input < 0)
		return input;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		command_child(k, input);
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0) {
		fd = -errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return fd;
	}
	p->pid = pid;
	p->pidfd = fd;
	p->late = false;
	p->until_us = sink_now() + k->timeout_us;
	return 0;
}

bool
sink_command_done(struct place *p, int *ret_status)
{
	int status;
	pid_t pid = waitpid(p->pid, &status, WNOHANG);

	if (pid == 0) {
		if (sink_now() < p->until_us || p->late)
			return false;
		/* not waited for, so the id is its own still */
		kill(-p->pid, SIGKILL);
		kill(p->pid, SIGKILL);
		p->late = true;
		p->until_us = UINT64_MAX;
		return false;
	}
	close(p->pidfd);
	p->pid = 0;
	*ret_status = p->late ? -ETIMEDOUT : pid < 0 || status != 0 ? -EIO : 0;
	return true;
}

void
sink_command_kill(struct sinks *s)
{
	for (size_t i = 0; i < AUDIT_SINKS_MAX; i++) {
		struct place *p = &s->place[i];

		if (p->pid <= 0)
			continue;
		kill(-p->pid, SIGKILL);
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
		close(p->pidfd);
		p->pid = 0;
	}
}
