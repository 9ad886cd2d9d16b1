/* links: lib policy */
/*
 * What must hold of every policy and every request, tried on thousands of
 * random ones. PROPS_SEED and PROPS_CASES in the environment choose others; a
 * failure says the seed that repeats it.
 */
#include "tests/tap.h"
#include "tests/tools/decide_ref.h"
#include "tests/tools/props.h"
#include "tests/tools/random_policy.h"

#include <string.h>

#define REQUESTS 12
#define RECORD_MAX 65536

static const char *
rule_id(const struct policy *p, int32_t rule)
{
	struct policy_rule_view v;

	if (rule < 0)
		return "-";
	policy_rule(p, (size_t)rule, &v);
	return v.id;
}

static int
strict(enum effect f)
{
	return f == EFFECT_NONE ? 11 : f < EFFECT_DENY ? (int)f : (int)f + 10;
}

static void
compare(uint64_t seed, const struct policy_spec *s, const struct policy *p,
	const struct request *rq)
{
	struct decision d = decided(p, rq);
	struct ref_decision r;

	ref_decide(s, rq, &now, &r);
	if (d.effect != r.effect || d.would != r.would ||
	    strcmp(rule_id(p, d.rule), r.rule) != 0 || d.n_matched != r.matched)
		WRONG(seed, "%s by %s, %u matched; not %s by %s, %u matched",
		      effect_name(d.effect), rule_id(p, d.rule), d.n_matched,
		      effect_name(r.effect), r.rule, r.matched);
	if (d.labels_add != r.labels_add || d.labels_clear != r.labels_clear)
		WRONG(seed, "labels +%llx -%llx, not +%llx -%llx",
		      (unsigned long long)d.labels_add,
		      (unsigned long long)d.labels_clear,
		      (unsigned long long)r.labels_add,
		      (unsigned long long)r.labels_clear);
}

/* The flat, indexed decision is the one that the rules say. */
TEST_LIMIT(like_the_reference, 120)
{
	unsigned long effects[EFFECT_MAX] = { 0 };

	EACH_CASE(seed)
	{
		struct choices c = choices_from_seed(seed);
		struct random_request r;
		struct policy_spec s;
		struct policy *p;

		random_spec(&c, seed % 8 ? 12 : 80, &s);
		p = random_make(&s);
		for (int i = 0; i < REQUESTS; i++) {
			random_request(&c, &r);
			compare(seed, &s, p, &r.rq);
			effects[decided(p, &r.rq).effect]++;
		}
		policy_free(p);
		policy_spec_done(&s);
	}
	/* all of them were met, or the test says nothing */
	for (int f = 0; f < EFFECT_MAX; f++)
		if (f != EFFECT_LABEL &&
		    props_from_env("PROPS_CASES", CASES) >= CASES)
			ASSERT_GE(effects[f], 20u);
}

static void
add_rule(struct policy_spec *s, const struct rule *r)
{
	s->rule = reallocarray(s->rule, s->n_rules + 1, sizeof(*s->rule));
	ASSERT_NOT_NULL(s->rule);
	s->rule[s->n_rules++] = *r;
}

/* What is allowed with one more denial was allowed without it; and nothing gets
 * less strict. (Where a level observes, neither is changed.) */
TEST_LIMIT(a_denial_never_allows, 120)
{
	EACH_CASE(seed)
	{
		struct choices c = choices_from_seed(seed);
		struct policy_spec s;
		struct policy *before, *after;
		struct random_request r;
		struct rule deny;

		random_spec(&c, 10, &s);
		before = random_make(&s);
		random_rule(&c, 9999, choose(&c, (unsigned int)s.n_levels),
			    &deny);
		deny.effect = EFFECT_DENY;
		deny.not_after_us = 0;
		deny.max_uses = deny.rate.max = 0;
		deny.mode = MODE_ENFORCE;
		free(deny.budget.pointer);
		deny.budget.pointer = NULL;
		strv_done(&deny.labels_add);
		strv_done(&deny.labels_clear);
		strv_done(&deny.redact);
		add_rule(&s, &deny);
		after = random_make(&s);
		for (int i = 0; i < REQUESTS; i++) {
			struct decision a, b;

			random_request(&c, &r);
			b = decided(before, &r.rq);
			a = decided(after, &r.rq);
			if ((decision_allows(&a) && !decision_allows(&b)) ||
			    strict(a.would) < strict(b.would))
				WRONG(seed, "%s became %s",
				      effect_name(b.effect),
				      effect_name(a.effect));
		}
		policy_free(before);
		policy_free(after);
		policy_spec_done(&s);
	}
}

static void
shuffle(struct choices *c, struct policy_spec *s)
{
	for (size_t i = s->n_rules; i > 1; i--) {
		size_t k = choose(c, (unsigned int)i);
		struct rule r = s->rule[i - 1];

		s->rule[i - 1] = s->rule[k];
		s->rule[k] = r;
	}
}

static void
same_decision(uint64_t seed, const struct policy *p, const struct policy *q,
	      const struct request *rq)
{
	static char a[RECORD_MAX], b[RECORD_MAX];
	struct decision d = decided(p, rq), e = decided(q, rq);
	int n = decision_json(p, rq, &d, 3, true, a, sizeof(a));
	int m = decision_json(q, rq, &e, 3, true, b, sizeof(b));

	ASSERT_GE(n, 2);
	if (memcmp(&d, &e, sizeof(d)) != 0 || n != m || strcmp(a, b) != 0)
		WRONG(seed, "%s and %s", a, b);
}

TEST_LIMIT(order_never_matters, 120)
{
	EACH_CASE(seed)
	{
		struct choices c = choices_from_seed(seed);
		struct policy_spec s;
		struct policy *p, *q;
		struct random_request r;

		random_spec(&c, 20, &s);
		p = random_make(&s);
		shuffle(&c, &s);
		q = random_make(&s);
		ASSERT_MEMEQ(policy_hash(p), policy_hash(q), POLICY_HASH_LEN);
		for (int i = 0; i < REQUESTS; i++) {
			random_request(&c, &r);
			same_decision(seed, p, q, &r.rq);
		}
		policy_free(p);
		policy_free(q);
		policy_spec_done(&s);
	}
}

/* Two copies of the same bytes, at other addresses. */
TEST_LIMIT(memory_never_matters, 120)
{
	EACH_CASE(seed)
	{
		struct choices c = choices_from_seed(seed);
		struct policy_spec s;
		struct policy *p, *q;
		struct random_request r;
		struct err e = ERR_INIT;
		void *bytes;
		size_t len;

		random_spec(&c, 20, &s);
		policy_free(random_make(&s)); /* leaves out what is refused */
		ASSERT_OK(policy_build(&s, &bytes, &len, NULL, &e));
		ASSERT_OK(policy_open(bytes, len, &p, &e));
		ASSERT_OK(policy_open(bytes, len, &q, &e));
		free(bytes);
		for (int i = 0; i < REQUESTS; i++) {
			random_request(&c, &r);
			same_decision(seed, p, q, &r.rq);
		}
		policy_free(p);
		policy_free(q);
		policy_spec_done(&s);
	}
}

static void
add_level(struct choices *c, struct policy_spec *s)
{
	size_t n = s->n_levels++;

	s->level = reallocarray(s->level, s->n_levels, sizeof(*s->level));
	ASSERT_NOT_NULL(s->level);
	s->level[n] = (struct level){ .name = strdup("child"),
				      .kind = LEVEL_RUN,
				      .mode = chance(c, 10) ? MODE_OBSERVE
							    : MODE_ENFORCE,
				      .ceiling = CLASS_SPAWN,
				      .inherits = chance(c, 70) };
}

/* Whatever a further level says, it allows nothing that was not allowed. */
TEST_LIMIT(a_child_never_widens, 120)
{
	EACH_CASE(seed)
	{
		struct choices c = choices_from_seed(seed);
		struct policy_spec s;
		struct policy *parent, *child;
		struct random_request r;

		random_spec(&c, 10, &s);
		parent = random_make(&s);
		add_level(&c, &s);
		for (unsigned int i = 0, n = choose(&c, 8); i < n; i++) {
			struct rule rule;

			random_rule(&c, i, (unsigned int)s.n_levels - 1, &rule);
			rule.id[0] = 'c';
			add_rule(&s, &rule);
		}
		child = random_make(&s);
		for (int i = 0; i < REQUESTS; i++) {
			struct decision a, b;

			random_request(&c, &r);
			b = decided(parent, &r.rq);
			a = decided(child, &r.rq);
			if (strict(a.effect) < strict(b.effect))
				WRONG(seed, "%s became %s",
				      effect_name(b.effect),
				      effect_name(a.effect));
		}
		policy_free(parent);
		policy_free(child);
		policy_spec_done(&s);
	}
}

static bool
asks_for_existence(const struct policy_spec *s)
{
	for (size_t i = 0; i < s->n_rules; i++) {
		const struct rule *r = &s->rule[i];

		for (size_t k = 0; k < r->n_match + r->n_when; k++)
			if ((k < r->n_match
				     ? r->match[k].op
				     : r->when[k - r->n_match].op) == OP_EXISTS)
				return true;
	}
	return false;
}

/*
 * A policy without "exists": taking a whole attribute away from a request never
 * makes it allowed. (What nothing grants may become a question, since an ask
 * whose condition is unknown matches.) With "exists" it may, since that is what
 * "exists" asks; and within a tree it may, since "len" counts members.
 */
TEST_LIMIT(what_is_missing_never_allows, 120)
{
	unsigned long tried = 0;

	EACH_CASE(seed)
	{
		struct choices c = choices_from_seed(seed);
		struct policy_spec s;
		struct policy *p;
		struct random_request r;

		random_spec(&c, 10, &s);
		p = random_make(&s);
		for (int i = 0; i < REQUESTS && !asks_for_existence(&s); i++) {
			struct request less;
			struct decision a, b;

			random_request(&c, &r);
			less = r.rq;
			less.attr[choose(&c, ATTR_MAX)].type = VALUE_NONE;
			b = decided(p, &r.rq);
			a = decided(p, &less);
			tried++;
			if (decision_allows(&a) && !decision_allows(&b))
				WRONG(seed, "%s became %s",
				      effect_name(b.effect),
				      effect_name(a.effect));
		}
		policy_free(p);
		policy_spec_done(&s);
	}
	if (props_from_env("PROPS_CASES", CASES) >= CASES)
		ASSERT_GE(tried, (unsigned long)CASES);
}

/* No comparison is true of what is no number. */
TEST(not_a_number)
{
	static const enum cond_op ops[] = { OP_LT, OP_LE, OP_GT, OP_GE, OP_EQ };
	struct value x = { .type = VALUE_REAL, .key = "x", .key_len = 1 };
	struct value args = { .type = VALUE_OBJECT };
	struct request rq;

	x.r = __builtin_nan("");
	args.first = &x;
	args.n = 1;
	request_init(&rq, SURFACE_TOOLS);
	request_set_value(&rq, ATTR_ARGS, &args);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		struct rule_value ten = { .type = RULE_INT, .lo = 10 };
		struct rule_cond c = { .op = ops[i],
				       .pointer = (char[]){ "/args/x" },
				       .v = &ten,
				       .n = 1 };
		struct rule r = { .id = (char[]){ "r0000" },
				  .effect = EFFECT_ALLOW,
				  .on = ON(TOOLS),
				  .when = &c,
				  .n_when = 1 };
		struct policy *p = random_policy_of(&r);
		struct decision d;

		ASSERT_NOT_NULL(p);
		d = decided(p, &rq);
		ASSERT_FALSE(decision_allows(&d));
		ASSERT_TRUE(d.failed_unknown);
		policy_free(p);
	}
}

/* Usage */

struct spending {
	uint64_t at[4096];
	size_t n;
};

static void
check_window(uint64_t seed, const struct spending *s, uint64_t window,
	     size_t max)
{
	for (size_t i = 0; i < s->n; i++) {
		size_t k = i;

		while (k < s->n && s->at[k] - s->at[i] < window)
			k++;
		if (k - i > max)
			WRONG(seed, "%zu within one window; at most %zu", k - i,
			      max);
	}
}

static struct policy *
rate_policy(uint64_t max, uint64_t window, uint64_t uses)
{
	struct rule r = { .id = (char[]){ "r0000" },
			  .effect = EFFECT_ALLOW,
			  .on = ON(TOOLS),
			  .max_uses = uses,
			  .rate = { max, window } };
	struct policy *p = random_policy_of(&r);

	ASSERT_NOT_NULL(p);
	return p;
}

/* No window of any start sees more than the rate, no run more than the uses;
 * and all of it is had in the end. */
TEST_LIMIT(rates_are_never_exceeded, 120)
{
	for (uint64_t seed = props_first_seed(), end = seed + 300; seed < end;
	     seed++) {
		struct choices c = choices_from_seed(seed);
		uint64_t max = 1 + choose(&c, 9);
		uint64_t window = 1 + choose(&c, 100) * UINT64_C(100003);
		uint64_t uses = chance(&c, 50) ? 1 + choose(&c, 40) : 0;
		struct policy *p = rate_policy(max, window, uses);
		struct usage *u = calloc(1, usage_size(p));
		struct decide_time t = now;
		struct spending s = { .n = 0 };
		struct random_request r;
		struct decision d;

		ASSERT_NOT_NULL(u);
		random_request(&c, &r);
		request_init(&r.rq, SURFACE_TOOLS);
		for (int i = 0; i < 2000; i++) {
			t.boot_us += choose(&c, (unsigned int)(window / 3 + 2));
			decide(p, &r.rq, u, &t, &d);
			usage_commit(p, u, &r.rq, &d, &t, decision_allows(&d));
			if (decision_allows(&d))
				s.at[s.n++] = t.boot_us;
			else if (d.reason == REASON_RATE_LIMITED)
				ASSERT_GE(d.retry_us, 1u);
		}
		check_window(seed, &s, window, max);
		if (uses)
			ASSERT_EQ(s.n, (size_t)uses);
		free(u);
		policy_free(p);
	}
}
