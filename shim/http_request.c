/*
 * Reading a request: its head, whom it is for, what it carries. What always
 * holds: nothing is asked of the supervisor before the head had one reading,
 * and then the host that is asked for is the one that the connection, the
 * target and Host all name.
 */
#include "shim/http-internal.h"

#include "shim/limits.h"

#include <errno.h>
#include <string.h>

static const char *
bytes(const struct http *h)
{
	return h->in[0].buf + h->in[0].at;
}

static size_t
there(const struct http *h)
{
	return h->in[0].len - h->in[0].at;
}

/* RFC 9112, 2.2: one empty line may come before a request. */
static void
skip_blank(struct http *h)
{
	if (h->blank || there(h) < 2 || memcmp(bytes(h), "\r\n", 2) != 0)
		return;
	h->blank = true;
	h->scanned = 0;
	h->in[0].at += 2;
}

/* While nobody asks the server anything it has nothing to say. */
static void
check_server(struct http *h)
{
	struct conn *c = h->conn;

	if (c->server.fd < 0 || h->dry[1])
		return;
	if (http_fill(h, true) != -EAGAIN)
		http_drop_server(h, false);
}

static enum http_do
no_more(struct http *h, ssize_t n)
{
	if (n == -EAGAIN) {
		if (!there(h))
			http_trim(h);
		return HTTP_WAIT;
	}
	if (n == -ENOBUFS)
		return http_refuse_for(h,
				       memchr(bytes(h), '\n', there(h))
					       ? HTTP_HEAD_TOO_LARGE
					       : HTTP_URL_TOO_LONG,
				       NULL);
	return n == 0 && !there(h) ? HTTP_END : HTTP_RESET;
}

enum http_do
http_read_head(struct http *h)
{
	check_server(h);
	for (;;) {
		size_t len;
		ssize_t n;
		int r;

		skip_blank(h);
		r = there(h) ? http_head_scan(bytes(h), there(h), &h->scanned,
					      &len)
			     : 0;
		if (r < 0)
			return http_refuse_for(h, HTTP_BARE_LF, NULL);
		if (r > 0)
			return http_begin(h, len);
		n = http_fill(h, false);
		if (n <= 0)
			return no_more(h, n);
	}
}

enum http_do
http_wait(struct http *h)
{
	struct http_in *in = &h->in[0];

	if (h->state == HTTP_AT_ASK)
		check_server(h);
	/* what comes behind CONNECT is not ours */
	while (h->state != HTTP_AT_ROUTE && in->len < in->size) {
		ssize_t n = http_fill(h, false);

		if (n == 0 || n == -EAGAIN)
			break;
		if (n < 0)
			return HTTP_RESET;
	}
	return HTTP_WAIT;
}

/* ---- whom it is for ------------------------------------------------------ */

static bool
is_same(const struct hostname *a, const struct hostname *b)
{
	return a->kind == b->kind && strcmp(a->text, b->text) == 0;
}

/* The host of the target becomes that of the connection, which only a proxy's
 * client may change. */
static void
set_destination(struct http *h, const struct hostname *host, uint16_t port)
{
	struct conn *c = h->conn;

	if (c->server.fd >= 0 && (!is_same(&c->host, host) || c->port != port))
		http_drop_server(h, false);
	c->host = *host;
	c->port = port;
	c->via = h->rq->url.form == HTTP_AUTHORITY ? NET_VIA_CONNECT
						   : NET_VIA_ABSOLUTE;
}

static enum http_reason
check_target(struct http *h)
{
	const struct http_url *url = &h->rq->url;
	const struct conn *c = h->conn;
	uint16_t port = url->port ? url->port : 80;

	if (url->form == HTTP_AUTHORITY) {
		if (!h->proxy)
			return HTTP_CONNECT_HERE;
		if (h->rq->head.chunked || h->rq->head.length)
			return HTTP_CONNECT_BODY;
		set_destination(h, &url->host, url->port);
		return HTTP_FINE;
	}
	if (h->proxy && url->form != HTTP_ABSOLUTE)
		return HTTP_NOT_PROXY_FORM;
	if (h->proxy)
		set_destination(h, &url->host, port);
	else if (url->form == HTTP_ABSOLUTE &&
		 (c->intercepted || port != c->port ||
		  !is_same(&url->host, &c->host)))
		return HTTP_HOST_MISMATCH;
	return HTTP_FINE;
}

/* Host without a port goes with any: what is sent on says it. */
static enum http_reason
check_host(struct http *h)
{
	const struct http_text *t = &h->rq->head.host;
	const struct conn *c = h->conn;
	struct hostname host;
	enum http_reason why;
	uint16_t port;

	if (!h->rq->head.has_host)
		return HTTP_FINE;
	if (http_authority_parse(bytes(h) + t->at, t->len, &host, &port, &why) <
	    0)
		return why;
	if (!is_same(&host, &c->host) || (port && port != c->port))
		return HTTP_HOST_MISMATCH;
	return HTTP_FINE;
}

/* ---- what it is ---------------------------------------------------------- */

static bool
is_method(const struct http_rq *rq, const char *method)
{
	return strcmp(rq->method, method) == 0;
}

static enum http_reason
read_request(struct http *h)
{
	struct http_rq *rq = h->rq;
	const char *data = bytes(h);
	enum http_reason why;

	memcpy(rq->method, data + rq->head.method.at, rq->head.method.len);
	rq->method[rq->head.method.len] = '\0';
	rq->is_head = is_method(rq, "HEAD");
	if (http_url_parse(data + rq->head.target.at, rq->head.target.len,
			   is_method(rq, "CONNECT"), rq->room, &rq->url,
			   &why) < 0)
		return why;
	why = check_target(h);
	return why ? why : check_host(h);
}

static void
set_flow(struct http *h)
{
	struct http_rq *rq = h->rq;

	http_body_of_request(&h->body[0], &rq->head);
	/* who spoke HTTP/1.0 hears the end of a body as the end of all */
	rq->stays = rq->head.keep_alive && rq->head.minor == 1;
	rq->repeats = h->body[0].framing == HTTP_NO_BODY &&
		      !rq->head.websocket &&
		      (is_method(rq, "GET") || rq->is_head ||
		       is_method(rq, "OPTIONS"));
	rq->at = h->in[0].at;
	h->in[0].pinned = true;
	h->in[0].at += rq->head.len;
}

/* What of the body has come with the head is looked at before anybody is
 * asked. */
static int
body_placeholder(struct http *h)
{
	struct http_body b = h->body[0];
	struct http_scan scan = { 0 };
	size_t at = h->in[0].at;

	while (!b.done && at < h->in[0].len) {
		enum http_reason why;
		size_t pos, len;
		ssize_t n = http_body_take(&b, h->in[0].buf + at,
					   h->in[0].len - at, &pos, &len, &why);
		int r;

		if (n < 0)
			return -ENOENT; /* is refused when it would be sent */
		r = http_scan(&scan, h->conn->shim, h->in[0].buf + at + pos,
			      len);
		if (r >= 0)
			return r;
		at += (size_t)n;
	}
	return -ENOENT;
}

/* Placeholders that nothing replaces go nowhere. */
static enum http_do
look_for_placeholders(struct http *h)
{
	const struct shim *s = h->conn->shim;
	struct http_rq *rq = h->rq;
	int r;

	if (!s->n_placeholders)
		return http_ask(h);
	http_seen_head(s, h->in[0].buf + rq->at, &rq->head, &rq->url,
		       &rq->seen);
	for (size_t i = 0; i < rq->seen.n; i++)
		if (rq->seen.v[i][1] & NET_SEEN_PATH)
			return http_refuse_for(
				h, HTTP_SEEN_PATH,
				s->placeholder[rq->seen.v[i][0]].name);
	r = body_placeholder(h);
	if (r >= 0)
		return http_refuse_for(h, HTTP_SEEN_BODY,
				       s->placeholder[r].name);
	return http_ask(h);
}

/* The target as it came, for the record; it has no control bytes. */
static enum http_do
refuse_request(struct http *h, enum http_reason why)
{
	const struct http_head *head = &h->rq->head;
	struct http_text t = why == HTTP_HOST_MISMATCH || why == HTTP_BAD_HOST
				     ? head->host
				     : head->target;
	char detail[256];

	if (!t.len)
		t = head->target;
	snprintf(detail, sizeof(detail), "%.*s %.*s", (int)head->method.len,
		 bytes(h) + head->method.at, (int)MIN(t.len, 200u),
		 bytes(h) + t.at);
	return http_refuse_for(h, why, detail[0] == ' ' ? NULL : detail);
}

static struct http_rq *
new_request(const struct http *h, size_t len)
{
	const char *lf = memchr(bytes(h), '\n', len);
	size_t line = lf ? (size_t)(lf - bytes(h)) : len;
	struct http_rq *rq =
		malloc(sizeof(*rq) + HTTP_URL_ROOM(MIN(line, SHIM_URL_MAX)));

	if (rq)
		rq->seen.n = 0;
	return rq;
}

enum http_do
http_begin(struct http *h, size_t len)
{
	enum http_reason why;

	h->rq = new_request(h, len);
	if (!h->rq)
		return HTTP_RESET;
	h->rq->is_head = h->rq->stays = false;
	if (http_request_parse(h->in[0].buf + h->in[0].at, len, &h->rq->head,
			       &why) < 0)
		return refuse_request(h, why);
	why = read_request(h);
	if (!why && limits_allow(h->conn->shim, true, 1) < 0)
		return http_refuse_limit(h, true);
	if (why)
		return refuse_request(h, why);
	set_flow(h);
	if (h->own)
		return http_answer_own(h, h->own_status, h->own, h->own_len);
	if (h->rq->url.form == HTTP_AUTHORITY)
		return http_connect(h);
	return look_for_placeholders(h);
}
