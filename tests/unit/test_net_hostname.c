/* links: net policy lib */
/* Host names and addresses: the one form that each has, and everything that is
 * refused since it could be read in another way. */
#include "net/hostname.h"
#include "policy/policy-internal.h"
#include "tests/tap.h"

#include <arpa/inet.h>
#include <string.h>

#define S(s) (s), sizeof(s) - 1

/* want: canonical text; NULL: refused. Kind by first letter: n, 4, 6. */
struct row {
	const char *s;
	size_t n;
	char kind;
	const char *want;
};

static const enum hostname_kind kinds[] = {
	['n'] = HOSTNAME_NAME, ['4'] = HOSTNAME_IPV4, ['6'] = HOSTNAME_IPV6
};

static void
check(const struct row *t, bool url)
{
	struct hostname h, again;
	const char *why = NULL;
	int r = hostname_parse(t->s, t->n, url, &h, &why);

	if (!t->want) {
		if (r != -EINVAL)
			FAIL("\"%s\" is taken as \"%s\"", t->s, h.text);
		ASSERT_NOT_NULL(why);
		ASSERT_EQ(hostname_parse(t->s, t->n, url, &h, NULL), -EINVAL);
		return;
	}
	if (r < 0)
		FAIL("\"%s\" is refused: it %s", t->s, why);
	ASSERT_STREQ(h.text, t->want);
	ASSERT_EQ(h.kind, kinds[(int)t->kind]);
	ASSERT_OK(hostname_parse(h.text, strlen(h.text), false, &again, NULL));
	ASSERT_STREQ(again.text, h.text);
	ASSERT_EQ(again.kind, h.kind);
	ASSERT_MEMEQ(again.addr, h.addr, sizeof(h.addr));
}

static void
rows(const struct row *t, size_t n, bool url)
{
	for (size_t i = 0; i < n; i++)
		check(&t[i], url);
}

#define ROWS(t, url) rows(t, sizeof(t) / sizeof((t)[0]), url)
#define L50 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"
#define L63 L50 "1234567890abc"

static const struct row names[] = {
	{ S("a"), 'n', "a" },
	{ S("localhost"), 'n', "localhost" },
	{ S("example.com"), 'n', "example.com" },
	{ S("EXAMPLE.Com"), 'n', "example.com" },
	{ S("example.com."), 'n', "example.com" },
	{ S("a.b.c.d.e.f"), 'n', "a.b.c.d.e.f" },
	{ S("_dmarc.example.com"), 'n', "_dmarc.example.com" },
	{ S("a_b.example"), 'n', "a_b.example" },
	{ S("r3---sn-4g5e6nz7.example"), 'n', "r3---sn-4g5e6nz7.example" },
	{ S("-a.example"), 'n', "-a.example" },
	{ S("xn--bcher-kva.example"), 'n', "xn--bcher-kva.example" },
	{ S("XN--BCHER-KVA.example"), 'n', "xn--bcher-kva.example" },
	{ S("1.example"), 'n', "1.example" },
	{ S("127.0.0.1.example"), 'n', "127.0.0.1.example" },
	{ S("0x7f.example"), 'n', "0x7f.example" },
	{ S("1a"), 'n', "1a" },
	{ S("a1"), 'n', "a1" },
	{ S("1.2.3.4a"), 'n', "1.2.3.4a" },
	{ S("127.0.0.1e"), 'n', "127.0.0.1e" },
	{ S("127-0-0-1.example"), 'n', "127-0-0-1.example" },
	{ S("x0x7f"), 'n', "x0x7f" },
	{ S("0x.example"), 'n', "0x.example" },
	{ S("3com"), 'n', "3com" },
	{ S("1_2"), 'n', "1_2" },
	{ S("-1"), 'n', "-1" },
	{ S(L63 ".example"), 'n', L63 ".example" },
	{ S(L63 "." L63 "." L63 "." L50 "12345678901"), 'n',
	  L63 "." L63 "." L63 "." L50 "12345678901" }, /* 253 */
	{ S(L63 "." L63 "." L63 "." L50 "12345678901."), 'n',
	  L63 "." L63 "." L63 "." L50 "12345678901" },
	/* lengths */
	{ S(L63 "." L63 "." L63 "." L50 "123456789012"), 0, NULL },
	{ S(L63 "d"), 0, NULL },
	{ S("example." L63 "d.com"), 0, NULL },
	/* labels */
	{ S(""), 0, NULL },
	{ S("."), 0, NULL },
	{ S(".."), 0, NULL },
	{ S(".example"), 0, NULL },
	{ S("a..b"), 0, NULL },
	{ S("example.com.."), 0, NULL },
	/* bytes */
	{ S("exa mple.com"), 0, NULL },
	{ S(" example.com"), 0, NULL },
	{ S("example.com "), 0, NULL },
	{ S("example.com\n"), 0, NULL },
	{ S("example.com\r\nx"), 0, NULL },
	{ S("example\t.com"), 0, NULL },
	{ S("example.com\0"), 0, NULL },
	{ S("example.com\0.evil.example"), 0, NULL },
	{ S("\0example.com"), 0, NULL },
	{ S("example.com\x7f"), 0, NULL },
	{ S("example.com\x1b[2J"), 0, NULL },
	{ S("user@example.com"), 0, NULL },
	{ S("example.com/"), 0, NULL },
	{ S("example.com\\"), 0, NULL },
	{ S("example.com?"), 0, NULL },
	{ S("example.com#"), 0, NULL },
	{ S("example.com,evil.example"), 0, NULL },
	{ S("example.com;evil.example"), 0, NULL },
	{ S("*.example.com"), 0, NULL },
	{ S("*"), 0, NULL },
	{ S("%65xample.com"), 0, NULL },
	{ S("example%2ecom"), 0, NULL },
	{ S("example.com%00"), 0, NULL },
	{ S("b\xc3\xbc"
	    "cher.example"),
	  0, NULL },
	{ S("example\xe3\x80\x82"
	    "com"),
	  0, NULL }, /* ideographic full stop */
	{ S("example\xef\xbc\x8e"
	    "com"),
	  0, NULL },				  /* full-width full stop */
	{ S("\xef\xbd\x85xample.com"), 0, NULL }, /* full-width e */
	{ S("ex\xc2\xad"
	    "ample.com"),
	  0, NULL }, /* soft hyphen */
	{ S("ex\xe2\x80\x8b"
	    "ample.com"),
	  0, NULL },			      /* zero width space */
	{ S("\xd0\xb5xample.com"), 0, NULL }, /* Cyrillic e */
	{ S("example.com\xff"), 0, NULL },
	{ S("$(id).example"), 0, NULL },
	{ S("<script>"), 0, NULL },
};

static const struct row v4[] = {
	{ S("127.0.0.1"), '4', "127.0.0.1" },
	{ S("0.0.0.0"), '4', "0.0.0.0" },
	{ S("255.255.255.255"), '4', "255.255.255.255" },
	{ S("8.8.8.8"), '4', "8.8.8.8" },
	{ S("192.168.100.200"), '4', "192.168.100.200" },
	/* decimal */
	{ S("2130706433"), 0, NULL },
	{ S("0"), 0, NULL },
	{ S("1"), 0, NULL },
	{ S("4294967295"), 0, NULL },
	{ S("4294967296"), 0, NULL },
	{ S("2852039166"), 0, NULL },
	{ S("2130706433."), 0, NULL },
	{ S("99999999999999999999"), 0, NULL },
	/* octal */
	{ S("017700000001"), 0, NULL },
	{ S("0177.0.0.1"), 0, NULL },
	{ S("0177.0.0.01"), 0, NULL },
	{ S("127.0.0.01"), 0, NULL },
	{ S("127.0.00.1"), 0, NULL },
	{ S("00.0.0.0"), 0, NULL },
	{ S("010.0.0.1"), 0, NULL },
	{ S("0251.0376.0251.0376"), 0, NULL },
	{ S("08.8.8.8"), 0, NULL },
	{ S("127.0.0.1.00"), 0, NULL },
	/* hexadecimal */
	{ S("0x7f000001"), 0, NULL },
	{ S("0X7F000001"), 0, NULL },
	{ S("0x7f.0x0.0x0.0x1"), 0, NULL },
	{ S("0x7f.0.0.0x1"), 0, NULL },
	{ S("127.0.0.0x1"), 0, NULL },
	{ S("0xa9fea9fe"), 0, NULL },
	{ S("0xA9.0xFE.0xA9.0xFE"), 0, NULL },
	{ S("0x"), 0, NULL },
	{ S("0x."), 0, NULL },
	{ S("127.0x"), 0, NULL },
	{ S("example.0x1"), 0, NULL },
	{ S("example.0xg"), 0, NULL },
	/* short, long, mixed */
	{ S("127.1"), 0, NULL },
	{ S("127.0.1"), 0, NULL },
	{ S("127.65535"), 0, NULL },
	{ S("169.254.43518"), 0, NULL },
	{ S("10.1"), 0, NULL },
	{ S("1.2.3.4.5"), 0, NULL },
	{ S("1.2.3"), 0, NULL },
	{ S("0177.1"), 0, NULL },
	{ S("0x7f.1"), 0, NULL },
	{ S("0x7f.0.1"), 0, NULL },
	{ S("127.0.0"), 0, NULL },
	/* out of range */
	{ S("256.0.0.1"), 0, NULL },
	{ S("127.0.0.256"), 0, NULL },
	{ S("127.0.0.999"), 0, NULL },
	{ S("383.0.0.1"), 0, NULL },
	{ S("127.0.0.4294967297"), 0, NULL },
	/* dots, signs, blanks */
	{ S("127.0.0.1."), 0, NULL },
	{ S("127.0.0.1.."), 0, NULL },
	{ S(".127.0.0.1"), 0, NULL },
	{ S("127..0.1"), 0, NULL },
	{ S("127.0.0."), 0, NULL },
	{ S("+127.0.0.1"), 0, NULL },
	{ S("127.0.0.+1"), 0, NULL },
	{ S(" 127.0.0.1"), 0, NULL },
	{ S("127.0.0.1 "), 0, NULL },
	{ S("127.0.0.1\0"), 0, NULL },
	{ S("127.0.0.1\0.example"), 0, NULL },
	{ S("127.0.0.1%0"), 0, NULL },
	{ S("127.0.0.1%lo"), 0, NULL },
	{ S("127.0.0.1/8"), 0, NULL },
	{ S("127.0.0.1@8.8.8.8"), 0, NULL },
	{ S("a.127.0.0.1"), 0, NULL },
	{ S("example.1"), 0, NULL },
	{ S("example.123."), 0, NULL },
	/* digits of other scripts: full-width, circled, Arabic, Devanagari,
	 * superscript; other dots */
	{ S("\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1"), 0, NULL },
	{ S("127\xef\xbc\x8e"
	    "0.0.1"),
	  0, NULL },
	{ S("127\xe3\x80\x82"
	    "0\xe3\x80\x82"
	    "0\xe3\x80\x82"
	    "1"),
	  0, NULL },
	{ S("127\xef\xbd\xa1"
	    "0.0.1"),
	  0, NULL },
	{ S("\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1"), 0, NULL },
	{ S("\xd9\xa1\xd9\xa2\xd9\xa7.0.0.1"), 0, NULL },
	{ S("\xe0\xa5\xa7\xe0\xa5\xa8\xe0\xa5\xad.0.0.1"), 0, NULL },
	{ S("\xc2\xb9\xc2\xb2"
	    "7.0.0.1"),
	  0, NULL },
};

static const struct row v6[] = {
	{ S("::"), '6', "::" },
	{ S("::1"), '6', "::1" },
	{ S("0:0:0:0:0:0:0:1"), '6', "::1" },
	{ S("0000:0000:0000:0000:0000:0000:0000:0001"), '6', "::1" },
	{ S("::0001"), '6', "::1" },
	{ S("2001:DB8::A"), '6', "2001:db8::a" },
	{ S("2001:db8:0:0:1:0:0:1"), '6', "2001:db8::1:0:0:1" },
	{ S("2001:db8:0:1:1:1:1:1"), '6', "2001:db8:0:1:1:1:1:1" },
	{ S("1:2:3:4:5:6:7:8"), '6', "1:2:3:4:5:6:7:8" },
	{ S("1:2:3:4:5:6:1.2.3.4"), '6', "1:2:3:4:5:6:102:304" },
	{ S("fe80::1"), '6', "fe80::1" },
	{ S("64:ff9b::7f00:1"), '6', "64:ff9b::7f00:1" },
	{ S("64:ff9b::127.0.0.1"), '6', "64:ff9b::7f00:1" },
	{ S("2002:7f00:1::"), '6', "2002:7f00:1::" },
	{ S("::127.0.0.1"), '6', "::127.0.0.1" },
	{ S("::7f00:1"), '6', "::127.0.0.1" },
	/* mapped: it is the IPv4 address */
	{ S("::ffff:127.0.0.1"), '4', "127.0.0.1" },
	{ S("::FFFF:127.0.0.1"), '4', "127.0.0.1" },
	{ S("::ffff:7f00:1"), '4', "127.0.0.1" },
	{ S("::ffff:7f00:0001"), '4', "127.0.0.1" },
	{ S("0:0:0:0:0:ffff:7f00:1"), '4', "127.0.0.1" },
	{ S("0000:0000:0000:0000:0000:ffff:127.0.0.1"), '4', "127.0.0.1" },
	{ S("::ffff:a9fe:a9fe"), '4', "169.254.169.254" },
	{ S("::ffff:0.0.0.0"), '4', "0.0.0.0" },
	/* not mapped */
	{ S("::ffff:0:127.0.0.1"), '6', "::ffff:0:7f00:1" },
	/* refused */
	{ S(":"), 0, NULL },
	{ S(":::"), 0, NULL },
	{ S("1"), 0, NULL },
	{ S("1:"), 0, NULL },
	{ S(":1"), 0, NULL },
	{ S("1::2::3"), 0, NULL },
	{ S("1:2:3:4:5:6:7"), 0, NULL },
	{ S("1:2:3:4:5:6:7:8:9"), 0, NULL },
	{ S("1:2:3:4:5:6:7:"), 0, NULL },
	{ S("12345::"), 0, NULL },
	{ S("00001::"), 0, NULL },
	{ S("g::"), 0, NULL },
	{ S("::1%lo"), 0, NULL },
	{ S("fe80::1%eth0"), 0, NULL },
	{ S("fe80::1%25eth0"), 0, NULL },
	{ S("fe80::1%1"), 0, NULL },
	{ S("::1%"), 0, NULL },
	{ S("::1/128"), 0, NULL },
	{ S("::1."), 0, NULL },
	{ S("::1 "), 0, NULL },
	{ S(" ::1"), 0, NULL },
	{ S("::1\0"), 0, NULL },
	{ S("::1\0:1"), 0, NULL },
	{ S("::ffff:127.1"), 0, NULL },
	{ S("::ffff:0177.0.0.1"), 0, NULL },
	{ S("::ffff:0x7f.0.0.1"), 0, NULL },
	{ S("::ffff:127.0.0.01"), 0, NULL },
	{ S("::ffff:256.0.0.1"), 0, NULL },
	{ S("::127.0.0.1:1"), 0, NULL },
	{ S("127.0.0.1::"), 0, NULL },
	{ S("0x1::"), 0, NULL },
	{ S("example.com:443"), 0, NULL },
	{ S("0000:0000:0000:0000:0000:0000:0000:0000:0000:0001"), 0, NULL },
	{ S("::\xef\xbc\x91"), 0, NULL },
	{ S("\xef\xbc\x9a\xef\xbc\x9a"
	    "1"),
	  0, NULL },
};

TEST(names)
{
	ROWS(names, false);
	ROWS(names, true);
}

TEST(ipv4)
{
	ROWS(v4, false);
	ROWS(v4, true);
}

TEST(ipv6)
{
	ROWS(v6, false);
}

/* In a URL each IPv6 address has brackets, and nothing else has. */
TEST(brackets)
{
	static const struct row only_url[] = {
		{ S("[]"), 0, NULL },
		{ S("["), 0, NULL },
		{ S("]"), 0, NULL },
		{ S("[::1"), 0, NULL },
		{ S("::1]"), 0, NULL },
		{ S("[[::1]]"), 0, NULL },
		{ S("[::1]]"), 0, NULL },
		{ S("[::1]."), 0, NULL },
		{ S("[::1]x"), 0, NULL },
		{ S("[127.0.0.1]"), 0, NULL },
		{ S("[example.com]"), 0, NULL },
		{ S("[v1.::1]"), 0, NULL },
		{ S("[::1%25lo]"), 0, NULL },
		{ S("[\0::1]"), 0, NULL },
		{ S("::1"), 0, NULL },
		{ S("::ffff:127.0.0.1"), 0, NULL },
		{ S("1:2:3:4:5:6:7:8"), 0, NULL },
	};

	ROWS(only_url, true);
	for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
		char buf[128];
		struct row t = v6[i];

		buf[0] = '[';
		memcpy(buf + 1, t.s, t.n);
		buf[t.n + 1] = ']';
		t.s = buf;
		t.n += 2;
		check(&t, true);
		t.want = NULL;
		check(&t, false);
	}
}

static void
like_policy(const struct row *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct hostname h;
		char buf[256];

		if (hostname_parse(t[i].s, t[i].n, false, &h, NULL) < 0)
			continue;
		ASSERT_EQ(host_normal(t[i].s, t[i].n, buf), strlen(h.text));
		ASSERT_STREQ(buf, h.text);
	}
}

/* What is accepted here is what rules compare with. */
TEST(the_policy_reads_the_same)
{
	like_policy(names, sizeof(names) / sizeof(names[0]));
	like_policy(v4, sizeof(v4) / sizeof(v4[0]));
	like_policy(v6, sizeof(v6) / sizeof(v6[0]));
}

/* Every byte, as the first, middle and last of a name. */
TEST(every_byte)
{
	for (int c = 0; c < 256; c++) {
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '-' || c == '_';
		struct hostname h;

		for (size_t at = 0; at < 3; at++) {
			char s[] = "xyz.example";

			s[at] = (char)c;
			if (at == 1 && c == '.')
				continue;
			ASSERT_EQ(hostname_parse(s, 11, true, &h, NULL),
				  good ? 0 : -EINVAL);
		}
	}
}

TEST(refused_leaves_the_result_alone)
{
	struct hostname h;
	uint16_t port = 7;

	memset(&h, 0x5a, sizeof(h));
	ASSERT_EQ(hostname_parse(S("127.1"), false, &h, NULL), -EINVAL);
	ASSERT_EQ(hostname_parse_port(S("a:0"), &h, &port, NULL), -EINVAL);
	ASSERT_EQ(h.text[0], 0x5a);
	ASSERT_EQ(port, 7);
}

TEST(from_addresses)
{
	static const struct {
		const char *text, *want;
	} t[] = {
		{ "127.0.0.1", "127.0.0.1" },
		{ "::1", "::1" },
		{ "::ffff:1.2.3.4", "1.2.3.4" },
		{ "64:ff9b::102:304", "64:ff9b::102:304" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hostname h, p;
		uint8_t a[16];
		bool v6s = strchr(t[i].text, ':');

		ASSERT_EQ(inet_pton(v6s ? AF_INET6 : AF_INET, t[i].text, a), 1);
		hostname_from_addr(a, v6s ? 16 : 4, &h);
		ASSERT_STREQ(h.text, t[i].want);
		ASSERT_OK(hostname_parse(h.text, strlen(h.text), false, &p,
					 NULL));
		ASSERT_MEMEQ(&p, &h, sizeof(h));
	}
}

TEST(ports)
{
	static const struct {
		const char *s;
		size_t n;
		const char *host;
		int port; /* 0: refused */
	} t[] = {
		{ S("a:1"), "a", 1 },
		{ S("Example.com:443"), "example.com", 443 },
		{ S("example.com.:443"), "example.com", 443 },
		{ S("127.0.0.1:80"), "127.0.0.1", 80 },
		{ S("[::1]:8080"), "::1", 8080 },
		{ S("[::ffff:1.2.3.4]:65535"), "1.2.3.4", 65535 },
		{ S(""), "", 0 },
		{ S(":"), "", 0 },
		{ S(":80"), "", 0 },
		{ S("a"), "", 0 },
		{ S("a:"), "", 0 },
		{ S("a:0"), "", 0 },
		{ S("a:00"), "", 0 },
		{ S("a:080"), "", 0 },
		{ S("a:65536"), "", 0 },
		{ S("a:99999"), "", 0 },
		{ S("a:100000"), "", 0 },
		{ S("a:4294967376"), "", 0 },
		{ S("a:18446744073709551696"), "", 0 },
		{ S("a:-1"), "", 0 },
		{ S("a:+80"), "", 0 },
		{ S("a: 80"), "", 0 },
		{ S("a:80 "), "", 0 },
		{ S("a:80\n"), "", 0 },
		{ S("a:8\0000"), "", 0 },
		{ S("a:0x50"), "", 0 },
		{ S("a:8o"), "", 0 },
		{ S("a:http"), "", 0 },
		{ S("a:80:80"), "", 0 },
		{ S("a:\xef\xbc\x98"), "", 0 },
		{ S("[::1]"), "", 0 },
		{ S("[::1]:"), "", 0 },
		{ S("[::1]80"), "", 0 },
		{ S("::1:80"), "", 0 },
		{ S("[::1]:80:90"), "", 0 },
		{ S("[127.0.0.1]:80"), "", 0 },
		{ S("127.1:80"), "", 0 },
		{ S("user@a:80"), "", 0 },
		{ S("a:80/"), "", 0 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const char *why = NULL;
		struct hostname h;
		uint16_t port = 0;
		int r = hostname_parse_port(t[i].s, t[i].n, &h, &port, &why);

		if ((r >= 0) != (t[i].port != 0))
			FAIL("\"%s\" gives %d", t[i].s, r);
		if (r < 0) {
			ASSERT_NOT_NULL(why);
			continue;
		}
		ASSERT_STREQ(h.text, t[i].host);
		ASSERT_EQ(port, t[i].port);
	}
}
