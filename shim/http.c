/*
 * The engine of HTTP: who goes on, and how bytes come and go. What always
 * holds: a step is only run by http_pump(), and after a step that ended the
 * connection nothing of it is touched; at most one buffer is held for each of
 * the four ways; an action that was opened is told its end exactly once.
 */
#include "shim/http-internal.h"

#include "shim/limits.h"
#include "shim/reasons.h"
#include "shim/shim-internal.h"
#include "shim/tls.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* ---- reading ------------------------------------------------------------- */

static int
make_room(struct http_in *in)
{
	size_t size = MIN(MAX(in->size * 2, SHIM_BUFFER), SHIM_HEAD_MAX);
	char *p;

	if (!in->pinned && in->at == in->len)
		in->at = in->len = 0;
	if (in->len < in->size)
		return 0;
	if (!in->pinned && in->at) {
		memmove(in->buf, in->buf + in->at, in->len - in->at);
		in->len -= in->at;
		in->at = 0;
		return 0;
	}
	if (size <= in->size)
		return -ENOBUFS;
	p = realloc(in->buf, size);
	if (!p)
		return -ENOMEM;
	in->buf = p;
	in->size = size;
	return 0;
}

static void
moved(struct http *h, bool out, size_t n)
{
	*(out ? &h->bytes_out : &h->bytes_in) += n;
	h->turn += n;
	h->conn->idle_ticks = 0;
	limits_moved(h->conn->shim, out, n);
}

ssize_t
http_fill(struct http *h, bool server)
{
	struct conn *c = h->conn;
	struct stream *s = server ? &c->server : &c->client;
	struct http_in *in = &h->in[server];
	ssize_t want, n;
	int r;

	if (h->dry[server])
		return -EAGAIN;
	r = make_room(in);
	if (r < 0)
		return r;
	want = (ssize_t)(in->size - in->len);
	if (server)
		want = limits_allow(c->shim, false, (size_t)want);
	if (want == 0)
		limits_wait(c);
	if (want <= 0)
		return want < 0 ? want : -EAGAIN;
	n = stream_read(s, in->buf + in->len, (size_t)want);
	/* a short count means that the socket is empty, and that the loop will
	 * say when it is not */
	h->dry[server] = n == -EAGAIN || (n > 0 && !c->hup[server] &&
					  (s->tls ? tls_drained(s) : n < want));
	if (n <= 0)
		return n;
	in->len += (size_t)n;
	c->idle_ticks = 0;
	if (server)
		moved(h, false, (size_t)n);
	return n;
}

/* ---- writing ------------------------------------------------------------- */

int
http_flush(struct http *h, bool server)
{
	struct conn *c = h->conn;
	struct stream *s = server ? &c->server : &c->client;
	struct http_out *o = &h->out[server];

	while (o->at < o->len) {
		ssize_t n = -EAGAIN;

		if (!h->blocked[server])
			n = stream_write(s, o->buf + o->at, o->len - o->at);
		if (n == -EAGAIN)
			h->blocked[server] = true;
		if (n < 0)
			return (int)n;
		o->at += (size_t)n;
		h->conn->idle_ticks = 0;
		if (server)
			moved(h, true, (size_t)n);
		h->blocked[server] = !s->tls && o->at < o->len;
	}
	if (o->secret)
		http_out_free(o);
	o->at = o->len = 0;
	return 0;
}

/* All that is held and one piece of a body, without copying that. Returns how
 * much of the body's iovec went. */
static ssize_t
send_at_once(struct http *h, bool server, struct iovec *v, size_t n)
{
	struct stream *s = server ? &h->conn->server : &h->conn->client;
	const struct msghdr m = { .msg_iov = v, .msg_iovlen = n };
	ssize_t sent;

	do
		sent = sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno != EAGAIN) {
		s->broken = true;
		return -errno;
	}
	if (sent > 0 && server)
		moved(h, true, (size_t)sent);
	return sent < 0 ? 0 : sent;
}

static int
send_vector(struct http *h, bool server, struct iovec *v, size_t n)
{
	struct http_out *o = &h->out[server];
	ssize_t sent = send_at_once(h, server, v, n);
	size_t held = o->len - o->at, left;

	if (sent < 0)
		return (int)sent;
	left = MIN((size_t)sent, held);
	o->at += left;
	left = (size_t)sent - left;
	for (size_t i = 1; i < n; i++) {
		size_t gone = MIN(left, v[i].iov_len);

		left -= gone;
		if (gone < v[i].iov_len)
			http_out_put(o, (char *)v[i].iov_base + gone,
				     v[i].iov_len - gone);
	}
	h->blocked[server] = o->at < o->len;
	return o->failed ? -ENOMEM : 0;
}

int
http_send_body(struct http *h, bool server, const char *data, size_t n,
	       bool chunked)
{
	struct stream *s = server ? &h->conn->server : &h->conn->client;
	struct http_out *o = &h->out[server];
	char line[20], crlf[] = "\r\n";
	struct iovec v[4];

	if (s->tls || h->blocked[server] || n < 1024 || o->secret) {
		if (chunked)
			http_out_chunk(o, data, n);
		else
			http_out_put(o, data, n);
		return o->failed ? -ENOMEM : 0;
	}
	v[0] = (struct iovec){ o->buf + o->at, o->len - o->at };
	v[1] = (struct iovec){ line, chunked ? http_chunk_line(n, line) : 0 };
	/* sendmsg(2) only reads */
	v[2] = (struct iovec){ (void *)(uintptr_t)data, n };
	v[3] = (struct iovec){ crlf, chunked ? 2 : 0 };
	return send_vector(h, server, v, ARRAY_SIZE(v));
}

/* ---- what may go --------------------------------------------------------- */

static void
on_more(struct ask *a, struct answer *an)
{
	struct http *h = (void *)((char *)a - offsetof(struct http, more));

	h->asking_more = false;
	if (an->verdict != NET_YES)
		h->no_more = true;
	else if (an->leased)
		h->lease += an->lease;
	else
		h->leased = false;
	http_pump(h->conn);
}

ssize_t
http_may(struct http *h, bool out, size_t n)
{
	struct conn *c = h->conn;
	ssize_t may = (ssize_t)n;

	if (h->leased && h->lease < HTTP_LEASE_AHEAD && !h->asking_more &&
	    !h->no_more) {
		h->asking_more = true;
		h->more.done = on_more;
		link_more(c->shim->link, h->action, HTTP_LEASE, &h->more);
	}
	if (h->leased)
		n = (size_t)MIN(n, h->lease);
	if (!n)
		return h->no_more ? -EACCES : 0;
	/* what comes in was counted when it was read */
	if (out)
		may = limits_allow(c->shim, true, n);
	else
		may = (ssize_t)n;
	if (may == 0)
		limits_wait(c);
	return may;
}

/* ---- the server's side, and the end of things ---------------------------- */

static void
in_free(struct http_in *in)
{
	free(in->buf);
	*in = (struct http_in){ NULL };
}

void
http_trim(struct http *h)
{
	for (int i = 0; i < 2; i++) {
		if (h->in[i].at == h->in[i].len && !h->in[i].pinned)
			in_free(&h->in[i]);
		if (h->out[i].at == h->out[i].len)
			http_out_free(&h->out[i]);
	}
}

void
http_drop_server(struct http *h, bool reset)
{
	struct conn *c = h->conn;

	shim_free_event(&c->ev_server);
	stream_close(&c->server, reset);
	c->hup[1] = false;
	if (c->number)
		link_gone(c->shim->link, c->number);
	c->number = 0;
	in_free(&h->in[1]);
	http_out_free(&h->out[1]);
	h->dry[1] = h->blocked[1] = false;
	h->up_dead = h->again = false;
}

void
http_done(struct http *h, const char *status, const char *error,
	  const char *detail)
{
	const struct result r = {
		.status = status,
		.error = error,
		.detail = detail,
		.bytes_in = h->bytes_in,
		.bytes_out = h->bytes_out,
		.response = h->status,
	};

	if (h->action)
		link_done(h->conn->shim->link, h->action, &r);
	h->action = 0;
	h->leased = h->no_more = false;
	if (h->asking_more)
		link_ask_cancel(h->conn->shim->link, &h->more);
	h->asking_more = false;
}

void
http_next(struct http *h)
{
	free(TAKE_PTR(h->rq));
	h->in[0].pinned = false;
	h->scanned = 0;
	h->blank = false;
	h->head_ticks = 0;
	h->bytes_in = h->bytes_out = 0;
	h->status = 0;
	h->scan.len = 0;
	h->retried = h->answered = h->head_done = false;
	h->served = true;
	h->state = HTTP_AT_HEAD;
}

/* Everything but the connection. */
static void
let_go(struct http *h)
{
	struct link *l = h->conn->shim->link;

	http_done(h, "killed", NULL, NULL);
	if (h->asking)
		link_ask_cancel(l, &h->ask);
	if (h->routing)
		link_route_cancel(l, &h->route);
	if (h->finding)
		link_found_cancel(l, &h->found);
	for (int i = 0; i < 2; i++) {
		in_free(&h->in[i]);
		http_out_free(&h->out[i]);
	}
	free(h->rq);
	free(h->own);
	free(h);
}

static void
engine_free(struct conn *c)
{
	let_go(TAKE_PTR(c->engine));
	c->engine_free = NULL;
}

void
http_leave(struct http *h)
{
	struct conn *c = h->conn;

	conn_on_tick(c, NULL);
	c->engine = NULL;
	c->engine_free = NULL;
	let_go(h);
}

/* ---- the loop ------------------------------------------------------------ */

static enum http_do (*const steps[HTTP_STATES])(struct http *) = {
	[HTTP_AT_HEAD] = http_read_head, [HTTP_AT_ROUTE] = http_wait,
	[HTTP_AT_ASK] = http_wait,	 [HTTP_AT_DIAL] = http_dial,
	[HTTP_AT_BOTH] = http_both,	 [HTTP_AT_FIND] = http_wait,
	[HTTP_AT_TELL] = http_tell,	 [HTTP_AT_OPEN] = http_open,
	[HTTP_AT_LINGER] = http_linger,
};

void
http_pump(struct conn *c)
{
	struct http *h = c->engine;
	enum http_do r;

	h->turn = 0;
	do
		r = steps[h->state](h);
	while (r == HTTP_GO);
	if (r == HTTP_END || r == HTTP_RESET) {
		http_done(h, "error", "client-gone", NULL);
		conn_free(c, r == HTTP_RESET);
	}
}

/* TLS reads to write, and writes to read. */
static void
on_event(struct conn *c, bool server)
{
	const struct stream *s = server ? &c->server : &c->client;
	struct http *h = c->engine;

	if (s->tls || (c->what & (EV_READ | EV_CLOSED)))
		h->dry[server] = false;
	h->blocked[server] = false;
	http_pump(c);
}

static void
on_client(struct conn *c)
{
	on_event(c, false);
}

static void
on_server(struct conn *c)
{
	on_event(c, true);
}

static enum http_do
timed_out(struct http *h, const char *over)
{
	if (h->state == HTTP_AT_HEAD && h->in[0].at == h->in[0].len)
		return HTTP_END;
	http_done(h, "timeout", over, NULL);
	if (h->state == HTTP_AT_DIAL ||
	    (h->state == HTTP_AT_BOTH && !h->head_done))
		return http_failed(h, 504, over, "the request took too long");
	return HTTP_RESET;
}

static bool
head_is_late(struct http *h)
{
	return h->state == HTTP_AT_HEAD &&
	       (h->in[0].at < h->in[0].len || !h->served) &&
	       ++h->head_ticks >= shim_head_ticks(h->conn->shim);
}

static void
on_tick(struct conn *c)
{
	struct http *h = c->engine;
	const char *over = conn_expired(c);
	enum http_do r = HTTP_WAIT;

	if (h->state == HTTP_AT_LINGER &&
	    ++h->linger_ticks >= HTTP_LINGER_TICKS)
		r = HTTP_END;
	else if (head_is_late(h))
		r = http_refuse_word(h, SHIM_WORD(TOO_SLOW), 408, NULL);
	else if (over)
		r = timed_out(h, over);
	/* a reset that came together with bytes is told in the same words as
	 * bytes alone, so it is looked for once after each burst */
	if (r == HTTP_WAIT && c->idle_ticks == 1) {
		h->dry[0] = h->dry[1] = false;
		r = HTTP_GO;
	}
	if (r == HTTP_GO)
		http_pump(c);
	else if (r == HTTP_END || r == HTTP_RESET)
		conn_free(c, r == HTTP_RESET);
}

/* c->early becomes the client's first bytes. */
static void
take_early(struct http *h)
{
	struct conn *c = h->conn;

	h->in[0].len = h->in[0].size = c->early_len;
	h->in[0].buf = (char *)TAKE_PTR(c->early);
	c->early_len = 0;
}

static int
start(struct conn *c, struct http *h)
{
	h->conn = c;
	if (c->engine_free)
		c->engine_free(c);
	c->engine = h;
	c->engine_free = engine_free;
	c->idle_ticks = 0;
	take_early(h);
	conn_on_tick(c, on_tick);
	return conn_watch(c, false, on_client);
}

int
http_start(struct conn *c, bool proxy)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->proxy = proxy;
	if (start(c, h) < 0)
		return -ENOMEM;
	http_pump(c);
	return 0;
}

int
http_refuse(struct conn *c, int status_code, const char *body, size_t len)
{
	struct http *h = calloc(1, sizeof(*h));
	char *own = malloc(len + 1);

	if (!h || !own) {
		free(h);
		free(own);
		return -ENOMEM;
	}
	memcpy(own, body, len);
	h->own = own;
	h->own_len = len;
	h->own_status = status_code;
	if (start(c, h) < 0)
		return -ENOMEM;
	http_pump(c);
	return 0;
}

int
http_watch_server(struct http *h)
{
	static const struct linger reset = { .l_onoff = 1 };
	static const int one = 1;
	int fd = h->conn->server.fd;

	/* if this process ends, so does the stream, with a reset */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	h->dry[1] = true; /* if not, the loop will say so */
	return conn_watch(h->conn, true, on_server);
}
