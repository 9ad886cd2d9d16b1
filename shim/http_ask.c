/*
 * Asking for one request, and what is done with the answer. What always holds:
 * the head is written in the call in which the secrets for it came, and they
 * are kept nowhere else; a request is sent on no connection but the one that
 * the answer names.
 */
#include "shim/http-internal.h"

#include "lib/str.h"
#include "shim/shim-internal.h"
#include "shim/tls.h"

#include <errno.h>
#include <string.h>

static size_t
header_pairs(const struct http *h, struct pair *p)
{
	const struct http_rq *rq = h->rq;
	const char *data = h->in[0].buf + rq->at;
	size_t n = 0;

	for (unsigned int i = 0; i < rq->head.n; i++) {
		const struct http_field *f = &rq->head.field[i];

		if (!f->drop)
			p[n++] = (struct pair){
				.name = data + f->name.at,
				.name_len = f->name.len,
				.value = data + f->value.at,
				.value_len = f->value.len,
			};
	}
	return n;
}

static const char *
scheme(const struct http *h)
{
	if (h->rq->head.websocket)
		return h->conn->intercepted ? "wss" : "ws";
	return h->conn->intercepted ? "https" : "http";
}

static int64_t
size_of(const struct http_rq *rq)
{
	if (rq->head.chunked || rq->head.websocket)
		return -1;
	return (int64_t)rq->head.length;
}

static void on_answer(struct ask *a, struct answer *an);

enum http_do
http_ask(struct http *h)
{
	struct conn *c = h->conn;
	struct http_rq *rq = h->rq;
	struct pair headers[SHIM_HEADERS_MAX];
	const struct action act = {
		.host = c->host.text,
		.port = c->port,
		.original = c->original_len ? c->original : NULL,
		.original_len = c->original_len,
		.via = c->via,
		.scheme = scheme(h),
		.method = rq->method,
		.path = rq->url.path,
		.query = rq->url.param,
		.n_query = rq->url.n,
		.headers = headers,
		.n_headers = header_pairs(h, headers),
		.size = size_of(rq),
		.seen = rq->seen.v,
		.n_seen = rq->seen.n,
		.conn = c->server.fd >= 0 ? c->number : 0,
		.first_data = true,
	};

	h->state = HTTP_AT_ASK;
	h->asking = true;
	h->ask.done = on_answer;
	link_ask(c->shim->link, &act, &h->ask);
	return HTTP_WAIT;
}

/* ---- the answer ---------------------------------------------------------- */

/* What VALUES has for the placeholders of this request. */
static size_t
secrets(const struct http *h, const struct answer *an, struct http_secret *ret)
{
	const struct shim *s = h->conn->shim;
	struct net_bytes name, value;
	size_t at = 0, n = 0;

	while (an->values.data && n < HTTP_SEEN_MAX &&
	       net_pair(&an->values, &at, &name, &value)) {
		char number[21];
		uint64_t i;

		snprintf(number, sizeof(number), "%.*s", (int)name.len,
			 (const char *)name.data);
		if (str_to_u64(number, &i) < 0 || i >= s->n_placeholders)
			continue;
		ret[n++] = (struct http_secret){
			.text = s->placeholder[i].text,
			.len = s->placeholder[i].len,
			.value = (const char *)value.data,
			.value_len = value.len,
		};
	}
	return n;
}

static int
write_head(struct http *h, const struct answer *an, enum http_reason *ret_why)
{
	struct http_secret secret[HTTP_SEEN_MAX];
	const struct http_changes changes = {
		.secret = secret,
		.n_secrets = secrets(h, an, secret),
		.set_headers = an->set_headers,
		.remove_query = an->remove_query,
	};
	const struct http_request rq = {
		.data = h->in[0].buf + h->rq->at,
		.head = &h->rq->head,
		.url = &h->rq->url,
		.room = h->rq->room,
		.method = h->rq->method,
		.host = &h->conn->host,
		.port = h->conn->port,
		.tls = h->conn->intercepted,
		.stays = h->rq->stays,
	};
	bool changed = changes.n_secrets || an->set_headers.data ||
		       an->remove_query.data;

	return http_write_request(&h->out[1], &rq, changed ? &changes : NULL,
				  ret_why);
}

static int
take_server(struct http *h, struct answer *an, struct err *e)
{
	struct conn *c = h->conn;
	int r;

	http_drop_server(h, false);
	c->server = (struct stream)STREAM_NONE;
	c->server.fd = TAKE_FD(an->fd);
	c->number = an->conn;
	h->fresh = c->intercepted;
	r = http_watch_server(h);
	if (r == 0 && h->fresh)
		r = tls_connect(c->shim->tls, &c->server, c->host.text, e);
	return r;
}

/* Of the flow that begins now. */
static void
set_flow(struct http *h)
{
	h->answered = h->head_done = h->server_stays = false;
	h->up_dead = false;
	h->interim = 0;
	h->scanned = 0;
	h->status = 0;
	h->body[1] = (struct http_body){ .framing = HTTP_UNTIL_CLOSE };
	h->state = h->fresh ? HTTP_AT_DIAL : HTTP_AT_BOTH;
	if (!h->rq->repeats)
		h->in[0].pinned = false;
}

static enum http_do
goes_ahead(struct http *h, struct answer *an)
{
	enum http_reason why = HTTP_FINE;
	struct err e = ERR_INIT;
	int r = 0;

	h->action = an->action;
	h->leased = an->leased;
	h->lease = an->lease;
	h->bytes_in = h->bytes_out = 0;
	h->again = an->fd < 0;
	/* it ended while we asked, and nothing was sent on it */
	if (h->again && h->conn->server.fd < 0) {
		http_done(h, "error", "reset", NULL);
		return http_ask(h);
	}
	if (!h->again) {
		r = take_server(h, an, &e);
		h->again = false;
	}
	if (r == 0)
		r = write_head(h, an, &why);
	if (r < 0) {
		http_done(h, "error", why ? http_reason_word(why) : "internal",
			  e.text[0] ? e.text : strerror(-r));
		http_drop_server(h, true);
		return why ? http_refuse_for(h, why, NULL) : HTTP_RESET;
	}
	set_flow(h);
	return HTTP_GO;
}

static void
on_answer(struct ask *a, struct answer *an)
{
	struct http *h = (void *)((char *)a - offsetof(struct http, ask));
	struct conn *c = h->conn;
	enum http_do r;

	h->asking = false;
	r = an->verdict == NET_YES ? goes_ahead(h, an)
				   : http_answer_own(h, an->status_code,
						     an->body, an->body_len);
	if (r == HTTP_GO)
		http_pump(c);
	else if (r == HTTP_RESET)
		conn_free(c, true);
}

enum http_do
http_no_answer(struct http *h)
{
	bool once_more =
		h->again && h->rq->repeats && !h->retried && !h->answered;

	http_done(h, "error", "reset", NULL);
	http_drop_server(h, false);
	if (!once_more)
		return http_failed(h, 502, "no-answer",
				   "the server ended the connection without "
				   "an answer");
	h->retried = true;
	return http_ask(h);
}

/* ---- TLS towards the server ---------------------------------------------- */

enum http_do
http_dial(struct http *h)
{
	struct conn *c = h->conn;
	struct err e = ERR_INIT;
	int r = tls_handshake(&c->server, &e);

	if (r == -EAGAIN)
		return http_wait(h);
	if (r < 0) {
		http_done(h, "error", http_reason_word(HTTP_TLS), e.text);
		http_drop_server(h, true);
		return http_refuse_for(h, HTTP_TLS, e.text);
	}
	h->fresh = false;
	h->state = HTTP_AT_BOTH;
	return HTTP_GO;
}
