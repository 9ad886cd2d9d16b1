/* links: audit lib */
/* A disk that fails: every call, once or until it is well again; what was
 * acknowledged is there, what was refused has left no trace. */
#include "audit/layout.h"
#include "lib/fd.h"
#include "tests/tap.h"
#include "tests/tools/store_log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define STEPS 400

/* What a careful client knows. */
struct client {
	struct store_log l;
	uint64_t acked[STEPS]; /* seq of the step; 0: refused */
	uint64_t refused, next;
};

static void
record_step(struct client *c, bool owed)
{
	uint64_t step = c->next++, seq;
	int r;

	ASSERT_TRUE(step < STEPS);
	seq = log_add_step(&c->l, step, owed);
	ASSERT_NE(seq, 0);
	r = store_commit(c->l.s, &c->l.now);
	if (r >= 0) {
		c->acked[step] = seq;
		ASSERT_EQ(store_written(c->l.s), seq);
		return;
	}
	c->refused++;
	store_refused(c->l.s, 1, r, &c->l.now);
}

/* A life: records of both kinds, syncs, checkpoints, a new file, time. */
static void
live(struct client *c)
{
	char note[NOTE_MAX];

	for (int i = 0; i < 8; i++) {
		record_step(c, i % 4 == 3);
		if (i % 3 == 0)
			(void)store_sync(c->l.s);
		if (i == 4)
			(void)store_checkpoint(c->l.s, &c->l.now, note);
		if (i == 5)
			(void)store_rotate(c->l.s, &c->l.now);
		log_tick(&c->l, 300000, NULL);
	}
}

struct seen_steps {
	uint64_t seq[STEPS];
};

static void
see_step(void *arg, const struct record *r)
{
	struct seen_steps *s = arg;
	uint64_t step = record_get_uint(r, FIELD_STEP);

	if (r->type != RECORD_LIFECYCLE)
		return;
	ASSERT_TRUE(step < STEPS && !s->seq[step]);
	s->seq[step] = r->seq;
}

/* The log holds what was acknowledged, where it was said to be, and nothing
 * else. */
static void
compare(struct client *c)
{
	struct seen_steps *s = calloc(1, sizeof(*s));

	log_each(&c->l, see_step, s);
	for (uint64_t i = 0; i < STEPS; i++)
		if (s->seq[i] != c->acked[i])
			FAIL("step %llu: acknowledged as %llu, found as %llu",
			     (unsigned long long)i,
			     (unsigned long long)c->acked[i],
			     (unsigned long long)s->seq[i]);
	free(s);
}

static void
open_in(struct client *c, const char *name)
{
	memset(c, 0, sizeof(*c));
	log_prepare(&c->l);
	ASSERT_OK(mkdirat(c->l.dirfd, name, 0700));
	{
		int fd = openat(c->l.dirfd, name,
				O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		ASSERT_OK(fd);
		close(c->l.dirfd);
		c->l.dirfd = fd;
	}
}

/* Calls of a life without faults. */
static uint64_t
calls_of_a_life(void)
{
	struct client c;
	uint64_t n;

	open_in(&c, "count");
	log_fail(&c.l, (1u << CALL_MAX) - 1, UINT64_MAX, 0, 0);
	log_open(&c.l);
	live(&c);
	n = c.l.fault.calls;
	log_heal(&c.l);
	ASSERT_EQ(c.refused, 0);
	log_stop(&c.l);
	log_end(&c.l);
	return n;
}

/* From call number `from` on, `times` calls fail; then the disk is well. */
static void
one_life(uint64_t from, uint64_t times, int error, size_t part, bool kill)
{
	struct client c;
	struct log_seen seen;
	char name[64];

	(void)snprintf(name, sizeof(name), "%llu-%llu-%d-%d",
		       (unsigned long long)from, (unsigned long long)times,
		       error, kill);
	open_in(&c, name);
	log_fail(&c.l, (1u << CALL_MAX) - 1, from, times, error);
	c.l.fault.part = part;
	c.l.fault.lose = true;
	if (log_try_open(&c.l, NULL) < 0) {
		log_heal(&c.l);
		log_open(&c.l);
	}
	live(&c);
	log_heal(&c.l);
	log_tick(&c.l, 2000000, NULL);
	log_tick(&c.l, 2000000, NULL);
	ASSERT_EQ(store_failing(c.l.s), 0);
	record_step(&c, false);
	ASSERT_EQ(c.acked[8], store_written(c.l.s));
	compare(&c);
	log_check(&c.l, &seen);
	ASSERT_EQ(seen.refused, c.refused);
	if (kill)
		log_kill(&c.l);
	else
		log_stop(&c.l);
	log_open(&c.l);
	compare(&c);
	log_stop(&c.l);
	log_end(&c.l);
}

static void
each_call(uint64_t times, int error, size_t part)
{
	uint64_t n = calls_of_a_life();

	ASSERT_GE(n, 60);
	for (uint64_t from = 0; from < n; from++)
		one_life(from, times, error, part, from % 2);
}

TEST_LIMIT(each_call_fails_once, 120)
{
	each_call(1, EIO, 0);
}

TEST_LIMIT(each_call_fails_once_for_space, 120)
{
	each_call(1, ENOSPC, 60);
}

TEST_LIMIT(all_fail_from_each_call_on, 120)
{
	each_call(UINT64_MAX, EROFS, 0);
}

TEST_LIMIT(no_space_from_each_call_on, 120)
{
	each_call(UINT64_MAX, ENOSPC, 100);
}

TEST_LIMIT(five_fail_from_each_call_on, 120)
{
	each_call(5, EDQUOT, 33);
}

/* fdatasync fails and the kernel forgets: what was not synced is written
 * again, and nothing is called durable before that worked. */
TEST(failed_sync_is_not_forgotten)
{
	struct client c;
	uint64_t durable;

	open_in(&c, "log");
	log_open(&c.l);
	c.l.fault.lose = true;
	for (int i = 0; i < 5; i++)
		record_step(&c, false);
	durable = store_durable(c.l.s);
	log_fail(&c.l, 1u << CALL_DATASYNC, 0, 2, EIO);
	ASSERT_ERR(store_sync(c.l.s), -EIO);
	ASSERT_EQ(store_durable(c.l.s), durable);
	ASSERT_EQ(store_failing(c.l.s), -EIO);
	ASSERT_ERR(store_sync(c.l.s), -EIO);
	ASSERT_OK(store_sync(c.l.s));
	ASSERT_EQ(store_durable(c.l.s), store_written(c.l.s));
	ASSERT_EQ(store_failing(c.l.s), 0);
	compare(&c);
	/* intents wait for the disk, what is owed does not */
	record_step(&c, false);
	log_fail(&c.l, 1u << CALL_DATASYNC, 0, UINT64_MAX, EIO);
	ASSERT_ERR(store_sync(c.l.s), -EIO);
	record_step(&c, false);
	ASSERT_EQ(c.refused, 1);
	record_step(&c, true);
	ASSERT_EQ(c.refused, 1);
	log_heal(&c.l);
	log_tick(&c.l, 1000000, NULL);
	compare(&c);
	ASSERT_EQ(store_failing(c.l.s), 0);
	log_stop(&c.l);
	log_end(&c.l);
}

/* A batch that is refused leaves nothing, not even when it cannot be cut. */
TEST(failed_truncate)
{
	struct log_seen seen;
	struct client c;

	open_in(&c, "log");
	log_open(&c.l);
	record_step(&c, false);
	log_fail(&c.l, 1u << CALL_WRITE | 1u << CALL_TRUNCATE, 0, UINT64_MAX,
		 ENOSPC);
	c.l.fault.part = 50;
	record_step(&c, false);
	record_step(&c, true);
	ASSERT_EQ(c.refused, 2);
	log_heal(&c.l);
	record_step(&c, true);
	log_tick(&c.l, 1000000, NULL);
	compare(&c);
	log_check(&c.l, &seen);
	ASSERT_EQ(seen.gaps, 1);
	ASSERT_EQ(seen.refused, 2);
	log_stop(&c.l);
	log_end(&c.l);
}

struct gap_seen {
	struct record_head h;
	uint64_t first, last, count;
	char cause[64];
};

static void
see_gap(void *arg, const struct record *r)
{
	struct gap_seen *g = arg;
	struct field cause;

	if (r->type != RECORD_LOG_GAP)
		return;
	ASSERT_TRUE(record_get(r, FIELD_CAUSE, &cause));
	g->h.seq = r->seq;
	g->first = record_get_uint(r, FIELD_FIRST);
	g->last = record_get_uint(r, FIELD_LAST);
	g->count = record_get_uint(r, FIELD_COUNT);
	(void)snprintf(g->cause, sizeof(g->cause), "%.*s", (int)cause.len,
		       (const char *)cause.bytes);
}

/* The first batch that works begins with it. */
TEST(gap_tells_of_the_refused)
{
	struct gap_seen gap = { .count = 0 };
	struct client c;
	uint64_t first, last;

	open_in(&c, "log");
	log_open(&c.l);
	log_fail(&c.l, 1u << CALL_WRITE, 0, UINT64_MAX, EIO);
	first = c.l.now.wall_us;
	record_step(&c, false);
	c.l.now.wall_us += 5000;
	c.l.now.boot_us += 5000;
	record_step(&c, false);
	last = c.l.now.wall_us;
	c.l.now.wall_us += 5000;
	log_heal(&c.l);
	record_step(&c, false);
	ASSERT_EQ(c.acked[2], 5);
	log_each(&c.l, see_gap, &gap);
	ASSERT_EQ(gap.h.seq, 4);
	ASSERT_EQ(gap.count, 2);
	ASSERT_EQ(gap.first, first);
	ASSERT_EQ(gap.last, last);
	ASSERT_STREQ(gap.cause, "Input/output error");
	log_stop(&c.l);
	log_end(&c.l);
}

/* A disk that works again is noticed without an action that dares. */
TEST(recovers_by_itself)
{
	struct log_seen seen;
	struct client c;
	uint64_t next;
	char note[NOTE_MAX];
	bool rotated;

	open_in(&c, "log");
	log_open(&c.l);
	log_fail(&c.l, 1u << CALL_WRITE, 0, UINT64_MAX, EROFS);
	record_step(&c, false);
	ASSERT_EQ(store_failing(c.l.s), -EROFS);
	next = store_tick(c.l.s, &c.l.now, note, &rotated);
	ASSERT_LE(next, c.l.now.boot_us + 250000);
	log_tick(&c.l, 250000, NULL);
	ASSERT_EQ(store_failing(c.l.s), -EROFS);
	log_heal(&c.l);
	log_tick(&c.l, 250000, NULL);
	ASSERT_EQ(store_failing(c.l.s), 0);
	log_check(&c.l, &seen);
	ASSERT_EQ(seen.refused, 1);
	log_stop(&c.l);
	log_end(&c.l);
}

/* Owed records use the reserve, others wait until it is there again. */
TEST(reserve_is_for_what_is_owed)
{
	struct client c;
	struct stat st;

	open_in(&c, "log");
	log_open(&c.l);
	log_fail(&c.l, 1u << CALL_WRITE, 0, 1, ENOSPC);
	record_step(&c, false);
	ASSERT_EQ(c.refused, 1); /* and the reserve is untouched */
	ASSERT_OK(fstatat(c.l.dirfd, LAYOUT_RESERVE, &st, 0));
	ASSERT_EQ(st.st_size, 1 << 20);
	log_fail(&c.l, 1u << CALL_WRITE, 0, 1, ENOSPC);
	record_step(&c, true);
	ASSERT_EQ(c.refused, 1);
	ASSERT_OK(fstatat(c.l.dirfd, LAYOUT_RESERVE, &st, 0));
	ASSERT_EQ(st.st_size, 0);
	ASSERT_EQ(store_failing(c.l.s), -ENOSPC);
	/* writing works, but there is no reserve */
	log_fail(&c.l, 1u << CALL_ALLOCATE, 0, UINT64_MAX, ENOSPC);
	record_step(&c, false);
	ASSERT_EQ(c.refused, 2);
	record_step(&c, true);
	ASSERT_EQ(c.refused, 2);
	log_heal(&c.l);
	c.l.now.boot_us += 250000;
	record_step(&c, false);
	ASSERT_EQ(c.refused, 2);
	ASSERT_OK(fstatat(c.l.dirfd, LAYOUT_RESERVE, &st, 0));
	ASSERT_EQ(st.st_size, 1 << 20);
	ASSERT_EQ(store_failing(c.l.s), 0);
	compare(&c);
	log_stop(&c.l);
	log_end(&c.l);
}

static void
fill_disk(struct store_log *l, const char *name)
{
	static char block[4096];
	int fd = openat(l->dirfd, name,
			O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	ASSERT_OK(fd);
	while (write(fd, block, sizeof(block)) > 0)
		;
	ASSERT_EQ(errno, ENOSPC);
	close(fd);
}

/* A real file system that is full. */
TEST_LIMIT(full_tmpfs, 60)
{
	struct log_seen seen;
	struct client c;
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/small", tap_tmpdir());
	ASSERT_EQ(mkdir(path, 0700), 0);
	if (mount("none", path, "tmpfs", MS_NOSUID | MS_NODEV,
		  "size=4m,mode=700") < 0)
		SKIP("needs to mount a tmpfs: %s", strerror(errno));
	memset(&c, 0, sizeof(c));
	log_prepare(&c.l);
	close(c.l.dirfd);
	c.l.dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	log_open(&c.l);
	record_step(&c, false);
	fill_disk(&c.l, "ballast");
	while (!c.refused) /* the file's last page has room for some */
		record_step(&c, false);
	for (int i = 0; i < 50; i++)
		record_step(&c, true);
	ASSERT_EQ(c.refused, 1);
	for (int i = 0; i < 20; i++) {
		c.l.now.boot_us += 300000;
		record_step(&c, false);
	}
	ASSERT_EQ(c.refused, 21);
	ASSERT_EQ(store_failing(c.l.s), -ENOSPC);
	compare(&c);
	/* a writer that begins while it is full */
	log_kill(&c.l);
	log_open(&c.l);
	ASSERT_EQ(store_failing(c.l.s), -ENOSPC);
	record_step(&c, false);
	ASSERT_EQ(c.refused, 22);
	ASSERT_OK(unlinkat(c.l.dirfd, "ballast", 0));
	log_tick(&c.l, 1000000, NULL);
	ASSERT_EQ(store_failing(c.l.s), 0);
	record_step(&c, false);
	ASSERT_EQ(c.refused, 22);
	compare(&c);
	log_check(&c.l, &seen);
	ASSERT_EQ(seen.refused, 1); /* 21 died with the writer before */
	log_stop(&c.l);
	log_end(&c.l);
	ASSERT_EQ(umount2(path, MNT_DETACH), 0);
}
