#pragma once
/*
 * Records for people and programs. Texts of records hold nothing that steers a
 * terminal (audit/record.h); what else is printed goes through render_safe().
 */
#include "audit/record.h"

#include <stdio.h>

struct render {
	FILE *f;
	bool utc;
	bool colour;
};

/* To f; colour if it is a terminal and NO_COLOR is not set (no-color.org). */
void render_init(struct render *rd, FILE *f, bool utc);

/* One line. who: the channel record, or NULL. */
void render_line(const struct render *rd, const struct record *r,
		 const struct record *who);
/* One JSON object, without newline; docs/AUDIT.md has its form. */
void render_json(FILE *f, const struct record *r, const struct record *who);
/* ,"name":value of all fields (the comma before each), without the object. */
void render_json_fields(FILE *f, const struct record *r);

/* Pieces. A time in microseconds: local with offset, or UTC with Z, as RFC 3339
 * says; buf has RENDER_TIME_MAX bytes. Returns buf. */
#define RENDER_TIME_MAX 40
const char *render_time(uint64_t us, bool utc, char *buf);
/* "intent", or "type-77"; buf has RENDER_TYPE_MAX bytes. Returns buf. */
#define RENDER_TYPE_MAX 32
const char *render_type(const struct record *r, char *buf);
/* Any text, so that it cannot steer a terminal. */
void render_safe(FILE *f, const char *s, size_t n);
/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void render_json_string(FILE *f, const char *s, size_t n);
/* A number; above INT64_MAX a string. */
void render_json_uint(FILE *f, uint64_t v);
void render_hex(FILE *f, const uint8_t *p, size_t n);
/* A field as text for people: number, text, JSON as it is, bytes as hex. */
void render_field(FILE *f, const struct field *v);

/* The text of a field, cut to size, NUL terminated; "" if there is none.
 * Returns buf. r may be NULL. */
const char *render_get(const struct record *r, enum field_id id, char *buf,
		       size_t size);
/* Whether the field is there and says just this. */
bool render_is(const struct record *r, enum field_id id, const char *word);

enum render_colour {
	COLOUR_NONE,
	COLOUR_GOOD,
	COLOUR_BAD,
	COLOUR_WARN,
	COLOUR_DIM
};
void render_on(const struct render *rd, enum render_colour c);
void render_off(const struct render *rd);
