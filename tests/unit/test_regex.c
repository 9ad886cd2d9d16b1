/* links: lib policy */
/* Regular expressions: whole strings, in bounded time, and what is refused. */
#include "policy/policy-internal.h"
#include "tests/tap.h"

#include <string.h>

struct match_row {
	const char *pattern, *s;
	enum truth want;
};

static enum truth
regex(const char *pattern, const char *s, size_t len)
{
	void *re[1] = { NULL };
	struct policy p = { .regex = re };
	struct err e = ERR_INIT;
	enum truth t;

	if (regex_compile(pattern, &re[0], &e) < 0)
		FAIL("%s: %s", pattern, e.text);
	ASSERT_NULL(regex_check(pattern));
	ASSERT_OK(regex_room(&p.match_data, &p.match_context));
	t = regex_match(&p, 0, s, len);
	regex_room_free(p.match_data, p.match_context);
	regex_free(re[0]);
	return t;
}

TEST(regex)
{
	static const struct match_row t[] = {
		{ "[a-z]+", "abc", IS_TRUE },
		{ "[a-z]+", "abc1", IS_FALSE }, /* the whole string */
		{ "[a-z]+", "1abc", IS_FALSE },
		{ "a|ab", "ab", IS_TRUE },
		{ "a$", "a\n", IS_FALSE },
		{ "a.c", "a\nc", IS_FALSE },
		{ "(?s)a.c", "a\nc", IS_TRUE },
		{ "(?i)abc", "ABC", IS_TRUE },
		{ "(?:a|b)*c", "ababc", IS_TRUE },
		{ "(a)(b)", "ab", IS_TRUE },
		{ "(?!x)[a-z]+", "abc", IS_TRUE },
		{ "(?!x)[a-z]+", "xbc", IS_FALSE },
		{ "(?!x)[a-z]+", "x", IS_FALSE },
		{ "(?!.*evil).*", "an evil word", IS_FALSE },
		{ "(?!.*evil).*", "a good word", IS_TRUE },
		{ "(?=ab)a.*", "abc", IS_TRUE },
		{ ".*(?<!x)y.*", "axyb", IS_FALSE },
		{ ".*(?<=x)y.*", "axyb", IS_TRUE },
		{ "(?>a|ab)c", "ac", IS_TRUE },
		{ "(?<name>a)", "a", IS_TRUE },
		{ "\\d{4}-\\d{2}", "2026-11", IS_TRUE },
		{ "[]a]+", "]a", IS_TRUE },
		{ "[[:alpha:]]+", "ab", IS_TRUE },
		{ "\\[\\(\\*", "[(*", IS_TRUE },
		{ "[(*]+", "(*", IS_TRUE },
		{ ".", "\xc3\xa9", IS_TRUE },
		{ ".*", "\xff", IS_UNKNOWN }, /* no UTF-8 */
		{ "a?", "", IS_TRUE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (regex(t[i].pattern, t[i].s, strlen(t[i].s)) != t[i].want)
			FAIL("%s on \"%s\" is not %d", t[i].pattern, t[i].s,
			     t[i].want);
	ASSERT_EQ(regex("a.b", "a\0b", 3), IS_TRUE);
}

/* Exponential for who backtracks. */
TEST(regex_is_bounded)
{
	char s[8192];

	memset(s, 'a', sizeof(s));
	s[sizeof(s) - 1] = 'b';
	ASSERT_EQ(regex("a+", s, sizeof(s)), IS_FALSE);
	/* too many states */
	ASSERT_EQ(regex("(a+)+", s, sizeof(s)), IS_UNKNOWN);
	ASSERT_EQ(regex("(a|a)*(a|aa)*c", s, sizeof(s)), IS_FALSE);
	ASSERT_EQ(regex("(a*)*b", s, sizeof(s)), IS_TRUE);
	ASSERT_NE(regex("((a{0,9}){0,9}){0,9}", s, sizeof(s)), IS_TRUE);
	/* a look ahead at each character costs a call each */
	ASSERT_NE(regex("(?:(?=a*b)(?=a*b)(?=a*b).)*", s, 3), IS_TRUE);
}

TEST(regex_check)
{
	static const struct {
		const char *pattern, *part;
	} t[] = {
		{ "", "empty" },
		{ "(", "not a regular expression" },
		{ "a**+*", "not a regular expression" },
		{ "[a", "not a regular expression" },
		{ "a\\", "not a regular expression" },
		{ "(a)\\1", "refers back" },
		{ "(?<n>a)\\k<n>", "refers back" },
		{ "(?<n>a)(?P=n)", "group" },
		{ "(a)\\g1", "refers back" },
		{ "(?R)", "group" },
		{ "(a(?1)?b)", "group" },
		{ "(?<n>a(?&n)?)", "group" },
		{ "(?(?=a)b|c)", "group" },
		{ "(?C1)a", "group" },
		{ "(?x)a #[", "group" },
		{ "(*UTF)a", "verb" },
		{ "a(*COMMIT)b", "verb" },
		{ "a\\Kb", "\\K" },
		{ "\\Ca", "\\K, \\C" },
		{ "[\\Q]\\E](?1)", "\\Q" },
		{ "\\Qa\\E", "\\Q" },
	};
	char long_one[POLICY_REGEX_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		const char *why = regex_check(t[i].pattern);
		struct err e = ERR_INIT;
		void *re = NULL;

		if (!why || !strstr(why, t[i].part))
			FAIL("%s: %s", t[i].pattern, why ? why : "is good");
		ASSERT_ERR(regex_compile(t[i].pattern, &re, &e), -EINVAL);
		ASSERT_NULL(re);
		ASSERT_NE(e.text[0], '\0');
	}
	memset(long_one, 'a', sizeof(long_one));
	long_one[sizeof(long_one) - 1] = '\0';
	ASSERT_STRSTR(regex_check(long_one), "longer than 256");
	long_one[POLICY_REGEX_MAX] = '\0';
	ASSERT_NULL(regex_check(long_one));
}
