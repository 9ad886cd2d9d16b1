/*
 * What the shim asks and tells, as packets. What always holds: every question
 * is answered exactly once, unless it is cancelled; what is owed for an action
 * (DONE) is said even when the supervisor does not keep up with questions.
 */
#include "shim/link-internal.h"

#include <string.h>

#define DETAIL_MAX 1024u /* of what is told to people */
#define TOO_LARGE 431	 /* RFC 6585, 5 */
#define OVERLOADED 503

static bool
is_full(const struct link *l)
{
	return l->queued > SHIM_QUEUE_MAX || l->broken;
}

/* ---- questions ----------------------------------------------------------- */

void
link_route(struct link *l, const char *host, uint16_t port,
	   struct route_call *c)
{
	size_t len = strlen(host) + 1;
	struct route_asked *ra = malloc(sizeof(*ra) + len);
	struct local x = { 0 };
	struct net_writer w;

	c->id = 0;
	if (!ra) {
		link_broke(l);
		return;
	}
	ra->call = c;
	ra->port = port;
	memcpy(ra->host, host, len);
	x.id = c->id = link_number(l, ASKED_ROUTE, ra);
	if (routes_find(&l->routes, host, port, &x.needs)) {
		link_answer(l, &x);
		return;
	}
	net_begin(&w, l->out, NET_ROUTE, 0, c->id);
	net_put_text(&w, NET_F_HOST, host);
	net_put_u64(&w, NET_F_PORT, port);
	if (is_full(l) || link_send(l, &w) < 0)
		link_fail(l, c->id, OVERLOADED);
}

void
link_route_cancel(struct link *l, struct route_call *c)
{
	free(link_take(l, c->id, ASKED_ROUTE));
	c->id = 0;
}

void
link_name(struct link *l, const char *host, struct name_call *c)
{
	struct net_writer w;

	c->id = link_number(l, ASKED_NAME, c);
	net_begin(&w, l->out, NET_NAME, 0, c->id);
	net_put_text(&w, NET_F_HOST, host);
	if (is_full(l) || link_send(l, &w) < 0)
		link_fail(l, c->id, OVERLOADED);
}

void
link_name_cancel(struct link *l, struct name_call *c)
{
	(void)link_take(l, c->id, ASKED_NAME);
	c->id = 0;
}

static void
put_pairs(struct net_writer *w, enum net_field f, const struct pair *p,
	  size_t n)
{
	if (!n)
		return;
	net_pairs_begin(w, f);
	for (size_t i = 0; i < n; i++)
		net_pairs_add(w, p[i].name, p[i].name_len, p[i].value,
			      p[i].value_len);
	net_pairs_end(w);
}

static void
put_action(struct net_writer *w, const struct action *a)
{
	net_put_text(w, NET_F_HOST, a->host);
	net_put_u64(w, NET_F_PORT, a->port);
	if (a->original)
		net_put(w, NET_F_ORIGINAL, a->original, a->original_len);
	net_put_u64(w, NET_F_VIA, a->via);
	net_put_text(w, NET_F_SCHEME, a->scheme);
	net_put_text(w, NET_F_SNI, a->sni);
	net_put_text(w, NET_F_METHOD, a->method);
	net_put_text(w, NET_F_PATH, a->path);
	put_pairs(w, NET_F_QUERY, a->query, a->n_query);
	put_pairs(w, NET_F_HEADERS, a->headers, a->n_headers);
	if (a->size >= 0)
		net_put_u64(w, NET_F_SIZE, (uint64_t)a->size);
	if (a->n_seen)
		net_put(w, NET_F_SEEN, a->seen, a->n_seen * sizeof(a->seen[0]));
	if (a->conn)
		net_put_u64(w, NET_F_CONN, a->conn);
}

void
link_ask(struct link *l, const struct action *act, struct ask *a)
{
	uint16_t flags = (uint16_t)((act->conn ? 0 : NET_WANT_FD) |
				    (act->first_data ? NET_FIRST_DATA : 0));
	struct net_writer w;

	a->id = link_number(l, ASKED_ACTION, a);
	net_begin(&w, l->out, NET_ASK, flags, a->id);
	put_action(&w, act);
	if (is_full(l))
		link_fail(l, a->id, OVERLOADED);
	else if (link_send(l, &w) < 0)
		link_fail(l, a->id, TOO_LARGE);
}

/* Of MORE the number stays: its answer is one to an action that is known, and
 * brings nothing that would have to be given back. */
void
link_ask_cancel(struct link *l, struct ask *a)
{
	struct question *q = questions_find(&l->asked, a->id);
	struct net_writer w;

	if (!q)
		return;
	if (q->kind == ASKED_MORE) {
		q->call = NULL;
	} else {
		questions_take(&l->asked, q);
		net_begin(&w, l->out, NET_CANCEL, 0, a->id);
		(void)link_send(l, &w);
	}
	a->id = 0;
}

void
link_more(struct link *l, uint64_t action, uint64_t size, struct ask *a)
{
	struct net_writer w;

	a->id = link_number(l, ASKED_MORE, a);
	net_begin(&w, l->out, NET_MORE, 0, a->id);
	net_put_u64(&w, NET_F_SIZE, size);
	net_put_u64(&w, NET_F_ACTION, action);
	if (is_full(l) || link_send(l, &w) < 0)
		link_fail(l, a->id, OVERLOADED);
}

/* ---- what is told -------------------------------------------------------- */

static void
put_detail(struct net_writer *w, const char *detail)
{
	if (detail)
		net_put(w, NET_F_DETAIL, detail, strnlen(detail, DETAIL_MAX));
}

void
link_done(struct link *l, uint64_t action, const struct result *r)
{
	struct net_writer w;

	net_begin(&w, l->out, NET_DONE, 0, 0);
	net_put_u64(&w, NET_F_ACTION, action);
	net_put_text(&w, NET_F_STATUS, r->status);
	net_put_text(&w, NET_F_ERROR, r->error);
	put_detail(&w, r->detail);
	net_put_u64(&w, NET_F_BYTES_IN, r->bytes_in);
	net_put_u64(&w, NET_F_BYTES_OUT, r->bytes_out);
	if (r->response)
		net_put_u64(&w, NET_F_RESPONSE, (uint64_t)r->response);
	if (link_tell(l, &w) < 0)
		link_broke(l);
}

void
link_gone(struct link *l, uint64_t conn)
{
	struct net_writer w;

	net_begin(&w, l->out, NET_GONE, 0, 0);
	net_put_u64(&w, NET_F_CONN, conn);
	(void)link_tell(l, &w);
}

void
link_found(struct link *l, const char *reason, const char *host, uint16_t port,
	   const char *detail, struct found_call *c)
{
	struct net_writer w;
	uint32_t id = 0;

	if (c)
		id = c->id = link_number(l, ASKED_FOUND, c);
	net_begin(&w, l->out, NET_FOUND, 0, id);
	if (host && *host)
		net_put_text(&w, NET_F_HOST, host);
	if (port)
		net_put_u64(&w, NET_F_PORT, port);
	put_detail(&w, detail);
	net_put_text(&w, NET_F_REASON, reason);
	if (link_send(l, &w) < 0 && c)
		link_fail(l, id, OVERLOADED);
}

void
link_found_cancel(struct link *l, struct found_call *c)
{
	(void)link_take(l, c->id, ASKED_FOUND);
	c->id = 0;
}

static void
say(struct link *l, enum net_op op)
{
	struct net_writer w;

	net_begin(&w, l->out, op, 0, 0);
	(void)link_send(l, &w);
}

void
link_ready(struct link *l)
{
	say(l, NET_READY);
}

void
link_idle(struct link *l)
{
	say(l, NET_IDLE);
}
