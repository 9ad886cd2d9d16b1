/*
 * Questions and their answers: who waits for what, for how long, and what is
 * known already. What always holds: a name is asked once at a time however many
 * wait for it; every call is answered once, within the timeout, unless it was
 * cancelled; nothing is opened before the first question.
 */
#include "net/resolve.h"

#include "net/hostname.h"
#include "net/resolve-internal.h"

#include <event2/event.h>
#include <string.h>
#include <time.h>

#define TTL_MAX 60 /* s */
#define TTL_MIN 1

struct query {
	struct resolver *r;
	char name[HOSTNAME_MAX + 1];
	struct resolve_call *waiting;
	struct event *timer;
	bool asked;    /* c-ares will still answer */
	bool finished; /* status is there */
	bool orphan;   /* nobody waits; freed when c-ares answers */
	int status;
	size_t n;
	struct resolved v[RESOLVE_ADDRS_MAX];
	struct query *next;
};

struct cached {
	char name[HOSTNAME_MAX + 1];
	uint64_t until_us;
	int status;
	size_t n;
	struct resolved v[];
};

struct resolver {
	struct event_base *base;
	const struct net_config *c;
	struct channel *channel;
	struct event *ready; /* something finished */
	struct query *queries;
	size_t open; /* asked ones, orphans included */
	struct cached *cache[RESOLVE_CACHE_MAX];
};

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* The cache */

/* The name's entry; else a free one, else that which ends first. */
static struct cached **
cache_place(struct resolver *r, const char *name)
{
	struct cached **best = &r->cache[0];

	for (size_t i = 0; i < RESOLVE_CACHE_MAX; i++) {
		struct cached **c = &r->cache[i];

		if (!*c) {
			best = c;
			continue;
		}
		if (strcmp((*c)->name, name) == 0)
			return c;
		if (*best && (*c)->until_us < (*best)->until_us)
			best = c;
	}
	return best;
}

static void
cache_put(struct resolver *r, const struct query *q, uint32_t ttl)
{
	struct cached **at, *c;

	if (q->status < 0 && q->status != -ENOENT && q->status != -ENODATA)
		return;
	c = calloc(1, sizeof(*c) + q->n * sizeof(c->v[0]));
	if (!c)
		return;
	memcpy(c->name, q->name, sizeof(c->name));
	ttl = q->status < 0 ? TTL_MIN : MAX(TTL_MIN, MIN(ttl, TTL_MAX));
	c->until_us = now_us() + ttl * 1000000ull;
	c->status = q->status;
	c->n = q->n;
	memcpy(c->v, q->v, q->n * sizeof(c->v[0]));
	at = cache_place(r, q->name);
	free(*at);
	*at = c;
}

static const struct cached *
cache_get(struct resolver *r, const char *name)
{
	struct cached *c = *cache_place(r, name);

	return c && strcmp(c->name, name) == 0 && c->until_us > now_us() ? c
									 : NULL;
}

/* Questions */

static void
query_free(struct query *q)
{
	if (q->timer)
		event_free(q->timer);
	free(q);
}

static void
finish(struct query *q, int status)
{
	q->finished = true;
	q->status = status;
	event_active(q->r->ready, EV_TIMEOUT, 0);
}

static void
on_answer(void *arg, int status, const struct resolved *v, size_t n,
	  uint32_t ttl)
{
	struct query *q = arg;

	q->asked = false;
	q->r->open--;
	if (q->orphan) {
		query_free(q);
		return;
	}
	if (q->finished)
		return; /* the timeout was first, by a moment */
	q->n = n;
	if (n)
		memcpy(q->v, v, n * sizeof(*v));
	finish(q, status);
	cache_put(q->r, q, ttl);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct query *q = arg;

	(void)fd;
	(void)what;
	if (!q->finished)
		finish(q, -ETIMEDOUT);
}

static struct query *
take_finished(struct resolver *r)
{
	struct query **at = &r->queries, *q;

	while (*at && !(*at)->finished)
		at = &(*at)->next;
	q = *at;
	if (q)
		*at = q->next;
	return q;
}

static void
tell(struct query *q)
{
	while (q->waiting) {
		struct resolve_call *c = q->waiting;

		q->waiting = c->next;
		c->query = NULL;
		c->done(c, q->status, q->v, q->status < 0 ? 0 : q->n);
	}
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;
	struct query *q;

	(void)fd;
	(void)what;
	while ((q = take_finished(r))) {
		tell(q);
		q->orphan = q->asked;
		if (!q->orphan)
			query_free(q);
	}
}

static struct query *
find_query(struct resolver *r, const char *name)
{
	struct query *q = r->queries;

	while (q && (q->finished || strcmp(q->name, name) != 0))
		q = q->next;
	return q;
}

static int
open_channel(struct resolver *r)
{
	if (r->channel && !r->open && channel_is_stale(r->channel)) {
		channel_free(r->channel);
		r->channel = NULL;
	}
	return r->channel ? 0 : channel_new(r->base, r->c, &r->channel);
}

static int
add_query(struct resolver *r, const char *name, struct query **ret)
{
	struct timeval tv = {
		.tv_sec = (time_t)(r->c->dns_timeout_us / 1000000u),
		.tv_usec = (suseconds_t)(r->c->dns_timeout_us % 1000000u),
	};
	struct query *q;
	int k = open_channel(r);

	if (k < 0)
		return k;
	if (r->open >= RESOLVE_OPEN_MAX)
		return -EBUSY;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->r = r;
	memcpy(q->name, name, strlen(name) + 1);
	q->timer = evtimer_new(r->base, on_timeout, q);
	if (!q->timer || evtimer_add(q->timer, &tv) < 0) {
		query_free(q);
		return -ENOMEM;
	}
	q->asked = true;
	q->next = r->queries;
	r->queries = q;
	r->open++;
	*ret = q;
	return 0;
}

static void
wait_for(struct query *q, struct resolve_call *c)
{
	struct resolve_call **at = &q->waiting;

	while (*at)
		at = &(*at)->next;
	c->next = NULL;
	c->query = q;
	*at = c;
}

static void
ask(struct resolver *r, const char *name, struct resolve_call *c)
{
	struct query *q = find_query(r, name);
	int k;

	if (q) {
		wait_for(q, c);
		return;
	}
	k = add_query(r, name, &q);
	if (k < 0) {
		c->done(c, k, NULL, 0);
		return;
	}
	wait_for(q, c);
	channel_ask(r->channel, q->name, on_answer, q);
}

void
resolve_begin(struct resolver *r, const char *name, struct resolve_call *c)
{
	struct resolved v[RESOLVE_ADDRS_MAX]; /* done may empty the cache */
	const struct cached *known;
	struct hostname h;

	c->next = NULL;
	c->query = NULL;
	if (hostname_parse(name, strlen(name), false, &h, NULL) < 0 ||
	    strcmp(h.text, name) != 0) {
		c->done(c, -EINVAL, NULL, 0);
		return;
	}
	if (h.kind != HOSTNAME_NAME) {
		v[0].len = h.kind == HOSTNAME_IPV4 ? 4 : 16;
		memcpy(v[0].addr, h.addr, sizeof(v[0].addr));
		c->done(c, 0, v, 1);
		return;
	}
	known = cache_get(r, name);
	if (!known) {
		ask(r, name, c);
		return;
	}
	memcpy(v, known->v, known->n * sizeof(v[0]));
	c->done(c, known->status, v, known->n);
}

void
resolve_cancel(struct resolver *r, struct resolve_call *c)
{
	struct query *q = c->query;
	struct resolve_call **at;

	(void)r;
	if (!q)
		return;
	for (at = &q->waiting; *at && *at != c;)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	c->query = NULL;
}

int
resolver_new(struct event_base *base, const struct net_config *c,
	     struct resolver **ret, struct err *e)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r)
		return err_sys(e, -ENOMEM, "the resolver");
	r->base = base;
	r->c = c;
	r->ready = event_new(base, -1, EV_PERSIST, on_ready, r);
	if (!r->ready) {
		free(r);
		return err_sys(e, -ENOMEM, "the resolver");
	}
	*ret = r;
	return 0;
}

void
resolver_free(struct resolver *r)
{
	if (!r)
		return;
	channel_free(r->channel);
	while (r->queries) {
		struct query *q = r->queries;

		r->queries = q->next;
		query_free(q);
	}
	for (size_t i = 0; i < RESOLVE_CACHE_MAX; i++)
		free(r->cache[i]);
	event_free(r->ready);
	free(r);
}
