#pragma once
/*
 * session.idle: a box that does nothing for so long ends. Doing something is
 * processor time of the box, above what a program spends to look at its clocks
 * (IDLE_SHARE), and bytes that the supervisor carries for it (terminal, files
 * as stdio). The time that a box is frozen does not count.
 */
#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

#define IDLE_SHARE 1000 /* busy: more than a thousandth of the time */
#define IDLE_LOOKS 16	/* in one span of idleness, but not more often than */
#define IDLE_STEP_MIN_US 200000u
#define IDLE_STEP_MAX_US 60000000u

/* What was seen at the last look. */
struct idle {
	uint64_t limit_us, quiet_us;
	uint64_t at_us, cpu_us, traffic;
	bool started;
};

/* Time from one look to the next. */
uint64_t idle_step_us(uint64_t limit_us);
/* One look, pure: true when the box has been idle for limit_us. All numbers
 * count up from any start; traffic is in bytes. */
bool idle_look(struct idle *i, uint64_t now_us, uint64_t cpu_us,
	       uint64_t traffic, bool frozen);
