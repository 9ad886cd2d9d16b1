/*
 * The way of a response to the client. What always holds: the server is as
 * little believed as the client, a response that has two readings goes no
 * further; nothing waits for more than it needs, so that events arrive as they
 * are sent; a body that ended too early looks so to the client.
 */
#include "shim/http-internal.h"

#include <errno.h>
#include <string.h>

static enum http_do
bad_response(struct http *h, enum http_reason why)
{
	enum http_do r;

	http_done(h, "error", http_reason_word(why), NULL);
	http_drop_server(h, true);
	r = http_refuse_for(h, why, NULL);
	h->own_status = 502; /* it is not the client who is to blame */
	return r;
}

/* ---- the head ------------------------------------------------------------ */

static enum http_do
interim(struct http *h, const struct http_head *head, const char *data)
{
	if (++h->interim > HTTP_INTERIM_MAX)
		return bad_response(h, HTTP_INTERIM);
	h->in[1].at += head->len;
	h->scanned = 0;
	if (h->rq->head.minor == 1)
		http_write_response(&h->out[0], data, head, HTTP_NO_BODY, true);
	return HTTP_GO;
}

/* How it is sent on: what would end with the server's connection is sent in
 * chunks, to who knows them. */
static enum http_framing
framing_for(struct http *h)
{
	enum http_framing f = h->body[1].framing;
	bool old = h->rq->head.minor == 0;

	if (f == HTTP_CHUNKED || f == HTTP_UNTIL_CLOSE)
		f = old ? HTTP_UNTIL_CLOSE : HTTP_CHUNKED;
	h->resp_chunked = f == HTTP_CHUNKED;
	return f;
}

static enum http_do
final(struct http *h, const struct http_head *head, const char *data)
{
	http_body_of_response(&h->body[1], head, h->rq->is_head);
	h->server_stays = head->keep_alive && h->rq->stays &&
			  h->body[1].framing != HTTP_UNTIL_CLOSE &&
			  !(head->status == 204 && head->length);
	h->status = head->status;
	h->rq->stays = h->rq->stays && !h->up_dead;
	http_write_response(&h->out[0], data, head, framing_for(h),
			    h->rq->stays);
	h->in[1].at += head->len;
	h->head_done = true;
	return h->out[0].failed ? HTTP_RESET : HTTP_GO;
}

static enum http_do
use_head(struct http *h, size_t len)
{
	char *data = h->in[1].buf + h->in[1].at;
	enum http_reason why;
	struct http_head head;

	if (http_response_parse(data, len, &head, &why) < 0)
		return bad_response(h, why);
	if (head.status == 101) {
		if (!h->rq->head.websocket || !head.websocket)
			return bad_response(h, HTTP_UNASKED_UPGRADE);
		return http_upgraded(h, &head);
	}
	if (head.status < 200)
		return interim(h, &head, data);
	return final(h, &head, data);
}

static enum http_do
read_head(struct http *h)
{
	struct http_in *in = &h->in[1];
	size_t len;
	ssize_t n;
	int r = in->at < in->len
			? http_head_scan(in->buf + in->at, in->len - in->at,
					 &h->scanned, &len)
			: 0;

	if (r < 0)
		return bad_response(h, HTTP_BARE_LF);
	if (r > 0)
		return use_head(h, len);
	n = http_fill(h, true);
	if (n > 0) {
		h->answered = true;
		return HTTP_GO;
	}
	if (n == -EAGAIN)
		return HTTP_WAIT;
	if (n == -ENOBUFS)
		return bad_response(h, HTTP_HEAD_TOO_LARGE);
	if (n == -EDQUOT)
		return http_refuse_limit(h, false);
	return http_no_answer(h);
}

/* ---- the body ------------------------------------------------------------ */

static enum http_do
too_early(struct http *h, ssize_t n)
{
	if (n == -EDQUOT)
		return http_refuse_limit(h, false);
	http_done(h, "error", http_reason_word(HTTP_TRUNCATED), NULL);
	return HTTP_RESET;
}

static enum http_do
send_some(struct http *h)
{
	struct http_in *in = &h->in[1];
	struct http_body *b = &h->body[1];
	ssize_t may = http_may(h, false, in->len - in->at), n;
	enum http_reason why = HTTP_FINE;
	size_t at, len;
	int r = 0;

	if (may < 0) {
		http_done(h, "denied", "lease", NULL);
		return HTTP_RESET;
	}
	if (may == 0) { /* what is held may go meanwhile */
		(void)http_flush(h, false);
		return HTTP_WAIT;
	}
	n = http_body_take(b, in->buf + in->at, (size_t)may, &at, &len, &why);
	if (n < 0) {
		http_done(h, "error", http_reason_word(why), NULL);
		return HTTP_RESET;
	}
	if (len)
		r = http_send_body(h, false, in->buf + in->at + at, len,
				   h->resp_chunked);
	in->at += (size_t)n;
	if (h->leased)
		h->lease -= MIN(h->lease, len);
	if (b->done && h->resp_chunked)
		http_out_text(&h->out[0], "0\r\n\r\n");
	if (r < 0)
		http_done(h, "error", "client-gone", NULL);
	return r < 0 || h->out[0].failed ? HTTP_RESET : HTTP_GO;
}

static enum http_do
body(struct http *h)
{
	ssize_t n;

	if (h->in[1].at < h->in[1].len)
		return send_some(h);
	n = http_fill(h, true);
	if (n > 0)
		return HTTP_GO;
	if (n == -EAGAIN)
		return HTTP_WAIT;
	/* an error is no end */
	if (n < 0 || http_body_end(&h->body[1]) < 0)
		return too_early(h, n);
	if (h->resp_chunked)
		http_out_text(&h->out[0], "0\r\n\r\n");
	return HTTP_GO;
}

/* ---- the end ------------------------------------------------------------- */

/* All of the response is on its way. */
static enum http_do
finish(struct http *h)
{
	bool whole = h->body[0].done && !h->up_dead;
	bool stays = h->rq->stays && whole;

	http_done(h, "ok", NULL, NULL);
	if (!stays || !h->server_stays || h->in[1].at < h->in[1].len ||
	    h->conn->server.eof)
		http_drop_server(h, false);
	else
		h->again = true;
	if (!stays) {
		h->closes = true;
		h->state = HTTP_AT_TELL;
		return HTTP_GO;
	}
	http_next(h);
	return HTTP_GO;
}

enum http_do
http_down(struct http *h)
{
	int r;

	/* what is written is sent together with what comes right behind it */
	if (h->out[0].len - h->out[0].at < SHIM_BUFFER / 2 && !h->blocked[0] &&
	    h->in[1].at < h->in[1].len && !h->body[1].done)
		return h->head_done ? send_some(h) : read_head(h);
	r = http_flush(h, false);
	if (r == -EAGAIN)
		return HTTP_WAIT;
	if (r < 0) {
		http_done(h, "error", "client-gone", NULL);
		return HTTP_RESET;
	}
	if (!h->head_done)
		return read_head(h);
	return h->body[1].done ? finish(h) : body(h);
}
