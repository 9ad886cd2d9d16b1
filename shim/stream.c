/*
 * One side of a connection, plain or in TLS. What always holds: the socket is
 * nonblocking and nothing here waits; after an error nothing more is read or
 * written; a peer that is gone raises no signal.
 */
#include "shim/stream.h"
#include "lib/macro.h"
#include "shim/tls.h"

#include <sys/socket.h>

static ssize_t
broke(struct stream *s, int error)
{
	s->broken = true;
	return -error;
}

ssize_t
stream_read(struct stream *s, void *buf, size_t size)
{
	ssize_t n;

	if (s->broken)
		return -EPIPE;
	if (s->eof)
		return 0;
	if (s->tls)
		return tls_read(s, buf, size);
	do
		n = recv(s->fd, buf, size, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : broke(s, errno);
	if (n == 0 && size)
		s->eof = true;
	return n;
}

/* A short count of send(2) means that the buffer is full, and that the kernel
 * will say when it is not: another try would only cost a system call. */
ssize_t
stream_write(struct stream *s, const void *buf, size_t len)
{
	ssize_t n;

	if (s->broken || s->shut)
		return -EPIPE;
	if (s->tls)
		return tls_write(s, buf, len);
	do
		n = send(s->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : broke(s, errno);
	return n;
}

int
stream_shutdown(struct stream *s)
{
	int r = 0;

	if (s->broken)
		return -EPIPE;
	if (s->shut)
		return 0;
	/* close_notify for who reads TLS, and the end of TCP for who waits for
	 * that; the other direction stays open (RFC 8446, 6.1) */
	if (s->tls)
		r = tls_shutdown(s);
	if (r < 0)
		return r;
	if (shutdown(s->fd, SHUT_WR) < 0)
		return (int)broke(s, errno);
	s->shut = true;
	return 0;
}

void
stream_close(struct stream *s, bool reset)
{
	/* sockets may be born with a linger of 0, so that the end of this
	 * process is a reset: an orderly end takes that back */
	struct linger l = { .l_onoff = reset };

	if (s->tls && !reset && !s->shut && !s->broken)
		(void)tls_shutdown(s);
	tls_free(TAKE_PTR(s->tls));
	if (s->fd >= 0) {
		(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
		close(TAKE_FD(s->fd));
	}
	*s = (struct stream)STREAM_NONE;
}
