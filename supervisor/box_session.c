/*
 * How long a box may run: the timeout, the profile's session.ttl above it, and
 * session.idle. The shortest of them holds.
 */
#include "supervisor/box-internal.h"

#include "supervisor/procs.h"
#include "supervisor/report.h"

#include <event2/event.h>

/* 0: no end. */
uint64_t
box_time_us(const struct box *b)
{
	const struct profile *p = b->profile;
	uint64_t us =
		b->o->timeout_set ? b->o->timeout_us : p->process.timeout_us;

	if (p->session.ttl_us && (!us || us > p->session.ttl_us))
		us = p->session.ttl_us;
	return us;
}

static int
cpu_used(const struct box *b, uint64_t *ret)
{
	struct cgroup_usage u = { 0 };
	struct procs *p = NULL;
	int r;

	if (b->cg && cgroup_usage(b->cg, &u) == 0 && u.cpu_usec) {
		*ret = u.cpu_usec;
		return 0;
	}
	r = procs_find(b->launch.pid, &p);
	if (r < 0)
		return r;
	*ret = procs_cpu(p);
	procs_free(p);
	return 0;
}

static void
look_later(struct box *b)
{
	uint64_t us = idle_step_us(b->idle.limit_us);
	const struct timeval tv = { .tv_sec = (time_t)(us / 1000000),
				    .tv_usec = (suseconds_t)(us % 1000000) };

	event_add(b->ev_idle, &tv);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct box *b = arg;
	uint64_t cpu = b->idle.cpu_us;
	char text[32];

	(void)fd;
	(void)what;
	(void)cpu_used(b, &cpu); /* dead: its end is on the way */
	if (!idle_look(&b->idle, box_now_ns() / 1000, cpu,
		       tty_traffic(b->tty) + stdio_traffic(b->stdio),
		       b->state == LIFE_FROZEN)) {
		look_later(b);
		return;
	}
	report_duration(b->idle.limit_us, text, sizeof(text));
	snprintf(b->limit_text, sizeof(b->limit_text),
		 "idle for %s, which is all that session.idle allows", text);
	box_time_over(b, b->limit_text);
}

int
box_watch_idle(struct box *b, struct err *e)
{
	uint64_t cpu = 0;
	int r;

	b->idle.limit_us = b->profile->session.idle_us;
	if (!b->idle.limit_us)
		return 0;
	r = cpu_used(b, &cpu);
	if (r < 0 && r != -ESRCH) {
		profile_fail(b->profile, e, r, "/session/idle",
			     "cannot see whether the box is idle: there is no "
			     "cgroup, and this kernel does not list children");
		return err_cure(e, "see `agentbox doctor` for cgroups, or "
				   "leave session.idle out");
	}
	(void)idle_look(&b->idle, box_now_ns() / 1000, cpu, 0, false);
	b->ev_idle = evtimer_new(b->base, on_look, b);
	if (!b->ev_idle)
		return err_sys(e, -ENOMEM, "event loop");
	look_later(b);
	return 0;
}
