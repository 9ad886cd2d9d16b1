/*
 * Is a box idle? Numbers only; box_session.c asks for them and acts. A sum of
 * processor time that became smaller (a process ended and nobody counted it)
 * is activity too.
 */
#include "supervisor/idle.h"

uint64_t
idle_step_us(uint64_t limit_us)
{
	uint64_t us = limit_us / IDLE_LOOKS;

	us = MAX(us, (uint64_t)IDLE_STEP_MIN_US);
	return MIN(us, (uint64_t)IDLE_STEP_MAX_US);
}

static bool
is_busy(const struct idle *i, uint64_t span_us, uint64_t cpu_us,
	uint64_t traffic)
{
	return traffic != i->traffic || cpu_us < i->cpu_us ||
	       cpu_us - i->cpu_us > span_us / IDLE_SHARE;
}

bool
idle_look(struct idle *i, uint64_t now_us, uint64_t cpu_us, uint64_t traffic,
	  bool frozen)
{
	uint64_t span_us = now_us - i->at_us;

	if (i->started && !frozen) {
		if (is_busy(i, span_us, cpu_us, traffic))
			i->quiet_us = 0;
		else
			i->quiet_us += span_us;
	}
	i->started = true;
	i->at_us = now_us;
	i->cpu_us = cpu_us;
	i->traffic = traffic;
	return i->limit_us && i->quiet_us >= i->limit_us;
}
