/*
 * The supervisor's end of the writer's socket. What always holds: each record
 * that was sent is answered once, by the writer or, when it is gone, by us; no
 * answer is waited for longer than the caller says.
 */
#include "audit/client-internal.h"
#include "audit/layout.h"
#include "lib/fd.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

uint64_t
client_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* ---- what is waited for -------------------------------------------------- */

static void
answer(struct client *c, struct pending *p, uint64_t seq, int status)
{
	client_done *done = p->done;
	void *arg = p->arg;

	p->cookie = 0;
	c->n_pending--;
	if (done)
		done(arg, seq, status);
}

static void
answer_all(struct client *c, int status)
{
	for (size_t i = 0; i < CLIENT_PENDING_MAX; i++)
		if (c->pending[i].cookie)
			answer(c, &c->pending[i], 0, status);
}

static struct pending *
pending_of(struct client *c, uint64_t cookie)
{
	struct pending *p = &c->pending[cookie % CLIENT_PENDING_MAX];

	return p->cookie == cookie ? p : NULL;
}

/* A callback may send and so receive: the answers are copied first. */
static int
take_acks(struct client *c, size_t len)
{
	struct wire_ack all[WIRE_ACKS_MAX];
	struct wire_acks head;

	memcpy(&head, c->in, sizeof(head));
	if (head.n > WIRE_ACKS_MAX ||
	    len != sizeof(head) + head.n * sizeof(struct wire_ack))
		return -EPROTO;
	memcpy(all, c->in + sizeof(head), head.n * sizeof(*all));
	for (size_t i = 0; i < head.n; i++) {
		struct wire_ack *a = &all[i];
		struct pending *p = a->cookie ? pending_of(c, a->cookie) : NULL;

		/* there is no channel: why, OPEN was told */
		if (a->status == -ENOTCONN && c->open_status < 0)
			a->status = c->open_status;
		if (p)
			answer(c, p, a->seq, a->status < 0 ? a->status : 0);
	}
	return 0;
}

static int
take_status(struct client *c, size_t len)
{
	struct wire_text t;

	if (len < sizeof(t))
		return -EPROTO;
	memcpy(&t, c->in, sizeof(t));
	if (!c->status_cookie || t.cookie != c->status_cookie)
		return 0;
	free(c->status);
	c->status = strndup((char *)c->in + sizeof(t), len - sizeof(t));
	c->status_cookie = 0;
	return c->status ? 0 : -ENOMEM;
}

static int
take(struct client *c, size_t len)
{
	struct wire_acks head;

	if (len < sizeof(head))
		return -EPROTO;
	memcpy(&head, c->in, sizeof(head));
	if (head.magic != WIRE_MAGIC)
		return -EPROTO;
	switch (head.op) {
	case WIRE_RECORD:
		return take_acks(c, len);
	case WIRE_STATUS:
		return take_status(c, len);
	case WIRE_HELLO:
		if (len != sizeof(c->hello))
			return -EPROTO;
		memcpy(&c->hello, c->in, sizeof(c->hello));
		if (c->hello.version != 1)
			return -EPROTONOSUPPORT;
		c->have_hello = true;
		return 0;
	}
	return -EPROTO;
}

/* Who is not even greeted was refused, or met a writer at its end. */
static int
say_gone(const struct client *c, struct err *e)
{
	if (c->have_hello)
		return err_set(e, -EPIPE, "%s", client_status_text(-EPIPE));
	err_set(e, -EPIPE,
		"the writer of the audit log hung up at once: it serves one "
		"uid, in its own user namespace");
	return err_cure(e, "try again; in another user namespace, set "
			   "AGENTBOX_STATE_DIR to a folder for its own log");
}

/* The writer is gone: everybody who waits hears so. */
int
client_gone(struct client *c, struct err *e)
{
	close_ptr(&c->fd);
	c->fd = -EBADF;
	answer_all(c, -EPIPE);
	return say_gone(c, e);
}

int
client_process(struct client *c, struct err *e)
{
	bool reset = false;

	for (;;) {
		ssize_t n = c->fd < 0 ? 0
				      : recv(c->fd, c->in, sizeof(c->in),
					     MSG_DONTWAIT);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		/* a writer that died with messages unread leaves this before
		 * its last answers (unix(7)) */
		if (n < 0 && errno == ECONNRESET && !reset) {
			reset = true;
			continue;
		}
		if (n <= 0)
			return client_gone(c, e);
		r = take(c, (size_t)n);
		if (r < 0)
			return err_sys(e, r,
				       "the answer of the audit log's writer");
	}
}

/* Until the socket has something, or (out) room; reads what is there. */
int
client_await(struct client *c, bool out, uint64_t until, struct err *e)
{
	struct pollfd p = { .fd = c->fd,
			    .events = (short)(POLLIN | (out ? POLLOUT : 0)) };
	uint64_t now = client_now_us();
	int n = client_push(c, e);

	if (n < 0)
		return n;
	if (c->fd < 0)
		return client_gone(c, e);
	if (now >= until)
		return err_set(e, -ETIMEDOUT, "%s",
			       client_status_text(-ETIMEDOUT));
	n = poll(&p, 1, (int)MIN((until - now) / 1000 + 1, 60000u));
	if (n < 0 && errno != EINTR)
		return err_sys(e, -errno, "poll");
	return n > 0 && p.revents & ~POLLOUT ? client_process(c, e) : 0;
}

/* ---- sending ------------------------------------------------------------- */

/* sendmsg(2) only reads what its vector, made for both ways, points to. */
static struct iovec
piece(const void *p, size_t n)
{
	union {
		const void *in;
		void *out;
	} u = { .in = p };

	return (struct iovec){ u.out, n };
}

static int
send_parts(struct client *c, struct iovec *v, size_t n, int fd, struct err *e)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = n };
	uint64_t until = 0;
	int r = client_push(c, e);

	if (r < 0)
		return r;
	if (fd >= 0) {
		struct cmsghdr *cm;

		m.msg_control = control.buf;
		m.msg_controllen = sizeof(control.buf);
		cm = CMSG_FIRSTHDR(&m);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(int));
	}
	for (;;) {
		if (c->fd < 0)
			return say_gone(c, e);
		if (sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == EPIPE || errno == ECONNRESET) {
			r = client_process(c, e);
			return r < 0 ? r : say_gone(c, e);
		}
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, -errno,
				       "a message to the audit log's writer");
		if (!until)
			until = client_now_us() + CLIENT_SEND_US;
		r = client_await(c, true, until, e);
		if (r < 0)
			return r;
	}
}

/* A cookie whose slot is free; waits for the one that has it. */
static int
new_cookie(struct client *c, struct err *e)
{
	struct pending *p = &c->pending[++c->cookie % CLIENT_PENDING_MAX];
	uint64_t until = client_now_us() + CLIENT_SEND_US;

	while (p->cookie) {
		int r = client_await(c, false, until, e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* One message with a head; fd goes along. Returns 0 and the cookie is
 * c->cookie. */
static int
send_op(struct client *c, enum wire_op op, unsigned int flags, const void *body,
	size_t len, int fd, client_done *done, void *arg, struct err *e)
{
	bool answered = op != WIRE_HELLO && op != WIRE_STATUS;
	struct wire_head h = { .magic = WIRE_MAGIC,
			       .op = (uint16_t)op,
			       .flags = (uint16_t)flags };
	struct iovec v[] = { { &h, sizeof(h) }, piece(body, len) };
	struct pending *p;
	int r = new_cookie(c, e);

	if (r < 0)
		return r;
	h.cookie = c->cookie;
	p = &c->pending[h.cookie % CLIENT_PENDING_MAX];
	r = send_parts(c, v, 2, fd, e);
	if (r >= 0 && answered) {
		*p = (struct pending){ h.cookie, done, arg };
		c->n_pending++;
	}
	return r;
}

static void
opened(void *arg, uint64_t seq, int status)
{
	(void)seq;
	((struct client *)arg)->open_status = status;
}

static int
send_open(struct client *c, unsigned int flags, struct err *e)
{
	c->open_status = 0;
	return send_op(c, WIRE_OPEN, flags, c->identity->bytes,
		       c->identity->len, -EBADF, opened, c, e);
}

int64_t
client_send(struct client *c, enum record_type type, uint64_t ref,
	    const struct fields *f, unsigned int flags, client_done *done,
	    void *arg, struct err *e)
{
	struct wire_record rec = { .head.magic = WIRE_MAGIC,
				   .head.op = WIRE_RECORD,
				   .head.flags = (uint16_t)flags,
				   .ref = ref,
				   .type = (uint16_t)type };
	struct iovec v[] = { { &rec, sizeof(rec) }, piece(f->bytes, f->len) };
	int r = f->full ? err_set(e, -EMSGSIZE, "a record is too large") : 0;

	/* the channel was refused, for want of space, say: once more */
	if (r == 0 && c->open_status < 0 && c->identity)
		r = send_open(c, WIRE_RESUME, e);
	if (r >= 0)
		r = new_cookie(c, e);
	if (r < 0)
		return r;
	rec.head.cookie = c->cookie;
	r = c->gathers ? client_put(c, v, 2, e)
		       : send_parts(c, v, 2, -EBADF, e);
	if (r < 0)
		return r;
	if (!(flags & WIRE_QUIET)) {
		c->pending[rec.head.cookie % CLIENT_PENDING_MAX] =
			(struct pending){ rec.head.cookie, done, arg };
		c->n_pending++;
	}
	return (int64_t)rec.head.cookie;
}

/* ---- waiting ------------------------------------------------------------- */

struct result {
	bool done;
	int status;
	uint64_t seq;
};

static void
take_result(void *arg, uint64_t seq, int status)
{
	*(struct result *)arg = (struct result){ true, status, seq };
}

/* An answer that comes after its waiter has gone must not be written to where
 * that one stood. */
static void
forget(struct client *c, const void *arg)
{
	for (size_t i = 0; i < CLIENT_PENDING_MAX; i++)
		if (c->pending[i].cookie && c->pending[i].arg == arg)
			c->pending[i].done = NULL;
}

static int
wait_for(struct client *c, const struct result *res, uint64_t timeout_us,
	 struct err *e)
{
	uint64_t until = client_now_us() + timeout_us;
	int r = 0;

	while (!res->done && r == 0)
		r = client_await(c, false, until, e);
	if (!res->done)
		forget(c, res);
	return res->done ? 0 : r;
}

static int64_t
record_once(struct client *c, enum record_type type, uint64_t ref,
	    const struct fields *f, unsigned int flags, uint64_t timeout_us,
	    struct err *e)
{
	struct result res = { 0 };
	int64_t r = client_send(c, type, ref, f, flags & ~WIRE_QUIET,
				take_result, &res, e);

	if (r < 0)
		return r;
	r = wait_for(c, &res, timeout_us, e);
	if (r < 0)
		return r;
	return res.status < 0 ? client_refused(e, res.status)
			      : (int64_t)res.seq;
}

int64_t
client_record(struct client *c, enum record_type type, uint64_t ref,
	      const struct fields *f, unsigned int flags, uint64_t timeout_us,
	      struct err *e)
{
	int64_t r = record_once(c, type, ref, f, flags, timeout_us, e);

	if (r != -EPIPE)
		return r;
	r = client_reconnect(c, e);
	return r < 0 ? r : record_once(c, type, ref, f, flags, timeout_us, e);
}

int
client_flush(struct client *c, uint64_t timeout_us, struct err *e)
{
	uint64_t until = client_now_us() + timeout_us;
	int r = 0;

	while (c->n_pending && r == 0)
		r = client_await(c, false, until, e);
	return r;
}

int
client_hello(struct client *c, uint64_t timeout_us,
	     const struct wire_hello **ret, struct err *e)
{
	uint64_t until = client_now_us() + timeout_us;
	int r = 0;

	while (!c->have_hello && r == 0)
		r = client_await(c, false, until, e);
	if (r == 0)
		*ret = &c->hello;
	return r;
}

int
client_status(struct client *c, uint64_t timeout_us, char **ret, struct err *e)
{
	uint64_t until = client_now_us() + timeout_us;
	int r = send_op(c, WIRE_STATUS, 0, NULL, 0, -EBADF, NULL, NULL, e);

	if (r < 0)
		return r;
	c->status_cookie = c->cookie;
	while (c->status_cookie && r == 0)
		r = client_await(c, false, until, e);
	if (c->status_cookie)
		return r;
	*ret = TAKE_PTR(c->status);
	return 0;
}

static int
ask(struct client *c, enum wire_op op, const void *body, size_t len, int fd,
    uint64_t timeout_us, struct err *e)
{
	struct result res = { 0 };
	int r = send_op(c, op, 0, body, len, fd, take_result, &res, e);

	if (r >= 0)
		r = wait_for(c, &res, timeout_us, e);
	return r < 0 ? r : res.status;
}

/* The text of a failure on the way, or of a refusal. */
static int
told(struct err *e, const struct err *own, int status)
{
	if (!own->code)
		return client_refused(e, status);
	if (e)
		*e = *own;
	return status;
}

int
client_command(struct client *c, enum wire_op op, uint64_t timeout_us,
	       struct err *e)
{
	struct err own = ERR_INIT;
	int r = ask(c, op, NULL, 0, -EBADF, timeout_us, &own);

	return r < 0 ? told(e, &own, r) : 0;
}

int
client_blob_ask(struct client *c, const uint8_t digest[RECORD_HASH_LEN],
		client_done *done, void *arg, struct err *e)
{
	return send_op(c, WIRE_BLOB, 0, digest, RECORD_HASH_LEN, -EBADF, done,
		       arg, e);
}

int
client_blob(struct client *c, const uint8_t digest[RECORD_HASH_LEN],
	    const void *data, size_t len, uint64_t timeout_us, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	struct err own = ERR_INIT;
	int r = ask(c, WIRE_BLOB, digest, RECORD_HASH_LEN, -EBADF, timeout_us,
		    &own);

	if (r == -ENOENT) {
		fd = fd_sealed("agentbox-blob", data, len);
		if (fd < 0)
			return err_sys(e, fd, "a memfd for the audit log");
		r = ask(c, WIRE_BLOB, digest, RECORD_HASH_LEN, fd, timeout_us,
			&own);
	}
	return r < 0 ? told(e, &own, r) : 0;
}

/* ---- connecting ---------------------------------------------------------- */

static int
greet(struct client *c, unsigned int flags, struct err *e)
{
	int r = client_connect(c, e);

	if (r < 0)
		return r;
	c->fd = r;
	c->n_out = c->out_len = 0;
	c->have_hello = false;
	c->open_status = 0;
	r = send_op(c, WIRE_HELLO, 0, NULL, 0, -EBADF, NULL, NULL, e);
	return r >= 0 && c->identity ? send_open(c, flags, e) : r;
}

int
client_reconnect(struct client *c, struct err *e)
{
	close_ptr(&c->fd);
	c->fd = -EBADF;
	answer_all(c, -EPIPE);
	return greet(c, WIRE_RESUME, e);
}

int
client_open(struct client *c, const struct fields *f, struct err *e)
{
	if (f->full)
		return err_set(e, -EMSGSIZE,
			       "the identity of the box is too long");
	free(c->identity);
	c->identity = malloc(sizeof(*c->identity));
	if (!c->identity)
		return err_sys(e, -ENOMEM, "the audit log");
	memcpy(c->identity->bytes, f->bytes, f->len);
	c->identity->len = f->len;
	c->identity->full = false;
	return send_open(c, 0, e);
}

int
client_new(const struct client_options *o, struct client **ret, struct err *e)
{
	struct client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_sys(e, -ENOMEM, "the audit log");
	c->fd = -EBADF;
	c->start = o->start;
	c->writer = o->writer ? strdup(o->writer) : NULL;
	/* it is nearly always there */
	c->dir = r = layout_open(true, false, e);
	if (r == -ENOENT && o->start)
		c->dir = r = layout_open(true, true, e);
	if (r >= 0 && o->start && !c->writer)
		r = err_sys(e, -ENOMEM, "the audit log");
	if (r >= 0)
		r = greet(c, 0, e);
	if (r < 0) {
		client_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void
client_free(struct client *c)
{
	if (!c)
		return;
	close_ptr(&c->fd);
	close_ptr(&c->dir);
	free(c->identity);
	free(c->writer);
	free(c->status);
	free(c);
}

int
client_fd(const struct client *c)
{
	return c->fd;
}
