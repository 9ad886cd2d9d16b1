/* The plain reading of rules and levels: see the header. */
#include "tests/tools/decide_ref-internal.h"

#include <string.h>

struct verdict {
	enum effect effect;
	const char *rule;
	bool granted; /* by a rule that does more than restrict */
};

static enum truth
ref_conds(const struct rule *r, const struct request *rq,
	  const struct decide_time *now)
{
	enum truth all = IS_TRUE;

	for (size_t i = 0; i < r->n_match + r->n_when; i++) {
		enum truth t =
			ref_cond(i < r->n_match ? &r->match[i]
						: &r->when[i - r->n_match],
				 rq, now);

		if (t == IS_FALSE)
			return t;
		if (t == IS_UNKNOWN)
			all = t;
	}
	return all;
}

/* Nothing was used yet, but an amount may be above the whole budget. */
static bool
ref_spent(const struct rule *r, const struct request *rq,
	  const struct decide_time *now)
{
	const struct value *v;

	if (r->effect < EFFECT_ALLOW || r->effect > EFFECT_ASK)
		return false;
	if (r->not_after_us && now->wall_us > r->not_after_us)
		return true;
	if (!r->budget.pointer)
		return false;
	v = request_get(rq, r->budget.pointer);
	return !v || !ref_is_number(v) || ref_number_of(v) < 0 ||
	       ref_number_of(v) > (double)r->budget.max;
}

static uint64_t
label_bits(const struct strv *names)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < names->n; i++)
		bits |= UINT64_C(1) << (names->v[i][1] - '0');
	return bits;
}

static void
raise(struct verdict *at, enum effect effect, const char *rule)
{
	if (effect < at->effect)
		return;
	if (effect == at->effect && at->rule && strcmp(at->rule, rule) < 0)
		return;
	at->effect = effect;
	at->rule = rule;
}

static void
ref_rule(const struct rule *r, const struct request *rq,
	 const struct decide_time *now, struct verdict at[2],
	 struct ref_decision *d)
{
	enum truth t = ref_conds(r, rq, now);
	enum effect effect = r->effect;
	bool spent = ref_spent(r, rq, now);

	if (t == IS_FALSE ||
	    (effect == EFFECT_ALLOW && (t == IS_UNKNOWN || spent)))
		return;
	d->matched++;
	if (spent)
		effect = EFFECT_DENY;
	if (effect < EFFECT_DENY) {
		d->labels_add |= label_bits(&r->labels_add);
		if (t == IS_TRUE && effect >= EFFECT_ALLOW)
			d->labels_clear |= label_bits(&r->labels_clear);
	}
	if (effect == EFFECT_LABEL ||
	    (t == IS_UNKNOWN &&
	     (effect == EFFECT_REDACT || effect == EFFECT_LIMIT)))
		return;
	for (int w = r->mode == MODE_OBSERVE; w < 2; w++) {
		raise(&at[w], effect, r->id);
		if (effect < EFFECT_DENY && !r->restricts)
			at[w].granted = true;
	}
}

/* Levels */

static int
strict(enum effect f)
{
	return f == EFFECT_NONE ? 11 : f < EFFECT_DENY ? (int)f : (int)f + 10;
}

static enum action_class
class_of(const struct request *rq)
{
	const struct value *v = &rq->attr[ATTR_CLASS];

	for (int i = 0; v->type == VALUE_STRING && i < CLASS_MAX; i++)
		if (ref_is_text(v, class_name((enum action_class)i)))
			return (enum action_class)i;
	return CLASS_SPAWN;
}

static bool
grants_on(const struct policy_spec *s, size_t level, enum surface on)
{
	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rule[i].level == level && s->rule[i].on >> on & 1 &&
		    !s->rule[i].restricts &&
		    (s->rule[i].effect == EFFECT_ALLOW ||
		     s->rule[i].effect == EFFECT_ASK))
			return true;
	return false;
}

/* False: it leaves the decision to the others. */
static bool
level_says(const struct policy_spec *s, size_t i, const struct request *rq,
	   bool would, struct verdict *v)
{
	const struct level *l = &s->level[i];
	/* neither ceilings nor observing there */
	bool kernel =
		rq->surface == SURFACE_FILES || rq->surface == SURFACE_PROCESS;

	if (v->effect < EFFECT_DENY && !v->granted &&
	    (!l->inherits || grants_on(s, i, rq->surface)))
		*v = (struct verdict){ .effect = EFFECT_NONE };
	if (v->effect < EFFECT_DENY && !kernel && class_of(rq) > l->ceiling)
		*v = (struct verdict){ .effect = EFFECT_DENY };
	else if (v->effect == EFFECT_NONE && l->inherits &&
		 !grants_on(s, i, rq->surface))
		return false;
	if (!would && !kernel && l->mode == MODE_OBSERVE &&
	    strict(v->effect) > EFFECT_REDACT)
		*v = (struct verdict){ .effect = EFFECT_ALLOW };
	return true;
}

static void
stricter(struct verdict *at, const struct verdict *v, bool first)
{
	int d = strict(v->effect) - strict(at->effect);

	if (first || d > 0 ||
	    (d == 0 && v->rule && (!at->rule || strcmp(v->rule, at->rule) < 0)))
		*at = *v;
}

void
ref_decide(const struct policy_spec *s, const struct request *rq,
	   const struct decide_time *now, struct ref_decision *ret)
{
	struct verdict all[2] = { { .effect = EFFECT_NONE },
				  { .effect = EFFECT_NONE } };
	bool any[2] = { false, false };

	*ret = (struct ref_decision){ .rule = "-" };
	for (size_t l = 0; l < s->n_levels; l++) {
		struct verdict at[2] = { { .effect = EFFECT_NONE },
					 { .effect = EFFECT_NONE } };

		for (size_t i = 0; i < s->n_rules; i++)
			if (s->rule[i].level == l &&
			    s->rule[i].on >> rq->surface & 1)
				ref_rule(&s->rule[i], rq, now, at, ret);
		for (int w = 0; w < 2; w++)
			if (level_says(s, l, rq, w, &at[w])) {
				stricter(&all[w], &at[w], !any[w]);
				any[w] = true;
			}
	}
	ret->effect = all[0].effect;
	ret->would = all[1].effect;
	ret->rule = all[0].rule ? all[0].rule : "-";
	if (ret->effect == EFFECT_NONE || ret->effect >= EFFECT_DENY)
		ret->labels_add = ret->labels_clear = 0;
}
