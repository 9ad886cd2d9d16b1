#pragma once
/*
 * The network of a box: loopback, and where a broker serves it, routes that
 * make every address local. All of it is done from outside, on sockets that
 * agentbox-stage opened inside: a socket belongs to the network namespace in
 * which it was opened.
 */
#include "lib/err.h"
#include "sandbox/plan.h"

#include <stdbool.h>
#include <stddef.h>

/* Descriptors, owned; negative: none. */
struct net_sockets {
	int route; /* rtnetlink(7), bound */
	int nft;   /* nfnetlink */
	int udp;   /* IPv6 and IPv4 at once, or IPv4 where there is no other */
	int tcp[PLAN_SOCKETS_MAX];
	size_t n_tcp;
};

#define NET_SOCKETS_NONE                                                       \
	{                                                                      \
		.route = -EBADF, .nft = -EBADF, .udp = -EBADF                  \
	}

void net_sockets_close(struct net_sockets *s);

/* Sets the loopback interface up. fd: net_sockets.route; borrowed. */
int net_loopback_up(int fd, struct err *e);

/* AnyIP: every address becomes one of this machine, so that nothing leaves and
 * everything can be accepted. *ret_v6: IPv6 too; where it is switched off there
 * are no such routes, and nothing can be dialled that way. After
 * net_loopback_up(). */
int net_any_address(int fd, bool *ret_v6, struct err *e);
