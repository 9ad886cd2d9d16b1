#pragma once
/* Shared by client*.c and nobody else. */
#include "audit/client.h"

#include <sys/types.h>

#define CLIENT_PENDING_MAX 1024u /* power of two: slots are cookie % this */
#define CLIENT_SEND_US 5000000u	 /* for a writer that does not read */
#define CLIENT_START_US 10000000u
#define CLIENT_CONNECT_US 2000000u

struct pending {
	uint64_t cookie; /* 0: free */
	client_done *done;
	void *arg;
};

struct client {
	int dir, fd;
	char *writer;
	bool start;
	uint64_t cookie; /* the last one given */
	struct pending pending[CLIENT_PENDING_MAX];
	size_t n_pending;
	struct wire_hello hello;
	bool have_hello;
	struct fields *identity; /* of OPEN, for resuming; or NULL */
	int open_status;	 /* of OPEN: 0 until it fails */
	uint64_t status_cookie;	 /* the STATUS that is waited for; or 0 */
	char *status;
	bool gathers, pushing;
	size_t n_out, out_len;
	/* the longest answer is a status; untouched pages cost nothing */
	uint8_t in[RECORD_MAX + sizeof(struct wire_text)];
	uint8_t out[RECORD_MAX + WIRE_RECORDS_BYTES];
};

uint64_t client_now_us(void);
/* client.c: until the socket has something, or (out) room; reads what is there.
 */
int client_await(struct client *c, bool out, uint64_t until, struct err *e);
/* The writer is gone: everybody who waits hears so. Returns -EPIPE. */
int client_gone(struct client *c, struct err *e);
/* client_batch.c: keeps a record for client_push(). */
struct iovec;
int client_put(struct client *c, const struct iovec *v, size_t n,
	       struct err *e);
/* client_text.c: the text and the cure of a refusal; returns status. */
int client_refused(struct err *e, int status);
/* client_start.c: a connected socket. */
int client_connect(struct client *c, struct err *e);
