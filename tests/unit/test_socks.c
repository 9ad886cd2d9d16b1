/* links: shim net policy lib */
/* SOCKS: the client's messages and what they are answered with. */
#include "lib/macro.h"
#include "shim/reasons.h"
#include "shim/socks.h"
#include "tests/tap.h"

#include <string.h>

struct row {
	const char *what, *data;
	size_t len;
	const char *host; /* or: */
	uint16_t port;
	const char *reason;
	int code;    /* last byte of RFC 1928's reply that is due; -1: none */
	size_t rest; /* bytes behind the request */
};
#define GREETING "\5\1\0"
#define GOOD(what, host, port, rest, data)                                     \
	{                                                                      \
		what, data, sizeof(data) - 1, host, port, NULL, -1, rest       \
	}
#define BAD(what, reason, code, data)                                          \
	{                                                                      \
		what, data, sizeof(data) - 1, NULL, 0, reason, code, 0         \
	}

static const struct row rows[] = {
	GOOD("a name", "example.com", 443, 0,
	     GREETING "\5\1\0\3\x0b"
		      "Example.COM\1\xbb"),
	GOOD("a dot at the end", "a.b", 80, 0, GREETING "\5\1\0\3\4a.b.\0\x50"),
	GOOD("data behind it", "a", 80, 3,
	     GREETING "\5\1\0\3\1a\0\x50"
		      "GET"),
	GOOD("IPv4", "198.18.0.1", 22, 0,
	     GREETING "\5\1\0\1\xc6\x12\0\1\0\x16"),
	GOOD("IPv6", "::1", 22, 0,
	     GREETING "\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\x16"),
	GOOD("IPv4 in IPv6", "127.0.0.1", 22, 0,
	     GREETING "\5\1\0\4\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1\0\x16"),
	GOOD("IPv4 as a name", "1.2.3.4", 22, 0,
	     GREETING "\5\1\0\3\7"
		      "1.2.3.4\0\x16"),
	GOOD("a password", "a", 80, 0,
	     "\5\1\2"
	     "\1\4user\4pass"
	     "\5\1\0\3\1a\0\x50"),
	GOOD("an empty password", "a", 80, 0,
	     "\5\1\2"
	     "\1\0\0"
	     "\5\1\0\3\1a\0\x50"),
	GOOD("none before a password", "a", 80, 0,
	     "\5\2\2\0"
	     "\5\1\0\3\1a\0\x50"),
	BAD("SOCKS 4", "socks-version", 91, "\4\1\0\x50\1\2\3\4x\0"),
	BAD("SOCKS 6", "socks-malformed", -1, "\6\1\0"),
	BAD("GSSAPI only", "socks-malformed", 0xff, "\5\1\1"),
	BAD("no method", "socks-malformed", 0xff, "\5\0"),
	BAD("version of the password", "socks-malformed", -1, "\5\1\2\5\1a\1b"),
	BAD("version of the request", "socks-malformed", SOCKS_FAILURE,
	    GREETING "\4\1\0\3\1a\0\x50"),
	BAD("BIND", "socks-command", SOCKS_BAD_COMMAND,
	    GREETING "\5\2\0\3\1a\0\x50"),
	BAD("UDP", "socks-command", SOCKS_BAD_COMMAND,
	    GREETING "\5\3\0\3\1a\0\x50"),
	BAD("Tor's resolve", "socks-command", SOCKS_BAD_COMMAND,
	    GREETING "\5\xf0\0\3\1a\0\x50"),
	BAD("reserved byte", "socks-malformed", SOCKS_BAD_ADDRESS,
	    GREETING "\5\1\1\3\1a\0\x50"),
	BAD("type of address", "socks-malformed", SOCKS_BAD_ADDRESS,
	    GREETING "\5\1\0\2\1a\0\x50"),
	BAD("an empty name", "socks-host", SOCKS_BAD_ADDRESS,
	    GREETING "\5\1\0\3\0\0\x50"),
	BAD("a NUL in the name", "socks-host", SOCKS_BAD_ADDRESS,
	    GREETING "\5\1\0\3\3a\0b\0\x50"),
	BAD("a decimal address", "socks-host", SOCKS_BAD_ADDRESS,
	    GREETING "\5\1\0\3\x0a"
		     "2130706433\0\x50"),
	BAD("an octal address", "socks-host", SOCKS_BAD_ADDRESS,
	    GREETING "\5\1\0\3\x0a"
		     "0177.0.0.1\0\x50"),
	BAD("brackets", "socks-host", SOCKS_BAD_ADDRESS,
	    GREETING "\5\1\0\3\5[::1]\0\x50"),
	BAD("a user in the name", "socks-host", SOCKS_BAD_ADDRESS,
	    GREETING "\5\1\0\3\3a@b\0\x50"),
	BAD("port 0", "socks-host", SOCKS_BAD_ADDRESS,
	    GREETING "\5\1\0\3\1a\0\0"),
};

/* All the bytes are there from the beginning, or come one by one. */
static ssize_t
walk(struct socks *s, const struct row *x, bool slowly)
{
	const uint8_t *data = (const uint8_t *)x->data;
	size_t at = 0, have = slowly ? 0 : x->len;
	ssize_t n;

	while (s->state != SOCKS_READY) {
		n = socks_next(s, data + at, have - at);
		if (n < 0)
			return n;
		if (n == 0 && have == x->len)
			return 0;
		have += n == 0;
		at += (size_t)n;
	}
	return (ssize_t)at;
}

static void
check(const struct row *x, bool slowly)
{
	struct socks s = { 0 };
	ssize_t n = walk(&s, x, slowly);

	if (x->host) {
		if (n != (ssize_t)(x->len - x->rest))
			FAIL("%s: %zd (%s)", x->what, n,
			     s.reason ? s.reason : "");
		ASSERT_STREQ(s.host.text, x->host);
		ASSERT_EQ(s.port, x->port);
		return;
	}
	if (n != -EPROTO || strcmp(s.reason, x->reason) != 0)
		FAIL("%s: %zd", x->what, n);
	if (x->code < 0 ? s.reply_len != 0 : s.reply[1] != x->code)
		FAIL("%s: %zu bytes, %d", x->what, s.reply_len, s.reply[1]);
}

TEST(requests)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check(&rows[i], false);
		check(&rows[i], true);
	}
}

TEST(replies)
{
	static const uint8_t want[10] = { 5, 2, 0, 1 };
	uint8_t got[10];

	ASSERT_EQ(socks_put_reply(SOCKS_NOT_ALLOWED, got), 10u);
	ASSERT_MEMEQ(got, want, 10);
}
