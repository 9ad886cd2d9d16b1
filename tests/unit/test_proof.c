/* links: audit lib */
/* Proofs of single records: each record of a log has one that passes, and none
 * that was changed anywhere does. */
#include "audit/proof.h"
#include "tests/tap.h"
#include "tests/tools/audit_log.h"

#include <string.h>

struct at {
	struct audit_log log;
	const char *dir;
};

static struct at
make(uint64_t records)
{
	struct audit_log_spec s = { .records = records, .per_file = 20 };
	struct at a = { .dir = tap_tmpdir() };

	audit_log_make(a.dir, &s, &a.log);
	return a;
}

static int
parse(const struct at *a, const char *text, size_t len, uint64_t *ret_seq)
{
	/* exactly as long as it is, for the sanitizers */
	char *copy = malloc(len ? len : 1);
	struct err e = ERR_INIT;
	struct proof p;
	size_t used;
	int k;

	ASSERT_NOT_NULL(copy);
	memcpy(copy, text, len);
	k = proof_parse(copy, len, a->log.public, &p, &used, &e);
	if (k >= 0) {
		ASSERT_EQ(used, len);
		*ret_seq = p.record.seq;
		proof_done(&p);
	} else {
		ASSERT_TRUE(e.text[0] != '\0');
	}
	free(copy);
	return k;
}

TEST(each_record_has_a_proof)
{
	struct at a = make(70);
	uint64_t seq;
	size_t len;

	for (uint64_t i = 1; i < a.log.n; i++) {
		char *text = audit_log_prove(a.dir, &a.log, i, &len);

		ASSERT_OK(parse(&a, text, len, &seq));
		ASSERT_EQ(seq, i);
		free(text);
	}
	audit_log_done(&a.log);
}

/* There is one text for a proof, and lines of witnesses behind it. */
TEST(no_byte_can_be_another)
{
	struct at a = make(40);
	uint64_t seq = 0;
	size_t len;
	char *text = audit_log_prove(a.dir, &a.log, 17, &len);

	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			text[i] ^= (char)(1 << bit);
			ASSERT_TRUE(parse(&a, text, len, &seq) < 0);
			text[i] ^= (char)(1 << bit);
		}
		ASSERT_TRUE(parse(&a, text, i, &seq) < 0);
	}
	ASSERT_OK(parse(&a, text, len, &seq));
	free(text);
	audit_log_done(&a.log);
}

TEST(of_two_logs)
{
	struct at a = make(40);
	uint64_t seq = 0;
	size_t len;
	char *text = audit_log_prove(a.dir, &a.log, 5, &len);

	a.log.public[0] ^= 1;
	ASSERT_ERR(parse(&a, text, len, &seq), -EKEYREJECTED);
	free(text);
	audit_log_done(&a.log);
}

TEST(one_behind_the_other)
{
	struct at a = make(40);
	struct err e = ERR_INIT;
	char *text = NULL;
	size_t len = 0, at = 0, n = 0, used;
	struct proof p;

	for (uint64_t i = 3; i < 6; i++) {
		size_t one;
		char *t = audit_log_prove(a.dir, &a.log, i, &one);
		char *longer = realloc(text, len + one);

		ASSERT_NOT_NULL(longer);
		text = longer;
		memcpy(text + len, t, one);
		len += one;
		free(t);
	}
	for (; at < len; at += used, n++) {
		ASSERT_OK(proof_parse(text + at, len - at, a.log.public, &p,
				      &used, &e));
		ASSERT_EQ(p.record.seq, 3 + n);
		proof_done(&p);
	}
	ASSERT_EQ(n, 3);
	free(text);
	audit_log_done(&a.log);
}

TEST(what_would_not_pass_is_not_written)
{
	struct at a = make(40);
	struct err e = ERR_INIT;
	struct proof p;
	uint8_t signature[NOTE_SIGNATURE_LEN];
	size_t len, used;
	char *text = audit_log_prove(a.dir, &a.log, 9, &len), *again;

	ASSERT_OK(proof_parse(text, len, a.log.public, &p, &used, &e));
	ASSERT_OK(note_sign(&p.note, a.log.seed, signature));
	ASSERT_OK(proof_text(&p, a.log.public, signature, &again, &used));
	ASSERT_EQ(used, len);
	ASSERT_MEMEQ(again, text, len);
	free(again);
	p.path[0][0] ^= 1;
	ASSERT_ERR(proof_text(&p, a.log.public, signature, &again, &used),
		   -EINVAL);
	p.path[0][0] ^= 1;
	p.before[0] ^= 1;
	ASSERT_ERR(proof_text(&p, a.log.public, signature, &again, &used),
		   -EINVAL);
	p.before[0] ^= 1;
	signature[0] ^= 1;
	ASSERT_ERR(proof_text(&p, a.log.public, signature, &again, &used),
		   -EINVAL);
	proof_done(&p);
	free(text);
	audit_log_done(&a.log);
}
