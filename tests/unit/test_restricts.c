/* links: lib policy */
/*
 * Rules that only restrict ("grants": false): they never open what nobody
 * opened, and they act on what their own level grants, or the levels above
 * where it grants nothing.
 */
#include "policy/decide.h"
#include "policy/policy_build.h"
#include "tests/tap.h"

#include <string.h>

struct row {
	const char *host;
	enum effect effect;
};

struct setup {
	struct level level[2];
	struct rule rule[8];
	struct rule_cond cond[8];
	struct rule_value value[8];
	struct policy_spec s;
};

static void
setup_init(struct setup *t, size_t levels)
{
	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < levels; i++)
		t->level[i] = (struct level){
			.kind = LEVEL_PROFILE,
			.ceiling = CLASS_SPAWN,
			.inherits = i > 0,
		};
	t->level[0].name = (char *)(uintptr_t) "outer";
	t->level[1].name = (char *)(uintptr_t) "inner";
	t->s.name = t->level[levels - 1].name;
	t->s.level = t->level;
	t->s.n_levels = levels;
	t->s.rule = t->rule;
}

/* host NULL: every request. */
static struct rule *
add(struct setup *t, const char *id, enum effect f, const char *host,
    unsigned int level)
{
	size_t n = t->s.n_rules++;
	struct rule *r = &t->rule[n];

	*r = (struct rule){
		.id = (char *)(uintptr_t)id,
		.effect = f,
		.on = ON(NETWORK),
		.level = level,
	};
	if (host) {
		t->value[n] =
			(struct rule_value){ .type = RULE_STRING,
					     .s = (char *)(uintptr_t)host };
		t->cond[n] = (struct rule_cond){
			.op = OP_HOST,
			.pointer = (char *)(uintptr_t) "/host",
			.v = &t->value[n],
			.n = 1,
		};
		r->match = &t->cond[n];
		r->n_match = 1;
	}
	return r;
}

static void
expect(struct setup *t, const struct row *row, size_t n)
{
	struct policy *p = NULL;
	struct err e = ERR_INIT;

	ASSERT_EQ(policy_make(&t->s, &p, NULL, &e), 0);
	for (size_t i = 0; i < n; i++) {
		struct decide_time now = { .wall_us = 1, .boot_us = 1 };
		struct request rq;
		struct decision d;

		request_init(&rq, SURFACE_NETWORK);
		request_set(&rq, ATTR_HOST, row[i].host);
		request_derive(&rq);
		decide(p, &rq, NULL, &now, &d);
		ASSERT_EQ(d.effect, row[i].effect);
	}
	policy_free(p);
}

TEST(an_ask_for_all_opens_nothing)
{
	struct setup t;
	const struct row rows[] = {
		{ "a.example", EFFECT_ASK },
		{ "b.example", EFFECT_NONE },
		{ "c.example", EFFECT_DENY },
		{ "d.example", EFFECT_ASK },
	};

	setup_init(&t, 1);
	add(&t, "all", EFFECT_ASK, NULL, 0)->restricts = true;
	add(&t, "a", EFFECT_ALLOW, "a.example", 0);
	add(&t, "c", EFFECT_DENY, "c.example", 0);
	add(&t, "d", EFFECT_ASK, "d.example", 0);
	expect(&t, rows, ARRAY_SIZE(rows));
}

TEST(without_the_word_it_grants)
{
	struct setup t;
	const struct row rows[] = { { "b.example", EFFECT_ASK } };

	setup_init(&t, 1);
	add(&t, "all", EFFECT_ASK, NULL, 0);
	expect(&t, rows, ARRAY_SIZE(rows));
}

TEST(a_limit_for_all_opens_nothing)
{
	struct setup t;
	struct rule *r;
	const struct row rows[] = {
		{ "a.example", EFFECT_LIMIT },
		{ "b.example", EFFECT_NONE },
	};

	setup_init(&t, 1);
	r = add(&t, "all", EFFECT_LIMIT, NULL, 0);
	r->restricts = true;
	r->max_uses = 3;
	add(&t, "a", EFFECT_ALLOW, "a.example", 0);
	expect(&t, rows, ARRAY_SIZE(rows));
}

TEST(a_level_that_leaves_the_surface_restricts_the_others)
{
	struct setup t;
	const struct row rows[] = {
		{ "a.example", EFFECT_ASK },
		{ "b.example", EFFECT_NONE },
	};

	setup_init(&t, 2);
	add(&t, "a", EFFECT_ALLOW, "a.example", 0);
	add(&t, "all", EFFECT_ASK, NULL, 1)->restricts = true;
	expect(&t, rows, ARRAY_SIZE(rows));
}

TEST(a_level_that_grants_does_not_lean_on_the_others)
{
	struct setup t;
	const struct row rows[] = {
		{ "a.example", EFFECT_ASK },
		{ "b.example", EFFECT_NONE },
	};

	setup_init(&t, 2);
	add(&t, "o", EFFECT_ALLOW, "*", 0);
	add(&t, "all", EFFECT_ASK, NULL, 1)->restricts = true;
	add(&t, "a", EFFECT_ALLOW, "a.example", 1);
	expect(&t, rows, ARRAY_SIZE(rows));
}

TEST(an_observed_grant_is_no_grant)
{
	struct setup t;
	const struct row rows[] = { { "a.example", EFFECT_NONE } };

	setup_init(&t, 1);
	add(&t, "all", EFFECT_ASK, NULL, 0)->restricts = true;
	add(&t, "a", EFFECT_ASK, "a.example", 0)->mode = MODE_OBSERVE;
	expect(&t, rows, ARRAY_SIZE(rows));
}

TEST(allow_and_deny_are_not_only_restricting)
{
	static const enum effect bad[] = { EFFECT_ALLOW, EFFECT_DENY };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct setup t;
		struct policy *p = NULL;
		struct err e = ERR_INIT;

		setup_init(&t, 1);
		add(&t, "x", bad[i], NULL, 0)->restricts = true;
		ASSERT_EQ(policy_make(&t.s, &p, NULL, &e), -EINVAL);
		ASSERT_STRSTR(e.text, "grant");
	}
}
