/*
 * Socket families and protocols: each is kernel code that an agent does not
 * need. Reaching it counts, whatever the network namespace holds.
 */
#include "tests/escape/probe.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define KIND(family, type, protocol)                                           \
	((long)(family) << 24 | (long)(type) << 16 | (protocol))

static void
make_socket(_unused_ const struct params *p, long arg)
{
	judge(socket((int)(arg >> 24), (int)(arg >> 16 & 0xff) | SOCK_CLOEXEC,
		     (int)(arg & 0xffff)),
	      "socket");
}

static void
make_pair(_unused_ const struct params *p, long arg)
{
	int fds[2];

	judge(socketpair((int)arg, SOCK_STREAM, 0, fds), "socketpair");
}

#define FAMILY(name, open, f, t, proto)                                        \
	{                                                                      \
		"socket-" name, open, 0, #f ", " #t ", " #proto, "seccomp",    \
			make_socket, KIND(f, t, proto)                         \
	}

const struct probe probes_family[] = {
	FAMILY("packet", OPEN_ROOT, AF_PACKET, SOCK_RAW, 0x0300),
	FAMILY("packet-dgram", OPEN_ROOT, AF_PACKET, SOCK_DGRAM, 0x0300),
	FAMILY("raw-icmp", OPEN_ROOT, AF_INET, SOCK_RAW, IPPROTO_ICMP),
	FAMILY("raw-ip", OPEN_ROOT, AF_INET, SOCK_RAW, IPPROTO_RAW),
	FAMILY("raw-tcp", OPEN_ROOT, AF_INET, SOCK_RAW, IPPROTO_TCP),
	FAMILY("raw6-icmp", OPEN_ROOT, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6),
	FAMILY("ping", OPEN_HOST, AF_INET, SOCK_DGRAM, IPPROTO_ICMP),
	FAMILY("sctp", OPEN_HOST, AF_INET, SOCK_STREAM, IPPROTO_SCTP),
	FAMILY("dccp", OPEN_HOST, AF_INET, 6, IPPROTO_DCCP),
	FAMILY("udplite", OPEN_HOST, AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE),
	FAMILY("smc", OPEN_HOST, 43, SOCK_STREAM, 0),
	FAMILY("netlink-audit", OPEN_HOST, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT),
	FAMILY("netlink-kobject", OPEN_USER, AF_NETLINK, SOCK_RAW,
	       NETLINK_KOBJECT_UEVENT),
	FAMILY("netlink-netfilter", OPEN_HOST, AF_NETLINK, SOCK_RAW,
	       NETLINK_NETFILTER),
	FAMILY("netlink-generic", OPEN_USER, AF_NETLINK, SOCK_RAW,
	       NETLINK_GENERIC),
	FAMILY("netlink-xfrm", OPEN_HOST, AF_NETLINK, SOCK_RAW, NETLINK_XFRM),
	FAMILY("netlink-diag", OPEN_HOST, AF_NETLINK, SOCK_RAW,
	       NETLINK_SOCK_DIAG),
	FAMILY("netlink-connector", OPEN_HOST, AF_NETLINK, SOCK_DGRAM,
	       NETLINK_CONNECTOR),
	FAMILY("netlink-crypto", OPEN_HOST, AF_NETLINK, SOCK_RAW,
	       NETLINK_CRYPTO),
	FAMILY("vsock", OPEN_HOST, AF_VSOCK, SOCK_STREAM, 0),
	FAMILY("alg", OPEN_HOST, AF_ALG, SOCK_SEQPACKET, 0),
	FAMILY("bluetooth", OPEN_HOST, AF_BLUETOOTH, SOCK_RAW, 1),
	FAMILY("key", OPEN_HOST, AF_KEY, SOCK_RAW, 2),
	FAMILY("xdp", OPEN_HOST, AF_XDP, SOCK_RAW, 0),
	FAMILY("tipc", OPEN_HOST, AF_TIPC, SOCK_SEQPACKET, 0),
	FAMILY("can", OPEN_HOST, AF_CAN, SOCK_RAW, 1),
	FAMILY("rds", OPEN_HOST, AF_RDS, SOCK_SEQPACKET, 0),
	FAMILY("nfc", OPEN_HOST, AF_NFC, SOCK_SEQPACKET, 0),
	FAMILY("ieee802154", OPEN_HOST, AF_IEEE802154, SOCK_DGRAM, 0),
	FAMILY("ax25", OPEN_HOST, AF_AX25, SOCK_SEQPACKET, 0),
	FAMILY("x25", OPEN_HOST, AF_X25, SOCK_SEQPACKET, 0),
	FAMILY("appletalk", OPEN_HOST, AF_APPLETALK, SOCK_DGRAM, 0),
	FAMILY("llc", OPEN_HOST, AF_LLC, SOCK_STREAM, 0),
	FAMILY("pppox", OPEN_HOST, AF_PPPOX, SOCK_STREAM, 0),
	FAMILY("kcm", OPEN_HOST, AF_KCM, SOCK_DGRAM, 0),
	FAMILY("phonet", OPEN_HOST, AF_PHONET, SOCK_DGRAM, 0),
	FAMILY("qipcrtr", OPEN_HOST, 42, SOCK_DGRAM, 0),
	FAMILY("mctp", OPEN_HOST, 45, SOCK_DGRAM, 0),
	{ "socketpair-tipc", OPEN_HOST, 0, "socketpair(AF_TIPC)", "seccomp",
	  make_pair, AF_TIPC },
	{ 0 },
};
