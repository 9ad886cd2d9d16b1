#pragma once
/*
 * What is sent on: heads written anew from what was decided on, bodies framed
 * anew. A buffer that is sent from its front and filled at its end.
 */
#include "shim/http_body.h"
#include "shim/http_url.h"

#define HTTP_OUT_MAX (512u * 1024) /* a head that grew by its escapes */

struct http_out {
	char *buf;
	size_t at, len, size; /* to be sent: from at to len */
	bool secret;	      /* wiped when it is given back */
	bool failed;	      /* out of memory, or over its bound */
};

void http_out_put(struct http_out *o, const void *data, size_t n);
void http_out_text(struct http_out *o, const char *s);
void http_out_number(struct http_out *o, uint64_t v);
/* As one chunk. n is above 0. */
void http_out_chunk(struct http_out *o, const void *data, size_t n);
void http_out_free(struct http_out *o);
/* "1a2b\r\n"; buf has 20 bytes. Its length. */
size_t http_chunk_line(size_t n, char *buf);

/* What the answer to a question wants changed. */
struct http_secret {
	const char *text, *value;
	size_t len, value_len;
};
struct http_changes {
	const struct http_secret *secret;
	size_t n_secrets;
	struct net_bytes set_headers, remove_query;
};

struct http_request {
	char *data; /* the head's bytes */
	const struct http_head *head;
	const struct http_url *url;
	const char *room;   /* url's */
	const char *method; /* NUL terminated */
	const struct hostname *host;
	uint16_t port;
	bool tls;
	bool stays; /* the connection may be used again */
};

/* 0, or -EPROTO with *ret_why, or -ENOMEM. c: NULL, nothing. */
int http_write_request(struct http_out *o, const struct http_request *rq,
		       const struct http_changes *c, enum http_reason *ret_why);
/* framing: as it is sent on; stays: the client's connection. */
void http_write_response(struct http_out *o, const char *data,
			 const struct http_head *h, enum http_framing framing,
			 bool stays);
/* One of our own, JSON. head: it answers HEAD. */
void http_write_own(struct http_out *o, int status, const char *body,
		    size_t len, bool head, bool stays);
