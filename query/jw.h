#pragma once
/* Writing JSON piece by piece, commas put where they belong. A key of NULL is
 * for members of arrays and the outermost value. */
#include "audit/record.h"

#include <stdio.h>

struct jw {
	FILE *f;
	bool comma; /* before what comes next */
};

void jw_open(struct jw *w, const char *key, char bracket);
void jw_close(struct jw *w, char bracket);
void jw_str(struct jw *w, const char *key, const char *s);
void jw_uint(struct jw *w, const char *key, uint64_t v);
void jw_bool(struct jw *w, const char *key, bool v);
void jw_hex(struct jw *w, const char *key, const uint8_t *p, size_t n);
/* The key alone: the caller writes the value. */
void jw_key(struct jw *w, const char *key);
/* A field by a name of the caller's; nothing where it is missing or r is NULL.
 * Numbers as numbers, all else as strings. */
void jw_field(struct jw *w, const char *key, const struct record *r,
	      enum field_id id);
