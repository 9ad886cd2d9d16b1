/* links: lib policy */
/* What matches a pattern, what is refused as one, and which takes in which. */
#include "policy/policy-internal.h"
#include "tests/tap.h"

#include <string.h>

struct match_row {
	const char *pattern, *s;
	enum truth want;
};

static void
globs(const struct match_row *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (glob_match(t[i].pattern, t[i].s, strlen(t[i].s)) !=
		    t[i].want)
			FAIL("\"%s\" on \"%s\" is not %d", t[i].pattern, t[i].s,
			     t[i].want);
}

TEST(glob)
{
	static const struct match_row t[] = {
		{ "abc", "abc", IS_TRUE },
		{ "abc", "abcd", IS_FALSE },
		{ "abc", "ab", IS_FALSE },
		{ "ABC", "abc", IS_FALSE },
		{ "a?c", "abc", IS_TRUE },
		{ "a?c", "a/c", IS_FALSE },
		{ "a?c", "ac", IS_FALSE },
		{ "a?c",
		  "a\xc3\xa9"
		  "c",
		  IS_TRUE },
		{ "a??c",
		  "a\xc3\xa9"
		  "c",
		  IS_FALSE },
		{ "?", "\xff", IS_TRUE },
		{ "*", "", IS_TRUE },
		{ "*", "abc", IS_TRUE },
		{ "*", "a/b", IS_FALSE },
		{ "**", "a/b", IS_TRUE },
		{ "**", "", IS_TRUE },
		{ "/usr/*", "/usr/bin", IS_TRUE },
		{ "/usr/*", "/usr/", IS_TRUE },
		{ "/usr/*", "/usr/bin/cc", IS_FALSE },
		{ "/usr/**", "/usr/bin/cc", IS_TRUE },
		{ "/usr/**", "/usr", IS_FALSE },
		{ "/usr/**", "/usr2/x", IS_FALSE },
		{ "/usr", "/usr", IS_TRUE },
		{ "/*/b", "/a/b", IS_TRUE },
		{ "/*/b", "/a/c/b", IS_FALSE },
		{ "/**/b", "/a/c/b", IS_TRUE },
		{ "/**/b", "/b", IS_FALSE },
		{ "**/*.c", "a/b/x.c", IS_TRUE },
		{ "**/*.c", "a/b/x.h", IS_FALSE },
		{ "**.c", "a/b/x.c", IS_TRUE },
		{ "a*b*c", "aXbXbXc", IS_TRUE },
		{ "a*b*c", "aXbXbX", IS_FALSE },
		{ "*a/*b", "xa/yb", IS_TRUE },
		{ "*a/*b", "xa/yb/b", IS_FALSE },
		{ "**a*b", "x/a/a/yb", IS_FALSE },
		{ "**a*b", "x/a/ayb", IS_TRUE },
		{ "**x*y/z", "x/x/xay/z", IS_TRUE },
		{ "get_*", "get_deal", IS_TRUE },
		{ "get_*", "get_", IS_TRUE },
		{ "get_*", "forget_deal", IS_FALSE },
		{ "\\*", "*", IS_TRUE },
		{ "\\*", "a", IS_FALSE },
		{ "\\?", "?", IS_TRUE },
		{ "a\\\\b", "a\\b", IS_TRUE },
		{ "\\a", "a", IS_TRUE },
		{ "[a]", "a", IS_FALSE },
		{ "[a]", "[a]", IS_TRUE },
	};

	globs(t, ARRAY_SIZE(t));
	ASSERT_EQ(glob_match("a*b", "a\0b", 3), IS_TRUE);
	ASSERT_EQ(glob_match("a", "a\0", 2), IS_FALSE);
}

/* Without a bound this would take hours. */
TEST(glob_is_bounded)
{
	char s[8192], pattern[4096];

	memset(s, 'a', sizeof(s));
	for (size_t i = 0; i + 4 < sizeof(pattern); i += 4)
		memcpy(pattern + i, i % 8 ? "*aaa" : "**aa", 4);
	memcpy(pattern + sizeof(pattern) - 4, "*b", 3);
	ASSERT_EQ(glob_match(pattern, s, sizeof(s)), IS_UNKNOWN);
	ASSERT_EQ(glob_match("**a", s, sizeof(s)), IS_TRUE);
}

/* The plain recursive reading of a glob. */
static bool
reference(const char *p, const char *s)
{
	if (!*p)
		return !*s;
	if (p[0] == '*' && p[1] == '*') {
		const char *rest = p + strspn(p, "*");

		return reference(rest, s) || (*s && reference(p, s + 1));
	}
	if (*p == '*')
		return reference(p + 1, s) ||
		       (*s && *s != '/' && reference(p, s + 1));
	if (*p == '?')
		return *s && *s != '/' && reference(p + 1, s + 1);
	if (*p == '\\' && p[1])
		p++;
	return *s == *p && reference(p + 1, s + 1);
}

static uint64_t
next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void
random_text(uint64_t *x, const char *alphabet, char *buf, size_t max)
{
	size_t n = next(x) % max, k = strlen(alphabet);

	for (size_t i = 0; i < n; i++)
		buf[i] = alphabet[next(x) % k];
	buf[n] = '\0';
}

TEST(glob_like_the_reference)
{
	uint64_t x = 88172645463325252;
	unsigned int yes = 0;

	for (int i = 0; i < 200000; i++) {
		char p[10], s[12];
		bool want;

		random_text(&x, "ab/**??", p, sizeof(p));
		random_text(&x, "aabb/", s, sizeof(s));
		want = reference(p, s);
		yes += want;
		if ((glob_match(p, s, strlen(s)) == IS_TRUE) != want)
			FAIL("\"%s\" on \"%s\" is not %d", p, s, want);
	}
	ASSERT_GE(yes, 5000);
}

/* What is said to be covered is: tried on strings. */
TEST(glob_covers_is_sound)
{
	uint64_t x = 362436069362436069;
	unsigned int yes = 0, tried = 0;

	for (int i = 0; i < 100000; i++) {
		char a[8], b[8];

		random_text(&x, "ab/**?\xc3\xa9", a, sizeof(a));
		random_text(&x, "ab/**?\xc3\xa9", b, sizeof(b));
		if (!glob_covers(a, b))
			continue;
		yes++;
		for (int k = 0; k < 60; k++) {
			char s[8];

			random_text(&x, "aabb/\xc3\xa9", s, sizeof(s));
			if (glob_match(b, s, strlen(s)) != IS_TRUE)
				continue;
			tried++;
			if (glob_match(a, s, strlen(s)) != IS_TRUE)
				FAIL("\"%s\" does not cover \"%s\": \"%s\"", a,
				     b, s);
		}
	}
	ASSERT_GE(yes, 5000);
	ASSERT_GE(tried, 5000);
}

struct cover_row {
	const char *a, *b;
	bool want;
};

TEST(glob_covers)
{
	static const struct cover_row t[] = {
		{ "**", "anything/**", true },
		{ "*", "abc", true },
		{ "*", "a*c", true },
		{ "*", "a/c", false },
		{ "*", "**", false },
		{ "get_*", "get_deal", true },
		{ "get_*", "get_*_x", true },
		{ "get_*", "*", false },
		{ "/repos/**", "/repos/me/*", true },
		{ "/repos/**", "/repos/**", true },
		{ "/repos/*", "/repos/**", false },
		{ "/repos/**", "/repo/**", false },
		{ "/**/x", "/a/b/x", true },
		{ "a?", "ab", true },
		{ "a?", "a/", false },
		{ "a?", "a?", true },
		{ "a?", "a*", false },
		{ "?*", "ab", true },
		{ "\\*", "*", false },
		{ "*", "\\*", true },
		{ "\\a", "a", true },
		{ "a", "b", false },
		{ "", "", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (glob_covers(t[i].a, t[i].b) != t[i].want)
			FAIL("\"%s\" over \"%s\" is not %d", t[i].a, t[i].b,
			     t[i].want);
}

TEST(glob_check)
{
	ASSERT_NULL(glob_check("/a/**/b*?"));
	ASSERT_NULL(glob_check("a\\\\"));
	ASSERT_STREQ(glob_check(""), "is empty");
	ASSERT_STREQ(glob_check("a***"), "has more than two \"*\" in a row");
	ASSERT_STREQ(glob_check("a\\"),
		     "ends with a \"\\\" that quotes nothing");
}

TEST(host_normal)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} t[] = {
		{ "Example.COM", "example.com" },
		{ "example.com.", "example.com" },
		{ "a_b.x-y.org", "a_b.x-y.org" },
		{ "localhost", "localhost" },
		{ "10.0.0.1", "10.0.0.1" },
		{ "10.0.0.1.", "10.0.0.1" },
		{ "::1", "::1" },
		{ "0:0:0:0:0:0:0:1", "::1" },
		{ "FD00::A", "fd00::a" },
		{ "::ffff:10.0.0.1", "10.0.0.1" },
		{ "::ffff:a00:1", "10.0.0.1" },
		{ "", NULL },
		{ ".", NULL },
		{ "..", NULL },
		{ "a..b", NULL },
		{ ".a", NULL },
		{ "a.com..", NULL },
		{ "a b", NULL },
		{ "a/b", NULL },
		{ "a@b", NULL },
		{ "*.a.com", NULL },
		{ "b\xc3\xbc"
		  "cher.de",
		  NULL },
		/* what inet_aton(3) would take for an address */
		{ "2130706433", NULL },
		{ "127.1", NULL },
		{ "0x7f.0.0.1", NULL },
		{ "0x7f000001", NULL },
		{ "127.0.0.0x1", NULL },
		{ "010.0.0.1", NULL },
		{ "10.0.0.256", NULL },
		{ "1.2.3.4.5", NULL },
		{ "[::1]", NULL },
		{ "fe80::1%eth0", NULL },
		{ "a:b", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		char buf[256];
		int r = host_normal(t[i].in, strlen(t[i].in), buf);

		if (!t[i].out)
			ASSERT_EQ(r, -EINVAL);
		else if (r < 0 || strcmp(buf, t[i].out) != 0)
			FAIL("\"%s\" becomes %d \"%s\"", t[i].in, r,
			     r < 0 ? "" : buf);
		else
			ASSERT_EQ((size_t)r, strlen(buf));
	}
}

TEST(host_normal_lengths)
{
	char s[300], buf[256];

	memset(s, 'a', sizeof(s));
	ASSERT_EQ(host_normal(s, 63, buf), 63);
	ASSERT_EQ(host_normal(s, 64, buf), -EINVAL);
	for (size_t i = 50; i < sizeof(s); i += 51)
		s[i] = '.';
	ASSERT_EQ(host_normal(s, 253, buf), 253);
	ASSERT_EQ(host_normal(s, 254, buf), -EINVAL);
	ASSERT_EQ(host_normal("a\0b", 3, buf), -EINVAL);
}

TEST(host_match)
{
	static const struct match_row t[] = {
		{ "example.com", "example.com", IS_TRUE },
		{ "example.com", "www.example.com", IS_FALSE },
		{ "example.com", "example.co", IS_FALSE },
		{ "*.example.com", "www.example.com", IS_TRUE },
		{ "*.example.com", "a.b.example.com", IS_TRUE },
		{ "*.example.com", "example.com", IS_FALSE },
		{ "*.example.com", "badexample.com", IS_FALSE },
		{ "*.example.com", "example.com.evil.net", IS_FALSE },
		{ "*", "example.com", IS_TRUE },
		{ "*", "10.0.0.1", IS_TRUE },
		{ "*", "::1", IS_TRUE },
		{ "10.0.0.1", "10.0.0.1", IS_TRUE },
		{ "*.0.1", "10.0.0.1", IS_FALSE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (host_match(t[i].pattern, t[i].s, strlen(t[i].s)) !=
		    (t[i].want == IS_TRUE))
			FAIL("%s on %s", t[i].pattern, t[i].s);
}

TEST(host_pattern_check)
{
	static const struct {
		const char *s, *why;
	} t[] = {
		{ "example.com", NULL },
		{ "EXAMPLE.com", NULL },
		{ "com", NULL },
		{ "*", NULL },
		{ "*.example.com", NULL },
		{ "*.example.co.uk", NULL },
		{ "*.foo.io", NULL },
		{ "*.example.de", NULL },
		{ "10.0.0.1", NULL },
		{ "::1", NULL },
		{ "*.com", "is a wildcard over a whole top-level domain" },
		{ "*.com.", "is a wildcard over a whole top-level domain" },
		{ "*.co.uk", "is a wildcard over a public suffix" },
		{ "*.COM.au", "is a wildcard over a public suffix" },
		{ "*.ne.jp", "is a wildcard over a public suffix" },
		{ "*.0.0.1", "is not a host name" },
		{ "*.10.0.0.1", "is a wildcard over addresses" },
		{ "", "is empty" },
		{ "*.", "is empty" },
		{ "a.*.com", "has a \"*\" that is not its whole first label" },
		{ "*a.com", "has a \"*\" that is not its whole first label" },
		{ "**", "has a \"*\" that is not its whole first label" },
		{ "*.*.com", "has a \"*\" that is not its whole first label" },
		{ "a..b", "is not a host name" },
		{ "https://a.com", "is not a host name" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		const char *why = host_pattern_check(t[i].s);

		if ((why != NULL) != (t[i].why != NULL) ||
		    (why && strcmp(why, t[i].why) != 0))
			FAIL("\"%s\" %s", t[i].s, why ? why : "is good");
	}
}

TEST(host_pattern_covers)
{
	static const struct cover_row t[] = {
		{ "*", "*", true },
		{ "*", "example.com", true },
		{ "*", "*.example.com", true },
		{ "*.example.com", "*", false },
		{ "example.com", "*", false },
		{ "example.com", "Example.com.", true },
		{ "example.com", "www.example.com", false },
		{ "*.example.com", "www.example.com", true },
		{ "*.example.com", "*.www.example.com", true },
		{ "*.example.com", "*.example.com", true },
		{ "*.example.com", "example.com", false },
		{ "example.com", "*.example.com", false },
		{ "*.example.com", "badexample.com", false },
		{ "*.www.example.com", "*.example.com", false },
		{ "::1", "0::1", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (host_pattern_covers(t[i].a, t[i].b) != t[i].want)
			FAIL("\"%s\" over \"%s\" is not %d", t[i].a, t[i].b,
			     t[i].want);
}

TEST(path_is_plain)
{
	static const char *const good[] = { "/",       "/a",	 "/a/b/",
					    "a",       "a/b",	 "/a/...",
					    "/.a",     "/a.",	 "/..a",
					    "/a..b/c", "/x%2fy", "/%2e%2e%2e",
					    "/a%2e",   "/%2ea" };
	static const char *const bad[] = { "",	      ".",	   "..",
					   "/..",     "/a/../b",   "/./a",
					   "/a/.",    "//",	   "/a//b",
					   "../a",    "/%2e%2e",   "/%2E./a",
					   "/.%2e/a", "/%2e/a",	   "/a\\..\\b",
					   "/..%2fa", "/a%2f..%5c" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!path_is_plain(good[i], strlen(good[i])))
			FAIL("\"%s\" is plain", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (path_is_plain(bad[i], strlen(bad[i])))
			FAIL("\"%s\" is not plain", bad[i]);
	ASSERT_FALSE(path_is_plain("/a\0b", 4));
}

static bool
in_net(const char *net, const char *addr)
{
	struct rule_value n, a;
	struct flat_value f = { .type = RULE_CIDR };

	ASSERT_OK(cidr_parse(net, &n));
	ASSERT_OK(addr_parse(addr, strlen(addr), &a));
	f.family = n.family;
	f.bits = n.bits;
	memcpy(f.addr, n.addr, sizeof(f.addr));
	return cidr_match(&f, &a);
}

TEST(cidr)
{
	ASSERT_TRUE(in_net("10.0.0.0/8", "10.255.0.1"));
	ASSERT_FALSE(in_net("10.0.0.0/8", "11.0.0.1"));
	ASSERT_TRUE(in_net("192.168.1.5", "192.168.1.5"));
	ASSERT_FALSE(in_net("192.168.1.5", "192.168.1.4"));
	ASSERT_TRUE(in_net("192.168.1.4/31", "192.168.1.5"));
	ASSERT_FALSE(in_net("192.168.1.4/31", "192.168.1.6"));
	ASSERT_TRUE(in_net("0.0.0.0/0", "8.8.8.8"));
	ASSERT_FALSE(in_net("0.0.0.0/0", "::1"));
	ASSERT_TRUE(in_net("::/0", "fd00::1"));
	ASSERT_FALSE(in_net("::/0", "1.2.3.4"));
	ASSERT_TRUE(in_net("fd00::/8", "fdab::1"));
	ASSERT_FALSE(in_net("fd00::/8", "fe00::1"));
	ASSERT_TRUE(in_net("10.0.0.0/8", "::ffff:10.1.2.3"));
	ASSERT_TRUE(in_net("::ffff:10.0.0.0/104", "10.1.2.3"));
	ASSERT_FALSE(in_net("::ffff:10.0.0.0/104", "11.1.2.3"));
}

TEST(cidr_refused)
{
	static const char *const bad[] = { "",
					   "10.0.0.1/8",
					   "10.0.0.0/33",
					   "10.0.0.0/",
					   "10.0.0.0/-1",
					   "10.0.0/8",
					   "10.0.0.0/08",
					   "fd00::1/8",
					   "fd00::/129",
					   "010.0.0.0/8",
					   "10.0.0.0 /8",
					   "a",
					   "::1%lo",
					   "10.0.0.0/8/8",
					   "/8",
					   "0x0a000000",
					   "::ffff:1.2.3.4/64" };
	struct rule_value v;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (cidr_parse(bad[i], &v) != -EINVAL)
			FAIL("\"%s\" is taken", bad[i]);
	ASSERT_EQ(addr_parse("10.0.0.0/8", 10, &v), -EINVAL);
	ASSERT_EQ(addr_parse("1.2.3.4\0", 8, &v), -EINVAL);
}
