/*
 * What a run has used so far. A window is counted in eighths of its length,
 * and always a part more than the window is counted, never less, so that no
 * rate is exceeded at the seam. What always holds: nothing overflows, and an
 * action counts once on every rule that matched it.
 */
#include "policy/policy-internal.h"

#include <string.h>

#define PARTS 8
#define RING (PARTS + 1)
#define REPEATS 32

struct window {
	uint64_t last; /* number of the newest part */
	uint64_t part[RING];
};

struct repeat {
	uint64_t digest, used_us;
	struct window window;
};

/* Followed by uses, windows, and a window for each trigger. */
struct usage {
	uint64_t steps;
	struct repeat repeat[REPEATS];
};

size_t
usage_size(const struct policy *p)
{
	return sizeof(struct usage) + p->h->n_uses * sizeof(uint64_t) +
	       ((size_t)p->h->n_windows + p->h->triggers.n) *
		       sizeof(struct window);
}

static uint64_t *
uses_of(const struct usage *u)
{
	return (uint64_t *)(uintptr_t)(u + 1);
}

static struct window *
windows_of(const struct usage *u, const struct policy *p)
{
	return (struct window *)(void *)(uses_of(u) + p->h->n_uses);
}

static uint64_t
add(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static uint64_t
part_of(uint64_t window_us, uint64_t now_us)
{
	uint64_t length = window_us / PARTS ? window_us / PARTS : 1;

	return window_us ? now_us / length : 0;
}

/* The sum of the parts not older than the newest PARTS before cur, but for the
 * oldest skip of them. */
static uint64_t
window_sum(const struct window *w, uint64_t cur, uint64_t skip)
{
	uint64_t sum = 0;

	for (uint64_t back = 0; back + skip <= PARTS && back <= cur; back++) {
		uint64_t n = cur - back;

		if (n <= w->last && w->last - n <= PARTS)
			sum = add(sum, w->part[n % RING]);
	}
	return sum;
}

static void
window_add(struct window *w, uint64_t cur, uint64_t amount)
{
	/* Time does not go back; should it, the newest part takes it. */
	if (cur > w->last) {
		uint64_t gap = cur - w->last;

		for (uint64_t i = 1; i <= gap && i <= RING; i++)
			w->part[(w->last + i) % RING] = 0;
		if (gap > RING)
			memset(w->part, 0, sizeof(w->part));
		w->last = cur;
	}
	w->part[w->last % RING] = add(w->part[w->last % RING], amount);
}

uint64_t
usage_uses(const struct usage *u, uint32_t use)
{
	return u ? uses_of(u)[use] : 0;
}

uint64_t
usage_window(const struct usage *u, const struct policy *p, uint32_t window,
	     uint64_t window_us, uint64_t boot_us)
{
	const struct window *w;
	uint64_t cur = part_of(window_us, boot_us);

	if (!u)
		return 0;
	w = windows_of(u, p) + window;
	return window_sum(w, cur > w->last ? cur : w->last, 0);
}

uint64_t
usage_retry(const struct usage *u, const struct policy *p, uint32_t window,
	    uint64_t window_us, uint64_t boot_us, uint64_t max)
{
	uint64_t length = window_us / PARTS ? window_us / PARTS : 1;
	uint64_t cur = part_of(window_us, boot_us);
	uint64_t wait = length - boot_us % length;
	const struct window *w;

	if (!u || !window_us)
		return 0;
	w = windows_of(u, p) + window;
	for (uint64_t skip = 1; skip <= PARTS; skip++) {
		if (window_sum(w, cur, skip) < max)
			return wait + (skip - 1) * length;
	}
	return wait + PARTS * length;
}

bool
usage_step(const struct usage *u, uint32_t step)
{
	return u && u->steps >> step & 1;
}

/* Taking down */

struct commit {
	const struct eval *v;
	struct usage *u;
	const struct decision *d;
	bool done;
	int fired;
	uint64_t charged[POLICY_RULES_MAX / 64]; /* a bit for each rule */
};

static void
count_named(const struct commit *c, const struct flat_rule *r)
{
	const struct policy *p = c->v->p;
	const struct flat_cond *cond = flat_conds(p);

	for (uint32_t i = 0; i < p->h->conds.n; i++)
		if (cond[i].op == OP_COUNT && cond[i].name == r->id)
			window_add(
				windows_of(c->u, p) + cond[i].ref,
				part_of(cond[i].window_us, c->v->now->boot_us),
				1);
}

static void
charge(const struct commit *c, const struct flat_rule *r)
{
	struct window *w = windows_of(c->u, c->v->p);
	uint64_t now = c->v->now->boot_us, amount, *uses = uses_of(c->u);

	if (r->use != FLAT_NONE)
		uses[r->use] = add(uses[r->use], 1);
	if (r->rate != FLAT_NONE)
		window_add(w + r->rate, part_of(r->rate_us, now), 1);
	if (r->budget != FLAT_NONE && budget_amount(c->v, r, &amount) == 0)
		window_add(w + r->budget, part_of(r->budget_us, now), amount);
	if (r->step != FLAT_NONE)
		c->u->steps |= UINT64_C(1) << r->step;
	if (r->counted)
		count_named(c, r);
}

static void
trigger_add(struct commit *c, uint32_t i)
{
	const struct policy *p = c->v->p;
	const struct flat_trigger *t =
		FLAT(p, triggers, struct flat_trigger) + i;
	struct window *w = windows_of(c->u, p) + p->h->n_windows + i;
	uint64_t cur = part_of(t->window_us, c->v->now->boot_us);

	window_add(w, cur, 1);
	if (c->fired < 0 && window_sum(w, w->last, 0) >= t->count)
		c->fired = (int)i;
}

static void
trigger_rule(struct commit *c, const struct flat_rule *r)
{
	const struct flat_trigger *t =
		FLAT(c->v->p, triggers, struct flat_trigger);

	for (uint32_t i = 0; i < c->v->p->h->triggers.n; i++)
		if (t[i].on == TRIGGER_RULE && t[i].rule_id == r->id &&
		    t[i].surfaces >> c->v->rq->surface & 1)
			trigger_add(c, i);
}

static void
look_at(struct commit *c, uint32_t i)
{
	const struct flat_rule *r = flat_rules(c->v->p) + i;
	struct outcome o;

	rule_eval(c->v, r, &o);
	if (o.effect == EFFECT_NONE)
		return;
	trigger_rule(c, r);
	if (c->done && o.how != HOW_SPENT)
		c->charged[i / 64] |= UINT64_C(1) << i % 64;
}

/* All that matched, not only those that the decision has room for. None is
 * charged before all were looked at: a step or a count of this action is not
 * yet one for another rule, in whatever order they come. */
static void
each_match(struct commit *c)
{
	const struct policy *p = c->v->p;
	struct flat_span spans[INDEX_SPANS_MAX];
	size_t n = policy_index_find(c->v, spans);
	const uint32_t *items = flat_items(p);

	memset(c->charged, 0, (p->h->rules.n + 63) / 64 * sizeof(uint64_t));
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < spans[i].n; k++)
			look_at(c, items[spans[i].off + k]);
	for (uint32_t i = 0; i < p->h->rules.n; i += 64)
		for (uint64_t w = c->charged[i / 64]; w; w &= w - 1)
			charge(c, flat_rules(p) + i +
					  (uint32_t)__builtin_ctzll(w));
}

/* Repetition */

static uint64_t
mix(uint64_t h, const void *data, size_t n)
{
	const unsigned char *b = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t
digest_value(uint64_t h, const struct value *v, unsigned int depth)
{
	uint64_t bits = (uint64_t)v->type;

	h = mix(h, &bits, sizeof(bits));
	if (v->type == VALUE_STRING)
		return mix(h, v->s, v->len);
	if (v->type == VALUE_BOOL || v->type == VALUE_INT) {
		bits = v->type == VALUE_BOOL ? v->b : (uint64_t)v->i;
		return mix(h, &bits, sizeof(bits));
	}
	if (v->type == VALUE_REAL)
		return mix(h, &v->r, sizeof(v->r));
	if (v->type < VALUE_LIST || !depth)
		return h;
	for (const struct value *i = v->first; i; i = i->next) {
		if (i->key)
			h = mix(h, i->key, i->key_len);
		h = digest_value(h, i, depth - 1);
	}
	return h;
}

/* What is asked for, without what is known about the run. */
static uint64_t
digest(const struct request *rq)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (unsigned int a = 0; a < ATTR_RUN_ID; a++)
		if (rq->attr[a].type != VALUE_NONE)
			h = digest_value(mix(h, &a, sizeof(a)), &rq->attr[a],
					 REQUEST_DEPTH_MAX);
	return h ? h : 1;
}

/* The entry of that digest, or the one longest unused. */
static struct repeat *
repeat_find(struct usage *u, uint64_t h)
{
	struct repeat *oldest = &u->repeat[0];

	for (size_t i = 0; i < REPEATS; i++) {
		if (u->repeat[i].digest == h)
			return &u->repeat[i];
		if (u->repeat[i].used_us < oldest->used_us ||
		    !u->repeat[i].digest)
			oldest = &u->repeat[i];
		if (!u->repeat[i].digest)
			break;
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->digest = h;
	return oldest;
}

static void
trigger_repeat(struct commit *c, uint32_t i, const struct flat_trigger *t)
{
	struct repeat *r = repeat_find(c->u, digest(c->v->rq) ^ (i + 1));
	uint64_t cur = part_of(t->window_us, c->v->now->boot_us);

	r->used_us = c->v->now->boot_us + 1;
	window_add(&r->window, cur, 1);
	if (c->fired < 0 &&
	    window_sum(&r->window, r->window.last, 0) >= t->count)
		c->fired = (int)i;
}

static void
trigger_label(struct commit *c, uint32_t i, const struct flat_trigger *t)
{
	uint64_t run = c->v->run;

	if (c->done)
		run = (run & ~c->d->labels_clear) | c->d->labels_add;
	if (c->fired < 0 && t->labels && (run & t->labels) == t->labels)
		c->fired = (int)i;
}

static void
each_trigger(struct commit *c)
{
	const struct flat_trigger *t =
		FLAT(c->v->p, triggers, struct flat_trigger);
	bool denied = !decision_allows(c->d) && c->d->effect != EFFECT_ASK;

	for (uint32_t i = 0; i < c->v->p->h->triggers.n; i++) {
		if (!(t[i].surfaces >> c->v->rq->surface & 1))
			continue;
		if ((t[i].on == TRIGGER_DENY && denied) ||
		    (t[i].on == TRIGGER_ASK && c->d->effect == EFFECT_ASK))
			trigger_add(c, i);
		else if (t[i].on == TRIGGER_LABEL)
			trigger_label(c, i, &t[i]);
		else if (t[i].on == TRIGGER_REPEAT)
			trigger_repeat(c, i, &t[i]);
	}
}

int
usage_commit(const struct policy *p, struct usage *u, const struct request *rq,
	     const struct decision *d, const struct decide_time *now, bool done)
{
	struct eval v;
	struct commit c; /* not all of it is needed */

	if (rq->surface >= SURFACE_MAX)
		return -1;
	c.v = &v;
	c.u = u;
	c.d = d;
	c.done = done;
	c.fired = -1;
	eval_init(&v, p, rq, NULL, now);
	/* Judged by what was used before this action. */
	v.u = u;
	each_match(&c);
	each_trigger(&c);
	return c.fired;
}
