/*
 * Connections: their life, and who is called when. What always holds: a
 * connection is in the list of all from conn_new() to conn_free(), and after
 * conn_free() nothing of the loop calls anything with it; a connection that has
 * more to do than one turn allows goes on after the others had theirs.
 */
#include "shim/conn.h"

#include "shim/shim-internal.h"

#include <event2/event.h>

#define SECOND 1000000u

struct conns {
	struct conn *all;
	struct conn *tick_next; /* who is next while they are walked through */
	struct conn *again, *slow; /* newest first */
	struct event *ev_tick, *ev_again;
};

static const struct timeval at_once = { 0, 0 }, each_second = { 1, 0 };

void
shim_free_event(struct event **ev)
{
	if (*ev)
		event_free(*ev);
	*ev = NULL;
}

/* ---- turns and seconds --------------------------------------------------- */

static void
again_remove(struct conn *c)
{
	if (!c->again_link)
		return;
	*c->again_link = c->again;
	if (c->again)
		c->again->again_link = c->again_link;
	c->again = NULL;
	c->again_link = NULL;
}

static void
again_add(struct conn **list, struct conn *c)
{
	c->again = *list;
	c->again_link = list;
	if (*list)
		(*list)->again_link = &c->again;
	*list = c;
}

void
conn_again(struct conn *c)
{
	struct conns *cs = c->shim->conns;

	if (c->again_link)
		return;
	if (!cs->again)
		event_add(cs->ev_again, &at_once);
	again_add(&cs->again, c);
}

void
conn_run(struct conn *c)
{
	void (*fn)(struct conn *) = c->fn[0] ? c->fn[0] : c->fn[1];

	c->what = EV_READ | EV_WRITE;
	if (fn)
		fn(c);
}

/* Those who waited longest come first. */
static void
run_list(struct conn **from)
{
	struct conn *list = NULL;

	while (*from) {
		struct conn *c = *from;

		again_remove(c);
		again_add(&list, c);
	}
	while (list) {
		struct conn *c = list;

		again_remove(c);
		conn_run(c);
	}
}

static void
on_again(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	run_list(&((struct conns *)arg)->again);
}

void
conn_slow(struct conn *c)
{
	if (!c->again_link)
		again_add(&c->shim->conns->slow, c);
}

void
conns_run_slow(struct shim *s)
{
	run_list(&s->conns->slow);
}

static void
on_tick(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	struct conns *cs = arg;

	for (struct conn *c = cs->all; c; c = cs->tick_next) {
		cs->tick_next = c->next;
		c->idle_ticks++;
		c->age_ticks++;
		if (c->tick)
			c->tick(c);
	}
	cs->tick_next = NULL;
	if (!cs->all)
		event_del(cs->ev_tick);
}

void
conn_on_tick(struct conn *c, void (*tick)(struct conn *c))
{
	c->tick = tick;
}

/* The first tick may have come at once, and one comes when a box is thawed:
 * nobody has less than was promised. */
static bool
is_over(uint32_t ticks, uint64_t limit_us)
{
	return limit_us && (uint64_t)ticks * SECOND > limit_us;
}

const char *
conn_expired(const struct conn *c)
{
	if (is_over(c->idle_ticks, c->shim->limits.idle_us))
		return "idle";
	if (is_over(c->age_ticks, c->shim->limits.lifetime_us))
		return "lifetime";
	return NULL;
}

/* ---- the loop ------------------------------------------------------------ */

static void
on_client(_unused_ evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	if (what & EV_CLOSED)
		c->hup[0] = true;
	c->what = what;
	c->fn[0](c);
}

static void
on_server(_unused_ evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	if (what & EV_CLOSED)
		c->hup[1] = true;
	c->what = what;
	c->fn[1](c);
}

int
conn_watch(struct conn *c, bool server, void (*fn)(struct conn *c))
{
	struct event **ev = server ? &c->ev_server : &c->ev_client;
	int fd = server ? c->server.fd : c->client.fd;

	c->fn[server] = fn;
	if (*ev)
		return 0;
	*ev = event_new(c->shim->base, fd,
			EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST,
			server ? on_server : on_client, c);
	if (!*ev)
		return -ENOMEM;
	return event_add(*ev, NULL) < 0 ? -ENOMEM : 0;
}

/* ---- life ---------------------------------------------------------------- */

struct conn *
conn_new(struct shim *s, int fd)
{
	struct conns *cs = s->conns;
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return NULL;
	}
	c->shim = s;
	c->client = (struct stream)STREAM_NONE;
	c->server = (struct stream)STREAM_NONE;
	c->client.fd = fd;
	c->policy = s->policy;
	c->next = cs->all;
	c->link = &cs->all;
	if (c->next)
		c->next->link = &c->next;
	else
		event_add(cs->ev_tick, &each_second);
	cs->all = c;
	s->n_conns++;
	return c;
}

static void
leave(struct conn *c)
{
	struct conns *cs = c->shim->conns;

	again_remove(c);
	if (cs->tick_next == c)
		cs->tick_next = c->next;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->shim->n_conns--;
}

void
conn_free(struct conn *c, bool reset)
{
	struct shim *s = c->shim;

	if (c->engine_free)
		c->engine_free(c);
	leave(c);
	shim_free_event(&c->ev_client);
	shim_free_event(&c->ev_server);
	stream_close(&c->client, reset);
	stream_close(&c->server, reset);
	if (c->number && s->link)
		link_gone(s->link, c->number);
	free(c->early);
	free(c);
	accept_resume(s);
}

int
conns_new(struct shim *s)
{
	struct conns *cs = calloc(1, sizeof(*cs));

	if (!cs)
		return -ENOMEM;
	s->conns = cs;
	cs->ev_again = evtimer_new(s->base, on_again, cs);
	cs->ev_tick = event_new(s->base, -1, EV_PERSIST, on_tick, cs);
	return cs->ev_again && cs->ev_tick ? 0 : -ENOMEM;
}

void
conns_free(struct shim *s)
{
	struct conns *cs = s->conns;

	if (!cs)
		return;
	while (cs->all)
		conn_free(cs->all, true);
	shim_free_event(&cs->ev_again);
	shim_free_event(&cs->ev_tick);
	free(TAKE_PTR(s->conns));
}
