#pragma once
/*
 * JSON with comments, and where each part of it stands in the file. Comments
 * become blanks of the same length, so that lines and columns stay true;
 * jansson parses the rest. Lines and duplicate keys are looked up only when an
 * error is to be told.
 */
#include "lib/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct jsonc {
	const char *label; /* file name in errors; borrowed */
	char *text;	   /* comments blanked */
	size_t len;
	json_t *root;
};

/* Parses text of at most max bytes and depth levels. Errors:
 * "LABEL:LINE: ...", duplicate keys with both lines. *ret holds a copy of the
 * text; jsonc_done(). */
int jsonc_parse(const char *label, const char *text, size_t len, size_t max,
		unsigned int depth, struct jsonc *ret, struct err *e);
void jsonc_done(struct jsonc *d);

/* Line of the member or item that pointer (RFC 6901) names: for a member, the
 * line of its key. 0 when there is no such part. */
unsigned int jsonc_line(const struct jsonc *d, const char *pointer);

/* The same for many, in one pass over the text. Sorts v; *line of a part that
 * is not there stays. */
struct jsonc_part {
	const char *at;
	unsigned int *line;
};
void jsonc_lines(const struct jsonc *d, struct jsonc_part *v, size_t n);

/* "LABEL:LINE: POINTER: text"; returns -EINVAL. */
int jsonc_fail(const struct jsonc *d, struct err *e, const char *pointer,
	       const char *fmt, ...) _printf_(4, 5);
