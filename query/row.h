#pragma once
/* A line of text that is put together from facts, and printed safely. */
#include "query/render.h"

#include <jansson.h>

#define ROW_MAX 2048

struct row {
	char text[ROW_MAX];
	size_t len;
};

void row_add(struct row *w, const char *fmt, ...) _printf_(2, 3);
/* ", " if something is before, then before and s, if s is not "". */
void row_part(struct row *w, const char *before, const char *s);
/* ", before 1.5 ms" of a member in microseconds, if it is there. */
void row_duration(struct row *w, const char *before, const json_t *o,
		  const char *name);
/* ", before 12" of a number, if it is there. */
void row_number(struct row *w, const char *before, const json_t *o,
		const char *name);
/* "1.5 MiB" of a number of bytes, if it is there. */
void row_bytes(struct row *w, const char *before, const json_t *o,
	       const char *name);
/* "[a, b]" of a list of strings. */
void row_list(struct row *w, const json_t *list);
void row_print(const struct render *rd, const struct row *w);

/* Members: "" and 0 where they are not there. */
const char *row_string(const json_t *o, const char *name);
long long row_int(const json_t *o, const char *name);
