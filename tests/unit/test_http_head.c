/* links: shim net lib */
/*
 * Heads of requests and responses: what has one reading, what that is, and
 * with which word everything else is refused.
 */
#include "shim/http_head.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

struct row {
	const char *head;
	size_t len;
	const char *word; /* NULL: let through */
};

#define ROW(text, want)                                                        \
	{                                                                      \
		.head = (text), .len = sizeof(text) - 1, .word = (want)        \
	}
#define HOST "Host: a.example\r\n"
/* A request whose headers are h. */
#define GET(h, want) ROW("GET / HTTP/1.1\r\n" HOST h "\r\n", want)
#define POST(h, want) ROW("POST / HTTP/1.1\r\n" HOST h "\r\n", want)
#define LINE(l, want) ROW(l "\r\n" HOST "\r\n", want)
#define WS                                                                     \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                      \
	"Sec-WebSocket-Version: 13\r\n"
/* A response whose headers are h. */
#define OK(h, want) ROW("HTTP/1.1 200 OK\r\n" h "\r\n", want)

/* From memory of exactly that size, so that sanitizers see each step beyond. */
static const char *
judge(const char *bytes, size_t len, bool request, struct http_head *h)
{
	char *copy = malloc(len ? len : 1);
	enum http_reason why = HTTP_FINE;
	const char *word = NULL;
	size_t at = 0, end = 0;
	int r;

	ASSERT_NOT_NULL(copy);
	memcpy(copy, bytes, len);
	r = http_head_scan(copy, len, &at, &end);
	if (r == 0)
		word = "more";
	else if (r < 0)
		word = http_reason_word(HTTP_BARE_LF);
	else if ((request ? http_request_parse(copy, end, h, &why)
			  : http_response_parse(copy, end, h, &why)) < 0)
		word = http_reason_word(why);
	free(copy);
	return word;
}

static void
run(const struct row *t, size_t n, bool request)
{
	static struct http_head h;

	for (size_t i = 0; i < n; i++) {
		const char *got = judge(t[i].head, t[i].len, request, &h);

		if (strcmp(got ? got : "fine", t[i].word ? t[i].word : "fine"))
			FAIL("row %zu: %s is \"%s\", not \"%s\"", i, t[i].head,
			     got ? got : "fine",
			     t[i].word ? t[i].word : "fine");
	}
}

TEST(first_lines)
{
	static const struct row t[] = {
		LINE("GET / HTTP/1.1", NULL),
		LINE("GET / HTTP/1.0", NULL),
		LINE("M-SEARCH / HTTP/1.1", NULL),
		LINE("VERSION_CONTROL / HTTP/1.1", NULL),
		LINE("GET http://a.example/ HTTP/1.1", NULL),
		LINE("OPTIONS * HTTP/1.1", NULL),
		LINE("CONNECT a.example:443 HTTP/1.1", NULL),
		LINE("get / HTTP/1.1", "bad-method"),
		LINE("Get / HTTP/1.1", "bad-method"),
		LINE("G!T / HTTP/1.1", "bad-method"),
		LINE("GET\xc3\xa9 / HTTP/1.1", "bad-first-line"),
		LINE("GET(x) / HTTP/1.1", "bad-first-line"),
		LINE("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1",
		     "bad-method"),
		LINE(" GET / HTTP/1.1", "bad-first-line"),
		LINE("\tGET / HTTP/1.1", "control-byte"),
		LINE("GET  / HTTP/1.1", "bad-first-line"),
		LINE("GET\t/ HTTP/1.1", "control-byte"),
		LINE("GET /  HTTP/1.1", "bad-first-line"),
		LINE("GET /\tHTTP/1.1", "control-byte"),
		LINE("GET / HTTP/1.1 ", "bad-first-line"),
		LINE("GET / HTTP/1.1\t", "bad-first-line"),
		LINE("GET / HTTP/1.1 x", "bad-first-line"),
		LINE("GET /a b HTTP/1.1", "bad-first-line"),
		LINE("GET /", "bad-first-line"),
		LINE("GET", "bad-first-line"),
		LINE("GET / ", "bad-first-line"),
		LINE("GET HTTP/1.1", "bad-first-line"),
		LINE("/ HTTP/1.1", "bad-first-line"),
		LINE("GET / http/1.1", "bad-first-line"),
		LINE("GET / HTTP/1.2", "bad-version"),
		LINE("GET / HTTP/0.9", "bad-version"),
		LINE("GET / HTTP/3.0", "bad-version"),
		LINE("GET / HTTP/2.0", "http2"),
		LINE("GET / HTTP/11", "bad-first-line"),
		LINE("GET / HTTP/1,1", "bad-first-line"),
		LINE("GET / HTTP/1.10", "bad-first-line"),
		LINE("GET / HTTP/+1.1", "bad-first-line"),
		LINE("GET / HTTPS/1.1", "bad-first-line"),
		LINE("GET / ICY/1.10", "bad-first-line"),
		LINE("GET /\0 HTTP/1.1", "nul-byte"),
		LINE("GET\0 / HTTP/1.1", "nul-byte"),
		LINE("GET /\x01 HTTP/1.1", "control-byte"),
		LINE("GET /\x7f HTTP/1.1", "control-byte"),
		LINE("GET /\r HTTP/1.1", "bare-cr"),
		LINE("GET\r / HTTP/1.1", "bare-cr"),
		LINE("GET / HTTP/1.1\r", "bad-first-line"),
		LINE("GET /\xc3\xa9 HTTP/1.1", "bad-target"),
		LINE("GET /\xff HTTP/1.1", "bad-target"),
		LINE("TRACE / HTTP/1.1", "echo-method"),
		LINE("TRACK / HTTP/1.1", "echo-method"),
		ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"),
		ROW("\r\n", "bad-first-line"),
		ROW("GET / HTTP/1.1\nHost: a\r\n\r\n", "bare-lf"),
		ROW("GET / HTTP/1.1\r\nHost: a\n\r\n", "bare-lf"),
		ROW("GET / HTTP/1.1\r\nHost: a\r\n\n", "bare-lf"),
		ROW("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare-lf"),
		ROW("GET / HTTP/1.1\n\n", "bare-lf"),
		ROW("GET / HTTP/1.1\r\n", "more"),
		ROW("GET / HTTP/1.1\r\nHost: a\r\n\r", "more"),
		ROW("", "more"),
	};

	run(t, ARRAY_SIZE(t), true);
}

TEST(header_lines)
{
	static const struct row t[] = {
		GET("", NULL),
		GET("A:\r\n", NULL),
		GET("A:b\r\n", NULL),
		GET("A: \t b \t \r\n", NULL),
		GET("A: b\tc\r\n", NULL),
		GET("A: caf\xc3\xa9\r\n", NULL),
		GET("A: \xff\xfe\r\n", NULL),
		GET("A: :\r\n", NULL),
		GET("A: x\r\nA: y\r\n", NULL),
		GET("!#$%&'*+-.^_`|~9: x\r\n", NULL),
		GET("Cookie: a=1\r\nCookie: b=2\r\n", NULL),
		GET("A : b\r\n", "space-before-colon"),
		GET("A\t: b\r\n", "space-before-colon"),
		GET("Host : b\r\n", "space-before-colon"),
		GET("A b: c\r\n", "space-before-colon"),
		GET(" A: b\r\n", "folded-header"),
		GET("\tA: b\r\n", "folded-header"),
		GET("A: b\r\n c\r\n", "folded-header"),
		GET("A: b\r\n\tc\r\n", "folded-header"),
		GET("A: b\r\n \r\n", "folded-header"),
		ROW("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "folded-header"),
		GET("A\r\n", "bad-header"),
		GET(": b\r\n", "bad-header"),
		GET("A(b): c\r\n", "bad-header"),
		GET("A\xc3\xa9: c\r\n", "bad-header"),
		GET("\"A\": c\r\n", "bad-header"),
		GET("A/b: c\r\n", "bad-header"),
		GET("A\0: b\r\n", "nul-byte"),
		GET("A: b\0c\r\n", "nul-byte"),
		GET("\0: b\r\n", "nul-byte"),
		GET("A: b\rc\r\n", "bare-cr"),
		GET("A: b\r\r\n", "bare-cr"),
		GET("A\r: b\r\n", "bare-cr"),
		GET("\rA: b\r\n", "bare-cr"),
		GET("A: b\x01\r\n", "control-byte"),
		GET("A: b\x0b\r\n", "control-byte"),
		GET("A: b\x0c\r\n", "control-byte"),
		GET("A: \x1b[31m\r\n", "control-byte"),
		GET("A: b\x7f\r\n", "control-byte"),
		GET("A\x7f: b\r\n", "control-byte"),
		GET("A: b\nC: d\r\n", "bare-lf"),
		GET("A: b\r\nC: d\n\r\n", "bare-lf"),
		GET("Content_Length: 5\r\n", "lookalike-header"),
		GET("Transfer_Encoding: chunked\r\n", "lookalike-header"),
		GET("content_type: a\r\n", "lookalike-header"),
		GET("X_Custom: a\r\n", NULL),
		GET("Proxy_Authorization: a\r\n", "lookalike-header"),
	};

	run(t, ARRAY_SIZE(t), true);
}

TEST(whom_it_is_for)
{
	static const struct row t[] = {
		ROW("GET / HTTP/1.1\r\n\r\n", "no-host"),
		ROW("GET / HTTP/1.0\r\n\r\n", NULL),
		ROW("GET / HTTP/1.1\r\nhOsT: a\r\n\r\n", NULL),
		ROW("GET / HTTP/1.1\r\nHost:\r\n\r\n", NULL),
		GET("Host: a.example\r\n", "header-twice"),
		GET("host: b.example\r\n", "header-twice"),
		GET("HOST: b.example\r\n", "header-twice"),
		GET("Authorization: a\r\nAuthorization: b\r\n", "header-twice"),
		GET("Origin: a\r\nOrigin: a\r\n", "header-twice"),
		POST("Content-Type: a\r\nContent-Type: b\r\n", "header-twice"),
		GET("Range: bytes=0-1\r\nRange: bytes=1-2\r\n", "header-twice"),
	};

	run(t, ARRAY_SIZE(t), true);
}

TEST(lengths)
{
	static const struct row t[] = {
		POST("Content-Length: 0\r\n", NULL),
		POST("Content-Length: 5\r\n", NULL),
		POST("Content-Length:5\r\n", NULL),
		POST("Content-Length: 999999999999999999\r\n", NULL),
		POST("Content-Length: 1000000000000000000\r\n", "bad-length"),
		POST("Content-Length: 18446744073709551616\r\n", "bad-length"),
		POST("Content-Length: 5\r\nContent-Length: 5\r\n",
		     "two-lengths"),
		POST("Content-Length: 5\r\ncontent-length: 6\r\n",
		     "two-lengths"),
		POST("Content-Length: 5, 5\r\n", "bad-length"),
		POST("Content-Length: 5,6\r\n", "bad-length"),
		POST("Content-Length: +5\r\n", "bad-length"),
		POST("Content-Length: -5\r\n", "bad-length"),
		POST("Content-Length: -0\r\n", "bad-length"),
		POST("Content-Length: 05\r\n", "bad-length"),
		POST("Content-Length: 0x5\r\n", "bad-length"),
		POST("Content-Length: 5 5\r\n", "bad-length"),
		POST("Content-Length: 5;\r\n", "bad-length"),
		POST("Content-Length: 5.0\r\n", "bad-length"),
		POST("Content-Length: 1e3\r\n", "bad-length"),
		POST("Content-Length: \"5\"\r\n", "bad-length"),
		POST("Content-Length:\r\n", "bad-length"),
		POST("Content-Length: five\r\n", "bad-length"),
		POST("Content-Length: 5\x0b\r\n", "control-byte"),
		POST("Content-Length: \xd9\xa5\r\n", "bad-length"),
		POST("Transfer-Encoding: chunked\r\n", NULL),
		POST("transfer-encoding:CHUNKED\r\n", NULL),
		POST("Transfer-Encoding: \t chunked \t\r\n", NULL),
		POST("Transfer-Encoding: \x0b"
		     "chunked\r\n",
		     "control-byte"),
		POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: "
		     "chunked\r\n",
		     "header-twice"),
		POST("Transfer-Encoding: identity\r\n", "bad-coding"),
		POST("Transfer-Encoding: gzip, chunked\r\n", "bad-coding"),
		POST("Transfer-Encoding: chunked, gzip\r\n", "bad-coding"),
		POST("Transfer-Encoding: chunked, chunked\r\n", "bad-coding"),
		POST("Transfer-Encoding: chunked, identity\r\n", "bad-coding"),
		POST("Transfer-Encoding: , chunked\r\n", "bad-coding"),
		POST("Transfer-Encoding: chunked,\r\n", "bad-coding"),
		POST("Transfer-Encoding: xchunked\r\n", "bad-coding"),
		POST("Transfer-Encoding: chunkedx\r\n", "bad-coding"),
		POST("Transfer-Encoding: \"chunked\"\r\n", "bad-coding"),
		POST("Transfer-Encoding: chunked;q=1\r\n", "bad-coding"),
		POST("Transfer-Encoding: cow\r\n", "bad-coding"),
		POST("Transfer-Encoding:\r\n", "bad-coding"),
		POST("Transfer-Encoding : chunked\r\n", "space-before-colon"),
		POST("Transfer-Encoding\0: chunked\r\n", "nul-byte"),
		POST("Transfer-Encoding:\r\n chunked\r\n", "bad-coding"),
		POST("X: y\r\n Transfer-Encoding: chunked\r\n",
		     "folded-header"),
		POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		     "length-and-coding"),
		POST("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
		     "length-and-coding"),
		ROW("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		    "coding-in-http10"),
		ROW("POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", NULL),
	};

	run(t, ARRAY_SIZE(t), true);
}

TEST(connection_and_upgrade)
{
	static const struct row t[] = {
		GET("Connection: close\r\n", NULL),
		GET("Connection: keep-alive, X-Foo\r\nX-Foo: a\r\n", NULL),
		GET("Connection: ,, close ,\r\n", NULL),
		GET("Connection:\r\n", NULL),
		GET("Connection: close\r\nConnection: X-Foo\r\n", NULL),
		GET("Connection: a b\r\n", "bad-connection-header"),
		GET("Connection: \"close\"\r\n", "bad-connection-header"),
		GET("Connection: a=b\r\n", "bad-connection-header"),
		GET("Connection: close;\r\n", "bad-connection-header"),
		GET("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n",
		    "bad-connection-header"),
		GET("Connection: Host\r\n", "connection-names-header"),
		GET("Connection: close, authorization\r\nAuthorization: x\r\n",
		    "connection-names-header"),
		GET("Connection: Cookie\r\nCookie: x\r\n",
		    "connection-names-header"),
		POST("Connection: content-length\r\nContent-Length: 5\r\n",
		     "connection-names-header"),
		POST("Connection: Transfer-Encoding\r\n"
		     "Transfer-Encoding: chunked\r\n",
		     "connection-names-header"),
		GET("Expect: 100-continue\r\n", NULL),
		POST("Expect: 100-Continue\r\nContent-Length: 1\r\n", NULL),
		GET("Expect: 200-ok\r\n", "bad-expect"),
		GET("Expect: 100-continue, x\r\n", "bad-expect"),
		GET("Expect: 100-continue\r\nExpect: 100-continue\r\n",
		    "header-twice"),
		GET("Upgrade: h2c\r\nConnection: Upgrade\r\n", "h2c-upgrade"),
		GET("Upgrade: H2C\r\n", "h2c-upgrade"),
		GET("Upgrade: websocket, h2c\r\n", "h2c-upgrade"),
		GET("Upgrade: h2c\r\nUpgrade: websocket\r\n", "h2c-upgrade"),
		GET("HTTP2-Settings: AAMAAABk\r\n", "h2c-upgrade"),
		GET("Connection: HTTP2-Settings\r\nHTTP2-Settings: x\r\n",
		    "h2c-upgrade"),
		GET("Upgrade: TLS/1.0\r\n", "upgrade"),
		GET("Upgrade: tcp\r\nConnection: Upgrade\r\n", "upgrade"),
		GET("Upgrade: websocket, foo\r\n", "upgrade"),
		GET("Upgrade:\r\n", "upgrade"),
		GET("Upgrade: websocket\r\nConnection: Upgrade\r\n" WS, NULL),
		GET("Upgrade: WebSocket\r\nConnection: keep-alive, "
		    "Upgrade\r\n" WS,
		    NULL),
		GET("Upgrade: websocket\r\nUpgrade: websocket\r\n" WS,
		    "header-twice"),
		GET("Upgrade: websocket\r\n" WS, "bad-websocket"),
		GET("Upgrade: websocket\r\nConnection: Upgrade\r\n",
		    "bad-websocket"),
		GET("Upgrade: websocket\r\nConnection: Upgrade\r\n"
		    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		    "Sec-WebSocket-Version: 12\r\n",
		    "bad-websocket"),
		GET("Upgrade: websocket\r\nConnection: Upgrade\r\n"
		    "Sec-WebSocket-Key: short\r\n"
		    "Sec-WebSocket-Version: 13\r\n",
		    "bad-websocket"),
		GET("Upgrade: websocket\r\nConnection: Upgrade\r\n" WS
		    "Sec-WebSocket-Version: 8\r\n",
		    "header-twice"),
		GET("Upgrade: websocket\r\nConnection: Upgrade\r\n" WS
		    "Content-Length: 5\r\n",
		    "bad-websocket"),
		POST("Upgrade: websocket\r\nConnection: Upgrade\r\n" WS,
		     "bad-websocket"),
		ROW("GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: "
		    "Upgrade\r\n" WS "\r\n",
		    "bad-websocket"),
	};

	run(t, ARRAY_SIZE(t), true);
}

TEST(responses)
{
	static const struct row t[] = {
		OK("", NULL),
		ROW("HTTP/1.1 200\r\n\r\n", NULL),
		ROW("HTTP/1.1 200 \r\n\r\n", NULL),
		ROW("HTTP/1.0 404 Not Found\r\n\r\n", NULL),
		ROW("HTTP/1.1 200 \xc3\xa0 la bonne heure\r\n\r\n", NULL),
		ROW("HTTP/1.1 100 Continue\r\n\r\n", NULL),
		ROW("HTTP/1.1 599 x\r\n\r\n", NULL),
		ROW("HTTP/1.1 600 x\r\n\r\n", "bad-status"),
		ROW("HTTP/1.1 099 x\r\n\r\n", "bad-status"),
		ROW("HTTP/1.1 2000 x\r\n\r\n", "bad-first-line"),
		ROW("HTTP/1.1 20 x\r\n\r\n", "bad-status"),
		ROW("HTTP/1.1 20\r\n\r\n", "bad-first-line"),
		ROW("HTTP/1.1 +20 x\r\n\r\n", "bad-status"),
		ROW("HTTP/1.1  200 x\r\n\r\n", "bad-status"),
		ROW("HTTP/1.1\t200 x\r\n\r\n", "bad-first-line"),
		ROW("HTTP/2.0 200 x\r\n\r\n", "http2"),
		ROW("HTTP/1.9 200 x\r\n\r\n", "bad-version"),
		ROW("ICY 200 OK 12345\r\n\r\n", "bad-first-line"),
		ROW("SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n", "bad-first-line"),
		ROW("HTTP/1.1 200 O\0K\r\n\r\n", "nul-byte"),
		ROW("HTTP/1.1 200 O\rK\r\n\r\n", "bare-cr"),
		ROW("HTTP/1.1 200 O\x1b[1mK\r\n\r\n", "control-byte"),
		ROW("HTTP/1.1 200 OK\n\n", "bare-lf"),
		ROW("\r\nHTTP/1.1 200 OK\r\n\r\n", "bad-first-line"),
		OK("Content-Length: 5\r\n", NULL),
		OK("Content-Length: 5\r\nContent-Length: 5\r\n", "two-lengths"),
		OK("Content-Length: 5\r\nContent-Length: 6\r\n", "two-lengths"),
		OK("Content-Length: 5, 5\r\n", "bad-length"),
		OK("Content-Length: -1\r\n", "bad-length"),
		OK("Transfer-Encoding: chunked\r\n", NULL),
		OK("Transfer-Encoding: gzip, chunked\r\n", "bad-coding"),
		OK("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
		   "length-and-coding"),
		OK("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
		   "header-twice"),
		ROW("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		    "coding-in-http10"),
		OK("A: b\r\n c\r\n", "folded-header"),
		OK("A : b\r\n", "space-before-colon"),
		OK("A: b\0\r\n", "nul-byte"),
		OK("A: b\r\rc\r\n", "bare-cr"),
		OK("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n", NULL),
		OK("Content-Type: a\r\nContent-Type: b\r\n", NULL),
		OK("Upgrade: h2,h2c\r\nConnection: Upgrade\r\n", NULL),
		OK("Connection: set-cookie, x\r\nX: a\r\n", NULL),
		OK("Connection: content-length\r\nContent-Length: 5\r\n",
		   "connection-names-header"),
	};

	run(t, ARRAY_SIZE(t), false);
}

static struct http_head h;

static const char *
value(const char *head, const char *name)
{
	static char buf[256];

	for (unsigned int i = 0; i < h.n; i++)
		if (http_is_word(head + h.field[i].name.at, h.field[i].name.len,
				 name)) {
			snprintf(buf, sizeof(buf), "%s%.*s",
				 h.field[i].drop ? "dropped: " : "",
				 (int)h.field[i].value.len,
				 head + h.field[i].value.at);
			return buf;
		}
	return NULL;
}

TEST(what_a_request_says)
{
	static const char s[] = "POST /a?b HTTP/1.1\r\nHOST:  a.example:80 \r\n"
				"Connection: close, X-Hop\r\nx-hop: 1\r\n"
				"X-End:\t2\t\r\nContent-Length: 12\r\n"
				"TE: trailers\r\nExpect: 100-continue\r\n\r\n";
	char copy[sizeof(s)];
	enum http_reason why;

	memcpy(copy, s, sizeof(s));
	ASSERT_EQ(http_request_parse(copy, sizeof(s) - 1, &h, &why), 0);
	ASSERT_EQ(h.len, sizeof(s) - 1);
	ASSERT_EQ(h.status, 0);
	ASSERT_EQ(h.minor, 1);
	ASSERT_MEMEQ(copy + h.method.at, "POST", h.method.len);
	ASSERT_MEMEQ(copy + h.target.at, "/a?b", h.target.len);
	ASSERT_MEMEQ(copy + h.host.at, "a.example:80", h.host.len);
	ASSERT_EQ(h.host.len, 12);
	ASSERT_TRUE(h.has_length && h.length == 12 && !h.chunked);
	ASSERT_FALSE(h.keep_alive);
	ASSERT_TRUE(h.expect);
	ASSERT_EQ(h.n, 7);
	ASSERT_STREQ(value(copy, "x-end"), "2");
	ASSERT_STREQ(value(copy, "x-hop"), "dropped: 1");
	ASSERT_STREQ(value(copy, "te"), "dropped: trailers");
	ASSERT_STREQ(value(copy, "host"), "dropped: a.example:80");
	ASSERT_MEMEQ(copy + h.field[0].name.at, "host", 4);
}

static bool
keeps(const char *head, bool request)
{
	const char *word = judge(head, strlen(head), request, &h);

	if (word)
		FAIL("%s: %s", head, word);
	return h.keep_alive;
}

TEST(who_stays)
{
	ASSERT_TRUE(keeps("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true));
	ASSERT_FALSE(keeps("GET / HTTP/1.0\r\nHost: a\r\n\r\n", true));
	ASSERT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
			  true));
	ASSERT_FALSE(keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: "
			   "keep-alive, close\r\n\r\n",
			   true));
	ASSERT_TRUE(keeps("HTTP/1.1 200 OK\r\n\r\n", false));
	ASSERT_FALSE(keeps("HTTP/1.0 200 OK\r\n\r\n", false));
	ASSERT_FALSE(
		keeps("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", false));
}

TEST(who_switches)
{
	ASSERT_TRUE(keeps("HTTP/1.1 101 x\r\nUpgrade: WebSocket\r\nConnection: "
			  "upgrade\r\n\r\n",
			  false));
	ASSERT_TRUE(h.websocket);
	keeps("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", false);
	ASSERT_FALSE(h.websocket);
	keeps("HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
	      false);
	ASSERT_FALSE(h.websocket);
	keeps("HTTP/1.1 200 x\r\nUpgrade: websocket\r\nConnection: "
	      "upgrade\r\n\r\n",
	      false);
	ASSERT_FALSE(h.websocket);
}

/* A head comes in pieces of any size; nothing of it is looked at twice. */
TEST(scan_in_pieces)
{
	static const char s[] = "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\nGET";

	for (size_t step = 1; step < sizeof(s); step++) {
		size_t at = 0, len = 0, have = 0;
		int r = 0;

		while (!r && have < sizeof(s) - 1) {
			have = MIN(have + step, sizeof(s) - 1);
			r = http_head_scan(s, have, &at, &len);
		}
		ASSERT_EQ(r, 1);
		ASSERT_EQ(len, sizeof(s) - 4);
	}
}

#define PUT(at, text) memcpy(at, text, sizeof(text))

TEST(bounds)
{
	static char big[SHIM_HEAD_MAX + 64];
	char *at = big;

	at += snprintf(at, 64, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (unsigned int i = 0; i < SHIM_HEADERS_MAX - 1; i++)
		at += snprintf(at, 64, "X-%u: y\r\n", i);
	PUT(at, "\r\n");
	ASSERT_NULL(judge(big, strlen(big), true, &h));
	PUT(at, "X: y\r\n\r\n");
	ASSERT_STREQ(judge(big, strlen(big), true, &h), "head-too-large");

	at = big + snprintf(big, 64, "GET /");
	memset(at, 'a', SHIM_URL_MAX - 1);
	PUT(at + SHIM_URL_MAX - 1, " HTTP/1.1\r\nHost: a\r\n\r\n");
	ASSERT_NULL(judge(big, strlen(big), true, &h));
	PUT(at + SHIM_URL_MAX - 1, "a HTTP/1.1\r\nHost: a\r\n\r\n");
	ASSERT_STREQ(judge(big, strlen(big), true, &h), "url-too-long");

	at = big + snprintf(big, 64, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
	memset(at, 'a', SHIM_HEAD_MAX);
	PUT(big + SHIM_HEAD_MAX - 4, "\r\n\r\n");
	ASSERT_NULL(judge(big, SHIM_HEAD_MAX, true, &h));
	PUT(big + SHIM_HEAD_MAX - 4, "a\r\n\r\n");
	ASSERT_STREQ(judge(big, SHIM_HEAD_MAX + 1, true, &h), "head-too-large");
}

TEST(every_reason_has_words)
{
	for (unsigned int i = 1; i < HTTP_REASON_MAX; i++) {
		ASSERT_NOT_NULL(http_reason_word(i));
		ASSERT_GE(http_reason_status(i), 400);
		ASSERT_LE(http_reason_status(i), 505);
		for (unsigned int k = 1; k < i; k++)
			ASSERT_NE(strcmp(http_reason_word(i),
					 http_reason_word(k)),
				  0);
	}
}
