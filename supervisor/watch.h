#pragma once
/*
 * Limits that no kernel file holds: how much a directly shared workspace may
 * grow, and, where there is no memory cgroup, what the box's processes use
 * together. Both only look; the callback freezes and kills. Between two looks
 * a box can overshoot: SECURITY.md says by how much.
 */
#include "lib/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WATCH_DIRS_MAX 16
#define WATCH_START_MS 10   /* before the first look at a workspace */
#define WATCH_DISK_MS 1000  /* between looks at the file system's numbers */
#define WATCH_WALK_S 15	    /* walk at least so often if they moved */
#define WATCH_SLICE_US 1000 /* of a walk, in one turn of the loop */
#define WATCH_PAUSE_MS 1    /* between two slices */
#define WATCH_MEMORY_MS 250 /* doubled up to WATCH_MEMORY_MAX_MS when idle */
#define WATCH_MEMORY_MAX_MS 1000

struct watch;
struct event_base;

/* Called once, then the watch rests. text is a sentence without a newline:
 * "the workspace grew by 1.2G, the limit is 1.0G". */
typedef void (*watch_fn)(void *arg, uint64_t used, uint64_t limit,
			 const char *text);

/* dirs: descriptors of the watched folders (duplicated). pid: pid 1 of the box,
 * as the supervisor sees it (not reaped yet), for files that are deleted but
 * still open. Call it before the box runs; it returns at once and first looks
 * WATCH_START_MS later: what lies there with an older ctime than the call is
 * no growth. */
int watch_disk(struct event_base *base, const int *dirs, size_t n, pid_t pid,
	       uint64_t limit, watch_fn fn, void *arg, struct watch **ret,
	       struct err *e);

/* Moves that moment back to when the box really began (CLOCK_REALTIME
 * microseconds), before the first turn of the loop. */
void watch_since(struct watch *w, uint64_t realtime_us);

/* pid as above. -ENOTSUP: the kernel does not list children
 * (CONFIG_PROC_CHILDREN). */
int watch_memory(struct event_base *base, pid_t pid, uint64_t limit,
		 watch_fn fn, void *arg, struct watch **ret, struct err *e);

/* Stops; accepts NULL. */
void watch_free(struct watch *w);
