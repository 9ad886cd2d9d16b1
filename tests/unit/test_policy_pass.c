/* links: lib policy */
/*
 * tls "pass" in a policy: it is kept and hashed, stands with what grants on the
 * network only, and beside no condition on what TLS hides.
 */
#include "policy/policy_build.h"
#include "tests/tap.h"

#include <string.h>

static char *
text(const char *s)
{
	return (char *)(uintptr_t)s;
}

struct setup {
	struct level level;
	struct rule rule;
	struct rule_cond cond;
	struct rule_value value;
	struct policy_spec s;
};

/* A grant of one host that says pass. */
static void
setup_init(struct setup *t)
{
	memset(t, 0, sizeof(*t));
	t->level = (struct level){
		.name = text("p"),
		.kind = LEVEL_PROFILE,
		.ceiling = CLASS_SPAWN,
	};
	t->value = (struct rule_value){ .type = RULE_STRING,
					.s = text("a.example") };
	t->cond = (struct rule_cond){
		.op = OP_HOST, .pointer = text("/host"), .v = &t->value, .n = 1
	};
	t->rule = (struct rule){
		.id = text("r"),
		.effect = EFFECT_ALLOW,
		.on = ON(NETWORK),
		.match = &t->cond,
		.n_match = 1,
		.tls_pass = true,
	};
	t->s = (struct policy_spec){
		.name = text("p"),
		.level = &t->level,
		.n_levels = 1,
		.rule = &t->rule,
		.n_rules = 1,
	};
}

static struct policy *
make(struct setup *t)
{
	struct policy *p = NULL;
	struct err e = ERR_INIT;

	if (policy_make(&t->s, &p, NULL, &e) < 0)
		FAIL("%s", e.text);
	return p;
}

static void
refused(struct setup *t, const char *because)
{
	struct policy *p = NULL;
	struct err e = ERR_INIT;

	ASSERT_ERR(policy_make(&t->s, &p, NULL, &e), -EINVAL);
	ASSERT_STRSTR(e.text, because);
	ASSERT_NULL(p);
}

TEST(it_is_kept)
{
	struct setup t;
	struct rule copy;
	struct policy *p;

	setup_init(&t);
	p = make(&t);
	ASSERT_TRUE(policy_rule_tls_pass(p, 0));
	policy_free(p);
	ASSERT_OK(rule_copy(&t.rule, &copy));
	ASSERT_TRUE(copy.tls_pass);
	rule_done(&copy);
}

TEST(it_is_part_of_the_hash)
{
	struct setup t;
	struct policy *pass, *other;

	setup_init(&t);
	pass = make(&t);
	t.rule.tls_pass = false;
	other = make(&t);
	ASSERT_FALSE(policy_rule_tls_pass(other, 0));
	ASSERT_TRUE(memcmp(policy_hash(pass), policy_hash(other),
			   POLICY_HASH_LEN) != 0);
	policy_free(pass);
	policy_free(other);
}

TEST(what_asks_or_limits_may_say_it)
{
	struct setup t;

	setup_init(&t);
	t.rule.effect = EFFECT_ASK;
	policy_free(make(&t));
	t.rule.effect = EFFECT_LIMIT;
	t.rule.max_uses = 3;
	policy_free(make(&t));
}

TEST(what_does_not_grant_may_not)
{
	struct setup t;

	setup_init(&t);
	t.rule.effect = EFFECT_DENY;
	refused(&t, "goes with what grants");
	setup_init(&t);
	t.rule.effect = EFFECT_ASK;
	t.rule.restricts = true;
	refused(&t, "goes with what grants");
}

TEST(other_surfaces_have_no_tls)
{
	struct setup t;

	setup_init(&t);
	t.rule.on = ON(NETWORK) | ON(CREDENTIALS);
	refused(&t, "on surface network only");
}

TEST(what_tls_hides_is_no_condition)
{
	static const char *const hidden[] = { "/method", "/path",
					      "/headers/accept", "/query/q" };

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		struct setup t;

		setup_init(&t);
		t.cond.pointer = text(hidden[i]);
		t.cond.op = OP_EQ;
		refused(&t, "never known where TLS passes through");
		t.rule.n_match = 0;
		t.rule.match = NULL;
		t.rule.when = &t.cond;
		t.rule.n_when = 1;
		refused(&t, hidden[i]);
		t.rule.tls_pass = false;
		policy_free(make(&t));
	}
}

/* What nobody builds is not opened: the flag on a denial, or any other bit. */
TEST(bytes_that_lie_are_refused)
{
	struct setup t;
	size_t len, refusals = 0;
	struct policy *p;
	uint8_t *copy;

	setup_init(&t);
	p = make(&t);
	copy = malloc(policy_bytes(p, &len) ? len : 0);
	ASSERT_NOT_NULL(copy);
	for (size_t i = 0; i < len; i++) {
		struct policy *again = NULL;
		struct err e = ERR_INIT;

		memcpy(copy, policy_bytes(p, &len), len);
		copy[i] ^= 2;
		if (policy_open(copy, len, &again, &e) < 0) {
			ASSERT_STRSTR(e.text, "not a policy");
			refusals += strstr(e.text, "a rule's words") != NULL;
			continue;
		}
		policy_free(again);
	}
	/* surface, level and mode; two bytes each of restricts and tls_pass */
	ASSERT_GE(refusals, 6);
	free(copy);
	policy_free(p);
}
