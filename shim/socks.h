#pragma once
/*
 * SOCKS 5 (RFC 1928), CONNECT only; user names and passwords (RFC 1929) are
 * taken and ignored, since the box is who it is.
 */
#include "net/hostname.h"

#include <sys/types.h>

struct conn;

enum socks_state { SOCKS_METHODS, SOCKS_PASSWORD, SOCKS_REQUEST, SOCKS_READY };

enum socks_reply {
	SOCKS_OK = 0,
	SOCKS_FAILURE = 1,
	SOCKS_NOT_ALLOWED = 2,
	SOCKS_UNREACHABLE = 4,
	SOCKS_REFUSED = 5,
	SOCKS_BAD_COMMAND = 7,
	SOCKS_BAD_ADDRESS = 8
};

struct socks {
	enum socks_state state;
	struct hostname host;
	uint16_t port;
	/* what to answer now; 0 bytes: nothing */
	uint8_t reply[10];
	size_t reply_len;
	const char *reason, *why; /* of a refusal: shim/reasons.h; a phrase */
};

/* One message of the client. > 0: so many bytes were it, s->state is the next,
 * s->reply is due; 0: more bytes are needed; -EPROTO: refused, s->reply is due
 * before the end. Pure; fuzzed. */
ssize_t socks_next(struct socks *s, const uint8_t *data, size_t len);
#define SOCKS_MESSAGE_MAX 513u /* RFC 1929: two texts of 255 bytes */
/* The last message to the client. Returns its length, 10. */
size_t socks_put_reply(enum socks_reply r, uint8_t ret[10]);

/* The client speaks SOCKS, nothing is read yet. */
int socks_start(struct conn *c);
