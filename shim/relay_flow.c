/*
 * One way of a relay. What always holds: bytes leave in the order in which they
 * came, at most one buffer or one pipe of them is held, and nothing is read
 * while something is held; what is small goes through a buffer that all relays
 * share, what flows goes through a pipe, without being copied (splice(2)); an
 * end of file is passed on when all before it has gone.
 */
#include "shim/relay-internal.h"

#include "lib/macro.h"
#include "shim/hello.h"
#include "shim/reasons.h"
#include "shim/shim-internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define PIPE_SIZE (256u * 1024)
#define HOT (3 * SHIM_BUFFER) /* in one burst */

/* ---- pipes --------------------------------------------------------------- */

static int
pipe_get(struct relays *rs, struct pipes *ret)
{
	if (rs->n_pool) {
		*ret = rs->pool[--rs->n_pool];
		return 0;
	}
	if (rs->n_made >= SHIM_PIPES)
		return -EMFILE;
	if (pipe2(ret->fd, O_CLOEXEC | O_NONBLOCK) < 0) {
		*ret = (struct pipes){ { -EBADF, -EBADF } };
		return -errno;
	}
	/* as large as the user may have it; the usual size does too */
	(void)fcntl(ret->fd[1], F_SETPIPE_SZ, PIPE_SIZE);
	rs->n_made++;
	return 0;
}

static void
pipe_put(struct relays *rs, struct flow *f)
{
	if (f->pipe.fd[0] < 0)
		return;
	if (f->piped) { /* nobody may get another's bytes */
		close(f->pipe.fd[0]);
		close(f->pipe.fd[1]);
		rs->n_made--;
	} else {
		rs->pool[rs->n_pool++] = f->pipe;
	}
	f->pipe = (struct pipes){ { -EBADF, -EBADF } };
	f->piped = 0;
}

void
flow_free(struct relays *rs, struct flow *f)
{
	pipe_put(rs, f);
	free(TAKE_PTR(f->buf));
}

bool
flow_ended(const struct flow *f)
{
	return f->dead || f->to->shut;
}

/* ---- writing ------------------------------------------------------------- */

/* What is held. 0: all of it went; -EAGAIN. */
static int
flush_buffer(struct flow *f)
{
	while (f->at < f->len) {
		ssize_t n = stream_write(f->to, f->buf + f->at, f->len - f->at);

		if (n < 0)
			return (int)n;
		f->at += (size_t)n;
	}
	free(TAKE_PTR(f->buf));
	f->at = f->len = 0;
	return 0;
}

static int
flush_pipe(struct flow *f)
{
	while (f->piped) {
		ssize_t n = splice(f->pipe.fd[0], NULL, f->to->fd, NULL,
				   f->piped, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return -EAGAIN;
		if (n <= 0) {
			f->to->broken = true;
			return n < 0 ? -errno : -EPIPE;
		}
		f->piped -= (size_t)n;
	}
	return 0;
}

static int
flush(struct flow *f)
{
	int r = f->buf ? flush_buffer(f) : 0;

	return r < 0 ? r : flush_pipe(f);
}

/* Keeps what could not be written. */
static int
hold(struct flow *f, const uint8_t *data, size_t len)
{
	f->buf = malloc(len);
	if (!f->buf)
		return -ENOMEM;
	memcpy(f->buf, data, len);
	f->at = 0;
	f->len = len;
	return 0;
}

/* ---- reading ------------------------------------------------------------- */

/* A socket on which a write failed may still have what came before the peer
 * was gone: stream_read() would not give it. */
static ssize_t
read_some(struct flow *f, uint8_t *buf, size_t size)
{
	ssize_t n;

	if (f->from->tls)
		return stream_read(f->from, buf, size);
	do
		n = recv(f->from->fd, buf, size, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		f->from->eof = true;
	return n < 0 ? -errno : n;
}

/* Returns how many bytes went through or are held, 0 at the end of file. */
static ssize_t
copy(struct relay *r, struct flow *f, size_t may)
{
	struct relays *rs = r->conn->shim->relays;
	size_t size = MIN(may, sizeof(rs->scratch));
	ssize_t n = read_some(f, rs->scratch, size), w;
	int held = 0;

	f->full = n == (ssize_t)size;
	if (n <= 0)
		return n;
	relay_moved(r, f, (size_t)n);
	w = stream_write(f->to, rs->scratch, (size_t)n);
	if (w < 0 && w != -EAGAIN)
		return w;
	w = MAX(w, 0);
	if (w < n)
		held = hold(f, rs->scratch + w, (size_t)(n - w));
	return held < 0 ? held : n;
}

static ssize_t
through_pipe(struct relay *r, struct flow *f, size_t may)
{
	ssize_t n;
	int w;

	do
		n = splice(f->from->fd, NULL, f->pipe.fd[1], NULL,
			   MIN(may, PIPE_SIZE),
			   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	f->full = true; /* as far as one can tell */
	if (n == 0) {
		f->from->eof = true;
		return 0;
	}
	relay_moved(r, f, (size_t)n);
	f->piped = (size_t)n;
	w = flush_pipe(f);
	return w < 0 && w != -EAGAIN ? w : n;
}

static bool
may_splice(struct relays *rs, struct flow *f)
{
	if (!f->hot || f->from->tls || f->to->tls)
		return false;
	return f->pipe.fd[0] >= 0 || pipe_get(rs, &f->pipe) == 0;
}

/* epoll(7): a short read says that the socket is empty, and what comes then
 * makes an event; only an end that was there already would not. */
static bool
is_ending(const struct relay *r, const struct flow *f)
{
	return f->from->tls || r->conn->hup[f->out ? 0 : 1];
}

/* ---- the client's first bytes -------------------------------------------- */

static int
found(struct relay *r, const char *reason, const char *detail)
{
	struct conn *c = r->conn;

	link_found(c->shim->link, reason, c->host.text, c->port, detail, NULL);
	return relay_stop(r, "denied", reason);
}

/* 1: they may go on; 0: more are needed. */
static int
judge(struct relay *r, const struct flow *f)
{
	bool whole = f->from->eof;
	struct hello h;
	int tls = hello_looks_like(f->buf, f->len), n;

	if (r->conn->guard_late && tls != 0)
		return tls == 1 ? found(r, SHIM_WORD(LATE_PROTOCOL), "TLS")
				: whole;
	if (r->conn->guard_late) {
		n = classify_http(f->buf, f->len);
		return n == 1 ? found(r, SHIM_WORD(LATE_PROTOCOL), "HTTP")
			      : n == 0 || whole;
	}
	if (tls != 1)
		return tls == 0 || whole;
	n = hello_parse(f->buf, f->len, &h);
	if (n == 0 && !whole && f->len < SHIM_HELLO_MAX)
		return 0;
	if (n != 1)
		return found(r, SHIM_WORD(BAD_HELLO), NULL);
	if (!classify_sni_fits(&r->conn->host, h.has_sni ? h.sni : NULL))
		return found(r, SHIM_WORD(SNI_MISMATCH), h.sni);
	return 1;
}

/* Collects until they can be judged. 0: they went on; -EAGAIN. */
static int
guard(struct relay *r, struct flow *f)
{
	int ok = 0;

	/* what is short is judged, and the loop tells of more */
	if (!f->buf)
		f->buf = malloc(SHIM_HELLO_MAX);
	if (!f->buf)
		return -ENOMEM;
	while (ok == 0) {
		ssize_t may = relay_may(r, f, SHIM_HELLO_MAX - f->len), n;

		if (may <= 0)
			return may < 0 ? (int)may : -EAGAIN;
		n = read_some(f, f->buf + f->len, (size_t)may);
		if (n == -EAGAIN)
			f->ready = false;
		if (n < 0)
			return (int)n;
		f->ready = n == may || is_ending(r, f);
		f->len += (size_t)n;
		relay_moved(r, f, (size_t)n);
		ok = f->len ? judge(r, f) : f->from->eof;
	}
	if (ok > 0)
		r->conn->guard = false;
	return ok < 0 ? ok : 0;
}

/* ---- one turn ------------------------------------------------------------ */

/* Nothing is there to be read until the loop says so. */
static int
rest(struct relay *r, struct flow *f)
{
	f->ready = false;
	f->hot = f->burst >= HOT;
	f->burst = 0;
	pipe_put(r->conn->shim->relays, f);
	return FLOW_IDLE;
}

/* The end of file goes on; in TLS that may have to wait. Where the other way
 * has ended already, the close that follows is the end. */
static int
end(struct relay *r, struct flow *f)
{
	int n;

	if (!f->to->tls && !f->to->broken && flow_ended(&r->flow[!f->out])) {
		f->to->shut = true;
		return 0;
	}
	n = stream_shutdown(f->to);
	if (n == -ENOTCONN) /* the peer is gone already, and all went there */
		f->dead = true;
	return n == -EAGAIN || n == -ENOTCONN ? 0 : n;
}

/* Reads once, and writes. Returns bytes; 0: end of file; -EAGAIN: nothing now;
 * -EBUSY: something, and nothing more is there; -EINPROGRESS: nothing may go
 * now, somebody calls again. */
static ssize_t
move(struct relay *r, struct flow *f)
{
	ssize_t may = relay_may(r, f, PIPE_SIZE), n;
	bool piped;

	if (may <= 0)
		return may < 0 ? may : -EINPROGRESS;
	piped = may_splice(r->conn->shim->relays, f);
	n = piped ? through_pipe(r, f, (size_t)may) : copy(r, f, (size_t)may);
	if (n > 0)
		f->burst += (size_t)n;
	if (f->burst >= HOT && f->full)
		f->hot = true;
	return n > 0 && !f->full && !is_ending(r, f) ? -EBUSY : n;
}

/* One step. FLOW_MORE: there may be another; FLOW_IDLE; negative: broken. */
static int
step(struct relay *r, struct flow *f, size_t *turn)
{
	ssize_t n = 0;

	if (f->out && f->ready && r->conn->guard)
		n = guard(r, f);
	if (n == 0 && !(f->out && r->conn->guard))
		n = flush(f);
	if (n == -EAGAIN)
		return FLOW_IDLE;
	if (n < 0)
		return (int)n;
	if (f->from->eof) {
		n = end(r, f);
		return n < 0 ? (int)n : rest(r, f);
	}
	if (!f->ready)
		return FLOW_IDLE;
	n = move(r, f);
	if (n == -EINPROGRESS)
		return FLOW_IDLE;
	if (n == -EAGAIN || (n == -EBUSY && !f->buf))
		return f->piped ? FLOW_MORE : rest(r, f);
	*turn += n > 0 ? (size_t)n : 0;
	return n < 0 && n != -EBUSY ? (int)n : FLOW_MORE;
}

int
flow_run(struct relay *r, struct flow *f)
{
	size_t turn = 0;
	int n = FLOW_MORE;

	while (n == FLOW_MORE && !flow_ended(f) && turn < SHIM_TURN)
		n = step(r, f, &turn);
	return flow_ended(f) && n >= 0 ? FLOW_IDLE : n;
}
