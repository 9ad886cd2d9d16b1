#pragma once
/*
 * One action to be decided on: the input document in memory. Everything is
 * borrowed from whoever parsed it; nothing here allocates. What a parser did
 * not see stays VALUE_NONE, which is "missing", and missing fails closed.
 */
#include "policy/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_STRING_MAX 8192 /* longer strings cannot be judged */
#define REQUEST_DEPTH_MAX 32
#define REQUEST_LIST_MAX 4096

enum value_type {
	VALUE_NONE, /* missing */
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_REAL,
	VALUE_STRING,
	VALUE_LIST,
	VALUE_OBJECT
};

/* Items of lists and members of objects hang together by next. */
struct value {
	enum value_type type;
	uint32_t key_len;
	const char *key; /* in an object; not NUL terminated */
	const struct value *next;
	union {
		bool b;
		int64_t i;
		double r;
		struct {
			const char *s; /* not NUL terminated */
			size_t len;
		};
		struct {
			const struct value *first;
			size_t n;
		};
	};
};

/* What conditions said of values that are not there any more, since the record
 * withholds them (policy/inputs.h): for deciding again what was decided before.
 * In order of rule and condition. */
struct request_truth {
	uint32_t rule;
	uint16_t cond;
	uint8_t truth; /* enum truth of policy-internal.h: 0 false, 1, 2 unknown
			*/
};
struct request_amount {
	uint32_t rule;
	bool known;
	uint64_t amount;
};
struct request_truths {
	uint64_t attrs; /* bit a: something in attribute a is withheld */
	const struct request_truth *v;
	size_t n;
	const struct request_amount *amount;
	size_t n_amounts;
};

struct request {
	enum surface surface;
	const struct request_truths *truths; /* NULL, but for a replay */
	struct value attr[ATTR_MAX];
};

void request_init(struct request *rq, enum surface s);
/* s is borrowed and NUL terminated. */
void request_set(struct request *rq, enum attr a, const char *s);
void request_set_n(struct request *rq, enum attr a, const char *s, size_t n);
void request_set_int(struct request *rq, enum attr a, int64_t v);
/* A list, an object, or any value; its parts stay the caller's. */
void request_set_value(struct request *rq, enum attr a, const struct value *v);
/* Fills /class where it is missing and the surface says it: files by access,
 * process read, network by method (GET, HEAD, OPTIONS read; else send),
 * memory by op, credentials read, handoffs delegate. Tools and admin have no
 * such default: unknown, the highest. */
void request_derive(struct request *rq);

/* The item of a list that a reference token names ("0", "17"), or NULL. */
const struct value *value_item(const struct value *list, const char *token,
			       size_t n);
/* The value at pointer, or NULL. */
const struct value *request_get(const struct request *rq, const char *pointer);
