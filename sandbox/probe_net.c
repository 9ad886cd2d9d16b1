/*
 * The broker's half of a box in small: a network namespace of a child's own, in
 * which listeners are opened as for a box that may dial anything, and tried out
 * with connections of our own. It all ends with the child.
 */
#include "sandbox/probe.h"

#include "sandbox/net_listen.h"

#include <linux/netlink.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

static int
open_inside(struct net_sockets *s, size_t n_tcp)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	int family = AF_INET6;

	s->route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (s->route < 0 || bind(s->route, (void *)&sa, sizeof(sa)) < 0)
		return -errno;
	s->nft = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	s->udp = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->udp < 0 && errno == EAFNOSUPPORT) {
		family = AF_INET;
		s->udp = socket(family,
				SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	}
	for (; s->n_tcp < n_tcp; s->n_tcp++) {
		s->tcp[s->n_tcp] = socket(
			family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (s->tcp[s->n_tcp] < 0)
			return -errno;
	}
	return s->udp < 0 ? -errno : 0;
}

static int
child(void *arg)
{
	static const uint16_t ports[] = { 443 };
	const struct net_listen_request rq = { ports, 1, true };
	struct net_sockets s = NET_SOCKETS_NONE;
	struct probe_net *ret = arg;
	struct err e = ERR_INIT;
	struct net_listen l;
	int r = unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? -errno : 0;

	if (r >= 0)
		r = open_inside(&s, net_listen_sockets(&rq));
	if (r >= 0)
		r = net_loopback_up(s.route, &e);
	if (r >= 0)
		r = net_listen_open(&s, &rq, &l, &e);
	if (r < 0)
		return r;
	ret->redirects = l.redirects;
	ret->v6 = l.v6;
	snprintf(ret->why, sizeof(ret->why), "%s",
		 l.fault[0] ? l.fault : l.why);
	return l.fault[0] ? -EHOSTUNREACH : 0;
}

int
probe_net(struct probe_net *ret)
{
	struct probe_net *shared =
		mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r;

	if (shared == MAP_FAILED)
		return -errno;
	r = probe_in_child(child, shared);
	*ret = *shared;
	munmap(shared, sizeof(*shared));
	return r;
}
