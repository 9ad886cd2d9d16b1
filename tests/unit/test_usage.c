/* links: lib policy */
/* An action is judged and charged by what was used before it: its own steps and
 * counts are not yet there for other rules, in whatever order they stand. */
#include "policy/decide.h"
#include "policy/policy_build.h"
#include "tests/tap.h"
#include "tests/tools/props.h"

#define TEXT(s) ((char *)(uintptr_t)(s))

/* "first" does the step; "then" is for who has done it, once. */
static struct policy *
make(const char *first, const char *then)
{
	struct level level = { .name = TEXT("l"),
			       .kind = LEVEL_PROFILE,
			       .ceiling = CLASS_SPAWN };
	struct rule_cond seen = { .op = OP_SEEN, .name = TEXT("one") };
	struct rule rules[2] = {
		{ .id = TEXT(first),
		  .effect = EFFECT_ALLOW,
		  .on = ON(ADMIN),
		  .step = TEXT("one") },
		{ .id = TEXT(then),
		  .effect = EFFECT_LIMIT,
		  .on = ON(ADMIN),
		  .when = &seen,
		  .n_when = 1,
		  .max_uses = 1 },
	};
	struct policy_spec s = { .name = TEXT("p"),
				 .level = &level,
				 .n_levels = 1,
				 .rule = rules,
				 .n_rules = 2 };
	struct err e = ERR_INIT;
	struct policy *p = NULL;

	if (policy_make(&s, &p, NULL, &e) < 0)
		FAIL("%s", e.text);
	return p;
}

static enum effect
act(const struct policy *p, struct usage *u, const struct request *rq)
{
	struct decision d;

	decide(p, rq, u, &now, &d);
	usage_commit(p, u, rq, &d, &now, decision_allows(&d));
	return d.effect;
}

static void
check(const char *first, const char *then)
{
	struct policy *p = make(first, then);
	struct usage *u = calloc(1, usage_size(p));
	struct request rq;

	request_init(&rq, SURFACE_ADMIN);
	request_set(&rq, ATTR_CLASS, "read");
	ASSERT_EQ(act(p, u, &rq), EFFECT_ALLOW);
	ASSERT_EQ(act(p, u, &rq), EFFECT_LIMIT);
	ASSERT_EQ(act(p, u, &rq), EFFECT_DENY);
	free(u);
	policy_free(p);
}

TEST(own_step_is_not_yet_done)
{
	check("a", "b");
	check("b", "a");
}
