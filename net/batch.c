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

/* A message that is being made of some of them. */
struct message {
	uint32_t magic, len[NET_BATCH_MAX];
	struct iovec v[1 + 2 * NET_BATCH_MAX];
	size_t n; /* of v */
};

static struct iovec
piece(const void *p, size_t n)
{
	return (struct iovec){ (void *)(uintptr_t)p, n };
}

/* From one on, as many as go into one message. */
static size_t
collect(const struct net_batch *b, size_t from, struct message *m)
{
	size_t bytes = sizeof(m->magic), k = 0;

	m->magic = NET_MANY;
	m->n = 0;
	m->v[m->n++] = piece(&m->magic, sizeof(m->magic));
	for (size_t i = from; i < b->n && b->packet[i].fd < 0; i++, k++) {
		const struct net_batch_packet *p = &b->packet[i];

		bytes += sizeof(m->len[k]) + p->len;
		if (bytes > NET_PACKET_MAX)
			break;
		m->len[k] = (uint32_t)p->len;
		m->v[m->n++] = piece(&m->len[k], sizeof(m->len[k]));
		m->v[m->n++] = piece(b->buf + p->at, p->len);
	}
	return k;
}

/* How many of them went out, or negative errno. */
static int
send_some(const struct net_batch *b, int chan, size_t from)
{
	const struct net_batch_packet *p = &b->packet[from];
	struct message m;
	size_t k = collect(b, from, &m);
	const struct msghdr h = { .msg_iov = m.v, .msg_iovlen = m.n };
	ssize_t r;

	if (k < 2) {
		r = net_send(chan, b->buf + p->at, p->len, &p->fd, p->fd >= 0);
		return r < 0 ? (int)r : 1;
	}
	do
		r = sendmsg(chan, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : (int)k;
}

int
net_batch_next(const uint8_t *data, size_t len, size_t *at, const uint8_t **ret,
	       size_t *ret_len)
{
	uint32_t n = 0;

	if (*at && *at == len)
		return 0;
	if (!*at && len >= sizeof(n))
		memcpy(&n, data, sizeof(n));
	if (!*at && n != NET_MANY) { /* alone */
		*ret = data;
		*ret_len = *at = len;
		return len ? 1 : -EPROTO;
	}
	*at = *at ? *at : sizeof(n);
	if (len - *at < sizeof(n))
		return -EPROTO;
	memcpy(&n, data + *at, sizeof(n));
	if (!n || n > len - *at - sizeof(n))
		return -EPROTO;
	*ret = data + *at + sizeof(n);
	*ret_len = n;
	*at += sizeof(n) + n;
	return 1;
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
