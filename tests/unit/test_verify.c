/* links: audit lib */
/* The verifier: what a good log reports, each kind of fault and where it is
 * named. Attackers are test_verify_attack.c's matter, random damage
 * test_verify_props.c's. */
#include "lib/fd.h"
#include "tests/tools/verify_at.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* ---- good logs -----------------------------------------------------------*/

TEST(a_whole_log)
{
	struct at a = at_make(2000, 300);
	uint64_t bytes = 0, of[RECORD_TYPE_MAX] = { 0 };

	for (uint64_t i = 0; i < a.log.n; i++) {
		bytes += a.log.place[i].size;
		of[a.log.place[i].type]++;
	}
	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	ASSERT_EQ(a.r.first, 1);
	ASSERT_EQ(a.r.last, a.log.n);
	ASSERT_EQ(a.r.records, a.log.n);
	ASSERT_EQ(a.r.bytes, bytes);
	ASSERT_EQ(a.r.segments, of[RECORD_LOG_SEGMENT]);
	ASSERT_EQ(a.r.checkpoints, a.log.n_notes);
	ASSERT_EQ(a.r.covered, a.log.n - 1);
	ASSERT_EQ(a.r.uncovered, 0);
	ASSERT_EQ(a.r.head, a.log.n - 1);
	ASSERT_EQ(a.r.notes, 0);
	ASSERT_EQ(a.r.intents, of[RECORD_INTENT]);
	ASSERT_EQ(a.r.outcomes, of[RECORD_OUTCOME]);
	ASSERT_LE(a.r.open_actions, 8);
	ASSERT_GE(a.r.open_actions, 1);
	ASSERT_FALSE(a.r.macs);
	ASSERT_MEMEQ(a.r.log, a.log.log, sizeof(a.r.log));
	ASSERT_LE(a.r.first_us, a.r.last_us);
	at_done(&a);
}

TEST(with_the_mac_key_and_every_note)
{
	struct at a = at_make(2000, 300);

	a.o.start_key = a.log.start_key;
	a.o.notes = a.log.note;
	a.o.n_notes = a.log.n_notes;
	a.o.log = a.log.log;
	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	ASSERT_TRUE(a.r.macs);
	ASSERT_EQ(a.r.notes, a.log.n_notes);
	at_done(&a);
}

TEST(copied_files_alone)
{
	struct at a = at_make(500, 100);
	int fd = ASSERT_OK(openat(a.dirfd, "log", O_RDONLY | O_CLOEXEC));

	close(a.dirfd);
	a.dirfd = fd;
	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	ASSERT_EQ(a.r.head, 0);
	ASSERT_EQ(a.r.records, a.log.n);
	at_done(&a);
}

TEST(nothing_here)
{
	struct at a = { .dirfd = ASSERT_OK(
				open(tap_tmpdir(), O_RDONLY | O_DIRECTORY)) };

	ASSERT_EQ(at_verify(&a), VERIFY_EMPTY);
	ASSERT_OK(mkdirat(a.dirfd, "log", 0700));
	ASSERT_EQ(at_verify(&a), VERIFY_EMPTY);
	close(a.dirfd);
}

TEST(every_fault_has_a_name)
{
	for (unsigned int i = 0; i < VERIFY_FAULT_MAX; i++)
		ASSERT_STRSTR("ok frame seq hash mac fields segment checkpoint "
			      "short note empty read",
			      verify_fault_name((enum verify_fault)i));
	ASSERT_STREQ(verify_fault_name(VERIFY_FAULT_MAX), "unknown");
}

/* ---- keys ----------------------------------------------------------------*/

TEST(another_public_key)
{
	struct at a = at_make(100, 0);

	a.log.public[3] ^= 1;
	ASSERT_EQ(at_verify(&a), VERIFY_SEGMENT);
	at_place(&a, 1);
	ASSERT_STRSTR(a.r.text, "its public key is not the one given");
	at_done(&a);
}

TEST(another_log)
{
	struct at a = at_make(100, 0);
	uint8_t other[NOTE_LOG_LEN] = { 1 };

	a.o.log = other;
	ASSERT_EQ(at_verify(&a), VERIFY_SEGMENT);
	ASSERT_STRSTR(a.r.text, "of another log than the public key");
	at_done(&a);
}

TEST(another_mac_key)
{
	struct at a = at_make(100, 0);

	a.log.start_key[31] ^= 0x80;
	a.o.start_key = a.log.start_key;
	ASSERT_EQ(at_verify(&a), VERIFY_MAC);
	at_place(&a, 1);
	at_done(&a);
}

/* ---- the end -------------------------------------------------------------*/

TEST(shorter_than_the_head)
{
	struct at a = at_make(500, 0);

	/* even the checkpoint that the head was made of */
	for (uint64_t keep = a.log.n - 1; keep > a.log.n - 100; keep -= 7) {
		at_cut(&a, keep + 1, 0);
		ASSERT_EQ(at_verify(&a), VERIFY_SHORT);
		at_place(&a, keep + 1);
	}
	at_done(&a);
}

TEST(an_older_head_is_seen_through_by_a_note)
{
	struct at a = at_make(500, 0);
	uint64_t seq = a.log.note[1].size + 2;
	uint8_t signature[NOTE_SIGNATURE_LEN];
	char text[NOTE_MAX];
	size_t n;
	int fd;

	/* cut behind the second checkpoint, whose note becomes the head */
	ASSERT_OK(note_sign(&a.log.note[1], a.log.seed, signature));
	n = note_text(&a.log.note[1], a.log.public, signature, text);
	fd = ASSERT_OK(openat(a.dirfd, "head", O_WRONLY | O_TRUNC | O_CLOEXEC));
	ASSERT_OK(fd_write_all(fd, text, n));
	close(fd);
	at_cut(&a, seq, 0);
	ASSERT_EQ(at_verify(&a), VERIFY_OK); /* nothing in the folder tells */
	a.o.notes = &a.log.note[a.log.n_notes - 1];
	a.o.n_notes = 1;
	ASSERT_EQ(at_verify(&a), VERIFY_SHORT);
	at_place(&a, seq);
	at_done(&a);
}

TEST(a_frame_that_is_not_whole)
{
	const struct audit_log_spec s = { .records = 500, .no_end = true };
	struct at a = at_make_of(&s);
	uint64_t seq = a.log.n;

	ASSERT_NE(a.log.place[seq - 1].type, RECORD_LOG_CHECKPOINT);
	at_cut(&a, seq, 70);
	ASSERT_EQ(at_verify(&a), VERIFY_FRAME);
	at_place(&a, seq);
	ASSERT_STRSTR(a.r.text, "in the middle of a record: 70 bytes");
	a.o.live = true;
	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	ASSERT_EQ(a.r.last, seq - 1);
	ASSERT_GE(a.r.uncovered, 1);
	at_done(&a);
}

TEST(a_new_file_without_a_record)
{
	struct at a = at_make(200, 0);
	char name[64], seg[32];

	snprintf(name, sizeof(name), "log/%s",
		 audit_log_file(a.log.n + 1, seg));
	close(ASSERT_OK(openat(a.dirfd, name, O_WRONLY | O_CREAT, 0600)));
	ASSERT_EQ(at_verify(&a), VERIFY_SEGMENT);
	ASSERT_STREQ(a.r.file, seg);
	a.o.live = true;
	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	/* but never in the midst */
	snprintf(name, sizeof(name), "log/%s", audit_log_file(100, seg));
	close(ASSERT_OK(openat(a.dirfd, name, O_WRONLY | O_CREAT, 0600)));
	ASSERT_EQ(at_verify(&a), VERIFY_SEGMENT);
	ASSERT_STREQ(a.r.file, seg);
	at_done(&a);
}

TEST(nothing_is_signed)
{
	const struct audit_log_spec s = { .records = 50,
					  .per_checkpoint = 1000,
					  .no_end = true };
	struct at a = at_make_of(&s);

	ASSERT_EQ(at_verify(&a), VERIFY_CHECKPOINT);
	ASSERT_EQ(a.r.seq, a.log.n + 1);
	ASSERT_STRSTR(a.r.text, "nothing here is signed");
	a.o.live = true;
	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	ASSERT_EQ(a.r.covered, 0);
	ASSERT_EQ(a.r.uncovered, a.log.n);
	at_done(&a);
}

TEST(a_head_that_is_wrong)
{
	struct at a = at_make(100, 0);
	int fd = ASSERT_OK(openat(a.dirfd, "head", O_RDWR | O_CLOEXEC));
	char c;

	ASSERT_EQ(pread(fd, &c, 1, 60), 1);
	c ^= 1;
	ASSERT_EQ(pwrite(fd, &c, 1, 60), 1);
	ASSERT_EQ(at_verify(&a), VERIFY_NOTE);
	ASSERT_STREQ(a.r.file, "head");
	close(fd);
	at_done(&a);
}

/* ---- retention -----------------------------------------------------------*/

static struct at
expiring(void)
{
	const struct audit_log_spec s = { .records = 900,
					  .per_file = 100,
					  .expire = true };

	return at_make_of(&s);
}

TEST(what_retention_removes)
{
	struct at a = expiring();
	uint64_t second = at_file_after(&a, 1),
		 third = at_file_after(&a, second);

	a.o.notes = a.log.note;
	a.o.n_notes = a.log.n_notes;
	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	ASSERT_EQ(a.r.notes_old, 0);
	at_remove(&a, 1);
	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	ASSERT_EQ(a.r.first, second);
	at_remove(&a, second);
	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	ASSERT_EQ(a.r.first, third);
	ASSERT_GE(a.r.notes_old, 2);
	ASSERT_EQ(a.r.notes + a.r.notes_old, a.log.n_notes);
	a.o.start_key = a.log.start_key; /* from K(0), over what is gone */
	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	at_done(&a);
}

TEST(removed_and_not_announced)
{
	struct at a = expiring();
	uint64_t first = 1, last = a.log.place[a.log.n - 1].file;

	/* the last log.expire tells of the file before the one before the
	 * last; one more is too much */
	while (first != last) {
		at_remove(&a, first);
		first = at_file_after(&a, first);
	}
	ASSERT_EQ(at_verify(&a), VERIFY_SEGMENT);
	ASSERT_STRSTR(a.r.text, "no log.expire says");
	ASSERT_EQ(a.log.place[a.r.seq - 1].type, RECORD_LOG_SEGMENT);
	ASSERT_EQ(at_file_after(&a, a.r.seq), last);
	at_done(&a);
}

TEST(the_first_file_and_no_word_of_it)
{
	struct at a = at_make(300, 100);

	at_remove(&a, 1);
	ASSERT_EQ(at_verify(&a), VERIFY_SEGMENT);
	ASSERT_EQ(a.r.seq, 1);
	at_done(&a);
}

TEST(a_file_in_the_midst)
{
	struct at a = expiring();
	uint64_t second = at_file_after(&a, 1),
		 third = at_file_after(&a, second);
	const struct audit_log_place *p = &a.log.place[second - 2];
	char name[32], want[64];

	at_remove(&a, second);
	ASSERT_EQ(at_verify(&a), VERIFY_SEGMENT);
	ASSERT_EQ(a.r.seq, second);
	ASSERT_STREQ(a.r.file, audit_log_file(1, name));
	ASSERT_EQ(a.r.offset, p->offset + p->size);
	snprintf(want, sizeof(want), "records %llu to %llu are missing",
		 (unsigned long long)second, (unsigned long long)third - 1);
	ASSERT_STRSTR(a.r.text, want);
	at_done(&a);
}

/* ---- faults of a writer, rightly chained and signed ----------------------*/

struct change {
	uint64_t seq;
	enum {
		REF,
		REF_AHEAD,
		NO_FIELD,
		KEY_BACK,
		SIZE,
		SEGMENT_NO,
		EXPIRE_HEAD,
		EXPIRE_AHEAD,
		FORMER
	} what;
};

static void
change(void *arg, struct record_head *h, struct fields *f)
{
	const struct change *c = arg;

	if (h->seq != c->seq)
		return;
	switch (c->what) {
	case REF:
		h->ref = 1;
		break;
	case REF_AHEAD:
		h->ref = h->seq;
		break;
	case NO_FIELD:
		fields_init(f);
		break;
	case KEY_BACK:
		h->key--;
		break;
	case SIZE:
		fields_uint(f, FIELD_SIZE, h->seq);
		break;
	case SEGMENT_NO:
		fields_uint(f, FIELD_SEGMENT, 77);
		break;
	case EXPIRE_HEAD:
		fields_bytes(f, FIELD_HEAD, "01234567890123456789012345678901",
			     32);
		break;
	case EXPIRE_AHEAD:
		fields_uint(f, FIELD_LAST, h->seq);
		break;
	case FORMER:
		fields_bytes(f, FIELD_FORMER, "sixteen bytes...", 16);
		break;
	}
}

/* Where the n-th record of a type is in expiring(), and the same log with a
 * change there. */
static struct at
changed(enum record_type type, unsigned int n, struct change c)
{
	struct at a = expiring();
	struct audit_log_spec s = { .records = 900,
				    .per_file = 100,
				    .expire = true,
				    .change = change,
				    .arg = &c };

	for (c.seq = 0; n; n--)
		c.seq = at_find(&a, type, c.seq + 1);
	at_done(&a);
	a = at_make_of(&s);
	a.r.last = c.seq; /* for the caller */
	return a;
}

TEST(a_writer_at_fault)
{
	static const struct {
		enum record_type type;
		unsigned int n;
		int what;
		enum verify_fault fault;
		const char *text;
	} rows[] = {
		{ RECORD_OUTCOME, 9, REF, VERIFY_FIELDS,
		  "an outcome of 1, which is no action that waits" },
		{ RECORD_INTENT, 5, REF_AHEAD, VERIFY_FIELDS,
		  "refers to a record that was not yet" },
		{ RECORD_INTENT, 5, NO_FIELD, VERIFY_FIELDS,
		  "a record intent without what" },
		{ RECORD_LOG_CHECKPOINT, 3, KEY_BACK, VERIFY_FIELDS,
		  "the number of its key went back" },
		{ RECORD_LOG_CHECKPOINT, 3, SIZE, VERIFY_CHECKPOINT,
		  "tells of another history" },
		{ RECORD_LOG_CHECKPOINT, 3, NO_FIELD, VERIFY_CHECKPOINT,
		  "tells of another history" },
		{ RECORD_LOG_SEGMENT, 3, SIZE, VERIFY_SEGMENT,
		  "it tells of another state" },
		{ RECORD_LOG_SEGMENT, 3, SEGMENT_NO, VERIFY_SEGMENT,
		  "its number does not follow" },
		{ RECORD_LOG_SEGMENT, 3, NO_FIELD, VERIFY_SEGMENT,
		  "its public key is not the one given" },
		{ RECORD_LOG_EXPIRE, 2, EXPIRE_AHEAD, VERIFY_FIELDS,
		  "of records that were not" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct at a = changed(rows[i].type, rows[i].n,
				      (struct change){ .what = rows[i].what });
		uint64_t seq = a.r.last;

		ASSERT_EQ(at_verify(&a), rows[i].fault);
		at_place(&a, seq);
		ASSERT_STRSTR(a.r.text, rows[i].text);
		at_done(&a);
	}
}

TEST(an_expired_file_of_another_history)
{
	struct at a = changed(RECORD_LOG_EXPIRE, 1,
			      (struct change){ .what = EXPIRE_HEAD });
	uint64_t seq = a.r.last;

	ASSERT_EQ(at_verify(&a), VERIFY_OK); /* that file is still there */
	at_remove(&a, 1);
	ASSERT_EQ(at_verify(&a), VERIFY_SEGMENT);
	at_place(&a, seq);
	at_done(&a);
}

TEST(follows_a_damaged_log)
{
	struct at a =
		changed(RECORD_LOG_START, 1, (struct change){ .what = FORMER });

	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	ASSERT_TRUE(a.r.follows);
	ASSERT_MEMEQ(a.r.former, "sixteen bytes...", 16);
	at_done(&a);
}

struct twice {
	uint64_t ref;
	unsigned int outcomes;
	uint64_t seq;
};

static void
second_outcome(void *arg, struct record_head *h, _unused_ struct fields *f)
{
	struct twice *t = arg;

	if (h->type != RECORD_OUTCOME)
		return;
	if (++t->outcomes == 7) {
		t->ref = h->ref;
	} else if (t->outcomes == 12) {
		t->seq = h->seq;
		h->ref = t->ref;
	}
}

TEST(an_action_with_two_outcomes)
{
	struct twice t = { 0 };
	struct audit_log_spec s = { .records = 300,
				    .change = second_outcome,
				    .arg = &t };
	struct at a = at_make_of(&s);

	ASSERT_EQ(at_verify(&a), VERIFY_FIELDS);
	at_place(&a, t.seq);
	at_done(&a);
}

static void
only_intents(_unused_ void *arg, struct record_head *h, struct fields *f)
{
	if (h->type == RECORD_OUTCOME) {
		h->type = RECORD_INTENT;
		h->ref = 0;
		fields_text(f, FIELD_WHAT, "x");
		fields_text(f, FIELD_SURFACE, "x");
		fields_text(f, FIELD_EFFECT, "allow");
		fields_uint(f, FIELD_GOES_AHEAD, 1);
	}
}

TEST(many_open_actions)
{
	struct audit_log_spec s = { .records = 20000, .change = only_intents };
	struct at a = at_make_of(&s);

	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	ASSERT_GE(a.r.open_actions, 10000);
	ASSERT_EQ(a.r.outcomes, 0);
	at_done(&a);
}
