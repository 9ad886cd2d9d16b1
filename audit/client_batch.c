/*
 * Records on their way to the writer, many with one call of the kernel's. What
 * always holds: they go out in the order in which they were given, and before
 * anything else that is sent; what could not be sent is told as lost with the
 * writer.
 */
#include "audit/client-internal.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

void
client_gather(struct client *c, bool on)
{
	c->gathers = on;
}

int
client_put(struct client *c, const struct iovec *v, size_t n, struct err *e)
{
	size_t len = 0;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		len += v[i].iov_len;
	if (c->n_out == CLIENT_BATCH || len > sizeof(c->out) - c->out_len)
		r = client_push(c, e);
	if (r >= 0 && c->fd < 0)
		r = client_gone(c, e);
	if (r < 0)
		return r;
	if (c->n_out == CLIENT_BATCH || len > sizeof(c->out) - c->out_len)
		return -EAGAIN; /* they are being sent just now */
	for (size_t i = 0; i < n; i++) {
		memcpy(c->out + c->out_len, v[i].iov_base, v[i].iov_len);
		c->out_len += v[i].iov_len;
	}
	c->out_size[c->n_out++] = len;
	return 0;
}

/* How many of them the socket took, or negative errno. */
static int
send_some(struct client *c, size_t from, size_t at)
{
	struct mmsghdr m[CLIENT_BATCH];
	struct iovec v[CLIENT_BATCH];
	unsigned int n = 0;
	int r;

	for (size_t i = from; i < c->n_out; i++, n++) {
		v[n] = (struct iovec){ c->out + at, c->out_size[i] };
		m[n] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &v[n],
						      .msg_iovlen = 1 } };
		at += c->out_size[i];
	}
	do
		r = sendmmsg(c->fd, m, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

static int
push(struct client *c, struct err *e)
{
	size_t from = 0, at = 0;
	uint64_t until = 0;

	while (from < c->n_out) {
		int r = send_some(c, from, at);

		for (int i = 0; i < r; i++)
			at += c->out_size[from++];
		if (r >= 0)
			continue;
		if (r != -EAGAIN && r != -EWOULDBLOCK)
			return r;
		if (!until)
			until = client_now_us() + CLIENT_SEND_US;
		r = client_await(c, true, until, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int
client_push(struct client *c, struct err *e)
{
	int r;

	if (!c->n_out || c->pushing)
		return 0;
	c->pushing = true;
	r = c->fd < 0 ? -EPIPE : push(c, e);
	c->pushing = false;
	c->n_out = c->out_len = 0;
	/* its last answers are there still */
	if (r < 0 && c->fd >= 0)
		r = client_process(c, e);
	else if (r >= 0)
		return 0;
	return client_gone(c, e);
}
