/* links: audit lib */
/* The store on a disk that works: a new log, batches, checkpoints, ends and
 * begins, rotation, retention, blobs. */
#include "audit/chain.h"
#include "audit/layout.h"
#include "audit/note.h"
#include "lib/fd.h"
#include "tests/tap.h"
#include "tests/tools/store_log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define HOUR 3600000000u
#define DAY 86400000000u

TEST(fresh_log)
{
	struct store_log l;
	struct stat st;

	log_begin(&l);
	/* log.segment, log.start, log.checkpoint */
	ASSERT_EQ(store_written(l.s), 3);
	ASSERT_EQ(store_durable(l.s), 3);
	ASSERT_EQ(store_failing(l.s), 0);
	ASSERT_EQ(log_type(&l, 1), RECORD_LOG_SEGMENT);
	ASSERT_EQ(log_type(&l, 2), RECORD_LOG_START);
	ASSERT_EQ(log_type(&l, 3), RECORD_LOG_CHECKPOINT);
	ASSERT_OK(fstatat(l.dirfd, LAYOUT_RESERVE, &st, 0));
	ASSERT_EQ(st.st_size, 1 << 20);
	ASSERT_OK(fstatat(l.dirfd, LAYOUT_SIGN, &st, 0));
	ASSERT_EQ(st.st_mode & 0777, 0600);
	log_stop(&l);
	log_end(&l);
}

TEST(stop_and_begin)
{
	struct store_log l;
	uint8_t log[NOTE_LOG_LEN];

	log_begin(&l);
	memcpy(log, store_log_id(l.s), sizeof(log));
	ASSERT_EQ(log_add(&l, RECORD_LIFECYCLE, 0, false), 4);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_EQ(store_written(l.s), 4);
	ASSERT_EQ(store_durable(l.s), 3);
	ASSERT_TRUE(store_unsynced(l.s) > 0);
	ASSERT_OK(store_sync(l.s));
	ASSERT_EQ(store_durable(l.s), 4);
	ASSERT_EQ(store_unsynced(l.s), 0);
	log_stop(&l);
	log_open(&l);
	ASSERT_MEMEQ(store_log_id(l.s), log, sizeof(log));
	ASSERT_EQ(store_written(l.s), 7);
	ASSERT_EQ(log_type(&l, 5), RECORD_LOG_STOP);
	ASSERT_EQ(log_type(&l, 6), RECORD_LOG_CHECKPOINT);
	ASSERT_EQ(log_type(&l, 7), RECORD_LOG_START);
	log_stop(&l);
	log_end(&l);
}

TEST(batch_is_bounded)
{
	static uint8_t big[RECORD_FIELDS_MAX];
	struct store_log l;
	struct fields f;
	uint64_t n = 0;

	log_begin(&l);
	fields_init(&f);
	fields_text(&f, FIELD_WHAT, "x");
	memset(big, 'x', sizeof(big));
	for (int id = FIELD_TARGET; id <= FIELD_CALL_ID; id++)
		fields_text_n(&f, (enum field_id)id, (char *)big, 4096, 0);
	for (n = 0; store_add(l.s, RECORD_LIFECYCLE, 2, 0, f.bytes, f.len,
			      false, &l.now);)
		n++;
	ASSERT_EQ(n, STORE_BATCH_MAX / (RECORD_MIN + f.len));
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_EQ(store_written(l.s), 3 + n);
	ASSERT_EQ(store_add(l.s, RECORD_LIFECYCLE, 2, 0, big,
			    RECORD_FIELDS_MAX + 1, false, &l.now),
		  0);
	log_stop(&l);
	log_end(&l);
}

/* What is not synced stays in memory; a lot of it is synced unasked. */
TEST(unsynced_is_bounded)
{
	struct store_log l;
	struct fields f;
	char text[4096];
	size_t before = 0;
	bool fell = false;

	log_begin(&l);
	fields_init(&f);
	fields_text(&f, FIELD_WHAT, "x");
	memset(text, 'x', sizeof(text));
	for (int id = FIELD_TARGET; id <= FIELD_CALL_ID; id++)
		fields_text_n(&f, (enum field_id)id, text, sizeof(text), 0);
	for (int i = 0; i < 24; i++) {
		while (store_add(l.s, RECORD_LIFECYCLE, 2, 0, f.bytes, f.len,
				 false, &l.now))
			;
		ASSERT_OK(store_commit(l.s, &l.now));
		ASSERT_LE(store_unsynced(l.s), 32u << 20);
		fell = fell || store_unsynced(l.s) < before;
		before = store_unsynced(l.s);
	}
	ASSERT_TRUE(fell);
	log_stop(&l);
	log_end(&l);
}

TEST(checkpoint_by_time)
{
	char note[NOTE_MAX];
	struct store_log l;
	uint64_t next;
	bool rotated;

	log_begin(&l);
	log_tick(&l, 0, note);
	ASSERT_STRSTR(note, "\n2\n"); /* that of the begin */
	log_tick(&l, HOUR, note);
	ASSERT_STREQ(note, ""); /* nothing happened */
	ASSERT_EQ(store_written(l.s), 3);
	log_add(&l, RECORD_LIFECYCLE, 0, false);
	ASSERT_OK(store_commit(l.s, &l.now));
	next = store_tick(l.s, &l.now, note, &rotated);
	ASSERT_STREQ(note, "");
	ASSERT_EQ(next, l.now.boot_us + 1000000);
	log_tick(&l, 999999, note);
	ASSERT_STREQ(note, "");
	log_tick(&l, 1, note);
	ASSERT_STRSTR(note, "agentbox-audit/");
	ASSERT_EQ(store_written(l.s), 5);
	ASSERT_EQ(store_durable(l.s), 5);
	ASSERT_OK(store_stop(l.s, &l.now));
	ASSERT_STRSTR(store_note(l.s), "\n6\n");
	log_end(&l);
}

/* Under load many are written, few leave: each costs syncs. */
TEST(checkpoint_by_count)
{
	char note[NOTE_MAX];
	struct log_seen seen;
	struct store_log l;
	int notes = 0;

	log_begin(&l);
	l.config.checkpoint_records = 10;
	for (int i = 0; i < 100; i++) {
		for (int k = 0; k < 10; k++)
			log_add(&l, RECORD_LIFECYCLE, 0, false);
		ASSERT_OK(store_commit(l.s, &l.now));
		log_tick(&l, 20000, note);
		notes += *note != 0;
	}
	log_check(&l, &seen);
	ASSERT_EQ(seen.checkpoints, 101);
	ASSERT_LE(notes, 3);
	ASSERT_GE(notes, 2);
	log_stop(&l);
	log_end(&l);
}

/* `head` is what the sinks got, signed, and speaks of what is there. */
TEST(head_is_the_note)
{
	_cleanup_free_ char *head = NULL;
	char note[NOTE_MAX];
	struct store_log l;
	struct note n;

	log_begin(&l);
	log_add(&l, RECORD_LIFECYCLE, 0, false);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_OK(store_checkpoint(l.s, &l.now, note));
	ASSERT_OK(fd_read_file(l.dirfd, LAYOUT_HEAD, NOTE_MAX, &head));
	ASSERT_STREQ(head, note);
	ASSERT_OK(note_parse(note, strlen(note), store_public_key(l.s), &n,
			     NULL));
	ASSERT_EQ(n.size, 4);
	ASSERT_EQ(n.time_us, l.now.wall_us);
	log_stop(&l);
	log_end(&l);
}

/* The MAC key on the disk goes forward, and the one before is gone. */
TEST(old_keys_are_gone)
{
	_cleanup_free_ char *first = NULL, *file = NULL;
	char note[NOTE_MAX];
	struct store_log l;

	log_begin(&l);
	ASSERT_OK(fd_read_file(l.dirfd, LAYOUT_START, 64, &first));
	for (int i = 0; i < 5; i++) {
		struct chain_key k = { .number = 0 };
		ssize_t n;

		free(TAKE_PTR(file));
		n = ASSERT_OK(fd_read_file(l.dirfd, LAYOUT_MAC, 16384, &file));
		memcpy(k.key, first, sizeof(k.key));
		for (uint32_t old = 0; old <= (uint32_t)i; old++) {
			ASSERT_OK(chain_key_step(&k, old));
			ASSERT_NULL(
				memmem(file, (size_t)n, k.key, sizeof(k.key)));
		}
		ASSERT_OK(chain_key_step(&k, (uint32_t)i + 1));
		ASSERT_NOT_NULL(memmem(file, (size_t)n, k.key, sizeof(k.key)));
		ASSERT_OK(store_checkpoint(l.s, &l.now, note));
	}
	log_stop(&l);
	log_end(&l);
}

TEST(rotation_by_size)
{
	struct log_seen seen;
	struct store_log l;
	int rotations = 0;

	log_begin(&l);
	l.config.segment_bytes = 20000;
	for (int i = 0; i < 1000; i++) {
		log_add(&l, RECORD_LIFECYCLE, 0, false);
		ASSERT_OK(store_commit(l.s, &l.now));
		rotations += log_tick(&l, 1000, NULL);
	}
	log_check(&l, &seen);
	ASSERT_GE(rotations, 5);
	ASSERT_EQ(seen.files, rotations + 1);
	log_stop(&l);
	log_open(&l);
	log_stop(&l);
	log_end(&l);
}

/* The age counts across ends of the writer. */
TEST(rotation_by_age)
{
	struct store_log l;
	uint64_t next;
	char note[NOTE_MAX];
	bool rotated;

	log_begin(&l);
	ASSERT_FALSE(log_tick(&l, DAY - HOUR, NULL));
	log_stop(&l);
	l.now.boot_us = 1000; /* the machine was started again */
	log_open(&l);
	log_tick(&l, 0, NULL);
	log_tick(&l, 2000000, NULL);
	next = store_tick(l.s, &l.now, note, &rotated);
	ASSERT_FALSE(rotated);
	ASSERT_LE(next, l.now.boot_us + HOUR);
	ASSERT_TRUE(log_tick(&l, HOUR, NULL));
	ASSERT_FALSE(log_tick(&l, 1000, NULL));
	log_stop(&l);
	log_end(&l);
}

TEST(rotation_on_demand)
{
	struct log_seen seen;
	struct store_log l;

	log_begin(&l);
	log_add(&l, RECORD_LIFECYCLE, 0, false);
	ASSERT_ERR(store_rotate(l.s, &l.now), -EBUSY);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_OK(store_rotate(l.s, &l.now));
	ASSERT_EQ(store_written(l.s), 5);
	ASSERT_EQ(store_durable(l.s), 5);
	log_check(&l, &seen);
	ASSERT_EQ(seen.files, 2);
	log_stop(&l);
	log_end(&l);
}

/* One file a day for 200 days: those above 184 days go, from the front, each
 * told of first. */
TEST_LIMIT(retention, 60)
{
	struct log_seen seen;
	struct store_log l;

	log_begin(&l);
	for (int day = 0; day < 200; day++) {
		log_add(&l, RECORD_LIFECYCLE, 0, false);
		ASSERT_OK(store_commit(l.s, &l.now));
		for (int hour = 0; hour < 24; hour++)
			log_tick(&l, HOUR, NULL);
	}
	log_check(&l, &seen);
	ASSERT_EQ(seen.files, 186); /* 184 whole days, and the ends */
	ASSERT_EQ(seen.expires, 15);
	log_stop(&l);
	log_open(&l);
	log_stop(&l);
	log_end(&l);
}

/* A clock that goes back expires nothing. */
TEST(retention_clock_back)
{
	struct log_seen seen;
	struct store_log l;

	log_begin(&l);
	ASSERT_OK(store_rotate(l.s, &l.now));
	l.now.wall_us -= 300 * (uint64_t)DAY;
	log_tick(&l, 2 * (uint64_t)HOUR, NULL);
	log_check(&l, &seen);
	ASSERT_EQ(seen.files, 2);
	ASSERT_EQ(seen.expires, 0);
	log_stop(&l);
	log_end(&l);
}

TEST(max_bytes)
{
	struct log_seen seen;
	struct store_log l;
	uint64_t step = 0;
	int r;

	log_begin(&l);
	l.config.max_bytes = 100000;
	do {
		ASSERT_NE(log_add_step(&l, ++step, false), 0);
		r = store_commit(l.s, &l.now);
	} while (r >= 0);
	ASSERT_ERR(r, -EFBIG);
	store_refused(l.s, 1, r, &l.now);
	ASSERT_EQ(store_failing(l.s), -EFBIG);
	/* what is owed still goes in, an intent does not */
	ASSERT_NE(log_add_step(&l, 0, true), 0);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_NE(log_add_step(&l, 0, false), 0);
	ASSERT_ERR(store_commit(l.s, &l.now), -EFBIG);
	/* trying again writes nothing */
	for (int i = 0; i < 100; i++)
		log_tick(&l, 250000, NULL);
	log_check(&l, &seen);
	ASSERT_EQ(seen.gaps, 0);
	l.config.max_bytes = 0;
	log_tick(&l, 250000, NULL);
	log_check(&l, &seen);
	ASSERT_EQ(seen.gaps, 1);
	ASSERT_EQ(seen.refused, 1);
	ASSERT_EQ(store_failing(l.s), 0);
	log_stop(&l);
	log_end(&l);
}

TEST(blobs)
{
	uint8_t digest[RECORD_HASH_LEN];
	struct chain_hash *h;
	struct store_log l;

	log_begin(&l);
	ASSERT_OK(chain_hash_new(&h));
	chain_sha256(h, "policy", 6, digest);
	ASSERT_EQ(store_blob_has(l.s, digest), 0);
	ASSERT_ERR(store_blob_put(l.s, digest, "Policy", 6), -EBADMSG);
	ASSERT_EQ(store_blob_has(l.s, digest), 0);
	ASSERT_OK(store_blob_put(l.s, digest, "policy", 6));
	ASSERT_OK(store_blob_put(l.s, digest, "policy", 6));
	ASSERT_EQ(store_blob_has(l.s, digest), 1);
	l.config.max_bytes = 1;
	chain_sha256(h, "other", 5, digest);
	ASSERT_ERR(store_blob_put(l.s, digest, "other", 5), -EFBIG);
	l.config.max_bytes = 0;
	chain_hash_free(h);
	log_stop(&l);
	log_end(&l);
}
