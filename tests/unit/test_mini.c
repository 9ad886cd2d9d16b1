/* links: lib */
/*
 * The small C library of agentbox-stage and agentbox-guard against the usual
 * one: what both say must be the same.
 */
#include "lib/macro.h"
#include "tests/tap.h"

#include <limits.h>
#include <string.h>

#define MINI(name) mini_##name
/* Its own functions, by other names. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include "lib/mini/text.c" /* NOLINT(bugprone-suspicious-include) */

/* One format by both, into buffers of every size up to what it needs. */
#define SAME(...)                                                              \
	do {                                                                   \
		char own[128], libc[128];                                      \
		for (size_t n = 0; n <= sizeof(own); n++) {                    \
			int a, b;                                              \
			memset(own, '!', sizeof(own));                         \
			memset(libc, '!', sizeof(libc));                       \
			a = mini_snprintf(own, n, __VA_ARGS__);                \
			b = snprintf(libc, n, __VA_ARGS__);                    \
			ASSERT_EQ(a, b);                                       \
			ASSERT_EQ(memcmp(own, libc, sizeof(own)), 0);          \
		}                                                              \
	} while (0)

#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat"

TEST(strings_are_printed_as_by_libc)
{
	SAME("plain %% text");
	SAME("%s", "");
	SAME("<%s> and <%s>", "one", "two");
	SAME("%.3s|%.0s|%.9s", "abcdef", "abcdef", "abc");
	SAME("%.*s|%.*s", 2, "abcdef", -1, "abcdef");
	SAME("%8s|%-8s|%-8.2s|", "abc", "abc", "abc");
	SAME("%c%c|%3c|%-3c|", 'a', 'b', 'c', 'd');
}

TEST(numbers_are_printed_as_by_libc)
{
	static const int ints[] = { 0, 1, -1, 9, 10, -10, INT_MAX, INT_MIN };
	static const unsigned long longs[] = { 0, 1, 0xfff, ULONG_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(ints); i++) {
		SAME("%d %u %x %o", ints[i], (unsigned int)ints[i],
		     (unsigned int)ints[i], (unsigned int)ints[i]);
		SAME("%6d|%-6d|%06d|%.6d|", ints[i], ints[i], ints[i], ints[i]);
		SAME("%-06d|%06.2d|%.0d|", ints[i], ints[i], ints[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(longs); i++) {
		SAME("%lu %llx %zu", longs[i], (unsigned long long)longs[i],
		     (size_t)longs[i]);
		SAME("%ld %lld", (long)longs[i], (long long)longs[i]);
		SAME("%04lx|%20lu|%-20lu|", longs[i], longs[i], longs[i]);
	}
}

TEST(errors_are_named_as_by_libc)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		ASSERT_STREQ(mini_strerror(errors[i].code),
			     strerror(errors[i].code));
	ASSERT_STREQ(mini_strerror(4711), strerror(4711));
}

TEST(strings_are_searched_as_by_libc)
{
	static const char *const texts[] = { "",     "a",   "abc",  "a:b",
					     "/x/y", "aaa", "\xff", "abcabc" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *a = texts[i];

		ASSERT_EQ(mini_strlen(a), strlen(a));
		ASSERT_EQ(mini_strnlen(a, 2), strnlen(a, 2));
		for (int c = 0; c < 256; c++) {
			ASSERT_TRUE(mini_strchr(a, c) == strchr(a, c));
			ASSERT_TRUE(mini_strrchr(a, c) == strrchr(a, c));
		}
		for (size_t k = 0; k < ARRAY_SIZE(texts); k++) {
			const char *b = texts[k];

			ASSERT_EQ(mini_strcspn(a, b), strcspn(a, b));
			ASSERT_EQ(mini_strspn(a, b), strspn(a, b));
			ASSERT_EQ(mini_strcmp(a, b) > 0, strcmp(a, b) > 0);
			ASSERT_EQ(mini_strcmp(a, b) < 0, strcmp(a, b) < 0);
			ASSERT_EQ(mini_strncmp(a, b, 2) > 0,
				  strncmp(a, b, 2) > 0);
			ASSERT_EQ(mini_strncmp(a, b, 2) == 0,
				  strncmp(a, b, 2) == 0);
		}
	}
}

TEST(memory_is_moved_as_by_libc)
{
	for (size_t from = 0; from < 16; from++)
		for (size_t to = 0; to < 16; to++) {
			char own[] = "0123456789abcdefghijklmnopqrstuv";
			char libc[] = "0123456789abcdefghijklmnopqrstuv";

			mini_memmove(own + to, own + from, 12);
			memmove(libc + to, libc + from, 12);
			ASSERT_EQ(mini_memcmp(own, libc, sizeof(own)), 0);
			mini_memset(own + from, 'x', to);
			memset(libc + from, 'x', to);
			ASSERT_EQ(memcmp(own, libc, sizeof(own)), 0);
		}
	ASSERT_TRUE(mini_memcmp("a\xff", "a\x01", 2) > 0);
	ASSERT_TRUE(mini_memcmp("a", "b", 1) < 0);
}
