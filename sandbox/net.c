/* The one interface of a box: loopback. One netlink message, no cache. */
#include "sandbox/net.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#define LOOPBACK_INDEX                                                         \
	1 /* always the first: net/core/dev.h LOOPBACK_IFINDEX                 \
	   */

static int
send_flags(struct nl_sock *sk, unsigned int flags)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC,
				 .ifi_index = LOOPBACK_INDEX,
				 .ifi_flags = flags,
				 .ifi_change = IFF_UP };
	int r = nl_connect(sk, NETLINK_ROUTE);

	if (r >= 0)
		r = nl_send_simple(sk, RTM_NEWLINK, NLM_F_ACK, &ifi,
				   sizeof(ifi));
	if (r >= 0)
		r = nl_wait_for_ack(sk);
	return r;
}

int
net_loopback(bool up, struct err *e)
{
	struct nl_sock *sk = nl_socket_alloc();
	int r;

	if (!sk)
		return err_sys(e, -ENOMEM, "netlink");
	r = send_flags(sk, up ? IFF_UP : 0);
	nl_socket_free(sk);
	if (r < 0)
		return err_set(e, -EIO, "cannot set loopback %s: %s",
			       up ? "up" : "down", nl_geterror(r));
	return 0;
}
