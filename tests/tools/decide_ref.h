#pragma once
/*
 * decide() once more, as slowly and plainly as its rules are written down: from
 * the rules as their author meant them, without flat form, index or usage.
 */
#include "policy/decide.h"
#include "policy/policy_build.h"

struct ref_decision {
	enum effect effect, would;
	const char *rule; /* id, or "-" */
	unsigned int matched;
	uint64_t labels_add, labels_clear; /* bits by name: "l0" is bit 0 */
};

/* For a run in which nothing was done yet. */
void ref_decide(const struct policy_spec *s, const struct request *rq,
		const struct decide_time *now, struct ref_decision *ret);
