/* links: audit lib */
/* The binary form of a record: written and read back, refused in every other
 * form; and that nothing in its texts steers a terminal. */
#include "audit/record.h"
#include "tests/tap.h"

#include <string.h>

/* ---- tables ---- */

TEST(names_are_unique)
{
	unsigned int types = 0, fields = 0;

	for (unsigned int i = 0; i < RECORD_TYPE_MAX + 5; i++) {
		const char *name = record_type_name(i);

		if (!name)
			continue;
		types++;
		ASSERT_EQ(record_type_from_name(name), i);
		ASSERT_NE(record_type_text(i)[0], '\0');
	}
	ASSERT_EQ(types, 16);
	for (unsigned int i = 0; i < FIELD_ID_MAX + 5; i++) {
		const char *name = field_name(i);

		if (!name)
			continue;
		fields++;
		ASSERT_EQ(field_from_name(name), i);
		ASSERT_NE(field_text(i)[0], '\0');
	}
	ASSERT_GE(fields, 100);
	ASSERT_ERR(record_type_from_name("Intent"), -EINVAL);
	ASSERT_ERR(field_from_name(""), -EINVAL);
	ASSERT_NULL(record_type_name(UINT32_MAX));
	ASSERT_NULL(field_name(UINT32_MAX));
	ASSERT_TRUE(record_type_is_clients(RECORD_INTENT));
	ASSERT_FALSE(record_type_is_clients(RECORD_CHANNEL));
	ASSERT_FALSE(record_type_is_clients(63));
}

/* ---- frames ---- */

static size_t
sample(uint8_t *out)
{
	const struct record_head h = { .seq = 0x0102030405060708,
				       .time_us = 11,
				       .boot_us = 12,
				       .ref = 13,
				       .channel = 14,
				       .key = 15,
				       .type = RECORD_INTENT };
	struct fields f;

	fields_init(&f);
	fields_text(&f, FIELD_WHAT, "tools.call");
	fields_uint(&f, FIELD_PORT, 443);
	fields_bytes(&f, FIELD_PIN, "\0\1\2", 3);
	fields_json(&f, FIELD_INPUTS, "{\"a\":1}", 7);
	ASSERT_FALSE(f.full);
	return record_write(&h, f.bytes, f.len, out);
}

TEST(round_trip)
{
	uint8_t out[512];
	size_t n = sample(out);
	struct record r;
	struct field f;

	ASSERT_EQ(record_parse(out, sizeof(out), &r), n);
	ASSERT_EQ(r.size, n);
	ASSERT_EQ(r.seq, 0x0102030405060708);
	ASSERT_EQ(out[8], 8); /* little endian */
	ASSERT_EQ(r.time_us, 11);
	ASSERT_EQ(r.boot_us, 12);
	ASSERT_EQ(r.ref, 13);
	ASSERT_EQ(r.channel, 14);
	ASSERT_EQ(r.key, 15);
	ASSERT_EQ(r.type, RECORD_INTENT);
	ASSERT_TRUE(record_get(&r, FIELD_WHAT, &f));
	ASSERT_EQ(f.len, 10);
	ASSERT_MEMEQ(f.bytes, "tools.call", 10);
	ASSERT_EQ(record_get_uint(&r, FIELD_PORT), 443);
	ASSERT_EQ(record_get_uint(&r, FIELD_WHAT), 0);
	ASSERT_EQ(record_get_uint(&r, FIELD_STEP), 0);
	ASSERT_FALSE(record_get(&r, FIELD_TOOL, &f));
}

TEST(every_length)
{
	uint8_t out[512];
	size_t n = sample(out);
	struct record r;

	for (size_t i = 0; i < n; i++) {
		uint8_t *copy = malloc(i + !i);

		if (i)
			memcpy(copy, out, i);
		ASSERT_EQ(record_parse(copy, i, &r), 0);
		free(copy);
	}
	ASSERT_ERR(record_parse("ABXQ", 4, &r), -EBADMSG);
	ASSERT_EQ(record_parse("AB", 2, &r), 0);
}

static void
refused(size_t at, uint8_t value)
{
	uint8_t out[70000];
	struct record r;

	memset(out, 0, sizeof(out));
	sample(out);
	out[at] = value;
	if (record_parse(out, sizeof(out), &r) != -EBADMSG)
		FAIL("byte %zu as %u is taken", at, value);
}

TEST(bad_heads)
{
	uint8_t out[512];
	struct record r;
	size_t n;

	refused(0, 'a');
	refused(3, 'r');
	refused(7, 1);	 /* 16 MiB */
	refused(6, 1);	 /* above RECORD_MAX */
	refused(4, 119); /* below RECORD_MIN (one byte size here) */
	refused(54, 2);	 /* version */
	refused(55, 1);
	n = sample(out);
	memset(out + 8, 0, 8); /* seq 0 */
	ASSERT_ERR(record_parse(out, n, &r), -EBADMSG);
	n = sample(out);
	out[52] = 60; /* a type of the future */
	ASSERT_EQ(record_parse(out, n, &r), n);
}

struct wrong {
	const char *name;
	uint8_t bytes[24];
	size_t len;
	int any, client;
};

/* Numbers: 128 what TEXT, 138 port UINT, 139 command JSON, 136 pin BYTES, 64
 * agent (of the channel), 250 not known. */
static const struct wrong fields_rows[] = {
	{ "nothing", { 0 }, 0, 0, 0 },
	{ "text", { 128, 0, 2, 0, 'o', 'k' }, 6, 0, 0 },
	{ "empty text", { 128, 0, 0, 0 }, 4, 0, 0 },
	{ "number cut", { 128 }, 1, -EBADMSG, -EBADMSG },
	{ "length cut", { 128, 0, 1 }, 3, -EBADMSG, -EBADMSG },
	{ "bytes cut", { 128, 0, 2, 0, 'o' }, 5, -EBADMSG, -EBADMSG },
	{ "long", { 128, 0, 255, 255, 'o' }, 5, -EBADMSG, -EBADMSG },
	{ "twice", { 128, 0, 0, 0, 128, 0, 0, 0 }, 8, -EBADMSG, -EBADMSG },
	{ "order", { 129, 0, 0, 0, 128, 0, 0, 0 }, 8, -EBADMSG, -EBADMSG },
	{ "number 0", { 0, 0, 0, 0 }, 4, -EBADMSG, -EBADMSG },
	{ "short uint", { 138, 0, 1, 0, 7 }, 5, -EBADMSG, -EBADMSG },
	{ "long uint",
	  { 138, 0, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 },
	  13,
	  -EBADMSG,
	  -EBADMSG },
	{ "empty json", { 139, 0, 0, 0 }, 4, -EBADMSG, -EBADMSG },
	{ "json, newline", { 139, 0, 2, 0, '1', '\n' }, 6, -EBADMSG, -EBADMSG },
	{ "json, UTF-8",
	  { 139, 0, 4, 0, '"', 0xc3, 0xa4, '"' },
	  8,
	  -EBADMSG,
	  -EBADMSG },
	{ "bytes are any", { 136, 0, 2, 0, 0x1b, 0xff }, 6, 0, 0 },
	{ "escape", { 128, 0, 1, 0, 0x1b }, 5, -EBADMSG, -EBADMSG },
	{ "NUL", { 128, 0, 1, 0, 0 }, 5, -EBADMSG, -EBADMSG },
	{ "DEL", { 128, 0, 1, 0, 0x7f }, 5, -EBADMSG, -EBADMSG },
	{ "C1", { 128, 0, 2, 0, 0xc2, 0x9b }, 6, -EBADMSG, -EBADMSG },
	{ "bidi", { 128, 0, 3, 0, 0xe2, 0x80, 0xae }, 7, -EBADMSG, -EBADMSG },
	{ "zero width",
	  { 128, 0, 3, 0, 0xe2, 0x80, 0x8b },
	  7,
	  -EBADMSG,
	  -EBADMSG },
	{ "tag",
	  { 128, 0, 4, 0, 0xf3, 0xa0, 0x81, 0x81 },
	  8,
	  -EBADMSG,
	  -EBADMSG },
	{ "overlong", { 128, 0, 2, 0, 0xc0, 0xaf }, 6, -EBADMSG, -EBADMSG },
	{ "overlong 3",
	  { 128, 0, 3, 0, 0xe0, 0x80, 0xaf },
	  7,
	  -EBADMSG,
	  -EBADMSG },
	{ "surrogate",
	  { 128, 0, 3, 0, 0xed, 0xa0, 0x80 },
	  7,
	  -EBADMSG,
	  -EBADMSG },
	{ "above Unicode",
	  { 128, 0, 4, 0, 0xf4, 0x90, 0x80, 0x80 },
	  8,
	  -EBADMSG,
	  -EBADMSG },
	{ "half a letter", { 128, 0, 1, 0, 0xc3 }, 5, -EBADMSG, -EBADMSG },
	{ "umlaut", { 128, 0, 2, 0, 0xc3, 0xa4 }, 6, 0, 0 },
	{ "smile", { 128, 0, 4, 0, 0xf0, 0x9f, 0x98, 0x80 }, 8, 0, 0 },
	{ "of the channel", { 64, 0, 1, 0, 'a' }, 5, 0, -EPERM },
	{ "of the writer", { 1, 0, 1, 0, 'a' }, 5, 0, -EPERM },
	{ "not known", { 250, 0, 1, 0, 'a' }, 5, 0, -EBADMSG },
};

TEST(fields_check)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields_rows); i++) {
		const struct wrong *w = &fields_rows[i];
		/* exactly as long, so that a read behind it is seen */
		uint8_t *copy = malloc(w->len + !w->len);
		int any, client;

		memcpy(copy, w->bytes, w->len);
		any = record_fields_check(copy, w->len, -1);
		client = record_fields_check(copy, w->len, FROM_CLIENT);
		if (any != w->any || client != w->client)
			FAIL("%s: %d, of a client %d", w->name, any, client);
		free(copy);
	}
}

TEST(required_fields)
{
	enum field_id missing = 0;
	struct fields f;

	fields_init(&f);
	ASSERT_ERR(record_required(RECORD_INTENT, NULL, 0, &missing), -ENODATA);
	ASSERT_EQ(missing, FIELD_WHAT);
	fields_text(&f, FIELD_WHAT, "x");
	fields_text(&f, FIELD_SURFACE, "");
	fields_text(&f, FIELD_EFFECT, "allow");
	ASSERT_ERR(record_required(RECORD_INTENT, f.bytes, f.len, &missing),
		   -ENODATA);
	ASSERT_EQ(missing, FIELD_SURFACE); /* empty is missing */
	fields_text(&f, FIELD_SURFACE, "tool");
	ASSERT_OK(record_required(RECORD_INTENT, f.bytes, f.len, &missing));
	ASSERT_ERR(record_required(RECORD_OUTCOME, f.bytes, f.len, &missing),
		   -ENODATA);
	ASSERT_EQ(missing, FIELD_STATUS);
	ASSERT_OK(record_required(RECORD_LOG_STOP, NULL, 0, &missing));
}

/* ---- putting fields together ---- */

static const char *
text_of(struct fields *f, char *buf, size_t size)
{
	const struct record r = { .fields = f->bytes, .fields_len = f->len };
	struct field t;

	ASSERT_TRUE(record_get(&r, FIELD_DETAIL, &t));
	ASSERT_TRUE(t.len < size);
	memcpy(buf, t.bytes, t.len);
	buf[t.len] = '\0';
	return buf;
}

static const struct {
	const char *in, *out;
} escapes[] = {
	{ "plain text, ä and \xf0\x9f\x98\x80",
	  "plain text, ä and \xf0\x9f\x98\x80" },
	{ "\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m" },
	{ "a\nb\r\tc", "a\\x0ab\\x0d\\x09c" },
	{ "back\\slash", "back\\\\slash" },
	{ "\\x1b", "\\\\x1b" }, /* what looks escaped is not */
	{ "\x9b", "\\x9b" },	/* C1 as a byte */
	{ "\xc2\x9b", "\\u{009b}" },
	{ "user\xe2\x80\xae"
	  "exe",
	  "user\\u{202e}exe" },
	{ "\xf3\xa0\x81\x81", "\\u{0e0041}" },
	{ "\xc0\xaf", "\\xc0\\xaf" },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
	{ "", "" },
};

TEST(texts_are_escaped)
{
	char buf[256];
	struct fields f;

	for (size_t i = 0; i < ARRAY_SIZE(escapes); i++) {
		fields_init(&f);
		fields_text(&f, FIELD_DETAIL, escapes[i].in);
		ASSERT_STREQ(text_of(&f, buf, sizeof(buf)), escapes[i].out);
		ASSERT_OK(record_fields_check(f.bytes, f.len, FROM_CLIENT));
	}
	fields_init(&f);
	fields_text_n(&f, FIELD_DETAIL, "a\0b", 3, 0);
	ASSERT_STREQ(text_of(&f, buf, sizeof(buf)), "a\\x00b");
	fields_init(&f);
	fields_text(&f, FIELD_DETAIL, NULL);
	ASSERT_EQ(f.len, 0);
}

/* Whatever bytes come in, what is written passes the check and is as short as
 * was asked for. */
TEST(any_bytes_are_safe_afterwards)
{
	uint32_t x = 2463534242;
	char in[64], buf[128];
	struct fields f;

	for (int i = 0; i < 20000; i++) {
		size_t n, max;

		for (size_t k = 0; k < sizeof(in); k++) {
			x ^= x << 13; /* xorshift */
			x ^= x >> 17;
			x ^= x << 5;
			in[k] = (char)(x >> 11 | (i & 1 ? 0x80 : 0));
		}
		n = x % sizeof(in);
		max = 16 + x / 64 % 80;
		fields_init(&f);
		fields_text_n(&f, FIELD_DETAIL, in, n, max);
		ASSERT_LE(strlen(text_of(&f, buf, sizeof(buf))), max);
		ASSERT_OK(record_fields_check(f.bytes, f.len, FROM_CLIENT));
	}
}

TEST(long_texts_end_with_dots)
{
	char in[5000], buf[5000];
	struct fields f;

	memset(in, 'x', sizeof(in));
	fields_init(&f);
	fields_text_n(&f, FIELD_DETAIL, in, 100, 20);
	ASSERT_STREQ(text_of(&f, buf, sizeof(buf)), "xxxxxxxxxxxxxxxxx...");
	fields_text_n(&f, FIELD_DETAIL, in, 20, 20); /* replaced */
	ASSERT_STREQ(text_of(&f, buf, sizeof(buf)), "xxxxxxxxxxxxxxxxxxxx");
	fields_text_n(&f, FIELD_DETAIL, in, sizeof(in), 0);
	ASSERT_EQ(strlen(text_of(&f, buf, sizeof(buf))), RECORD_TEXT_MAX);
	ASSERT_EQ(f.len, 4 + RECORD_TEXT_MAX);
	/* a letter is not cut in two */
	fields_init(&f);
	fields_text_n(&f, FIELD_DETAIL, "ääääääääääääääääääää", 40, 20);
	ASSERT_STREQ(text_of(&f, buf, sizeof(buf)), "ääääääää...");
}

TEST(any_order_becomes_order)
{
	static const enum field_id ids[] = { FIELD_STEP, FIELD_WHAT, FIELD_PORT,
					     FIELD_STATUS, FIELD_AGENT };
	struct fields a, b;

	fields_init(&a);
	fields_init(&b);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		fields_bytes(&a, ids[i], "12345678", 8);
		fields_bytes(&b, ids[ARRAY_SIZE(ids) - 1 - i], "old", 3);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		fields_bytes(&b, ids[i], "12345678", 8);
	ASSERT_EQ(a.len, 5 * 12);
	ASSERT_EQ(b.len, a.len);
	ASSERT_MEMEQ(b.bytes, a.bytes, a.len);
	ASSERT_OK(record_fields_check(a.bytes, a.len, -1));
}

TEST(full)
{
	static uint8_t big[RECORD_FIELDS_MAX];
	uint8_t out[RECORD_MAX];
	const struct record_head h = { .seq = 1, .type = RECORD_ANOMALY };
	struct record r;
	struct fields f;

	fields_init(&f);
	fields_bytes(&f, FIELD_PIN, big, RECORD_FIELDS_MAX - 4);
	ASSERT_FALSE(f.full);
	ASSERT_EQ(f.len, RECORD_FIELDS_MAX);
	ASSERT_EQ(record_write(&h, f.bytes, f.len, out), RECORD_MAX);
	ASSERT_EQ(record_parse(out, RECORD_MAX, &r), RECORD_MAX);
	fields_uint(&f, FIELD_PORT, 1);
	ASSERT_TRUE(f.full);
	ASSERT_EQ(f.len, RECORD_FIELDS_MAX);
	fields_init(&f);
	fields_bytes(&f, FIELD_PIN, big, RECORD_FIELDS_MAX - 3);
	ASSERT_TRUE(f.full);
	ASSERT_EQ(f.len, 0);
	fields_init(&f);
	fields_json(&f, FIELD_INPUTS, "{\n}", 3);
	ASSERT_TRUE(f.full);
	ASSERT_EQ(f.len, 0);
}
