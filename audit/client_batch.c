/*
 * Records on their way to the writer, many in one message: each message would
 * wake it up, and on a busy machine it would run for each alone. What
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

/* The first always has: a record is no longer than what takes it. */
static bool
has_room(const struct client *c, size_t len)
{
	return !c->n_out || (c->n_out < WIRE_RECORDS_MAX &&
			     sizeof(struct wire_head) + c->out_len +
					     sizeof(uint32_t) + len <=
				     WIRE_RECORDS_BYTES);
}

int
client_put(struct client *c, const struct iovec *v, size_t n, struct err *e)
{
	size_t len = 0;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		len += v[i].iov_len;
	if (!has_room(c, len))
		r = client_push(c, e);
	if (r >= 0 && c->fd < 0)
		r = client_gone(c, e);
	if (r < 0)
		return r;
	if (!has_room(c, len))
		return -EAGAIN; /* they are being sent just now */
	memcpy(c->out + c->out_len, &(uint32_t){ (uint32_t)len },
	       sizeof(uint32_t));
	c->out_len += sizeof(uint32_t);
	for (size_t i = 0; i < n; i++) {
		memcpy(c->out + c->out_len, v[i].iov_base, v[i].iov_len);
		c->out_len += v[i].iov_len;
	}
	c->n_out++;
	return 0;
}

static int
send_out(struct client *c)
{
	struct wire_head h = { .magic = WIRE_MAGIC, .op = WIRE_RECORDS };
	struct iovec v[] = { { &h, sizeof(h) }, { c->out, c->out_len } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
	ssize_t r;

	if (c->n_out == 1) { /* as it is */
		v[1] = (struct iovec){ c->out + sizeof(uint32_t),
				       c->out_len - sizeof(uint32_t) };
		m.msg_iov = &v[1];
		m.msg_iovlen = 1;
	}
	do
		r = sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int
push(struct client *c, struct err *e)
{
	uint64_t until = 0;

	for (;;) {
		int r = send_out(c);

		if (r != -EAGAIN && r != -EWOULDBLOCK)
			return r;
		if (!until)
			until = client_now_us() + CLIENT_SEND_US;
		r = client_await(c, true, until, e);
		if (r < 0)
			return r;
		if (c->fd < 0)
			return -EPIPE;
	}
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
	if (r >= 0)
		return 0;
	if (c->fd >= 0)
		(void)client_process(c, e);
	return client_gone(c, e);
}
