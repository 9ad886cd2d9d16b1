/*
 * The two watches. Both are timers that ask the kernel for numbers and stay
 * away from the box.
 *
 * Workspace. A walk is not cheap, so each second the file system's own count of
 * used blocks is read, and only if it moved since the last walk, and by more
 * than half of what is left, or if WATCH_WALK_S went by, the tree is walked, in
 * slices of a millisecond. The first walk starts when the box does and finds
 * what lay there before: growth = all - that. What the box touched before this
 * walk got to it counts as old as far as the file system did not fill up
 * meanwhile; the answer errs towards too much growth. Files that have no name
 * any more are found through /proc/PID/fd.
 *
 * Memory, only where there is no memory cgroup. Resident and swapped memory of
 * every process, from /proc/PID/status; when that is too much, it is computed
 * again without counting shared pages twice before anything is said.
 */
#include "supervisor/watch.h"

#include "lib/fd.h"
#include "lib/str.h"
#include "supervisor/procs.h"
#include "supervisor/walk.h"

#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#define FILES_EVERY 4	/* memory looks between looks at descriptors */
#define FILES_ALWAYS 64 /* processes up to which it is done always */

struct watch {
	struct event_base *base;
	struct event *timer;
	uint64_t limit;
	watch_fn fn;
	void *arg;
	pid_t pid;
	bool fired;

	/* disk */
	int dirs[WATCH_DIRS_MAX];
	size_t n_dirs;
	dev_t dev;
	struct timespec since;
	struct walk *walk;
	bool have_base, base_deep;
	uint64_t base_bytes; /* what lay there before */
	uint64_t growth;     /* found by the last walk */
	uint64_t fs_used;    /* at the last walk's start */
	uint64_t fs_first;   /* at the box's start */
	unsigned int ticks;  /* since then */

	/* memory */
	unsigned int interval_ms, looks;
	uint64_t last, memfd;
};

static void
arm(struct watch *w, unsigned int ms)
{
	const struct timeval tv = {
		.tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};

	if (!w->fired)
		event_add(w->timer, &tv);
}

static void
fire(struct watch *w, uint64_t used, const char *what)
{
	char a[32], b[32], text[160];

	w->fired = true;
	event_del(w->timer);
	snprintf(text, sizeof(text), "%s %s, the limit is %s", what,
		 str_from_size(used, a, sizeof(a)),
		 str_from_size(w->limit, b, sizeof(b)));
	w->fn(w->arg, used, w->limit, text);
}

static struct watch *
watch_alloc(struct event_base *base, pid_t pid, uint64_t limit, watch_fn fn,
	    void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->base = base;
	w->pid = pid;
	w->limit = limit;
	w->fn = fn;
	w->arg = arg;
	return w;
}

void
watch_free(struct watch *w)
{
	if (!w)
		return;
	if (w->timer)
		event_free(w->timer);
	walk_free(w->walk);
	for (size_t i = 0; i < w->n_dirs; i++)
		close(w->dirs[i]);
	free(w);
}

/* ---- workspace --------------------------------------------------------- */

/* Used bytes of all watched file systems; each once would be exact, but only
 * changes matter. */
static uint64_t
fs_used(const struct watch *w)
{
	struct statvfs sv;
	uint64_t sum = 0;

	for (size_t i = 0; i < w->n_dirs; i++)
		if (fstatvfs(w->dirs[i], &sv) == 0)
			sum += (uint64_t)(sv.f_blocks - sv.f_bfree) *
			       sv.f_frsize;
	return sum;
}

static uint64_t
deleted_bytes(const struct watch *w)
{
	struct procs_files files = { 0 };
	struct procs *p = NULL;

	if (w->pid <= 0 || procs_find(w->pid, &p) < 0)
		return 0;
	procs_files(p, w->dev, &files);
	procs_free(p);
	return files.deleted;
}

static void
walk_start(struct watch *w)
{
	w->fs_used = fs_used(w);
	w->ticks = 0;
	if (walk_new(w->dirs, w->n_dirs, w->since, !w->have_base, &w->walk) < 0)
		w->walk = NULL; /* out of memory: at the next tick */
}

/* What the file system filled up with since, and new files do not explain, may
 * have gone into touched files; the rest of those was there before. */
static void
take_base(struct watch *w, const struct walk_sum *s)
{
	uint64_t now = fs_used(w), fresh = s->all - s->old - s->touched;
	uint64_t written = now > w->fs_first ? now - w->fs_first : 0;

	written -= MIN(written, fresh);
	w->have_base = true;
	w->base_deep = s->deep;
	w->base_bytes = s->old + s->touched - MIN(s->touched, written);
}

/* True if the box is over its limit and was reported. */
static bool
walk_judge(struct watch *w, const struct walk_sum *s)
{
	uint64_t used;

	if (!w->have_base)
		take_base(w, s);
	used = s->all + deleted_bytes(w);
	w->growth = used > w->base_bytes ? used - w->base_bytes : 0;
	if (w->growth > w->limit) {
		fire(w, w->growth, "the workspace grew by");
		return true;
	}
	if (s->deep_new && !w->base_deep) {
		fire(w, w->growth,
		     "the workspace has directories too deep to be watched, "
		     "and grew by at least");
		return true;
	}
	return false;
}

static void
walk_go_on(struct watch *w)
{
	struct walk_sum sum;
	int r = walk_step(w->walk, WATCH_SLICE_US, &sum);

	if (r > 0) {
		arm(w, WATCH_PAUSE_MS);
		return;
	}
	walk_free(w->walk);
	w->walk = NULL;
	/* an error (out of descriptors) leaves it to the next tick */
	if (r == 0 && walk_judge(w, &sum))
		return;
	arm(w, WATCH_DISK_MS);
}

static bool
walk_is_due(const struct watch *w, uint64_t used)
{
	uint64_t left = w->limit - MIN(w->growth, w->limit);

	if (!w->have_base)
		return true;
	if (used == w->fs_used)
		return false;
	if (w->ticks >= WATCH_WALK_S * 1000 / WATCH_DISK_MS)
		return true;
	return used > w->fs_used && used - w->fs_used > left / 2;
}

static void
on_disk(int fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	(void)what;
	if (!w->walk) {
		w->ticks++;
		if (walk_is_due(w, fs_used(w)))
			walk_start(w);
	}
	if (w->walk)
		walk_go_on(w);
	else
		arm(w, WATCH_DISK_MS);
}

static int
take_dirs(struct watch *w, const int *dirs, size_t n)
{
	struct stat st;

	for (size_t i = 0; i < n; i++) {
		int fd = openat(dirs[i], ".",
				O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		w->dirs[w->n_dirs++] = fd;
	}
	if (fstat(w->dirs[0], &st) < 0)
		return -errno;
	w->dev = st.st_dev;
	return 0;
}

int
watch_disk(struct event_base *base, const int *dirs, size_t n, pid_t pid,
	   uint64_t limit, watch_fn fn, void *arg, struct watch **ret,
	   struct err *e)
{
	struct watch *w;
	int r;

	if (n < 1 || n > WATCH_DIRS_MAX)
		return err_set(e, EINVAL, "%zu folders to watch, not 1 to %d",
			       n, WATCH_DIRS_MAX);
	w = watch_alloc(base, pid, limit, fn, arg);
	if (!w)
		return err_sys(e, ENOMEM, "disk watch");
	/* file times are taken from this clock (coarse, so never later) */
	clock_gettime(CLOCK_REALTIME_COARSE, &w->since);
	r = take_dirs(w, dirs, n);
	if (r == 0) {
		w->timer = event_new(base, -1, 0, on_disk, w);
		r = w->timer ? 0 : -ENOMEM;
	}
	if (r < 0) {
		watch_free(w);
		return err_sys(e, r, "cannot watch the workspace's size");
	}
	w->fs_first = fs_used(w);
	arm(w, WATCH_START_MS);
	*ret = w;
	return 0;
}

void
watch_since(struct watch *w, uint64_t realtime_us)
{
	/* file times come from a clock that ticks: up to 10 ms late */
	realtime_us -= MIN(realtime_us, 10000u);
	w->since.tv_sec = (time_t)(realtime_us / 1000000);
	w->since.tv_nsec = (long)(realtime_us % 1000000) * 1000;
}

/* ---- memory ------------------------------------------------------------ */

static uint64_t
total(const struct watch *w, const struct procs_sum *s)
{
	/* a mapped memfd is in both; one that is not, only in the second */
	return s->anon + MAX(s->shmem, w->memfd);
}

static int
memory_look(struct watch *w, uint64_t *ret)
{
	struct procs_files files;
	struct procs_sum sum;
	struct procs *p = NULL;
	int r = procs_find(w->pid, &p);

	if (r < 0)
		return r;
	procs_sum(p, &sum);
	if (sum.n <= FILES_ALWAYS || w->looks++ % FILES_EVERY == 0) {
		procs_files(p, 0, &files);
		w->memfd = files.memfd;
	}
	if (total(w, &sum) > w->limit)
		procs_sum_exact(p, &sum);
	procs_free(p);
	*ret = total(w, &sum);
	return 0;
}

/* Twice as slow after each look at which little changed and much is left. */
static void
memory_pace(struct watch *w, uint64_t used)
{
	uint64_t change = used > w->last ? used - w->last : w->last - used;

	if (used > w->limit / 2 || change > w->limit / 64)
		w->interval_ms = WATCH_MEMORY_MS;
	else
		w->interval_ms =
			MIN(2 * w->interval_ms, (unsigned)WATCH_MEMORY_MAX_MS);
	w->last = used;
}

static void
on_memory(int fd, short what, void *arg)
{
	struct watch *w = arg;
	uint64_t used = 0;
	int r = memory_look(w, &used);

	(void)fd;
	(void)what;
	if (r == -ESRCH)
		return; /* dead: the owner will hear of it */
	if (r == 0 && used > w->limit) {
		fire(w, used, "the processes use memory of");
		return;
	}
	memory_pace(w, used);
	arm(w, w->interval_ms);
}

int
watch_memory(struct event_base *base, pid_t pid, uint64_t limit, watch_fn fn,
	     void *arg, struct watch **ret, struct err *e)
{
	struct procs *p = NULL;
	struct watch *w;
	int r = procs_find(pid, &p);

	procs_free(p);
	if (r < 0)
		return err_sys(e, r, "cannot watch the memory of a box");
	w = watch_alloc(base, pid, limit, fn, arg);
	if (!w)
		return err_sys(e, ENOMEM, "memory watch");
	w->interval_ms = WATCH_MEMORY_MS;
	w->timer = event_new(base, -1, 0, on_memory, w);
	if (!w->timer) {
		watch_free(w);
		return err_sys(e, ENOMEM, "memory watch");
	}
	arm(w, WATCH_MEMORY_MS);
	*ret = w;
	return 0;
}
