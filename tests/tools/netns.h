#pragma once
/*
 * A network of the test's own, as agentbox-stage makes it for a box: the
 * caller gets the sockets that the stage would send, and a process inside that
 * dials what it is told.
 */
#include "sandbox/net.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct netns {
	pid_t pid;
	int chan;
	struct net_sockets sockets;
};

/* -EPERM and the like: this machine gives no namespaces. nft: with nfnetlink,
 * if the kernel has it. */
int netns_new(struct netns *n, size_t tcp, bool nft);
void netns_free(struct netns *n);
/* connect(2) of a socket of that type to an address (text of either family), at
 * once or within five seconds. 0, or the errno, negative. *ret_fd: the
 * connected socket; may be NULL. A datagram is sent and answered too, since its
 * refusal comes only then. */
int netns_dial(struct netns *n, int type, const char *addr, uint16_t port,
	       int *ret_fd);
/* From that address; "": whichever. */
int netns_dial_from(struct netns *n, int type, const char *from,
		    const char *addr, uint16_t port, int *ret_fd);
/* A datagram of one byte; *ret_fd: the connected socket. */
int netns_send(struct netns *n, const char *addr, uint16_t port, int *ret_fd);
/* A socket of the box's that listens there. */
int netns_serve(struct netns *n, const char *addr, uint16_t port, int *ret_fd);
/* socket(2) inside: 0 or negative errno. */
int netns_socket(struct netns *n, int family, int type, int protocol);
