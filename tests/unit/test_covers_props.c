/* links: lib policy */
/*
 * rule_covers(), tried on thousands of random rules: what is said to be covered
 * is. PROPS_SEED and PROPS_CASES in the environment choose others; a
 * failure says the seed that repeats it.
 */
#include "tests/tap.h"
#include "tests/tools/props.h"
#include "tests/tools/random_policy.h"

#include <string.h>

static void
plain_allow(struct rule *r)
{
	r->effect = EFFECT_ALLOW;
	r->mode = MODE_ENFORCE;
	r->level = 0;
	r->not_after_us = 0;
	r->max_uses = r->rate.max = 0;
	free(r->budget.pointer);
	r->budget.pointer = NULL;
	strv_done(&r->labels_add);
	strv_done(&r->labels_clear);
	strv_done(&r->redact);
	free(r->id);
	r->id = strdup("r0000"); /* what random counts count */
}

/* b: a with fewer values here and further conditions there. */
static void
narrow(struct choices *c, struct rule *b)
{
	size_t n = b->n_when;

	for (size_t i = 0; i < b->n_match + n; i++) {
		struct rule_cond *k = i < b->n_match ? &b->match[i]
						     : &b->when[i - b->n_match];

		if (k->n > 1 && chance(c, 50))
			free(k->v[--k->n].s);
	}
	b->when = reallocarray(b->when, n + 2, sizeof(*b->when));
	ASSERT_NOT_NULL(b->when);
	b->when[b->n_when++] = random_cond(c, b->on);
}

/* b: the condition that a has, made anew over the same vocabulary. */
static void
similar(struct choices *c, const struct rule *a, struct rule *b)
{
	struct rule_cond *k =
		a->n_when ? &b->when[choose(c, (unsigned int)a->n_when)] : NULL;

	for (int i = 0; k && i < 400; i++) {
		struct rule_cond n = random_cond(c, b->on);
		bool same = n.pointer && k->pointer &&
			    !strcmp(n.pointer, k->pointer);
		struct rule_cond old = same ? *k : n;

		if (same)
			*k = n;
		for (size_t v = 0; v < old.n; v++)
			free(old.v[v].s);
		free(old.v);
		free(old.pointer);
		free(old.name);
		if (same)
			return;
	}
}

static unsigned long
check_cover(uint64_t seed, struct choices *c, const struct rule *a,
	    const struct rule *b)
{
	struct policy *pa = random_policy_of(a), *pb = random_policy_of(b);
	struct random_request r;
	unsigned long met = 0;

	for (int i = 0; pa && pb && i < 60; i++) {
		struct decision da, db;

		random_request(c, &r);
		db = decided(pb, &r.rq);
		if (!decision_allows(&db))
			continue;
		met++;
		da = decided(pa, &r.rq);
		if (!decision_allows(&da))
			WRONG(seed, "what is covered matches alone: %s %s",
			      cond_pointer(pa, da.failed_rule, da.failed_cond),
			      reason_name(da.reason));
	}
	policy_free(pa);
	policy_free(pb);
	return met;
}

TEST_LIMIT(covers_is_sound, 120)
{
	unsigned long covered = 0, met = 0;

	EACH_CASE(seed)
	{
		struct choices c = choices_from_seed(seed);
		struct rule a, b;

		random_rule(&c, 1, 0, &a);
		plain_allow(&a);
		ASSERT_OK(rule_copy(&a, &b));
		ASSERT_TRUE(rule_covers(&a, &b) || !a.n_match);
		if (seed % 2)
			narrow(&c, &b);
		else
			similar(&c, &a, &b);
		if (rule_covers(&a, &b)) {
			covered++;
			met += check_cover(seed, &c, &a, &b);
		}
		rule_done(&a);
		rule_done(&b);
	}
	tap_note("%lu covered, %lu requests met", covered, met);
	if (props_from_env("PROPS_CASES", CASES) >= CASES) {
		ASSERT_GE(covered, (unsigned long)CASES / 4);
		ASSERT_GE(met, (unsigned long)CASES / 4);
	}
}
