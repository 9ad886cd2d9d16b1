#pragma once
/* One condition that is being read; rules_when.c and rules_run.c share it. */
#include "profiles/rules-internal.h"

struct when {
	struct rule_cond *c;
	struct rule *r;
	enum attr a;	     /* ATTR_MAX: none */
	enum attr_kind kind; /* of what the pointer leads to */
};

/* "\"S\" WHY"; -EINVAL. */
int when_refuse(struct load *l, const char *s, const char *why);

/* rules_run.c: the values of operators that look at the run and the clock. */
int when_time(struct load *l, json_t *j, void *arg);
int when_count(struct load *l, json_t *j, void *arg);
int when_seen(struct load *l, json_t *j, void *arg);
int when_approvers(struct load *l, json_t *j, void *arg);
