/* links: sandbox lib */
/*
 * In a network of its own: what is dialled there arrives, with the address and
 * port that were dialled; what is not TCP does not; loopback stays the box's.
 */
#include "sandbox/net_listen.h"
#include "sandbox/net_redirect.h"
#include "tests/tap.h"
#include "tests/tools/netns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

struct world {
	struct netns ns;
	struct net_listen l;
};

static const uint16_t named[] = { 22, 80, 443, 8443 };

static void
begin(struct world *w, const struct net_listen_request *rq, bool nft)
{
	struct err e = ERR_INIT;
	int r = netns_new(&w->ns, net_listen_sockets(rq), nft);

	if (r == -EPERM || r == -ENOSPC || r == -EACCES)
		SKIP("needs namespaces: %s", strerror(-r));
	ASSERT_OK(r);
	ASSERT_OK(net_loopback_up(w->ns.sockets.route, &e));
	r = net_listen_open(&w->ns.sockets, rq, &w->l, &e);
	if (r < 0)
		FAIL("%s", e.text);
}

static void
end(struct world *w)
{
	net_listen_close(&w->l);
	netns_free(&w->ns);
}

static void
begin_redirect(struct world *w)
{
	const struct net_listen_request rq = { named, ARRAY_SIZE(named), true };

	begin(w, &rq, true);
	if (!w->l.redirects) {
		end(w);
		SKIP("needs nf_tables: %s", w->l.why);
	}
	ASSERT_STREQ(w->l.fault, "");
}

/* Where something waits; -1: nowhere. */
static int
arrived(const struct world *w)
{
	struct pollfd p[PLAN_SOCKETS_MAX];

	for (size_t i = 0; i < w->l.n; i++)
		p[i] = (struct pollfd){ .fd = w->l.fd[i], .events = POLLIN };
	if (poll(p, w->l.n, 0) <= 0)
		return -1;
	for (size_t i = 0; i < w->l.n; i++)
		if (p[i].revents & POLLIN)
			return (int)i;
	return -1;
}

/* Where a connection that was accepted was going, and by what way it came. */
static void
describe(int fd, enum net_listen_kind kind, char text[80])
{
	uint8_t got[16] = { 0 };
	size_t len = 0;
	uint16_t port = 0;
	char addr[INET6_ADDRSTRLEN] = "";

	ASSERT_OK(net_listen_original(fd, kind, got, &len, &port));
	inet_ntop(len == 4 ? AF_INET : AF_INET6, got, addr, sizeof(addr));
	snprintf(text, 80, "%s %u by %d", addr, port, (int)kind);
}

/* It arrives at a listener of that kind, as dialled, and both can speak. */
static void
expect_from(struct world *w, const char *from, const char *addr, uint16_t port,
	    enum net_listen_kind kind)
{
	char byte = 0;
	char want[80], got[80] = "nowhere";
	int out = -EBADF, in, at;

	snprintf(want, sizeof(want), "%s %u by %d", addr, port, (int)kind);
	if (netns_dial_from(&w->ns, SOCK_STREAM, from, addr, port, &out) < 0)
		snprintf(got, sizeof(got), "refused");
	at = arrived(w);
	in = at < 0 ? -1 : accept4(w->l.fd[at], NULL, NULL, SOCK_CLOEXEC);
	if (in >= 0)
		describe(in, w->l.kind[at], got);
	ASSERT_STREQ(got, want);
	ASSERT_EQ(send(in, "s", 1, 0), 1);
	ASSERT_EQ(recv(out, &byte, 1, 0), 1);
	ASSERT_EQ(send(out, "c", 1, 0), 1);
	ASSERT_EQ(recv(in, &byte, 1, 0), 1);
	ASSERT_EQ(byte, 'c');
	close(in);
	close(out);
}

static void
expect(struct world *w, const char *addr, uint16_t port,
       enum net_listen_kind kind)
{
	expect_from(w, "", addr, port, kind);
}

TEST(tcp_to_anywhere_arrives)
{
	static const char *const addrs[] = {
		"192.0.2.7",	   "8.8.8.8",	   "10.0.0.1",
		"169.254.169.254", "198.18.0.1",   "203.0.113.255",
		"2001:db8::7",	   "fd61:6762::1", "2606:4700::1111",
	};
	static const uint16_t ports[] = { 1,	25,   1023, 1024, 3128,
					  8080, 8443, 9000, 65535 };
	struct world w;

	begin_redirect(&w);
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++)
		for (size_t k = 0; k < ARRAY_SIZE(ports); k++)
			expect(&w, addrs[i], ports[k], LISTEN_ANY);
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++)
		for (size_t k = 0; k < 3; k++)
			expect(&w, addrs[i], named[k], LISTEN_PORT);
	end(&w);
}

TEST(dns_and_proxy_have_their_own)
{
	struct world w;

	begin_redirect(&w);
	expect(&w, "127.0.0.53", 53, LISTEN_DNS_TCP);
	expect(&w, "8.8.4.4", 53, LISTEN_DNS_TCP);
	expect(&w, "2001:4860:4860::8888", 53, LISTEN_DNS_TCP);
	expect(&w, "127.0.0.53", 3128, LISTEN_PROXY);
	end(&w);
}

/* To loopback, whatever the port, unless it has a listener. */
TEST(loopback_is_the_boxes)
{
	struct world w;
	int server = -EBADF, client = -EBADF, in;

	begin_redirect(&w);
	ASSERT_ERR(netns_dial(&w.ns, SOCK_STREAM, "127.0.0.1", 8080, NULL),
		   -ECONNREFUSED);
	ASSERT_ERR(netns_dial(&w.ns, SOCK_STREAM, "::1", 8080, NULL),
		   -ECONNREFUSED);
	ASSERT_OK(netns_serve(&w.ns, "127.0.0.1", 8080, &server));
	ASSERT_OK(netns_dial(&w.ns, SOCK_STREAM, "127.0.0.1", 8080, &client));
	ASSERT_EQ(arrived(&w), -1);
	in = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	ASSERT_GE(in, 0);
	close(in);
	close(client);
	/* the same port elsewhere is the broker's all the same */
	expect(&w, "192.0.2.7", 8080, LISTEN_ANY);
	/* whatever address it is dialled from */
	expect_from(&w, "127.0.0.1", "192.0.2.7", 8081, LISTEN_ANY);
	expect_from(&w, "127.0.0.1", "192.0.2.7", 443, LISTEN_PORT);
	expect_from(&w, "::1", "2001:db8::7", 8081, LISTEN_ANY);
	/* the listener of all that is redirected, dialled as itself */
	expect(&w, "127.0.0.1", 1023, LISTEN_ANY);
	expect(&w, "::1", 1023, LISTEN_ANY);
	/* and where a listener stands, it sees loopback as what it is */
	expect(&w, "127.0.0.1", 443, LISTEN_PORT);
	ASSERT_ERR(netns_serve(&w.ns, "127.0.0.1", 443, NULL), -EADDRINUSE);
	close(server);
	end(&w);
}

TEST(udp_is_refused_at_once)
{
	struct world w;

	begin_redirect(&w);
	ASSERT_ERR(netns_dial(&w.ns, SOCK_DGRAM, "8.8.8.8", 443, NULL),
		   -ECONNREFUSED);
	ASSERT_ERR(netns_dial(&w.ns, SOCK_DGRAM, "2001:db8::1", 443, NULL),
		   -ECONNREFUSED);
	ASSERT_EQ(arrived(&w), -1);
	end(&w);
}

/* Answers from the address that was asked, as the control message says. */
static void
answer(int fd)
{
	char byte, control[256];
	struct sockaddr_storage from;
	struct iovec iov = { &byte, 1 };
	struct msghdr h = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };

	ASSERT_EQ(recvmsg(fd, &h, 0), 1);
	ASSERT_NOT_NULL(CMSG_FIRSTHDR(&h));
	ASSERT_EQ(sendmsg(fd, &h, 0), 1);
}

static void
expect_dns(struct world *w, const char *addr)
{
	int fd = -EBADF, at;
	char byte = 0;

	ASSERT_OK(netns_send(&w->ns, addr, 53, &fd));
	at = arrived(w);
	ASSERT_GE(at, 0);
	ASSERT_EQ(w->l.kind[at], LISTEN_DNS_UDP);
	answer(w->l.fd[at]);
	/* a connected socket takes it from that address only */
	ASSERT_EQ(recv(fd, &byte, 1, 0), 1);
	ASSERT_EQ(byte, 'x');
	close(fd);
}

TEST(dns_over_any_address)
{
	struct world w;

	begin_redirect(&w);
	expect_dns(&w, "9.9.9.9");
	expect_dns(&w, "2620:fe::fe");
	end(&w);
}

TEST(without_nf_tables_named_ports_only)
{
	const struct net_listen_request rq = { named, ARRAY_SIZE(named),
					       false };
	struct world w;

	begin(&w, &rq, false);
	ASSERT_FALSE(w.l.redirects);
	ASSERT_STRSTR(w.l.why, "nfnetlink");
	ASSERT_STREQ(w.l.ports, "22,80,443,8443");
	ASSERT_STREQ(w.l.fault, "");
	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		expect(&w, "192.0.2.7", named[i], LISTEN_PORT);
		expect(&w, "2001:db8::7", named[i], LISTEN_PORT);
	}
	ASSERT_ERR(netns_dial(&w.ns, SOCK_STREAM, "192.0.2.7", 25, NULL),
		   -ECONNREFUSED);
	end(&w);
}

/* A rule may name the very port that all is redirected to. */
TEST(named_ports_may_be_ours)
{
	static const uint16_t ports[] = { 9, 10, 53, 1022, 1023, 3128 };
	const struct net_listen_request rq = { ports, ARRAY_SIZE(ports),
					       false };
	struct world w;

	begin(&w, &rq, true);
	if (!w.l.redirects) {
		end(&w);
		SKIP("needs nf_tables: %s", w.l.why);
	}
	ASSERT_STREQ(w.l.fault, "");
	expect(&w, "192.0.2.7", 9, LISTEN_PORT);
	expect(&w, "192.0.2.7", 1023, LISTEN_PORT);
	expect(&w, "192.0.2.7", 1021, LISTEN_ANY);
	expect(&w, "192.0.2.7", 3128, LISTEN_ANY);
	expect(&w, "192.0.2.7", 53, LISTEN_DNS_TCP);
	end(&w);
}

TEST(too_few_sockets_is_an_error)
{
	const struct net_listen_request rq = { named, ARRAY_SIZE(named), true };
	struct err e = ERR_INIT;
	struct net_listen l;
	struct netns ns;
	int r = netns_new(&ns, net_listen_sockets(&rq) - 1, true);

	if (r == -EPERM || r == -ENOSPC || r == -EACCES)
		SKIP("needs namespaces: %s", strerror(-r));
	ASSERT_OK(net_loopback_up(ns.sockets.route, &e));
	ASSERT_ERR(net_listen_open(&ns.sockets, &rq, &l, &e), -EINVAL);
	ASSERT_STRSTR(e.text, "too few sockets");
	netns_free(&ns);
}

/* What goes to the kernel */

TEST(redirect_fits_or_fails)
{
	uint16_t except[NET_REDIRECT_EXCEPT_MAX + 1];
	char buf[NET_REDIRECT_SIZE_MAX];
	uint32_t last = 0;
	int len;

	for (size_t i = 0; i < ARRAY_SIZE(except); i++)
		except[i] = (uint16_t)(i + 1);
	len = ASSERT_OK(net_redirect_encode(1023, except,
					    NET_REDIRECT_EXCEPT_MAX, buf,
					    sizeof(buf), &last));
	ASSERT_EQ(last, 8 + 2 * NET_REDIRECT_EXCEPT_MAX + 2);
	for (size_t size = 0; size < (size_t)len; size += 17)
		ASSERT_ERR(net_redirect_encode(1023, except,
					       NET_REDIRECT_EXCEPT_MAX, buf,
					       size, &last),
			   -EMSGSIZE);
	ASSERT_ERR(net_redirect_encode(1023, except, ARRAY_SIZE(except), buf,
				       sizeof(buf), &last),
		   -E2BIG);
}

/* A second table of that name: the kernel refuses, and that is seen. */
TEST(redirect_hears_a_refusal)
{
	const struct net_listen_request rq = { named, ARRAY_SIZE(named), true };
	struct err e = ERR_INIT;
	struct netns ns;
	int r = netns_new(&ns, net_listen_sockets(&rq), true);

	if (r == -EPERM || r == -ENOSPC || r == -EACCES)
		SKIP("needs namespaces: %s", strerror(-r));
	if (ns.sockets.nft < 0 ||
	    net_redirect(ns.sockets.nft, 1023, NULL, 0, &e) < 0) {
		netns_free(&ns);
		SKIP("needs nf_tables: %s", e.text);
	}
	ASSERT_ERR(net_redirect(ns.sockets.nft, 1023, NULL, 0, &e), -EEXIST);
	netns_free(&ns);
}
