#pragma once
/*
 * The target of a request (RFC 9112, 3.2; RFC 3986): for whom, which path,
 * which parameters. Decoded once for the decision, and written anew from
 * exactly that. "*" is refused: it is no path that rules could look at. Pure;
 * fuzzed.
 */
#include "net/hostname.h"
#include "shim/http_head.h"
#include "shim/link.h"

#define HTTP_PARAMS_MAX 128u
/* What http_url_parse() needs for a target of n bytes: the decoded texts, and
 * the same encoded anew. */
#define HTTP_URL_ROOM(n) (4 * (size_t)(n) + 8)

enum http_form {
	HTTP_ORIGIN,	/* /path?query */
	HTTP_ABSOLUTE,	/* http://host:port/path?query */
	HTTP_AUTHORITY, /* host:port, of CONNECT */
};

struct http_url {
	enum http_form form;
	struct hostname host;	    /* ABSOLUTE, AUTHORITY */
	uint16_t port;		    /* 0: not said */
	const char *path;	    /* decoded, NUL terminated */
	struct http_text sent_path; /* encoded, in the caller's room */
	size_t n;
	struct pair param[HTTP_PARAMS_MAX];	/* decoded, in order */
	struct http_text sent[HTTP_PARAMS_MAX]; /* name=value, encoded */
};

/* room: HTTP_URL_ROOM(len) bytes, which ret points into. 0 or -EPROTO. */
int http_url_parse(const char *target, size_t len, bool connect, char *room,
		   struct http_url *ret, enum http_reason *ret_why);
/* "host", "host:port": Host, and the authority of a target. *ret_port 0: none
 * was said. */
int http_authority_parse(const char *s, size_t len, struct hostname *ret,
			 uint16_t *ret_port, enum http_reason *ret_why);
/* Writes s so that it is one value of a query; n bytes need 3 n. */
size_t http_url_encode(const char *s, size_t n, char *ret);
