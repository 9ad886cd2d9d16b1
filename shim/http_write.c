/*
 * Writing. What always holds: nothing of a head goes on but what was decided
 * on; what belongs to one hop (RFC 9110, 7.6.1) does not; the body's length is
 * said once; no value, a secret's neither, can end a line.
 */
#include "shim/http_write.h"
#include "shim/http_seen.h"

#include <errno.h>
#include <string.h>

void
http_out_free(struct http_out *o)
{
	if (o->secret && o->buf)
		explicit_bzero(o->buf, o->size);
	free(o->buf);
	*o = (struct http_out){ .failed = o->failed };
}

static void
grow(struct http_out *o, size_t want)
{
	size_t size = o->size ? o->size : 1024;
	char *p;

	while (size < want)
		size *= 2;
	p = want > HTTP_OUT_MAX ? NULL : malloc(size);
	if (!p) {
		o->failed = true;
		return;
	}
	if (o->len)
		memcpy(p, o->buf, o->len);
	if (o->secret && o->buf)
		explicit_bzero(o->buf, o->size);
	free(o->buf);
	o->buf = p;
	o->size = size;
}

void
http_out_put(struct http_out *o, const void *data, size_t n)
{
	if (o->at == o->len)
		o->at = o->len = 0;
	if (o->size - o->len < n)
		grow(o, o->len + n);
	if (o->failed || !n)
		return;
	memcpy(o->buf + o->len, data, n);
	o->len += n;
}

void
http_out_text(struct http_out *o, const char *s)
{
	http_out_put(o, s, strlen(s));
}

void
http_out_number(struct http_out *o, uint64_t v)
{
	char buf[20], *at = buf + sizeof(buf);

	do
		*--at = (char)('0' + v % 10);
	while (v /= 10);
	http_out_put(o, at, (size_t)(buf + sizeof(buf) - at));
}

size_t
http_chunk_line(size_t n, char *buf)
{
	static const char digits[] = "0123456789abcdef";
	char rev[16];
	size_t k = 0, i = 0;

	do
		rev[k++] = digits[n & 15];
	while (n >>= 4);
	while (k)
		buf[i++] = rev[--k];
	buf[i++] = '\r';
	buf[i++] = '\n';
	return i;
}

void
http_out_chunk(struct http_out *o, const void *data, size_t n)
{
	char line[20];

	http_out_put(o, line, http_chunk_line(n, line));
	http_out_put(o, data, n);
	http_out_put(o, "\r\n", 2);
}

/* The secret whose placeholder begins at s. */
static const struct http_secret *
secret_at(const struct http_changes *c, const char *s, size_t len)
{
	for (size_t i = 0; i < c->n_secrets; i++) {
		const struct http_secret *p = &c->secret[i];

		if (p->len <= len && *s == *p->text &&
		    memcmp(s, p->text, p->len) == 0)
			return p;
	}
	return NULL;
}

static void
put_encoded(struct http_out *o, const char *s, size_t n, bool encode)
{
	char buf[3 * 64];

	for (size_t at = 0; encode && at < n; at += 64)
		http_out_put(o, buf,
			     http_url_encode(s + at, MIN(n - at, 64u), buf));
	if (encode)
		explicit_bzero(buf, sizeof(buf));
	else
		http_out_put(o, s, n);
}

/* With values in place of placeholders. */
static void
put_replaced(struct http_out *o, const struct http_changes *c, const char *s,
	     size_t n, bool encode)
{
	size_t from = 0, i = 0;

	while (i < n) {
		const struct http_secret *p = secret_at(c, s + i, n - i);

		if (!p) {
			i++;
			continue;
		}
		put_encoded(o, s + from, i - from, encode);
		o->secret = true;
		put_encoded(o, p->value, p->value_len, encode);
		from = i += p->len;
	}
	put_encoded(o, s + from, n - from, encode);
}

static bool
has_secret(const struct http_changes *c, const char *s, size_t n)
{
	for (size_t i = 0; c && i < c->n_secrets; i++)
		if (memmem(s, n, c->secret[i].text, c->secret[i].len))
			return true;
	return false;
}

/* "Basic ", if there is a placeholder inside. */
static bool
put_basic(struct http_out *o, const struct http_changes *c, const char *s,
	  size_t n)
{
	struct http_out plain = { .secret = true };
	char buf[512], *text;
	ssize_t r;

	if (n >= sizeof(buf))
		return false;
	r = http_basic_decode(s, n, buf);
	if (r <= 0 || !has_secret(c, buf, (size_t)r))
		return false;
	put_replaced(&plain, c, buf, (size_t)r, false);
	text = plain.failed ? NULL : malloc(4 * (plain.len / 3 + 1));
	if (text) {
		size_t len = http_base64(plain.buf, plain.len, text);

		o->secret = true;
		http_out_text(o, "Basic ");
		http_out_put(o, text, len);
		explicit_bzero(text, len);
	} else
		o->failed = true;
	free(text);
	http_out_free(&plain);
	return true;
}

static bool
is_set(const struct net_bytes *pairs, const char *name, size_t len)
{
	struct net_bytes n, v;
	size_t at = 0;

	while (pairs->data && net_pair(pairs, &at, &n, &v))
		if (n.len == len && memcmp(n.data, name, len) == 0)
			return true;
	return false;
}

static void
put_field(struct http_out *o, const char *data, const struct http_field *f,
	  const struct http_changes *c)
{
	const char *value = data + f->value.at;

	http_out_put(o, data + f->name.at, f->name.len);
	http_out_put(o, ": ", 2);
	if (c && has_secret(c, value, f->value.len))
		put_replaced(o, c, value, f->value.len, false);
	else if (!c || f->id != HTTP_FIELD_AUTHORIZATION || !c->n_secrets ||
		 !put_basic(o, c, value, f->value.len))
		http_out_put(o, value, f->value.len);
	http_out_put(o, "\r\n", 2);
}

static void
put_query(struct http_out *o, const struct http_request *rq,
	  const struct http_changes *c)
{
	char mark = '?';

	for (size_t i = 0; i < rq->url->n; i++) {
		const struct pair *p = &rq->url->param[i];
		const struct http_text *sent = &rq->url->sent[i];

		if (c && is_set(&c->remove_query, p->name, p->name_len))
			continue;
		http_out_put(o, &mark, 1);
		mark = '&';
		if (!has_secret(c, p->value, p->value_len) &&
		    !has_secret(c, p->name, p->name_len)) {
			http_out_put(o, rq->room + sent->at, sent->len);
			continue;
		}
		put_replaced(o, c, p->name, p->name_len, true);
		http_out_put(o, "=", 1);
		put_replaced(o, c, p->value, p->value_len, true);
	}
}

static void
put_host(struct http_out *o, const struct http_request *rq)
{
	bool six = rq->host->kind == HOSTNAME_IPV6;

	http_out_text(o, six ? "host: [" : "host: ");
	http_out_text(o, rq->host->text);
	if (six)
		http_out_put(o, "]", 1);
	if (rq->port != (rq->tls ? 443 : 80)) {
		http_out_put(o, ":", 1);
		http_out_number(o, rq->port);
	}
	http_out_put(o, "\r\n", 2);
}

static void
put_framing(struct http_out *o, enum http_framing f, uint64_t length)
{
	if (f == HTTP_CHUNKED)
		http_out_text(o, "transfer-encoding: chunked\r\n");
	if (f != HTTP_LENGTH)
		return;
	http_out_text(o, "content-length: ");
	http_out_number(o, length);
	http_out_put(o, "\r\n", 2);
}

static void
put_set_headers(struct http_out *o, const struct http_changes *c)
{
	struct net_bytes n, v;
	size_t at = 0;

	while (c->set_headers.data && net_pair(&c->set_headers, &at, &n, &v)) {
		if (!v.len) /* it is only taken out */
			continue;
		o->secret = true;
		http_out_put(o, n.data, n.len);
		http_out_put(o, ": ", 2);
		http_out_put(o, v.data, v.len);
		http_out_put(o, "\r\n", 2);
	}
}

static enum http_reason
check_changes(const struct http_changes *c)
{
	struct net_bytes n, v;
	size_t at = 0;

	for (size_t i = 0; i < c->n_secrets; i++)
		if (!http_is_value(c->secret[i].value, c->secret[i].value_len))
			return HTTP_BAD_SECRET;
	while (c->set_headers.data && net_pair(&c->set_headers, &at, &n, &v))
		if (!http_is_token((const char *)n.data, n.len) ||
		    !http_is_value((const char *)v.data, v.len))
			return HTTP_BAD_SECRET;
	return HTTP_FINE;
}

static void
put_own_fields(struct http_out *o, const struct http_request *rq)
{
	const struct http_head *h = rq->head;

	if (h->chunked || h->has_length)
		put_framing(o, h->chunked ? HTTP_CHUNKED : HTTP_LENGTH,
			    h->length);
	if (h->expect)
		http_out_text(o, "expect: 100-continue\r\n");
	if (h->websocket)
		http_out_text(o, "connection: upgrade\r\n"
				 "upgrade: websocket\r\n");
	else if (!rq->stays)
		http_out_text(o, "connection: close\r\n");
	http_out_put(o, "\r\n", 2);
}

int
http_write_request(struct http_out *o, const struct http_request *rq,
		   const struct http_changes *c, enum http_reason *ret_why)
{
	const struct http_head *h = rq->head;

	*ret_why = c ? check_changes(c) : HTTP_FINE;
	if (*ret_why)
		return -EPROTO;
	http_out_put(o, rq->method, strlen(rq->method));
	http_out_put(o, " ", 1);
	http_out_put(o, rq->room + rq->url->sent_path.at,
		     rq->url->sent_path.len);
	put_query(o, rq, c);
	http_out_text(o, " HTTP/1.1\r\n");
	put_host(o, rq);
	for (unsigned int i = 0; i < h->n; i++) {
		const struct http_field *f = &h->field[i];

		if (!f->drop &&
		    !(c && is_set(&c->set_headers, rq->data + f->name.at,
				  f->name.len)))
			put_field(o, rq->data, f, c);
	}
	if (c)
		put_set_headers(o, c);
	put_own_fields(o, rq);
	return o->failed ? -ENOMEM : 0;
}

static void
put_status(struct http_out *o, unsigned int status, const char *phrase,
	   size_t len)
{
	http_out_text(o, "HTTP/1.1 ");
	http_out_number(o, status);
	http_out_put(o, " ", 1);
	http_out_put(o, phrase, len);
	http_out_put(o, "\r\n", 2);
}

void
http_write_response(struct http_out *o, const char *data,
		    const struct http_head *h, enum http_framing framing,
		    bool stays)
{
	/* what a body would have had, where there is none: HEAD, 304 */
	bool length = framing == HTTP_LENGTH ||
		      (framing == HTTP_NO_BODY && h->has_length &&
		       h->status >= 200 && h->status != 204);

	put_status(o, h->status, data + h->phrase.at, h->phrase.len);
	for (unsigned int i = 0; i < h->n; i++)
		if (!h->field[i].drop)
			put_field(o, data, &h->field[i], NULL);
	put_framing(o, length ? HTTP_LENGTH : framing, h->length);
	if (h->websocket)
		http_out_text(o, "connection: upgrade\r\n"
				 "upgrade: websocket\r\n");
	else if (h->status >= 200 && !stays)
		http_out_text(o, "connection: close\r\n");
	http_out_put(o, "\r\n", 2);
}

static const char *
phrase_of(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} t[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 408, "Request Timeout" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 417, "Expectation Failed" },
		{ 421, "Misdirected Request" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (t[i].status == status)
			return t[i].phrase;
	return "Refused";
}

void
http_write_own(struct http_out *o, int status, const char *body, size_t len,
	       bool head, bool stays)
{
	const char *phrase = phrase_of(status);

	put_status(o, (unsigned int)status, phrase, strlen(phrase));
	http_out_text(o, "content-type: application/json\r\n"
			 "cache-control: no-store\r\n");
	put_framing(o, HTTP_LENGTH, len);
	http_out_text(o, stays ? "\r\n" : "connection: close\r\n\r\n");
	if (!head)
		http_out_put(o, body, len);
}
