/*
 * cgroup2: limits in one unified hierarchy (also inside a delegated scope), and
 * freeze, kill and "is it empty" for every backend, since those exist nowhere
 * else. Controllers are switched on only when a limit file turns out to be
 * missing: on all launches but the first on a host, that costs nothing.
 *
 * Waiting reads cgroup.events in a loop. The kernel does send poll(2) an event
 * when the state changes, but at most one in 10 ms per file
 * (CGROUP_FILE_NOTIFY_MIN_INTV), which is a hundred times what a freeze takes.
 */
#include "sandbox/cgroup-internal.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#define CPU_PERIOD_US 100000ull /* the kernel's default */
#define SPIN_US 60 /* read without sleeping for so long: enough for one */
#define KILL_ROUNDS 100

/* ---- limits */

/* io.weight comes with io.cost, the other with the bfq scheduler. */
static const char *
weight_file(int dir)
{
	return faccessat(dir, "io.weight", F_OK, 0) == 0 ? "io.weight"
							 : "io.bfq.weight";
}

static int
set_io(int dir, const struct cgroup_limits *lim)
{
	dev_t dev;
	int r;

	if (lim->io_weight != CGROUP_UNLIMITED) {
		r = cgroup_write(dir, weight_file(dir), "default %llu",
				 (unsigned long long)lim->io_weight);
		if (r < 0)
			return r;
	}
	if (lim->io_bps == CGROUP_UNLIMITED || !lim->io_bps)
		return 0;
	r = cgroup_disk(lim->io_dev, &dev);
	if (r < 0)
		return r;
	return cgroup_write(dir, "io.max", "%u:%u rbps=%llu wbps=%llu",
			    major(dev), minor(dev),
			    (unsigned long long)lim->io_bps,
			    (unsigned long long)lim->io_bps);
}

/* Sets what is in todo; returns what could not be set. */
static uint32_t
set_limits(int dir, const struct cgroup_limits *lim, uint32_t todo)
{
	uint32_t left = todo;

	if (todo & LAYER_BIT(LAYER_MEMORY) &&
	    cgroup_write(dir, "memory.max", "%llu",
			 (unsigned long long)lim->memory) == 0) {
		left &= ~LAYER_BIT(LAYER_MEMORY);
		/* All of the box or nothing: half an agent is of no use. Since
		 * 4.19; without it one process dies, and no limit is lost. */
		(void)cgroup_write(dir, "memory.oom.group", "1");
	}
	if (todo & LAYER_BIT(LAYER_SWAP) &&
	    cgroup_write(dir, "memory.swap.max", "%llu",
			 (unsigned long long)lim->swap) == 0)
		left &= ~LAYER_BIT(LAYER_SWAP);
	if (todo & LAYER_BIT(LAYER_PIDS) &&
	    cgroup_write(dir, "pids.max", "%llu",
			 (unsigned long long)lim->pids) == 0)
		left &= ~LAYER_BIT(LAYER_PIDS);
	if (todo & LAYER_BIT(LAYER_CPU) &&
	    cgroup_write(dir, "cpu.max", "%llu %llu",
			 lim->cpu_percent * (CPU_PERIOD_US / 100),
			 CPU_PERIOD_US) == 0)
		left &= ~LAYER_BIT(LAYER_CPU);
	if (todo & LAYER_BIT(LAYER_IO) && set_io(dir, lim) == 0)
		left &= ~LAYER_BIT(LAYER_IO);
	return left;
}

/* ---- switching controllers on */

/* Is this process the only one in dir? */
static bool
alone_in(const char *dir)
{
	char p[CGROUP_PATH_MAX], buf[64], me[32];

	snprintf(p, sizeof(p), "%s/cgroup.procs", dir);
	snprintf(me, sizeof(me), "%d\n", (int)getpid());
	return fd_read_small(AT_FDCWD, p, buf, sizeof(buf)) >= 0 &&
	       !strcmp(buf, me);
}

/* A group that holds processes cannot give controllers to its children
 * (cgroups(7), "no internal processes"): we step into a leaf. */
static int
step_down(const char *dir)
{
	char p[CGROUP_PATH_MAX];

	if (!alone_in(dir))
		return -EBUSY;
	snprintf(p, sizeof(p), "%s/" CGROUP_LEAF, dir);
	if (mkdir(p, 0755) < 0 && errno != EEXIST)
		return -errno;
	snprintf(p, sizeof(p), "%s/" CGROUP_LEAF "/cgroup.procs", dir);
	return fd_write_string(AT_FDCWD, p, "0");
}

static void
enable_in(const char *dir, uint32_t layers)
{
	static const enum layer each[] = { LAYER_MEMORY, LAYER_PIDS, LAYER_CPU,
					   LAYER_IO };
	char p[CGROUP_PATH_MAX], word[16];

	if (layers & LAYER_BIT(LAYER_SWAP))
		layers |= LAYER_BIT(LAYER_MEMORY);
	snprintf(p, sizeof(p), "%s/cgroup.subtree_control", dir);
	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		if (!(layers & LAYER_BIT(each[i])))
			continue;
		/* One at a time: one unknown word fails all of a write. */
		snprintf(word, sizeof(word), "+%s", cgroup_controller(each[i]));
		if (fd_write_string(AT_FDCWD, p, word) != -EBUSY)
			continue;
		/* pids or cpu would be taken all the same, and make every
		 * child of this group "domain invalid" (cgroups(7)) */
		if (step_down(dir) < 0)
			return;
		(void)fd_write_string(AT_FDCWD, p, word);
	}
}

void
cgroup_v2_enable(const struct cgroup_host *h, uint32_t layers)
{
	char dir[CGROUP_DIR_MAX];
	size_t len = strlen(h->v2_top);

	for (;;) {
		snprintf(dir, sizeof(dir), "%.*s", (int)len, h->v2_dir);
		enable_in(dir, layers);
		if (!h->v2_dir[len])
			return;
		len += 1 + strcspn(h->v2_dir + len + 1, "/");
	}
}

static int
v2_create(struct cgroup *cg, const struct cgroup_host *h,
	  const struct cgroup_limits *lim, uint32_t wanted, uint32_t *ret_set,
	  struct err *e)
{
	uint32_t left;
	int r;

	r = cgroup_group_make(&cg->g[0], h->v2_dir, h->v2_rel, cg->name, e);
	if (r < 0)
		return r;
	left = set_limits(cg->g[0].dir, lim, wanted);
	if (left) {
		cgroup_v2_enable(h, left);
		left = set_limits(cg->g[0].dir, lim, left);
	}
	/* Swap that is not there needs no limit. */
	if (left & LAYER_BIT(LAYER_SWAP) &&
	    faccessat(cg->g[0].dir, "memory.swap.max", F_OK, 0) < 0 &&
	    !cgroup_host_has_swap())
		left &= ~LAYER_BIT(LAYER_SWAP);
	*ret_set = wanted & ~left;
	return 0;
}

/* ---- reading back */

static void
row_cpu(struct layer_table *t, int dir, uint64_t percent)
{
	uint64_t quota, period;
	char buf[64];
	ssize_t n = fd_read_small(dir, "cpu.max", buf, sizeof(buf));

	if (n < 0)
		cgroup_row(t, LAYER_CPU, LAYER_ABSENT, "cpu.max: %s",
			   strerror((int)-n));
	else if (cgroup_parse_pair(buf, ' ', &quota, &period) < 0 || !period)
		cgroup_row(t, LAYER_CPU, LAYER_ABSENT, "no limit (cpu.max)");
	else
		cgroup_row(t, LAYER_CPU,
			   quota * 100 == percent * period ? LAYER_HELD
							   : LAYER_ABSENT,
			   "%llu%% (cpu.max)",
			   (unsigned long long)(quota * 100 / period));
}

/* Appends what a file of io limits holds; false if it is not as wanted. */
static bool
io_bps_held(int dir, dev_t dev, uint64_t want)
{
	char buf[4096];
	uint64_t r = 0, w = 0;

	return fd_read_small(dir, "io.max", buf, sizeof(buf)) >= 0 &&
	       cgroup_io_value(buf, dev, "rbps", &r) == 0 &&
	       cgroup_io_value(buf, dev, "wbps", &w) == 0 && r == want &&
	       w == want;
}

static void
row_io(struct layer_table *t, int dir, const struct cgroup_limits *want)
{
	char text[LAYER_TEXT_MAX] = "", size[32];
	uint64_t got = 0;
	bool held = true;
	size_t n = 0;
	dev_t dev;

	if (want->io_weight != CGROUP_UNLIMITED) {
		const char *file = weight_file(dir);

		held = cgroup_read_key(dir, file, "default", &got) == 0 &&
		       got == want->io_weight;
		n = (size_t)snprintf(text, sizeof(text), "weight %llu (%s)",
				     (unsigned long long)got, file);
	}
	if (want->io_bps != CGROUP_UNLIMITED && want->io_bps) {
		bool ok = cgroup_disk(want->io_dev, &dev) == 0 &&
			  io_bps_held(dir, dev, want->io_bps);

		held = held && ok;
		snprintf(text + n, sizeof(text) - n, "%s%s%s (io.max)",
			 n ? ", " : "",
			 ok ? str_from_size(want->io_bps, size, sizeof(size))
			    : "no rate",
			 ok ? "/s" : "");
	}
	cgroup_row(t, LAYER_IO, held ? LAYER_HELD : LAYER_ABSENT, "%s", text);
}

static void
v2_readback(struct cgroup *cg, const char *members,
	    const struct cgroup_limits *want, uint32_t wanted,
	    struct layer_table *t)
{
	int dir = cg->g[0].dir;

	if (!cgroup_is_member(members, NULL, cg->g[0].rel)) {
		for (int l = 0; l < LAYER_MAX; l++)
			if (wanted & LAYER_BIT(l))
				cgroup_row(t, (enum layer)l, LAYER_ABSENT,
					   "the process is not in %s",
					   cg->g[0].rel);
		return;
	}
	if (wanted & LAYER_BIT(LAYER_MEMORY))
		cgroup_row_bytes(t, LAYER_MEMORY, dir, "memory.max",
				 want->memory);
	if (wanted & LAYER_BIT(LAYER_PIDS))
		cgroup_row_count(t, LAYER_PIDS, dir, "pids.max", want->pids);
	if (wanted & LAYER_BIT(LAYER_CPU))
		row_cpu(t, dir, want->cpu_percent);
	if (wanted & LAYER_BIT(LAYER_IO))
		row_io(t, dir, want);
	if (!(wanted & LAYER_BIT(LAYER_SWAP)))
		return;
	if (faccessat(dir, "memory.swap.max", F_OK, 0) < 0)
		cgroup_row_no_swap(t, "memory.swap.max");
	else
		cgroup_row_bytes(t, LAYER_SWAP, dir, "memory.swap.max",
				 want->swap);
}

static int
v2_usage(struct cgroup *cg, struct cgroup_usage *ret)
{
	int dir = cg->g[0].dir;

	(void)cgroup_read_u64(dir, "memory.current", &ret->memory);
	(void)cgroup_read_u64(dir, "pids.current", &ret->pids);
	(void)cgroup_read_key(dir, "memory.events", "oom_kill",
			      &ret->oom_kills);
	/* There even without the cpu controller. */
	return cgroup_read_key(dir, "cpu.stat", "usage_usec", &ret->cpu_usec);
}

static uint64_t
v2_memory_peak(struct cgroup *cg)
{
	uint64_t peak = 0;

	(void)cgroup_read_u64(cg->g[0].dir, "memory.peak", &peak);
	return peak;
}

const struct cgroup_ops cgroup_v2_ops = {
	.create = v2_create,
	.readback = v2_readback,
	.usage = v2_usage,
	.memory_peak = v2_memory_peak,
};

/* ---- freeze, kill, empty */

static int
open_file(struct cgroup *cg, int *fd, const char *file, int flags)
{
	if (*fd >= 0)
		return 0;
	*fd = openat(cg->g[0].dir, file, flags | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

int
cgroup_prepare(struct cgroup *cg)
{
	int r;

	if (!cg || cg->g[0].dir < 0)
		return -EOPNOTSUPP;
	r = open_file(cg, &cg->events, "cgroup.events", O_RDONLY);
	if (r == 0)
		r = open_file(cg, &cg->freeze, "cgroup.freeze", O_WRONLY);
	if (r == 0 && open_file(cg, &cg->kill, "cgroup.kill", O_WRONLY) < 0)
		cg->kill = -EBADF; /* before 5.14 */
	return r == -ENOENT ? -EOPNOTSUPP : r;
}

bool
cgroup_can_freeze(const struct cgroup *cg)
{
	return cg && cg->g[0].dir >= 0 &&
	       (cg->freeze >= 0 ||
		faccessat(cg->g[0].dir, "cgroup.freeze", F_OK, 0) == 0);
}

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int
event_value(int fd, const char *key, uint64_t *ret)
{
	char buf[256];
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return cgroup_key(buf, key, ret);
}

/* Sleeps for an eighth of the time that has passed, so that waiting adds little
 * to a short freeze and costs little in a long one. */
static void
wait_some(uint64_t passed_us)
{
	struct timespec t = { 0, (long)MAX(10u, MIN(passed_us / 8, 5000u)) *
					 1000 };

	nanosleep(&t, NULL);
}

/* Reads until key is want: at first without a pause. */
static int
wait_value(int fd, const char *key, uint64_t want, uint64_t timeout_us)
{
	uint64_t start = now_us(), passed, got = 0;
	int r;

	for (;;) {
		r = event_value(fd, key, &got);
		if (r < 0)
			return r;
		if (got == want)
			return 0;
		passed = now_us() - start;
		if (passed > timeout_us)
			return -ETIMEDOUT;
		/* A sleep that short costs its wake-up; but whoever is to
		 * freeze may need our processor for it. */
		if (passed >= SPIN_US)
			wait_some(passed);
		else
			sched_yield();
	}
}

static int
wait_event(int fd, const char *key, uint64_t want, uint64_t timeout_us)
{
	int slack = prctl(PR_GET_TIMERSLACK), r;

	/* 50 us by default: as much again as the first sleep */
	prctl(PR_SET_TIMERSLACK, 1000);
	r = wait_value(fd, key, want, timeout_us);
	prctl(PR_SET_TIMERSLACK, slack);
	return r;
}

/*
 * A thread of plain priority that thaws a hundred busy processes is queued
 * behind all of them and sees the end of its own request up to 300 ms late.
 * Where we may (root), we are real-time for that moment; where we may not, the
 * request is as fast, only the answer is late. True if lower has to be called.
 */
static bool
urgency_raise(void)
{
	struct sched_param p = { .sched_priority = 1 };

	return sched_getscheduler(0) == SCHED_OTHER &&
	       sched_setscheduler(0, SCHED_FIFO, &p) == 0;
}

static void
urgency_lower(void)
{
	struct sched_param p = { .sched_priority = 0 };

	sched_setscheduler(0, SCHED_OTHER, &p);
}

void
cgroup_rehearse(struct cgroup *cg)
{
	if (cgroup_prepare(cg) == 0)
		(void)wait_event(cg->events, "frozen", 0, 0);
}

int
cgroup_freeze(struct cgroup *cg, bool on, uint64_t timeout_us)
{
	int r = cgroup_prepare(cg);
	bool urgent;

	if (r < 0)
		return r;
	urgent = !on && urgency_raise();
	if (pwrite(cg->freeze, on ? "1" : "0", 1, 0) < 0)
		r = -errno;
	else
		r = wait_event(cg->events, "frozen", on, timeout_us);
	if (urgent)
		urgency_lower();
	return r;
}

/* One pass over cgroup.procs; the number of processes that were there. */
static int
kill_pass(struct cgroup *cg)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n;
	int count = 0;

	n = fd_read_file(cg->g[0].dir, "cgroup.procs", 4u << 20, &text);
	if (n < 0)
		return (int)n;
	for (char *p = text, *end; *p; p = end + (*end == '\n')) {
		long pid = strtol(p, &end, 10);

		if (end == p)
			break;
		/* 0 is a process of a pid namespace that we cannot see */
		if (pid > 0 && kill((pid_t)pid, SIGKILL) == 0)
			count++;
	}
	return count;
}

int
cgroup_kill_each(struct cgroup *cg)
{
	int r;

	/* Frozen, none of them can fork, nor leave its pid to another. */
	r = cgroup_prepare(cg);
	if (r == 0)
		(void)!pwrite(cg->freeze, "1", 1, 0);
	for (int i = 0; i < KILL_ROUNDS; i++) {
		struct timespec t = { 0, 200000 };

		r = kill_pass(cg);
		if (r <= 0)
			return r;
		nanosleep(&t, NULL);
	}
	return -ETIMEDOUT;
}

int
cgroup_kill(struct cgroup *cg)
{
	int r = cgroup_prepare(cg);

	if (r < 0 && (!cg || cg->g[0].dir < 0))
		return r;
	if (cg->kill < 0)
		return cgroup_kill_each(cg);
	return pwrite(cg->kill, "1", 1, 0) < 0 ? -errno : 0;
}

int
cgroup_populated(struct cgroup *cg)
{
	uint64_t v = 0;
	int r;

	if (!cg)
		return -EOPNOTSUPP;
	if (cg->g[0].dir >= 0) {
		r = open_file(cg, &cg->events, "cgroup.events", O_RDONLY);
		if (r == 0)
			r = event_value(cg->events, "populated", &v);
		return r < 0 ? r : v != 0;
	}
	for (int i = 1; i < CGROUP_GROUPS_MAX; i++) {
		char buf[16];
		ssize_t n;

		if (cg->g[i].dir < 0)
			continue;
		n = fd_read_small(cg->g[i].dir, "tasks", buf, sizeof(buf));
		if (n > 0 || n == -EOVERFLOW)
			return 1;
	}
	return 0;
}
