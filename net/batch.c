/*
 * Many packets with one call of the kernel's. What always holds: they leave in
 * the order in which they were made; a descriptor is closed when its packet was
 * sent or dropped, and a secret is wiped then; who takes packets in by the
 * dozen is brought no descriptors.
 */
#include "net/batch.h"

#include <string.h>
#include <sys/socket.h>

int
net_batch_init(struct net_batch *b)
{
	*b = (struct net_batch){ .buf = malloc(2 * NET_PACKET_MAX) };
	return b->buf ? 0 : -ENOMEM;
}

static void
drop(struct net_batch *b, struct net_batch_packet *p)
{
	if (p->secret)
		explicit_bzero(b->buf + p->at, p->len);
	if (p->fd >= 0)
		close(TAKE_FD(p->fd));
}

void
net_batch_clear(struct net_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		drop(b, &b->packet[i]);
	b->n = b->used = 0;
}

void
net_batch_done(struct net_batch *b)
{
	net_batch_clear(b);
	free(TAKE_PTR(b->buf));
}

uint8_t *
net_batch_at(const struct net_batch *b)
{
	return b->buf + b->used;
}

bool
net_batch_add(struct net_batch *b, size_t len, int fd, bool secret)
{
	b->packet[b->n++] = (struct net_batch_packet){
		.at = b->used, .len = len, .fd = fd, .secret = secret
	};
	b->used += len;
	return b->n == NET_BATCH_MAX || b->used > NET_PACKET_MAX;
}

struct control {
	_Alignas(struct cmsghdr) char buf[CMSG_SPACE(sizeof(int))];
};

static void
attach(struct msghdr *m, struct control *c, int fd)
{
	struct cmsghdr *h;

	memset(c, 0, sizeof(*c));
	m->msg_control = c->buf;
	m->msg_controllen = sizeof(c->buf);
	h = CMSG_FIRSTHDR(m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
}

/* How many of them the channel took, or negative errno. */
static int
send_some(const struct net_batch *b, int chan, size_t from)
{
	struct mmsghdr m[NET_BATCH_MAX];
	struct iovec v[NET_BATCH_MAX];
	struct control control[NET_BATCH_MAX];
	unsigned int n = 0;
	int r;

	for (size_t i = from; i < b->n; i++, n++) {
		const struct net_batch_packet *p = &b->packet[i];

		v[n] = (struct iovec){ b->buf + p->at, p->len };
		m[n] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &v[n],
						      .msg_iovlen = 1 } };
		if (p->fd >= 0)
			attach(&m[n].msg_hdr, &control[n], p->fd);
	}
	do
		r = sendmmsg(chan, m, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* The first k are gone; the rest stays where it is. */
static void
forget(struct net_batch *b, size_t k)
{
	for (size_t i = 0; i < k; i++)
		drop(b, &b->packet[i]);
	b->n -= k;
	memmove(b->packet, b->packet + k, b->n * sizeof(b->packet[0]));
	if (!b->n)
		b->used = 0;
}

int
net_batch_send(struct net_batch *b, int chan)
{
	size_t sent = 0;
	int r = 0;

	while (sent < b->n) {
		r = send_some(b, chan, sent);
		if (r < 0)
			break;
		sent += (size_t)r;
	}
	forget(b, sent);
	return r < 0 ? r : 0;
}

/* Taking in */

int
net_inbox_init(struct net_inbox *in)
{
	in->buf = malloc((size_t)NET_INBOX_MAX * NET_PACKET_MAX);
	return in->buf ? 0 : -ENOMEM;
}

void
net_inbox_done(struct net_inbox *in)
{
	free(TAKE_PTR(in->buf));
}

uint8_t *
net_inbox_at(const struct net_inbox *in, size_t i)
{
	return in->buf + i * NET_PACKET_MAX;
}

int
net_inbox_recv(struct net_inbox *in, int chan, size_t max)
{
	struct mmsghdr m[NET_INBOX_MAX];
	struct iovec v[NET_INBOX_MAX];
	int n;

	max = MIN(max, (size_t)NET_INBOX_MAX);
	for (size_t i = 0; i < max; i++) {
		v[i] = (struct iovec){ net_inbox_at(in, i), NET_PACKET_MAX };
		m[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &v[i],
						      .msg_iovlen = 1 } };
	}
	do
		n = recvmmsg(chan, m, (unsigned int)max, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		/* without room for it a descriptor is not even made */
		if (m[i].msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
			return -EBADMSG;
		in->len[i] = m[i].msg_len;
	}
	return n;
}
