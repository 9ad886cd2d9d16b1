/*
 * A connection that becomes a WebSocket (RFC 6455). What always holds: it was
 * asked for and decided on as one, and from the 101 on both sides are nothing
 * but bytes to us, counted under the same action.
 */
#include "shim/http-internal.h"

#include <errno.h>
#include <string.h>

/* What the client has sent behind its request. */
static int
keep_early(struct http *h)
{
	struct conn *c = h->conn;
	size_t n = h->in[0].len - h->in[0].at;

	if (!n)
		return 0;
	c->early = malloc(n);
	if (!c->early)
		return -ENOMEM;
	memcpy(c->early, h->in[0].buf + h->in[0].at, n);
	c->early_len = n;
	return 0;
}

enum http_do
http_upgraded(struct http *h, const struct http_head *head)
{
	struct http_in *in = &h->in[1];
	struct conn *c = h->conn;
	struct http_out held;
	bool leased = h->leased;
	uint64_t lease = h->lease;
	int r;

	http_write_response(&h->out[0], in->buf + in->at, head, HTTP_NO_BODY,
			    true);
	in->at += head->len;
	http_out_put(&h->out[0], in->buf + in->at, in->len - in->at);
	if (h->out[0].failed || h->out[1].at < h->out[1].len ||
	    keep_early(h) < 0)
		return HTTP_RESET;
	if (h->asking_more)
		link_ask_cancel(c->shim->link, &h->more);
	h->asking_more = false;
	c->action = h->action;
	c->bytes_in = h->bytes_in;
	c->bytes_out = h->bytes_out;
	h->action = 0;
	held = h->out[0];
	h->out[0] = (struct http_out){ .buf = NULL };
	http_leave(h);
	r = relay_start(c, leased, lease, held.buf + held.at,
			held.len - held.at);
	http_out_free(&held);
	if (r < 0)
		conn_free(c, true);
	return HTTP_GONE;
}
