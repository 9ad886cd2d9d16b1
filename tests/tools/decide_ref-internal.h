#pragma once
/* Between the halves of the reference. */
#include "policy/policy-internal.h"
#include "tests/tools/decide_ref.h"

/* decide_ref_cond.c */
enum truth ref_cond(const struct rule_cond *c, const struct request *rq,
		    const struct decide_time *now);
bool ref_is_number(const struct value *v);
double ref_number_of(const struct value *v);
bool ref_is_text(const struct value *v, const char *s);
