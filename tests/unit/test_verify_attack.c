/* links: audit lib */
/* What somebody can do to a log who can write to its folder, without keys and
 * with them, and where the verifier sees it. */
#include "tests/tools/verify_at.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct change {
	uint64_t seq;
};

/* A record that a writer would not have written. */
static void
change(void *arg, struct record_head *h, struct fields *f)
{
	const struct change *c = arg;

	if (h->seq == c->seq)
		fields_text(f, FIELD_DETAIL, "another history");
}

/* ---- an attacker makes a new chain ---------------------------------------*/

struct attack {
	struct chain c;
	struct chain_hash *h;
	uint8_t *out;
	struct fields f;
};

/* From record seq on, all is sealed anew, with another time in that one. */
static void
new_chain(struct at *a, uint64_t seq)
{
	struct attack *t = calloc(1, sizeof(*t));
	uint8_t *in = malloc(RECORD_MAX);

	ASSERT_NOT_NULL(t);
	t->out = malloc(RECORD_MAX);
	chain_init(&t->c);
	ASSERT_OK(chain_hash_new(&t->h));
	for (uint64_t i = 1; i <= a->log.n; i++) {
		const struct audit_log_place *p = &a->log.place[i - 1];
		int fd = at_open(a, p->file);
		struct record r;

		ASSERT_EQ(pread(fd, in, p->size, (off_t)p->offset), p->size);
		ASSERT_OK(record_parse(in, p->size, &r));
		if (i < seq) {
			ASSERT_EQ(chain_check(&t->c, t->h, NULL, &r), CHAIN_OK);
		} else {
			r.time_us += i == seq;
			audit_log_refit(&t->c, t->h, &r, NULL, a->log.log,
					&t->f);
			r.fields = t->f.bytes;
			ASSERT_EQ(
				audit_log_reseal(&t->c, t->h, NULL, &r, t->out),
				p->size);
			ASSERT_EQ(pwrite(fd, t->out, p->size, (off_t)p->offset),
				  p->size);
		}
		close(fd);
	}
	chain_hash_free(t->h);
	free(t->out);
	free(t);
	free(in);
}

/* Only the last signature of each file is looked at, but the first that does
 * not fit is named. */
TEST(a_new_chain_has_no_signature)
{
	struct at a = at_make(900, 400);
	uint64_t seq = 150, at = at_find(&a, RECORD_LOG_CHECKPOINT, seq + 1);
	char want[64];

	new_chain(&a, seq);
	ASSERT_EQ(at_verify(&a), VERIFY_CHECKPOINT);
	at_place(&a, at);
	ASSERT_LE(a.r.covered, seq);
	snprintf(want, sizeof(want), "it, or records from %llu on",
		 (unsigned long long)a.r.covered + 1);
	ASSERT_STRSTR(a.r.text, want);
	at_done(&a);
}

TEST(a_new_chain_has_no_macs)
{
	struct at a = at_make(900, 400);

	new_chain(&a, 150);
	a.o.start_key = a.log.start_key;
	ASSERT_EQ(at_verify(&a), VERIFY_MAC);
	at_place(&a, 150);
	at_done(&a);
}

TEST(a_new_chain_of_what_no_checkpoint_covers)
{
	const struct audit_log_spec s = { .records = 500, .no_end = true };
	struct at a = at_make_of(&s);
	uint64_t seq = a.log.n - 2;

	ASSERT_LE(a.log.note[a.log.n_notes - 1].size + 2, seq);
	new_chain(&a, seq);
	ASSERT_EQ(at_verify(&a), VERIFY_OK); /* as the report says: */
	ASSERT_GE(a.r.uncovered, 3);
	a.o.start_key = a.log.start_key;
	ASSERT_EQ(at_verify(&a), VERIFY_MAC);
	at_place(&a, seq);
	at_done(&a);
}

/* Who has the signing key can make it all anew; but not the notes that are
 * elsewhere. */
TEST(a_new_log_with_the_signing_key)
{
	struct audit_log_spec s = { .records = 500, .seed = 5 };
	struct change c = { .seq = 200 };
	struct at old = at_make_of(&s), a;
	uint64_t at = 0;

	s.change = change;
	s.arg = &c;
	a = at_make_of(&s);
	ASSERT_EQ(at_verify(&a), VERIFY_OK);
	a.o.notes = old.log.note;
	a.o.n_notes = old.log.n_notes;
	ASSERT_EQ(at_verify(&a), VERIFY_NOTE);
	for (size_t i = 0; !at; i++)
		if (old.log.note[i].size >= 200)
			at = old.log.note[i].size + 1;
	at_place(&a, at);
	ASSERT_STRSTR(a.r.text, "tells of another history");
	at_done(&a);
	at_done(&old);
}

TEST(a_note_of_another_log)
{
	struct at a = at_make(300, 0);
	struct note n = a.log.note[1];

	n.log[0] ^= 1;
	a.o.notes = &n;
	a.o.n_notes = 1;
	ASSERT_EQ(at_verify(&a), VERIFY_NOTE);
	ASSERT_STRSTR(a.r.text, "is of another log");
	at_place(&a, n.size + 1);
	n = a.log.note[1];
	n.time_us++;
	ASSERT_EQ(at_verify(&a), VERIFY_NOTE);
	ASSERT_STRSTR(a.r.text, "this record is not that checkpoint");
	at_done(&a);
}

/* An attacker removes the first file and says himself that it was retention. */
TEST(a_forged_log_expire)
{
	struct at a = at_make(300, 100);
	uint64_t second = at_file_after(&a, 1), n = a.log.n;
	const struct audit_log_place *p = &a.log.place[n - 1];
	uint8_t *last = malloc(RECORD_MAX), *out = malloc(RECORD_MAX);
	struct chain c = { .size = n };
	struct fields *f = calloc(1, sizeof(*f));
	struct record_head h = { .seq = n + 1,
				 .type = RECORD_LOG_EXPIRE,
				 .key = UINT32_MAX };
	static const struct chain_key none;
	struct chain_hash *hash;
	struct field head;
	struct record r;
	size_t size;
	int fd = at_open(&a, p->file);

	ASSERT_EQ(pread(fd, last, p->size, (off_t)p->offset), p->size);
	ASSERT_OK(record_parse(last, p->size, &r));
	memcpy(c.head, r.hash, sizeof(c.head));
	ASSERT_OK(chain_hash_new(&hash));
	close(fd);
	/* the hash that the second file begins with */
	fd = at_open(&a, second);
	ASSERT_GE(pread(fd, last, RECORD_MAX, 0), RECORD_MIN);
	ASSERT_OK(record_parse(last, RECORD_MAX, &r));
	ASSERT_TRUE(record_get(&r, FIELD_HEAD, &head));
	fields_bytes(f, FIELD_HEAD, head.bytes, head.len);
	fields_uint(f, FIELD_FIRST, 1);
	fields_uint(f, FIELD_LAST, second - 1);
	close(fd);
	size = record_write(&h, f->bytes, f->len, out);
	chain_seal(&c, hash, &none, out, size);
	fd = at_open(&a, p->file);
	ASSERT_EQ(pwrite(fd, out, size, (off_t)(p->offset + p->size)),
		  (ssize_t)size);
	close(fd);
	at_remove(&a, 1);
	ASSERT_EQ(at_verify(&a), VERIFY_CHECKPOINT);
	ASSERT_EQ(a.r.seq, n + 1);
	ASSERT_STRSTR(a.r.text, "anybody could have written it");
	a.o.start_key = a.log.start_key;
	ASSERT_EQ(at_verify(&a), VERIFY_MAC);
	chain_hash_free(hash);
	free(f);
	free(out);
	free(last);
	at_done(&a);
}
