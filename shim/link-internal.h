#pragma once
/* What link.c, link_ask.c and link_table.c share. */
#include "net/batch.h"
#include "shim/link.h"
#include "shim/shim.h"

enum asked {
	ASKED_ROUTE = 1,
	ASKED_NAME,
	ASKED_ACTION,
	ASKED_MORE,
	ASKED_FOUND
};

/* Questions that wait for an answer, by their number. A call that is NULL:
 * nobody waits any more. */
struct question {
	uint32_t id; /* 0: the place is free */
	enum asked kind;
	void *call;
};
struct questions {
	struct question *at;
	uint32_t mask; /* places - 1; at is NULL: none yet */
	uint32_t n, last;
};
/* Returns the number, 0 when out of memory. */
uint32_t questions_add(struct questions *q, enum asked kind, void *call);
/* NULL: no such question, or one of another kind. Valid until the next add or
 * take. */
struct question *questions_find(struct questions *q, uint32_t id);
void questions_take(struct questions *q, struct question *at);
void questions_done(struct questions *q);

/* What was answered about hosts, so far. */
#define ROUTES 256u
struct route {
	char *host;
	uint16_t port;
	unsigned int needs;
};
struct routes {
	struct route at[ROUTES];
};
bool routes_find(const struct routes *r, const char *host, uint16_t port,
		 unsigned int *ret);
void routes_put(struct routes *r, const char *host, uint16_t port,
		unsigned int needs);
void routes_clear(struct routes *r);

struct packet {
	struct packet *next;
	size_t len;
	uint8_t data[];
};

/* An answer that is known already: its callback waits for its turn. */
struct local {
	struct local *next;
	uint32_t id;
	unsigned int needs;
	int status_code;
};

struct link {
	struct shim *shim;
	struct link_owner owner;
	int chan;
	bool broken;
	struct event *ev_read, *ev_write, *ev_local, *ev_push;
	struct net_batch batch;	     /* made in this turn */
	struct packet *head, **tail; /* made and not sent */
	size_t queued;		     /* bytes of them */
	struct local *local, **local_tail;
	struct questions asked;
	struct routes routes;
	uint8_t *in, *out; /* NET_PACKET_MAX each; out is in the batch */
};

/* A route's question remembers for what it was. */
struct route_asked {
	struct route_call *call;
	uint16_t port;
	char host[];
};

/* The channel is of no use any more: tells the owner. */
void link_broke(struct link *l);
/* Sends what was made in l->out, at the end of this turn of the loop. 0, or why
 * it could not even be made. */
int link_send(struct link *l, struct net_writer *w);
/* The same for what nobody waits for: with the next question, or in a moment,
 * so that the supervisor does not wake up for it alone. */
int link_tell(struct link *l, struct net_writer *w);
/* A number for a question; without one the channel is given up, since the
 * caller waits for an answer. */
uint32_t link_number(struct link *l, enum asked kind, void *call);
/* Who waits for the answer to a question; NULL: nobody, or it is a question of
 * another kind. The number is free then. */
void *link_take(struct link *l, uint32_t id, enum asked kind);
/* The question is answered here, in the next turn: with what is in answer. */
void link_answer(struct link *l, const struct local *answer);
/* ... since it cannot be put. */
void link_fail(struct link *l, uint32_t id, int status_code);
