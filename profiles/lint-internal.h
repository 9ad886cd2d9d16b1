#pragma once
/* The lint's own: what the checks look at, and how they tell. */
#include "profiles/inherit.h"
#include "profiles/lint.h"

#define LINT_PAIRS_MAX (32u << 20)

struct linter {
	const struct profile *p;
	const struct policy_spec *s;
	const struct lint_host *host;
	struct lint *out;
	unsigned int level; /* whose rules are looked at */
};

/* About a rule, or (r NULL) about a part of the file. Returns the finding, or
 * NULL when out of memory. */
struct lint_finding *lint_rule(struct linter *l, enum lint_severity severity,
			       const char *code, const struct rule *r,
			       const char *fmt, ...) _printf_(5, 6);
struct lint_finding *lint_at(struct linter *l, enum lint_severity severity,
			     const char *code, const char *pointer,
			     const char *fmt, ...) _printf_(5, 6);
void lint_cure(struct linter *l, struct lint_finding *f, const char *fmt, ...)
	_printf_(3, 4);

/* The condition of the match on pointer, or NULL. */
const struct rule_cond *lint_cond(const struct rule *r, const char *pointer);

/* lint_reach.c: rules that never act. lint_broad.c: grants that are wide.
 * lint_host.c: what the role, the labels and this host say. */
void lint_reach(struct linter *l);
void lint_broad(struct linter *l);
void lint_role(struct linter *l);
void lint_labels(struct linter *l);
void lint_kernel(struct linter *l);
/* lint_net.c: TLS that passes through, and addresses that are more than a
 * host. */
void lint_net(struct linter *l);
