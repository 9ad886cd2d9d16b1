/*
 * The way of a request to its server, and both ways together. What always
 * holds: not more of a body is read than was written before; a body that turns
 * out to be none, or to carry a placeholder, ends both connections so that
 * nobody takes it for complete.
 */
#include "shim/http-internal.h"

#include "shim/reasons.h"

#include <errno.h>
#include <string.h>

/* The request cannot go on. */
static enum http_do
stop(struct http *h, enum http_reason why, const char *detail)
{
	http_done(h, "denied", http_reason_word(why), detail);
	http_drop_server(h, true);
	return http_refuse_for(h, why, detail);
}

static enum http_do
may_not(struct http *h, ssize_t why)
{
	if (why == -EDQUOT)
		return http_refuse_limit(h, true);
	http_done(h, "denied", "lease", NULL);
	http_drop_server(h, true);
	return http_failed(h, 403, "lease", "the policy allows no more bytes");
}

/* The server takes no more. It may have answered before. */
static void
up_is_dead(struct http *h)
{
	struct stream *s = &h->conn->server;

	h->up_dead = true;
	http_out_free(&h->out[1]);
	if (!s->tls)
		s->broken = false;
}

/* Some of the body that was read. */
static enum http_do
send_some(struct http *h)
{
	struct http_in *in = &h->in[0];
	struct http_body *b = &h->body[0];
	ssize_t may = http_may(h, true, in->len - in->at), n;
	const struct shim *s = h->conn->shim;
	enum http_reason why = HTTP_FINE;
	size_t at, len;
	int r;

	if (may < 0)
		return may_not(h, may);
	if (may == 0) { /* what is held may go meanwhile */
		(void)http_flush(h, true);
		return HTTP_WAIT;
	}
	n = http_body_take(b, in->buf + in->at, (size_t)may, &at, &len, &why);
	if (n < 0)
		return stop(h, why, NULL);
	r = http_scan(&h->scan, s, in->buf + in->at + at, len);
	if (r >= 0)
		return stop(h, HTTP_SEEN_BODY, s->placeholder[r].name);
	r = len ? http_send_body(h, true, in->buf + in->at + at, len,
				 b->framing == HTTP_CHUNKED)
		: 0;
	if (b->done && b->framing == HTTP_CHUNKED)
		http_out_text(&h->out[1], "0\r\n\r\n");
	in->at += (size_t)n;
	if (h->leased)
		h->lease -= MIN(h->lease, len);
	if (r == -ENOMEM || h->out[1].failed)
		return HTTP_RESET;
	if (r < 0)
		up_is_dead(h);
	return HTTP_GO;
}

/* HTTP_GO: something went, HTTP_WAIT: nothing can. */
static enum http_do
up(struct http *h)
{
	ssize_t n;
	int r;

	/* what is written is sent together with what comes right behind it */
	if (h->out[1].len - h->out[1].at < SHIM_BUFFER / 2 && !h->blocked[1] &&
	    h->in[0].at < h->in[0].len && !h->body[0].done && !h->up_dead)
		return send_some(h);
	r = http_flush(h, true);
	if (r < 0 && r != -EAGAIN)
		up_is_dead(h);
	if (h->up_dead || h->body[0].done || r == -EAGAIN)
		return HTTP_WAIT;
	n = http_fill(h, false);
	if (n > 0)
		return HTTP_GO;
	if (n == -EAGAIN)
		return HTTP_WAIT;
	http_done(h, "error", "client-gone", NULL);
	return HTTP_RESET;
}

/* With nothing to send, the client is only looked at to see whether it is still
 * there; what it sends waits for its turn. */
static bool
client_is_gone(struct http *h)
{
	struct http_in *in = &h->in[0];

	if (!h->body[0].done || (in->buf && in->len == in->size))
		return false;
	while (http_fill(h, false) > 0)
		if (in->len == in->size)
			break;
	return h->conn->client.broken;
}

enum http_do
http_both(struct http *h)
{
	enum http_do r, back;

	if (client_is_gone(h)) {
		http_done(h, "error", "client-gone", NULL);
		return HTTP_RESET;
	}
	do {
		r = up(h);
		if (r > HTTP_WAIT || h->state != HTTP_AT_BOTH)
			return r;
		back = http_down(h);
		if (back > HTTP_WAIT || h->state != HTTP_AT_BOTH)
			return back;
		if (h->turn > SHIM_TURN) {
			conn_again(h->conn);
			return HTTP_WAIT;
		}
	} while (r == HTTP_GO || back == HTTP_GO);
	return HTTP_WAIT;
}
