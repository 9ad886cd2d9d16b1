/*
 * The loop that runs beside the box: accepts whoever connects (and counts it),
 * hands out the root directory, does what the probes ask for, and cuts the
 * box's output into lines.
 */
#include "tests/escape/host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static void
send_root(const struct host *h, int sock)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { (char[]){ "r" }, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &h->leak_dir, sizeof(int));
	sendmsg(sock, &m, MSG_NOSIGNAL);
}

static void
serve_stream(struct host *h, int i)
{
	int s = accept4(h->fds[i], NULL, NULL, SOCK_CLOEXEC);

	if (s < 0)
		return;
	h->contacts[i]++;
	if (i == C_TCP || i == C_TCP6)
		send(s, h->token, strlen(h->token), MSG_NOSIGNAL);
	else
		send_root(h, s);
	close(s);
}

static void
serve_packet(struct host *h, int i)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char buf[512];
	ssize_t n;

	if (i == C_FIFO)
		n = read(h->fds[i], buf, sizeof(buf));
	else
		n = recvfrom(h->fds[i], buf, sizeof(buf), 0,
			     (struct sockaddr *)&from, &len);
	if (n <= 0)
		return;
	h->contacts[i]++;
	if (i == C_UDP)
		sendto(h->fds[i], h->token, strlen(h->token), 0,
		       (struct sockaddr *)&from, len);
}

static void
serve_terminal(struct host *h)
{
	static char seen[4096];
	static size_t n;
	ssize_t r;

	if (n > sizeof(seen) / 2) {
		memmove(seen, seen + n - 64, 64);
		n = 64;
	}
	r = read(h->master, seen + n, sizeof(seen) / 2);
	if (r <= 0)
		return;
	n += (size_t)r;
	if (memmem(seen, n, h->token, strlen(h->token)))
		h->marked = true;
}

static const char *
try_connect(struct sockaddr *a, socklen_t len)
{
	_cleanup_close_ int s =
		socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(s, a, len) == 0)
		return "connected";
	return strerrorname_np(errno);
}

static const char *
connect_inner(const struct host *h)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "%s-inner",
		 h->abstract);
	return try_connect((struct sockaddr *)&a,
			   (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				       1 + strlen(a.sun_path + 1)));
}

static const char *
connect_port(const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	a.sin_port = htons((unsigned short)strtol(port, NULL, 10));
	return try_connect((struct sockaddr *)&a, sizeof(a));
}

static const char *
move_folder(const struct host *h)
{
	char from[256], to[256];

	snprintf(from, sizeof(from), "%s/deep/inner", h->ws);
	snprintf(to, sizeof(to), "%s/moved", h->outside);
	return rename(from, to) == 0 ? "moved" : strerrorname_np(errno);
}

static const char *
obey(struct host *h, const char *request)
{
	if (!strcmp(request, "move"))
		return move_folder(h);
	if (!strcmp(request, "connect-abstract"))
		return connect_inner(h);
	if (!strncmp(request, "connect-tcp ", 12))
		return connect_port(request + 12);
	if (!strcmp(request, "terminal")) {
		serve_terminal(h);
		return h->marked ? "marked" : "clean";
	}
	return "what?";
}

/* A request is a file in the workspace; so is the answer. The workspace is
 * hostile: no links are followed, little is read. */
static void
serve_request(struct host *h)
{
	char ask[256], fresh[256], answer[256], request[64];
	const char *reply;
	ssize_t n;
	int fd;

	snprintf(ask, sizeof(ask), "%s/ask", h->ws);
	snprintf(fresh, sizeof(fresh), "%s/answer.new", h->ws);
	snprintf(answer, sizeof(answer), "%s/answer", h->ws);
	fd = open(ask, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, request, sizeof(request) - 1);
	close(fd);
	unlink(ask);
	request[n < 0 ? 0 : n] = '\0';
	reply = obey(h, request);
	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	if (write(fd, reply, strlen(reply)) > 0)
		rename(fresh, answer);
	close(fd);
}

/* Returns false at the end of the output. */
static bool
serve_output(struct host *h, int out, void (*line)(struct host *h, char *text))
{
	static char buf[8192];
	static size_t used;
	char *nl;
	ssize_t n = read(out, buf + used, sizeof(buf) - 1 - used);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	used += (size_t)n;
	buf[used] = '\0';
	while ((nl = memchr(buf, '\n', used))) {
		*nl = '\0';
		if (nl > buf && nl[-1] == '\r')
			nl[-1] = '\0';
		line(h, buf);
		used -= (size_t)(nl + 1 - buf);
		memmove(buf, nl + 1, used + 1);
	}
	if (used == sizeof(buf) - 1)
		used = 0;
	return true;
}

bool
host_serve(struct host *h, int out, int timeout_ms,
	   void (*line)(struct host *h, char *text))
{
	struct pollfd f[C_MAX + 2];

	for (int i = 0; i < C_MAX; i++)
		f[i] = (struct pollfd){ .fd = h->fds[i], .events = POLLIN };
	f[C_MAX] = (struct pollfd){ .fd = h->terminal ? -1 : h->master,
				    .events = POLLIN };
	f[C_MAX + 1] = (struct pollfd){ .fd = out, .events = POLLIN };
	/* a FIFO without writers says POLLHUP for ever */
	poll(f, C_MAX + 2, timeout_ms);
	for (int i = 0; i < C_MAX; i++) {
		if (!(f[i].revents & POLLIN))
			continue;
		if (i == C_UDP || i == C_ABSTRACT_DGRAM || i == C_FIFO ||
		    i == C_SOCKETPAIR)
			serve_packet(h, i);
		else
			serve_stream(h, i);
	}
	if (f[C_MAX].revents & POLLIN)
		serve_terminal(h);
	serve_request(h);
	if (out >= 0 && f[C_MAX + 1].revents)
		return serve_output(h, out, line);
	return true;
}
