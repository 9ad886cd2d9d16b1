#pragma once
/*
 * The shim of one box: what its parts share. One process, one loop, no globals.
 * Everything that a peer (agent or upstream) can make grow is bounded here and
 * charged to its connection.
 */
#include "net/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct link;
struct names;
struct tls_context;
struct conns;
struct limiter;
struct acceptor;
struct relays;
struct dns;

/* Bounds; docs/ARCHITECTURE.md has them too. */
#define SHIM_CONNS_MAX 65536u
#define SHIM_HEAD_MAX                                                          \
	(64u * 1024) /* request line and headers; likewise a response's */
#define SHIM_HEADERS_MAX 128u /* lines */
#define SHIM_URL_MAX 8192u
#define SHIM_BUFFER                                                            \
	(16u * 1024) /* of each way of a relay; given back when empty */
#define SHIM_TURN                                                              \
	(256u * 1024) /* bytes of one connection in one turn of the loop */
#define SHIM_HELLO_MAX (16u * 1024 + 5) /* a ClientHello */
#define SHIM_TELL_MS                                                           \
	2000u /* a refused client may say what it speaks, to be told */
#define SHIM_CHUNK_LINE_MAX 256u
#define SHIM_TRAILERS_MAX 8192u
#define SHIM_DNS_NAMES 65536u
#define SHIM_DNS_ASKED 1024u   /* questions that wait for the supervisor */
#define SHIM_DNS_TCP_MAX 4096u /* a question over TCP */
#define SHIM_QUEUE_MAX                                                         \
	(16u << 20)    /* bytes that wait for the supervisor to read; beyond,  \
			  questions fail */
#define SHIM_PIPES 64u /* for splice(2), in all */
#define SHIM_FDS_OTHER 192u /* pipes, listeners, what is kept for a moment */
#define SHIM_LINGER_S 60u   /* with nothing open: then it offers to end */
#define SHIM_HEAD_S 10u	    /* for a hello or head where head_us is 0 */

/* A host of the shim's own, in every box: http://agentbox.internal/why/last is
 * what the agent was told last of something that did not go ahead. */
#define SHIM_INTERNAL "agentbox.internal"
#define SHIM_LAST_MAX 16384u

struct placeholder {
	char *name, *text;
	size_t len;
};

struct shim {
	struct event_base *base;
	struct link *link;
	struct names *names;
	struct tls_context *tls; /* NULL: nothing is intercepted */
	char *box;
	struct net_limits limits;
	struct placeholder *placeholder;
	size_t n_placeholders;
	size_t n_conns;
	uint32_t policy;	      /* counts those that were in force */
	uint64_t bytes_out, bytes_in; /* of the run */
	struct conns *conns;	      /* conn.c: all of them */
	struct limiter *limiter;      /* limits.c; NULL: there are none */
	struct acceptor *acceptor;    /* accept.c */
	struct relays *relays;	      /* relay.c: what relays share */
	struct dns *dns;	      /* dns_serve.c */
	char *last;		      /* internal.c; JSON, or NULL */
	size_t last_len;
};
