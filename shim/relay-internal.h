#pragma once
/* What relay.c (life) and relay_flow.c (bytes) share. */
#include "shim/conn.h"
#include "shim/shim.h"

struct pipes {
	int fd[2];
};

/* Of all relays. */
struct relays {
	uint8_t scratch[SHIM_BUFFER]; /* what is read and written at once */
	struct pipes pool[SHIM_PIPES];
	size_t n_pool, n_made;
};

/* One way. */
struct flow {
	struct stream *from, *to;
	bool out;     /* to the server */
	bool dead;    /* to takes no more; the other way goes on */
	bool hot;     /* much flows: by splice(2) */
	bool full;    /* the last read filled the buffer */
	bool ready;   /* there may be something to read */
	uint8_t *buf; /* read and not yet written; NULL: nothing */
	size_t at, len;
	struct pipes pipe; /* fd -EBADF: none */
	size_t piped;	   /* bytes in it */
	size_t burst;	   /* moved since it was last idle */
};

struct relay {
	struct conn *conn;
	struct flow flow[2]; /* from the server, to the server */
	bool leased, asking;
	bool routing; /* whether the policy of now has its host */
	bool stop;    /* there is a reason to end: below */
	uint64_t lease;
	struct ask more;
	struct route_call route;
	const char *status, *error;
	uint32_t held_ticks; /* since first bytes are held back */
};

enum flow_state {
	FLOW_IDLE, /* until the loop says more */
	FLOW_MORE  /* it has had its turn */
};
/* Moves what can be moved; negative errno: from or to is broken, or r->stop. */
int flow_run(struct relay *r, struct flow *f);
bool flow_ended(const struct flow *f);
void flow_free(struct relays *rs, struct flow *f);

/* How many of want bytes may go; 0: none now, and there is who calls again.
 * Negative: none any more, r->stop. */
ssize_t relay_may(struct relay *r, const struct flow *f, size_t want);
void relay_moved(struct relay *r, const struct flow *f, size_t n);
/* The end, with these words. Returns -ECANCELED. */
int relay_stop(struct relay *r, const char *status, const char *error);
