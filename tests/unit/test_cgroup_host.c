/* links: sandbox lib */
/*
 * The cgroup backend of this host: a group is made, a process joins it in the
 * way of a box, and limits, freeze, kill, sweep and removal are seen to work.
 * Skips where nothing may be written (a user outside of what is delegated).
 */
#include "sandbox/cgroup-internal.h"
#include "tests/tap.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static struct cgroup_host
real_host(void)
{
	struct cgroup_host h;

	cgroup_host_find(&h, false);
	if (h.backend == CGROUP_NONE)
		SKIP("cgroups: %s", h.why);
	return h;
}

static struct cgroup_limits
some_limits(const struct cgroup_host *h)
{
	uint32_t can = cgroup_host_layers(h);
	struct cgroup_limits lim = {
		.memory = 64 << 20,
		.swap = 0,
		.pids = 200,
		.cpu_percent = 150,
		.io_weight = CGROUP_UNLIMITED,
		.io_bps = CGROUP_UNLIMITED,
	};

	if (!(can & LAYER_BIT(LAYER_MEMORY)))
		lim.memory = lim.swap = CGROUP_UNLIMITED;
	if (!(can & LAYER_BIT(LAYER_PIDS)))
		lim.pids = CGROUP_UNLIMITED;
	if (!(can & LAYER_BIT(LAYER_CPU)))
		lim.cpu_percent = 0;
	return lim;
}

static struct cgroup *
make(const struct cgroup_host *h, const struct cgroup_limits *lim, char *id)
{
	struct err e = ERR_INIT;
	struct cgroup *cg = NULL;
	uint32_t set = 0;

	snprintf(id, 64, "abx-test-%d", (int)getpid());
	if (cgroup_create(h, id, lim, &cg, &set, &e) < 0)
		FAIL("%s", e.text);
	for (int l = 0; l < LAYER_MAX; l++)
		if (cgroup_wanted(lim) & ~set & LAYER_BIT(l)) {
			cgroup_host_missing(h, (enum layer)l, &e);
			FAIL("%s: %s", layer_name((enum layer)l), e.text);
		}
	return cg;
}

static void
die_with_parent(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTERM, SIG_DFL);
}

/* A child in the group, in the way in which a box gets there. */
static pid_t
spawn_in(const struct cgroup *cg, bool busy)
{
	int fds[CGROUP_V1_MAX], fd = cgroup_clone_fd(cg);
	size_t n = cgroup_join_fds(cg, fds, CGROUP_V1_MAX);
	struct clone_args a = { .exit_signal = SIGCHLD };
	pid_t pid;

	if (fd >= 0) {
		a.flags = CLONE_INTO_CGROUP;
		a.cgroup = (uint64_t)fd;
	}
	pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	if (pid < 0)
		FAIL("clone3: %s", strerror(errno));
	if (pid)
		return pid;
	die_with_parent();
	for (size_t i = 0; i < n; i++)
		if (write(fds[i], "0", 1) != 1)
			_exit(1);
	for (;;)
		if (!busy)
			pause();
}

static void
wait_members(struct cgroup *cg, pid_t pid, const struct cgroup_limits *lim,
	     struct layer_table *t)
{
	struct timespec ms = { 0, 1000000 };

	for (int i = 0; i < 10000; i++) {
		bool all_in = true;

		memset(t, 0, sizeof(*t));
		ASSERT_OK(cgroup_readback(cg, pid, lim, t));
		for (int l = 0; l < LAYER_MAX; l++)
			if (t->row[l].state == LAYER_ABSENT &&
			    strstr(t->row[l].enforced, "process is not in"))
				all_in = false;
		if (all_in)
			return;
		nanosleep(&ms, NULL);
	}
}

static void
reap_and_remove(struct cgroup *cg, const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int status = 0;

		ASSERT_EQ(waitpid(pids[i], &status, 0), pids[i]);
		ASSERT_TRUE(WIFSIGNALED(status));
	}
	ASSERT_EQ(cgroup_populated(cg), 0);
	ASSERT_OK(cgroup_remove(cg));
	cgroup_free(cg);
}

TEST(real_limits_are_read_back)
{
	struct cgroup_host h = real_host();
	struct cgroup_limits lim = some_limits(&h), other;
	struct layer_table t;
	struct cgroup_usage u = { 0 };
	const char *paths[CGROUP_GROUPS_MAX];
	char id[64], told[CGROUP_GROUPS_MAX][CGROUP_PATH_MAX];
	struct cgroup *cg = make(&h, &lim, id);
	size_t n = cgroup_paths(cg, paths, CGROUP_GROUPS_MAX);
	pid_t pid = spawn_in(cg, false);

	/* the guard is told of every one of them before they are made */
	for (size_t i = 0, k; i < n; i++) {
		size_t m = cgroup_host_paths(&h, id, told, CGROUP_GROUPS_MAX);

		for (k = 0; k < m && strcmp(told[k], paths[i]) != 0; k++)
			;
		ASSERT_TRUE(k < m);
	}
	wait_members(cg, pid, &lim, &t);
	for (int l = 0; l < LAYER_MAX; l++)
		if (cgroup_wanted(&lim) & LAYER_BIT(l) &&
		    t.row[l].state != LAYER_HELD)
			FAIL("%s: %s", layer_name((enum layer)l),
			     t.row[l].enforced);
	ASSERT_EQ(cgroup_populated(cg), 1);
	ASSERT_OK(cgroup_usage(cg, &u));
	if (lim.pids != CGROUP_UNLIMITED)
		ASSERT_EQ(u.pids, 1);

	/* another number than the kernel's is not held */
	other = lim;
	if (lim.memory != CGROUP_UNLIMITED) {
		other.memory +=
			1; /* less than a page: the same to the kernel */
		ASSERT_OK(cgroup_readback(cg, pid, &other, &t));
		ASSERT_EQ(t.row[LAYER_MEMORY].state, LAYER_HELD);
		other.memory += 1 << 20;
		ASSERT_OK(cgroup_readback(cg, pid, &other, &t));
		ASSERT_EQ(t.row[LAYER_MEMORY].state, LAYER_ABSENT);
	}
	/* nor is any of it for a process outside */
	ASSERT_OK(cgroup_readback(cg, getpid(), &lim, &t));
	for (int l = 0; l < LAYER_MAX; l++)
		if (cgroup_wanted(&lim) & LAYER_BIT(l))
			ASSERT_EQ(t.row[l].state, LAYER_ABSENT);
	ASSERT_EQ(t.row[LAYER_FREEZE].state, LAYER_ABSENT);
	kill(pid, SIGKILL);
	reap_and_remove(cg, &pid, 1);
	for (size_t i = 0; i < n; i++)
		ASSERT_TRUE(access(paths[i], F_OK) < 0);
}

/* A rate on the disk that the tests lie on, by its partition if there is one.
 */
TEST(real_io_limit)
{
	struct cgroup_host h = real_host();
	struct cgroup_limits lim = some_limits(&h);
	struct layer_table t;
	struct stat st;
	char id[64];
	struct cgroup *cg;
	dev_t disk;
	pid_t pid;

	if (!(cgroup_host_layers(&h) & LAYER_BIT(LAYER_IO)))
		SKIP("no io controller on this host for this user");
	ASSERT_EQ(stat(tap_tmpdir(), &st), 0);
	if (cgroup_disk(st.st_dev, &disk) < 0)
		SKIP("%s is on no block device", tap_tmpdir());
	lim.io_bps = 8 << 20;
	lim.io_dev = st.st_dev;
	cg = make(&h, &lim, id);
	pid = spawn_in(cg, false);
	wait_members(cg, pid, &lim, &t);
	ASSERT_STRSTR(t.row[LAYER_IO].enforced, "8.0M/s");
	ASSERT_EQ(t.row[LAYER_IO].state, LAYER_HELD);
	lim.io_bps /= 2;
	ASSERT_OK(cgroup_readback(cg, pid, &lim, &t));
	ASSERT_EQ(t.row[LAYER_IO].state, LAYER_ABSENT);
	kill(pid, SIGKILL);
	reap_and_remove(cg, &pid, 1);
}

TEST(real_same_id_twice)
{
	struct cgroup_host h = real_host();
	struct cgroup_limits lim = some_limits(&h);
	struct cgroup *cg, *again = NULL;
	struct err e = ERR_INIT;
	uint32_t set = 0;
	char id[64];

	cg = make(&h, &lim, id);
	ASSERT_ERR(cgroup_create(&h, id, &lim, &again, &set, &e), -EEXIST);
	ASSERT_NULL(again);
	ASSERT_STRSTR(e.text, id);
	/* the failure removed nothing of the first one */
	ASSERT_EQ(cgroup_populated(cg), 0);
	ASSERT_OK(cgroup_remove(cg));
	cgroup_free(cg);
}

/* The cpu time of a process, to see whether it runs. */
static uint64_t
cpu_time(struct cgroup *cg)
{
	struct cgroup_usage u;

	ASSERT_OK(cgroup_usage(cg, &u));
	return u.cpu_usec;
}

/* Waits until more than t of processor time was used. */
static void
runs_on(struct cgroup *cg, uint64_t t)
{
	struct timespec ms = { 0, 1000000 };

	while (cpu_time(cg) <= t)
		nanosleep(&ms, NULL);
}

TEST(real_freeze_thaw_kill)
{
	struct cgroup_host h = real_host();
	struct cgroup_limits lim = some_limits(&h);
	struct timespec ms50 = { 0, 50000000 };
	pid_t pids[8];
	char id[64];
	struct cgroup *cg = make(&h, &lim, id);
	uint64_t t;

	if (!cgroup_can_freeze(cg)) {
		cgroup_remove(cg);
		cgroup_free(cg);
		SKIP("no cgroup2 group on this host");
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		pids[i] = spawn_in(cg, true);
	runs_on(cg, 0);
	ASSERT_OK(cgroup_freeze(cg, true, 5000000));
	t = cpu_time(cg);
	nanosleep(&ms50, NULL);
	ASSERT_EQ(cpu_time(cg), t);
	ASSERT_OK(cgroup_freeze(cg, false, 5000000));
	runs_on(cg, t);
	ASSERT_EQ(sched_getscheduler(0), SCHED_OTHER);
	/* a frozen group dies like any other */
	ASSERT_OK(cgroup_freeze(cg, true, 5000000));
	ASSERT_OK(cgroup_kill(cg));
	reap_and_remove(cg, pids, ARRAY_SIZE(pids));
}

TEST(real_kill_without_cgroup_kill)
{
	struct cgroup_host h = real_host();
	struct cgroup_limits lim = some_limits(&h);
	pid_t pids[8];
	char id[64];
	struct cgroup *cg = make(&h, &lim, id);
	int r;

	if (!cgroup_can_freeze(cg)) {
		cgroup_remove(cg);
		cgroup_free(cg);
		SKIP("no cgroup2 group on this host");
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		pids[i] = spawn_in(cg, i & 1);
	/* they are children of ours and not reaped yet: zombies are listed */
	signal(SIGCHLD, SIG_IGN);
	do /* it waits for a moment only; the kernel may need a longer one */
		r = cgroup_kill_each(cg);
	while (r == -ETIMEDOUT);
	ASSERT_OK(r);
	signal(SIGCHLD, SIG_DFL);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		ASSERT_ERR(kill(pids[i], 0) < 0 ? -errno : 0, -ESRCH);
	ASSERT_EQ(cgroup_populated(cg), 0);
	ASSERT_OK(cgroup_remove(cg));
	cgroup_free(cg);
}

static bool
is_alive(const char *id, void *arg)
{
	/* whoever else has a box on this host keeps it */
	return strcmp(id, arg) != 0;
}

TEST(real_sweep)
{
	struct cgroup_host h = real_host();
	struct cgroup_limits lim = some_limits(&h);
	const char *paths[CGROUP_GROUPS_MAX];
	char id[64], none[] = "none";
	struct cgroup *cg = make(&h, &lim, id);
	size_t n = cgroup_paths(cg, paths, CGROUP_GROUPS_MAX);
	bool kills = cgroup_can_freeze(cg);
	pid_t pid = kills ? spawn_in(cg, false) : 0;

	ASSERT_EQ(cgroup_sweep(&h, is_alive, none), 0);
	ASSERT_EQ(access(paths[0], F_OK), 0);
	ASSERT_EQ(cgroup_sweep(&h, is_alive, id), n);
	for (size_t i = 0; i < n; i++)
		ASSERT_TRUE(access(paths[i], F_OK) < 0);
	if (kills) {
		int status = 0;

		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT_TRUE(WIFSIGNALED(status));
	}
	ASSERT_OK(cgroup_remove(cg)); /* of what is gone: no error */
	cgroup_free(cg);
}
