/* links: lib supervisor */
/* When a box counts as idle. */
#include "supervisor/idle.h"
#include "tests/tap.h"

#define S UINT64_C(1000000)

TEST(rows)
{
	/* one look a second; the limit is three seconds */
	static const struct {
		const char *name;
		uint64_t cpu[6], traffic[6];
		unsigned int frozen; /* bit n: at look n */
		int fires;	     /* at which look; -1: never */
	} rows[] = {
		{ "still", { 0 }, { 0 }, 0, 3 },
		{ "a little", { 0, 900, 1800, 2700, 3600, 4500 }, { 0 }, 0, 3 },
		{ "busy", { 0, 1100, 2200, 3300, 4400, 5500 }, { 0 }, 0, -1 },
		{ "once", { 0, 0, 5000, 5000, 5000, 5000 }, { 0 }, 0, 5 },
		{ "bytes", { 0 }, { 0, 0, 1, 1, 1, 1 }, 0, 5 },
		{ "less time than before",
		  { 9000, 9000, 8000, 8000, 8000, 8000 },
		  { 0 },
		  0,
		  5 },
		{ "frozen in between", { 0 }, { 0 }, 0x06, 5 },
		{ "frozen to the end", { 0 }, { 0 }, 0x3e, -1 },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct idle i = { .limit_us = 3 * S };
		int fired = -1;

		for (int n = 0; n < 6 && fired < 0; n++)
			if (idle_look(&i, (uint64_t)n * S + 77, rows[r].cpu[n],
				      rows[r].traffic[n],
				      rows[r].frozen & (1u << n)))
				fired = n;
		if (fired != rows[r].fires)
			FAIL("%s: at look %d, not %d", rows[r].name, fired,
			     rows[r].fires);
	}
}

TEST(no_limit_is_never_reached)
{
	struct idle i = { .limit_us = 0 };

	for (uint64_t n = 0; n < 100; n++)
		ASSERT_FALSE(idle_look(&i, n * 3600 * S, 0, 0, false));
}

TEST(looks_are_neither_too_many_nor_too_few)
{
	ASSERT_EQ(idle_step_us(1), IDLE_STEP_MIN_US);
	ASSERT_EQ(idle_step_us(16 * S), S);
	ASSERT_EQ(idle_step_us(UINT64_C(86400) * S), IDLE_STEP_MAX_US);
}
