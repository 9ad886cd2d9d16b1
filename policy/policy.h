#pragma once
/*
 * A compiled policy: flat, without pointers, made once and never changed. The
 * language half (profiles/) makes it through policy_build.h; whoever decides
 * opens the bytes with policy_open(), which trusts nothing in them. A policy of
 * the same rules has the same hash, in whatever order they were written.
 */
#include "lib/err.h"
#include "policy/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds. A policy beyond one of them is refused. */
#define POLICY_SIZE_MAX (64u << 20)
#define POLICY_RULES_MAX 65536 /* one for each surface that a rule names */
#define POLICY_CONDS_MAX 64    /* of one rule, match and when together */
#define POLICY_VALUES_MAX 1024 /* of one condition */
#define POLICY_LEVELS_MAX 16
#define POLICY_LABELS_MAX 64
#define POLICY_STEPS_MAX 64
#define POLICY_TRIGGERS_MAX 32
#define POLICY_COUNTERS_MAX 65536
#define POLICY_REGEX_MAX 256 /* bytes of a pattern */
#define POLICY_TEXT_MAX 4096 /* any other string */
#define POLICY_HASH_LEN 32   /* SHA-256 */

/* In order of precedence, the strongest last. DENY_IMPLICIT is what is left
 * when no rule grants; LABEL grants nothing and only adds labels. */
enum effect {
	EFFECT_NONE, /* implicit deny */
	EFFECT_LABEL,
	EFFECT_ALLOW,
	EFFECT_LIMIT,
	EFFECT_REDACT,
	EFFECT_ASK,
	EFFECT_DENY,
	EFFECT_PROHIBIT, /* host policy only */
	EFFECT_MAX
};

enum cond_op {
	OP_EQ,	       /* number, string, true, false, null */
	OP_NE,	       /* there, and equal to none of */
	OP_IN,	       /* equal to one of */
	OP_PREFIX,     /* of a string: one of */
	OP_SUFFIX,     /* of a string: one of */
	OP_GLOB,       /* one of; * and ? stop at "/", ** does not */
	OP_HOST,       /* one of; "example.com", "*.example.com", "*" */
	OP_CIDR,       /* one of */
	OP_REGEX,      /* one of; PCRE2 without backreferences, whole string */
	OP_LT,	       /* < */
	OP_LE,	       /* <= */
	OP_GT,	       /* > */
	OP_GE,	       /* >= */
	OP_RANGE,      /* within one of the ranges lo..hi, both included */
	OP_LEN,	       /* bytes of a string, items of a list: in a range */
	OP_EXISTS,     /* is there, null too (value true), or is not (false) */
	OP_SUBSET,     /* every label or item is one of */
	OP_SUPERSET,   /* every one of is a label or item */
	OP_DISJOINT,   /* no label or item is one of */
	OP_INTERSECTS, /* some label or item is one of */
	OP_REGION,     /* equal to one of, or below it: "eu" has "eu-west-1" */
	OP_TIME,       /* wall clock: days and minutes of the day */
	OP_COUNT,      /* rule was decided on less than N times in a window */
	OP_SEEN,       /* the step was done in this run */
	OP_APPROVERS,  /* at least N distinct approvers, owner not counted */
	OP_MAX
};

enum policy_mode { MODE_ENFORCE, MODE_OBSERVE };
enum policy_level_kind { LEVEL_HOST, LEVEL_PROFILE, LEVEL_RUN, LEVEL_HANDOFF };

struct policy; /* opened */

/* Takes a copy of the bytes. -EBADMSG with the reason for anything that
 * policy_build.h did not make. Fuzzed. */
int policy_open(const void *data, size_t len, struct policy **ret,
		struct err *e);
/* The same of bytes from malloc(), which it takes, on failure too. */
int policy_open_own(void *data, size_t len, struct policy **ret, struct err *e);
void policy_free(struct policy *p);

const char *policy_name(const struct policy *p);    /* of the innermost level */
const uint8_t *policy_hash(const struct policy *p); /* POLICY_HASH_LEN */
/* In hex, 64 digits and NUL. */
void policy_hash_text(const struct policy *p,
		      char buf[2 * POLICY_HASH_LEN + 1]);
/* What policy_open() takes. Policies of one hash may differ in the names of
 * files and the lines that rules are from. */
const void *policy_bytes(const struct policy *p, size_t *ret_len);
size_t policy_levels(const struct policy *p);

/* Rules, in canonical order: by id, then surface. */
struct policy_rule_view {
	const char *id, *because, *file; /* because, file: "" when not said */
	unsigned int line;
	enum effect effect;
	enum surface surface;
	unsigned int level;
	const char *level_name;
	enum policy_mode mode;
};
size_t policy_rules(const struct policy *p);
void policy_rule(const struct policy *p, size_t i,
		 struct policy_rule_view *ret);
/* Is it a rule of the host's policy? */
bool policy_rule_is_hosts(const struct policy *p, size_t i);
/* A grant on the network with tls "pass": TLS is not unwrapped there. */
bool policy_rule_tls_pass(const struct policy *p, size_t i);

/* Labels: bit number <-> name. A label that the policy does not know has no
 * bit (-ENOENT). */
int policy_label(const struct policy *p, const char *name, size_t len);
const char *policy_label_name(const struct policy *p, unsigned int bit);
uint64_t policy_labels_start(const struct policy *p); /* of a new run */

/* Does a rule of this policy look at anything on that surface? Without one, all
 * is denied there. */
bool policy_has_surface(const struct policy *p, enum surface s);
bool policy_observes(const struct policy *p); /* some level or rule does */

const char *effect_name(enum effect f); /* NONE is "deny" */
int effect_from_name(const char *name); /* of the language; or -EINVAL */
const char *op_name(enum cond_op op);
int op_from_name(const char *name); /* or -EINVAL */
