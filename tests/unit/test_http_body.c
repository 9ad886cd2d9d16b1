/* links: shim net lib */
/* Where bodies end, in pieces of every size; and what is no chunk. */
#include "shim/http_body.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

struct row {
	const char *bytes;
	size_t len;
	const char *body; /* NULL: refused */
	size_t rest;	  /* bytes behind the end */
	const char *word;
};

#define GOOD(text, want, behind)                                               \
	{                                                                      \
		(text), sizeof(text) - 1, (want), (behind), NULL               \
	}
#define BAD(text, why)                                                         \
	{                                                                      \
		(text), sizeof(text) - 1, NULL, 0, (why)                       \
	}

/* Feeds it in pieces of step bytes; gives the body, and what was used. */
static const char *
feed(const struct row *t, size_t step, char *body, size_t *used)
{
	struct http_body b;
	enum http_reason why;
	size_t n = 0;

	http_body_init(&b, HTTP_CHUNKED, 0);
	*used = 0;
	while (*used < t->len && !b.done) {
		size_t len = MIN(step, t->len - *used), at, got;
		char *copy = malloc(len);
		ssize_t r;

		ASSERT_NOT_NULL(copy);
		memcpy(copy, t->bytes + *used, len);
		r = http_body_take(&b, copy, len, &at, &got, &why);
		if (r >= 0)
			memcpy(body + n, copy + at, got);
		free(copy);
		if (r < 0)
			return http_reason_word(why);
		ASSERT_GE(r, 1);
		n += got;
		*used += (size_t)r;
	}
	body[n] = '\0';
	return http_body_end(&b) < 0 ? "truncated" : NULL;
}

static void
check(const struct row *t, size_t step)
{
	char body[1024];
	size_t used;
	const char *word = feed(t, step, body, &used);

	if (t->word) {
		if (!word || strcmp(word, t->word) != 0)
			FAIL("%s by %zu: %s, not %s", t->bytes, step,
			     word ? word : "fine", t->word);
	} else if (word || strcmp(body, t->body) || used != t->len - t->rest)
		FAIL("%s by %zu: %s, \"%s\", %zu", t->bytes, step,
		     word ? word : "fine", body, used);
}

TEST(chunks)
{
	static const struct row t[] = {
		GOOD("0\r\n\r\n", "", 0),
		GOOD("5\r\nhello\r\n0\r\n\r\n", "hello", 0),
		GOOD("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!", 0),
		GOOD("00005\r\nhello\r\n000\r\n\r\n", "hello", 0),
		GOOD("a\r\n0123456789\r\n0\r\n\r\n", "0123456789", 0),
		GOOD("A\r\n0123456789\r\n0\r\n\r\n", "0123456789", 0),
		GOOD("5;ext=1\r\nhello\r\n0;x\r\n\r\n", "hello", 0),
		GOOD("5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n", "hello", 0),
		GOOD("5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n", 0),
		GOOD("0\r\n\r\nGET /", "", 5),
		GOOD("1\r\na\r\n0\r\n\r\n0\r\n\r\n", "a", 5),
		GOOD("0\r\nA: b\r\nC:\r\n\r\nX", "", 1),
		GOOD("0\r\nA: caf\xc3\xa9\r\n\r\n", "", 0),
		BAD("", "truncated"),
		BAD("5\r\nhell", "truncated"),
		BAD("5\r\nhello", "truncated"),
		BAD("5\r\nhello\r\n", "truncated"),
		BAD("5\r\nhello\r\n0\r\n", "truncated"),
		BAD("0\r\nA: b\r\n", "truncated"),
		BAD("\r\n", "bad-chunk"),
		BAD(";a\r\n", "bad-chunk"),
		BAD("5\nhello\r\n0\r\n\r\n", "bad-chunk"),
		BAD("5\r\nhello\n0\r\n\r\n", "bad-chunk"),
		BAD("5\r\nhello0\r\n\r\n", "bad-chunk"),
		BAD("5\r\nhelloo\r\n0\r\n\r\n", "bad-chunk"),
		BAD("5\rhello\r\n0\r\n\r\n", "bad-chunk"),
		BAD("5\r\rhello\r\n0\r\n\r\n", "bad-chunk"),
		BAD("0\n\n", "bad-chunk"),
		BAD("0\r\n\n", "bad-chunk"),
		BAD("0\r\n\rX", "bad-chunk"),
		BAD(" 5\r\nhello\r\n", "bad-chunk"),
		BAD("5 \r\nhello\r\n", "bad-chunk"),
		BAD("5 ;a\r\nhello\r\n", "bad-chunk"),
		BAD("5\t\r\nhello\r\n", "bad-chunk"),
		BAD("+5\r\nhello\r\n", "bad-chunk"),
		BAD("-5\r\nhello\r\n", "bad-chunk"),
		BAD("0x5\r\nhello\r\n", "bad-chunk"),
		BAD("5h\r\nhello\r\n", "bad-chunk"),
		BAD("g\r\n", "bad-chunk"),
		BAD("5,5\r\nhello\r\n", "bad-chunk"),
		BAD("5_0\r\n", "bad-chunk"),
		BAD("\"5\"\r\nhello\r\n", "bad-chunk"),
		BAD("5\0\r\nhello\r\n", "bad-chunk"),
		BAD("5;a\nhello\r\n0\r\n\r\n", "bad-chunk"),
		BAD("5;a\0\r\nhello\r\n", "bad-chunk"),
		BAD("5;a\rb\r\nhello\r\n", "bad-chunk"),
		BAD("5;\x80\r\nhello\r\n", "bad-chunk"),
		BAD("1000000000000000\r\n", "bad-chunk"),
		BAD("ffffffffffffffff\r\n", "bad-chunk"),
		BAD("10000000000000005\r\nhello\r\n", "bad-chunk"),
		BAD("0000000000000005\r\nhello\r\n", "bad-chunk"),
		BAD("0\r\n A: b\r\n\r\n", "bad-chunk"),
		BAD("0\r\nA: b\r\n c\r\n\r\n", "bad-chunk"),
		BAD("0\r\n: b\r\n\r\n", "bad-chunk"),
		BAD("0\r\nno colon\r\n\r\n", "bad-chunk"),
		BAD("0\r\nA: b\n\r\n", "bad-chunk"),
		BAD("0\r\nA: b\0\r\n\r\n", "bad-chunk"),
		BAD("0\r\nA: b\rc\r\n\r\n", "bad-chunk"),
		BAD("0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bad-chunk"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		for (size_t step = 1; step <= t[i].len + 1; step++)
			check(&t[i], step);
}

TEST(bounds)
{
	static char big[SHIM_TRAILERS_MAX + 64];
	struct row t = { .bytes = big, .word = "chunk-line-too-large" };

	memset(big, 'a', sizeof(big));
	memcpy(big, "5;", 2);
	t.len = SHIM_CHUNK_LINE_MAX + 1;
	check(&t, 1);
	check(&t, t.len);
	memcpy(big, "0\r\na:", 5);
	t.len = sizeof(big);
	check(&t, 1);
	check(&t, t.len);
}

TEST(lengths)
{
	enum http_reason why;
	struct http_body b;
	size_t at, len;

	http_body_init(&b, HTTP_LENGTH, 5);
	ASSERT_EQ(http_body_take(&b, "hel", 3, &at, &len, &why), 3);
	ASSERT_FALSE(b.done);
	ASSERT_ERR(http_body_end(&b), -EPROTO);
	ASSERT_EQ(http_body_take(&b, "loGET", 5, &at, &len, &why), 2);
	ASSERT_EQ(len, 2);
	ASSERT_TRUE(b.done);
	ASSERT_EQ(http_body_take(&b, "GET", 3, &at, &len, &why), 0);
	http_body_init(&b, HTTP_LENGTH, 0);
	ASSERT_TRUE(b.done);
	http_body_init(&b, HTTP_UNTIL_CLOSE, 0);
	ASSERT_EQ(http_body_take(&b, "abc", 3, &at, &len, &why), 3);
	ASSERT_FALSE(b.done);
	ASSERT_OK(http_body_end(&b));
	ASSERT_TRUE(b.done);
}

TEST(of_responses)
{
	struct http_head h = { .status = 200, .has_length = true, .length = 5 };
	struct http_body b;

	http_body_of_response(&b, &h, false);
	ASSERT_EQ(b.framing, HTTP_LENGTH);
	http_body_of_response(&b, &h, true);
	ASSERT_EQ(b.framing, HTTP_NO_BODY);
	h.status = 204;
	http_body_of_response(&b, &h, false);
	ASSERT_EQ(b.framing, HTTP_NO_BODY);
	h.status = 304;
	http_body_of_response(&b, &h, false);
	ASSERT_EQ(b.framing, HTTP_NO_BODY);
	h = (struct http_head){ .status = 200, .chunked = true };
	http_body_of_response(&b, &h, false);
	ASSERT_EQ(b.framing, HTTP_CHUNKED);
	h = (struct http_head){ .status = 200 };
	http_body_of_response(&b, &h, false);
	ASSERT_EQ(b.framing, HTTP_UNTIL_CLOSE);
	h = (struct http_head){ .status = 0 };
	http_body_of_request(&b, &h);
	ASSERT_EQ(b.framing, HTTP_NO_BODY);
}
