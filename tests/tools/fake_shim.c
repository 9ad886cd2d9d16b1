/* links: net sandbox lib */
/*
 * In place of agentbox-shim, to see what arrives at it: whoever connects is
 * told by which listener, to which address and port, and is hung up on. A
 * datagram is answered "dns". `--new-ca BOX` says "key of BOX" and "certificate
 * of BOX".
 */
#include "lib/fd.h"
#include "lib/macro.h"
#include "net/wire.h"
#include "sandbox/net_listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define CHANNEL 3

static int
put(const char *what, const char *box)
{
	char text[128];
	uint32_t n =
		(uint32_t)snprintf(text, sizeof(text), "%s of %s", what, box);

	return fd_write_all(CHANNEL, &n, sizeof(n)) < 0 ||
	       fd_write_all(CHANNEL, text, n) < 0;
}

struct listeners {
	int fd[NET_FDS_MAX];
	uint8_t kind[NET_FDS_MAX];
	size_t n;
};

/* SETUP, and READY for it. */
static int
greet(struct listeners *l, uint8_t *buf)
{
	struct net_message m;
	struct net_writer w;
	ssize_t len;

	len = net_recv(CHANNEL, buf, NET_PACKET_MAX, l->fd, NET_FDS_MAX, &l->n);
	if (len <= 0 || net_decode(buf, (size_t)len, false, &m) < 0 ||
	    m.op != NET_SETUP || m.bytes[NET_F_LISTENERS].len != l->n)
		return -1;
	memcpy(l->kind, m.bytes[NET_F_LISTENERS].data, l->n);
	net_begin(&w, buf, NET_READY, 0, 0);
	len = net_end(&w);
	return net_send(CHANNEL, buf, (size_t)len, NULL, 0);
}

static void
tell(int listener, uint8_t kind)
{
	static const char *const names[] = {
		[NET_LISTEN_ANY] = "any",
		[NET_LISTEN_PORT] = "port",
		[NET_LISTEN_PROXY] = "proxy",
		[NET_LISTEN_DNS_TCP] = "dns",
	};
	_cleanup_close_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char text[128], addr[INET6_ADDRSTRLEN] = "?";
	uint8_t got[16];
	uint16_t port = 0;
	size_t len = 0;

	if (fd < 0 || net_listen_original(fd,
					  kind == NET_LISTEN_ANY ? LISTEN_ANY
								 : LISTEN_PORT,
					  got, &len, &port) < 0)
		return;
	inet_ntop(len == 4 ? AF_INET : AF_INET6, got, addr, sizeof(addr));
	snprintf(text, sizeof(text), "%s %s %u\n", names[kind], addr, port);
	(void)fd_write_all(fd, text, strlen(text));
}

/* From the address that was asked. */
static void
answer(int fd)
{
	char data[512], control[256];
	struct sockaddr_storage from;
	struct iovec iov = { data, sizeof(data) };
	struct msghdr h = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };

	if (recvmsg(fd, &h, 0) < 0)
		return;
	data[0] = 'd', data[1] = 'n', data[2] = 's';
	iov.iov_len = 3;
	(void)sendmsg(fd, &h, 0);
}

static void
look(const struct listeners *l, struct pollfd *p)
{
	for (size_t i = 0; i < l->n; i++)
		p[i] = (struct pollfd){
			.fd = l->kind[i] < NET_LISTEN_UPSTREAM_CA ? l->fd[i]
								  : -1,
			.events = POLLIN
		};
	p[l->n] = (struct pollfd){ .fd = CHANNEL, .events = POLLIN };
}

static int
serve(void)
{
	static uint8_t buf[NET_PACKET_MAX];
	struct pollfd p[NET_FDS_MAX + 1];
	struct listeners l = { .n = 0 };

	if (greet(&l, buf) < 0)
		return 1;
	look(&l, p);
	while (poll(p, l.n + 1, -1) > 0) {
		for (size_t i = 0; i < l.n; i++) {
			if (!(p[i].revents & POLLIN))
				continue;
			if (l.kind[i] == NET_LISTEN_DNS_UDP)
				answer(l.fd[i]);
			else
				tell(l.fd[i], l.kind[i]);
		}
		if (p[l.n].revents &&
		    net_recv(CHANNEL, buf, sizeof(buf), NULL, 0, NULL) <= 0)
			return 0;
	}
	return 1;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--new-ca"))
		return put("key", argv[2]) || put("certificate", argv[2]);
	return serve();
}
