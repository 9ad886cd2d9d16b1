/*
 * Takes what arrives at the listeners and finds out where it was to go. What
 * always holds: a connection whose destination cannot be told is reset; when
 * the box has as many as it may have, or descriptors run out, the others wait
 * in the kernel's backlog; everything that is accepted ends in a reset unless
 * it ends in order (the listeners hand on a linger of 0), so a kill is seen.
 */
#include "lib/macro.h"
#include "shim/dns_serve.h"
#include "shim/names.h"
#include "shim/reasons.h"
#include "shim/shim-internal.h"
#include "shim/socks.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define TURN 64 /* connections of one listener in one turn */

struct listener {
	struct shim *shim;
	struct event *ev;
	int fd;
	enum net_listener kind;
};

struct acceptor {
	struct listener at[NET_FDS_MAX];
	size_t n;
	size_t most; /* connections that there are descriptors for */
	bool full;   /* as many connections as may be */
	bool paused; /* the shim offered to end */
};

/* ---- where to ------------------------------------------------------------ */

struct where {
	uint8_t addr[16];
	size_t len;
	uint16_t port;
};

static int
from_sockaddr(const struct sockaddr_storage *ss, struct where *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const struct sockaddr_in6 *six = (const void *)ss;
	const struct sockaddr_in *four = (const void *)ss;

	if (ss->ss_family == AF_INET) {
		memcpy(ret->addr, &four->sin_addr, ret->len = 4);
		ret->port = ntohs(four->sin_port);
	} else if (ss->ss_family != AF_INET6) {
		return -EAFNOSUPPORT;
	} else if (memcmp(&six->sin6_addr, mapped, sizeof(mapped)) == 0) {
		memcpy(ret->addr, &six->sin6_addr.s6_addr[12], ret->len = 4);
		ret->port = ntohs(six->sin6_port);
	} else {
		memcpy(ret->addr, &six->sin6_addr, ret->len = 16);
		ret->port = ntohs(six->sin6_port);
	}
	return ret->port ? 0 : -EINVAL;
}

/* Where it arrived: the destination, unless it was redirected. */
static int
arrived(int fd, struct where *ret)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	return from_sockaddr(&ss, ret);
}

_Static_assert(SO_ORIGINAL_DST == 80, "as IP6T_SO_ORIGINAL_DST");

/* What nf_tables rewrote. A connection that it did not rewrite was dialled to
 * where it arrived, and one that it did cannot lose that (its entry lives as
 * long as the connection). */
static int
original(int fd, struct where *ret)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	struct where at = { .len = 0 };
	int r = arrived(fd, &at);

	if (r < 0)
		return r;
	if (getsockopt(fd, at.len == 4 ? SOL_IP : SOL_IPV6, SO_ORIGINAL_DST,
		       &ss, &len) == 0)
		return from_sockaddr(&ss, ret);
	*ret = at;
	return 0;
}

static void
refuse(struct conn *c, const char *reason, const struct where *w)
{
	struct hostname h = { 0 };

	if (w)
		hostname_from_addr(w->addr, w->len, &h);
	link_found(c->shim->link, reason, h.text, w ? w->port : 0, NULL, NULL);
	conn_free(c, true);
}

static void
captured(struct conn *c, enum net_listener kind)
{
	struct where w = { .len = 0 };
	int r = kind == NET_LISTEN_ANY ? original(c->client.fd, &w)
				       : arrived(c->client.fd, &w);

	if (r < 0) {
		refuse(c, SHIM_WORD(NO_DESTINATION), NULL);
		return;
	}
	c->via = NET_VIA_CAPTURE;
	c->port = w.port;
	c->original_len = w.len;
	memcpy(c->original, w.addr, w.len);
	if (names_host(c->shim->names, w.addr, w.len, &c->host) < 0)
		refuse(c, SHIM_WORD(UNKNOWN_NAME), &w);
	else if (classify_start(c) < 0)
		conn_free(c, true);
}

/* ---- HTTP or SOCKS ------------------------------------------------------- */

static void
proxy_tick(struct conn *c)
{
	uint64_t limit = c->shim->limits.head_us;

	if (c->age_ticks * 1000000ull >=
	    (limit ? limit : SHIM_HEAD_S * 1000000ull))
		conn_free(c, true);
}

/* The first byte says it; it stays where it is. */
static void
on_proxy(struct conn *c)
{
	uint8_t first;
	ssize_t n = recv(c->client.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_free(c, true);
		return;
	}
	conn_on_tick(c, NULL);
	r = first == 4 || first == 5 ? socks_start(c) : http_start(c, true);
	if (r < 0)
		conn_free(c, true);
}

static void
proxied(struct conn *c)
{
	conn_on_tick(c, proxy_tick);
	if (conn_watch(c, false, on_proxy) < 0)
		conn_free(c, true);
	else
		on_proxy(c);
}

/* ---- listeners ----------------------------------------------------------- */

static bool
is_full(const struct shim *s)
{
	uint64_t most = s->limits.connections;

	return s->n_conns >= s->acceptor->most || (most && s->n_conns >= most);
}

static void
update(struct acceptor *a)
{
	bool on = !a->full && !a->paused;

	for (size_t i = 0; i < a->n; i++) {
		struct listener *l = &a->at[i];

		if (!l->ev)
			continue;
		/* UDP takes no descriptors */
		if (on || (l->kind == NET_LISTEN_DNS_UDP && !a->paused))
			event_add(l->ev, NULL);
		else
			event_del(l->ev);
	}
}

void
accept_resume(struct shim *s)
{
	struct acceptor *a = s->acceptor;

	if (!a || !a->full || is_full(s))
		return;
	a->full = false;
	update(a);
}

void
accept_pause(struct shim *s, bool on)
{
	s->acceptor->paused = on;
	update(s->acceptor);
}

static void
fill_up(struct shim *s)
{
	s->acceptor->full = true;
	update(s->acceptor);
}

/* -EAGAIN: nothing there; else it was dealt with. */
static int
accept_one(struct listener *l)
{
	struct shim *s = l->shim;
	int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct conn *c;

	if (fd < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (fd < 0) { /* accept(2): errors of the connection, or of ours */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			fill_up(s);
		return s->acceptor->full ? -EAGAIN : 0;
	}
	c = conn_new(s, fd);
	if (!c)
		return 0;
	if (l->kind == NET_LISTEN_DNS_TCP)
		dns_serve_tcp(c);
	else if (l->kind == NET_LISTEN_PROXY)
		proxied(c);
	else
		captured(c, l->kind);
	return 0;
}

static void
on_listener(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	struct listener *l = arg;

	for (int i = 0; i < TURN; i++) {
		if (is_full(l->shim)) {
			fill_up(l->shim);
			return;
		}
		if (accept_one(l) == -EAGAIN)
			return;
	}
}

static void
on_udp(int fd, _unused_ short what, void *arg)
{
	dns_serve_udp(((struct listener *)arg)->shim, fd);
}

/* What is accepted inherits both (tcp(7), socket(7)). */
static int
prepare(int fd)
{
	static const struct linger reset = { .l_onoff = 1 };
	static const int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    evutil_make_socket_nonblocking(fd) < 0)
		return -errno;
	return 0;
}

static int
listener_start(struct shim *s, struct listener *l)
{
	bool udp = l->kind == NET_LISTEN_DNS_UDP;
	int r = udp ? dns_serve_prepare(l->fd) : prepare(l->fd);

	if (r < 0)
		return r;
	l->ev = event_new(s->base, l->fd, EV_READ | EV_PERSIST,
			  udp ? on_udp : on_listener, l);
	return l->ev ? event_add(l->ev, NULL) : -ENOMEM;
}

/* Both ends of each, and what else is open; else a connection that was made for
 * us would have no descriptor to arrive in. */
static size_t
connections_max(void)
{
	struct rlimit lim;
	size_t most = SHIM_CONNS_MAX;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 &&
	    lim.rlim_cur != RLIM_INFINITY)
		most = lim.rlim_cur > 2 * SHIM_FDS_OTHER
			       ? (lim.rlim_cur - SHIM_FDS_OTHER) / 2
			       : SHIM_FDS_OTHER / 4;
	return MIN(most, (size_t)SHIM_CONNS_MAX);
}

int
accept_new(struct shim *s, struct listeners *from, struct err *e)
{
	struct acceptor *a = s->acceptor = calloc(1, sizeof(*a));

	if (!a)
		return err_sys(e, -ENOMEM, "listeners");
	a->most = connections_max();
	for (; a->n < from->n; a->n++)
		a->at[a->n] = (struct listener){ .shim = s,
						 .fd = TAKE_FD(from->fd[a->n]),
						 .kind = from->kind[a->n] };
	for (size_t i = 0; i < a->n; i++) {
		int r = listener_start(s, &a->at[i]);

		if (r < 0)
			return err_sys(e, r, "listener %zu of the box", i);
	}
	return 0;
}

void
accept_free(struct shim *s)
{
	struct acceptor *a = s->acceptor;

	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++) {
		shim_free_event(&a->at[i].ev);
		if (a->at[i].fd >= 0)
			close(a->at[i].fd);
	}
	free(TAKE_PTR(s->acceptor));
}
