/*
 * Hosts that keep the controllers in cgroup v1 hierarchies, with a cgroup2
 * mount beside them that can only freeze and kill. A box has one group in each
 * hierarchy that a limit needs. v1 memory counts swap together with memory
 * (memsw), and joins by "tasks": see sandbox/cgroup.h for why.
 */
#include "sandbox/cgroup-internal.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#define CPU_PERIOD_US 100000ull /* the kernel's default */
#define MEM "memory.limit_in_bytes"
#define MEMSW "memory.memsw.limit_in_bytes"
#define QUOTA "cpu.cfs_quota_us"
#define READ_BPS "blkio.throttle.read_bps_device"
#define WRITE_BPS "blkio.throttle.write_bps_device"

/* Which layers live in which hierarchy, and its name in /proc/PID/cgroup. */
static const struct {
	const char *name;
	uint32_t layers;
} v1[CGROUP_V1_MAX] = {
	[CGROUP_V1_MEMORY] = { "memory", LAYER_BIT(LAYER_MEMORY) |
						 LAYER_BIT(LAYER_SWAP) },
	[CGROUP_V1_PIDS] = { "pids", LAYER_BIT(LAYER_PIDS) },
	[CGROUP_V1_CPU] = { "cpu", LAYER_BIT(LAYER_CPU) },
	[CGROUP_V1_BLKIO] = { "blkio", LAYER_BIT(LAYER_IO) },
};

static struct cgroup_group *
group(struct cgroup *cg, enum cgroup_v1 i)
{
	return &cg->g[1 + i];
}

/* ---- limits */

/* memory and swap together; memory has to be limited first. */
static uint32_t
set_memory(int dir, const struct cgroup_limits *lim, uint32_t todo)
{
	uint64_t sum = lim->memory + lim->swap;
	uint32_t set = 0;
	int r;

	if (todo & LAYER_BIT(LAYER_MEMORY) &&
	    cgroup_write(dir, MEM, "%llu", (unsigned long long)lim->memory) ==
		    0)
		set |= LAYER_BIT(LAYER_MEMORY);
	if (!(todo & LAYER_BIT(LAYER_SWAP)))
		return set;
	if (!(set & LAYER_BIT(LAYER_MEMORY)) || sum < lim->memory)
		r = -EINVAL;
	else
		r = cgroup_write(dir, MEMSW, "%llu", (unsigned long long)sum);
	if (r == 0 || !cgroup_host_has_swap())
		set |= LAYER_BIT(LAYER_SWAP);
	return set;
}

/* Weights end at 1000 here; a higher one is refused and so reported. */
static const char *
weight_file(int dir)
{
	return faccessat(dir, "blkio.bfq.weight", F_OK, 0) == 0
		       ? "blkio.bfq.weight"
		       : "blkio.weight";
}

static uint32_t
set_io(int dir, const struct cgroup_limits *lim)
{
	unsigned long long bps = lim->io_bps;
	dev_t dev;

	if (lim->io_weight != CGROUP_UNLIMITED &&
	    cgroup_write(dir, weight_file(dir), "%llu",
			 (unsigned long long)lim->io_weight) < 0)
		return 0;
	if (lim->io_bps != CGROUP_UNLIMITED && lim->io_bps &&
	    (cgroup_disk(lim->io_dev, &dev) < 0 ||
	     cgroup_write(dir, READ_BPS, "%u:%u %llu", major(dev), minor(dev),
			  bps) < 0 ||
	     cgroup_write(dir, WRITE_BPS, "%u:%u %llu", major(dev), minor(dev),
			  bps) < 0))
		return 0;
	return LAYER_BIT(LAYER_IO);
}

static uint32_t
set_limits(int dir, enum cgroup_v1 i, const struct cgroup_limits *lim,
	   uint32_t todo)
{
	int r = -EINVAL;

	switch (i) {
	case CGROUP_V1_MEMORY:
		return set_memory(dir, lim, todo);
	case CGROUP_V1_BLKIO:
		return set_io(dir, lim);
	case CGROUP_V1_PIDS:
		r = cgroup_write(dir, "pids.max", "%llu",
				 (unsigned long long)lim->pids);
		break;
	case CGROUP_V1_CPU:
		r = cgroup_write(dir, QUOTA, "%llu",
				 lim->cpu_percent * (CPU_PERIOD_US / 100));
		break;
	}
	return r == 0 ? v1[i].layers : 0;
}

static int
hybrid_create(struct cgroup *cg, const struct cgroup_host *h,
	      const struct cgroup_limits *lim, uint32_t wanted,
	      uint32_t *ret_set, struct err *e)
{
	uint32_t set = 0;
	int r;

	if (h->v2_dir[0]) {
		r = cgroup_group_make(&cg->g[0], h->v2_dir, h->v2_rel, cg->name,
				      e);
		if (r < 0)
			return r;
	}
	for (enum cgroup_v1 i = 0; i < CGROUP_V1_MAX; i++) {
		struct cgroup_group *g = group(cg, i);
		uint32_t todo = wanted & v1[i].layers;

		if (!todo || !h->v1_dir[i][0])
			continue;
		r = cgroup_group_make(g, h->v1_dir[i], h->v1_rel[i], cg->name,
				      e);
		if (r < 0)
			return r;
		g->tasks = openat(g->dir, "tasks", O_WRONLY | O_CLOEXEC);
		if (g->tasks < 0)
			return err_sys(e, errno, "cannot open %s/tasks",
				       g->path);
		set |= set_limits(g->dir, i, lim, todo);
	}
	*ret_set = set;
	return 0;
}

/* ---- reading back */

static void
row_swap(struct layer_table *t, int dir, const struct cgroup_limits *want)
{
	uint64_t mem, sum, page = (uint64_t)sysconf(_SC_PAGESIZE);
	char size[32];

	if (cgroup_read_u64(dir, MEMSW, &sum) < 0 ||
	    cgroup_read_u64(dir, MEM, &mem) < 0 || sum < mem) {
		cgroup_row_no_swap(t, MEMSW);
		return;
	}
	if (mem == CGROUP_UNLIMITED) {
		bool none = !cgroup_host_has_swap();

		cgroup_row(t, LAYER_SWAP, none ? LAYER_HELD : LAYER_ABSENT,
			   none ? "no swap on this host"
				: "cgroup v1 limits swap only with memory");
		return;
	}
	cgroup_row(
		t, LAYER_SWAP,
		sum == (want->memory + want->swap) / page * page ? LAYER_HELD
								 : LAYER_ABSENT,
		"%s (" MEMSW ")", str_from_size(sum - mem, size, sizeof(size)));
}

static void
row_cpu(struct layer_table *t, int dir, uint64_t percent)
{
	uint64_t quota, period;

	if (cgroup_read_u64(dir, QUOTA, &quota) < 0 ||
	    cgroup_read_u64(dir, "cpu.cfs_period_us", &period) < 0 ||
	    quota == CGROUP_UNLIMITED || !period) {
		cgroup_row(t, LAYER_CPU, LAYER_ABSENT, "no limit (" QUOTA ")");
		return;
	}
	cgroup_row(t, LAYER_CPU,
		   quota * 100 == percent * period ? LAYER_HELD : LAYER_ABSENT,
		   "%llu%% (" QUOTA ")",
		   (unsigned long long)(quota * 100 / period));
}

static bool
bps_held(int dir, const char *file, dev_t dev, uint64_t want)
{
	char buf[4096];
	uint64_t got;

	return fd_read_small(dir, file, buf, sizeof(buf)) >= 0 &&
	       cgroup_io_value(buf, dev, NULL, &got) == 0 && got == want;
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

		held = cgroup_read_u64(dir, file, &got) == 0 &&
		       got == want->io_weight;
		n = (size_t)snprintf(text, sizeof(text), "weight %llu (%s)",
				     (unsigned long long)got, file);
	}
	if (want->io_bps != CGROUP_UNLIMITED && want->io_bps) {
		bool ok = cgroup_disk(want->io_dev, &dev) == 0 &&
			  bps_held(dir, READ_BPS, dev, want->io_bps) &&
			  bps_held(dir, WRITE_BPS, dev, want->io_bps);

		held = held && ok;
		snprintf(text + n, sizeof(text) - n, "%s%s%s (blkio.throttle)",
			 n ? ", " : "",
			 ok ? str_from_size(want->io_bps, size, sizeof(size))
			    : "no rate",
			 ok ? "/s" : "");
	}
	cgroup_row(t, LAYER_IO, held ? LAYER_HELD : LAYER_ABSENT, "%s", text);
}

static void
rows_of(struct cgroup *cg, enum cgroup_v1 i, const struct cgroup_limits *want,
	uint32_t wanted, struct layer_table *t)
{
	int dir = group(cg, i)->dir;

	switch (i) {
	case CGROUP_V1_MEMORY:
		if (wanted & LAYER_BIT(LAYER_MEMORY))
			cgroup_row_bytes(t, LAYER_MEMORY, dir, MEM,
					 want->memory);
		if (wanted & LAYER_BIT(LAYER_SWAP))
			row_swap(t, dir, want);
		break;
	case CGROUP_V1_PIDS:
		cgroup_row_count(t, LAYER_PIDS, dir, "pids.max", want->pids);
		break;
	case CGROUP_V1_CPU:
		row_cpu(t, dir, want->cpu_percent);
		break;
	case CGROUP_V1_BLKIO:
		row_io(t, dir, want);
		break;
	}
}

static void
hybrid_readback(struct cgroup *cg, const char *members,
		const struct cgroup_limits *want, uint32_t wanted,
		struct layer_table *t)
{
	for (enum cgroup_v1 i = 0; i < CGROUP_V1_MAX; i++) {
		const struct cgroup_group *g = group(cg, i);
		uint32_t mine = wanted & v1[i].layers;
		bool in = g->dir >= 0 &&
			  cgroup_is_member(members, v1[i].name, g->rel);

		for (int l = 0; l < LAYER_MAX && !in; l++) {
			if (!(mine & LAYER_BIT(l)))
				continue;
			if (g->dir < 0)
				cgroup_row(t, (enum layer)l, LAYER_ABSENT,
					   "no cgroup v1 %s", v1[i].name);
			else
				cgroup_row(t, (enum layer)l, LAYER_ABSENT,
					   "the process is not in %s:%s",
					   v1[i].name, g->rel);
		}
		if (in && mine)
			rows_of(cg, i, want, mine, t);
	}
}

static int
hybrid_usage(struct cgroup *cg, struct cgroup_usage *ret)
{
	int mem = group(cg, CGROUP_V1_MEMORY)->dir;
	int pids = group(cg, CGROUP_V1_PIDS)->dir;

	if (mem >= 0) {
		(void)cgroup_read_u64(mem, "memory.usage_in_bytes",
				      &ret->memory);
		(void)cgroup_read_key(mem, "memory.oom_control", "oom_kill",
				      &ret->oom_kills);
	}
	if (pids >= 0)
		(void)cgroup_read_u64(pids, "pids.current", &ret->pids);
	/* cgroup2 counts time without any controller. */
	if (cg->g[0].dir >= 0)
		return cgroup_read_key(cg->g[0].dir, "cpu.stat", "usage_usec",
				       &ret->cpu_usec);
	return 0;
}

static uint64_t
hybrid_memory_peak(struct cgroup *cg)
{
	int dir = group(cg, CGROUP_V1_MEMORY)->dir;
	uint64_t peak = 0;

	if (dir >= 0)
		(void)cgroup_read_u64(dir, "memory.max_usage_in_bytes", &peak);
	return peak;
}

const struct cgroup_ops cgroup_hybrid_ops = {
	.create = hybrid_create,
	.readback = hybrid_readback,
	.usage = hybrid_usage,
	.memory_peak = hybrid_memory_peak,
};
