/*
 * What conditions say of values that the record will not have. What always
 * holds: with this list, and everything else as it was, each rule has the same
 * outcome again.
 */
#include "policy/inputs-internal.h"
#include "policy/policy-internal.h"
#include "policy/text.h"

static bool
is_about_a_value(const struct flat_cond *c)
{
	return c->op != OP_TIME && c->op != OP_COUNT && c->op != OP_SEEN;
}

static void
add_truth(struct text *t, uint32_t rule, uint16_t cond, enum truth truth)
{
	text_add(t, "%s[%u,%u,\"%c\"]", t->len > 1 ? "," : "", rule, cond,
		 truth == IS_TRUE ? 't' : 'u');
}

/* A budget sums up amounts, so each must be known to decide again. */
static void
add_amount(struct text *t, const struct eval *v, const struct flat_rule *r,
	   uint32_t rule)
{
	const char *comma = t->len > 1 ? "," : "";
	uint64_t amount;

	if (budget_amount(v, r, &amount) < 0)
		text_add(t, "%s[%u,null]", comma, rule);
	else
		text_add(t, "%s[%u,%llu]", comma, rule,
			 (unsigned long long)amount);
}

static void
add_rule(struct text *t, const struct eval *v, uint32_t rule, uint64_t attrs)
{
	const struct flat_rule *r = flat_rules(v->p) + rule;
	const struct flat_cond *c = flat_conds(v->p);
	size_t start = t->len;

	for (uint16_t i = 0; i < r->n_cond; i++) {
		const struct flat_cond *at = &c[r->cond + i];
		enum truth truth;

		if (!is_about_a_value(at))
			continue;
		truth = cond_eval(v, at);
		if (truth == IS_FALSE) {
			/* then it does not matter what the others are */
			if (i < r->n_match && !t->full)
				t->len = start;
			return;
		}
		if (cond_attrs(at) & attrs)
			add_truth(t, rule, i, truth);
	}
	if (r->budget_cond != FLAT_NONE &&
	    (cond_attrs(&c[r->budget_cond]) & attrs))
		add_amount(t, v, r, rule);
}

int
inputs_truths(const struct policy *p, const struct request *rq, uint64_t attrs,
	      char *buf, size_t size, size_t *ret_len)
{
	static const struct decide_time no_time;
	struct text t = text_into(buf, size);
	struct flat_span spans[INDEX_SPANS_MAX];
	const uint32_t *items = flat_items(p);
	struct eval v;
	size_t n;

	eval_init(&v, p, rq, NULL, &no_time);
	n = policy_index_find(&v, spans);
	text_put(&t, "[", 1);
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < spans[i].n && !t.full; k++)
			add_rule(&t, &v, items[spans[i].off + k], attrs);
	text_put(&t, "]", 1);
	*ret_len = t.len;
	return t.full ? -ENOSPC : 0;
}
