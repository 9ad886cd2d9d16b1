/* links: shim net lib */
/*
 * Targets of requests: what is decided on, what is sent on, and with which
 * word everything that has two readings is refused.
 */
#include "shim/http_url.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

/* path, sent: NULL where it is refused with word. */
struct row {
	const char *target, *path, *sent, *word;
};

static struct http_url url;

/* sent_path?param&param */
static void
join(const char *room, char *buf, size_t size)
{
	size_t n = (size_t)snprintf(buf, size, "%.*s", (int)url.sent_path.len,
				    room + url.sent_path.at);

	for (size_t i = 0; i < url.n; i++)
		n += (size_t)snprintf(buf + n, size - n, "%c%.*s",
				      i ? '&' : '?', (int)url.sent[i].len,
				      room + url.sent[i].at);
}

static void
check(const struct row *t, bool connect)
{
	size_t len = strlen(t->target);
	char *copy = malloc(len + 1), *room = malloc(HTTP_URL_ROOM(len));
	enum http_reason why;
	char sent[1024] = "";
	int r;

	ASSERT_TRUE(copy && room);
	memcpy(copy, t->target, len);
	r = http_url_parse(copy, len, connect, room, &url, &why);
	if (r < 0) {
		if (!t->word || strcmp(http_reason_word(why), t->word) != 0)
			FAIL("%s is \"%s\", not \"%s\"", t->target,
			     http_reason_word(why), t->word ? t->word : "fine");
	} else {
		join(room, sent, sizeof(sent));
		if (t->word || strcmp(url.path, t->path) != 0 ||
		    strcmp(sent, t->sent) != 0)
			FAIL("%s: \"%s\", sent as \"%s\", not \"%s\"",
			     t->target, url.path, sent,
			     t->word ? t->word : t->sent);
	}
	free(copy);
	free(room);
}

static void
run(const struct row *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(&t[i], false);
}

TEST(paths)
{
	static const struct row t[] = {
		{ "/", "/", "/", NULL },
		{ "/a/b", "/a/b", "/a/b", NULL },
		{ "/a/", "/a/", "/a/", NULL },
		{ "/%61%2d%7E", "/a-~", "/a-~", NULL },
		{ "/a%20b", "/a b", "/a%20b", NULL },
		{ "/a%3fb", "/a?b", "/a%3Fb", NULL },
		{ "/a%23b", "/a#b", "/a%23b", NULL },
		{ "/a%3bb", "/a;b", "/a%3Bb", NULL },
		{ "/a;b=c", "/a;b=c", "/a;b=c", NULL },
		{ "/a%25b", "/a%b", "/a%25b", NULL },
		{ "/a+b", "/a+b", "/a+b", NULL },
		{ "/a%2bb", "/a+b", "/a%2Bb", NULL },
		{ "/a:b@c!$&'()*,=", "/a:b@c!$&'()*,=", "/a:b@c!$&'()*,=",
		  NULL },
		{ "/{a}|\"<>^`", "/{a}|\"<>^`", "/%7Ba%7D%7C%22%3C%3E%5E%60",
		  NULL },
		{ "/[a]", "/[a]", "/%5Ba%5D", NULL },
		{ "/caf%c3%a9", "/caf\xc3\xa9", "/caf%C3%A9", NULL },
		{ "/%e2%82%ac%f0%9f%98%80", "/\xe2\x82\xac\xf0\x9f\x98\x80",
		  "/%E2%82%AC%F0%9F%98%80", NULL },
		{ "/...", "/...", "/...", NULL },
		{ "/.well-known/x", "/.well-known/x", "/.well-known/x", NULL },
		{ "/a..b/c.", "/a..b/c.", "/a..b/c.", NULL },
		{ "/@scope%2fname", "/@scope/name", "/@scope%2Fname", NULL },
		{ "/@scope%2Fname/-/x", "/@scope/name/-/x",
		  "/@scope%2Fname/-/x", NULL },
		{ "/%40scope%2fname", "/@scope/name", "/%40scope%2Fname",
		  NULL },
		{ "/-/package/@a%2fb/dist-tags", "/-/package/@a/b/dist-tags",
		  "/-/package/@a%2Fb/dist-tags", NULL },
		{ "/@scope/name", "/@scope/name", "/@scope/name", NULL },
	};

	run(t, ARRAY_SIZE(t));
}

TEST(bad_paths)
{
	static const struct row t[] = {
		{ "", NULL, NULL, "bad-target" },
		{ "a", NULL, NULL, "bad-target" },
		{ "*", NULL, NULL, "bad-target" },
		{ "a.example:80", NULL, NULL, "bad-target" },
		{ "?a", NULL, NULL, "bad-target" },
		{ "/a#b", NULL, NULL, "bad-target" },
		{ "/a?b#c", NULL, NULL, "bad-target" },
		{ "/a b", NULL, NULL, "bad-target" },
		{ "/\xc3\xa9", NULL, NULL, "bad-target" },
		{ "/\x7f", NULL, NULL, "bad-target" },
		{ "/%", NULL, NULL, "bad-escape" },
		{ "/%4", NULL, NULL, "bad-escape" },
		{ "/%4g", NULL, NULL, "bad-escape" },
		{ "/%u0041", NULL, NULL, "bad-escape" },
		{ "/%%41", NULL, NULL, "bad-escape" },
		{ "/%-1", NULL, NULL, "bad-escape" },
		{ "/% 1", NULL, NULL, "bad-target" },
		{ "/%0x", NULL, NULL, "bad-escape" },
		{ "/.", NULL, NULL, "dot-segment" },
		{ "/..", NULL, NULL, "dot-segment" },
		{ "/a/.", NULL, NULL, "dot-segment" },
		{ "/a/./b", NULL, NULL, "dot-segment" },
		{ "/a/../b", NULL, NULL, "dot-segment" },
		{ "/a/..", NULL, NULL, "dot-segment" },
		{ "/../a", NULL, NULL, "dot-segment" },
		{ "/%2e%2e/a", NULL, NULL, "dot-segment" },
		{ "/.%2e/a", NULL, NULL, "dot-segment" },
		{ "/%2E./a", NULL, NULL, "dot-segment" },
		{ "/a/%2e", NULL, NULL, "dot-segment" },
		{ "/a/..;/b", NULL, NULL, "dot-segment" },
		{ "/a/..;x=1/b", NULL, NULL, "dot-segment" },
		{ "/a/.;/b", NULL, NULL, "dot-segment" },
		{ "/a/..%3b/b", NULL, NULL, "dot-segment" },
		{ "/@a%2f..", NULL, NULL, "dot-segment" },
		{ "//", NULL, NULL, "empty-segment" },
		{ "//a", NULL, NULL, "empty-segment" },
		{ "/a//b", NULL, NULL, "empty-segment" },
		{ "/a//", NULL, NULL, "empty-segment" },
		{ "//a.example/b", NULL, NULL, "empty-segment" },
		{ "/a%2fb", NULL, NULL, "encoded-slash" },
		{ "/a%2Fb", NULL, NULL, "encoded-slash" },
		{ "/%2f", NULL, NULL, "encoded-slash" },
		{ "/%2f%2e%2e", NULL, NULL, "encoded-slash" },
		{ "/@a%2f", NULL, NULL, "encoded-slash" },
		{ "/@%2fa", NULL, NULL, "encoded-slash" },
		{ "/@a%2fb%2fc", NULL, NULL, "encoded-slash" },
		{ "/@a%2f@b%2fc", NULL, NULL, "encoded-slash" },
		{ "/x@a%2fb", NULL, NULL, "encoded-slash" },
		{ "/@a/@%2fb", NULL, NULL, "encoded-slash" },
		{ "/@a/b%2fc", NULL, NULL, "encoded-slash" },
		{ "/@a%2f/b", NULL, NULL, "empty-segment" },
		{ "/a\\b", NULL, NULL, "backslash" },
		{ "/a%5cb", NULL, NULL, "backslash" },
		{ "/..\\a", NULL, NULL, "backslash" },
		{ "/..%5Ca", NULL, NULL, "backslash" },
		{ "/a%00b", NULL, NULL, "control-in-url" },
		{ "/a%0d%0aX:y", NULL, NULL, "control-in-url" },
		{ "/a%0a", NULL, NULL, "control-in-url" },
		{ "/a%1f", NULL, NULL, "control-in-url" },
		{ "/a%7f", NULL, NULL, "control-in-url" },
		{ "/%252e%252e/a", NULL, NULL, "double-escape" },
		{ "/a%252fb", NULL, NULL, "double-escape" },
		{ "/a%255cb", NULL, NULL, "double-escape" },
		{ "/a%2500", NULL, NULL, "double-escape" },
		{ "/a%25252e", NULL, NULL, "double-escape" },
		{ "/a%253bb", NULL, NULL, "double-escape" },
		{ "/a%2541", "/a%41", "/a%2541", NULL },
		{ "/%c0%ae%c0%ae/a", NULL, NULL, "url-not-utf8" },
		{ "/a%c0%afb", NULL, NULL, "url-not-utf8" },
		{ "/%e0%80%af", NULL, NULL, "url-not-utf8" },
		{ "/%ff", NULL, NULL, "url-not-utf8" },
		{ "/%c3", NULL, NULL, "url-not-utf8" },
		{ "/%c3/%a9", NULL, NULL, "url-not-utf8" },
		{ "/%ed%a0%80", NULL, NULL, "url-not-utf8" },
		{ "/%f4%90%80%80", NULL, NULL, "url-not-utf8" },
	};

	run(t, ARRAY_SIZE(t));
}

TEST(queries)
{
	static const struct row t[] = {
		{ "/?", "/", "/", NULL },
		{ "/a?b", "/a", "/a?b", NULL },
		{ "/a?b=c&d=e", "/a", "/a?b=c&d=e", NULL },
		{ "/a?b=", "/a", "/a?b=", NULL },
		{ "/a?=b", "/a", "/a?=b", NULL },
		{ "/a?b=c=d", "/a", "/a?b=c=d", NULL },
		{ "/a?b&&c&", "/a", "/a?b&c", NULL },
		{ "/a?b=%26%3d%2b%20", "/a", "/a?b=%26%3D%2B%20", NULL },
		{ "/a?b=c+d", "/a", "/a?b=c+d", NULL },
		{ "/a?u=http://x/../y?z", "/a", "/a?u=http://x/../y?z", NULL },
		{ "/a?b=%2f%5c%0d%0a", "/a", "/a?b=%2F%5C%0D%0A", NULL },
		{ "/a?b={\"c\":1}", "/a", "/a?b=%7B%22c%22:1%7D", NULL },
		{ "/a?%62=c", "/a", "/a?b=c", NULL },
		{ "/a?b;c=d", "/a", "/a?b;c=d", NULL },
		{ "/a??", "/a", "/a??", NULL },
		{ "/a?b=%", NULL, NULL, "bad-escape" },
		{ "/a?b=%zz", NULL, NULL, "bad-escape" },
		{ "/a?%=b", NULL, NULL, "bad-escape" },
		{ "/a?b=%4&c=1", NULL, NULL, "bad-escape" },
		{ "/a?b=%00", NULL, NULL, "control-in-url" },
		{ "/a?%00", NULL, NULL, "control-in-url" },
		{ "/a?b=%ff", NULL, NULL, "url-not-utf8" },
		{ "/a?b=%c0%80", NULL, NULL, "url-not-utf8" },
		{ "/a?%c3=%a9", NULL, NULL, "url-not-utf8" },
		{ "/../a?b", NULL, NULL, "dot-segment" },
	};

	run(t, ARRAY_SIZE(t));
}

TEST(absolute_form)
{
	static const struct row t[] = {
		{ "http://a.example/b?c", "/b", "/b?c", NULL },
		{ "HTTP://A.Example", "/", "/", NULL },
		{ "http://a.example?b", "/", "/?b", NULL },
		{ "http://a.example:8080/", "/", "/", NULL },
		{ "http://[2001:db8::1]:8080/", "/", "/", NULL },
		{ "http://192.0.2.1/", "/", "/", NULL },
		{ "https://a.example/", NULL, NULL, "bad-scheme" },
		{ "ftp://a.example/", NULL, NULL, "bad-scheme" },
		{ "file:///etc/passwd", NULL, NULL, "bad-scheme" },
		{ "ws://a.example/", NULL, NULL, "bad-scheme" },
		{ "http:/a.example/", NULL, NULL, "bad-target" },
		{ "http:///b", NULL, NULL, "bad-host" },
		{ "http://:80/", NULL, NULL, "bad-host" },
		{ "http://a.example:/", NULL, NULL, "bad-host" },
		{ "http://a.example:0/", NULL, NULL, "bad-host" },
		{ "http://a.example:080/", NULL, NULL, "bad-host" },
		{ "http://a.example:65536/", NULL, NULL, "bad-host" },
		{ "http://a.example:80a/", NULL, NULL, "bad-host" },
		{ "http://a.example:-1/", NULL, NULL, "bad-host" },
		{ "http://u@a.example/", NULL, NULL, "userinfo" },
		{ "http://b.example:80@a.example/", NULL, NULL, "userinfo" },
		{ "http://a.example%2f@b/", NULL, NULL, "userinfo" },
		{ "http://a.example%00.b/", NULL, NULL, "bad-host" },
		{ "http://a_b..c/", NULL, NULL, "bad-host" },
		{ "http://0x7f000001/", NULL, NULL, "bad-host" },
		{ "http://2130706433/", NULL, NULL, "bad-host" },
		{ "http://0177.0.0.1/", NULL, NULL, "bad-host" },
		{ "http://127.1/", NULL, NULL, "bad-host" },
		{ "http://[::1/", NULL, NULL, "bad-host" },
		{ "http://[::1%25lo]/", NULL, NULL, "bad-host" },
		{ "http://::1/", NULL, NULL, "bad-host" },
		{ "http://a.example\\b/", NULL, NULL, "bad-host" },
		{ "http://a.example#b/", NULL, NULL, "bad-host" },
		{ "http://a.example/../b", NULL, NULL, "dot-segment" },
		{ "http://a.example//b", NULL, NULL, "empty-segment" },
	};

	run(t, ARRAY_SIZE(t));
}

TEST(authority_form)
{
	static const struct row authority[] = {
		{ "a.example:443", "", "", NULL },
		{ "[::1]:443", "", "", NULL },
		{ "a.example", NULL, NULL, "bad-target" },
		{ "a.example:", NULL, NULL, "bad-host" },
		{ "a.example:443/", NULL, NULL, "bad-host" },
		{ "http://a.example:443", NULL, NULL, "bad-host" },
		{ "u@a.example:443", NULL, NULL, "userinfo" },
		{ "/", NULL, NULL, "bad-host" },
		{ "*", NULL, NULL, "bad-host" },
		{ "a.example:443?x", NULL, NULL, "bad-host" },
		{ "a.example:443:443", NULL, NULL, "bad-host" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(authority); i++)
		check(&authority[i], true);
}

TEST(what_is_decided_on)
{
	static const char s[] = "http://A.Example.:8080/x?a=1+2&b=%26&c&a=";
	char room[HTTP_URL_ROOM(sizeof(s))];
	enum http_reason why;

	ASSERT_EQ(http_url_parse(s, sizeof(s) - 1, false, room, &url, &why), 0);
	ASSERT_EQ(url.form, HTTP_ABSOLUTE);
	ASSERT_STREQ(url.host.text, "a.example");
	ASSERT_EQ(url.port, 8080);
	ASSERT_EQ(url.n, 4);
	ASSERT_EQ(url.param[0].value_len, 3);
	ASSERT_MEMEQ(url.param[0].value, "1 2", 3);
	ASSERT_MEMEQ(url.param[1].value, "&", 1);
	ASSERT_EQ(url.param[2].value_len, 0);
	ASSERT_MEMEQ(url.param[3].name, "a", 1);
}

TEST(bounds)
{
	static char s[SHIM_URL_MAX + 2], room[HTTP_URL_ROOM(sizeof(s))];
	enum http_reason why;
	size_t n = 2;

	memcpy(s, "/?", 2);
	while (n < 2 * HTTP_PARAMS_MAX) {
		s[n++] = 'a';
		s[n++] = '&';
	}
	s[n++] = 'a';
	ASSERT_OK(http_url_parse(s, n, false, room, &url, &why));
	ASSERT_EQ(url.n, HTTP_PARAMS_MAX);
	memcpy(s + n, "&b", 2);
	ASSERT_ERR(http_url_parse(s, n + 2, false, room, &url, &why), -EPROTO);
	ASSERT_EQ(why, HTTP_QUERY_TOO_MANY);
	/* the longest, all of which grows */
	memset(s, '"', sizeof(s));
	s[0] = '/';
	ASSERT_OK(http_url_parse(s, SHIM_URL_MAX, false, room, &url, &why));
	ASSERT_EQ(url.sent_path.len, 3 * (SHIM_URL_MAX - 1) + 1);
	ASSERT_ERR(http_url_parse(s, SHIM_URL_MAX + 1, false, room, &url, &why),
		   -EPROTO);
	ASSERT_EQ(why, HTTP_URL_TOO_LONG);
}

TEST(encode)
{
	char buf[64];
	size_t n = http_url_encode("a b&=+%/\xc3\xa9~", 11, buf);

	ASSERT_EQ(n, 27);
	ASSERT_MEMEQ(buf, "a%20b%26%3D%2B%25%2F%C3%A9~", n);
}
