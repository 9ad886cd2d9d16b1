/*
 * One rule on one request. What always holds: a grant grants only when every
 * condition is true and nothing of it is used up; a restriction acts also when
 * something is unknown.
 */
#include "policy/policy-internal.h"

static bool
grants(uint8_t effect)
{
	return effect >= EFFECT_ALLOW && effect <= EFFECT_ASK;
}

/* What the record says of a condition that looks at something withheld: what is
 * not listed is false. */
static enum truth
recorded_truth(const struct request_truths *t, uint32_t rule, uint16_t cond)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct request_truth *at = &t->v[mid];

		if (at->rule == rule && at->cond == cond)
			return (enum truth)at->truth;
		if (at->rule < rule || (at->rule == rule && at->cond < cond))
			lo = mid + 1;
		else
			hi = mid;
	}
	return IS_FALSE;
}

enum truth
rule_truth(const struct eval *v, const struct flat_rule *r, uint16_t i)
{
	const struct flat_cond *c = flat_conds(v->p) + r->cond + i;
	const struct request_truths *t = v->rq->truths;

	if (t && (cond_attrs(c) & t->attrs))
		return recorded_truth(t, (uint32_t)(r - flat_rules(v->p)), i);
	return cond_eval(v, c);
}

static enum truth
conditions(const struct eval *v, const struct flat_rule *r, struct outcome *o)
{
	enum truth all = IS_TRUE;

	for (uint16_t i = 0; i < r->n_cond; i++) {
		enum truth t = rule_truth(v, r, i);

		if (t == IS_TRUE || (t == IS_UNKNOWN && all == IS_UNKNOWN))
			continue;
		o->failed = i;
		o->failed_unknown = t == IS_UNKNOWN;
		if (i >= r->n_match && all == IS_TRUE)
			o->near = grants(r->effect) && !r->restricts;
		all = t;
		if (t == IS_FALSE)
			return t;
	}
	return all;
}

static int
recorded_amount(const struct request_truths *t, uint32_t rule, uint64_t *ret)
{
	for (size_t i = 0; i < t->n_amounts; i++) {
		if (t->amount[i].rule != rule)
			continue;
		*ret = t->amount[i].amount;
		return t->amount[i].known ? 0 : -ENODATA;
	}
	return -ENODATA;
}

int
budget_amount(const struct eval *v, const struct flat_rule *r, uint64_t *ret)
{
	const struct flat_cond *c = flat_conds(v->p) + r->budget_cond;
	const struct request_truths *t = v->rq->truths;
	const struct value *a;

	if (t && (cond_attrs(c) & t->attrs))
		return recorded_amount(t, (uint32_t)(r - flat_rules(v->p)),
				       ret);
	a = cond_value(v->p, c, v->rq);
	if (!a || (a->type != VALUE_INT && a->type != VALUE_REAL))
		return -ENODATA;
	if (a->type == VALUE_INT) {
		if (a->i < 0)
			return -ENODATA;
		*ret = (uint64_t)a->i;
		return 0;
	}
	/* A part counts as a whole; and no NaN. */
	if (!(a->r >= 0) || a->r >= 9.2e18)
		return -ENODATA;
	*ret = (uint64_t)a->r;
	*ret += (double)*ret < a->r;
	return 0;
}

static bool
over_budget(const struct eval *v, const struct flat_rule *r)
{
	uint64_t spent, amount;

	if (budget_amount(v, r, &amount) < 0)
		return true;
	spent = usage_window(v->u, v->p, r->budget, r->budget_us,
			     v->now->boot_us);
	return spent > r->budget_max || amount > r->budget_max - spent;
}

/* Why the rule has run out, or REASON_ALLOWED. */
static enum reason
spent(const struct eval *v, const struct flat_rule *r)
{
	/* Without a clock everything that ends has ended. */
	if (r->not_after_us &&
	    (v->now->wall_us <= 0 || v->now->wall_us > r->not_after_us))
		return REASON_GRANT_EXPIRED;
	if (r->max_uses && usage_uses(v->u, r->use) >= r->max_uses)
		return REASON_USES_EXHAUSTED;
	if (r->rate_max && usage_window(v->u, v->p, r->rate, r->rate_us,
					v->now->boot_us) >= r->rate_max)
		return REASON_RATE_LIMITED;
	if (r->budget_cond != FLAT_NONE && over_budget(v, r))
		return REASON_BUDGET_EXHAUSTED;
	return REASON_ALLOWED;
}

static bool
restricts(uint8_t effect)
{
	return effect != EFFECT_ALLOW;
}

void
rule_eval(const struct eval *v, const struct flat_rule *r, struct outcome *o)
{
	enum truth t;

	*o = (struct outcome){ .failed = -1, .spent = REASON_ALLOWED };
	t = conditions(v, r, o);
	if (t == IS_FALSE || (t == IS_UNKNOWN && !restricts(r->effect)))
		return;
	o->how = t == IS_TRUE ? HOW_TRUE : HOW_UNKNOWN;
	if (grants(r->effect))
		o->spent = spent(v, r);
	if (o->spent == REASON_ALLOWED) {
		o->effect = (enum effect)r->effect;
		return;
	}
	if (r->effect == EFFECT_ALLOW) {
		o->near = true;
		return;
	}
	o->how = HOW_SPENT;
	o->effect = EFFECT_DENY;
}
