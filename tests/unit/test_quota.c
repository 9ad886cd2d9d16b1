/* links: audit lib */
/* audit/quota.c: the rate of an agent, its bytes of a day, and who it is. */
#include "audit/quota.h"
#include "tests/tap.h"

#include <string.h>

#define S 1000000ull
#define DAY (86400 * S)

static struct audit_config
limits(uint64_t rate, uint64_t bytes)
{
	struct audit_config c = { .agent_rate = rate,
				  .agent_day_bytes = bytes };

	return c;
}

/* Takes all that is allowed at once. */
static unsigned int
take(struct quota *q, struct quota_agent *a, uint64_t now, uint64_t *when)
{
	unsigned int n = quota_allow(q, a, 1000000, now, when);

	quota_spend(q, a, n);
	return n;
}

TEST(a_burst_of_one_second_then_the_rate)
{
	struct audit_config c = limits(100, 0);
	struct quota *q = quota_new(&c);
	struct quota_agent *a;
	uint64_t when = 0;

	ASSERT_OK(quota_agent(q, "a", 5 * S, &a));
	ASSERT_EQ(take(q, a, 5 * S, &when), 100);
	ASSERT_EQ(take(q, a, 5 * S, &when), 0);
	ASSERT_TRUE(when > 5 * S && when <= 6 * S);
	ASSERT_TRUE(take(q, a, when, &when) > 0);
	ASSERT_EQ(quota_waits(q), 1);
	/* idleness saves no more than one second */
	ASSERT_EQ(take(q, a, 1000 * S, &when), 100);
	quota_put(a);
	quota_free(q);
}

/* A message with many records is taken whole; what it had too many is waited
 * for. */
TEST(what_was_too_much_is_paid_later)
{
	struct audit_config c = limits(10, 0);
	struct quota *q = quota_new(&c);
	struct quota_agent *a;
	uint64_t when = 0;

	ASSERT_OK(quota_agent(q, "a", 5 * S, &a));
	ASSERT_EQ(quota_allow(q, a, 64, 5 * S, &when), 10);
	quota_spend(q, a, 30); /* 20 more */
	ASSERT_EQ(take(q, a, 6 * S, &when), 0);
	ASSERT_EQ(when, 7 * S + S / 10);
	ASSERT_EQ(take(q, a, 7 * S, &when), 0);
	ASSERT_EQ(take(q, a, 8 * S, &when), 10);
	quota_put(a);
	quota_free(q);
}

TEST(over_time_exactly_the_rate)
{
	struct audit_config c = limits(2000, 0);
	struct quota *q = quota_new(&c);
	struct quota_agent *a;
	uint64_t when, now = S, total = 0;

	ASSERT_OK(quota_agent(q, "a", now, &a));
	for (; now <= 11 * S; now += 137)
		total += take(q, a, now, &when);
	ASSERT_LE(total, 2000 + 10 * 2000);
	ASSERT_GE(total, 2000 + 10 * 2000 - 2);
	quota_put(a);
	quota_free(q);
}

TEST(when_is_when_there_is_something)
{
	static const uint64_t rates[] = { 1, 2, 7, 31, 1000, 1000000 };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct audit_config c = limits(rates[i], 0);
		struct quota *q = quota_new(&c);
		struct quota_agent *a;
		uint64_t when = 0, later;

		ASSERT_OK(quota_agent(q, "a", S, &a));
		while (take(q, a, S, &when))
			;
		ASSERT_TRUE(take(q, a, when, &later) > 0);
		quota_put(a);
		quota_free(q);
	}
}

TEST(a_clock_that_goes_back_gives_nothing)
{
	struct audit_config c = limits(10, 0);
	struct quota *q = quota_new(&c);
	struct quota_agent *a;
	uint64_t when;

	ASSERT_OK(quota_agent(q, "a", 100 * S, &a));
	ASSERT_EQ(take(q, a, 100 * S, &when), 10);
	ASSERT_EQ(take(q, a, 50 * S, &when), 0);
	ASSERT_EQ(take(q, a, 100 * S, &when), 0);
	quota_put(a);
	quota_free(q);
}

TEST(no_rate_is_no_bound)
{
	struct audit_config c = limits(0, 0);
	struct quota *q = quota_new(&c);
	struct quota_agent *a;
	uint64_t when;

	ASSERT_OK(quota_agent(q, "a", S, &a));
	for (int i = 0; i < 10; i++)
		ASSERT_EQ(take(q, a, S, &when), 1000000);
	quota_put(a);
	quota_free(q);
}

TEST(bytes_of_a_day)
{
	struct audit_config c = limits(0, 8000);
	struct quota *q = quota_new(&c);
	struct quota_agent *a;
	bool first;

	ASSERT_OK(quota_agent(q, "a", S, &a));
	ASSERT_OK(quota_charge(q, a, QUOTA_INTENT, 7999, DAY * 7, &first));
	ASSERT_ERR(quota_charge(q, a, QUOTA_INTENT, 2, DAY * 7 + 1, &first),
		   -EDQUOT);
	ASSERT_TRUE(first);
	ASSERT_ERR(quota_charge(q, a, QUOTA_INTENT, 2, DAY * 7 + 2, &first),
		   -EDQUOT);
	ASSERT_FALSE(first);
	/* ends can be told still, an eighth above; outcomes always */
	ASSERT_OK(quota_charge(q, a, QUOTA_TOLD, 1001, DAY * 7, &first));
	ASSERT_ERR(quota_charge(q, a, QUOTA_TOLD, 1, DAY * 7, &first), -EDQUOT);
	ASSERT_OK(quota_charge(q, a, QUOTA_OWED, 100000, DAY * 7, &first));
	ASSERT_EQ(quota_refused(q), 3);
	/* a clock set back does not begin a day anew; the next day does */
	ASSERT_ERR(quota_charge(q, a, QUOTA_INTENT, 1, DAY * 6, &first),
		   -EDQUOT);
	ASSERT_OK(quota_charge(q, a, QUOTA_INTENT, 8000, DAY * 8, &first));
	ASSERT_EQ(quota_day_bytes(a), 8000);
	quota_put(a);
	quota_free(q);
}

TEST(one_agent_by_any_number_of_channels)
{
	struct audit_config c = limits(0, 1000);
	struct quota *q = quota_new(&c);
	struct quota_agent *a, *b, *other;
	bool first;

	ASSERT_OK(quota_agent(q, "a", S, &a));
	ASSERT_OK(quota_charge(q, a, QUOTA_INTENT, 1000, DAY, &first));
	ASSERT_OK(quota_agent(q, "a", S, &b));
	ASSERT_TRUE(a == b);
	ASSERT_OK(quota_agent(q, "b", S, &other));
	ASSERT_OK(quota_charge(q, other, QUOTA_INTENT, 1000, DAY, &first));
	/* who leaves and comes again is the same, too */
	quota_put(a);
	quota_put(b);
	ASSERT_OK(quota_agent(q, "a", 2 * S, &a));
	ASSERT_ERR(quota_charge(q, a, QUOTA_INTENT, 1, DAY, &first), -EDQUOT);
	quota_put(a);
	quota_put(other);
	quota_free(q);
}

TEST(those_with_channels_are_never_forgotten)
{
	struct audit_config c = limits(0, 1000);
	struct quota *q = quota_new(&c);
	struct quota_agent *a, *first_one;
	char name[32];

	ASSERT_OK(quota_agent(q, "0", 1, &first_one));
	for (unsigned int i = 1; i < QUOTA_AGENTS_MAX; i++) {
		snprintf(name, sizeof(name), "%u", i);
		ASSERT_OK(quota_agent(q, name, i, &a));
		if (i > 1)
			quota_put(a);
	}
	/* the oldest without a channel makes room */
	ASSERT_OK(quota_agent(q, "new", S, &a));
	ASSERT_STREQ(quota_name(first_one), "0");
	for (unsigned int i = 2; i < QUOTA_AGENTS_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		ASSERT_EQ(quota_agent(q, name, S + i, &a),
			  i < QUOTA_AGENTS_MAX - 1 ? 0 : -ENOBUFS);
	}
	quota_free(q);
}

TEST(long_names_are_cut)
{
	struct audit_config c = limits(0, 0);
	struct quota *q = quota_new(&c);
	char name[QUOTA_NAME_MAX * 2];
	struct quota_agent *a;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ASSERT_OK(quota_agent(q, name, S, &a));
	ASSERT_EQ(strlen(quota_name(a)), QUOTA_NAME_MAX - 1);
	quota_put(a);
	quota_free(q);
}
