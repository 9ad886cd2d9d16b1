/* links: supervisor lib */
/* The life of a box: every state against every event. */
#include "supervisor/life.h"
#include "tests/tap.h"

#include <errno.h>

static const struct {
	enum life_state from;
	enum life_event ev;
	int want;
} rows[] = {
	{ LIFE_STARTING, LIFE_CONFIRMED, LIFE_RUNNING },
	{ LIFE_STARTING, LIFE_FREEZE, -EINVAL },
	{ LIFE_STARTING, LIFE_THAW, -EINVAL },
	{ LIFE_STARTING, LIFE_STOP, LIFE_STOPPING },
	{ LIFE_STARTING, LIFE_GONE, LIFE_DEAD },
	{ LIFE_RUNNING, LIFE_CONFIRMED, -EINVAL },
	{ LIFE_RUNNING, LIFE_FREEZE, LIFE_FROZEN },
	{ LIFE_RUNNING, LIFE_THAW, LIFE_RUNNING },
	{ LIFE_RUNNING, LIFE_STOP, LIFE_STOPPING },
	{ LIFE_RUNNING, LIFE_GONE, LIFE_DEAD },
	{ LIFE_FROZEN, LIFE_CONFIRMED, -EINVAL },
	{ LIFE_FROZEN, LIFE_FREEZE, LIFE_FROZEN },
	{ LIFE_FROZEN, LIFE_THAW, LIFE_RUNNING },
	{ LIFE_FROZEN, LIFE_STOP, LIFE_STOPPING },
	{ LIFE_FROZEN, LIFE_GONE, LIFE_DEAD },
	{ LIFE_STOPPING, LIFE_CONFIRMED, -EINVAL },
	{ LIFE_STOPPING, LIFE_FREEZE, -EINVAL },
	{ LIFE_STOPPING, LIFE_THAW, -EINVAL },
	{ LIFE_STOPPING, LIFE_STOP, LIFE_STOPPING },
	{ LIFE_STOPPING, LIFE_GONE, LIFE_DEAD },
	{ LIFE_DEAD, LIFE_CONFIRMED, -EINVAL },
	{ LIFE_DEAD, LIFE_FREEZE, -EINVAL },
	{ LIFE_DEAD, LIFE_THAW, -EINVAL },
	{ LIFE_DEAD, LIFE_STOP, -EINVAL },
	{ LIFE_DEAD, LIFE_GONE, LIFE_DEAD },
};

TEST(every_state_and_event)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ASSERT_EQ(life_next(rows[i].from, rows[i].ev), rows[i].want);
	ASSERT_EQ(sizeof(rows) / sizeof(rows[0]),
		  LIFE_STATE_MAX * LIFE_EVENT_MAX);
}

TEST(out_of_range)
{
	ASSERT_ERR(life_next(LIFE_STATE_MAX, LIFE_STOP), -EINVAL);
	ASSERT_ERR(life_next(LIFE_RUNNING, LIFE_EVENT_MAX), -EINVAL);
	ASSERT_STREQ(life_name(LIFE_STATE_MAX), "?");
	ASSERT_STREQ(life_name(LIFE_FROZEN), "frozen");
}
