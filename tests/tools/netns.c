/*
 * The process inside answers one request at a time, with an errno and perhaps a
 * descriptor, and ends with the test.
 */
#include "tests/tools/netns.h"

#include "sandbox/stage.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum verb { DIAL, SEND, SERVE, SOCKET };

struct words {
	enum verb verb;
	int family, type, protocol;
	uint16_t port;
	char addr[64], from[64];
};

_Static_assert(sizeof(struct words) <= STAGE_TEXT_MAX, "fits");

static socklen_t
parse(const char *addr, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (void *)ss;
	struct sockaddr_in6 *in6 = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, addr, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	return inet_pton(AF_INET6, addr, &in6->sin6_addr) == 1 ? sizeof(*in6)
							       : 0;
}

static int
dial(int fd, const struct sockaddr_storage *ss, socklen_t len,
     const struct words *w)
{
	struct sockaddr_storage from;
	socklen_t from_len = parse(w->from, 0, &from);
	char byte = 'x';

	if (w->from[0] && bind(fd, (const void *)&from, from_len) < 0)
		return -errno;
	if (connect(fd, (const void *)ss, len) < 0)
		return -errno;
	if (w->type == SOCK_DGRAM && send(fd, &byte, 1, 0) < 0)
		return -errno;
	/* a datagram's refusal comes with the next call */
	if (w->type == SOCK_DGRAM && w->verb == DIAL &&
	    recv(fd, &byte, 1, 0) < 0)
		return -errno;
	return 0;
}

static int
work(const struct words *w, int *fd)
{
	const struct timeval limit = { .tv_sec = 5 };
	struct sockaddr_storage ss;
	socklen_t len = parse(w->addr, w->port, &ss);
	int family = w->verb == SOCKET ? w->family : ss.ss_family;

	*fd = socket(family, w->type | SOCK_CLOEXEC, w->protocol);
	if (*fd < 0)
		return -errno;
	setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (w->verb == DIAL || w->verb == SEND)
		return dial(*fd, &ss, len, w);
	if (w->verb == SERVE &&
	    (bind(*fd, (void *)&ss, len) < 0 || listen(*fd, 8) < 0))
		return -errno;
	return 0;
}

static void
serve(int chan)
{
	struct stage_msg m;
	struct words w;
	int fd;

	while (stage_recv(chan, &m, NULL, 0, NULL, NULL) == 1) {
		memcpy(&w, m.text, sizeof(w));
		m.code = work(&w, &fd);
		(void)stage_send(chan, &m, &fd, m.code == 0);
		if (fd >= 0)
			close(fd);
	}
}

static int
open_inside(int chan, size_t tcp, bool nft)
{
	struct stage_msg m = { .type = STAGE_NET };
	int fds[PLAN_SOCKETS_MAX + 3];
	size_t n = 0;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		m.code = -errno;
	fds[n++] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	fds[n++] =
		socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	while (n < tcp + 2)
		fds[n++] =
			socket(AF_INET6,
			       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	fds[n] = nft ? socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
			      NETLINK_NETFILTER)
		     : -EBADF;
	return stage_send(chan, &m, fds, n + (fds[n] >= 0));
}

static _Noreturn void
inside(int chan, size_t tcp, bool nft)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (open_inside(chan, tcp, nft) == 0)
		serve(chan);
	_exit(0);
}

static int
take(struct netns *n, size_t tcp)
{
	int fds[PLAN_SOCKETS_MAX + 3];
	struct stage_msg m;
	size_t got;

	if (stage_recv(n->chan, &m, fds, ARRAY_SIZE(fds), &got, NULL) != 1 ||
	    got < tcp + 2)
		return -EPROTO;
	n->sockets.route = fds[0];
	n->sockets.udp = fds[1];
	memcpy(n->sockets.tcp, &fds[2], tcp * sizeof(*fds));
	n->sockets.n_tcp = tcp;
	n->sockets.nft = got > tcp + 2 ? fds[tcp + 2] : -EBADF;
	return m.code;
}

int
netns_new(struct netns *n, size_t tcp, bool nft)
{
	int sv[2];

	*n = (struct netns){ .sockets = NET_SOCKETS_NONE };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return -errno;
	n->pid = fork();
	if (n->pid == 0) {
		close(sv[0]);
		inside(sv[1], tcp, nft);
	}
	close(sv[1]);
	n->chan = sv[0];
	return n->pid < 0 ? -errno : take(n, tcp);
}

void
netns_free(struct netns *n)
{
	net_sockets_close(&n->sockets);
	close(n->chan);
	waitpid(n->pid, NULL, 0);
}

static int
tell(struct netns *n, const struct words *w, int *ret_fd)
{
	struct stage_msg m = { .type = STAGE_NET };
	size_t got = 0;
	int fd = -EBADF;

	memcpy(m.text, w, sizeof(*w));
	if (stage_send(n->chan, &m, NULL, 0) < 0 ||
	    stage_recv(n->chan, &m, &fd, 1, &got, NULL) != 1)
		return -EPROTO;
	if (ret_fd && got)
		*ret_fd = fd;
	else if (got)
		close(fd);
	return m.code;
}

int
netns_dial_from(struct netns *n, int type, const char *from, const char *addr,
		uint16_t port, int *ret_fd)
{
	struct words w = { .verb = DIAL, .type = type, .port = port };

	snprintf(w.addr, sizeof(w.addr), "%s", addr);
	snprintf(w.from, sizeof(w.from), "%s", from);
	return tell(n, &w, ret_fd);
}

int
netns_dial(struct netns *n, int type, const char *addr, uint16_t port,
	   int *ret_fd)
{
	return netns_dial_from(n, type, "", addr, port, ret_fd);
}

int
netns_send(struct netns *n, const char *addr, uint16_t port, int *ret_fd)
{
	struct words w = { .verb = SEND, .type = SOCK_DGRAM, .port = port };

	snprintf(w.addr, sizeof(w.addr), "%s", addr);
	return tell(n, &w, ret_fd);
}

int
netns_serve(struct netns *n, const char *addr, uint16_t port, int *ret_fd)
{
	struct words w = { .verb = SERVE, .type = SOCK_STREAM, .port = port };

	snprintf(w.addr, sizeof(w.addr), "%s", addr);
	return tell(n, &w, ret_fd);
}

int
netns_socket(struct netns *n, int family, int type, int protocol)
{
	const struct words w = { .verb = SOCKET,
				 .family = family,
				 .type = type,
				 .protocol = protocol };

	return tell(n, &w, NULL);
}
