/*
 * The bytes of a box. What always holds: no more than the run may have goes
 * through, and in any second no more than the rate and what a quarter of a
 * second may save up; time in which the process did not run (a frozen box)
 * saves up nothing more.
 */
#include "shim/limits.h"

#include "lib/macro.h"
#include "shim/shim-internal.h"

#include <event2/event.h>
#include <time.h>

#define WAIT_US 20000
#define SAVED_MIN (64u * 1024) /* else a small rate would go byte by byte */

struct bucket {
	uint64_t rate, tokens, last_us;
};

struct limiter {
	struct bucket bucket[2]; /* in, out */
	struct event *ev;
};

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static uint64_t
most(const struct bucket *b)
{
	return MAX(b->rate / 4, SAVED_MIN);
}

/* A span above a second tells of a process that did not run. */
static void
fill(struct bucket *b)
{
	uint64_t now = now_us(), span = MIN(now - b->last_us, 1000000u);
	uint64_t come = b->rate / 1000000u * span +
			b->rate % 1000000u * span / 1000000u;

	if (!come)
		return;
	b->last_us = now;
	b->tokens = MIN(b->tokens + come, most(b));
}

ssize_t
limits_allow(struct shim *s, bool out, size_t want)
{
	uint64_t run = out ? s->limits.bytes_out : s->limits.bytes_in;
	uint64_t used = out ? s->bytes_out : s->bytes_in;
	struct bucket *b;

	if (run && used >= run)
		return -EDQUOT;
	if (run)
		want = (size_t)MIN(want, run - used);
	if (!s->limiter || !s->limiter->bucket[out].rate)
		return (ssize_t)want;
	b = &s->limiter->bucket[out];
	fill(b);
	return (ssize_t)MIN(want, b->tokens);
}

void
limits_moved(struct shim *s, bool out, size_t n)
{
	struct bucket *b;

	*(out ? &s->bytes_out : &s->bytes_in) += n;
	if (!s->limiter)
		return;
	b = &s->limiter->bucket[out];
	b->tokens -= MIN(b->tokens, n);
}

/* ---- who waits ----------------------------------------------------------- */

void
limits_wait(struct conn *c)
{
	static const struct timeval wait = { 0, WAIT_US };
	struct limiter *l = c->shim->limiter;

	if (!evtimer_pending(l->ev, NULL))
		event_add(l->ev, &wait);
	conn_slow(c);
}

static void
on_time(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	conns_run_slow(arg);
}

int
limits_new(struct shim *s)
{
	struct limiter *l;

	if (!s->limits.rate_out && !s->limits.rate_in)
		return 0;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	s->limiter = l;
	l->bucket[false].rate = s->limits.rate_in;
	l->bucket[true].rate = s->limits.rate_out;
	for (int i = 0; i < 2; i++) {
		l->bucket[i].last_us = now_us();
		l->bucket[i].tokens = most(&l->bucket[i]);
	}
	l->ev = evtimer_new(s->base, on_time, s);
	return l->ev ? 0 : -ENOMEM;
}

void
limits_free(struct shim *s)
{
	if (!s->limiter)
		return;
	shim_free_event(&s->limiter->ev);
	free(TAKE_PTR(s->limiter));
}
