/*
 * Which grant would have been the one, had the request been a little different:
 * for a person who asks why, never for a decision. What always holds: it looks
 * at the same conditions as decide(), and names the first that is not true.
 */
#include "policy/policy-internal.h"

struct near {
	int32_t rule, cond;
	uint16_t true_ones; /* conditions of the match that are true */
	bool unknown;
};

static void
look_at(const struct eval *v, uint32_t i, struct near *best)
{
	const struct flat_rule *r = flat_rules(v->p) + i;
	const struct flat_cond *c = flat_conds(v->p) + r->cond;
	struct near n = { .rule = (int32_t)i, .cond = -1 };

	if (r->surface != v->rq->surface || r->restricts ||
	    (r->effect != EFFECT_ALLOW && r->effect != EFFECT_ASK))
		return;
	for (uint16_t k = 0; k < r->n_cond; k++) {
		enum truth t = rule_truth(v, r, k);

		if (t == IS_TRUE) {
			n.true_ones += k < r->n_match;
		} else if (k < r->n_match &&
			   c[k].attr == index_attr(v->rq->surface)) {
			return; /* about another host, server, path */
		} else if (n.cond < 0) {
			n.cond = k;
			n.unknown = t == IS_UNKNOWN;
		}
	}
	if (n.cond >= 0 && n.true_ones > best->true_ones)
		*best = n;
}

bool
policy_nearest(const struct policy *p, const struct request *rq,
	       const struct usage *u, const struct decide_time *now,
	       struct decision *d)
{
	struct near best = { .rule = -1, .cond = -1 };
	struct eval v;

	if (rq->surface >= SURFACE_MAX)
		return false;
	eval_init(&v, p, rq, u, now);
	for (uint32_t i = 0; i < p->h->rules.n; i++)
		look_at(&v, i, &best);
	if (best.rule < 0)
		return false;
	d->failed_rule = best.rule;
	d->failed_cond = best.cond;
	d->failed_unknown = best.unknown;
	return true;
}
