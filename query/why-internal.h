#pragma once
/* Between the parts of why.h. */
#include "query/why.h"

struct why {
	struct trail *t;
	const struct why_options *o;
	struct record r, who, outcome, part_of;
	bool has_who, has_outcome, has_part_of;
	uint8_t bytes[4][RECORD_MAX];
	json_t *inputs, *decision; /* or NULL */
};

/* Field values as JSON: number, string, or what the JSON is; NULL: missing. */
json_t *why_field(const struct record *r, enum field_id id);
/* Adds it under name, if it is there. */
void why_add(json_t *o, const char *name, const struct record *r,
	     enum field_id id);
/* The value at a JSON pointer, or NULL. */
json_t *why_pointer(json_t *root, const char *pointer);
/* A value in a few words: "missing", "withheld (40 bytes)", JSON. */
void why_value(const json_t *v, char *buf, size_t size);

/* why_decision.c: rule, failed condition, nearest grant, policy, change. */
void why_decision(struct why *w, json_t *o);
/* why_refused.c: refused before it was decided on: because, change. */
void why_refused(struct why *w, json_t *o);
/* What the broker could not do, by the field error of an outcome; or NULL. */
const char *why_broker_text(const struct record *r);
/* why_end.c: what became of it. */
void why_outcome(struct why *w, json_t *o);
