/*
 * Runs the registered tests. Each in a forked child with its own process
 * group: a crash, a hang or a leak is one failed line and nothing else. The
 * runner is a child subreaper, so that whatever a test leaves running is found
 * and ended before the next one starts.
 */
#include "tests/tap.h"

#include "lib/macro.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define LIMIT_DEFAULT 20
#define EXIT_SKIP 77
#define FDS_MAX 1024

/* Seen by the runner and by the test. */
struct shared {
	char skip[256];
	char tmpdir[PATH_MAX];
};

static struct tap_test *first, **tail = &first;
static struct shared *shared;
static pid_t test_pid; /* the process that runs the test's body */

void
tap_register(struct tap_test *t)
{
	*tail = t;
	tail = &t->next;
}

void
tap_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	/* no atexit handlers: they may fail in turn and hide this line */
	_exit(1);
}

void
tap_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(shared->skip, sizeof(shared->skip), fmt, ap);
	va_end(ap);
	fflush(stdout);
	_exit(EXIT_SKIP);
}

void
tap_note(const char *fmt, ...)
{
	va_list ap;

	fputs("# ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

const char *
tap_tmpdir(void)
{
	const char *base = getenv("TMPDIR");

	if (*shared->tmpdir)
		return shared->tmpdir;
	snprintf(shared->tmpdir, sizeof(shared->tmpdir), "%s/abx-test-XXXXXX",
		 base && *base ? base : "/tmp");
	if (!mkdtemp(shared->tmpdir))
		tap_fail(__FILE__, __LINE__, "mkdtemp %s: %s", shared->tmpdir,
			 strerror(errno));
	return shared->tmpdir;
}

const char *
tap_srcdir(void)
{
	const char *d = getenv("TAP_SRCDIR");

	return d && *d ? d : ".";
}

void
tap_eq(const char *file, int line, const char *what, long long got,
       long long want, bool same)
{
	if (!same)
		tap_fail(file, line, "%s: got %lld, want %lld", what, got,
			 want);
}

void
tap_streq(const char *file, int line, const char *what, const char *got,
	  const char *want)
{
	if (got == want || (got && want && !strcmp(got, want)))
		return;
	tap_fail(file, line, "%s: got \"%s\", want \"%s\"", what,
		 got ? got : "(NULL)", want ? want : "(NULL)");
}

void
tap_strstr(const char *file, int line, const char *what, const char *got,
	   const char *part)
{
	if (!got || !strstr(got, part))
		tap_fail(file, line, "%s: no \"%s\" in \"%s\"", what, part,
			 got ? got : "(NULL)");
}

void
tap_memeq(const char *file, int line, const char *what, const void *got,
	  const void *want, size_t len)
{
	const unsigned char *g = got, *w = want;

	for (size_t i = 0; i < len; i++)
		if (g[i] != w[i])
			tap_fail(file, line,
				 "%s: byte %zu is 0x%02x, want 0x%02x", what, i,
				 g[i], w[i]);
}

void
tap_ok(const char *file, int line, const char *what, long long r)
{
	if (r < 0)
		tap_fail(file, line, "%s: %lld (%s)", what, r,
			 r > -4096 ? strerror((int)-r) : "?");
}

void
tap_err(const char *file, int line, const char *what, long long r,
	long long want)
{
	if (r != want)
		tap_fail(file, line, "%s: got %lld (%s), want %lld (%s)", what,
			 r, r < 0 && r > -4096 ? strerror((int)-r) : "-", want,
			 strerror((int)-want));
}

/* Marks the descriptors that are open, without holding one of its own. */
static void
fds_open(bool *open)
{
	struct dirent *de;
	DIR *d = opendir("/proc/self/fd");

	memset(open, 0, FDS_MAX * sizeof(*open));
	if (!d)
		return;
	while ((de = readdir(d))) {
		char *end;
		long n = strtol(de->d_name, &end, 10);

		if (!*end && n >= 0 && n < FDS_MAX && n != dirfd(d))
			open[n] = true;
	}
	closedir(d);
}

static void
fds_compare(const bool *before)
{
	static bool after[FDS_MAX];

	fds_open(after);
	for (int i = 0; i < FDS_MAX; i++) {
		char name[32], to[128];
		ssize_t n;

		if (before[i] == after[i])
			continue;
		snprintf(name, sizeof(name), "/proc/self/fd/%d", i);
		n = readlink(name, to, sizeof(to) - 1);
		to[n < 0 ? 0 : n] = '\0';
		tap_fail("descriptor", i, "%s %s",
			 after[i] ? "left open:" : "closed", to);
	}
}

_noreturn_ static void
child_main(const struct tap_test *t, const sigset_t *mask)
{
	static bool before[FDS_MAX];

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	test_pid = getpid();
	fds_open(before);
	t->fn();
	if (getpid() != test_pid)
		_exit(0); /* a child of the test that fell out of its body */
	fds_compare(before);
	fflush(stdout);
	exit(0); /* with its handlers: leak check, coverage */
}

/* Ends and reaps every process that the test left behind. */
static void
reap_rest(pid_t group)
{
	char path[64], line[4096];
	FILE *f;

	kill(-group, SIGKILL);
	snprintf(path, sizeof(path), "/proc/self/task/%d/children",
		 (int)getpid());
	for (int round = 0; round < 100; round++) {
		f = fopen(path, "re");
		if (!f || !fgets(line, sizeof(line), f))
			line[0] = '\0';
		if (f)
			fclose(f);
		if (!line[0])
			return;
		for (char *s = line, *end; *s; s = end) {
			long pid = strtol(s, &end, 10);

			if (end == s)
				break;
			if (pid > 1)
				kill((pid_t)pid, SIGKILL);
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
}

/* Waits for the child; true when the limit passed first. */
static bool
wait_child(pid_t pid, unsigned int limit, int *ret_status)
{
	struct timespec now, end;
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += limit;
	for (;;) {
		struct timespec step = { 1, 0 };
		pid_t r = waitpid(pid, ret_status, WNOHANG);

		if (r == pid)
			return false;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec ||
		    (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec)) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			waitpid(pid, ret_status, 0);
			return true;
		}
		sigtimedwait(&chld, NULL, &step);
	}
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (flag == FTW_DNR || flag == FTW_D)
		chmod(path, 0700);
	remove(path);
	return 0;
}

static void
remove_tmpdir(void)
{
	if (!*shared->tmpdir)
		return;
	nftw(shared->tmpdir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	shared->tmpdir[0] = '\0';
}

enum outcome { PASSED, FAILED, SKIPPED };

static enum outcome
run_test(const struct tap_test *t, unsigned int limit, bool strict,
	 const char **ret_why)
{
	static char why[64];
	sigset_t chld, old;
	bool late;
	int status;
	pid_t pid;

	shared->skip[0] = '\0';
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &old);
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		*ret_why = "fork failed";
		return FAILED;
	}
	if (!pid)
		child_main(t, &old);
	late = wait_child(pid, limit, &status);
	reap_rest(pid);
	remove_tmpdir();
	*ret_why = why;
	if (late)
		snprintf(why, sizeof(why), "took more than %u s", limit);
	else if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "killed by signal %d",
			 WTERMSIG(status));
	else if (WEXITSTATUS(status) == EXIT_SKIP) {
		*ret_why = shared->skip;
		return strict ? FAILED : SKIPPED;
	} else if (WEXITSTATUS(status))
		snprintf(why, sizeof(why), "exit status %d",
			 WEXITSTATUS(status));
	else
		return PASSED;
	return FAILED;
}

static unsigned int
limit_of(const struct tap_test *t)
{
	unsigned int limit = t->limit ? t->limit : LIMIT_DEFAULT;

#if defined(__SANITIZE_ADDRESS__)
	limit *= 3;
#endif
	return limit;
}

static bool
wanted(const struct tap_test *t, const char *filter)
{
	return !filter || strstr(t->name, filter);
}

int
main(int argc, char **argv)
{
	const char *filter = argc > 1 ? argv[1] : NULL, *env = getenv("STRICT");
	bool strict = env && !strcmp(env, "1");
	unsigned int n = 0, count[3] = { 0 };

	if (filter && !strcmp(filter, "--list")) {
		for (struct tap_test *t = first; t; t = t->next)
			puts(t->name);
		return 0;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (struct tap_test *t = first; t; t = t->next)
		n += wanted(t, filter);
	printf("1..%u\n", n);
	n = 0;
	for (struct tap_test *t = first; t; t = t->next) {
		const char *why = "";
		enum outcome o;

		if (!wanted(t, filter))
			continue;
		o = run_test(t, limit_of(t), strict, &why);
		count[o]++;
		printf("%sok %u - %s%s%s\n", o == FAILED ? "not " : "", ++n,
		       t->name,
		       o == PASSED    ? ""
		       : o == SKIPPED ? " # SKIP "
				      : " # ",
		       o == PASSED ? "" : why);
		fflush(stdout);
	}
	printf("%u passed, %u failed", count[PASSED], count[FAILED]);
	if (count[SKIPPED])
		printf(", %u skipped", count[SKIPPED]);
	putchar('\n');
	return count[FAILED] ? 1 : 0;
}
