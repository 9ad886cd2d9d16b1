/*
 * What the probes share: verdicts, looking for the token, children that cannot
 * outlive their probe. The verdict travels through one page of shared memory,
 * so that a grandchild may speak too.
 */
#include "tests/escape/probe.h"
#include "tests/escape/run.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

_printf_(1, 0) static void describe(const char *fmt, va_list ap)
{
	struct result *r = run_result();

	vsnprintf(r->detail, sizeof(r->detail), fmt, ap);
	for (char *c = r->detail; *c; c++)
		if (*c == '\n' || *c == '|')
			*c = ' ';
}

_noreturn_ static void
conclude(enum verdict v)
{
	__atomic_store_n(&run_result()->verdict, v, __ATOMIC_SEQ_CST);
	_exit(0);
}

void
blocked(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	describe(fmt, ap);
	va_end(ap);
	conclude(VERDICT_BLOCKED);
}

void
escaped(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	describe(fmt, ap);
	va_end(ap);
	conclude(VERDICT_ESCAPED);
}

void
absent(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	describe(fmt, ap);
	va_end(ap);
	conclude(VERDICT_ABSENT);
}

static const char *
errno_name(int e)
{
	const char *n = strerrorname_np(e);

	return n ? n : "?";
}

void
refused(const char *what)
{
	int e = errno;

	if (e == ENOSYS || e == EAFNOSUPPORT || e == EPROTONOSUPPORT ||
	    e == ESOCKTNOSUPPORT || e == ENODEV || e == EOPNOTSUPP)
		absent("%s: %s", what, errno_name(e));
	blocked("%s: %s", what, errno_name(e));
}

void
judge(long r, const char *what)
{
	if (r >= 0)
		escaped("%s succeeded", what);
	refused(what);
}

bool
has_token(const struct params *p, const char *buf, size_t len)
{
	return memmem(buf, len, p->token, strlen(p->token));
}

bool
fd_has_token(const struct params *p, int fd)
{
	static char buf[65536];
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return false;
	/* a pipe would lose what it holds: it may be the suite's own */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = ENOMSG;
		return false;
	}
	n = read(fd, buf, sizeof(buf));
	if (n < 0) {
		close_ptr(&fd);
		return false;
	}
	close(fd);
	errno = ENOMSG; /* there, but not the secret */
	return has_token(p, buf, (size_t)n);
}

bool
path_has_token(const struct params *p, int dirfd, const char *path)
{
	return fd_has_token(
		p, openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

void
steal(const struct params *p, const char *path)
{
	if (path_has_token(p, AT_FDCWD, path))
		escaped("read the secret");
	refused("open");
}

const char *
path_join(const char *dir, const char *name)
{
	static char bufs[4][4096];
	static unsigned int next;
	char *b = bufs[next++ % ARRAY_SIZE(bufs)];

	snprintf(b, sizeof(bufs[0]), "%s/%s", dir, name);
	return b;
}

const char *
ws_path(const struct params *p, const char *name)
{
	return path_join(p->ws, name);
}

int
ws_file(const struct params *p, const char *name)
{
	const char *path = ws_path(p, name);
	int fd;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		escaped("bad run: the workspace is not writable: %s",
			errno_name(errno));
	return fd;
}

bool
each_entry(const char *dir, bool (*fn)(const char *name, void *arg), void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool hit = false;

	if (!d)
		return false;
	while (!hit && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			hit = fn(e->d_name, arg);
	closedir(d);
	return hit;
}

pid_t
spawn(void)
{
	pid_t pid = fork();

	if (pid < 0)
		blocked("fork: %s", errno_name(errno));
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

void
sleep_ms(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

int
reap(pid_t pid, int ms)
{
	int status;

	for (int t = 0; t <= ms; t += 5) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		sleep_ms(5);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -ETIMEDOUT;
}

bool
is_victim(long pid)
{
	char path[64], comm[64] = "";
	int fd;
	ssize_t n = 0;

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, comm, sizeof(comm) - 1);
		close(fd);
	}
	return n > 0 && !strncmp(comm, VICTIM_COMM, strlen(VICTIM_COMM));
}

const char *
ask_host(const struct params *p, const char *request)
{
	static char answer[256];
	const char *ask = ws_path(p, "ask"), *reply = ws_path(p, "answer");
	int fd = ws_file(p, "ask.new");
	ssize_t n = -1;

	unlink(reply);
	if (write(fd, request, strlen(request)) < 0 ||
	    rename(ws_path(p, "ask.new"), ask) < 0)
		refused("asking the host side");
	close(fd);
	for (int i = 0; i < 400 && n <= 0; i++) {
		sleep_ms(5);
		fd = open(reply, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		n = read(fd, answer, sizeof(answer) - 1);
		close(fd);
	}
	if (n <= 0)
		return NULL;
	answer[n] = '\0';
	return answer;
}

void
become_nobody(void)
{
	if (geteuid() != 0)
		return;
	if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
	    setresuid(65534, 65534, 65534) < 0)
		return;
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_PDEATHSIG, 0);
}
