#pragma once
/* The life of a box as a table of states and events. Pure. */

enum life_state {
	LIFE_STARTING, /* acquired, not yet confined and checked */
	LIFE_RUNNING,
	LIFE_FROZEN,
	LIFE_STOPPING, /* told to end, or being killed */
	LIFE_DEAD,
	LIFE_STATE_MAX
};

enum life_event {
	LIFE_CONFIRMED, /* attested; the command executes */
	LIFE_FREEZE,
	LIFE_THAW,
	LIFE_STOP, /* timeout, limit, kill */
	LIFE_GONE, /* pid 1 is dead */
	LIFE_EVENT_MAX
};

/* The next state, or -EINVAL if the event makes no sense in that state. */
int life_next(enum life_state s, enum life_event ev);
const char *life_name(enum life_state s);
