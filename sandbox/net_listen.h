#pragma once
/*
 * Where what a box dials arrives: listeners in the network of the box, owned by
 * the supervisor. TCP to ports that rules name has listeners of its own below
 * 1024, where no program of the box can bind; all other TCP is redirected to
 * one. Where nf_tables is missing, every named port has a listener, and nothing
 * else arrives.
 */
#include "lib/err.h"
#include "sandbox/net.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_LISTEN_PORTS_MAX 16
#define NET_LISTEN_BACKLOG 4096
/* Reserved by IANA, and below 1024; the next below it if a rule names it. */
#define NET_LISTEN_ANY_PORT 1023

enum net_listen_kind {
	LISTEN_ANY,  /* redirected: SO_ORIGINAL_DST */
	LISTEN_PORT, /* one port of every address: getsockname(2) */
	LISTEN_PROXY,
	LISTEN_DNS_UDP,
	LISTEN_DNS_TCP,
};

/* What rules name: ports one by one, ascending. any: not all are named so. */
struct net_listen_request {
	const uint16_t *port;
	size_t n_ports; /* at most NET_LISTEN_PORTS_MAX */
	bool any;
};

struct net_listen {
	int fd[PLAN_SOCKETS_MAX]; /* owned; nonblocking */
	enum net_listen_kind kind[PLAN_SOCKETS_MAX];
	size_t n;
	bool redirects; /* TCP to any port arrives */
	bool v6;
	char ports[96];	 /* those with a listener, for people */
	char why[160];	 /* why it does not redirect; or "" */
	char fault[160]; /* a connection of our own did not arrive; or "" */
};

/* TCP sockets that the request can need at most: plan.sockets. */
size_t net_listen_sockets(const struct net_listen_request *rq);
/* Uses what s has and closes the rest of it. Loopback is up. Then dials, from
 * inside, an address that is nobody's, over each family, and sees it arrive
 * with its destination: ret->fault says if it does not. On failure nothing is
 * left open. */
int net_listen_open(struct net_sockets *s, const struct net_listen_request *rq,
		    struct net_listen *ret, struct err *e);
void net_listen_close(struct net_listen *l);
/* The destination that a connection, accepted from a listener of that kind, was
 * dialled with: 4 or 16 bytes in addr, its length in *ret_len. */
int net_listen_original(int fd, enum net_listen_kind kind, uint8_t addr[16],
			size_t *ret_len, uint16_t *ret_port);
