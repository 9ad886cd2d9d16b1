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
	/* the longest answer is a status; untouched pages cost nothing */
	uint8_t in[RECORD_MAX + sizeof(struct wire_text)];
};

uint64_t client_now_us(void);
/* client_text.c: the text and the cure of a refusal; returns status. */
int client_refused(struct err *e, int status);
/* client_start.c: a connected socket. */
int client_connect(struct client *c, struct err *e);
