/* links: audit lib */
/* Checkpoints as signed text: the form, the signature, and that nothing else
 * is read as one. */
#include "audit/note.h"
#include "tests/tap.h"

#include <string.h>

/* RFC 8032, 7.1, test 1 */
static const uint8_t seed[32] = { 0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a,
				  0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec,
				  0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b,
				  0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03,
				  0x1c, 0xae, 0x7f, 0x60 };
static const uint8_t public_of_seed[32] = {
	0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
	0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
	0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a
};

/* Made from the same seed by another program: RFC 8032 in plain Python. */
#define NAME "agentbox-audit/000102030405060708090a0b0c0d0e0f"
static const char expected[] =
	NAME "\n"
	     "4096\n"
	     "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"
	     "head "
	     "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
	     "\n"
	     "time 1764000000000000\n"
	     "key 7\n"
	     "\n"
	     "\u2014 " NAME " bsG6VaQTDG2JTHiwRG8pcRVzhB6mRGrQxwwFaW42AMKCV1cE/"
	     "VPjMs98Zc9COabtlAqc9VhQDE/fO6bW4BPofciXpgs=\n";
static const char expected_key[] =
	NAME "+6ec1ba55+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

static struct note
sample(void)
{
	struct note n = { .size = 4096, .time_us = 1764000000000000, .key = 7 };

	for (unsigned int i = 0; i < 32; i++) {
		if (i < sizeof(n.log))
			n.log[i] = (uint8_t)i;
		n.root[i] = (uint8_t)(32 + i);
		n.head[i] = (uint8_t)(64 + i);
	}
	return n;
}

static size_t
sample_text(char *buf)
{
	struct note n = sample();
	uint8_t signature[NOTE_SIGNATURE_LEN];

	ASSERT_OK(note_sign(&n, seed, signature));
	return note_text(&n, public_of_seed, signature, buf);
}

TEST(public_half)
{
	uint8_t public[NOTE_KEY_LEN];

	ASSERT_OK(note_public(seed, public));
	ASSERT_MEMEQ(public, public_of_seed, sizeof(public));
}

TEST(text)
{
	char buf[NOTE_MAX];
	size_t n = sample_text(buf);

	ASSERT_STREQ(buf, expected);
	ASSERT_EQ(n, strlen(expected));
}

TEST(largest_text_fits)
{
	struct note n = { .size = UINT64_MAX,
			  .time_us = UINT64_MAX,
			  .key = UINT32_MAX };
	uint8_t signature[NOTE_SIGNATURE_LEN] = { 0 };
	char buf[NOTE_MAX];

	ASSERT_EQ(note_text(&n, public_of_seed, signature, buf), strlen(buf));
	ASSERT_EQ(buf[strlen(buf) - 1], '\n');
}

TEST(parse)
{
	struct note want = sample(), n;
	char buf[NOTE_MAX + 64];
	size_t len = sample_text(buf);

	ASSERT_OK(note_parse(buf, len, public_of_seed, &n, NULL));
	ASSERT_MEMEQ(n.log, want.log, sizeof(n.log));
	ASSERT_MEMEQ(n.root, want.root, sizeof(n.root));
	ASSERT_MEMEQ(n.head, want.head, sizeof(n.head));
	ASSERT_EQ(n.size, want.size);
	ASSERT_EQ(n.time_us, want.time_us);
	ASSERT_EQ(n.key, want.key);
	/* signatures of witnesses follow ours */
	memcpy(buf + len, "\u2014 witness AAAA\n", 18);
	ASSERT_OK(note_parse(buf, len + 18, public_of_seed, &n, NULL));
}

/* Every byte counts, in both ways that a bit can be wrong, and every length. */
TEST(changed_or_cut)
{
	char buf[NOTE_MAX];
	size_t len = sample_text(buf);
	struct note n;

	for (size_t i = 0; i < len; i++)
		for (int bit = 0; bit < 8; bit++) {
			buf[i] = (char)(buf[i] ^ 1 << bit);
			if (note_parse(buf, len, public_of_seed, &n, NULL) >= 0)
				FAIL("byte %zu, bit %d", i, bit);
			buf[i] = (char)(buf[i] ^ 1 << bit);
		}
	for (size_t i = 0; i < len; i++)
		ASSERT_ERR(note_parse(buf, i, public_of_seed, &n, NULL),
			   -EBADMSG);
}

static void
refused(const char *from, const char *to, int error)
{
	char buf[NOTE_MAX + 16], changed[NOTE_MAX + 64];
	struct err e = ERR_INIT;
	struct note n;
	char *at;

	sample_text(buf);
	at = strstr(buf, from);
	ASSERT_NOT_NULL(at);
	(void)snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - buf),
		       buf, to, at + strlen(from));
	ASSERT_ERR(note_parse(changed, strlen(changed), public_of_seed, &n, &e),
		   error);
	ASSERT_NE(e.text[0], '\0');
}

/* The same values written otherwise are not the same text. */
TEST(one_form_only)
{
	refused("\n4096\n", "\n04096\n", -EBADMSG);
	refused("\n4096\n", "\n+4096\n", -EBADMSG);
	refused("\n4096\n", "\n18446744073709551616\n", -EBADMSG);
	refused("key 7\n", "key 4294967296\n", -EBADMSG);
	refused("key 7\n", "key 7 \n", -EBADMSG);
	refused("key 7\n", "key 7\nmore\n", -EBADMSG);
	refused("4a4b", "4A4B", -EBADMSG);
	refused("Pj8=", "Pj9=", -EBADMSG); /* spare bits of base64 */
	refused("\n\n", "\n", -EBADMSG);
	refused("\n4096\n", "\n4097\n", -EKEYREJECTED);
	refused("key 7\n", "key 8\n", -EKEYREJECTED);
}

TEST(another_key)
{
	uint8_t other[32] = { 1 }, public[32], signature[NOTE_SIGNATURE_LEN];
	struct err e = ERR_INIT;
	char buf[NOTE_MAX];
	size_t len = sample_text(buf);
	struct note n = sample();

	ASSERT_OK(note_public(other, public));
	ASSERT_ERR(note_parse(buf, len, public, &n, &e), -EKEYREJECTED);
	ASSERT_STRSTR(e.text, "another key");
	ASSERT_OK(note_sign(&n, other, signature));
	ASSERT_OK(note_check(&n, public, signature));
	ASSERT_ERR(note_check(&n, public_of_seed, signature), -EKEYREJECTED);
	/* the id of the right key before the signature of another */
	len = note_text(&n, public_of_seed, signature, buf);
	ASSERT_ERR(note_parse(buf, len, public_of_seed, &n, &e), -EKEYREJECTED);
}

TEST(key_line)
{
	uint8_t log[NOTE_LOG_LEN], public[NOTE_KEY_LEN];
	struct note n = sample();
	char buf[NOTE_MAX];
	size_t len = note_key_text(n.log, public_of_seed, buf);

	ASSERT_STREQ(buf, expected_key);
	ASSERT_OK(note_key_parse(buf, len, log, public, NULL));
	ASSERT_MEMEQ(log, n.log, sizeof(log));
	ASSERT_MEMEQ(public, public_of_seed, sizeof(public));
	buf[len] = '\n';
	ASSERT_OK(note_key_parse(buf, len + 1, log, public, NULL));
	buf[len + 1] = '\n';
	ASSERT_ERR(note_key_parse(buf, len + 2, log, public, NULL), -EBADMSG);
	for (size_t i = 0; i < len; i++) {
		ASSERT_ERR(note_key_parse(buf, i, log, public, NULL), -EBADMSG);
		buf[i] ^= 1;
		ASSERT_ERR(note_key_parse(buf, len, log, public, NULL),
			   -EBADMSG);
		buf[i] ^= 1;
	}
}
