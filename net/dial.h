#pragma once
/*
 * Connecting to addresses that were checked, and to nothing else: happy
 * eyeballs (RFC 8305: families in turn, 250 ms apart), no name, no retry beyond
 * the list.
 */
#include "net/resolve.h"

#define DIAL_OPEN_MAX 512 /* under way; more wait */
#define DIAL_AT_ONCE 4	  /* sockets of one; then the oldest gives way */

struct dialler;
struct dial_call {
	/* status 0: fd is connected, nonblocking, close-on-exec, without Nagle
	 * and the caller's; which: index of the address. Else the last error:
	 * -ECONNREFUSED, -ETIMEDOUT, -ENETUNREACH, -EMFILE, ... */
	void (*done)(struct dial_call *c, int status, int fd, size_t which);
	struct dial_call *next; /* the dialler's */
	void *state;		/* the dialler's */
};

struct event_base;
/* timeout_us: of a call, its wait for others included. */
int dialler_new(struct event_base *base, uint64_t timeout_us,
		struct dialler **ret);
/* Calls that wait are not called back. */
void dialler_free(struct dialler *d);
/* addrs are copied, at most RESOLVE_ADDRS_MAX; ports one for each. done may be
 * called from within. */
void dial_begin(struct dialler *d, const struct resolved *addrs,
		const uint16_t *ports, size_t n, struct dial_call *c);
void dial_cancel(struct dialler *d, struct dial_call *c);
