/*
 * Lines and bytes of a head. What always holds for a head that is let through:
 * lines end with CR LF, names are tokens, values have no control byte but the
 * tabulator, nothing is folded, and every offset lies in the head. What RFC
 * 9112 lets a recipient repair is refused here: whoever reads the bytes after
 * us might repair them in another way.
 */
#include "shim/http_head.h"

#include <errno.h>
#include <string.h>

#define TOKEN 1u  /* RFC 9110, 5.6.2 */
#define VALUE 2u  /* RFC 9110, 5.5: field-vchar, SP, HTAB */
#define TARGET 4u /* visible ASCII */
#define METHOD 8u

#define T (TOKEN | VALUE | TARGET)
#define M (TOKEN | VALUE | TARGET | METHOD)
#define V (VALUE | TARGET)
#define O VALUE /* obs-text */
static const uint8_t class[256] = {
	['\t'] = VALUE,	   [' '] = VALUE,      ['!'] = T,
	['"'] = V,	   ['#' ... '\''] = T, ['('] = V,
	[')'] = V,	   ['*' ... '+'] = T,  [','] = V,
	['-'] = M,	   ['.'] = T,	       ['/'] = V,
	['0' ... '9'] = T, [':' ... '@'] = V,  ['A' ... 'Z'] = M,
	['['] = V,	   ['\\'] = V,	       [']'] = V,
	['^'] = T,	   ['_'] = M,	       ['`'] = T,
	['a' ... 'z'] = T, ['{'] = V,	       ['|'] = T,
	['}'] = V,	   ['~'] = T,	       [0x80 ... 0xff] = O,
};

static size_t
span(const char *s, size_t len, unsigned int what)
{
	size_t i = 0;

	while (i < len && (class[(uint8_t)s[i]] & what))
		i++;
	return i;
}

bool
http_is_value(const char *s, size_t len)
{
	return span(s, len, VALUE) == len;
}

bool
http_is_token(const char *s, size_t len)
{
	return len && span(s, len, TOKEN) == len;
}

int
http_head_scan(const char *data, size_t len, size_t *at, size_t *ret_len)
{
	size_t i = *at;
	const char *lf;

	while (i < len && (lf = memchr(data + i, '\n', len - i))) {
		i = (size_t)(lf - data);
		if (!i || data[i - 1] != '\r')
			return -EPROTO;
		i++;
		if (i == 2 || data[i - 3] == '\n') {
			*ret_len = i;
			return 1;
		}
	}
	*at = len;
	return 0;
}

/* Why a byte may stand nowhere in a head; HTTP_FINE: it is of another kind. */
static enum http_reason
bad_byte(char c, enum http_reason otherwise)
{
	if (c == '\0')
		return HTTP_NUL;
	if (c == '\r')
		return HTTP_BARE_CR;
	if ((uint8_t)c < 0x20 || c == 0x7f)
		return HTTP_CONTROL;
	return otherwise;
}

static bool
is_version(const char *s)
{
	return memcmp(s, "HTTP/", 5) == 0 && s[5] >= '0' && s[5] <= '9' &&
	       s[6] == '.' && s[7] >= '0' && s[7] <= '9';
}

/* "HTTP/1.1" at s, 8 bytes. */
static enum http_reason
read_version(const char *s, struct http_head *h)
{
	if (!is_version(s))
		return HTTP_BAD_LINE;
	if (s[5] == '2')
		return HTTP_HTTP2;
	if (s[5] != '1' || s[7] > '1')
		return HTTP_BAD_VERSION;
	h->minor = (uint8_t)(s[7] - '0');
	return HTTP_FINE;
}

static enum http_reason
read_method(const char *s, size_t len, struct http_head *h)
{
	size_t n = span(s, len, METHOD);

	if (n == len)
		return HTTP_BAD_LINE;
	if (s[n] != ' ')
		return bad_byte(s[n], class[(uint8_t)s[n]] & TOKEN
					      ? HTTP_BAD_METHOD
					      : HTTP_BAD_LINE);
	if (!n)
		return HTTP_BAD_LINE;
	if (n > HTTP_METHOD_MAX)
		return HTTP_BAD_METHOD;
	h->method = (struct http_text){ 0, (uint32_t)n };
	return HTTP_FINE;
}

/* METHOD SP target SP HTTP/1.1; line without its end. */
static enum http_reason
request_line(const char *s, size_t len, struct http_head *h)
{
	enum http_reason why = read_method(s, len, h);
	size_t at, n;

	if (why)
		return why;
	at = h->method.len + 1;
	n = span(s + at, len - at, TARGET);
	if (!n || at + n == len)
		return HTTP_BAD_LINE;
	if (s[at + n] != ' ')
		return bad_byte(s[at + n], HTTP_BAD_TARGET);
	h->target = (struct http_text){ (uint32_t)at, (uint32_t)n };
	at += n + 1;
	if (len - at != 8)
		return HTTP_BAD_LINE;
	why = read_version(s + at, h);
	if (!why && n > SHIM_URL_MAX)
		why = HTTP_URL_TOO_LONG;
	return why;
}

/* HTTP/1.1 SP 200 [SP phrase] */
static enum http_reason
status_line(const char *s, size_t len, struct http_head *h)
{
	enum http_reason why;
	size_t n;

	if (len < 12 || s[8] != ' ')
		return HTTP_BAD_LINE;
	why = read_version(s, h);
	if (why)
		return why;
	for (int i = 9; i < 12; i++) {
		if (s[i] < '0' || s[i] > '9')
			return HTTP_BAD_STATUS;
		h->status = (uint16_t)(h->status * 10 + (s[i] - '0'));
	}
	if (h->status < 100 || h->status > 599)
		return HTTP_BAD_STATUS;
	if (len == 12)
		return HTTP_FINE;
	if (s[12] != ' ')
		return HTTP_BAD_LINE;
	h->phrase = (struct http_text){ 13, (uint32_t)len - 13 };
	n = 13 + span(s + 13, len - 13, VALUE);
	return n == len ? HTTP_FINE : bad_byte(s[n], HTTP_CONTROL);
}

static void
trim(const char *data, struct http_text *t)
{
	while (t->len && (data[t->at] == ' ' || data[t->at] == '\t')) {
		t->at++;
		t->len--;
	}
	while (t->len && (data[t->at + t->len - 1] == ' ' ||
			  data[t->at + t->len - 1] == '\t'))
		t->len--;
}

/* A name's length; it becomes lower case. */
static size_t
read_name(char *s, size_t len)
{
	size_t i = 0;

	for (; i < len && (class[(uint8_t)s[i]] & TOKEN); i++)
		if (s[i] >= 'A' && s[i] <= 'Z')
			s[i] = (char)(s[i] | 0x20);
	return i;
}

/* One line, from at up to its CR. */
static enum http_reason
field_line(char *data, size_t at, size_t end, struct http_field *f)
{
	size_t n = read_name(data + at, end - at), good;
	char stop = at + n < end ? data[at + n] : ':';

	if (!n && (stop == ' ' || stop == '\t'))
		return HTTP_OBS_FOLD;
	if (n && (stop == ' ' || stop == '\t'))
		return HTTP_SPACE_COLON;
	if (!n || at + n == end || stop != ':')
		return bad_byte(stop, HTTP_BAD_FIELD);
	f->name = (struct http_text){ (uint32_t)at, (uint32_t)n };
	at += n + 1;
	f->value = (struct http_text){ (uint32_t)at, (uint32_t)(end - at) };
	good = span(data + at, end - at, VALUE);
	if (at + good != end)
		return bad_byte(data[at + good], HTTP_CONTROL);
	trim(data, &f->value);
	return HTTP_FINE;
}

static enum http_reason
read_fields(char *data, size_t at, size_t len, struct http_head *h)
{
	while (at + 2 < len) {
		const char *lf = memchr(data + at, '\n', len - at);
		size_t end = (size_t)(lf - data);
		struct http_field *f = &h->field[h->n];
		enum http_reason why;

		if (h->n == SHIM_HEADERS_MAX)
			return HTTP_HEAD_TOO_LARGE;
		why = field_line(data, at, end - 1, f);
		if (!why)
			why = http_field_read(h, data, f);
		if (why)
			return why;
		h->n++;
		at = end + 1;
	}
	return http_fields_end(h, data);
}

/* Everything but the table of fields, which is written before it is read. */
static void
head_init(struct http_head *h, size_t len)
{
	memset(h, 0, offsetof(struct http_head, field));
	h->len = len;
}

/* Is this a head as http_head_scan() finds them? */
static bool
is_whole(const char *data, size_t len)
{
	size_t at = 0, end = 0;

	return http_head_scan(data, len, &at, &end) == 1 && end == len;
}

static int
parse(char *data, size_t len, bool request, struct http_head *h,
      enum http_reason *ret_why)
{
	const char *lf = memchr(data, '\n', len);
	size_t line;

	head_init(h, len);
	if (len > SHIM_HEAD_MAX)
		*ret_why = HTTP_HEAD_TOO_LARGE;
	else if (!lf || !is_whole(data, len))
		*ret_why = HTTP_BARE_LF;
	else {
		line = (size_t)(lf - data) - 1;
		*ret_why = request ? request_line(data, line, h)
				   : status_line(data, line, h);
		if (!*ret_why)
			*ret_why = read_fields(data, line + 2, len, h);
	}
	return *ret_why ? -EPROTO : 0;
}

int
http_request_parse(char *data, size_t len, struct http_head *ret,
		   enum http_reason *ret_why)
{
	return parse(data, len, true, ret, ret_why);
}

int
http_response_parse(char *data, size_t len, struct http_head *ret,
		    enum http_reason *ret_why)
{
	return parse(data, len, false, ret, ret_why);
}
