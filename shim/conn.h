#pragma once
/*
 * One connection of the agent and what became of it. It is born by accept.c,
 * finds out where it is to go, and is then handed to one of the engines: relay
 * (raw bytes), http. An engine owns the streams and the timers from then on and
 * ends with conn_free().
 */
#include "net/hostname.h"
#include "shim/link.h"
#include "shim/shim.h"
#include "shim/stream.h"

struct event;

struct conn {
	struct shim *shim;
	struct conn *next, **link; /* of all */
	struct stream client, server;
	struct hostname host; /* where to; what is decided on */
	uint16_t port;
	uint8_t original[16]; /* as dialled; original_len 0: a proxy's name */
	size_t original_len;
	enum net_via via;
	unsigned int needs; /* NET_NEEDS_ bits */
	uint64_t action;    /* of the raw stream; 0: none */
	uint64_t number;    /* CONN of the server side; 0: none */
	uint64_t bytes_in, bytes_out;
	bool intercepted; /* client is inside our TLS */
	/* relay.c looks at the client's first bytes before it hands them on:
	 * a TLS hello must be for the host; and, if late, there may be none at
	 * all, nor HTTP, since it was decided that this is neither */
	bool guard, guard_late;
	bool told; /* SOCKS: the last reply was sent */
	/* read from the client and not yet used; owned; NULL: nothing */
	uint8_t *early;
	size_t early_len;
	void *engine; /* the engine's own state */
	/* Called by conn_free() and when the box ends; engine state is freed
	 * there. */
	void (*engine_free)(struct conn *c);
	struct event *ev_client, *ev_server;
	/* conn.c's: who is called, who waits for another turn */
	void (*fn[2])(struct conn *c);
	void (*tick)(struct conn *c);
	struct conn *again, **again_link;
	/* the other side ended its half, or is gone: then a short read does not
	 * mean that the socket is empty (client, server) */
	bool hup[2];
	short what;	     /* EV_ bits of the event that fn is called for */
	uint32_t idle_ticks; /* seconds since bytes moved, counted while not
				frozen */
	uint32_t age_ticks;
	uint32_t policy; /* the shim's, when it was last looked at */
};

/* A connection of fd (taken), or NULL: out of memory, fd is closed. */
struct conn *conn_new(struct shim *s, int fd);
/* Ends it: outcome of an open action must have been told before. reset: both
 * sides see a reset. */
void conn_free(struct conn *c, bool reset);
/* The engine's look at its timers, once a second. NULL: none. Set by the
 * engine. */
void conn_on_tick(struct conn *c, void (*tick)(struct conn *c));
/* Registers c->client.fd / c->server.fd with the loop, edge triggered, both
 * directions; fn is called whenever something may go on. Once for each
 * descriptor: later calls only change fn, and whoever takes over has to look
 * by himself first, since the edge may be past. */
int conn_watch(struct conn *c, bool server, void (*fn)(struct conn *c));
/* Calls fn again in the next turn of the loop (fairness: after SHIM_TURN
 * bytes). */
void conn_again(struct conn *c);
/* Calls the function of its watch, now. */
void conn_run(struct conn *c);
/* "idle", "lifetime" if a limit of the profile says that it must end, else
 * NULL. */
const char *conn_expired(const struct conn *c);

/* relay.c: both streams are there; c->early goes to the server first, held (len
 * bytes, copied) to the client first. Counts, leases (answer's), limits,
 * half-close; tells DONE of c->action. 0: c is the relay's, and may be gone
 * already; negative: it is still the caller's. */
int relay_start(struct conn *c, bool leased, uint64_t lease, const void *held,
		size_t len);

/* http.c: the client (inside TLS or not) has begun to send a request; c->early
 * holds what was read. Serves every request of the connection: parses, asks,
 * forwards, tells; proxy: requests come in absolute form, and CONNECT leads to
 * http_tunnel. */
int http_start(struct conn *c, bool proxy);
/* A client that was refused before its request was read: answers its first
 * request with status_code and body (JSON), then closes. */
int http_refuse(struct conn *c, int status_code, const char *body, size_t len);

/* classify.c: the destination is known (c->host, c->port, c->via): routes,
 * looks at the first bytes as far as needed, intercepts, and hands over to an
 * engine. http.c calls it after it answered a CONNECT with 200, accept.c for
 * captured connections, socks.c for SOCKS. 0: c may be gone already; negative:
 * it is still the caller's. */
int classify_start(struct conn *c);
