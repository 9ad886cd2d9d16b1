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
	uint64_t bytes_out, bytes_in; /* of the run */
	/* the rest is shim_main.c's and accept.c's: see shim-internal.h */
};
