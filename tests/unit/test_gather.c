/* links: lib policy audit */
/*
 * Who is waited for before a sync: those of the last two that are still there,
 * and nobody else.
 */
#include "audit/server-internal.h"

#include "lib/macro.h"
#include "tests/tap.h"

#include <string.h>

struct scene {
	struct server s;
	struct audit_config config;
	struct conn c[4];
	struct pending v[4];
};

static void
scene_init(struct scene *t)
{
	memset(t, 0, sizeof(*t));
	t->config.durable = DURABLE_EFFECTS;
	t->s.o.config = &t->config;
	t->s.round.v = t->v;
	/* as long as counts */
	t->s.gather.sync_us = 1000000;
}

/* In this round the clients of the text, "ac", wait for the disk. */
static void
round_of(struct scene *t, const char *who)
{
	t->s.round.n = strlen(who);
	for (size_t i = 0; who[i]; i++)
		t->v[i] = (struct pending){ .conn = &t->c[who[i] - 'a'],
					    .flags = WIRE_DURABLE };
}

static void
sync_of(struct scene *t, const char *who)
{
	round_of(t, who);
	gather_synced(&t->s, 1000000);
}

static bool
waits(struct scene *t, const char *who)
{
	t->s.gather.until_us = 0;
	round_of(t, who);
	return gather_more(&t->s);
}

TEST(who_is_alone_waits_for_nobody)
{
	struct scene t;

	scene_init(&t);
	ASSERT_FALSE(waits(&t, "a"));
	sync_of(&t, "a");
	ASSERT_FALSE(waits(&t, "a"));
	sync_of(&t, "a");
	ASSERT_FALSE(waits(&t, "a"));
	ASSERT_FALSE(waits(&t, ""));
}

TEST(both_halves_are_waited_for)
{
	struct scene t;

	scene_init(&t);
	sync_of(&t, "ab");
	sync_of(&t, "cd");
	ASSERT_TRUE(waits(&t, "ab"));
	ASSERT_TRUE(waits(&t, "abc"));
	ASSERT_FALSE(waits(&t, "abcd"));
}

TEST(the_very_first_leaves)
{
	struct scene t;

	scene_init(&t);
	sync_of(&t, "a");
	ASSERT_EQ(t.s.gather.expected, 1);
	gather_forget(&t.s, &t.c[0]);
	ASSERT_EQ(t.s.gather.expected, 0);
	ASSERT_FALSE(waits(&t, "b"));
	sync_of(&t, "b");
	ASSERT_EQ(t.s.gather.expected, 1);
}

TEST(who_left_is_not)
{
	struct scene t;

	scene_init(&t);
	sync_of(&t, "a");
	sync_of(&t, "b");
	ASSERT_TRUE(waits(&t, "c"));
	gather_forget(&t.s, &t.c[0]);
	ASSERT_EQ(t.s.gather.expected, 1);
	gather_forget(&t.s, &t.c[1]);
	ASSERT_FALSE(waits(&t, "c"));
	ASSERT_EQ(t.s.gather.expected, 0);
	/* nor is it counted for the one after */
	sync_of(&t, "c");
	ASSERT_EQ(t.s.gather.expected, 1);
	gather_forget(&t.s, &t.c[2]);
	ASSERT_EQ(t.s.gather.expected, 0);
	ASSERT_EQ(t.s.gather.group, 0);
}

/* Of the last two syncs, not of any before. */
TEST(who_was_quiet_is_not_expected)
{
	struct scene t;

	scene_init(&t);
	sync_of(&t, "d");
	sync_of(&t, "ab");
	sync_of(&t, "ab");
	ASSERT_EQ(t.s.gather.expected, 2);
	gather_forget(&t.s, &t.c[3]); /* long since not waited for */
	gather_forget(&t.s, &t.c[2]); /* never was */
	ASSERT_EQ(t.s.gather.expected, 2);
	ASSERT_EQ(t.s.gather.group, 2);
	gather_forget(&t.s, &t.c[0]);
	ASSERT_EQ(t.s.gather.expected, 1);
	ASSERT_EQ(t.s.gather.group, 1);
	ASSERT_FALSE(waits(&t, "b"));
}
