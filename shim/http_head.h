#pragma once
/*
 * The head of an HTTP/1.1 message (RFC 9112): one reading, or a reason why
 * there is none. Everything is an offset into the caller's bytes; nothing is
 * allocated. Pure; fuzzed.
 */
#include "shim/http_reasons.h"
#include "shim/shim.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_METHOD_MAX 32u
#define HTTP_NOMINATED_MAX 16u /* names in Connection */

enum http_reason {
	HTTP_FINE,
#define REASON(id, word, text, cure) id,
	HTTP_REASONS(REASON)
#undef REASON
		HTTP_REASON_MAX
};

const char *http_reason_word(enum http_reason r);
const char *http_reason_text(enum http_reason r);
/* The status with which a request is refused for it. */
int http_reason_status(enum http_reason r);

/* Fields that mean something to a proxy.
 * HOP: of this hop only, never sent on as they came. ONCE: twice is refused;
 * ONCE_ASKED: in requests. KEPT: Connection may not have it taken out. */
#define HTTP_HOP 1u
#define HTTP_ONCE 2u
#define HTTP_ONCE_ASKED 4u
#define HTTP_KEPT 8u

#define HTTP_FIELDS(FIELD)                                                     \
	FIELD(HOST, "host", HTTP_HOP | HTTP_ONCE_ASKED | HTTP_KEPT)            \
	FIELD(LENGTH, "content-length", HTTP_HOP | HTTP_ONCE | HTTP_KEPT)      \
	FIELD(CODING, "transfer-encoding", HTTP_HOP | HTTP_ONCE | HTTP_KEPT)   \
	FIELD(CONNECTION, "connection", HTTP_HOP)                              \
	FIELD(KEEP_ALIVE, "keep-alive", HTTP_HOP)                              \
	FIELD(PROXY_CONNECTION, "proxy-connection", HTTP_HOP)                  \
	FIELD(PROXY_AUTHORIZATION, "proxy-authorization", HTTP_HOP)            \
	FIELD(PROXY_AUTHENTICATE, "proxy-authenticate", HTTP_HOP)              \
	FIELD(TE, "te", HTTP_HOP)                                              \
	FIELD(TRAILER, "trailer", HTTP_HOP)                                    \
	FIELD(UPGRADE, "upgrade", HTTP_HOP | HTTP_ONCE_ASKED)                  \
	FIELD(HTTP2_SETTINGS, "http2-settings", HTTP_HOP)                      \
	FIELD(EXPECT, "expect", HTTP_HOP | HTTP_ONCE_ASKED | HTTP_KEPT)        \
	FIELD(AUTHORIZATION, "authorization", HTTP_ONCE_ASKED | HTTP_KEPT)     \
	FIELD(COOKIE, "cookie", HTTP_KEPT)                                     \
	FIELD(CONTENT_TYPE, "content-type", HTTP_ONCE_ASKED | HTTP_KEPT)       \
	FIELD(CONTENT_ENCODING, "content-encoding", HTTP_KEPT)                 \
	FIELD(RANGE, "range", HTTP_ONCE_ASKED | HTTP_KEPT)                     \
	FIELD(ORIGIN, "origin", HTTP_ONCE_ASKED | HTTP_KEPT)                   \
	FIELD(WEBSOCKET_KEY, "sec-websocket-key", HTTP_ONCE_ASKED | HTTP_KEPT) \
	FIELD(WEBSOCKET_VERSION, "sec-websocket-version",                      \
	      HTTP_ONCE_ASKED | HTTP_KEPT)

enum http_field_id {
	HTTP_FIELD_OTHER,
#define FIELD(id, name, flags) HTTP_FIELD_##id,
	HTTP_FIELDS(FIELD)
#undef FIELD
		HTTP_FIELD_MAX
};

struct http_text {
	uint32_t at, len;
};

struct http_field {
	struct http_text name,
		value; /* the name in lower case, value trimmed */
	uint8_t id;
	bool drop; /* hop by hop, or named by Connection: not sent on */
};

struct http_head {
	size_t len;			 /* with the empty line */
	struct http_text method, target; /* of a request */
	struct http_text phrase;	 /* of a response; may be empty */
	struct http_text host;		 /* value of Host */
	uint16_t status;		 /* 0: a request */
	uint8_t minor;			 /* HTTP/1.x */
	bool has_host, has_length, chunked;
	bool keep_alive; /* as far as the head says */
	bool expect;	 /* 100-continue, and a body is to come */
	bool websocket;	 /* asks for one; or, 101, is one */
	uint64_t length;
	uint64_t seen; /* 1 << id */
	uint8_t n_nominated;
	struct http_text nominated[HTTP_NOMINATED_MAX];
	bool says_close, says_keep, says_upgrade; /* Connection */
	uint16_t n;
	struct http_field field[SHIM_HEADERS_MAX];
};

/* Where does the head end? Goes on at *at, which starts with 0. 1: at *ret_len;
 * 0: more bytes are needed; -EPROTO: a line without CR (HTTP_BARE_LF). */
int http_head_scan(const char *data, size_t len, size_t *at, size_t *ret_len);
/* A whole head of len bytes. Names become lower case in place. 0, or -EPROTO
 * with *ret_why; then what is said in ret is of no use, but method, target and
 * host if they were read. */
int http_request_parse(char *data, size_t len, struct http_head *ret,
		       enum http_reason *ret_why);
int http_response_parse(char *data, size_t len, struct http_head *ret,
			enum http_reason *ret_why);

/* http_field.c, for http_head.c: what one field, and all together, say. */
enum http_reason http_field_read(struct http_head *h, const char *data,
				 struct http_field *f);
enum http_reason http_fields_end(struct http_head *h, const char *data);
/* The next element of a list of tokens, *at starting with 0. 1, 0 at the end,
 * -EPROTO. */
int http_token_next(const char *s, size_t len, size_t *at,
		    struct http_text *ret);
/* May it stand in a header: no control byte but the tabulator? As a name? */
bool http_is_value(const char *s, size_t len);
bool http_is_token(const char *s, size_t len);
/* Is it that word, in any case? word in lower case. */
bool http_is_word(const char *s, size_t len, const char *word);
