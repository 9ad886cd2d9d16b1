#pragma once
/*
 * Random policies and requests over a small vocabulary, so that rules and
 * requests meet often. The choices come from a seed, or from bytes (fuzzing).
 */
#include "policy/decide.h"
#include "policy/policy_build.h"

struct choices {
	uint64_t state;	     /* of the generator, without bytes */
	const uint8_t *data; /* or NULL */
	size_t len;
};

struct choices choices_from_seed(uint64_t seed);
struct choices choices_from_bytes(const uint8_t *data, size_t len);
/* 0..n-1; 0 when the bytes have run out. */
unsigned int choose(struct choices *c, unsigned int n);
bool chance(struct choices *c, unsigned int percent);

/* A value as requests have it, and one as conditions with that operator. */
const char *random_word(struct choices *c, enum attr a);
const char *random_pattern(struct choices *c, enum cond_op op, enum attr a);
const char *random_label(struct choices *c); /* that policies define */

#define RANDOM_LABELS 4 /* "l0" to "l3"; requests may also have "lx" */
#define RANDOM_NODES 24

struct random_request {
	struct request rq;
	struct value node[RANDOM_NODES];
	size_t n;
};

/* One rule on one or two surfaces; number makes its id. It may
 * be one that policy_build() refuses. */
void random_rule(struct choices *c, unsigned int number, unsigned int level,
		 struct rule *ret);
struct rule_cond random_cond(struct choices *c, unsigned int on);
/* Levels (a host's perhaps), rules, labels, triggers. */
void random_spec(struct choices *c, unsigned int max_rules,
		 struct policy_spec *ret);
/* Leaves out rules that are refused, until there is a policy. */
struct policy *random_make(struct policy_spec *s);
/* Of one rule alone, with the labels and steps that it may name; NULL when it
 * is refused. */
struct policy *random_policy_of(const struct rule *r);
void random_request(struct choices *c, struct random_request *ret);
/* Some surface of those that random rules are on. */
enum surface random_surface(struct choices *c);
