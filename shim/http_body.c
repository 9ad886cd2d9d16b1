/*
 * Where bodies end. What always holds: no byte behind the end is taken, sizes
 * cannot overflow, and what stands between chunks is bounded and goes no
 * further: extensions and trailers are read, checked and dropped.
 */
#include "shim/http_body.h"

#include <errno.h>
#include <string.h>

#define DIGITS_MAX 15u /* of a chunk's size; 60 bits */

enum state {
	SIZE,
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_START,
	TRAILER,
	TRAILER_LF,
	END_LF
};

void
http_body_init(struct http_body *b, enum http_framing f, uint64_t length)
{
	*b = (struct http_body){ .framing = f, .left = length };
	b->done = f == HTTP_NO_BODY || (f == HTTP_LENGTH && !length);
	if (f == HTTP_CHUNKED)
		b->left = 0;
}

void
http_body_of_request(struct http_body *b, const struct http_head *h)
{
	http_body_init(b,
		       h->chunked      ? HTTP_CHUNKED
		       : h->has_length ? HTTP_LENGTH
				       : HTTP_NO_BODY,
		       h->length);
}

/* RFC 9112, 6.3 */
void
http_body_of_response(struct http_body *b, const struct http_head *h, bool head)
{
	if (head || h->status < 200 || h->status == 204 || h->status == 304)
		http_body_init(b, HTTP_NO_BODY, 0);
	else if (h->chunked || h->has_length)
		http_body_of_request(b, h);
	else
		http_body_init(b, HTTP_UNTIL_CLOSE, 0);
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
is_text(char c)
{
	return c == '\t' || (c >= ' ' && c <= '~');
}

static enum http_reason
size_byte(struct http_body *b, char c)
{
	int v = hex(c);

	if (v >= 0) {
		if (++b->digits > DIGITS_MAX)
			return HTTP_BAD_CHUNK;
		b->left = b->left << 4 | (unsigned int)v;
		return HTTP_FINE;
	}
	if (!b->digits || (c != ';' && c != '\r'))
		return HTTP_BAD_CHUNK;
	b->state = c == ';' ? EXTENSION : SIZE_LF;
	return HTTP_FINE;
}

static enum http_reason
extension_byte(struct http_body *b, char c)
{
	if (c == '\r')
		b->state = SIZE_LF;
	else if (!is_text(c))
		return HTTP_BAD_CHUNK;
	return HTTP_FINE;
}

static enum http_reason
trailer_byte(struct http_body *b, char c)
{
	if (++b->trailers > SHIM_TRAILERS_MAX)
		return HTTP_CHUNK_TOO_LARGE;
	if (b->state == TRAILER_START && c == '\r') {
		b->state = END_LF;
		return HTTP_FINE;
	}
	if (b->state == TRAILER_START) {
		if (c == ' ' || c == '\t' || c == ':')
			return HTTP_BAD_CHUNK;
		b->state = TRAILER;
		b->colon = false;
	}
	if (c == '\r' && b->colon)
		b->state = TRAILER_LF;
	else if (!is_text(c) && !(b->colon && (uint8_t)c >= 0x80))
		return HTTP_BAD_CHUNK;
	b->colon = b->colon || c == ':';
	return HTTP_FINE;
}

/* One byte that is none of the body. */
static enum http_reason
between(struct http_body *b, char c)
{
	static const uint8_t behind[] = {
		[DATA_LF] = SIZE,
		[TRAILER_LF] = TRAILER_START,
	};

	if (b->state <= EXTENSION && ++b->line > SHIM_CHUNK_LINE_MAX)
		return HTTP_CHUNK_TOO_LARGE;
	switch (b->state) {
	case SIZE:
		return size_byte(b, c);
	case EXTENSION:
		return extension_byte(b, c);
	case TRAILER_START:
	case TRAILER:
		return trailer_byte(b, c);
	case DATA_CR:
		b->state = DATA_LF;
		return c == '\r' ? HTTP_FINE : HTTP_BAD_CHUNK;
	case SIZE_LF:
		b->state = b->left ? DATA : TRAILER_START;
		break;
	case END_LF:
		b->done = true;
		break;
	default:
		b->state = behind[b->state];
		b->digits = 0;
		b->line = 0;
	}
	return c == '\n' ? HTTP_FINE : HTTP_BAD_CHUNK;
}

static ssize_t
take_chunked(struct http_body *b, const char *data, size_t len, size_t *ret_at,
	     size_t *ret_len, enum http_reason *ret_why)
{
	size_t i = 0;

	while (i < len && !b->done && b->state != DATA) {
		*ret_why = between(b, data[i++]);
		if (*ret_why)
			return -EPROTO;
	}
	*ret_at = i;
	*ret_len = 0;
	if (b->state != DATA || i == len)
		return (ssize_t)i;
	*ret_len = MIN(len - i, b->left);
	b->left -= *ret_len;
	if (!b->left)
		b->state = DATA_CR;
	return (ssize_t)(i + *ret_len);
}

ssize_t
http_body_take(struct http_body *b, const char *data, size_t len,
	       size_t *ret_at, size_t *ret_len, enum http_reason *ret_why)
{
	*ret_at = *ret_len = 0;
	if (b->done)
		return 0;
	if (b->framing == HTTP_CHUNKED)
		return take_chunked(b, data, len, ret_at, ret_len, ret_why);
	if (b->framing == HTTP_LENGTH) {
		len = MIN(len, b->left);
		b->left -= len;
		b->done = !b->left;
	}
	*ret_len = len;
	return (ssize_t)len;
}

int
http_body_end(struct http_body *b)
{
	if (b->framing == HTTP_UNTIL_CLOSE)
		b->done = true;
	return b->done ? 0 : -EPROTO;
}
