#pragma once
/* The cases of a profile's section "expect": a request, and the verdict that
 * its author is sure of. */
#include "policy/decide.h"
#include "profiles/request_json.h"

struct expect_case {
	char *name;
	char *at;	   /* JSON pointer */
	char *file;	   /* where it is written */
	unsigned int line; /* 0 until profile_lines() */
	struct request_doc *request;
	bool has_now;
	int64_t now_us;	     /* wall clock, if has_now */
	enum effect verdict; /* EFFECT_NONE: any denial */
	char *rule;	     /* id, or NULL */
	int reason;	     /* enum reason, or -1 */
	bool live;	     /* may be done for real */
};

struct profile;

/* Decides the case with nothing used so far. wall_us is the time for a case
 * that has none. 1: as expected; 0: not, and why says in one line what came
 * instead. *ret is the decision either way. */
int expect_judge(const struct policy *p, const struct expect_case *c,
		 int64_t wall_us, struct decision *ret, char *why, size_t size);
void expect_cases_done(struct expect_case *c, size_t n);

/* Fills in the lines of rules and cases, in one pass over the texts. */
void profile_lines(struct profile *p);
