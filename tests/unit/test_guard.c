/* links: supervisor sandbox lib */
/*
 * The guard: silent while its supervisor lives, gone without a trace when all
 * is well, and cleaning up when the supervisor is killed at any moment.
 */
#include "supervisor/guard.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* The program under test lies beside the tests: ../bin/agentbox-guard. */
static const char *
guard_program(void)
{
	static char path[PATH_MAX];
	const char *named = getenv("AGENTBOX_GUARD");
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	char *slash;

	if (named)
		return named;
	ASSERT_TRUE(n > 0);
	path[n] = '\0';
	slash = strrchr(path, '/');
	snprintf(slash, 64, "/../bin/agentbox-guard");
	if (access(path, X_OK) < 0)
		SKIP("%s is not built", path);
	return path;
}

static void
pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static bool
gone_within(const char *path, int ms)
{
	struct stat st;

	for (; ms > 0 && lstat(path, &st) == 0; ms -= 5)
		pause_ms(5);
	return lstat(path, &st) < 0;
}

static void
touch(const char *path)
{
	int fd = ASSERT_OK(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));

	close(fd);
}

/* A folder with a file in it, and the items that name both. */
static void
stage(char *dir, char *file, struct guard_items *it)
{
	snprintf(dir, PATH_MAX, "%s/box", tap_tmpdir());
	snprintf(file, PATH_MAX, "%s/sock", dir);
	ASSERT_EQ(mkdir(dir, 0700), 0);
	touch(file);
	ASSERT_OK(guard_add(it, GUARD_UNLINK, file));
	ASSERT_OK(guard_add(it, GUARD_RMDIR, dir));
}

TEST(items)
{
	struct guard_items it = { .n = 0 };

	ASSERT_ERR(guard_add(&it, GUARD_UNLINK, "relative"), -EINVAL);
	for (int i = 0; i < GUARD_ITEMS_MAX; i++)
		ASSERT_OK(guard_add(&it, GUARD_CGROUP, "/x"));
	ASSERT_ERR(guard_add(&it, GUARD_CGROUP, "/x"), -ENOSPC);
	ASSERT_STREQ(it.arg[1], "g/x");
	guard_items_done(&it);
	ASSERT_EQ(it.n, 0);
}

TEST(no_program)
{
	struct guard_items it = { .n = 0 };
	struct guard g = GUARD_INIT;
	struct err e = ERR_INIT;

	ASSERT_ERR(guard_spawn("/nonexistent/guard", &it, -1, &g, &e), -ENOENT);
	ASSERT_STRSTR(e.text, "/nonexistent/guard");
	ASSERT_EQ(g.fd, -EBADF);
	guard_release(&g); /* of nothing */
	/* and no child is left to reap */
	ASSERT_EQ(waitpid(-1, NULL, WNOHANG), -1);
}

TEST(released_it_leaves_all_in_place)
{
	const char *program = guard_program();
	char dir[PATH_MAX], file[PATH_MAX];
	struct guard_items it = { .n = 0 };
	struct guard g = GUARD_INIT;
	struct err e = ERR_INIT;
	sigset_t before, after;

	stage(dir, file, &it);
	sigprocmask(SIG_BLOCK, NULL, &before);
	ASSERT_OK(guard_spawn(program, &it, -1, &g, &e));
	sigprocmask(SIG_BLOCK, NULL, &after);
	ASSERT_EQ(memcmp(&before, &after, sizeof(before)), 0);
	ASSERT_TRUE(guard_alive(&g));
	pause_ms(20);
	guard_release(&g);
	ASSERT_FALSE(guard_alive(&g));
	ASSERT_EQ(access(file, F_OK), 0);
	guard_items_done(&it);
	unlink(file);
}

/* Runs a supervisor that starts a guard and is then killed: at once, or after a
 * while. */
static void
supervisor_dies(const struct guard_items *it, int keep, bool late)
{
	const char *program = guard_program();
	int status, p[2];
	pid_t pid;
	char c;

	ASSERT_EQ(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct guard g = GUARD_INIT;
		struct err e = ERR_INIT;

		if (guard_spawn(program, it, keep, &g, &e) < 0)
			FAIL("%s", e.text);
		if (late)
			pause_ms(100);
		(void)!write(p[1], "x", 1);
		for (;;)
			pause();
	}
	close(p[1]);
	ASSERT_EQ(read(p[0], &c, 1), 1);
	close(p[0]);
	kill(pid, SIGKILL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
}

static void
check_clean_up(bool late)
{
	char dir[PATH_MAX], file[PATH_MAX];
	struct guard_items it = { .n = 0 };

	stage(dir, file, &it);
	/* what was never made is no reason to stop */
	ASSERT_OK(guard_add(&it, GUARD_CGROUP, "/nonexistent/agentbox-x"));
	ASSERT_OK(guard_add(&it, GUARD_UNLINK, "/nonexistent/file"));
	supervisor_dies(&it, -1, late);
	ASSERT_TRUE(gone_within(dir, 15000));
	guard_items_done(&it);
}

TEST(a_supervisor_killed_at_once_is_cleaned_up_after)
{
	check_clean_up(false);
}

TEST(a_supervisor_killed_later_is_cleaned_up_after)
{
	check_clean_up(true);
}

/* Once it is started it is the program, with its own small memory: what kills
 * for memory, or dumps it, does not take it along. */
TEST(it_is_the_program)
{
	const char *program = guard_program();
	struct guard_items it = { .n = 0 };
	struct guard g = GUARD_INIT;
	struct err e = ERR_INIT;
	char link[64], exe[PATH_MAX], real[PATH_MAX];
	ssize_t n;
	pid_t pid;

	ASSERT_OK(guard_spawn(program, &it, -1, &g, &e));
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)g.pid);
	n = readlink(link, exe, sizeof(exe) - 1);
	ASSERT_TRUE(n > 0);
	exe[n] = '\0';
	ASSERT_TRUE(realpath(program, real) != NULL);
	ASSERT_STREQ(exe, real);
	pid = g.pid;
	guard_release(&g);
	ASSERT_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(the_lock_is_held_until_the_end)
{
	char dir[PATH_MAX], file[PATH_MAX], lock[PATH_MAX];
	struct guard_items it = { .n = 0 };
	int keep, other;

	stage(dir, file, &it);
	snprintf(lock, sizeof(lock), "%s/lock", tap_tmpdir());
	touch(lock);
	keep = ASSERT_OK(open(lock, O_RDONLY | O_CLOEXEC));
	other = ASSERT_OK(open(lock, O_RDONLY | O_CLOEXEC));
	ASSERT_EQ(flock(keep, LOCK_EX), 0);
	/* a group that cannot go: the guard tries for a while */
	ASSERT_OK(guard_add(&it, GUARD_CGROUP, dir));
	supervisor_dies(&it, keep, false);
	close(keep);
	pause_ms(100);
	ASSERT_EQ(flock(other, LOCK_EX | LOCK_NB), -1);
	unlink(file);
	for (int i = 0; i < 1000 && flock(other, LOCK_EX | LOCK_NB) < 0; i++)
		pause_ms(10);
	ASSERT_EQ(flock(other, LOCK_EX | LOCK_NB), 0);
	ASSERT_TRUE(access(dir, F_OK) < 0);
	close(other);
	guard_items_done(&it);
}

/* Signals of the terminal and polite ends do not reach it, and it keeps
 * nothing of the supervisor's open. */
TEST(it_ignores_signals_and_holds_nothing)
{
	const char *program = guard_program();
	struct guard_items it = { .n = 0 };
	struct guard g = GUARD_INIT;
	struct err e = ERR_INIT;
	char path[64];
	int leak;

	leak = ASSERT_OK(open("/", O_RDONLY)); /* not CLOEXEC */
	ASSERT_OK(guard_spawn(program, &it, -1, &g, &e));
	close(leak);
	/* the last that it does at its start */
	while (getsid(g.pid) != g.pid)
		pause_ms(1);
	/* 32 and 33 are libc's own and cannot be blocked through it */
	for (int s = 1; s < SIGRTMAX; s++)
		if (s != SIGKILL && s != SIGSTOP && s != 32 && s != 33)
			kill(g.pid, s);
	pause_ms(20);
	ASSERT_TRUE(guard_alive(&g));
	for (int fd = 1; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)g.pid, fd);
		ASSERT_TRUE(access(path, F_OK) < 0);
	}
	guard_release(&g);
}

TEST(a_killed_guard_is_noticed)
{
	const char *program = guard_program();
	struct guard_items it = { .n = 0 };
	struct guard g = GUARD_INIT;
	struct err e = ERR_INIT;

	ASSERT_OK(guard_spawn(program, &it, -1, &g, &e));
	kill(g.pid, SIGKILL);
	while (guard_alive(&g))
		pause_ms(5);
	guard_release(&g); /* no SIGPIPE */
}
