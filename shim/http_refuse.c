/*
 * Answers that are ours. What always holds: a client hears why, if nothing of a
 * response has gone to it, and else sees that the response is not whole; it is
 * given time to read that before the connection is gone, since the rest of its
 * request, unread, would make the kernel throw the answer away.
 */
#include "shim/http-internal.h"

#include "lib/str.h"
#include "shim/reasons.h"

#include <errno.h>
#include <string.h>

/* Can the rest of the request be passed over? Then the next one begins behind
 * it. */
static bool
drain(struct http *h)
{
	struct http_in *in = &h->in[0];

	while (!h->body[0].done && in->at < in->len) {
		enum http_reason why;
		size_t at, len;
		ssize_t n = http_body_take(&h->body[0], in->buf + in->at,
					   in->len - in->at, &at, &len, &why);

		if (n < 0)
			return false;
		in->at += (size_t)n;
	}
	return h->body[0].done;
}

static enum http_do
tell(struct http *h, int status, const char *body, size_t len, bool stays)
{
	http_write_own(&h->out[0], status, body, len, h->rq && h->rq->is_head,
		       stays);
	h->closes = !stays;
	h->state = HTTP_AT_TELL;
	return h->out[0].failed ? HTTP_RESET : HTTP_GO;
}

enum http_do
http_answer_own(struct http *h, int status, const char *body, size_t len)
{
	bool stays = !h->own && h->rq->stays && drain(h);

	if (status < 400 || status > 599) /* nobody said which */
		status = 403;
	return tell(h, status, body, len, stays);
}

enum http_do
http_failed(struct http *h, int status, const char *word, const char *text)
{
	_cleanup_free_ char *s = NULL;

	if (h->head_done)
		return HTTP_RESET;
	http_drop_server(h, true);
	s = str_printf("{\"error\":\"failed\",\"by\":\"agentbox\",\"host\":"
		       "\"%s\",\"port\":%u,\"reason\":\"%s\","
		       "\"explanation\":\"%s\"}\n",
		       h->conn->host.text, h->conn->port, word, text);
	return s ? http_answer_own(h, status, s, strlen(s)) : HTTP_RESET;
}

static void
on_told(struct found_call *f, const char *body, size_t len)
{
	struct http *h = (void *)((char *)f - offsetof(struct http, found));

	h->finding = false;
	if (tell(h, h->own_status, body, len, false) == HTTP_GO)
		http_pump(h->conn);
	else
		conn_free(h->conn, true);
}

enum http_do
http_refuse_word(struct http *h, const char *word, int status,
		 const char *detail)
{
	struct conn *c = h->conn;
	const char *host = c->host.text[0] ? c->host.text : NULL;

	if (h->own)
		return tell(h, h->own_status, h->own, h->own_len, false);
	if (h->rq && h->head_done) {
		link_found(c->shim->link, word, host, c->port, detail, NULL);
		return HTTP_RESET;
	}
	h->state = HTTP_AT_FIND;
	h->own_status = status;
	h->finding = true;
	h->found.done = on_told;
	link_found(c->shim->link, word, host, c->port, detail, &h->found);
	return HTTP_WAIT;
}

enum http_do
http_refuse_for(struct http *h, enum http_reason why, const char *detail)
{
	return http_refuse_word(h, http_reason_word(why),
				http_reason_status(why), detail);
}

enum http_do
http_refuse_limit(struct http *h, bool out)
{
	const char *word =
		out ? SHIM_WORD(LIMIT_SENT) : SHIM_WORD(LIMIT_RECEIVED);

	http_done(h, "denied", word, NULL);
	http_drop_server(h, true);
	return http_refuse_word(h, word, 403, NULL);
}

enum http_do
http_tell(struct http *h)
{
	int r = http_flush(h, false);

	if (r == -EAGAIN)
		return HTTP_WAIT;
	if (r < 0)
		return HTTP_RESET;
	if (!h->closes) {
		http_next(h);
		return HTTP_GO;
	}
	http_drop_server(h, false);
	http_next(h);
	r = stream_shutdown(&h->conn->client);
	if (r < 0 && r != -EAGAIN)
		return HTTP_END;
	h->state = r == -EAGAIN ? HTTP_AT_TELL : HTTP_AT_LINGER;
	return r == -EAGAIN ? HTTP_WAIT : HTTP_GO;
}

enum http_do
http_linger(struct http *h)
{
	struct http_in *in = &h->in[0];

	for (;;) {
		ssize_t n;

		h->lingered += in->len - in->at;
		in->at = in->len;
		if (h->lingered > HTTP_LINGER_MAX)
			return HTTP_END;
		n = http_fill(h, false);
		if (n == -EAGAIN) {
			http_trim(h);
			return HTTP_WAIT;
		}
		if (n <= 0)
			return HTTP_END;
	}
}
