/*
 * Which addresses are this host's: those of its interfaces, and every prefix
 * that its local routing table delivers to itself (AnyIP, virtual addresses of
 * load balancers), as rtnetlink(7) tells. What always holds: if the kernel
 * cannot be asked, or says more than is taken, nothing is known and that is an
 * error; an IPv4 address in IPv6 clothes is looked for, too.
 */
#include "lib/macro.h"
#include "net/addr-internal.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define OWN_MAX 65536

struct own {
	uint8_t addr[16];
	uint8_t len, bits;
};

struct addr_own {
	struct own *v;
	size_t n, room;
};

static int
add(struct addr_own *o, const uint8_t *addr, size_t len, uint8_t bits)
{
	if (bits > len * 8)
		return -EBADMSG;
	if (o->n == OWN_MAX)
		return -E2BIG;
	if (o->n == o->room) {
		size_t room = o->room ? o->room * 2 : 32;
		struct own *v = reallocarray(o->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		o->v = v;
		o->room = room;
	}
	o->v[o->n] = (struct own){ .len = (uint8_t)len, .bits = bits };
	memcpy(o->v[o->n++].addr, addr, len);
	return 0;
}

static size_t
family_len(unsigned int family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

/* The attribute's address of len bytes, or NULL. */
static const uint8_t *
attr_addr(struct rtattr *a, int left, unsigned short type, size_t len)
{
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == type && RTA_PAYLOAD(a) >= len)
			return RTA_DATA(a);
	return NULL;
}

/* IFA_ADDRESS is the other side's on a point-to-point link. */
static int
take_address(struct addr_own *o, struct nlmsghdr *h)
{
	struct ifaddrmsg *m = NLMSG_DATA(h);
	size_t len = family_len(m->ifa_family);
	int left = (int)IFA_PAYLOAD(h);
	const uint8_t *a = attr_addr(IFA_RTA(m), left, IFA_LOCAL, len);

	if (!a)
		a = attr_addr(IFA_RTA(m), left, IFA_ADDRESS, len);
	return a && len ? add(o, a, len, (uint8_t)(len * 8)) : 0;
}

static bool
is_local(const struct rtmsg *m)
{
	return m->rtm_table == RT_TABLE_LOCAL &&
	       (m->rtm_type == RTN_LOCAL || m->rtm_type == RTN_ANYCAST);
}

static int
take_route(struct addr_own *o, struct nlmsghdr *h)
{
	static const uint8_t any[16];
	struct rtmsg *m = NLMSG_DATA(h);
	size_t len = family_len(m->rtm_family);
	const uint8_t *a =
		attr_addr(RTM_RTA(m), (int)RTM_PAYLOAD(h), RTA_DST, len);

	if (!len || !is_local(m))
		return 0;
	return add(o, a ? a : any, len, a ? m->rtm_dst_len : 0);
}

static int
take(struct addr_own *o, struct nlmsghdr *h)
{
	if (h->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *e = NLMSG_DATA(h);

		if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)) || !e->error)
			return -EBADMSG;
		return e->error;
	}
	if (h->nlmsg_type == RTM_NEWADDR &&
	    h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
		return take_address(o, h);
	if (h->nlmsg_type == RTM_NEWROUTE &&
	    h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct rtmsg)))
		return take_route(o, h);
	return 0;
}

/* 1: that was the last. */
static int
message(struct addr_own *o, struct nlmsghdr *h)
{
	int error = 0;

	/* the addresses changed meanwhile */
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EINTR;
	if (h->nlmsg_type != NLMSG_DONE)
		return take(o, h);
	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
		memcpy(&error, NLMSG_DATA(h), sizeof(error));
	return error < 0 ? error : 1;
}

static int
receive(struct addr_own *o, int fd)
{
	union {
		struct nlmsghdr head;
		char bytes[32768];
	} buf;

	for (;;) {
		ssize_t n = recv(fd, &buf, sizeof(buf), MSG_TRUNC);
		size_t left = (size_t)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || left > sizeof(buf))
			return n < 0 ? -errno : -EBADMSG;
		for (struct nlmsghdr *h = &buf.head; NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left)) {
			int r = message(o, h);

			if (r)
				return r < 0 ? r : 0;
		}
	}
}

static int
dump(struct addr_own *o, int fd, uint16_t type, unsigned char family)
{
	struct {
		struct nlmsghdr h;
		union {
			struct ifaddrmsg addr;
			struct rtmsg route;
		} m;
	} q = { .h = { .nlmsg_type = type,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };

	if (type == RTM_GETROUTE) {
		q.m.route.rtm_family = family;
		q.m.route.rtm_table = RT_TABLE_LOCAL;
		q.h.nlmsg_len = NLMSG_LENGTH(sizeof(q.m.route));
	} else {
		q.m.addr.ifa_family = family;
		q.h.nlmsg_len = NLMSG_LENGTH(sizeof(q.m.addr));
	}
	if (send(fd, &q, q.h.nlmsg_len, 0) != (ssize_t)q.h.nlmsg_len)
		return -errno;
	return receive(o, fd);
}

static int
dump_all(struct addr_own *o, int fd)
{
	static const uint16_t types[] = { RTM_GETADDR, RTM_GETROUTE };
	static const unsigned char families[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(types) && r >= 0; i++)
		for (size_t j = 0; j < ARRAY_SIZE(families) && r >= 0; j++) {
			r = dump(o, fd, types[i], families[j]);
			/* a kernel without IPv6; a network in which
			 * nothing was set up, without a local table */
			if ((r == -EOPNOTSUPP && families[j] == AF_INET6) ||
			    (r == -ENOENT && types[i] == RTM_GETROUTE))
				r = 0;
		}
	return r;
}

/* A socket for each try: what is left of a dump that was given up would be
 * taken for the next one's. */
static int
read_once(struct addr_own *o)
{
	int on = 1;
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	/* only the table that is asked for (Linux 4.20; before, all come) */
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	o->n = 0;
	return dump_all(o, fd);
}

int
addr_own_read(struct addr_own **ret)
{
	struct addr_own *o = calloc(1, sizeof(*o));
	int r = -EINTR;

	if (!o)
		return -ENOMEM;
	for (int i = 0; i < 5 && r == -EINTR; i++)
		r = read_once(o);
	if (r < 0)
		addr_own_free(o);
	else
		*ret = o;
	return r;
}

static bool
has(const struct addr_own *o, const uint8_t *addr, size_t len)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].len == len &&
		    addr_in_prefix(addr, o->v[i].addr, o->v[i].bits))
			return true;
	return false;
}

bool
addr_own_has(const struct addr_own *o, const uint8_t *addr, size_t len)
{
	uint8_t in[ADDR_INSIDE_MAX][4];
	size_t n = addr_inside(addr, len, in);

	if (has(o, addr, len))
		return true;
	for (size_t i = 0; i < n; i++)
		if (has(o, in[i], 4))
			return true;
	return false;
}

void
addr_own_free(struct addr_own *o)
{
	if (!o)
		return;
	free(o->v);
	free(o);
}
