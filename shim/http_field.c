/*
 * What the fields of a head say to whoever passes it on: how long the body is,
 * whether the connection stays, what it is to become. What always holds: a
 * body's length has one source, and a field that decides on anything is there
 * once, under its own name.
 */
#include "shim/http_head.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct known {
	const char *name;
	uint8_t len, flags;
};

static const struct known known[HTTP_FIELD_MAX] = {
#define FIELD(id, text, what)                                                  \
	[HTTP_FIELD_##id] = { text, sizeof(text) - 1, what },
	HTTP_FIELDS(FIELD)
#undef FIELD
};

static enum http_field_id
find(const char *name, size_t len)
{
	for (unsigned int i = 1; i < HTTP_FIELD_MAX; i++)
		if (known[i].len == len && known[i].name[0] == name[0] &&
		    memcmp(known[i].name, name, len) == 0)
			return i;
	return HTTP_FIELD_OTHER;
}

/* CGI and its children read "content_length" as Content-Length. */
static bool
looks_like_known(const char *name, size_t len)
{
	char s[32];

	if (len >= sizeof(s) || !memchr(name, '_', len))
		return false;
	for (size_t i = 0; i < len; i++)
		s[i] = (char)(name[i] == '_' ? '-' : name[i]);
	return find(s, len) != HTTP_FIELD_OTHER;
}

bool
http_is_word(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(s, word, len) == 0;
}

/* tchar of RFC 9110, 5.6.2 */
static bool
is_tchar(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

int
http_token_next(const char *s, size_t len, size_t *at, struct http_text *ret)
{
	size_t i = *at, from;

	while (i < len && (s[i] == ',' || s[i] == ' ' || s[i] == '\t'))
		i++;
	from = i;
	while (i < len && is_tchar(s[i]))
		i++;
	*ret = (struct http_text){ (uint32_t)from, (uint32_t)(i - from) };
	if (i == from)
		return i == len ? 0 : -EPROTO;
	while (i < len && (s[i] == ' ' || s[i] == '\t'))
		i++;
	if (i < len && s[i] != ',')
		return -EPROTO;
	*at = i;
	return 1;
}

/* Digits and nothing else; 18 of them always fit. */
static enum http_reason
read_length(struct http_head *h, const char *s, size_t len)
{
	if (!len || len > 18 || (len > 1 && s[0] == '0'))
		return HTTP_BAD_LENGTH;
	h->length = 0;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return HTTP_BAD_LENGTH;
		h->length = h->length * 10 + (uint64_t)(s[i] - '0');
	}
	h->has_length = true;
	return HTTP_FINE;
}

static enum http_reason
read_connection(struct http_head *h, const char *data, struct http_text v)
{
	struct http_text t;
	size_t at = 0;
	int r;

	while ((r = http_token_next(data + v.at, v.len, &at, &t)) > 0) {
		const char *s = data + v.at + t.at;

		if (http_is_word(s, t.len, "close"))
			h->says_close = true;
		else if (http_is_word(s, t.len, "keep-alive"))
			h->says_keep = true;
		else if (http_is_word(s, t.len, "upgrade"))
			h->says_upgrade = true;
		else if (h->n_nominated == HTTP_NOMINATED_MAX)
			return HTTP_BAD_CONNECTION;
		else
			h->nominated[h->n_nominated++] =
				(struct http_text){ v.at + t.at, t.len };
	}
	return r < 0 ? HTTP_BAD_CONNECTION : HTTP_FINE;
}

static enum http_reason
read_upgrade(struct http_head *h, const char *s, size_t len)
{
	if (http_is_word(s, len, "websocket")) {
		h->websocket = true;
		return HTTP_FINE;
	}
	if (h->status)
		return HTTP_FINE; /* an offer; it is not passed on */
	for (size_t i = 0; i + 3 <= len; i++)
		if (strncasecmp(s + i, "h2c", 3) == 0)
			return HTTP_H2C;
	return HTTP_UPGRADE;
}

static enum http_reason
read_known(struct http_head *h, const char *data, const struct http_field *f)
{
	const char *s = data + f->value.at;
	size_t len = f->value.len;

	switch (f->id) {
	case HTTP_FIELD_HOST:
		h->host = f->value;
		h->has_host = true;
		return HTTP_FINE;
	case HTTP_FIELD_LENGTH:
		return read_length(h, s, len);
	case HTTP_FIELD_CODING:
		h->chunked = true;
		return http_is_word(s, len, "chunked") ? HTTP_FINE
						       : HTTP_BAD_CODING;
	case HTTP_FIELD_CONNECTION:
		return read_connection(h, data, f->value);
	case HTTP_FIELD_UPGRADE:
		return read_upgrade(h, s, len);
	case HTTP_FIELD_HTTP2_SETTINGS:
		return h->status ? HTTP_FINE : HTTP_H2C;
	case HTTP_FIELD_EXPECT:
		h->expect = true;
		return h->status || http_is_word(s, len, "100-continue")
			       ? HTTP_FINE
			       : HTTP_BAD_EXPECT;
	default:
		return HTTP_FINE;
	}
}

enum http_reason
http_field_read(struct http_head *h, const char *data, struct http_field *f)
{
	const char *name = data + f->name.at;
	unsigned int id = find(name, f->name.len), flags = known[id].flags;
	unsigned int once = h->status ? HTTP_ONCE : HTTP_ONCE | HTTP_ONCE_ASKED;

	f->id = (uint8_t)id;
	f->drop = flags & HTTP_HOP;
	if (id == HTTP_FIELD_OTHER)
		return looks_like_known(name, f->name.len) ? HTTP_LOOKALIKE
							   : HTTP_FINE;
	if ((flags & once) && (h->seen & 1ull << id))
		return id == HTTP_FIELD_LENGTH ? HTTP_LENGTH_TWICE : HTTP_TWICE;
	h->seen |= 1ull << id;
	return read_known(h, data, f);
}

/* RFC 9110, 7.6.1: what Connection names goes no further. But nobody may have
 * that taken out by which others decide. */
static enum http_reason
drop_nominated(struct http_head *h, const char *data)
{
	for (unsigned int k = 0; k < h->n_nominated; k++) {
		const struct http_text *t = &h->nominated[k];

		for (unsigned int i = 0; i < h->n; i++) {
			struct http_field *f = &h->field[i];

			if (f->name.len != t->len ||
			    strncasecmp(data + f->name.at, data + t->at,
					t->len) != 0)
				continue;
			if (known[f->id].flags & HTTP_KEPT)
				return HTTP_CONNECTION_NAMES;
			f->drop = true;
		}
	}
	return HTTP_FINE;
}

static const struct http_field *
get(const struct http_head *h, enum http_field_id id)
{
	for (unsigned int i = 0; i < h->n; i++)
		if (h->field[i].id == id)
			return &h->field[i];
	return NULL;
}

/* RFC 6455, 4.1 */
static bool
websocket_is_good(const struct http_head *h, const char *data)
{
	const struct http_field *key = get(h, HTTP_FIELD_WEBSOCKET_KEY),
				*version = get(h, HTTP_FIELD_WEBSOCKET_VERSION);

	return h->says_upgrade && h->minor == 1 && key && version &&
	       key->value.len == 24 &&
	       http_is_word(data + version->value.at, version->value.len,
			    "13") &&
	       h->method.len == 3 && memcmp(data, "GET", 3) == 0 &&
	       !h->chunked && !h->length;
}

static enum http_reason
request_end(struct http_head *h, const char *data)
{
	const char *m = data + h->method.at;

	if (http_is_word(m, h->method.len, "TRACE") ||
	    http_is_word(m, h->method.len, "TRACK"))
		return HTTP_ECHO_METHOD;
	if (h->minor == 1 && !h->has_host)
		return HTTP_NO_HOST;
	if (h->websocket && !h->says_upgrade && h->minor == 0)
		h->websocket = false;
	if (h->websocket && !websocket_is_good(h, data))
		return HTTP_BAD_WEBSOCKET;
	if (h->minor == 0 || (!h->chunked && !h->length))
		h->expect = false; /* RFC 9110, 10.1.1 */
	return HTTP_FINE;
}

enum http_reason
http_fields_end(struct http_head *h, const char *data)
{
	enum http_reason why = drop_nominated(h, data);

	if (why)
		return why;
	if (h->chunked && h->has_length)
		return HTTP_LENGTH_AND_CODING;
	if (h->chunked && !h->minor)
		return HTTP_CODING_1_0;
	h->keep_alive = !h->says_close && (h->minor || h->says_keep);
	if (h->status) {
		h->websocket =
			h->websocket && h->says_upgrade && h->status == 101;
		return HTTP_FINE;
	}
	return request_end(h, data);
}

static const struct {
	const char *word, *text;
} reasons[HTTP_REASON_MAX] = {
#define REASON(id, word, text, cure) [id] = { word, text },
	HTTP_REASONS(REASON)
#undef REASON
};

const char *
http_reason_word(enum http_reason r)
{
	return reasons[r].word;
}

const char *
http_reason_text(enum http_reason r)
{
	return reasons[r].text;
}

int
http_reason_status(enum http_reason r)
{
	switch (r) {
	case HTTP_HEAD_TOO_LARGE:
	case HTTP_QUERY_TOO_MANY:
		return 431;
	case HTTP_URL_TOO_LONG:
		return 414;
	case HTTP_BAD_EXPECT:
		return 417;
	case HTTP_BAD_CODING:
		return 501;
	case HTTP_BAD_VERSION:
	case HTTP_HTTP2:
		return 505;
	case HTTP_HOST_MISMATCH:
		return 421;
	case HTTP_SEEN_PATH:
	case HTTP_SEEN_BODY:
		return 403;
	case HTTP_TLS:
	case HTTP_NO_ANSWER:
	case HTTP_BAD_SECRET:
		return 502;
	default:
		return 400;
	}
}
