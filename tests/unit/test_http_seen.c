/* links: shim net lib */
/* Where placeholders are found, and what is written in their place. */
#include "shim/http_seen.h"
#include "shim/http_write.h"
#include "tests/tap.h"

#include <string.h>

static char long_text[600];
static struct placeholder all[] = {
	{ (char *)(uintptr_t) "one", (char *)(uintptr_t) "PLACE-1111", 10 },
	{ (char *)(uintptr_t) "long", long_text, sizeof(long_text) },
};
static struct shim shim = { .placeholder = all,
			    .n_placeholders = ARRAY_SIZE(all) };

static void
begin(void)
{
	for (size_t i = 0; i < sizeof(long_text); i++)
		long_text[i] = (char)('a' + i * 7 % 26);
}

/* Feeds it in pieces of step bytes. */
static int
scan(const char *s, size_t len, size_t step)
{
	struct http_scan sc = { 0 };
	int r = -ENOENT;

	for (size_t at = 0; at < len && r < 0; at += step)
		r = http_scan(&sc, &shim, s + at, MIN(step, len - at));
	return r;
}

TEST(in_pieces_of_every_size)
{
	static char text[2000];

	begin();
	memset(text, '.', sizeof(text));
	for (size_t step = 1; step < 700; step++)
		ASSERT_ERR(scan(text, sizeof(text), step), -ENOENT);
	memcpy(text + 777, "PLACE-1111", 10);
	for (size_t step = 1; step < 700; step++)
		ASSERT_EQ(scan(text, sizeof(text), step), 0);
	text[780] = '?';
	memcpy(text + 1001, long_text, sizeof(long_text));
	for (size_t step = 1; step < 700; step++)
		ASSERT_EQ(scan(text, sizeof(text), step), 1);
}

TEST(nothing_is_looked_for)
{
	struct shim none = { .n_placeholders = 0 };
	struct http_scan sc = { 0 };

	ASSERT_ERR(http_scan(&sc, &none, "PLACE-1111", 10), -ENOENT);
	ASSERT_EQ(sc.len, 0);
}

TEST(basic)
{
	static const struct {
		const char *value, *text;
	} t[] = {
		{ "Basic dXNlcjpwYXNz", "user:pass" },
		{ "basic   dXNlcjpwYXNz", "user:pass" },
		{ "BASIC dTpw", "u:p" },
		{ "Basic dTpwYQ==", "u:pa" },
		{ "Basic dTpwYQ", "u:pa" },
		{ "Bearer dXNlcjpwYXNz", NULL },
		{ "Basic", NULL },
		{ "Basic d!pw", NULL },
		{ "Basic dT pw", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		char buf[64], coded[64];
		ssize_t n =
			http_basic_decode(t[i].value, strlen(t[i].value), buf);

		if (!t[i].text) {
			ASSERT_ERR(n, -ENOENT);
			continue;
		}
		ASSERT_EQ(n, (ssize_t)strlen(t[i].text));
		ASSERT_MEMEQ(buf, t[i].text, (size_t)n);
		n = (ssize_t)http_base64(buf, (size_t)n, coded);
		ASSERT_EQ(n % 4, 0);
	}
}

/* All that a secret may be written into, for one request. */
static void
written(const char *target, const char *headers, const char *value,
	struct http_out *o, enum http_reason *why)
{
	static struct http_head h;
	static struct http_url url;
	static char data[1024], room[HTTP_URL_ROOM(256)];
	const struct http_secret secret = { all[0].text, value, all[0].len,
					    strlen(value) };
	const struct http_changes c = { .secret = &secret, .n_secrets = 1 };
	struct hostname host;
	struct http_request rq = { .data = data,
				   .head = &h,
				   .url = &url,
				   .room = room,
				   .method = "GET",
				   .host = &host,
				   .port = 8443,
				   .tls = true,
				   .stays = true };
	int n = snprintf(data, sizeof(data),
			 "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", headers);

	ASSERT_OK(hostname_parse("[2001:db8::1]", 13, true, &host, NULL));
	ASSERT_OK(http_request_parse(data, (size_t)n, &h, why));
	ASSERT_OK(
		http_url_parse(target, strlen(target), false, room, &url, why));
	(void)http_write_request(o, &rq, &c, why);
	http_out_put(o, "", 1);
}

TEST(values_in_their_places)
{
	struct http_out o = { .buf = NULL };
	enum http_reason why;

	written("/a?PLACE-1111=PLACE-1111PLACE-1111&c",
		"X: PLACE-1111, PLACE-1111!\r\nY: PLACE-111\r\n", "s/\"", &o,
		&why);
	ASSERT_EQ(why, HTTP_FINE);
	ASSERT_TRUE(o.secret);
	ASSERT_STREQ(o.buf, "GET /a?s%2F%22=s%2F%22s%2F%22&c HTTP/1.1\r\n"
			    "host: [2001:db8::1]:8443\r\n"
			    "x: s/\", s/\"!\r\ny: PLACE-111\r\n\r\n");
	http_out_free(&o);
	written("/", "Authorization: Basic UExBQ0UtMTExMTpQTEFDRS0xMTEx\r\n",
		"s", &o, &why);
	ASSERT_STRSTR(o.buf, "authorization: Basic czpz\r\n");
	http_out_free(&o);
}

TEST(values_that_may_not_stand_there)
{
	static const char *const bad[] = { "a\nb", "a\r\nX: y", "\x01",
					   "a\x7f" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct http_out o = { .buf = NULL };
		enum http_reason why;

		written("/", "X: PLACE-1111\r\n", bad[i], &o, &why);
		ASSERT_EQ(why, HTTP_BAD_SECRET);
		ASSERT_EQ(o.len, 1);
		http_out_free(&o);
	}
}

TEST(out_is_bounded)
{
	struct http_out o = { .buf = NULL };
	static char piece[65536];

	for (int i = 0; i < 9; i++)
		http_out_put(&o, piece, sizeof(piece));
	ASSERT_TRUE(o.failed);
	ASSERT_LE(o.len, (size_t)HTTP_OUT_MAX);
	http_out_free(&o);
}

TEST(chunks)
{
	struct http_out o = { .buf = NULL };

	http_out_chunk(&o, "0123456789abcdefg", 17);
	http_out_chunk(&o, "x", 1);
	ASSERT_EQ(o.len, 21 + 2 + 6);
	ASSERT_MEMEQ(o.buf, "11\r\n0123456789abcdefg\r\n1\r\nx\r\n", o.len);
	http_out_free(&o);
}
