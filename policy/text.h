#pragma once
/*
 * Text that is put together in a fixed buffer. What does not fit is left out
 * and remembered; the text is always NUL terminated. Not for other folders.
 */
#include "lib/macro.h"

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *buf;
	size_t size, len;
	bool full;
};

static inline struct text
text_into(char *buf, size_t size)
{
	if (size)
		buf[0] = '\0';
	return (struct text){ .buf = buf, .size = size };
}

void text_put(struct text *t, const char *s, size_t n);
void text_add(struct text *t, const char *fmt, ...) _printf_(2, 3);
/* In quotes; without bytes that could steer a terminal; at most 160 bytes of
 * it. */
void text_quote(struct text *t, const char *s, size_t n);
/* As a JSON string, in ASCII; what is no UTF-8 becomes U+FFFD. */
void text_json(struct text *t, const char *s, size_t n);
/* The character there (n > 0), or -1 for what is no UTF-8 (RFC 3629); *ret_n:
 * its bytes, 1 for -1. */
long text_utf8(const unsigned char *s, size_t n, size_t *ret_n);
/* "1m", "90s", "1500ms", "2d". */
void text_duration(struct text *t, unsigned long long us);
/* Ends a text that is too long in "...". */
void text_end(struct text *t);
