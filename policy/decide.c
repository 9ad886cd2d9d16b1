/*
 * decide(): rules to outcomes, outcomes to the verdict of each level, levels
 * to one decision. What always holds: the result depends on the set of rules
 * alone, never on the order in which the index yields them; whatever is not
 * granted is denied.
 */
#include "policy/policy-internal.h"

#include <string.h>

/* What a level says so far. Ties go to the rule that comes first by id. */
struct verdict {
	enum effect effect;
	int32_t rule;
	bool granted; /* by a rule that does more than restrict */
	struct outcome why;
};

enum { REAL, WOULD, SIDES }; /* without and with what only observes */

struct deciding {
	struct eval v;
	struct decision *d;
	struct verdict level[SIDES][POLICY_LEVELS_MAX];
	int32_t near; /* the grant that came nearest, or -1 */
	struct outcome near_why;
};

static void
keep_match(struct decision *d, uint32_t rule, const struct outcome *o,
	   bool observe)
{
	size_t n = MIN(d->n_matched, (uint32_t)DECISION_MATCHED_MAX), i;

	d->n_matched++;
	for (i = n; i > 0 && d->matched[i - 1].rule > rule; i--)
		if (i < DECISION_MATCHED_MAX)
			d->matched[i] = d->matched[i - 1];
	if (i < DECISION_MATCHED_MAX)
		d->matched[i] = (struct decision_match){
			.rule = rule,
			.how = (uint8_t)o->how,
			.observe = observe,
		};
}

/* A redact or limit that is only perhaps meant acts, but does not grant. */
static bool
counts(const struct outcome *o)
{
	if (o->effect == EFFECT_LABEL)
		return false;
	return !(o->how == HOW_UNKNOWN &&
		 (o->effect == EFFECT_REDACT || o->effect == EFFECT_LIMIT));
}

static void
raise(struct verdict *at, uint32_t rule, const struct outcome *o)
{
	if (o->effect < at->effect ||
	    (o->effect == at->effect && at->rule >= 0 &&
	     (uint32_t)at->rule < rule))
		return;
	at->effect = o->effect;
	at->rule = (int32_t)rule;
	at->why = *o;
}

static void
raise_both(struct deciding *g, const struct flat_rule *r, uint32_t rule,
	   const struct outcome *o)
{
	bool grants = !r->restricts && o->effect >= EFFECT_ALLOW &&
		      o->effect <= EFFECT_ASK;

	for (int s = 0; s < SIDES; s++) {
		struct verdict *at = &g->level[s][r->level];

		if (s == REAL && r->mode == MODE_OBSERVE)
			continue;
		at->granted |= grants;
		raise(at, rule, o);
	}
}

static void
take_labels(struct decision *d, const struct flat_rule *r,
	    const struct outcome *o)
{
	if (o->effect >= EFFECT_DENY)
		return;
	d->labels_add |= r->labels_add;
	if (o->how == HOW_TRUE && o->effect >= EFFECT_ALLOW)
		d->labels_clear |= r->labels_clear;
}

/* A grant that has run out says more than one whose condition fails. */
static void
take_near(struct deciding *g, uint32_t rule, const struct outcome *o)
{
	bool spent = o->spent != REASON_ALLOWED;
	bool had = g->near_why.spent != REASON_ALLOWED;

	if (g->near >= 0 &&
	    (had > spent || (had == spent && (uint32_t)g->near < rule)))
		return;
	g->near = (int32_t)rule;
	g->near_why = *o;
}

static void
take(struct deciding *g, uint32_t i)
{
	const struct flat_rule *r = flat_rules(g->v.p) + i;
	bool observe = r->mode == MODE_OBSERVE;
	struct outcome o;

	rule_eval(&g->v, r, &o);
	if (o.near)
		take_near(g, i, &o);
	if (o.effect == EFFECT_NONE)
		return;
	keep_match(g->d, i, &o, observe);
	take_labels(g->d, r, &o);
	if (counts(&o))
		raise_both(g, r, i, &o);
}

/* Levels */

/* How strict: implicit deny lies between ask and an explicit deny. */
static int
strictness(enum effect f)
{
	static const int rank[EFFECT_MAX] = {
		[EFFECT_LABEL] = 0,  [EFFECT_ALLOW] = 1,    [EFFECT_LIMIT] = 2,
		[EFFECT_REDACT] = 3, [EFFECT_ASK] = 4,	    [EFFECT_NONE] = 5,
		[EFFECT_DENY] = 6,   [EFFECT_PROHIBIT] = 7,
	};

	return rank[f];
}

/* Of the action; unknown is the highest. */
static int
class_of(const struct request *rq)
{
	const struct value *v = &rq->attr[ATTR_CLASS];
	char name[16];
	int c;

	if (v->type != VALUE_STRING || v->len >= sizeof(name))
		return CLASS_MAX - 1;
	memcpy(name, v->s, v->len);
	name[v->len] = '\0';
	c = class_from_name(name);
	return c < 0 ? CLASS_MAX - 1 : c;
}

static bool
held_by_kernel(enum surface s)
{
	return s == SURFACE_FILES || s == SURFACE_PROCESS;
}

struct pick {
	enum effect effect;
	int32_t rule;
	uint32_t level;
	enum reason reason; /* ALLOWED: as the outcome says */
	const struct outcome *why;
	bool any;
};

static void
pick_stricter(struct pick *at, const struct pick *p)
{
	int d = strictness(p->effect) - strictness(at->effect);

	if (!at->any || d > 0 ||
	    (d == 0 && p->rule >= 0 && (at->rule < 0 || p->rule < at->rule)))
		*at = *p;
}

static void
level_verdict(const struct deciding *g, int side, uint32_t l, struct pick *at)
{
	const struct flat_level *lv = flat_levels(g->v.p) + l;
	const struct verdict *vd = &g->level[side][l];
	enum surface s = g->v.rq->surface;
	bool leaves = lv->inherits && !(lv->grants >> s & 1);
	struct pick p = { .effect = vd->effect,
			  .rule = vd->rule,
			  .level = l,
			  .why = &vd->why,
			  .any = true };

	/* What only restricts acts on what this level grants, or, where it
	 * leaves the surface to others, on what they grant. */
	if (vd->effect <= EFFECT_ASK && !vd->granted && !leaves) {
		p.effect = EFFECT_NONE;
		p.rule = -1;
	}
	if (vd->effect < EFFECT_DENY && !held_by_kernel(s) &&
	    class_of(g->v.rq) > lv->ceiling) {
		p.effect = EFFECT_DENY;
		p.reason = REASON_CLASS_ABOVE_ROLE;
		p.rule = -1;
	} else if (p.effect == EFFECT_NONE && leaves) {
		return;
	}
	if (side == REAL && lv->mode == MODE_OBSERVE && !held_by_kernel(s) &&
	    strictness(p.effect) > strictness(EFFECT_REDACT)) {
		p.effect = EFFECT_ALLOW;
		p.reason = REASON_OBSERVED;
		p.rule = -1;
	}
	pick_stricter(at, &p);
}

static void
pick_level(const struct deciding *g, int side, struct pick *ret)
{
	*ret = (struct pick){ .effect = EFFECT_NONE, .rule = -1 };
	for (uint32_t l = 0; l < g->v.p->h->levels.n; l++)
		level_verdict(g, side, l, ret);
}

/* The decision */

static void
explain_near(const struct deciding *g)
{
	struct decision *d = g->d;

	d->reason = REASON_NO_RULE;
	if (g->near < 0)
		return;
	d->failed_rule = g->near;
	if (g->near_why.spent != REASON_ALLOWED) {
		d->reason = g->near_why.spent;
		return;
	}
	d->reason = REASON_CONDITION;
	d->failed_cond = g->near_why.failed;
	d->failed_unknown = g->near_why.failed_unknown;
}

static void
explain_rule(struct decision *d, const struct pick *p)
{
	if (p->why->how == HOW_SPENT) {
		d->reason = p->why->spent;
		d->failed_rule = p->rule;
	} else if (p->why->how == HOW_UNKNOWN) {
		d->reason = REASON_UNKNOWN_INPUT;
		d->failed_rule = p->rule;
		d->failed_cond = p->why->failed;
		d->failed_unknown = true;
	} else {
		d->reason = REASON_RULE;
	}
}

static void
set_retry(const struct deciding *g)
{
	struct decision *d = g->d;
	const struct flat_rule *r;

	if (d->reason != REASON_RATE_LIMITED || d->failed_rule < 0)
		return;
	r = flat_rules(g->v.p) + d->failed_rule;
	d->retry_us = usage_retry(g->v.u, g->v.p, r->rate, r->rate_us,
				  g->v.now->boot_us, r->rate_max);
}

static void
conclude(struct deciding *g)
{
	struct decision *d = g->d;
	struct pick real, would;

	pick_level(g, REAL, &real);
	pick_level(g, WOULD, &would);
	d->effect = real.effect;
	d->would = would.effect;
	d->rule = real.rule;
	d->level = real.level;
	if (real.reason != REASON_ALLOWED)
		d->reason = real.reason;
	else if (real.effect == EFFECT_NONE)
		explain_near(g);
	else if (decision_allows(d))
		d->reason = REASON_ALLOWED;
	else
		explain_rule(d, &real);
	set_retry(g);
	if (!decision_allows(d) && d->effect != EFFECT_ASK)
		d->labels_add = d->labels_clear = 0;
}

static void
look_at_rules(struct deciding *g)
{
	struct flat_span spans[INDEX_SPANS_MAX];
	size_t n = policy_index_find(&g->v, spans);
	const uint32_t *items = flat_items(g->v.p);

	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < spans[i].n; k++)
			take(g, items[spans[i].off + k]);
}

static void
start(struct deciding *g)
{
	g->near = -1;
	g->near_why.spent = REASON_ALLOWED;
	for (int s = 0; s < SIDES; s++)
		for (uint32_t l = 0; l < g->v.p->h->levels.n; l++)
			g->level[s][l] =
				(struct verdict){ .effect = EFFECT_NONE,
						  .rule = -1 };
}

void
decide(const struct policy *p, const struct request *rq, const struct usage *u,
       const struct decide_time *now, struct decision *ret)
{
	struct deciding g;

	memset(ret, 0, sizeof(*ret));
	ret->rule = ret->failed_rule = ret->failed_cond = -1;
	if (rq->surface >= SURFACE_MAX) {
		ret->reason = REASON_BAD_REQUEST;
		return;
	}
	g.d = ret;
	eval_init(&g.v, p, rq, u, now);
	start(&g);
	look_at_rules(&g);
	conclude(&g);
}
