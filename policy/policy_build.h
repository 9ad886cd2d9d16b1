#pragma once
/*
 * Rules as an author means them, and the builder that makes a policy of them.
 * No JSON here: the language half reads files into these structs, tests and
 * benchmarks fill them by hand. policy_build() checks everything that does not
 * need a file to be said.
 */
#include "lib/str.h"
#include "policy/pattern.h"
#include "policy/policy.h"

enum rule_value_type {
	RULE_NULL,
	RULE_BOOL,
	RULE_INT,
	RULE_REAL,
	RULE_STRING,
	RULE_RANGE, /* lo..hi, both included */
	RULE_CIDR
};

struct rule_value {
	enum rule_value_type type;
	bool b;
	int64_t lo, hi; /* INT: lo; RANGE: both */
	double r;
	char *s;			/* STRING; owned */
	uint8_t addr[16], family, bits; /* CIDR; family 4 or 6 */
};

/* OP_TIME: minutes since midnight at the given offset; days: bit 0 is Monday.
 * from > to goes over midnight. */
struct rule_time {
	uint32_t days, from_min, to_min;
	int32_t offset_min;
};

struct rule_cond {
	enum cond_op op;
	char *pointer; /* "/args/amount"; owned. NULL: TIME COUNT SEEN
			  APPROVERS */
	struct rule_value *v;
	size_t n;
	struct rule_time time;
	char *name;		 /* COUNT: rule id; SEEN: step; owned */
	uint64_t window_us, max; /* COUNT: fewer than max; APPROVERS: max */
};

/* At most max within a window; max 0: none. */
struct rule_rate {
	uint64_t max, window_us;
};

/* Sum of the numbers at pointer, at most max within a window (0: for the whole
 * run); pointer NULL: none. */
struct rule_budget {
	char *pointer;
	uint64_t max, window_us;
};

struct rule {
	char *id, *because; /* because may be NULL */
	char *file;	    /* or NULL */
	unsigned int line;  /* 0: unknown */
	char *at;	    /* JSON pointer in that file, or NULL */
	enum effect effect;
	unsigned int on; /* ON() bits */
	unsigned int level;
	enum policy_mode mode;
	/* ask, redact, limit: grants nothing by itself, and acts on what
	 * another rule of its level grants */
	bool restricts;
	/* a grant on the network: TLS is never unwrapped where it reaches,
	 * so nothing inside is known there, to no rule */
	bool tls_pass;
	struct rule_cond *match, *when;
	size_t n_match, n_when;
	int64_t not_after_us; /* 0: never */
	uint64_t max_uses;    /* 0: any number */
	struct rule_rate rate;
	struct rule_budget budget;
	struct strv labels_add, labels_clear, redact;
	char *step; /* this rule's action is that step; or NULL */
};

struct level {
	char *name; /* of the profile; owned */
	enum policy_level_kind kind;
	enum policy_mode mode;
	enum action_class ceiling;
	/* Where it grants nothing on a surface, the others decide alone. Never
	 * true for a profile without parents. */
	bool inherits;
};

enum trigger_on {
	TRIGGER_DENY,
	TRIGGER_ASK,
	TRIGGER_RULE,
	TRIGGER_LABEL,
	TRIGGER_REPEAT,
	TRIGGER_MAX
};

/* Freezes the run when what it counts happened count times within the window.
 * LABEL: the run carries all the labels. REPEAT: the same request again. */
struct trigger {
	enum trigger_on on;
	unsigned int surfaces; /* ON() bits */
	char *rule;	       /* RULE */
	struct strv labels;    /* LABEL */
	uint64_t count, window_us;
	char *because;
};

struct policy_spec {
	char *name;
	struct level *level;
	size_t n_levels;
	struct rule *rule;
	size_t n_rules;
	struct trigger *trigger;
	size_t n_triggers;
	struct strv labels;	  /* every label there is */
	struct strv labels_start; /* what a run begins with */
};

/* *ret is malloc()ed. Errors of one rule are "rule ID: ..."; ret_rule (may be
 * NULL) is then its number, else -1. */
int policy_build(const struct policy_spec *s, void **ret, size_t *ret_len,
		 int *ret_rule, struct err *e);
/* policy_build() and policy_open() in one. */
int policy_make(const struct policy_spec *s, struct policy **ret, int *ret_rule,
		struct err *e);

void rule_done(struct rule *r);
void policy_spec_done(struct policy_spec *s);
/* A deep copy; -ENOMEM. */
int rule_copy(const struct rule *r, struct rule *ret);

/* What a condition or redaction of a rule with tls_pass looks at though TLS
 * hides it, as a pointer; else NULL. */
const char *rule_hidden(const struct rule *r);
/* Is every request that b matches matched by a too (match parts and conditions,
 * not the effect)? Errs to "no". The base of widening checks, lint and diff. */
bool rule_covers(const struct rule *a, const struct rule *b);
/* The same for one pattern: host and path patterns, globs. */
bool host_pattern_covers(const char *a, const char *b);
bool glob_covers(const char *a, const char *b);

/* NULL if good, else why not; those of hosts and globs: policy/pattern.h. */
const char *regex_check(const char *s);
/* Of the library that compiles them. */
#define REGEX_VERSION_MAX 64
void regex_version(char buf[REGEX_VERSION_MAX]);
/* "10.0.0.0/8", "::1", "192.168.1.5": 0 or -EINVAL. IPv4-mapped IPv6 becomes
 * IPv4. Host bits must be zero. */
int cidr_parse(const char *s, struct rule_value *ret);
