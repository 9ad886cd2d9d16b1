/*
 * Listeners in the box's network. What always holds: they are there before the
 * command runs, so no program of the box can take a port from them; nothing is
 * accepted here but our own trial connection, which proves that what is dialled
 * inside arrives. Binding below 1024 is ours to do: the box's user namespace
 * belongs to the supervisor.
 */
#include "sandbox/net_listen.h"

#include "sandbox/net_redirect.h"

#include <arpa/inet.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#define PRIVILEGED_END 1024 /* ip_unprivileged_port_start of a new network */
#define PORT_DNS 53
#define TRIALS 2 /* sockets that net_listen_sockets() keeps for them */
#define TRIAL_MS 2000
/* IP6T_SO_ORIGINAL_DST has the same number; its header (ip6_tables.h) does not
 * go with the C library's. */
#define ORIGINAL_DST SO_ORIGINAL_DST

struct opening {
	struct net_sockets *s;
	const struct net_listen_request *rq;
	struct net_listen *out;
	uint16_t any_port;
	uint16_t own[NET_LISTEN_PORTS_MAX + 1]; /* with a listener each */
	size_t n_own;
	struct err *e;
};

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

size_t
net_listen_sockets(const struct net_listen_request *rq)
{
	return rq->n_ports + 3 + TRIALS; /* any, proxy, DNS */
}

void
net_listen_close(struct net_listen *l)
{
	while (l->n)
		close(l->fd[--l->n]);
}

/* Addresses */

static int
family_of(int fd)
{
	int family = AF_INET6;
	socklen_t len = sizeof(family);

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
	return family;
}

/* v4 NULL: every address of both families. */
static socklen_t
make_address(int family, const char *v4, uint16_t port, union address *a)
{
	memset(a, 0, sizeof(*a));
	if (family == AF_INET) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(port);
		if (v4)
			inet_pton(AF_INET, v4, &a->in.sin_addr);
		return sizeof(a->in);
	}
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_port = htons(port);
	if (v4) { /* mapped: RFC 4291, 2.5.5.2 */
		memset(&a->in6.sin6_addr.s6_addr[10], 0xff, 2);
		inet_pton(AF_INET, v4, &a->in6.sin6_addr.s6_addr[12]);
	}
	return sizeof(a->in6);
}

static int
set_on(int fd, int level, int name)
{
	int one = 1;

	return setsockopt(fd, level, name, &one, sizeof(one)) < 0 ? -errno : 0;
}

static int
bind_to(int fd, const char *v4, uint16_t port)
{
	int family = family_of(fd), zero = 0;
	union address a;
	socklen_t len = make_address(family, v4, port, &a);

	/* whatever bindv6only says */
	if (family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) < 0)
		return -errno;
	return bind(fd, &a.sa, len) < 0 ? -errno : 0;
}

/* Opening */

static void
keep(struct opening *o, int *fd, enum net_listen_kind kind)
{
	o->out->kind[o->out->n] = kind;
	o->out->fd[o->out->n++] = TAKE_FD(*fd);
}

static int
listen_tcp(struct opening *o, const char *v4, uint16_t port,
	   enum net_listen_kind kind)
{
	int *fd, r;

	if (!o->s->n_tcp)
		return err_set(o->e, -EBADF, "the stage sent too few sockets");
	fd = &o->s->tcp[--o->s->n_tcp];
	r = bind_to(*fd, v4, port);
	if (r >= 0 && listen(*fd, NET_LISTEN_BACKLOG) < 0)
		r = -errno;
	if (r < 0) {
		close(TAKE_FD(*fd));
		return err_sys(o->e, r, "cannot listen on port %u of the box",
			       port);
	}
	keep(o, fd, kind);
	return 0;
}

/* Replies leave from the address that was asked: that must be told, and in IPv6
 * may be used although no interface has it. */
static int
listen_dns(struct opening *o)
{
	int *fd = &o->s->udp, r = bind_to(*fd, NULL, PORT_DNS);

	if (r >= 0)
		r = set_on(*fd, IPPROTO_IP, IP_PKTINFO);
	if (r >= 0 && family_of(*fd) == AF_INET6)
		r = set_on(*fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
	if (r >= 0 && family_of(*fd) == AF_INET6)
		r = set_on(*fd, IPPROTO_IPV6, IPV6_FREEBIND);
	if (r < 0)
		return err_sys(o->e, r, "cannot listen for DNS in the box");
	keep(o, fd, LISTEN_DNS_UDP);
	return listen_tcp(o, NULL, PORT_DNS, LISTEN_DNS_TCP);
}

static bool
is_named(const struct net_listen_request *rq, uint16_t port)
{
	for (size_t i = 0; i < rq->n_ports; i++)
		if (rq->port[i] == port)
			return true;
	return false;
}

static void
choose_any_port(struct opening *o)
{
	o->any_port = NET_LISTEN_ANY_PORT;
	while (is_named(o->rq, o->any_port))
		o->any_port--;
}

/* DNS has its listener, and beside the proxy's one none fits for all addresses.
 */
static void
choose_own_ports(struct opening *o, bool all)
{
	for (size_t i = 0; i < o->rq->n_ports; i++) {
		uint16_t port = o->rq->port[i];

		if (port != PORT_DNS &&
		    (port < PRIVILEGED_END || (all && port != PLAN_PROXY_PORT)))
			o->own[o->n_own++] = port;
	}
}

/* Exceptions are the ports with listeners, DNS among them. */
static int
redirect(struct opening *o)
{
	uint16_t except[NET_LISTEN_PORTS_MAX + 1];
	struct err why = ERR_INIT;
	int r;

	choose_any_port(o);
	choose_own_ports(o, false);
	memcpy(except, o->own, o->n_own * sizeof(*except));
	except[o->n_own] = PORT_DNS;
	if (o->s->nft < 0)
		err_set(&why, -EPROTONOSUPPORT, "no nfnetlink in this kernel");
	else if (net_redirect(o->s->nft, o->any_port, except, o->n_own + 1,
			      &why) >= 0)
		o->out->redirects = true;
	if (o->out->redirects) {
		r = listen_tcp(o, NULL, o->any_port, LISTEN_ANY);
		return r;
	}
	snprintf(o->out->why, sizeof(o->out->why), "%.159s", why.text);
	o->n_own = 0;
	choose_own_ports(o, true);
	return 0;
}

static void
name_ports(struct opening *o)
{
	char *at = o->out->ports;
	size_t left = sizeof(o->out->ports);

	for (size_t i = 0; i < o->n_own; i++) {
		int n = snprintf(at, left, "%s%u", i ? "," : "", o->own[i]);

		if ((size_t)n >= left)
			return;
		at += n;
		left -= (size_t)n;
	}
}

static int
open_all(struct opening *o)
{
	int r = listen_dns(o);

	if (r >= 0)
		r = listen_tcp(o, PLAN_BROKER_ADDRESS, PLAN_PROXY_PORT,
			       LISTEN_PROXY);
	if (r >= 0)
		r = redirect(o);
	for (size_t i = 0; i < o->n_own && r >= 0; i++)
		r = listen_tcp(o, NULL, o->own[i], LISTEN_PORT);
	name_ports(o);
	return r;
}

/* The destination as it was dialled */

static size_t
take_address(const union address *a, uint8_t addr[16], uint16_t *ret_port)
{
	const struct in6_addr *v6 = &a->in6.sin6_addr;

	*ret_port = ntohs(a->sa.sa_family == AF_INET ? a->in.sin_port
						     : a->in6.sin6_port);
	if (a->sa.sa_family == AF_INET) {
		memcpy(addr, &a->in.sin_addr, 4);
		return 4;
	}
	if (IN6_IS_ADDR_V4MAPPED(v6)) {
		memcpy(addr, &v6->s6_addr[12], 4);
		return 4;
	}
	memcpy(addr, v6, 16);
	return 16;
}

int
net_listen_original(int fd, enum net_listen_kind kind, uint8_t addr[16],
		    size_t *ret_len, uint16_t *ret_port)
{
	union address a = { .in6 = { 0 } }, was;
	socklen_t len = sizeof(a), was_len = sizeof(was);
	bool v4;

	if (getsockname(fd, &a.sa, &len) < 0)
		return -errno;
	v4 = a.sa.sa_family == AF_INET ||
	     IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr);
	if (kind == LISTEN_ANY) {
		/* -ENOENT: not redirected, so dialled as itself */
		if (getsockopt(fd, v4 ? SOL_IP : SOL_IPV6, ORIGINAL_DST, &was,
			       &was_len) == 0)
			a = was;
		else if (errno != ENOENT)
			return -errno;
	}
	*ret_len = take_address(&a, addr, ret_port);
	return 0;
}

/* Trying it out */

/* Addresses for documentation (RFC 5737, 3849): nobody's. */
static void
trial_address(bool v6, uint16_t port, int family, union address *a,
	      socklen_t *ret_len)
{
	*ret_len = make_address(family, "192.0.2.1", port, a);
	if (v6)
		inet_pton(AF_INET6, "2001:db8::1", &a->in6.sin6_addr);
}

static int
wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r = poll(&p, 1, TRIAL_MS);

	return r < 0 ? -errno : r ? 0 : -ETIMEDOUT;
}

/* The handshake is the kernel's alone, and over before either call returns,
 * unless the machine is very busy. */
static int
dial_and_accept(int out, int listener, const union address *a, socklen_t len)
{
	int fd, r = connect(out, &a->sa, len) < 0 ? -errno : 0;

	if (r == -EINPROGRESS)
		r = wait_for(out, POLLOUT);
	if (r >= 0)
		r = wait_for(listener, POLLIN);
	if (r < 0)
		return r;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Gone without a trace: no state that waits for its end. */
static void
close_now(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	if (fd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static int
trial(struct opening *o, bool v6, int listener, enum net_listen_kind kind,
      uint16_t port)
{
	int out = TAKE_FD(o->s->tcp[--o->s->n_tcp]), in;
	uint8_t want[16], got[16];
	uint16_t want_port, got_port = 0;
	size_t want_len, len = 0;
	union address a;
	socklen_t size;
	int r;

	trial_address(v6, port, family_of(out), &a, &size);
	want_len = take_address(&a, want, &want_port);
	r = in = dial_and_accept(out, listener, &a, size);
	if (r >= 0)
		r = net_listen_original(in, kind, got, &len, &got_port);
	if (r >= 0 && (len != want_len || memcmp(got, want, len) != 0 ||
		       got_port != want_port))
		r = -EADDRNOTAVAIL;
	close_now(out);
	close_now(in);
	return r;
}

/* Through the redirect if there is one: a port that has no listener, from the
 * discard port (RFC 863) on. Else a port that has. */
static uint16_t
trial_port(const struct opening *o)
{
	uint16_t port = 9;

	if (!o->out->redirects)
		return o->own[0];
	while (is_named(o->rq, port))
		port++;
	return port;
}

static void
try_family(struct opening *o, bool v6, size_t at)
{
	struct net_listen *l = o->out;
	int r = trial(o, v6, l->fd[at], l->kind[at], trial_port(o));

	if (r < 0 && !l->fault[0])
		snprintf(l->fault, sizeof(l->fault),
			 "a trial connection over %s did not arrive: %s",
			 v6 ? "IPv6" : "IPv4", strerror(-r));
}

static void
try_out(struct opening *o)
{
	const struct net_listen *l = o->out;
	size_t at = 0;

	while (at < l->n && l->kind[at] != LISTEN_ANY &&
	       l->kind[at] != LISTEN_PORT)
		at++;
	if (at == l->n)
		return;
	try_family(o, false, at);
	if (l->v6)
		try_family(o, true, at);
}

int
net_listen_open(struct net_sockets *s, const struct net_listen_request *rq,
		struct net_listen *ret, struct err *e)
{
	struct net_listen l = { .n = 0 };
	struct opening o = { .s = s, .rq = rq, .out = &l, .e = e };
	int r = 0;

	if (rq->n_ports > NET_LISTEN_PORTS_MAX || s->udp < 0 ||
	    s->n_tcp < net_listen_sockets(rq))
		r = err_set(e, -EINVAL, "the stage sent too few sockets");
	if (r >= 0)
		r = net_any_address(s->route, &l.v6, e);
	l.v6 = l.v6 && family_of(s->udp) == AF_INET6;
	if (r >= 0)
		r = open_all(&o);
	if (r >= 0)
		try_out(&o);
	net_sockets_close(s);
	if (r < 0) {
		net_listen_close(&l);
		return r;
	}
	*ret = l;
	return 0;
}
