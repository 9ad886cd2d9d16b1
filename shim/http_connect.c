/*
 * CONNECT: the client wants a tunnel to a host and port. What always holds: a
 * host that nothing grants is refused before the tunnel is there, so that the
 * client can be told; every other tunnel is treated as if the client had
 * dialled that host, so what goes through it is decided on like anything else.
 */
#include "shim/http-internal.h"

#include <errno.h>
#include <string.h>

/* Somebody allows it after all: the policy has changed meanwhile. */
static enum http_do
granted_late(struct http *h, struct answer *an)
{
	h->action = an->action;
	http_done(h, "error", "policy-changed", NULL);
	return http_failed(h, 503, "policy-changed",
			   "the policy changed while this was decided; try "
			   "again");
}

static void
on_answer(struct ask *a, struct answer *an)
{
	struct http *h = (void *)((char *)a - offsetof(struct http, ask));
	struct conn *c = h->conn;
	enum http_do r;

	h->asking = false;
	if (an->verdict == NET_YES)
		r = granted_late(h, an);
	else
		r = http_answer_own(h, an->status_code, an->body, an->body_len);
	if (r == HTTP_GO)
		http_pump(c);
	else
		conn_free(c, true);
}

/* Only to have it denied and recorded. */
static void
ask(struct http *h)
{
	struct conn *c = h->conn;
	const struct action act = {
		.host = c->host.text,
		.port = c->port,
		.via = NET_VIA_CONNECT,
		.scheme = "tcp",
		.size = -1,
	};

	h->state = HTTP_AT_ROUTE;
	h->asking = true;
	h->ask.done = on_answer;
	link_ask(c->shim->link, &act, &h->ask);
}

static void
on_route(struct route_call *r, unsigned int needs)
{
	struct http *h = (void *)((char *)r - offsetof(struct http, route));

	h->routing = false;
	if (needs & NET_NEVER) {
		ask(h);
		return;
	}
	http_out_text(&h->out[0],
		      "HTTP/1.1 200 Connection established\r\n\r\n");
	h->state = HTTP_AT_OPEN;
	if (h->out[0].failed)
		conn_free(h->conn, true);
	else
		http_pump(h->conn);
}

enum http_do
http_connect(struct http *h)
{
	struct conn *c = h->conn;

	http_drop_server(h, false); /* of requests before this one */
	h->state = HTTP_AT_ROUTE;
	h->routing = true;
	h->route.done = on_route;
	link_route(c->shim->link, c->host.text, c->port, &h->route);
	return HTTP_WAIT;
}

/* What came behind the request is the tunnel's; classify.c reads on into room
 * for a whole hello. */
static int
keep_early(struct http *h)
{
	struct conn *c = h->conn;
	size_t n = h->in[0].len - h->in[0].at;

	if (n > SHIM_HELLO_MAX)
		return -EMSGSIZE;
	if (!n)
		return 0;
	c->early = malloc(SHIM_HELLO_MAX);
	if (!c->early)
		return -ENOMEM;
	memcpy(c->early, h->in[0].buf + h->in[0].at, n);
	c->early_len = n;
	return 0;
}

enum http_do
http_open(struct http *h)
{
	struct conn *c = h->conn;
	int r = http_flush(h, false);

	if (r == -EAGAIN)
		return HTTP_WAIT;
	if (r < 0 || keep_early(h) < 0)
		return HTTP_RESET;
	c->original_len = 0;
	http_leave(h);
	if (classify_start(c) < 0)
		conn_free(c, true);
	return HTTP_GONE;
}
