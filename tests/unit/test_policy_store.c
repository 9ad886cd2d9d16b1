/* links: lib policy */
/* Epochs: swaps, holders of old ones, loads that fail. */
#include "policy/policy_build.h"
#include "policy/store.h"
#include "tests/tap.h"

#include <string.h>

/* A policy with one rule of that id. */
static struct policy *
make(const char *id)
{
	struct level level = {
		.name = (char *)(uintptr_t) "p",
		.kind = LEVEL_PROFILE,
		.ceiling = CLASS_SPAWN,
	};
	struct rule rule = {
		.id = (char *)(uintptr_t)id,
		.effect = EFFECT_ALLOW,
		.on = ON(NETWORK),
	};
	const struct policy_spec s = {
		.name = (char *)(uintptr_t) "p",
		.level = &level,
		.n_levels = 1,
		.rule = &rule,
		.n_rules = 1,
	};
	struct err e = ERR_INIT;
	struct policy *p = NULL;

	if (policy_make(&s, &p, NULL, &e) < 0)
		FAIL("%s", e.text);
	return p;
}

static struct policy_store *
store(const char *id)
{
	struct policy_store *s = NULL;

	ASSERT_OK(policy_store_new(make(id), &s));
	return s;
}

static const char *
id_of(const struct policy_epoch *ep)
{
	struct policy_rule_view v;

	policy_rule(ep->policy, 0, &v);
	return v.id;
}

TEST(a_swap_is_the_next_epoch)
{
	struct policy_store *s = store("a");

	ASSERT_EQ(policy_store_now(s)->number, 1);
	ASSERT_OK(policy_store_swap(s, make("b")));
	ASSERT_EQ(policy_store_now(s)->number, 2);
	ASSERT_STREQ(id_of(policy_store_now(s)), "b");
	ASSERT_EQ(policy_store_epochs(s), 1);
	policy_store_free(s);
}

TEST(who_holds_an_epoch_keeps_it)
{
	struct policy_store *s = store("a");
	const struct policy_epoch *first = policy_store_get(s);
	const struct policy_epoch *again = policy_store_get(s);

	ASSERT_OK(policy_store_swap(s, make("b")));
	ASSERT_STREQ(id_of(first), "a");
	ASSERT_EQ(policy_store_epochs(s), 2);
	policy_store_put(s, first);
	ASSERT_EQ(policy_store_epochs(s), 2);
	ASSERT_STREQ(id_of(again), "a");
	policy_store_put(s, again);
	ASSERT_EQ(policy_store_epochs(s), 1);
	ASSERT_STREQ(id_of(policy_store_now(s)), "b");
	policy_store_free(s);
}

TEST(epochs_in_the_middle_go_first)
{
	struct policy_store *s = store("a");
	const struct policy_epoch *a = policy_store_get(s), *b;

	ASSERT_OK(policy_store_swap(s, make("b")));
	b = policy_store_get(s);
	ASSERT_OK(policy_store_swap(s, make("c")));
	ASSERT_EQ(policy_store_epochs(s), 3);
	policy_store_put(s, b);
	ASSERT_EQ(policy_store_epochs(s), 2);
	ASSERT_STREQ(id_of(a), "a");
	policy_store_put(s, a);
	ASSERT_EQ(policy_store_epochs(s), 1);
	policy_store_free(s);
}

TEST(there_is_a_bound_on_old_epochs)
{
	struct policy_store *s = store("a");
	const struct policy_epoch *held[POLICY_EPOCHS_MAX];
	char id[8];

	for (int i = 0; i < POLICY_EPOCHS_MAX; i++) {
		held[i] = policy_store_get(s);
		snprintf(id, sizeof(id), "r%d", i);
		if (i + 1 < POLICY_EPOCHS_MAX)
			ASSERT_OK(policy_store_swap(s, make(id)));
	}
	ASSERT_ERR(policy_store_swap(s, make("z")), -EBUSY);
	ASSERT_EQ(policy_store_now(s)->number, POLICY_EPOCHS_MAX);
	policy_store_put(s, held[0]);
	ASSERT_OK(policy_store_swap(s, make("z")));
	ASSERT_STREQ(id_of(policy_store_now(s)), "z");
	for (int i = 1; i < POLICY_EPOCHS_MAX; i++)
		policy_store_put(s, held[i]);
	ASSERT_EQ(policy_store_epochs(s), 1);
	policy_store_free(s);
}

static int
load(void *arg, struct policy **ret, struct err *e)
{
	const char *id = arg;

	if (!id)
		return err_set(e, -EINVAL, "p.json:3: no");
	*ret = make(id);
	return 0;
}

TEST(a_load_that_fails_changes_nothing_and_says_so)
{
	struct policy_store *s = store("a");
	char good[] = "b";
	struct err e = ERR_INIT;

	ASSERT_ERR(policy_store_load(s, load, NULL, &e), -EINVAL);
	ASSERT_STREQ(e.text, "epoch 1 stays: p.json:3: no");
	ASSERT_EQ(policy_store_now(s)->number, 1);
	ASSERT_STREQ(id_of(policy_store_now(s)), "a");
	ASSERT_STREQ(policy_store_failure(s), "p.json:3: no");
	ASSERT_ERR(policy_store_load(s, load, NULL, NULL), -EINVAL);
	ASSERT_OK(policy_store_load(s, load, good, &e));
	ASSERT_STREQ(policy_store_failure(s), "");
	ASSERT_EQ(policy_store_now(s)->number, 2);
	policy_store_free(s);
	policy_store_free(NULL);
}
