/*
 * Connections: accepting, reading in turns, answering. What always holds: no
 * call here waits; a connection has at most SERVER_TURN messages in a turn; one
 * that does not read its answers is ended when its queue is full; a connection
 * that is dead stays in memory until the round that may speak of it is over.
 */
#include "audit/server-internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define ACCEPTS_MAX 16
/* Space for one message. Not a power of two, so that the first bytes of all
 * messages do not meet in one set of the cache. */
#define SLOT (65536u + 320u)

struct slot_control {
	_Alignas(struct cmsghdr) char buf[CMSG_SPACE(sizeof(int))];
};

/* ---- the set ------------------------------------------------------------- */

int
conn_watch(struct server *s, struct conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };
	int op = !c->watched ? EPOLL_CTL_ADD
		 : events    ? EPOLL_CTL_MOD
			     : EPOLL_CTL_DEL;

	if (c->watched == events)
		return 0;
	if (epoll_ctl(s->epoll, op, c->fd, &ev) < 0)
		return -errno;
	c->watched = events;
	return 0;
}

int
conn_new(struct server *s, int fd, const struct peer *peer, struct conn **ret)
{
	struct conn *c;
	int r;

	if (s->n_conns >= s->max_conns)
		return -ENOBUFS;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->fd = fd;
	c->peer = *peer;
	c->resume_us = c->stall_us = NEVER;
	r = conn_watch(s, c, EPOLLIN);
	if (r < 0) {
		free(c);
		return r;
	}
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	s->n_conns++;
	s->idle_us = NEVER;
	*ret = c;
	return 0;
}

void
conn_accept(struct server *s)
{
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		struct peer peer;
		struct conn *c;
		int fd = accept4(s->o.listener, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (peer_learn(&s->o.peers, fd, &peer) < 0 ||
		    conn_new(s, fd, &peer, &c) < 0)
			close(fd);
	}
}

void
conn_kill(struct server *s, struct conn *c)
{
	if (c->dead)
		return;
	c->dead = true;
	conn_watch(s, c, 0);
	c->next_dead = s->dead;
	s->dead = c;
}

static void
conn_free(struct server *s, struct conn *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->n_conns--;
	round_forget(s, c);
	gather_forget(s, c);
	close(c->fd);
	free(c->queue);
	free(c);
}

void
conn_reap(struct server *s)
{
	struct conn *c, *d;

	while ((d = s->dead)) {
		s->dead = NULL;
		for (c = d; c; c = c->next_dead)
			if (c->channel)
				channel_end(s, c);
		/* the round may speak of them */
		round_commit(s);
		while ((c = d)) {
			d = c->next_dead;
			conn_free(s, c);
		}
	}
	if (!s->n_conns && s->idle_us == NEVER)
		s->idle_us = s->now.boot_us;
}

/* What is due of one connection; the time of what is next. */
static uint64_t
resume_one(struct server *s, struct conn *c)
{
	if (s->now.boot_us >= c->stall_us) {
		s->dropped++;
		conn_kill(s, c);
		return NEVER;
	}
	if (s->now.boot_us >= c->resume_us) {
		c->resume_us = NEVER;
		if (!c->queued && conn_watch(s, c, EPOLLIN) < 0)
			conn_kill(s, c);
	}
	return MIN(c->resume_us, c->stall_us);
}

void
conn_resume(struct server *s)
{
	uint64_t next = NEVER;

	if (s->pause_us > s->now.boot_us)
		return;
	for (struct conn *c = s->conns; c; c = c->next)
		if (!c->dead)
			next = MIN(next, resume_one(s, c));
	s->pause_us = next;
}

/* ---- answers ------------------------------------------------------------- */

/* Who has gone reads no answers, but what it said last is to be read still. */
static void
send_failed(struct server *s, struct conn *c, int error)
{
	if (error == -EPIPE || error == -ECONNRESET) {
		c->deaf = true;
		c->stall_us = NEVER;
		c->queued = 0;
	} else {
		conn_kill(s, c);
	}
}

static int
send_two(struct conn *c, const void *p, size_t n, const void *more,
	 size_t n_more)
{
	struct iovec v[2] = {
		{ .iov_base = (void *)(uintptr_t)p, .iov_len = n },
		{ .iov_base = (void *)(uintptr_t)more, .iov_len = n_more },
	};
	const struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };

	return sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void
conn_send(struct server *s, struct conn *c, const void *p, size_t n,
	  const void *more, size_t n_more)
{
	int r;

	if (c->dead || c->deaf)
		return;
	r = send_two(c, p, n, more, n_more);
	if (r < 0)
		send_failed(s, c, r);
}

/* Returns 0, or a negative errno; -EAGAIN: later. */
static int
send_acks(struct conn *c, const struct wire_ack *a, size_t n)
{
	const struct wire_acks h = {
		.magic = WIRE_MAGIC,
		.op = WIRE_RECORD,
		.n = (uint16_t)n,
	};

	return send_two(c, &h, sizeof(h), a, n * sizeof(*a));
}

static int
enqueue(struct conn *c, const struct wire_ack *a, size_t n)
{
	size_t room = c->queue_room ? c->queue_room : 64;
	void *p;

	if (c->queued + n > SERVER_QUEUE_MAX)
		return -ENOBUFS;
	while (room < c->queued + n)
		room *= 2;
	if (room > c->queue_room) {
		p = reallocarray(c->queue, room, sizeof(*c->queue));
		if (!p)
			return -ENOMEM;
		c->queue = p;
		c->queue_room = (uint32_t)room;
	}
	memcpy(c->queue + c->queued, a, n * sizeof(*a));
	c->queued += (uint32_t)n;
	return 0;
}

/* Reads no more from a client that does not read its answers, so that it can
 * fill nothing but its own buffers; and not for ever. */
static int
stall(struct server *s, struct conn *c)
{
	if (c->stall_us == NEVER) {
		c->stall_us = s->now.boot_us + SERVER_STALL_US;
		s->pause_us = MIN(s->pause_us, c->stall_us);
	}
	return conn_watch(s, c, EPOLLOUT);
}

void
conn_acks(struct server *s, struct conn *c, const struct wire_ack *a, size_t n)
{
	int r;

	if (c->dead || c->deaf)
		return;
	r = c->queued ? -EAGAIN : send_acks(c, a, n);
	if (r == -EAGAIN) {
		r = enqueue(c, a, n);
		s->dropped += r < 0;
		if (r == 0)
			r = stall(s, c);
	}
	if (r < 0)
		send_failed(s, c, r);
}

/* What waited, as far as there is room now. */
static void
flush_queue(struct server *s, struct conn *c)
{
	uint32_t at = 0;
	int r = 0;

	while (at < c->queued) {
		uint32_t n = MIN(c->queued - at, WIRE_ACKS_MAX);

		r = send_acks(c, c->queue + at, n);
		if (r < 0)
			break;
		at += n;
	}
	c->queued -= at;
	memmove(c->queue, c->queue + at, c->queued * sizeof(*c->queue));
	if (r < 0 && r != -EAGAIN)
		send_failed(s, c, r);
	c->stall_us = !c->queued ? NEVER
		      : at	 ? s->now.boot_us + SERVER_STALL_US
				 : c->stall_us;
	if (!c->queued && !c->dead &&
	    conn_watch(s, c, c->resume_us == NEVER ? EPOLLIN : 0) < 0)
		conn_kill(s, c);
}

/* ---- reading ------------------------------------------------------------- */

/* The descriptor that came with a message, or -EBADF. */
static int
message_fd(struct msghdr *m)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	int fd;

	if (!h || h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS ||
	    h->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -EBADF;
	memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	return fd;
}

/* Takes fd. */
static void
dispatch(struct server *s, struct conn *c, const struct wire_message *m, int fd)
{
	if (m->head.op == WIRE_RECORD && fd < 0)
		channel_record(s, c, m);
	else
		control_message(s, c, m, TAKE_FD(fd));
	if (fd >= 0)
		close(fd);
}

/* Takes fd. */
static void
decode(struct server *s, struct conn *c, const void *p, size_t len, int fd)
{
	_cleanup_close_ int own = fd;
	struct wire_message m;
	struct wire_head head;
	uint32_t field = 0;
	int r = wire_decode(p, len, &m, &field);

	if (r == -EPROTO) {
		conn_kill(s, c);
	} else if (r < 0) {
		memcpy(&head, p, sizeof(head));
		round_answer(s, c, head.cookie, r, field);
	} else {
		round_room(s);
		dispatch(s, c, &m, TAKE_FD(own));
	}
}

/* RECORDS; returns how many there are. */
static int
decode_all(struct server *s, struct conn *c, const void *data, size_t len)
{
	unsigned int n = 0;
	size_t at = 0, part;
	const void *p;
	int r;

	while ((r = wire_next(data, len, &at, &p, &part)) > 0 && !c->dead &&
	       n++ < WIRE_RECORDS_MAX)
		decode(s, c, p, part, -EBADF);
	if (r != 0)
		conn_kill(s, c);
	return (int)n;
}

static int
message(struct server *s, struct conn *c, struct mmsghdr *h)
{
	_cleanup_close_ int fd = message_fd(&h->msg_hdr);
	const uint8_t *p = h->msg_hdr.msg_iov->iov_base;
	struct wire_head head;

	if (c->dead)
		return 0;
	/* nothing at all is the end of it */
	if (h->msg_len < sizeof(head) || h->msg_hdr.msg_flags & MSG_TRUNC) {
		conn_kill(s, c);
		return 0;
	}
	memcpy(&head, p, sizeof(head));
	if (head.magic == WIRE_MAGIC && head.op == WIRE_RECORDS && fd < 0)
		return decode_all(s, c, p, h->msg_len);
	decode(s, c, p, h->msg_len, TAKE_FD(fd));
	return 1;
}

/* Returns how many records or other messages there are; 0: none;
 * negative: it is over. A peer that closed with answers unread leaves an
 * ECONNRESET before what it sent last (unix(7)). */
static int
receive(struct server *s, struct conn *c, unsigned int max)
{
	struct slot_control control[SERVER_TURN] = { 0 };
	int n = -1, sum = 0;

	for (unsigned int i = 0; i < max; i++) {
		struct msghdr *m = &s->msgs[i].msg_hdr;

		m->msg_control = control[i].buf;
		m->msg_controllen = sizeof(control[i].buf);
	}
	for (int i = 0; i < 2 && n < 0; i++) {
		n = recvmmsg(c->fd, s->msgs, max,
			     MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
		if (n < 0 && errno != ECONNRESET)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	for (int i = 0; i < n; i++)
		sum += message(s, c, &s->msgs[i]);
	return n < 0 ? n : sum;
}

static void
pause_reading(struct server *s, struct conn *c, uint64_t until_us)
{
	c->resume_us = until_us;
	s->pause_us = MIN(s->pause_us, until_us);
	if (conn_watch(s, c, c->queued ? EPOLLOUT : 0) < 0)
		conn_kill(s, c);
}

static void
conn_read(struct server *s, struct conn *c)
{
	struct quota_agent *a = c->channel ? c->channel->agent : NULL;
	unsigned int max = SERVER_TURN;
	uint64_t when;
	int n;

	server_now(&s->now);
	if (a)
		max = quota_allow(s->quota, a, max, s->now.boot_us, &when);
	if (!max) {
		pause_reading(s, c, when);
		return;
	}
	n = receive(s, c, max);
	if (n < 0)
		conn_kill(s, c);
	else if (a)
		quota_spend(s->quota, a, (unsigned int)n);
}

void
conn_ready(struct server *s, struct conn *c, uint32_t events)
{
	if (!c->dead && events & EPOLLOUT)
		flush_queue(s, c);
	if (!c->dead && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		conn_read(s, c);
}

int
conn_space(struct server *s)
{
	struct iovec *v = calloc(SERVER_TURN, sizeof(*v));

	s->msgs = calloc(SERVER_TURN, sizeof(*s->msgs));
	s->space = malloc((size_t)SERVER_TURN * SLOT);
	s->iov = v;
	if (!v || !s->msgs || !s->space)
		return -ENOMEM;
	for (unsigned int i = 0; i < SERVER_TURN; i++) {
		v[i] = (struct iovec){ s->space + (size_t)i * SLOT, SLOT };
		s->msgs[i].msg_hdr.msg_iov = &v[i];
		s->msgs[i].msg_hdr.msg_iovlen = 1;
	}
	return 0;
}
