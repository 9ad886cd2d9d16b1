/* links: lib */
/* Strict parsing: what is a number, a size, a name, a path, and what is not. */
#include "lib/str.h"
#include "tests/tap.h"

#include <limits.h>
#include <string.h>

struct row {
	const char *in;
	int ret;
	uint64_t out;
};

static void
run_rows(const struct row *rows, size_t n,
	 int (*fn)(const char *s, uint64_t *ret))
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 4711;
		int r = fn(rows[i].in, &v);

		if (r != rows[i].ret || v != (r ? 4711 : rows[i].out))
			FAIL("\"%s\": %d %llu", rows[i].in, r,
			     (unsigned long long)v);
	}
}

TEST(u64)
{
	static const struct row rows[] = {
		{ "0", 0, 0 },
		{ "123", 0, 123 },
		{ "007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1K", -EINVAL, 0 },
		{ "\xd9\xa1", -EINVAL, 0 }, /* an Arabic digit */
		{ NULL, -EINVAL, 0 },
	};

	run_rows(rows, ARRAY_SIZE(rows), str_to_u64);
}

TEST(size)
{
	static const struct row rows[] = {
		{ "4096", 0, 4096 },
		{ "1K", 0, 1024 },
		{ "512M", 0, 512ull << 20 },
		{ "1G", 0, 1ull << 30 },
		{ "2T", 0, 2ull << 40 },
		{ "0G", 0, 0 },
		{ "16777215T", 0, 16777215ull << 40 },
		{ "16777216T", -ERANGE, 0 },
		{ "1k", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "1.5G", -EINVAL, 0 },
		{ "G", -EINVAL, 0 },
		{ "1 G", -EINVAL, 0 },
	};

	run_rows(rows, ARRAY_SIZE(rows), str_to_size);
}

TEST(usec)
{
	static const struct row rows[] = {
		{ "10", 0, 10000000 },
		{ "90s", 0, 90000000 },
		{ "5m", 0, 300000000 },
		{ "2h", 0, 7200000000 },
		{ "1d", 0, 86400000000 },
		{ "250ms", 0, 250000 },
		{ "0", 0, 0 },
		{ "999999999999d", -ERANGE, 0 },
		{ "1w", -EINVAL, 0 },
		{ "1us", -EINVAL, 0 },
		{ "ms", -EINVAL, 0 },
		{ "-5s", -EINVAL, 0 },
		{ "1h30m", -EINVAL, 0 },
	};

	run_rows(rows, ARRAY_SIZE(rows), str_to_usec);
}

TEST(from_size)
{
	char b[32];

	ASSERT_STREQ(str_from_size(0, b, sizeof(b)), "0B");
	ASSERT_STREQ(str_from_size(1023, b, sizeof(b)), "1023B");
	ASSERT_STREQ(str_from_size(1024, b, sizeof(b)), "1.0K");
	ASSERT_STREQ(str_from_size(1536, b, sizeof(b)), "1.5K");
	ASSERT_STREQ(str_from_size(512ull << 20, b, sizeof(b)), "512.0M");
	ASSERT_STREQ(str_from_size((1ull << 30) - 1, b, sizeof(b)), "1023.9M");
	ASSERT_STREQ(str_from_size(1ull << 30, b, sizeof(b)), "1.0G");
	ASSERT_STREQ(str_from_size(UINT64_MAX, b, sizeof(b)), "16777215.9T");
}

TEST(starts_and_in)
{
	static const char *const list[] = { "one", "two", NULL };

	ASSERT_TRUE(str_starts("abc", "ab"));
	ASSERT_TRUE(str_starts("abc", ""));
	ASSERT_FALSE(str_starts("ab", "abc"));
	ASSERT_TRUE(str_in("two", list));
	ASSERT_FALSE(str_in("tw", list));
}

TEST(printf_makes_a_string)
{
	_cleanup_free_ char *s = str_printf("%s-%d", "a", 5);

	ASSERT_STREQ(s, "a-5");
}

TEST(names)
{
	char long_name[66];

	memset(long_name, 'x', sizeof(long_name));
	long_name[64] = '\0';
	ASSERT_TRUE(str_is_name(long_name));
	long_name[64] = 'x';
	long_name[65] = '\0';
	ASSERT_FALSE(str_is_name(long_name));
	ASSERT_TRUE(str_is_name("a"));
	ASSERT_TRUE(str_is_name("Box_1.2-rc"));
	ASSERT_TRUE(str_is_name("0"));
	ASSERT_FALSE(str_is_name(""));
	ASSERT_FALSE(str_is_name(NULL));
	ASSERT_FALSE(str_is_name("."));
	ASSERT_FALSE(str_is_name(".."));
	ASSERT_FALSE(str_is_name("-a"));
	ASSERT_FALSE(str_is_name("a/b"));
	ASSERT_FALSE(str_is_name("a b"));
	ASSERT_FALSE(str_is_name("a\n"));
	ASSERT_FALSE(str_is_name("\xc3\xa4"));
}

TEST(clean_paths)
{
	char big[PATH_MAX + 1];

	ASSERT_TRUE(str_is_clean_path("/"));
	ASSERT_TRUE(str_is_clean_path("/a"));
	ASSERT_TRUE(str_is_clean_path("/a/b.c/...d"));
	ASSERT_TRUE(str_is_clean_path("/.hidden/..x/..."));
	ASSERT_FALSE(str_is_clean_path(NULL));
	ASSERT_FALSE(str_is_clean_path(""));
	ASSERT_FALSE(str_is_clean_path("a"));
	ASSERT_FALSE(str_is_clean_path("//"));
	ASSERT_FALSE(str_is_clean_path("/a/"));
	ASSERT_FALSE(str_is_clean_path("/a//b"));
	ASSERT_FALSE(str_is_clean_path("/./a"));
	ASSERT_FALSE(str_is_clean_path("/a/."));
	ASSERT_FALSE(str_is_clean_path("/a/.."));
	ASSERT_FALSE(str_is_clean_path("/../a"));
	memset(big, 'x', sizeof(big));
	big[0] = '/';
	big[PATH_MAX - 1] = '\0';
	ASSERT_TRUE(str_is_clean_path(big));
	big[PATH_MAX - 1] = 'x';
	big[PATH_MAX] = '\0';
	ASSERT_FALSE(str_is_clean_path(big));
}

TEST(escape)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "" },
		{ "plain text", "plain text" },
		{ "a\nb\tc", "a\\x0ab\\x09c" },
		{ "\x1b]0;title\x07", "\\x1b]0;title\\x07" },
		{ "del\x7f", "del\\x7f" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xe2\x82\xac\xf0\x9f\x98\x80",
		  "\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\xc2\x9b"
		  "31m",
		  "\\xc2\\x9b31m" }, /* C1 CSI */
		{ "\xe2\x80\xae"
		  "x",
		  "\\xe2\\x80\\xaex" }, /* U+202E */
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc0\x80", "\\xc0\\x80" },			/* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },		/* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* too high */
		{ "\xe2\x82", "\\xe2\\x82" },			/* cut off */
		{ "\xe2", "\\xe2" },
	};
	char b[256];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ASSERT_STREQ(str_escape(rows[i].in, b, sizeof(b)), rows[i].out);
}

TEST(escape_truncates_between_units)
{
	char b[16];

	ASSERT_STREQ(str_escape("123456789012345", b, 16), "123456789012345");
	ASSERT_STREQ(str_escape("1234567890123456", b, 16), "123456789012...");
	ASSERT_STREQ(str_escape("ab\n\n\n\n", b, 16), "ab\\x0a\\x0a...");
	ASSERT_STREQ(str_escape("\xe2\x82\xac\xe2\x82\xac", b, 6), "...");
	for (size_t n = 1; n < sizeof(b); n++) {
		memset(b, 'Z', sizeof(b));
		str_escape("a\x01\xe2\x82\xac\xff long enough", b, n);
		ASSERT_LE(strlen(b), n - 1);
		for (size_t i = n; i < sizeof(b); i++)
			ASSERT_EQ(b[i], 'Z');
	}
}

TEST(suggest)
{
	static const char *const list[] = { "memory",  "swap", "pids",
					    "process", "read", NULL };

	ASSERT_STREQ(str_suggest("memroy", list), "memory");
	ASSERT_STREQ(str_suggest("swpa", list), "swap");
	ASSERT_STREQ(str_suggest("pid", list), "pids");
	ASSERT_STREQ(str_suggest("proces", list), "process");
	ASSERT_STREQ(str_suggest("raed", list), "read");
	ASSERT_NULL(str_suggest("xyz", list));
	ASSERT_NULL(str_suggest("", list));
	ASSERT_NULL(str_suggest("mry", list));
}

TEST(strv)
{
	_cleanup_(strv_done) struct strv sv = { NULL, 0 };

	ASSERT_FALSE(strv_has(&sv, "a"));
	ASSERT_OK(strv_add(&sv, "a"));
	ASSERT_OK(strv_take(&sv, strdup("b")));
	ASSERT_ERR(strv_take(&sv, NULL), -ENOMEM);
	ASSERT_EQ(sv.n, 2);
	ASSERT_STREQ(sv.v[1], "b");
	ASSERT_NULL(sv.v[2]);
	ASSERT_TRUE(strv_has(&sv, "a"));
	ASSERT_FALSE(strv_has(&sv, "ab"));
	strv_done(&sv);
	ASSERT_EQ(sv.n, 0);
	strv_done(&sv);
}
