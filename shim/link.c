/*
 * The shim's end of the channel to the supervisor. What always holds: packets
 * leave in the order in which they were made, and what is owed (DONE, GONE,
 * CANCEL) is never dropped; a question that cannot be sent is answered with no;
 * an answer that nobody waits for any more gives back what it brought; no
 * callback runs before the function that asked has returned.
 */
#include "shim/internal.h"
#include "shim/link-internal.h"

#include <event2/event.h>
#include <string.h>

#define TURN 64u     /* packets that are read in one turn */
#define TELL_US 1000 /* what is told waits at most that long */

/* ---- sending ------------------------------------------------------------- */

void
link_broke(struct link *l)
{
	if (l->broken)
		return;
	l->broken = true;
	event_del(l->ev_read);
	event_del(l->ev_write);
	event_del(l->ev_push);
	l->owner.end(l->owner.arg);
}

/* Keeps what the channel did not take. */
static void
enqueue(struct link *l, const uint8_t *data, size_t len)
{
	struct packet *p = malloc(sizeof(*p) + len);

	if (!p) { /* what is owed cannot be said any more */
		link_broke(l);
		return;
	}
	p->next = NULL;
	p->len = len;
	memcpy(p->data, data, len);
	if (!l->head)
		event_add(l->ev_write, NULL);
	*l->tail = p;
	l->tail = &p->next;
	l->queued += len;
}

static void
push(struct link *l)
{
	struct net_batch *b = &l->batch;
	int r = -EAGAIN;

	if (!l->head && !l->broken)
		r = net_batch_send(b, l->chan);
	for (size_t i = 0; r == -EAGAIN && !l->broken && i < b->n; i++)
		enqueue(l, b->buf + b->packet[i].at, b->packet[i].len);
	if (r < 0 && r != -EAGAIN)
		link_broke(l);
	net_batch_clear(b);
	l->out = net_batch_at(b);
}

static void
on_push(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	push(arg);
}

/* False: it went out already, for want of room. */
static bool
gather(struct link *l, size_t len)
{
	bool full = net_batch_add(&l->batch, len, -EBADF, false);

	if (full)
		push(l);
	l->out = net_batch_at(&l->batch);
	return !full;
}

int
link_send(struct link *l, struct net_writer *w)
{
	ssize_t len = net_end(w);

	if (len < 0)
		return (int)len;
	if (!l->broken && gather(l, (size_t)len))
		event_active(l->ev_push, EV_TIMEOUT, 0);
	return 0;
}

int
link_tell(struct link *l, struct net_writer *w)
{
	static const struct timeval soon = { .tv_usec = TELL_US };
	ssize_t len = net_end(w);

	if (len < 0)
		return (int)len;
	if (!l->broken && gather(l, (size_t)len) &&
	    !event_pending(l->ev_push, EV_TIMEOUT, NULL))
		event_add(l->ev_push, &soon);
	return 0;
}

static void
on_writable(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	struct link *l = arg;

	while (l->head) {
		struct packet *p = l->head;
		int r = net_send(l->chan, p->data, p->len, NULL, 0);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			link_broke(l);
			return;
		}
		l->head = p->next;
		l->queued -= p->len;
		free(p);
	}
	l->tail = &l->head;
	event_del(l->ev_write);
}

/* ---- answers that are known here ----------------------------------------- */

void
link_answer(struct link *l, const struct local *what)
{
	struct local *x = malloc(sizeof(*x));

	if (!x) {
		link_broke(l);
		return;
	}
	*x = *what;
	x->next = NULL;
	if (!l->local)
		event_active(l->ev_local, EV_TIMEOUT, 1);
	*l->local_tail = x;
	l->local_tail = &x->next;
}

void *
link_take(struct link *l, uint32_t id, enum asked kind)
{
	struct question *q = questions_find(&l->asked, id);
	void *call;

	if (!q || q->kind != kind)
		return NULL;
	call = q->call;
	questions_take(&l->asked, q);
	return call;
}

static void
routed(struct route_asked *ra, unsigned int needs)
{
	struct route_call *c = ra->call;

	free(ra);
	c->id = 0;
	c->done(c, needs);
}

static void
answered(struct ask *a, struct answer *an)
{
	a->id = 0;
	a->done(a, an);
}

static void
answer_locally(struct link *l, const struct local *x)
{
	const struct question *q = questions_find(&l->asked, x->id);
	struct answer an = { .verdict = NET_FAILED,
			     .fd = -EBADF,
			     .body = "",
			     .status_code = x->status_code };
	enum asked kind = q ? q->kind : 0;
	void *call = q ? link_take(l, x->id, kind) : NULL;

	if (!call)
		return;
	if (kind == ASKED_ROUTE)
		routed(call, x->needs);
	else if (kind == ASKED_NAME)
		((struct name_call *)call)->done(call, false);
	else if (kind == ASKED_FOUND)
		((struct found_call *)call)->done(call, "", 0);
	else
		answered(call, &an);
}

static void
on_local(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	struct link *l = arg;
	struct local *list = TAKE_PTR(l->local);

	l->local_tail = &l->local;
	while (list) {
		struct local *x = list;

		list = x->next;
		answer_locally(l, x);
		free(x);
	}
}

/* The question cannot be put. */
void
link_fail(struct link *l, uint32_t id, int status_code)
{
	const struct local x = { .id = id,
				 .needs = NET_NEVER,
				 .status_code = status_code };

	link_answer(l, &x);
}

/* A number for it; without one the channel is given up, since the caller waits
 * for an answer. */
uint32_t
link_number(struct link *l, enum asked kind, void *call)
{
	uint32_t id = questions_add(&l->asked, kind, call);

	if (!id)
		link_broke(l);
	return id;
}

/* ---- answers ------------------------------------------------------------- */

static void
read_answer(const struct net_message *m, int fd, struct answer *ret)
{
	*ret = (struct answer){
		.verdict = (enum net_verdict)m->number[NET_F_VERDICT],
		.action = m->number[NET_F_ACTION],
		.conn = m->number[NET_F_CONN],
		.fd = fd,
		.leased = m->has[NET_F_LEASE],
		.lease = m->number[NET_F_LEASE],
		.values = m->bytes[NET_F_VALUES],
		.set_headers = m->bytes[NET_F_SET_HEADERS],
		.remove_query = m->bytes[NET_F_REMOVE_QUERY],
		.body = (const char *)m->bytes[NET_F_BODY].data,
		.body_len = m->bytes[NET_F_BODY].len,
		.status_code = m->has[NET_F_STATUS_CODE]
				       ? (int)m->number[NET_F_STATUS_CODE]
				       : 403,
	};
	if (!ret->body)
		ret->body = "";
}

/* Nobody waits for it: what it allowed has not happened. */
static void
return_answer(struct link *l, const struct answer *an)
{
	static const struct result unused = { .status = "error",
					      .error = "cancelled" };

	if (an->verdict != NET_YES)
		return;
	if (an->action)
		link_done(l, an->action, &unused);
	if (an->conn && an->fd >= 0)
		link_gone(l, an->conn);
}

static void
on_answer(struct link *l, const struct net_message *m, int *fd)
{
	const struct question *q = questions_find(&l->asked, m->id);
	struct answer an;
	struct ask *a;

	read_answer(m, *fd, &an);
	if (an.verdict != NET_YES)
		internal_remember(l->shim, an.body, an.body_len);
	if (!q) {
		return_answer(l, &an);
		return;
	}
	if (q->kind != ASKED_ACTION && q->kind != ASKED_MORE)
		return;
	a = link_take(l, m->id, q->kind);
	if (!a)
		return;
	answered(a, &an);
	*fd = an.fd;
}

static void
on_routed(struct link *l, const struct net_message *m)
{
	unsigned int needs = (unsigned int)m->number[NET_F_NEEDS];
	struct route_asked *ra = link_take(l, m->id, ASKED_ROUTE);

	if (!ra)
		return;
	routes_put(&l->routes, ra->host, ra->port, needs);
	routed(ra, needs);
}

static void
on_named(struct link *l, const struct net_message *m)
{
	struct name_call *c = link_take(l, m->id, ASKED_NAME);
	const struct net_bytes *body = &m->bytes[NET_F_BODY];

	if (body->data)
		internal_remember(l->shim, body->data, body->len);
	if (c)
		c->done(c, m->number[NET_F_VERDICT] == NET_YES);
}

static void
on_told(struct link *l, const struct net_message *m)
{
	struct found_call *c = link_take(l, m->id, ASKED_FOUND);
	const struct net_bytes *body = &m->bytes[NET_F_BODY];

	if (body->data)
		internal_remember(l->shim, body->data, body->len);
	if (c)
		c->done(c, body->data ? (const char *)body->data : "",
			body->len);
}

static void
on_message(struct link *l, const struct net_message *m, int *fd)
{
	switch (m->op) {
	case NET_ROUTED:
		on_routed(l, m);
		break;
	case NET_NAMED:
		on_named(l, m);
		break;
	case NET_ANSWER:
		on_answer(l, m, fd);
		break;
	case NET_TOLD:
		on_told(l, m);
		break;
	case NET_EPOCH:
		l->shim->policy++;
		routes_clear(&l->routes);
		break;
	case NET_STAY:
		l->owner.stay(l->owner.arg);
		break;
	default: /* END; a second SETUP */
		link_broke(l);
	}
}

static int
take_all(struct link *l, size_t len, int *fd)
{
	struct net_message m;
	const uint8_t *p;
	size_t at = 0, part;
	int r = 0;

	while (!l->broken &&
	       (r = net_batch_next(l->in, len, &at, &p, &part)) > 0) {
		if (net_decode(p, part, false, &m) < 0)
			return -EPROTO;
		on_message(l, &m, fd);
	}
	return r;
}

static void
on_readable(_unused_ evutil_socket_t unused, _unused_ short what, void *arg)
{
	struct link *l = arg;

	for (unsigned int i = 0; i < TURN && !l->broken; i++) {
		_cleanup_close_ int fd = -EBADF;
		size_t n_fds = 0;
		ssize_t n = net_recv(l->chan, l->in, NET_PACKET_MAX, &fd, 1,
				     &n_fds);

		if (n == -EAGAIN)
			return;
		if (n <= 0 || take_all(l, (size_t)n, &fd) < 0) {
			link_broke(l);
			return;
		}
	}
}

/* ---- life ---------------------------------------------------------------- */

static int
make_events(struct link *l)
{
	struct event_base *b = l->shim->base;

	l->ev_read =
		event_new(b, l->chan, EV_READ | EV_PERSIST, on_readable, l);
	l->ev_write =
		event_new(b, l->chan, EV_WRITE | EV_PERSIST, on_writable, l);
	l->ev_local = evtimer_new(b, on_local, l);
	l->ev_push = evtimer_new(b, on_push, l);
	if (!l->ev_read || !l->ev_write || !l->ev_local || !l->ev_push)
		return -ENOMEM;
	return event_add(l->ev_read, NULL);
}

int
link_new(struct shim *s, int chan, const struct link_owner *o,
	 struct link **ret, struct err *e)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l) {
		close(chan);
		return err_sys(e, -ENOMEM, "the channel");
	}
	l->shim = s;
	l->owner = *o;
	l->chan = chan;
	l->tail = &l->head;
	l->local_tail = &l->local;
	/* only what a packet needs of them ever becomes memory */
	l->in = malloc(NET_PACKET_MAX);
	if (!l->in || net_batch_init(&l->batch) < 0 || make_events(l) < 0) {
		link_free(l);
		return err_sys(e, -ENOMEM, "the channel");
	}
	l->out = net_batch_at(&l->batch);
	*ret = l;
	return 0;
}

static void
free_routes_asked(struct link *l)
{
	for (uint32_t i = 0; l->asked.at && i <= l->asked.mask; i++)
		if (l->asked.at[i].id && l->asked.at[i].kind == ASKED_ROUTE)
			free(l->asked.at[i].call);
}

static void
free_event(struct event *ev)
{
	if (ev)
		event_free(ev);
}

void
link_free(struct link *l)
{
	if (!l)
		return;
	free_event(l->ev_read);
	free_event(l->ev_write);
	free_event(l->ev_local);
	free_event(l->ev_push);
	while (l->head) {
		struct packet *p = l->head;

		l->head = p->next;
		free(p);
	}
	while (l->local) {
		struct local *x = l->local;

		l->local = x->next;
		free(x);
	}
	free_routes_asked(l);
	questions_done(&l->asked);
	routes_clear(&l->routes);
	close(l->chan);
	free(l->in);
	net_batch_done(&l->batch);
	free(l);
}
