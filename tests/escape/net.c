/*
 * The network: the host's loopback, addresses of the outside (only those that
 * RFC 5737 and RFC 3849 keep for documentation), and changes to interfaces and
 * routes. "At once" is part of the promise: a refusal must not be a timeout.
 */
#include "tests/escape/probe.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t
make_address(union address *a, const char *text, long port)
{
	memset(a, 0, sizeof(*a));
	if (strchr(text, ':')) {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons((uint16_t)port);
		inet_pton(AF_INET6, text, &a->v6.sin6_addr);
		return sizeof(a->v6);
	}
	a->v4.sin_family = AF_INET;
	a->v4.sin_port = htons((uint16_t)port);
	inet_pton(AF_INET, text, &a->v4.sin_addr);
	return sizeof(a->v4);
}

/* Connects without waiting; EINPROGRESS means that a packet has left. */
static int
start(int type, const char *text, long port)
{
	union address a;
	socklen_t len = make_address(&a, text, port);
	int s = socket(a.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (s < 0)
		refused("socket");
	if (connect(s, &a.any, len) < 0 && errno != EINPROGRESS)
		refused("connect");
	return s;
}

static void
tcp_loopback(const struct params *p, long arg)
{
	int s = start(SOCK_STREAM, arg ? "::1" : "127.0.0.1", p->port);
	struct pollfd f = { .fd = s, .events = POLLIN };
	char buf[256];
	ssize_t n;

	if (poll(&f, 1, 1000) != 1)
		blocked("no answer");
	n = read(s, buf, sizeof(buf));
	if (n > 0 && has_token(p, buf, (size_t)n))
		escaped("the host's server answered");
	refused("read");
}

static void
udp_loopback(const struct params *p, _unused_ long arg)
{
	int s = start(SOCK_DGRAM, "127.0.0.1", p->uport);
	struct pollfd f = { .fd = s, .events = POLLIN };
	char buf[256];
	ssize_t n;

	if (send(s, "hello", 5, 0) < 0)
		refused("send");
	if (poll(&f, 1, 500) != 1)
		blocked("no answer");
	n = read(s, buf, sizeof(buf));
	if (n > 0 && has_token(p, buf, (size_t)n))
		escaped("the host's server answered");
	refused("read");
}

static const char *const outside[] = {
	"192.0.2.1",   "198.51.100.7", "2001:db8::1",	  "169.254.169.254",
	"224.0.0.251", "10.0.0.1",     "255.255.255.255", "fd00:ec2::254",
};

static void
tcp_outside(_unused_ const struct params *p, long arg)
{
	start(SOCK_STREAM, outside[arg], 443);
	escaped("a packet was sent towards %s", outside[arg]);
}

/* connect() of a datagram socket asks for a route and sends nothing. */
static void
udp_route(_unused_ const struct params *p, long arg)
{
	start(SOCK_DGRAM, outside[arg], 53);
	escaped("there is a route to %s", outside[arg]);
}

static void
udp_broadcast(_unused_ const struct params *p, _unused_ long arg)
{
	union address a;
	socklen_t len = make_address(&a, "255.255.255.255", 9);
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(s, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
	judge(sendto(s, "x", 1, 0, &a.any, len), "a broadcast");
}

static void
listen_host(const struct params *p, _unused_ long arg)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	union address a;
	socklen_t len = make_address(&a, "0.0.0.0", 0);
	const char *answer;
	char request[64];

	if (s < 0 || bind(s, &a.any, len) < 0 || listen(s, 1) < 0 ||
	    getsockname(s, &a.any, &len) < 0)
		refused("listening");
	snprintf(request, sizeof(request), "connect-tcp %u",
		 ntohs(a.v4.sin_port));
	answer = ask_host(p, request);
	if (!answer)
		escaped("bad run: the host side did not answer");
	if (!strcmp(answer, "connected"))
		escaped("a host process reached our port");
	blocked("the host saw: %s", answer);
}

static void
interfaces(_unused_ const struct params *p, _unused_ long arg)
{
	struct if_nameindex *l = if_nameindex();

	if (!l)
		refused("if_nameindex");
	for (struct if_nameindex *i = l; i->if_index; i++)
		if (strcmp(i->if_name, "lo"))
			escaped("interface %s is visible", i->if_name);
	blocked("only lo");
}

struct request {
	struct nlmsghdr h;
	union {
		struct ifinfomsg link;
		struct rtmsg route;
		struct ifaddrmsg addr;
	} u;
	char attrs[128];
};

static void
put_attr(struct request *r, unsigned short type, const void *data, size_t len)
{
	struct rtattr *a =
		(struct rtattr *)(void *)((char *)r + r->h.nlmsg_len);

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	r->h.nlmsg_len += RTA_SPACE(len);
}

_noreturn_ static void
netlink(struct request *r, const char *what)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} reply = { 0 };
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	r->h.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (s < 0 || send(s, r, r->h.nlmsg_len, 0) < 0 ||
	    recv(s, &reply, sizeof(reply), 0) < 0)
		refused("netlink");
	errno = -reply.e.error;
	judge(reply.e.error, what);
}

static void
add_link(_unused_ const struct params *p, _unused_ long arg)
{
	struct request r = {
		.h = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
		       .nlmsg_type = RTM_NEWLINK,
		       .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL }
	};
	char info[32] = { 0 };
	struct rtattr *kind = (struct rtattr *)(void *)info;

	kind->rta_type = IFLA_INFO_KIND;
	kind->rta_len = RTA_LENGTH(4);
	memcpy(RTA_DATA(kind), "veth", 4);
	put_attr(&r, IFLA_IFNAME, "abx0", 5);
	put_attr(&r, IFLA_LINKINFO, info, RTA_SPACE(4));
	netlink(&r, "a new interface");
}

static void
add_route(_unused_ const struct params *p, _unused_ long arg)
{
	struct request r = {
		.h = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
		       .nlmsg_type = RTM_NEWROUTE,
		       .nlmsg_flags = NLM_F_CREATE },
		.u.route = { .rtm_family = AF_INET,
			     .rtm_dst_len = 24,
			     .rtm_table = RT_TABLE_MAIN,
			     .rtm_protocol = RTPROT_STATIC,
			     .rtm_scope = RT_SCOPE_LINK,
			     .rtm_type = RTN_UNICAST },
	};
	unsigned int lo = if_nametoindex("lo");
	struct in_addr dst;

	inet_pton(AF_INET, "203.0.113.0", &dst);
	put_attr(&r, RTA_DST, &dst, sizeof(dst));
	put_attr(&r, RTA_OIF, &lo, sizeof(lo));
	netlink(&r, "a new route");
}

static void
add_address(_unused_ const struct params *p, _unused_ long arg)
{
	struct request r = {
		.h = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
		       .nlmsg_type = RTM_NEWADDR,
		       .nlmsg_flags = NLM_F_CREATE },
		.u.addr = { .ifa_family = AF_INET,
			    .ifa_prefixlen = 32,
			    .ifa_index = if_nametoindex("lo") },
	};
	struct in_addr a;

	inet_pton(AF_INET, "203.0.113.9", &a);
	put_attr(&r, IFA_LOCAL, &a, sizeof(a));
	netlink(&r, "a new address");
}

static void
set_arp(_unused_ const struct params *p, _unused_ long arg)
{
	struct arpreq r = { .arp_flags = ATF_PERM | ATF_COM, .arp_dev = "lo" };
	union address a;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	make_address(&a, "192.0.2.77", 0);
	memcpy(&r.arp_pa, &a.v4, sizeof(a.v4));
	r.arp_ha.sa_family = ARPHRD_ETHER;
	if (ioctl(s, SIOCSARP, &r) == 0 || errno == EINVAL || errno == ENXIO ||
	    errno == ENETUNREACH)
		escaped("SIOCSARP is allowed");
	refused("SIOCSARP");
}

static void
set_link(_unused_ const struct params *p, long arg)
{
	struct ifreq r = { .ifr_name = "lo" };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (ioctl(s, SIOCGIFFLAGS, &r) < 0)
		refused("SIOCGIFFLAGS");
	if (!arg) /* the same flags again: nothing changes */
		judge(ioctl(s, SIOCSIFFLAGS, &r), "SIOCSIFFLAGS");
	r.ifr_mtu = 65536;
	judge(ioctl(s, SIOCSIFMTU, &r), "SIOCSIFMTU");
}

static void
bind_device(_unused_ const struct params *p, long arg)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;

	if (arg) /* lets a socket take addresses that are not its own */
		judge(setsockopt(s, SOL_IP, 19 /* IP_TRANSPARENT */, &one,
				 sizeof(one)),
		      "IP_TRANSPARENT");
	judge(setsockopt(s, SOL_SOCKET, SO_MARK, &one, sizeof(one)), "SO_MARK");
}

static void
low_port(_unused_ const struct params *p, _unused_ long arg)
{
	union address a;
	socklen_t len = make_address(&a, "127.0.0.1", 81);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	judge(bind(s, &a.any, len), "bind to port 81");
}

#define NETNS "network namespace"
#define ADMIN "no capability over the namespace, seccomp"
const struct probe probes_net[] = {
	{ "net-tcp-loopback", OPEN_USER, 0, "TCP to the host's loopback", NETNS,
	  tcp_loopback, 0 },
	{ "net-tcp6-loopback", OPEN_HOST, 0, "TCP to the host's ::1", NETNS,
	  tcp_loopback, 1 },
	{ "net-udp-loopback", OPEN_USER, 0, "UDP to the host's loopback", NETNS,
	  udp_loopback, 0 },
	{ "net-listen", OPEN_USER, 0, "a port of the box, from the host", NETNS,
	  listen_host, 0 },
	{ "net-tcp-outside", OPEN_HOST, 0, "TCP to 192.0.2.1", NETNS,
	  tcp_outside, 0 },
	{ "net-tcp-outside2", OPEN_HOST, 0, "TCP to 198.51.100.7", NETNS,
	  tcp_outside, 1 },
	{ "net-tcp6-outside", OPEN_HOST, 0, "TCP to 2001:db8::1", NETNS,
	  tcp_outside, 2 },
	{ "net-udp-outside", OPEN_HOST, 0, "a UDP route to 192.0.2.1", NETNS,
	  udp_route, 0 },
	{ "net-udp6-outside", OPEN_HOST, 0, "a UDP route to 2001:db8::1", NETNS,
	  udp_route, 2 },
	{ "net-metadata", OPEN_HOST, 0, "a route to 169.254.169.254", NETNS,
	  udp_route, 3 },
	{ "net-metadata6", OPEN_HOST, 0, "a route to fd00:ec2::254", NETNS,
	  udp_route, 7 },
	{ "net-multicast", OPEN_HOST, 0, "a route to 224.0.0.251", NETNS,
	  udp_route, 4 },
	{ "net-private", OPEN_HOST, 0, "a route to 10.0.0.1", NETNS, udp_route,
	  5 },
	{ "net-broadcast", OPEN_HOST, 0, "a broadcast", NETNS, udp_broadcast,
	  0 },
	{ "net-interfaces", OPEN_HOST, 0, "interfaces of the host", NETNS,
	  interfaces, 0 },
	{ "net-link-add", OPEN_HOST, 0, "a new veth pair", ADMIN, add_link, 0 },
	{ "net-route-add", OPEN_ROOT, 0, "a new route", ADMIN, add_route, 0 },
	{ "net-address-add", OPEN_ROOT, 0, "a new address", ADMIN, add_address,
	  0 },
	{ "net-arp", OPEN_ROOT, 0, "an ARP entry", ADMIN, set_arp, 0 },
	{ "net-link-flags", OPEN_ROOT, 0, "flags of lo", ADMIN, set_link, 0 },
	{ "net-link-mtu", OPEN_ROOT, 0, "the MTU of lo", ADMIN, set_link, 1 },
	{ "net-mark", OPEN_ROOT, 0, "SO_MARK", ADMIN, bind_device, 0 },
	{ "net-transparent", OPEN_ROOT, 0, "IP_TRANSPARENT", ADMIN, bind_device,
	  1 },
	{ "net-low-port", OPEN_ROOT, 0, "a port below 1024", ADMIN, low_port,
	  0 },
	{ 0 },
};
