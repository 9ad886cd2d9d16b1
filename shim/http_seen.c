/*
 * Looking for placeholders. What always holds: each byte that would leave is
 * looked at, in the form in which the other side would read it: parameters
 * decoded, basic credentials decoded, bodies across the borders of pieces.
 */
#include "shim/http_seen.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool
has(const struct placeholder *p, const char *s, size_t len)
{
	size_t n = MIN(p->len, HTTP_PLACEHOLDER_MAX);

	return n && len >= n && memmem(s, len, p->text, n);
}

static void
note(struct http_seen *seen, size_t number, unsigned int where)
{
	size_t i = 0;

	while (i < seen->n && seen->v[i][0] != number)
		i++;
	if (i == HTTP_SEEN_MAX)
		return;
	if (i == seen->n) {
		seen->v[i][0] = (uint16_t)number;
		seen->v[i][1] = 0;
		seen->n++;
	}
	seen->v[i][1] |= (uint16_t)where;
}

static void
look(const struct shim *s, const char *text, size_t len, unsigned int where,
     struct http_seen *seen)
{
	for (size_t i = 0; i < s->n_placeholders; i++)
		if (has(&s->placeholder[i], text, len))
			note(seen, i, where);
}

static int
digit(char c)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(set, c) : NULL;

	return at ? (int)(at - set) : -1;
}

size_t
http_base64(const char *s, size_t n, char *ret)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *b = (const uint8_t *)s;
	char *at = ret;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)b[i] << 16 |
			     (i + 1 < n ? (uint32_t)b[i + 1] << 8 : 0) |
			     (i + 2 < n ? b[i + 2] : 0u);

		*at++ = set[v >> 18];
		*at++ = set[v >> 12 & 63];
		*at++ = i + 1 < n ? set[v >> 6 & 63] : '=';
		*at++ = i + 2 < n ? set[v & 63] : '=';
	}
	return (size_t)(at - ret);
}

ssize_t
http_basic_decode(const char *value, size_t len, char *buf)
{
	uint32_t v = 0;
	size_t n = 0, i = 6;
	int bits = 0, d;

	if (len < 7 || strncasecmp(value, "basic ", 6) != 0)
		return -ENOENT;
	while (i < len && value[i] == ' ')
		i++;
	while (len > i && value[len - 1] == '=')
		len--;
	for (; i < len; i++) {
		d = digit(value[i]);
		if (d < 0)
			return -ENOENT;
		v = v << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8)
			buf[n++] = (char)(v >> (bits -= 8));
	}
	return (ssize_t)n;
}

static void
look_basic(const struct shim *s, const char *value, size_t len,
	   struct http_seen *seen)
{
	char small[512];
	ssize_t n;

	/* no user and password are longer; as they are they say nothing */
	if (len >= sizeof(small))
		return;
	n = http_basic_decode(value, len, small);
	if (n > 0)
		look(s, small, (size_t)n, NET_SEEN_BASIC, seen);
}

void
http_seen_head(const struct shim *s, const char *data,
	       const struct http_head *h, const struct http_url *url,
	       struct http_seen *ret)
{
	ret->n = 0;
	if (!s->n_placeholders)
		return;
	for (unsigned int i = 0; i < h->n; i++) {
		const struct http_field *f = &h->field[i];

		if (f->drop)
			continue;
		look(s, data + f->name.at, f->name.len, NET_SEEN_HEADER, ret);
		look(s, data + f->value.at, f->value.len, NET_SEEN_HEADER, ret);
		if (f->id == HTTP_FIELD_AUTHORIZATION)
			look_basic(s, data + f->value.at, f->value.len, ret);
	}
	look(s, url->path, strlen(url->path), NET_SEEN_PATH, ret);
	for (size_t i = 0; i < url->n; i++) {
		const struct pair *p = &url->param[i];

		look(s, p->name, p->name_len, NET_SEEN_QUERY, ret);
		look(s, p->value, p->value_len, NET_SEEN_QUERY, ret);
	}
}

static int
find(const struct shim *s, const char *data, size_t len)
{
	for (size_t i = 0; i < s->n_placeholders; i++)
		if (has(&s->placeholder[i], data, len))
			return (int)i;
	return -ENOENT;
}

/* Keeps the last bytes for the next border. */
static void
keep_tail(struct http_scan *scan, const char *data, size_t len)
{
	size_t room = sizeof(scan->tail), keep;

	if (len >= room) {
		memcpy(scan->tail, data + len - room, room);
		scan->len = room;
		return;
	}
	keep = MIN(scan->len, room - len);
	memmove(scan->tail, scan->tail + scan->len - keep, keep);
	memcpy(scan->tail + keep, data, len);
	scan->len = keep + len;
}

int
http_scan(struct http_scan *scan, const struct shim *s, const char *data,
	  size_t len)
{
	char border[2 * HTTP_PLACEHOLDER_MAX];
	size_t n = MIN(len, HTTP_PLACEHOLDER_MAX - 1);
	int r;

	if (!s->n_placeholders || !len)
		return -ENOENT;
	r = find(s, data, len);
	if (r < 0 && scan->len) {
		memcpy(border, scan->tail, scan->len);
		memcpy(border + scan->len, data, n);
		r = find(s, border, scan->len + n);
	}
	keep_tail(scan, data, len);
	return r;
}
