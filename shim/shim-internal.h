#pragma once
/* What the process has besides what its connections share. */
#include "lib/err.h"
#include "shim/conn.h"
#include "shim/shim.h"

/* conn.c: everything that connections wait for. */
int conns_new(struct shim *s);
/* Ends all, with a reset. Accepts that there is none. */
void conns_free(struct shim *s);
/* Calls all again that wait in the slow list, which conn_slow() joins. */
void conns_run_slow(struct shim *s);
void conn_slow(struct conn *c);

/* accept.c */
struct listeners {
	int fd[NET_FDS_MAX]; /* taken */
	uint8_t kind[NET_FDS_MAX];
	size_t n;
};
int accept_new(struct shim *s, struct listeners *l, struct err *e);
void accept_free(struct shim *s);
/* A connection is gone: others may come. */
void accept_resume(struct shim *s);
/* on: nothing is accepted until it is switched off. */
void accept_pause(struct shim *s, bool on);

/* classify.c. Do the first bytes begin a request of HTTP? 1 yes, 0 no, -EAGAIN
 * not enough. */
int classify_http(const uint8_t *data, size_t len);
/* Is that server name (of a hello, may be NULL) the host? No name at all is.
 */
bool classify_sni_fits(const struct hostname *host, const char *sni);
/* How many ticks a hello or head may take. */
uint32_t shim_head_ticks(const struct shim *s);

/* relay.c */
int relays_new(struct shim *s);
void relays_free(struct shim *s);

/* An event_free() that accepts NULL, and forgets. */
struct event;
void shim_free_event(struct event **ev);
