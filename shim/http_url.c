/*
 * URLs. What always holds for one that is let through: it was decoded once and
 * has no second reading that rules would not have seen (no dot segment, no
 * slash or backslash in disguise, no escape of an escape, no control byte),
 * and what is sent on says the same.
 */
#include "shim/http_url.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Where decoded and encoded texts are written. */
struct writer {
	char *room, *plain; /* plain: decoded, from the front */
	char *sent;	    /* encoded */
	bool scoped;	    /* a slash was let through */
};

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
is_unreserved(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' ||
	       c == '~';
}

/* May stand in a path or query as it is: pchar and "/" of RFC 3986, 3.3. */
static bool
is_plain(char c)
{
	return is_unreserved(c) || (c && strchr("!$&'()*+,;=:@/", c));
}

static void
put_escape(char **at, char c)
{
	static const char digits[] = "0123456789ABCDEF";

	*(*at)++ = '%';
	*(*at)++ = digits[(uint8_t)c >> 4];
	*(*at)++ = digits[(uint8_t)c & 15];
}

/* What was an escape stays one, unless it need not be one; what may not stand
 * there becomes one. */
static void
put(struct writer *w, char c, bool escaped, bool query)
{
	*w->plain++ = c;
	if (escaped ? is_unreserved(c) : is_plain(c) || (query && c == '?'))
		*w->sent++ = c;
	else
		put_escape(&w->sent, c);
}

/* One byte of s at *at, decoded. */
static bool
next_byte(const char *s, size_t len, size_t *at, char *ret, bool *ret_escaped)
{
	size_t i = *at;
	int high, low;

	*ret_escaped = s[i] == '%';
	if (!*ret_escaped) {
		*ret = s[i];
		*at = i + 1;
		return true;
	}
	high = len - i < 3 ? -1 : hex(s[i + 1]);
	low = high < 0 ? -1 : hex(s[i + 2]);
	if (low < 0)
		return false;
	*ret = (char)((unsigned int)high << 4 | (unsigned int)low);
	*at = i + 3;
	return true;
}

/* How long a well-formed sequence begins at s (Unicode, table 3-7), or 0. */
static size_t
utf8_sequence(const uint8_t *s, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t n = *s < 0x80   ? 1
		   : *s < 0xc2 ? 0
		   : *s < 0xe0 ? 2
		   : *s < 0xf0 ? 3
		   : *s < 0xf5 ? 4
			       : 0;

	if (!n || n > left)
		return 0;
	if (*s == 0xe0)
		low = 0xa0;
	if (*s == 0xf0)
		low = 0x90;
	if (*s == 0xed)
		high = 0x9f;
	if (*s == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < n; i++) {
		if (s[i] < low || s[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

static bool
is_utf8(const char *s, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_sequence((const uint8_t *)s + i, len - i);
		if (!n)
			return false;
	}
	return true;
}

static bool
is_control(char c)
{
	return (uint8_t)c < 0x20 || c == 0x7f;
}

/* Would whoever decodes once more find what we refuse? */
static bool
has_second_escape(const char *s, size_t len)
{
	for (size_t i = 0; i + 3 <= len; i++) {
		size_t at = i;
		bool escaped;
		char c;

		if (next_byte(s, len, &at, &c, &escaped) && escaped &&
		    (is_control(c) || (c && strchr("./\\%;?#", c))))
			return true;
	}
	return false;
}

/* "." and "..", also before path parameters: "..;x" is ".." to some. */
static bool
is_dots(const char *s, size_t len)
{
	const char *semicolon = memchr(s, ';', len);

	if (semicolon)
		len = (size_t)(semicolon - s);
	return (len == 1 || len == 2) && s[0] == '.' && s[len - 1] == '.';
}

static enum http_reason
check_segments(const char *s, size_t len)
{
	for (size_t at = 1, end; at <= len; at = end + 1) {
		const char *slash = memchr(s + at, '/', len - at);

		end = slash ? (size_t)(slash - s) : len;
		if (is_dots(s + at, end - at))
			return HTTP_DOT_SEGMENT;
		if (end == at && end < len)
			return HTTP_EMPTY_SEGMENT;
	}
	return HTTP_FINE;
}

/*
 * npm writes the name of a scoped package with its slash encoded: @scope%2fname
 * as one segment. That is let through, once in a path, and decided on as the
 * two segments that it means.
 */
static bool
is_scope(struct writer *w)
{
	const char *slash = memrchr(w->room, '/', (size_t)(w->plain - w->room));

	if (w->scoped || !slash || w->plain - slash < 3 || slash[1] != '@')
		return false;
	w->scoped = true;
	return true;
}

static enum http_reason
path_byte(struct writer *w, char c, bool escaped)
{
	if (c == '\\')
		return HTTP_BACKSLASH;
	if (is_control(c))
		return HTTP_URL_CONTROL;
	if (escaped && c == '/' && !is_scope(w))
		return HTTP_ENCODED_SLASH;
	put(w, c, escaped, false);
	return HTTP_FINE;
}

/* s begins with "/". */
static enum http_reason
read_path(const char *s, size_t len, struct writer *w, struct http_url *url)
{
	const char *sent = w->sent;
	bool escaped = false;
	char c = 0;
	size_t n;

	for (size_t at = 0; at < len;) {
		enum http_reason why;

		if (!next_byte(s, len, &at, &c, &escaped))
			return HTTP_BAD_ESCAPE;
		why = path_byte(w, c, escaped);
		if (why)
			return why;
	}
	if (escaped && c == '/')
		return HTTP_ENCODED_SLASH;
	n = (size_t)(w->plain - w->room);
	*w->plain++ = '\0';
	url->path = w->room;
	url->sent_path = (struct http_text){ (uint32_t)(sent - w->room),
					     (uint32_t)(w->sent - sent) };
	if (!is_utf8(w->room, n))
		return HTTP_URL_UTF8;
	if (has_second_escape(w->room, n))
		return HTTP_DOUBLE_ESCAPE;
	return check_segments(w->room, n);
}

/* Up to "=" (of a name) or the end of the parameter. */
static enum http_reason
query_part(const char *s, size_t len, bool name, size_t *at, struct writer *w)
{
	while (*at < len && !(name && s[*at] == '=')) {
		bool escaped;
		char c;

		if (!next_byte(s, len, at, &c, &escaped))
			return HTTP_BAD_ESCAPE;
		if (!c)
			return HTTP_URL_CONTROL;
		put(w, c, escaped, true);
		if (c == '+' && !escaped)
			w->plain[-1] = ' ';
	}
	return HTTP_FINE;
}

static enum http_reason
read_param(const char *s, size_t len, struct writer *w, struct http_url *url)
{
	struct pair *p = &url->param[url->n];
	const char *sent = w->sent;
	enum http_reason why;
	size_t at = 0;

	if (url->n == HTTP_PARAMS_MAX)
		return HTTP_QUERY_TOO_MANY;
	p->name = w->plain;
	why = query_part(s, len, true, &at, w);
	p->value = w->plain;
	p->name_len = (uint32_t)(p->value - p->name);
	if (!why && at < len) {
		at++;
		*w->sent++ = '=';
		why = query_part(s, len, false, &at, w);
	}
	p->value_len = (uint32_t)(w->plain - p->value);
	url->sent[url->n++] = (struct http_text){ (uint32_t)(sent - w->room),
						  (uint32_t)(w->sent - sent) };
	if (!why &&
	    !(is_utf8(p->name, p->name_len) && is_utf8(p->value, p->value_len)))
		why = HTTP_URL_UTF8;
	return why;
}

static enum http_reason
read_query(const char *s, size_t len, struct writer *w, struct http_url *url)
{
	for (size_t at = 0, end; at < len; at = end + 1) {
		const char *stop = memchr(s + at, '&', len - at);
		enum http_reason why;

		end = stop ? (size_t)(stop - s) : len;
		if (end == at)
			continue;
		why = read_param(s + at, end - at, w, url);
		if (why)
			return why;
	}
	return HTTP_FINE;
}

static enum http_reason
read_origin(const char *s, size_t len, char *room, struct http_url *url)
{
	/* decoded texts never outgrow the target, but for one NUL */
	struct writer w = { room, room, room + len + 4, false };
	const char *query = memchr(s, '?', len);
	size_t path = query ? (size_t)(query - s) : len;
	enum http_reason why;

	for (size_t i = 0; i < len; i++)
		if ((uint8_t)s[i] <= ' ' || (uint8_t)s[i] >= 0x7f ||
		    s[i] == '#')
			return HTTP_BAD_TARGET;
	why = path ? read_path(s, path, &w, url) : read_path("/", 1, &w, url);
	if (!why && query)
		why = read_query(query + 1, len - path - 1, &w, url);
	return why;
}

static bool
read_port(const char *s, size_t len, uint16_t *ret)
{
	uint32_t port = 0;

	if (!len || len > 5 || s[0] == '0')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		port = port * 10 + (uint32_t)(s[i] - '0');
	}
	*ret = (uint16_t)port;
	return port <= UINT16_MAX;
}

int
http_authority_parse(const char *s, size_t len, struct hostname *ret,
		     uint16_t *ret_port, enum http_reason *ret_why)
{
	const char *close, *colon;
	size_t from, host;

	*ret_why = HTTP_BAD_HOST;
	*ret_port = 0;
	if (!len)
		return -EPROTO;
	close = *s == '[' ? memchr(s, ']', len) : s;
	from = close ? (size_t)(close - s) : len;
	colon = memchr(s + from, ':', len - from);
	host = colon ? (size_t)(colon - s) : len;
	if (memchr(s, '@', len))
		*ret_why = HTTP_USERINFO;
	if (*ret_why == HTTP_USERINFO || !host)
		return -EPROTO;
	if (colon && !read_port(colon + 1, len - host - 1, ret_port))
		return -EPROTO;
	if (hostname_parse(s, host, true, ret, NULL) < 0)
		return -EPROTO;
	*ret_why = HTTP_FINE;
	return 0;
}

/* http://host[:port][/path][?query] */
static enum http_reason
read_absolute(const char *s, size_t len, char *room, struct http_url *url)
{
	enum http_reason why;
	size_t n = 0;

	if (len < 7 || strncasecmp(s, "http://", 7) != 0)
		return HTTP_BAD_SCHEME;
	s += 7;
	len -= 7;
	while (n < len && s[n] != '/' && s[n] != '?')
		n++;
	if (http_authority_parse(s, n, &url->host, &url->port, &why) < 0)
		return why;
	url->form = HTTP_ABSOLUTE;
	return read_origin(s + n, len - n, room, url);
}

/* Does it begin as a URL with a scheme does? */
static bool
has_scheme(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && ((s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'z'))
		i++;
	return i && i + 3 <= len && memcmp(s + i, "://", 3) == 0;
}

static enum http_reason
read_target(const char *s, size_t len, bool connect, char *room,
	    struct http_url *url)
{
	enum http_reason why = HTTP_BAD_TARGET;

	if (connect) {
		url->form = HTTP_AUTHORITY;
		http_authority_parse(s, len, &url->host, &url->port, &why);
		return !why && !url->port ? HTTP_BAD_TARGET : why;
	}
	if (has_scheme(s, len))
		return read_absolute(s, len, room, url);
	url->form = HTTP_ORIGIN;
	return len && *s == '/' ? read_origin(s, len, room, url)
				: HTTP_BAD_TARGET;
}

int
http_url_parse(const char *target, size_t len, bool connect, char *room,
	       struct http_url *ret, enum http_reason *ret_why)
{
	ret->n = 0;
	ret->port = 0;
	ret->path = "";
	ret->sent_path = (struct http_text){ 0, 0 };
	*ret_why = len > SHIM_URL_MAX
			   ? HTTP_URL_TOO_LONG
			   : read_target(target, len, connect, room, ret);
	return *ret_why ? -EPROTO : 0;
}

size_t
http_url_encode(const char *s, size_t n, char *ret)
{
	char *at = ret;

	for (size_t i = 0; i < n; i++)
		if (is_unreserved(s[i]))
			*at++ = s[i];
		else
			put_escape(&at, s[i]);
	return (size_t)(at - ret);
}
