/*
 * What may follow on what. Freezing a frozen box and stopping a stopping one
 * are no errors: two operators may press the same button.
 */
#include "supervisor/life.h"

#include <errno.h>

#define NO (-EINVAL)

static const int next[LIFE_STATE_MAX][LIFE_EVENT_MAX] = {
	/*		   CONFIRMED	 FREEZE	      THAW	    STOP
	 *		   GONE */
	[LIFE_STARTING] = { LIFE_RUNNING, NO, NO, LIFE_STOPPING, LIFE_DEAD },
	[LIFE_RUNNING] = { NO, LIFE_FROZEN, LIFE_RUNNING, LIFE_STOPPING,
			   LIFE_DEAD },
	[LIFE_FROZEN] = { NO, LIFE_FROZEN, LIFE_RUNNING, LIFE_STOPPING,
			  LIFE_DEAD },
	[LIFE_STOPPING] = { NO, NO, NO, LIFE_STOPPING, LIFE_DEAD },
	[LIFE_DEAD] = { NO, NO, NO, NO, LIFE_DEAD },
};

int
life_next(enum life_state s, enum life_event ev)
{
	if (s >= LIFE_STATE_MAX || ev >= LIFE_EVENT_MAX)
		return -EINVAL;
	return next[s][ev];
}

const char *
life_name(enum life_state s)
{
	static const char *const names[] = {
		[LIFE_STARTING] = "starting", [LIFE_RUNNING] = "running",
		[LIFE_FROZEN] = "frozen",     [LIFE_STOPPING] = "stopping",
		[LIFE_DEAD] = "dead",
	};

	return s < LIFE_STATE_MAX ? names[s] : "?";
}
