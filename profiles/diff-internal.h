#pragma once
/* The diff's own. */
#include "profiles/diff.h"
#include "profiles/inherit.h"

/* Adds a line; -ENOMEM. from (may be NULL): the rule that says so. */
int diff_add(struct diff *d, char sign, const char *surface,
	     const struct rule *from, const char *fmt, ...) _printf_(5, 6);

/* diff_keys.c: limits, session and whatever else is no rule. */
int diff_keys(struct diff *d, const struct profile *a, const struct profile *b);
/* Labels that runs start with, those of all levels. */
int diff_start(struct diff *d, const struct policy_spec *a,
	       const struct policy_spec *b);
/* diff_rules.c: one surface. */
int diff_surface(struct diff *d, const struct policy_spec *a,
		 const struct policy_spec *b, enum surface s);

/* atoms.c: a rule as many that have one value in each condition of the match;
 * only itself when there would be too many. */
#define ATOMS_MAX 2048
struct atoms {
	struct rule *v; /* shallow: they share what they point to */
	struct rule_cond *cond;
	size_t n;
};
int atoms_of(const struct rule *r, enum surface s, struct atoms *ret);
void atoms_done(struct atoms *a);
/* Can no request match both? False when that is not proved. */
bool rules_disjoint(const struct rule *a, const struct rule *b);
