/*
 * Raw streams: bytes of one side go to the other as they are. What always
 * holds: what was counted is what was let through, and no byte goes beyond what
 * was lent; each way ends for itself, and the relay when both have; every
 * opened action is told its end (DONE) exactly once.
 */
#include "shim/relay-internal.h"

#include "lib/macro.h"
#include "shim/limits.h"
#include "shim/reasons.h"
#include "shim/shim-internal.h"

#include <event2/event.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#define LEASE_AHEAD (256u * 1024) /* asks for more when less is left */
#define LEASE (1024u * 1024)

/* ---- what may go --------------------------------------------------------- */

int
relay_stop(struct relay *r, const char *status, const char *error)
{
	r->stop = true;
	r->status = status;
	r->error = error;
	return -ECANCELED;
}

/* The run has had its bytes: that is the end of who has more, and of nobody
 * else. */
static ssize_t
used_up(struct relay *r, const struct flow *f)
{
	const char *reason =
		f->out ? SHIM_WORD(LIMIT_SENT) : SHIM_WORD(LIMIT_RECEIVED);
	struct conn *c = r->conn;
	char byte;
	ssize_t n = 1;

	if (!f->from->tls)
		n = recv(f->from->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0)
		return n == 0; /* its end may be read */
	link_found(c->shim->link, reason, c->host.text, c->port, NULL, NULL);
	return relay_stop(r, "denied", reason);
}

static void
on_more(struct ask *a, struct answer *an)
{
	struct relay *r = (void *)((char *)a - offsetof(struct relay, more));

	r->asking = false;
	if (an->verdict == NET_YES && an->leased)
		r->lease += an->lease;
	else if (an->verdict == NET_YES)
		r->leased = false;
	else
		(void)relay_stop(r, "denied", "lease");
	conn_run(r->conn);
}

/* What is lent runs out: more is asked for before it has. */
static size_t
lent(struct relay *r, size_t want)
{
	if (r->lease < LEASE_AHEAD && !r->asking) {
		r->asking = true;
		link_more(r->conn->shim->link, r->conn->action, LEASE,
			  &r->more);
	}
	return (size_t)MIN(want, r->lease);
}

ssize_t
relay_may(struct relay *r, const struct flow *f, size_t want)
{
	struct shim *s = r->conn->shim;
	ssize_t n;

	if (r->leased)
		want = lent(r, want);
	if (!want)
		return 0;
	n = limits_allow(s, f->out, want);
	if (n == 0)
		limits_wait(r->conn);
	return n == -EDQUOT ? used_up(r, f) : n;
}

void
relay_moved(struct relay *r, const struct flow *f, size_t n)
{
	struct conn *c = r->conn;

	*(f->out ? &c->bytes_out : &c->bytes_in) += n;
	c->idle_ticks = 0;
	if (r->leased)
		r->lease -= MIN(r->lease, n);
	limits_moved(c->shim, f->out, n);
}

/* ---- the end ------------------------------------------------------------- */

static const char *
error_word(int error)
{
	switch (error) {
	case 0:
		return NULL;
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return "lost";
	case ENOMEM:
		return "memory";
	default:
		return "reset";
	}
}

static void
told(struct conn *c, const struct relay *r, int error)
{
	struct result res = { .status = error ? "error" : "ok",
			      .error = error_word(error),
			      .bytes_in = c->bytes_in,
			      .bytes_out = c->bytes_out };

	if (r->stop) {
		res.status = r->status;
		res.error = r->error;
	}
	if (c->action)
		link_done(c->shim->link, c->action, &res);
	c->action = 0;
}

/* error: 0: both ways ended in order. */
static void
finish(struct relay *r, int error)
{
	struct conn *c = r->conn;

	told(c, r, error);
	conn_free(c, error || r->stop);
}

static void
relay_free(struct conn *c)
{
	struct relay *r = TAKE_PTR(c->engine);

	if (c->action) {
		(void)relay_stop(r, "killed", NULL);
		told(c, r, 0);
	}
	if (r->asking)
		link_ask_cancel(c->shim->link, &r->more);
	if (r->routing)
		link_route_cancel(c->shim->link, &r->route);
	for (int i = 0; i < 2; i++)
		flow_free(c->shim->relays, &r->flow[i]);
	free(r);
}

/* ---- both ways ----------------------------------------------------------- */

/* A side that takes no more may have said something before: that is read to
 * its end, which is an error then. */
static bool
goes_on(struct relay *r, struct flow *f)
{
	struct flow *back = &r->flow[!f->out];

	if (r->stop || f->dead || !f->to->broken || flow_ended(back))
		return false;
	f->dead = true;
	flow_free(r->conn->shim->relays, f);
	return true;
}

static void
run(struct conn *c)
{
	struct relay *r = c->engine;
	bool more = false;

	for (int i = 1; i >= 0 && !r->stop; i--) {
		struct flow *f = &r->flow[i];
		int n = flow_run(r, f);

		if (n < 0 && !goes_on(r, f)) {
			finish(r, -n);
			return;
		}
		more = more || n == FLOW_MORE;
	}
	if (r->stop)
		finish(r, 0);
	else if (flow_ended(&r->flow[0]) && flow_ended(&r->flow[1]))
		finish(r, r->flow[0].dead || r->flow[1].dead ? ECONNRESET : 0);
	else if (more)
		conn_again(c);
}

/* In TLS one side may have to wait for the other direction of its socket. */
static void
on_side(struct conn *c, bool out)
{
	struct relay *r = c->engine;
	bool tls = c->client.tls || c->server.tls;

	if (c->what & (EV_READ | EV_CLOSED) || tls)
		r->flow[out].ready = true;
	if (tls)
		r->flow[!out].ready = true;
	run(c);
}

static void
on_client(struct conn *c)
{
	on_side(c, true);
}

static void
on_server(struct conn *c)
{
	on_side(c, false);
}

/* A reset that came together with bytes: the loop tells of both at once, and in
 * the same words as of bytes alone (EPOLLERR is EV_READ), so a short read was
 * taken for all. Looked for once after each burst of bytes. */
static void
look_again(struct conn *c)
{
	c->what = EV_READ;
	((struct relay *)c->engine)->flow[false].ready = true;
	on_client(c);
}

static void
on_routed(struct route_call *rc, unsigned int needs)
{
	struct relay *r = (void *)((char *)rc - offsetof(struct relay, route));

	r->routing = false;
	if (!(needs & NET_NEVER))
		return;
	(void)relay_stop(r, "denied", "policy-changed");
	conn_run(r->conn);
}

/* There is another policy: what has no grant for this host any more ends what
 * an earlier one began. */
static void
look_at_policy(struct relay *r)
{
	struct conn *c = r->conn;

	if (c->policy == c->shim->policy || r->routing)
		return;
	c->policy = c->shim->policy;
	r->routing = true;
	link_route(c->shim->link, c->host.text, c->port, &r->route);
}

static void
relay_tick(struct conn *c)
{
	struct relay *r = c->engine;
	const char *over = conn_expired(c);

	look_at_policy(r);

	if (over) {
		(void)relay_stop(r, "timeout", over);
	} else if (c->guard && r->flow[true].len &&
		   r->held_ticks++ >= shim_head_ticks(c->shim)) {
		link_found(c->shim->link, SHIM_WORD(TOO_SLOW), c->host.text,
			   c->port, NULL, NULL);
		(void)relay_stop(r, "denied", SHIM_WORD(TOO_SLOW));
	}
	if (r->stop)
		finish(r, 0);
	else if (c->idle_ticks == 1)
		look_again(c);
}

/* ---- the start ----------------------------------------------------------- */

static void
set_flow(struct flow *f, struct stream *from, struct stream *to, bool out)
{
	f->from = from;
	f->to = to;
	f->out = out;
	f->pipe = (struct pipes){ { -EBADF, -EBADF } };
}

/* If this process ends, the server sees that it was not in order. (net/dial.c
 * has set what else the client's socket got from its listener.) */
static int
prepare(int fd)
{
	static const struct linger reset = { .l_onoff = 1 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
		return -errno;
	return 0;
}

static int
take_early(struct relay *r, const void *held, size_t len)
{
	struct conn *c = r->conn;
	struct flow *out = &r->flow[true], *in = &r->flow[false];

	if (c->early_len) {
		out->len = c->early_len;
		out->buf = TAKE_PTR(c->early);
		c->early_len = 0;
		relay_moved(r, out, out->len);
	}
	if (!len)
		return 0;
	in->buf = malloc(len);
	if (!in->buf)
		return -ENOMEM;
	memcpy(in->buf, held, len);
	in->len = len;
	relay_moved(r, in, len);
	return 0;
}

int
relay_start(struct conn *c, bool leased, uint64_t lease, const void *held,
	    size_t len)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->conn = c;
	r->leased = leased;
	r->lease = lease;
	r->more.done = on_more;
	r->route.done = on_routed;
	set_flow(&r->flow[true], &c->client, &c->server, true);
	set_flow(&r->flow[false], &c->server, &c->client, false);
	if (c->engine_free)
		c->engine_free(c);
	c->engine = r;
	c->engine_free = relay_free;
	conn_on_tick(c, relay_tick);
	c->idle_ticks = 0;
	/* the loop tells of what is there when a socket is new to it */
	r->flow[true].ready = c->ev_client;
	r->flow[false].ready = c->ev_server;
	if (take_early(r, held, len) < 0 || prepare(c->server.fd) < 0 ||
	    conn_watch(c, false, on_client) < 0 ||
	    conn_watch(c, true, on_server) < 0)
		return -ENOMEM; /* conn_free() tells the end */
	run(c);
	return 0;
}

int
relays_new(struct shim *s)
{
	s->relays = calloc(1, sizeof(*s->relays));
	return s->relays ? 0 : -ENOMEM;
}

void
relays_free(struct shim *s)
{
	struct relays *rs = TAKE_PTR(s->relays);

	for (size_t i = 0; rs && i < rs->n_pool; i++) {
		close(rs->pool[i].fd[0]);
		close(rs->pool[i].fd[1]);
	}
	free(rs);
}
