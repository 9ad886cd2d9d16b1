/*
 * The one interface of a box: loopback. The supervisor does this on a socket
 * that the stage opened in the box's namespace (a netlink socket belongs to
 * where it was opened), so the stage carries no library for one message, and
 * is not kept waiting. One message, no cache.
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

static int
send_up(struct nl_sock *sk, int fd)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC,
				 .ifi_index = LOOPBACK_INDEX,
				 .ifi_flags = IFF_UP,
				 .ifi_change = IFF_UP };
	int r = nl_socket_set_fd(sk, NETLINK_ROUTE, fd);

	if (r >= 0)
		r = nl_send_simple(sk, RTM_NEWLINK, NLM_F_ACK, &ifi,
				   sizeof(ifi));
	if (r >= 0)
		r = nl_wait_for_ack(sk);
	return r;
}

int
net_loopback_up(int fd, struct err *e)
{
	struct nl_sock *sk = nl_socket_alloc();
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* libnl closes it */
	int r;

	if (!sk || own < 0) {
		r = err_sys(e, own < 0 ? -errno : -ENOMEM, "netlink");
		if (own >= 0)
			close(own);
		nl_socket_free(sk);
		return r;
	}
	r = send_up(sk, own);
	if (nl_socket_get_fd(sk) != own)
		close(own);
	nl_socket_free(sk);
	if (r < 0)
		return err_set(e, -EIO, "cannot set loopback up: %s",
			       nl_geterror(r));
	return 0;
}
