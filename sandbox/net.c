/*
 * The one interface of a box: loopback, and the routes that lead everything to
 * it. The supervisor does this on a socket that the stage opened in the box's
 * namespace (a netlink socket belongs to where it was opened), so the stage
 * carries no library for a few messages, and is not kept waiting. No cache.
 */
#include "sandbox/net.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <fcntl.h>

/* The first of each namespace: net/core/dev.h LOOPBACK_IFINDEX. */
#define LOOPBACK_INDEX 1

void
net_sockets_close(struct net_sockets *s)
{
	const struct net_sockets none = NET_SOCKETS_NONE;

	close_ptr(&s->route);
	close_ptr(&s->nft);
	close_ptr(&s->udp);
	while (s->n_tcp)
		close_ptr(&s->tcp[--s->n_tcp]);
	*s = none;
}

/* libnl closes what it is given, so it gets a copy. */
static int
open_libnl(int fd, struct nl_sock **ret, struct err *e)
{
	struct nl_sock *sk = nl_socket_alloc();
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3), saved = errno;

	if (sk && own >= 0 && nl_socket_set_fd(sk, NETLINK_ROUTE, own) >= 0) {
		*ret = sk;
		return 0;
	}
	if (own >= 0)
		close(own);
	nl_socket_free(sk);
	return err_sys(e, own < 0 ? saved : ENOMEM, "netlink");
}

int
net_loopback_up(int fd, struct err *e)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC,
				 .ifi_index = LOOPBACK_INDEX,
				 .ifi_flags = IFF_UP,
				 .ifi_change = IFF_UP };
	struct nl_sock *sk = NULL;
	int r = open_libnl(fd, &sk, e);

	if (r < 0)
		return r;
	r = nl_send_simple(sk, RTM_NEWLINK, NLM_F_ACK, &ifi, sizeof(ifi));
	if (r >= 0)
		r = nl_wait_for_ack(sk);
	nl_socket_free(sk);
	if (r < 0)
		return err_set(e, -EIO, "cannot set loopback up: %s",
			       nl_geterror(r));
	return 0;
}

/* "local default dev lo", as ip-route(8) writes it. */
static int
send_route(struct nl_sock *sk, unsigned char family)
{
	struct rtmsg rt = { .rtm_family = family,
			    .rtm_table = RT_TABLE_LOCAL,
			    .rtm_protocol = RTPROT_STATIC,
			    .rtm_scope = RT_SCOPE_HOST,
			    .rtm_type = RTN_LOCAL };
	struct nl_msg *m = nlmsg_alloc_simple(
		RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
	int r = m ? nlmsg_append(m, &rt, sizeof(rt), NLMSG_ALIGNTO)
		  : -NLE_NOMEM;

	if (r >= 0)
		r = nla_put_u32(m, RTA_OIF, LOOPBACK_INDEX);
	if (r >= 0)
		r = nl_send_auto(sk, m);
	if (r >= 0)
		r = nl_wait_for_ack(sk);
	nlmsg_free(m);
	return r;
}

/* Resolvers that ask only for the families that a machine has (AI_ADDRCONFIG,
 * getaddrinfo(3)) do not count 127.0.0.1 and ::1. */
static int
send_address(struct nl_sock *sk, unsigned char family, const void *addr,
	     uint8_t len)
{
	struct ifaddrmsg ifa = { .ifa_family = family,
				 .ifa_prefixlen = (uint8_t)(8 * len),
				 .ifa_flags = IFA_F_PERMANENT | IFA_F_NODAD,
				 .ifa_scope = RT_SCOPE_HOST,
				 .ifa_index = LOOPBACK_INDEX };
	struct nl_msg *m = nlmsg_alloc_simple(
		RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
	int r = m ? nlmsg_append(m, &ifa, sizeof(ifa), NLMSG_ALIGNTO)
		  : -NLE_NOMEM;

	if (r >= 0)
		r = nla_put(m, IFA_LOCAL, len, addr);
	if (r >= 0)
		r = nla_put(m, IFA_ADDRESS, len, addr);
	if (r >= 0)
		r = nl_send_auto(sk, m);
	if (r >= 0)
		r = nl_wait_for_ack(sk);
	nlmsg_free(m);
	return r;
}

int
net_any_address(int fd, bool *ret_v6, struct err *e)
{
	/* the broker's own, and one that stands for no name */
	static const uint8_t v4[] = { 127, 0, 0, 53 };
	static const uint8_t v6[16] = { 0xfd, 0x61, 0x67,     0x62,
					0x6f, 0x78, [15] = 53 };
	struct nl_sock *sk = NULL;
	int r = open_libnl(fd, &sk, e);

	if (r < 0)
		return r;
	r = send_route(sk, AF_INET);
	if (r >= 0)
		r = send_address(sk, AF_INET, v4, sizeof(v4));
	if (r >= 0)
		*ret_v6 = send_route(sk, AF_INET6) >= 0 &&
			  send_address(sk, AF_INET6, v6, sizeof(v6)) >= 0;
	nl_socket_free(sk);
	if (r < 0)
		return err_set(e, -EIO, "cannot make every address local: %s",
			       nl_geterror(r));
	return 0;
}
