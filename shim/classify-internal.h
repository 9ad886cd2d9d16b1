#pragma once
/* What classify.c (the way to an engine) and classify_tell.c (a refusal) share.
 */
#include "shim/conn.h"
#include "shim/hello.h"

enum classify_state {
	CLASSIFY_ROUTE, /* the supervisor says what rules look at */
	CLASSIFY_SNIFF, /* the client's first bytes */
	CLASSIFY_TLS,	/* our handshake with it; HTTP follows */
	CLASSIFY_ASK,	/* the supervisor decides and dials */
	CLASSIFY_TELL,	/* refused: what does the client speak? */
	CLASSIFY_TELL_TLS
};

struct classify {
	struct conn *conn;
	enum classify_state state;
	struct route_call route;
	struct ask ask;
	struct hello *hello; /* NULL: none was seen */
	uint32_t ticks;	     /* in this state */
	/* of a refusal */
	int status_code;
	char *body;
	size_t body_len;
};

/* Reads what the client sent, up to a hello's size, behind what is early.
 * Returns the bytes that came, 0 at the end of file, -EAGAIN, negative errno;
 * -ENOBUFS: that is full. */
ssize_t classify_read(struct conn *c);
/* From CLASSIFY_ASK: it was refused; the agent is told why as far as it can be
 * and the connection ends. */
void classify_refused(struct conn *c, const struct answer *an);
/* The client's bytes, in CLASSIFY_TELL and CLASSIFY_TELL_TLS; its clock. */
void classify_tell(struct conn *c);
void classify_tell_tick(struct conn *c);
/* Begins TLS with the client, whose hello is early. */
int classify_intercept(struct conn *c);
/* Ends it: what the shim found is recorded. */
void classify_found(struct conn *c, const char *reason, const char *detail);
