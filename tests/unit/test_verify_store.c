/* links: audit lib */
/* The verifier on what the store writes: through a life with ends, crashes,
 * a full disk and retention, and while it is being written. */
#include "audit/verify.h"
#include "lib/fd.h"
#include "tests/tools/store_log.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define HOUR UINT64_C(3600000000)

struct keys_seen {
	uint8_t log[NOTE_LOG_LEN], public[NOTE_KEY_LEN];
	char *start;
};

/* As somebody does who only has the folder. */
static struct keys_seen
read_keys(const struct store_log *l)
{
	struct keys_seen k = { .start = NULL };
	_cleanup_free_ char *text = NULL;
	struct err e = ERR_INIT;
	ssize_t n =
		ASSERT_OK(fd_read_file(l->dirfd, "public.key", 4096, &text));

	ASSERT_OK(note_key_parse(text, (size_t)n, k.log, k.public, &e));
	ASSERT_EQ(fd_read_file(l->dirfd, "start.key", 64, &k.start), 32);
	return k;
}

static struct verify_report
verify(const struct store_log *l, bool live)
{
	struct keys_seen k = read_keys(l);
	struct verify_options o = { .public_key = k.public,
				    .log = k.log,
				    .start_key = (uint8_t *)k.start,
				    .live = live };
	struct verify_report r, bare;
	struct err e = ERR_INIT;

	ASSERT_OK(verify_log(l->dirfd, &o, &r, &e));
	o.start_key = NULL;
	ASSERT_OK(verify_log(l->dirfd, &o, &bare, &e));
	free(k.start);
	if (r.fault || bare.fault)
		FAIL("%s%s: %s offset %llu seq %llu: %s",
		     verify_fault_name(r.fault), verify_fault_name(bare.fault),
		     r.file, (unsigned long long)r.offset,
		     (unsigned long long)r.seq, r.fault ? r.text : bare.text);
	return r;
}

/* n actions with their outcomes, but for the last. */
static void
act(struct store_log *l, unsigned int n)
{
	for (uint64_t intent = 0; n; n--) {
		if (intent)
			log_add(l, RECORD_OUTCOME, intent, true);
		intent = log_add(l, RECORD_INTENT, 0, false);
		ASSERT_OK(store_commit(l->s, &l->now));
		log_tick(l, 50000, NULL);
	}
}

TEST(a_life)
{
	struct verify_report r;
	struct store_log l;
	uint64_t last;

	log_begin(&l);
	log_add(&l, RECORD_CHANNEL, 0, false);
	act(&l, 100);
	ASSERT_OK(store_rotate(l.s, &l.now));
	act(&l, 100);
	log_kill(&l);
	r = verify(&l, false);
	ASSERT_EQ(r.segments, 2);
	ASSERT_EQ(r.intents, 200);
	ASSERT_EQ(r.outcomes, 198);
	ASSERT_EQ(r.open_actions, 2);
	ASSERT_EQ(r.restarts, 0);
	log_open(&l);
	r = verify(&l, true);
	ASSERT_EQ(r.restarts, 1);
	ASSERT_EQ(r.open_actions, 2);
	last = store_written(l.s);
	log_stop(&l);
	r = verify(&l, false);
	ASSERT_GE(r.last, last + 2);
	ASSERT_EQ(r.uncovered, 0);
	ASSERT_EQ(r.covered, r.last - 1);
	ASSERT_EQ(r.head, r.covered);
	log_end(&l);
}

/* The folder as the end of a process leaves it, at many points. */
TEST_LIMIT(ends_of_all_kinds, 60)
{
	struct verify_report r;
	struct store_log l;
	unsigned int restarts = 0;

	log_begin(&l);
	for (unsigned int i = 0; i < 60; i++) {
		act(&l, i % 7);
		if (i % 5 == 0)
			ASSERT_OK(store_rotate(l.s, &l.now));
		if (i % 3 == 0)
			log_tick(&l, 1 + HOUR / 1000, NULL);
		if (i % 4 == 0) {
			log_stop(&l);
		} else {
			log_kill(&l);
			restarts++;
		}
		verify(&l, false);
		log_open(&l);
		r = verify(&l, true);
		ASSERT_EQ(r.restarts, restarts);
		ASSERT_EQ(r.last, store_written(l.s));
	}
	log_stop(&l);
	log_end(&l);
}

TEST(a_full_disk)
{
	struct verify_report r;
	struct store_log l;
	uint64_t refused = 0;

	log_begin(&l);
	act(&l, 20);
	for (size_t part = 0; part < 400; part += 37) {
		log_fail(&l, 1 << CALL_WRITE, 0, 3, ENOSPC);
		l.fault.part = part;
		log_add(&l, RECORD_LIFECYCLE, 0, false);
		if (store_commit(l.s, &l.now) < 0) {
			store_refused(l.s, 1, ENOSPC, &l.now);
			refused++;
		}
		verify(&l, true);
		log_heal(&l);
		log_tick(&l, 1000000, NULL);
		act(&l, 3);
		verify(&l, true);
	}
	log_stop(&l);
	r = verify(&l, false);
	ASSERT_GE(r.gaps, 1);
	ASSERT_EQ(r.gap_records, refused);
	log_end(&l);
}

/* Removes, and looks at once, as if the machine had died there. */
static int
unlink_and_look(void *arg, int dirfd, const char *name)
{
	if (unlinkat(dirfd, name, 0) < 0)
		return -1;
	if (strstr(name, ".seg"))
		verify((struct store_log *)((char *)arg -
					    offsetof(struct store_log, fault)),
		       false);
	return 0;
}

TEST_LIMIT(retention_and_death, 60)
{
	struct store_log l;

	log_prepare(&l);
	l.config.retention_days = 10;
	l.io.unlinkat = unlink_and_look;
	ASSERT_TRUE(l.io.arg == &l.fault);
	log_open(&l);
	for (int day = 0; day < 20; day++) {
		act(&l, 2);
		log_tick(&l, 24 * HOUR, NULL);
	}
	ASSERT_GE(verify(&l, true).expired, 3);
	log_stop(&l);
	log_end(&l);
}

/* What retention removes, looked at after each step of it. */
TEST_LIMIT(retention, 60)
{
	struct verify_report r = { 0 };
	struct store_log l;
	uint64_t first = 1;

	log_prepare(&l);
	l.config.retention_days = 10;
	log_open(&l);
	for (int hour = 0; hour < 20 * 24; hour += 6) {
		act(&l, 2);
		log_tick(&l, 6 * HOUR, NULL);
		r = verify(&l, true);
		ASSERT_LE(first, r.first);
		first = r.first;
	}
	ASSERT_GE(r.expired, 5);
	ASSERT_GE(first, 50);
	log_stop(&l);
	r = verify(&l, false);
	ASSERT_EQ(r.first, first);
	log_end(&l);
}

/* Until it is killed. */
static void
write_on(struct store_log *l)
{
	for (unsigned int i = 1;; i++) {
		act(l, 5);
		if (i % 40 == 0)
			ASSERT_OK(store_rotate(l->s, &l->now));
	}
}

TEST_LIMIT(while_it_is_written, 60)
{
	struct verify_report r = { 0 };
	struct store_log l;
	uint64_t begin, n = 0;
	pid_t pid;

	log_begin(&l);
	act(&l, 10);
	begin = store_written(l.s);
	pid = ASSERT_OK(fork());
	if (!pid) {
		write_on(&l);
		_exit(1);
	}
	for (; n < 50 || r.last < begin + 1000; n++)
		r = verify(&l, true);
	ASSERT_OK(kill(pid, SIGKILL));
	ASSERT_EQ(waitpid(pid, NULL, 0), pid);
	ASSERT_GE(r.segments, 2);
	log_kill(&l);
	log_open(&l);
	log_stop(&l);
	r = verify(&l, false);
	ASSERT_EQ(r.restarts, 1);
	log_end(&l);
}
