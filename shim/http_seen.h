#pragma once
/*
 * Placeholders of credentials in what an agent sends: where they are, and what
 * comes in their place. Values are secrets: whoever holds one wipes it.
 */
#include "shim/http_url.h"

#define HTTP_SEEN_MAX 64u	  /* placeholders in one request */
#define HTTP_PLACEHOLDER_MAX 256u /* bytes of one that are compared */

struct http_seen {
	uint16_t v[HTTP_SEEN_MAX][2]; /* for struct action */
	size_t n;
};

/* In the fields that go on, the path, the parameters. */
void http_seen_head(const struct shim *s, const char *data,
		    const struct http_head *h, const struct http_url *url,
		    struct http_seen *ret);

/* In a body that comes in pieces. */
struct http_scan {
	size_t len;
	char tail[HTTP_PLACEHOLDER_MAX - 1]; /* end of what came before */
};
/* Is there one, also across the border to the piece before? Its number, or
 * -ENOENT. */
int http_scan(struct http_scan *scan, const struct shim *s, const char *data,
	      size_t len);

/* "user:password" of a header Authorization (RFC 7617) into buf of len bytes.
 * Its length, or -ENOENT: no such header. */
ssize_t http_basic_decode(const char *value, size_t len, char *buf);
/* Standard base64 with padding; needs 4 * ((n + 2) / 3) bytes. */
size_t http_base64(const char *s, size_t n, char *ret);
