#pragma once
/*
 * Bodies (RFC 9112, 6 and 7): where one ends, and which of the bytes are its
 * own. Pure; fuzzed.
 */
#include "shim/http_head.h"

#include <sys/types.h>

enum http_framing {
	HTTP_NO_BODY,
	HTTP_LENGTH,
	HTTP_CHUNKED,
	HTTP_UNTIL_CLOSE, /* of responses only */
};

struct http_body {
	enum http_framing framing;
	bool done;
	uint8_t state;	   /* of chunks */
	bool colon;	   /* was there one in this trailer? */
	uint16_t digits;   /* of this chunk's size */
	uint16_t line;	   /* bytes of this chunk's line */
	uint16_t trailers; /* bytes of all trailers */
	uint64_t left;	   /* of the length, or of this chunk */
};

/* length: of HTTP_LENGTH. */
void http_body_init(struct http_body *b, enum http_framing f, uint64_t length);
/* What a request's head says; and a response's, where head: it answers HEAD. */
void http_body_of_request(struct http_body *b, const struct http_head *h);
void http_body_of_response(struct http_body *b, const struct http_head *h,
			   bool head);
/* Uses up bytes and gives how many: at most one row of the body's own, at
 * *ret_at, *ret_len (0: none; chunk sizes, trailers). 0 when it is done or
 * there were none. -EPROTO with *ret_why. */
ssize_t http_body_take(struct http_body *b, const char *data, size_t len,
		       size_t *ret_at, size_t *ret_len,
		       enum http_reason *ret_why);
/* The other side has ended. 0, or -EPROTO: too early. */
int http_body_end(struct http_body *b);
