#pragma once
/*
 * Settings read from JSON by tables of keys. Each reader checks type and range;
 * what is wrong is told as "FILE:LINE: /place: what it is; what it must be".
 */
#include "lib/str.h"
#include "profiles/jsonc.h"

struct json_reader {
	struct jsonc doc;
	struct err *e;
	void *arg; /* the caller's */
};

struct json_key;
/* to: the struct that the table was given, plus the key's offset. at: the
 * place, a JSON pointer. */
typedef int json_read_fn(struct json_reader *x, const char *at, json_t *v,
			 const struct json_key *k, void *to);

struct json_key {
	const char *name;
	json_read_fn *read;
	size_t offset;
	uint64_t min, max; /* of numbers, times, lengths of texts and lists */
};

/* An object with these keys and no others. */
int json_read_object(struct json_reader *x, const char *at, json_t *v,
		     const struct json_key *keys, size_t n, void *to);
/* An object of at most max members with names of their own, or a list of min to
 * max items: one is called for each, with its name (NULL in lists). */
typedef int json_item_fn(struct json_reader *x, const char *at,
			 const char *name, json_t *v, void *to);
int json_read_members(struct json_reader *x, const char *at, json_t *v,
		      size_t max, json_item_fn *one, void *to);
int json_read_items(struct json_reader *x, const char *at, json_t *v,
		    size_t min, size_t max, json_item_fn *one, void *to);

/* A string without NUL; want: "a path", for the message. */
int json_read_text(struct json_reader *x, const char *at, const json_t *v,
		   const char *want, const char **ret);
/* Says that v is of the wrong type; -EINVAL. */
int json_read_wrong(struct json_reader *x, const char *at, const json_t *v,
		    const char *want);
/* Readers for tables. */
json_read_fn json_read_bool;	/* bool */
json_read_fn json_read_u16;	/* uint16_t, from min to max */
json_read_fn json_read_usec;	/* uint64_t, microseconds, from min to max */
json_read_fn json_read_string;	/* char *, owned; the old one is freed */
json_read_fn json_read_version; /* 1; nothing is kept */
