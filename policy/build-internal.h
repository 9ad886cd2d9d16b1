#pragma once
/* Private to the builder (build*.c). */
#include "policy/policy-internal.h"

/* A growing array of one type. */
struct grow {
	void *data;
	size_t n, cap;
};

struct build {
	const struct policy_spec *s;
	struct err *e;
	int failed; /* number of the rule that is at fault, or -1 */
	const char **label, **step; /* names in order; borrowed */
	size_t n_labels, n_steps;
	struct grow text, map; /* the pool, and offsets by hash */
	struct grow levels, rules, conds, values, segments, labels, steps,
		redacts, triggers, slots, items;
	struct grow keys; /* struct build_key */
	struct flat_head head;
};

/* All return 0 or negative; on failure e is set. */

/* n new zeroed elements of size; NULL: no memory, or more than max. */
void *build_grow(struct build *b, struct grow *g, size_t n, size_t size,
		 size_t max, const char *what);
/* Offset of the string in the pool; equal strings have one offset. */
int build_text(struct build *b, const char *s, uint32_t *ret);
int build_text_n(struct build *b, const char *s, size_t n, uint32_t *ret);
/* "rule ID: ..." and the rule is remembered as the one at fault. */
int build_fail(struct build *b, const struct rule *r, const char *fmt, ...)
	_printf_(3, 4);
/* Bit of a label, number of a step, or -ENOENT. */
int build_label(const struct build *b, const char *name);
int build_step_nr(const struct build *b, const char *name);

/* build_check.c */
int build_check(struct build *b, const struct rule *r);
/* build_cond.c: one condition; the window or step that it refers to too. */
int build_cond(struct build *b, const struct rule *r,
	       const struct rule_cond *c);
/* A condition that says where the amount of a budget is. */
int build_amount(struct build *b, const char *pointer, uint32_t *ret);
/* build_index.c: keys of rule number i of the flat form, then the table. */
int build_keys(struct build *b, const struct rule *r, uint32_t i);
int build_index(struct build *b);
