/* links: lib supervisor */
/* The watches: what they count, what they do not, and hostile trees. */
#include "lib/fd.h"
#include "supervisor/procs.h"
#include "supervisor/walk.h"
#include "supervisor/watch.h"
#include "tests/tap.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1024ull * 1024)

static void
grow(int dir, const char *file, uint64_t bytes)
{
	int fd = ASSERT_OK(openat(
		dir, file, O_CREAT | O_WRONLY | O_CLOEXEC | O_APPEND, 0600));

	/* fallocate, not a hole: blocks count */
	ASSERT_EQ(posix_fallocate(fd, 0, (off_t)bytes), 0);
	close(fd);
}

static int
open_dir(void)
{
	return ASSERT_OK(
		open(tap_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* ---- walk -------------------------------------------------------------- */

static struct walk_sum
walk_all(int dir, struct timespec since)
{
	struct walk_sum sum = { 0 };
	struct walk *w = NULL;
	int r;

	ASSERT_OK(walk_new(&dir, 1, since, true, &w));
	do
		r = ASSERT_OK(walk_step(w, 100, &sum));
	while (r > 0);
	walk_free(w);
	return sum;
}

static const struct timespec future = { .tv_sec = 1ll << 40 };
static const struct timespec past = { .tv_sec = 1 };

TEST(walk_adds_up_a_tree)
{
	int dir = open_dir();
	struct walk_sum s;

	ASSERT_EQ(mkdirat(dir, "a", 0700), 0);
	ASSERT_EQ(mkdirat(dir, "a/b", 0700), 0);
	grow(dir, "x", MIB);
	grow(dir, "a/y", 2 * MIB);
	grow(dir, "a/b/z", 3 * MIB);
	s = walk_all(dir, future);
	ASSERT_EQ(s.entries, 5);
	ASSERT_GE(s.all, 6 * MIB);
	ASSERT_LE(s.all, 6 * MIB + 65536);
	ASSERT_EQ(s.old, s.all);
	ASSERT_EQ(walk_all(dir, past).old, 0);
	close(dir);
}

TEST(walk_stops_in_the_middle_and_can_be_given_up)
{
	struct walk_sum s = { 0 };
	struct walk *w = NULL;
	int dir = open_dir(), r;
	char file[32];

	for (int i = 0; i < 500; i++) {
		snprintf(file, sizeof(file), "f%d", i);
		grow(dir, file, 4096);
	}
	ASSERT_OK(walk_new(&dir, 1, future, false, &w));
	r = walk_step(w, 0, &s);
	ASSERT_EQ(r, 1);
	ASSERT_EQ(s.entries, 0); /* untouched until it is done */
	walk_free(w);
	ASSERT_EQ(walk_all(dir, future).entries, 500);
	close(dir);
}

TEST(walk_follows_no_link_and_counts_hard_links_once)
{
	int dir = open_dir();
	struct walk_sum s;

	grow(dir, "x", 4 * MIB);
	ASSERT_EQ(linkat(dir, "x", dir, "y", 0), 0);
	ASSERT_EQ(linkat(dir, "x", dir, "z", 0), 0);
	ASSERT_EQ(linkat(dir, "x", dir, "w", 0), 0);
	ASSERT_EQ(symlinkat("/usr", dir, "usr"), 0);
	ASSERT_EQ(symlinkat(".", dir, "loop"), 0);
	ASSERT_EQ(mkfifoat(dir, "fifo", 0600), 0);
	s = walk_all(dir, future);
	ASSERT_EQ(s.entries, 7);
	ASSERT_GE(s.all, 4 * MIB - 4096);
	ASSERT_LE(s.all, 4 * MIB + 65536);
	close(dir);
}

/* depth directories, one in the other; a file in the last. */
static void
dig(int dir, int depth)
{
	int at = ASSERT_OK(fcntl(dir, F_DUPFD_CLOEXEC, 3));

	for (int i = 0; i < depth; i++) {
		int next;

		ASSERT_EQ(mkdirat(at, "d", 0700), 0);
		next = ASSERT_OK(
			openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		close(at);
		at = next;
	}
	grow(at, "x", MIB);
	close(at);
}

TEST(walk_says_when_a_tree_is_too_deep)
{
	int dir = open_dir();
	struct walk_sum s;

	dig(dir, WALK_DEPTH_MAX);
	s = walk_all(dir, past);
	ASSERT_FALSE(s.deep);
	ASSERT_GE(s.all, MIB);
	ASSERT_EQ(renameat(dir, "d", dir, "e"), 0);
	dig(dir, WALK_DEPTH_MAX + 1);
	s = walk_all(dir, past);
	ASSERT_TRUE(s.deep);
	ASSERT_TRUE(s.deep_new);
	ASSERT_FALSE(walk_all(dir, future).deep_new);
	close(dir);
}

TEST(walk_survives_a_tree_that_changes_all_the_time)
{
	int dir = open_dir();
	pid_t pid;

	for (int i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "d%d", i);
		ASSERT_EQ(mkdirat(dir, name, 0700), 0);
		snprintf(name, sizeof(name), "d%d/sub", i);
		ASSERT_EQ(mkdirat(dir, name, 0700), 0);
	}
	pid = fork();
	if (pid == 0) {
		for (unsigned int i = 0;; i++) {
			char a[32], b[32];

			snprintf(a, sizeof(a), "d%u", i % 20);
			snprintf(b, sizeof(b), "d%u/sub", (i + 7) % 20);
			/* a directory, a link to the root, a directory */
			if (renameat(dir, a, dir, "aside") < 0 ||
			    symlinkat("/", dir, a) < 0 ||
			    unlinkat(dir, a, 0) < 0 ||
			    renameat(dir, "aside", dir, a) < 0 ||
			    unlinkat(dir, b, AT_REMOVEDIR) < 0 ||
			    mkdirat(dir, b, 0700) < 0)
				_exit(1);
		}
	}
	for (int i = 0; i < 500; i++)
		ASSERT_LE(walk_all(dir, past).entries, 200);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(dir);
}

/* ---- processes --------------------------------------------------------- */

/* A process that does something and then rests until it is killed. */
static pid_t
rest_after(void (*fn)(int), int arg)
{
	char c;
	int p[2];
	pid_t pid;

	ASSERT_EQ(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(p[0]);
		fn(arg);
		(void)!write(p[1], "x", 1);
		for (;;)
			pause();
	}
	close(p[1]);
	ASSERT_EQ(read(p[0], &c, 1), 1);
	close(p[0]);
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
touch_memory(int mib)
{
	char *p = mmap(NULL, (size_t)mib * MIB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	memset(p, 1, (size_t)mib * MIB);
}

/* Five children that share what their parent touched. */
static void
touch_and_fork(int mib)
{
	touch_memory(mib);
	for (int i = 0; i < 5; i++) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
	}
}

static void
fill_memfd(int mib)
{
	static char block[65536];
	int fd = memfd_create("hidden", MFD_CLOEXEC);

	memset(block, 1, sizeof(block));
	for (int i = 0; i < mib * 16; i++)
		if (write(fd, block, sizeof(block)) < 0)
			_exit(1);
	/* several descriptors of one file count once */
	for (int i = 0; i < 20; i++)
		(void)fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static void
fill_deleted(int mib)
{
	int fd = openat(open_dir(), "gone", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 || posix_fallocate(fd, 0, (off_t)((uint64_t)mib * MIB)) != 0)
		_exit(1);
	unlinkat(open_dir(), "gone", 0);
}

static struct procs *
find(pid_t pid)
{
	struct procs *p = NULL;
	int r = procs_find(pid, &p);

	if (r == -ENOTSUP)
		SKIP("no /proc/PID/task/TID/children "
		     "(CONFIG_PROC_CHILDREN)");
	ASSERT_OK(r);
	return p;
}

TEST(processes_below_are_found_and_shared_memory_counts_once)
{
	pid_t pid = rest_after(touch_and_fork, 32);
	struct procs *p = find(pid);
	struct procs_sum s, exact;

	procs_sum(p, &s);
	procs_sum_exact(p, &exact);
	ASSERT_EQ(s.n, 6);
	ASSERT_EQ(exact.n, 6);
	ASSERT_GE(s.anon, 6 * 32 * MIB);
	ASSERT_GE(exact.anon, 32 * MIB);
	ASSERT_LE(exact.anon, 48 * MIB);
	procs_free(p);
	end(pid);
	ASSERT_ERR(procs_find(pid, &p), -ESRCH);
}

TEST(files_without_a_name_are_found)
{
	pid_t pid = rest_after(fill_memfd, 16);
	struct procs *p = find(pid);
	struct procs_files f;
	struct stat st;

	procs_files(p, 0, &f);
	ASSERT_GE(f.memfd, 16 * MIB);
	ASSERT_LE(f.memfd, 17 * MIB);
	procs_free(p);
	end(pid);
	pid = rest_after(fill_deleted, 8);
	p = find(pid);
	ASSERT_EQ(stat(tap_tmpdir(), &st), 0);
	procs_files(p, st.st_dev, &f);
	ASSERT_GE(f.deleted, 8 * MIB);
	ASSERT_LE(f.deleted, 9 * MIB);
	procs_free(p);
	end(pid);
}

/* ---- watches ----------------------------------------------------------- */

struct seen {
	struct event_base *base;
	uint64_t used, limit;
	int calls;
	char text[256];
};

static void
on_over(void *arg, uint64_t used, uint64_t limit, const char *text)
{
	struct seen *s = arg;

	s->used = used;
	s->limit = limit;
	s->calls++;
	snprintf(s->text, sizeof(s->text), "%s", text);
	event_base_loopbreak(s->base);
}

static void
turn(struct seen *s, unsigned int ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000,
				    .tv_usec = (ms % 1000) * 1000 };

	event_base_loopexit(s->base, &tv);
	event_base_dispatch(s->base);
}

/* Until it is reported. Others may free space on the same file system at the
 * same time; then only the regular walk notices. */
static void
turn_until_over(struct seen *s)
{
	turn(s, (WATCH_WALK_S + 5) * 1000);
}

/* Long enough for a first walk even if each of its slices is interrupted. */
static void
turn_first_walk(struct seen *s)
{
	turn(s, 1000);
}

static struct watch *
watch_dir(struct seen *s, int dir, pid_t pid, uint64_t limit)
{
	struct watch *w = NULL;

	s->base = event_base_new();
	ASSERT_OK(
		watch_disk(s->base, &dir, 1, pid, limit, on_over, s, &w, NULL));
	return w;
}

TEST_LIMIT(growth_above_the_limit_is_reported_once, 60)
{
	struct seen s = { 0 };
	int dir = open_dir();
	struct watch *w;

	grow(dir, "before", 32 * MIB);
	usleep(30000);
	w = watch_dir(&s, dir, 0, 16 * MIB);
	turn_first_walk(&s);
	ASSERT_EQ(s.calls, 0);
	/* what lay there is no growth, what replaces it is not either */
	ASSERT_EQ(unlinkat(dir, "before", 0), 0);
	grow(dir, "again", 30 * MIB);
	turn(&s, 2500);
	ASSERT_EQ(s.calls, 0);
	grow(dir, "more", 20 * MIB);
	turn_until_over(&s);
	ASSERT_EQ(s.calls, 1);
	ASSERT_EQ(s.limit, 16 * MIB);
	ASSERT_GE(s.used, 17 * MIB);
	ASSERT_LE(s.used, 19 * MIB);
	ASSERT_STRSTR(s.text, "16.0M");
	turn(&s, 1500);
	ASSERT_EQ(s.calls, 1);
	watch_free(w);
	event_base_free(s.base);
	close(dir);
}

static uint64_t
fs_used(int dir)
{
	struct statvfs sv;

	ASSERT_EQ(fstatvfs(dir, &sv), 0);
	return (uint64_t)(sv.f_blocks - sv.f_bfree) * sv.f_frsize;
}

/* True if it was taken for growth although nobody else wrote to the file
 * system: what others write there may have gone into the old file. */
static bool
touched_is_growth(bool late, struct seen *s)
{
	int dir = open_dir();
	uint64_t before;
	struct watch *w;
	bool alone;

	grow(dir, "old", 32 * MIB);
	usleep(30000);
	before = fs_used(dir);
	w = watch_dir(s, dir, 0, 16 * MIB);
	if (late)
		turn_first_walk(s);
	ASSERT_EQ(fchmodat(dir, "old", 0700, 0), 0);
	grow(dir, "new", 10 * MIB);
	turn(s, 2500);
	alone = fs_used(dir) < before + 12 * MIB;
	watch_free(w);
	event_base_free(s->base);
	ASSERT_EQ(unlinkat(dir, "new", 0), 0);
	ASSERT_EQ(unlinkat(dir, "old", 0), 0);
	close(dir);
	return s->calls && alone;
}

/* Whether the first walk came before or after the change. */
TEST_LIMIT(old_files_that_are_touched_are_no_growth, 60)
{
	for (int late = 0; late < 2; late++) {
		struct seen s;

		do {
			s = (struct seen){ 0 };
			if (touched_is_growth(late, &s))
				FAIL("late %d: %s", late, s.text);
		} while (s.calls);
	}
}

/* False if it was not seen while somebody else freed space on the file system,
 * and so hid it. */
static bool
old_growth_is_seen(struct seen *s)
{
	int dir = open_dir();
	struct watch *w;
	uint64_t before;
	bool hidden;

	grow(dir, "old", 32 * MIB);
	usleep(30000);
	before = fs_used(dir);
	w = watch_dir(s, dir, 0, 16 * MIB);
	grow(dir, "old", 64 * MIB);
	turn_first_walk(s);
	hidden = fs_used(dir) < before + 31 * MIB;
	if (!s->calls && !hidden)
		turn_until_over(s);
	watch_free(w);
	event_base_free(s->base);
	ASSERT_EQ(unlinkat(dir, "old", 0), 0);
	close(dir);
	return s->calls || !hidden;
}

/* Growing a file that was there, before the first walk, is growth all the
 * same. */
TEST_LIMIT(old_files_that_grow_at_once_are_growth, 60)
{
	struct seen s;

	do
		s = (struct seen){ 0 };
	while (!old_growth_is_seen(&s));
	ASSERT_EQ(s.calls, 1);
	/* 32, less what others freed meanwhile */
	ASSERT_GE(s.used, 16 * MIB);
}

TEST_LIMIT(deleted_but_open_files_count, 60)
{
	struct seen s = { 0 };
	int dir = open_dir();
	struct watch *w;
	pid_t pid;

	procs_free(find(getpid()));
	w = watch_dir(&s, dir, getpid(), 16 * MIB);
	turn_first_walk(&s);
	pid = rest_after(fill_deleted, 24);
	turn_until_over(&s);
	ASSERT_EQ(s.calls, 1);
	ASSERT_GE(s.used, 24 * MIB);
	end(pid);
	watch_free(w);
	event_base_free(s.base);
	close(dir);
}

TEST_LIMIT(hiding_in_the_deep_is_reported, 60)
{
	struct seen s = { 0 };
	int dir = open_dir();
	struct watch *w = watch_dir(&s, dir, 0, 64 * MIB);

	turn_first_walk(&s);
	dig(dir, WALK_DEPTH_MAX + 2);
	grow(dir, "a", 40 * MIB);
	turn_until_over(&s);
	ASSERT_EQ(s.calls, 1);
	ASSERT_STRSTR(s.text, "too deep");
	watch_free(w);
	event_base_free(s.base);
	close(dir);
}

static int
watch_mem(struct seen *s, pid_t pid, uint64_t limit, struct watch **ret)
{
	int r;

	s->base = event_base_new();
	r = watch_memory(s->base, pid, limit, on_over, s, ret, NULL);
	if (r == -ENOTSUP)
		SKIP("no /proc/PID/task/TID/children "
		     "(CONFIG_PROC_CHILDREN)");
	return r;
}

TEST(memory_of_every_kind_is_reported_and_sharing_is_not)
{
	static const struct {
		void (*fn)(int);
		int mib, want;
	} rows[] = {
		{ touch_memory, 96, 1 },   { touch_memory, 32, 0 },
		{ touch_and_fork, 32, 0 }, /* 6 x 32, but shared */
		{ fill_memfd, 96, 1 },	   { fill_memfd, 32, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		pid_t pid = rest_after(rows[i].fn, rows[i].mib);
		struct watch *w = NULL;
		struct seen s = { 0 };

		ASSERT_OK(watch_mem(&s, pid, 64 * MIB, &w));
		turn(&s, 1200);
		if (s.calls != rows[i].want)
			FAIL("row %zu: %d calls: %s", i, s.calls, s.text);
		watch_free(w);
		event_base_free(s.base);
		end(pid);
	}
}

TEST(the_death_of_the_box_ends_the_memory_watch)
{
	pid_t pid = rest_after(touch_memory, 1);
	struct watch *w = NULL;
	struct seen s = { 0 };

	ASSERT_OK(watch_mem(&s, pid, 64 * MIB, &w));
	end(pid);
	turn(&s, 600);
	ASSERT_EQ(s.calls, 0);
	ASSERT_ERR(watch_memory(s.base, pid, 64 * MIB, on_over, &s, NULL, NULL),
		   -ESRCH);
	watch_free(w);
	event_base_free(s.base);
}
