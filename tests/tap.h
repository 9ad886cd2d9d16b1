#pragma once
/*
 * The test harness. TEST(name) { ... } registers a test; each runs in a child
 * of its own with a time limit and is checked for descriptors that it left
 * open. Output is TAP; the last line is "N passed, N failed[, N skipped]".
 *
 *	./test_x [--list] [PART OF A NAME]
 *
 * STRICT=1 in the environment makes a skip a failure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tap_test {
	const char *name;
	void (*fn)(void);
	unsigned int limit; /* seconds; 0: the default of 20 */
	struct tap_test *next;
};

void tap_register(struct tap_test *t);
/* End the test. Only in the test's own process or in a child of it. */
void tap_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void tap_skip(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
/* A line of explanation, shown in any case. */
void tap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A fresh empty directory, removed with all it holds after the test. */
const char *tap_tmpdir(void);
/* The source tree's root (for fixtures): $TAP_SRCDIR, else ".". */
const char *tap_srcdir(void);

void tap_eq(const char *file, int line, const char *what, long long got,
	    long long want, bool same);
void tap_streq(const char *file, int line, const char *what, const char *got,
	       const char *want);
void tap_strstr(const char *file, int line, const char *what, const char *got,
		const char *part);
void tap_memeq(const char *file, int line, const char *what, const void *got,
	       const void *want, size_t len);
void tap_ok(const char *file, int line, const char *what, long long r);
void tap_err(const char *file, int line, const char *what, long long r,
	     long long want);

#define TEST(name) TEST_LIMIT(name, 0)
#define TEST_LIMIT(id, seconds)                                                \
	static void tap_run_##id(void);                                        \
	__attribute__((constructor)) static void tap_reg_##id(void)            \
	{                                                                      \
		static struct tap_test t = { #id, tap_run_##id, (seconds),     \
					     NULL };                           \
		tap_register(&t);                                              \
	}                                                                      \
	static void tap_run_##id(void)

#define SKIP(...) tap_skip(__VA_ARGS__)
#define FAIL(...) tap_fail(__FILE__, __LINE__, __VA_ARGS__)

#define ASSERT_TRUE(e)                                                         \
	do {                                                                   \
		if (!(e))                                                      \
			tap_fail(__FILE__, __LINE__, "not true: %s", #e);      \
	} while (0)
#define ASSERT_FALSE(e)                                                        \
	do {                                                                   \
		if (e)                                                         \
			tap_fail(__FILE__, __LINE__, "not false: %s", #e);     \
	} while (0)
/* Integers of any type. */
#define ASSERT_EQ(got, want)                                                   \
	do {                                                                   \
		__auto_type _g = (got);                                        \
		typeof(_g) _w = (typeof(_g))(want);                            \
		tap_eq(__FILE__, __LINE__, #got, (long long)_g, (long long)_w, \
		       _g == _w);                                              \
	} while (0)
#define ASSERT_NE(got, other)                                                  \
	do {                                                                   \
		if ((got) == (other))                                          \
			tap_fail(__FILE__, __LINE__, "%s is %s", #got,         \
				 #other);                                      \
	} while (0)
#define ASSERT_LE(a, b)                                                        \
	do {                                                                   \
		if ((a) > (b))                                                 \
			tap_fail(__FILE__, __LINE__,                           \
				 "%s (%lld) is above %s (%lld)", #a,           \
				 (long long)(a), #b, (long long)(b));          \
	} while (0)
#define ASSERT_GE(a, b) ASSERT_LE(b, a)
#define ASSERT_STREQ(got, want)                                                \
	tap_streq(__FILE__, __LINE__, #got, (got), (want))
#define ASSERT_STRSTR(got, part)                                               \
	tap_strstr(__FILE__, __LINE__, #got, (got), (part))
#define ASSERT_MEMEQ(got, want, len)                                           \
	tap_memeq(__FILE__, __LINE__, #got, (got), (want), (len))
#define ASSERT_NULL(p)                                                         \
	do {                                                                   \
		if ((p) != NULL)                                               \
			tap_fail(__FILE__, __LINE__, "not NULL: %s", #p);      \
	} while (0)
#define ASSERT_NOT_NULL(p)                                                     \
	do {                                                                   \
		if ((p) == NULL)                                               \
			tap_fail(__FILE__, __LINE__, "NULL: %s", #p);          \
	} while (0)
/* 0 or above, negative errno otherwise; gives the value:
 * int fd = ASSERT_OK(fd_sealed(...)); */
#define ASSERT_OK(e)                                                           \
	({                                                                     \
		__auto_type _r = (e);                                          \
		tap_ok(__FILE__, __LINE__, #e, (long long)_r);                 \
		_r;                                                            \
	})
#define ASSERT_ERR(e, want)                                                    \
	tap_err(__FILE__, __LINE__, #e, (long long)(e), (want))
