/* links: net profiles sandbox policy lib */
/* The dialler on loopback, in a network of its own where that is needed: who
 * answers, who refuses, who is silent, and in which order they are tried. */
#include "net/dial.h"
#include "tests/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

struct call {
	struct dial_call c;
	unsigned int told;
	int status, fd;
	size_t which;
	struct dialler *frees; /* from within done */
};

static void
done(struct dial_call *c, int status, int fd, size_t which)
{
	struct call *k = (struct call *)(void *)c;

	k->told++;
	k->status = status;
	k->fd = fd;
	k->which = which;
	dialler_free(k->frees);
}

union address {
	struct sockaddr any;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

static struct resolved
to(const char *text)
{
	struct resolved a = { .len = strchr(text, ':') ? 16 : 4 };

	ASSERT_EQ(inet_pton(a.len == 4 ? AF_INET : AF_INET6, text, a.addr), 1);
	return a;
}

/* A socket on that address, with a port of its own. */
static int
bound(const char *text, uint16_t *ret_port)
{
	struct resolved a = to(text);
	union address in = { .any.sa_family = a.len == 4 ? AF_INET : AF_INET6 };
	socklen_t size = sizeof(in);
	int fd = socket(in.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		SKIP("no socket for %s: %s", text, strerror(errno));
	if (a.len == 4)
		memcpy(&in.in4.sin_addr, a.addr, 4);
	else
		memcpy(&in.in6.sin6_addr, a.addr, 16);
	if (bind(fd, &in.any, a.len == 4 ? sizeof(in.in4) : sizeof(in.in6)) < 0)
		SKIP("no %s: %s", text, strerror(errno));
	ASSERT_OK(getsockname(fd, &in.any, &size));
	*ret_port = ntohs(in.in4.sin_port);
	return fd;
}

/* accepts */
static int
good(const char *text, uint16_t *ret_port)
{
	int fd = bound(text, ret_port);

	ASSERT_OK(listen(fd, 64));
	return fd;
}

/* A listener whose queue is full drops what comes: a black hole. fill: the
 * sockets that fill it. */
struct hole {
	int fd, fill[3];
};

static struct hole
hole(const char *text, uint16_t *ret_port)
{
	struct resolved a = to(text);
	struct hole h = { .fd = bound(text, ret_port) };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(*ret_port) };

	memcpy(&in.sin_addr, a.addr, 4);
	ASSERT_OK(listen(h.fd, 0));
	for (size_t i = 0; i < 3; i++) {
		h.fill[i] = ASSERT_OK(
			socket(AF_INET,
			       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
		connect(h.fill[i], (struct sockaddr *)&in, sizeof(in));
	}
	return h;
}

static void
close_hole(const struct hole *h)
{
	close(h->fd);
	for (size_t i = 0; i < 3; i++)
		close(h->fill[i]);
}

/* nobody listens */
static uint16_t
closed(const char *text)
{
	uint16_t port;

	close(bound(text, &port));
	return port;
}

struct world {
	struct event_base *base;
	struct dialler *d;
	struct resolved addr[RESOLVE_ADDRS_MAX];
	uint16_t port[RESOLVE_ADDRS_MAX];
	size_t n;
};

static void
begin_world(struct world *w, uint64_t timeout_us)
{
	memset(w, 0, sizeof(*w));
	w->base = event_base_new();
	ASSERT_NOT_NULL(w->base);
	ASSERT_OK(dialler_new(w->base, timeout_us, &w->d));
}

static void
end_world(struct world *w)
{
	dialler_free(w->d);
	event_base_free(w->base);
}

static void
add(struct world *w, const char *text, uint16_t port)
{
	w->addr[w->n] = to(text);
	w->port[w->n++] = port;
}

static void
begin(struct world *w, struct call *k)
{
	memset(k, 0, sizeof(*k));
	k->c.done = done;
	dial_begin(w->d, w->addr, w->port, w->n, &k->c);
}

static void
wait_for(struct world *w, const struct call *k)
{
	while (!k->told)
		if (event_base_loop(w->base, EVLOOP_ONCE) < 0)
			FAIL("the loop ended");
}

/* Dials what was added; the index, or the error. */
static int
dial(struct world *w)
{
	struct call k;

	begin(w, &k);
	wait_for(w, &k);
	ASSERT_EQ(k.told, 1);
	if (k.status < 0) {
		ASSERT_EQ(k.fd, -EBADF);
		return k.status;
	}
	close(k.fd);
	return (int)k.which;
}

TEST(connected)
{
	static const char *const hosts[] = { "127.0.0.1", "::1" };

	for (size_t i = 0; i < 2; i++) {
		struct world w;
		struct call k;
		uint16_t port;
		int s = good(hosts[i], &port), c, on = 0;
		socklen_t size = sizeof(on);
		char b = 0;

		begin_world(&w, 10000000);
		add(&w, hosts[i], port);
		begin(&w, &k);
		wait_for(&w, &k);
		ASSERT_EQ(k.status, 0);
		ASSERT_EQ(k.which, 0);
		ASSERT_TRUE(fcntl(k.fd, F_GETFL) & O_NONBLOCK);
		ASSERT_TRUE(fcntl(k.fd, F_GETFD) & FD_CLOEXEC);
		ASSERT_OK(
			getsockopt(k.fd, IPPROTO_TCP, TCP_NODELAY, &on, &size));
		ASSERT_NE(on, 0);
		c = ASSERT_OK(accept4(s, NULL, NULL, SOCK_CLOEXEC));
		ASSERT_EQ(send(k.fd, "x", 1, 0), 1);
		ASSERT_EQ(recv(c, &b, 1, 0), 1);
		ASSERT_EQ(b, 'x');
		close(c);
		close(k.fd);
		close(s);
		end_world(&w);
	}
}

TEST(refused)
{
	struct world w;

	begin_world(&w, 10000000);
	add(&w, "127.0.0.1", closed("127.0.0.1"));
	ASSERT_EQ(dial(&w), -ECONNREFUSED);
	add(&w, "127.0.0.2", closed("127.0.0.2"));
	ASSERT_EQ(dial(&w), -ECONNREFUSED);
	end_world(&w);
}

TEST(the_next_one_after_a_refusal)
{
	struct world w;
	uint16_t port;
	int s = good("127.0.0.1", &port);

	begin_world(&w, 10000000);
	add(&w, "127.0.0.2", closed("127.0.0.2"));
	add(&w, "127.0.0.3", closed("127.0.0.3"));
	add(&w, "127.0.0.1", port);
	ASSERT_EQ(dial(&w), 2);
	close(s);
	end_world(&w);
}

TEST(the_next_one_beside_a_silent_one)
{
	struct world w;
	uint16_t silent, port;
	struct hole h = hole("127.0.0.1", &silent);
	int s = good("127.0.0.1", &port);

	begin_world(&w, 10000000);
	add(&w, "127.0.0.1", silent);
	add(&w, "127.0.0.1", port);
	ASSERT_EQ(dial(&w), 1);
	close(s);
	close_hole(&h);
	end_world(&w);
}

/* More of them than are tried at once. */
TEST(behind_many_silent_ones)
{
	struct world w;
	uint16_t silent, port;
	struct hole h = hole("127.0.0.1", &silent);
	int s = good("127.0.0.1", &port);

	begin_world(&w, 30000000);
	for (size_t i = 0; i < DIAL_AT_ONCE + 2; i++)
		add(&w, "127.0.0.1", silent);
	add(&w, "127.0.0.1", port);
	ASSERT_EQ(dial(&w), DIAL_AT_ONCE + 2);
	close(s);
	close_hole(&h);
	end_world(&w);
}

TEST(silence_ends)
{
	struct world w;
	uint16_t silent;
	struct hole h = hole("127.0.0.1", &silent);

	begin_world(&w, 300000);
	add(&w, "127.0.0.1", silent);
	ASSERT_EQ(dial(&w), -ETIMEDOUT);
	add(&w, "127.0.0.1", silent);
	ASSERT_EQ(dial(&w), -ETIMEDOUT);
	close_hole(&h);
	end_world(&w);
}

/* The first of the other family comes before the second of the first one's. */
TEST(families_take_turns)
{
	struct world w;
	uint16_t silent, port4, port6;
	struct hole h = hole("127.0.0.1", &silent);
	int s4 = good("127.0.0.1", &port4), s6 = good("::1", &port6);

	begin_world(&w, 10000000);
	add(&w, "127.0.0.1", silent);
	add(&w, "127.0.0.1", port4);
	add(&w, "127.0.0.1", port4);
	add(&w, "::1", port6);
	ASSERT_EQ(dial(&w), 3);
	w.n = 0;
	add(&w, "::1", closed("::1"));
	add(&w, "::1", port6);
	add(&w, "127.0.0.1", port4);
	ASSERT_EQ(dial(&w), 2);
	/* the first family goes on when the other has no more */
	w.n = 0;
	add(&w, "::1", closed("::1"));
	add(&w, "127.0.0.1", closed("127.0.0.1"));
	add(&w, "127.0.0.2", closed("127.0.0.2"));
	add(&w, "127.0.0.1", port4);
	ASSERT_EQ(dial(&w), 3);
	close(s4);
	close(s6);
	close_hole(&h);
	end_world(&w);
}

TEST(what_is_no_list)
{
	struct world w;

	begin_world(&w, 10000000);
	ASSERT_EQ(dial(&w), -EINVAL);
	add(&w, "127.0.0.1", 0);
	ASSERT_EQ(dial(&w), -EINVAL);
	w.port[0] = 80;
	w.addr[0].len = 5;
	ASSERT_EQ(dial(&w), -EINVAL);
	w.n = RESOLVE_ADDRS_MAX + 1;
	ASSERT_EQ(dial(&w), -EINVAL);
	end_world(&w);
}

TEST(cancelled)
{
	struct world w;
	struct call k;
	uint16_t silent;
	struct hole h = hole("127.0.0.1", &silent);

	begin_world(&w, 100000);
	add(&w, "127.0.0.1", silent);
	begin(&w, &k);
	dial_cancel(w.d, &k.c);
	dial_cancel(w.d, &k.c);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	ASSERT_EQ(dial(&w), -ETIMEDOUT);
	ASSERT_EQ(k.told, 0);
	close_hole(&h);
	end_world(&w);
}

TEST(ends_while_calls_wait)
{
	struct world w;
	struct call k;
	uint16_t silent;
	struct hole h = hole("127.0.0.1", &silent);

	begin_world(&w, 10000000);
	add(&w, "127.0.0.1", silent);
	begin(&w, &k);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	end_world(&w);
	ASSERT_EQ(k.told, 0);
	close_hole(&h);
}

TEST(ends_from_within)
{
	struct world w;
	struct call k;
	uint16_t silent;
	struct hole h = hole("127.0.0.1", &silent);

	begin_world(&w, 100000);
	add(&w, "127.0.0.1", silent);
	begin(&w, &k);
	k.frees = w.d;
	wait_for(&w, &k);
	ASSERT_EQ(k.status, -ETIMEDOUT);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	event_base_free(w.base);
	close_hole(&h);
}

/* More than may be under way wait until there is room. */
TEST_LIMIT(some_wait, 60)
{
	enum { N = DIAL_OPEN_MAX + 40 };
	struct rlimit files = { 4096, 4096 };
	struct call *k = calloc(N, sizeof(*k)), last;
	struct world w;
	uint16_t silent, port;
	struct hole h = hole("127.0.0.1", &silent);
	int s = good("127.0.0.1", &port);

	ASSERT_NOT_NULL(k);
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		SKIP("no more than the usual descriptors: %s", strerror(errno));
	begin_world(&w, 30000000);
	add(&w, "127.0.0.1", silent);
	for (size_t i = 0; i < N; i++)
		begin(&w, &k[i]);
	w.port[0] = port;
	begin(&w, &last);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	ASSERT_EQ(last.told, 0);
	/* 41 places: the 40 that waited before, and the last one */
	for (size_t i = 0; i < 40; i++)
		dial_cancel(w.d, &k[i].c);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	ASSERT_EQ(last.told, 0);
	dial_cancel(w.d, &k[N - 1].c);
	wait_for(&w, &last);
	ASSERT_EQ(last.status, 0);
	close(last.fd);
	end_world(&w);
	for (size_t i = 0; i < N; i++)
		ASSERT_EQ(k[i].told, 0);
	free(k);
	close(s);
	close_hole(&h);
}

static void
own_network(void)
{
	struct ifreq q = { .ifr_name = "lo" };
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		SKIP("no user namespaces: %s", strerror(errno));
	fd = ASSERT_OK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	ASSERT_OK(ioctl(fd, SIOCGIFFLAGS, &q));
	q.ifr_flags |= IFF_UP;
	ASSERT_OK(ioctl(fd, SIOCSIFFLAGS, &q));
	close(fd);
}

TEST(no_way_there)
{
	struct world w;
	uint16_t port;
	int s;

	own_network();
	s = good("127.0.0.1", &port);
	begin_world(&w, 10000000);
	add(&w, "8.8.8.8", 53);
	ASSERT_EQ(dial(&w), -ENETUNREACH);
	add(&w, "2001:4860:4860::8888", 53);
	ASSERT_TRUE(dial(&w) < 0);
	add(&w, "127.0.0.1", port);
	ASSERT_EQ(dial(&w), 2);
	close(s);
	end_world(&w);
}

/* TCP can connect a socket to itself, where the port that is dialled is given
 * to the one who dials. */
TEST(not_with_itself)
{
	static const char range[] = "45999 45999";
	struct world w;
	int fd;

	own_network();
	fd = open("/proc/sys/net/ipv4/ip_local_port_range",
		  O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		SKIP("the range of ports: %s", strerror(errno));
	if (write(fd, range, sizeof(range) - 1) < 0)
		SKIP("the range of ports: %s", strerror(errno));
	close(fd);
	begin_world(&w, 10000000);
	add(&w, "127.0.0.1", 45999);
	ASSERT_EQ(dial(&w), -ECONNREFUSED);
	end_world(&w);
}

TEST(no_descriptors_left)
{
	struct rlimit old, none;
	struct world w;
	struct call k;
	uint16_t port;
	int s = good("127.0.0.1", &port);

	begin_world(&w, 10000000);
	add(&w, "127.0.0.1", port);
	add(&w, "127.0.0.1", port);
	ASSERT_OK(getrlimit(RLIMIT_NOFILE, &old));
	none = old;
	none.rlim_cur = 0;
	ASSERT_OK(setrlimit(RLIMIT_NOFILE, &none));
	begin(&w, &k);
	ASSERT_OK(setrlimit(RLIMIT_NOFILE, &old));
	ASSERT_EQ(k.told, 1);
	ASSERT_EQ(k.status, -EMFILE);
	ASSERT_OK(dial(&w));
	close(s);
	end_world(&w);
}
