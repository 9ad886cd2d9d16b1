/*
 * The bytes of a connection in TLS. What always holds: OpenSSL reaches the
 * socket only through the functions here, which never wait and raise no signal;
 * what was read before there was TLS comes first; an end without close_notify
 * is an error and not an end, since somebody else may have cut it.
 */
#include "lib/macro.h"
#include "shim/tls-internal.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include <sys/socket.h>

/* ---- the socket, as OpenSSL sees it ---- */

static int
bio_failed(BIO *b, struct tls *t, bool reading)
{
	if (errno != EAGAIN) {
		t->error = errno;
		return -1;
	}
	if (reading)
		BIO_set_retry_read(b);
	else
		BIO_set_retry_write(b);
	return -1;
}

static int
bio_early(struct tls *t, char *buf, int size)
{
	size_t n = MIN((size_t)size, t->early_len - t->early_at);

	memcpy(buf, t->early + t->early_at, n);
	t->early_at += n;
	if (t->early_at == t->early_len) {
		free(TAKE_PTR(t->early));
		t->early_len = t->early_at = 0;
	}
	return (int)n;
}

static int
bio_read(BIO *b, char *buf, int size)
{
	struct tls *t = BIO_get_data(b);
	ssize_t n;

	BIO_clear_retry_flags(b);
	if (size <= 0)
		return 0;
	if (t->early_len)
		return bio_early(t, buf, size);
	do
		n = recv(t->fd, buf, (size_t)size, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	t->drained = n < size;
	if (n < 0)
		return bio_failed(b, t, true);
	if (n == 0)
		BIO_set_flags(b, BIO_FLAGS_IN_EOF);
	return (int)n;
}

static int
bio_write(BIO *b, const char *buf, int len)
{
	struct tls *t = BIO_get_data(b);
	ssize_t n;

	BIO_clear_retry_flags(b);
	if (len <= 0)
		return 0;
	do
		n = send(t->fd, buf, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? bio_failed(b, t, false) : (int)n;
}

static long
bio_ctrl(BIO *b, int command, _unused_ long n, _unused_ void *p)
{
	if (command == BIO_CTRL_FLUSH) /* nothing is held back */
		return 1;
	if (command == BIO_CTRL_EOF)
		return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
	return 0;
}

BIO_METHOD *
tls_bio_method(void)
{
	int type = BIO_get_new_index();
	BIO_METHOD *m = type < 0 ? NULL
				 : BIO_meth_new(type | BIO_TYPE_SOURCE_SINK,
						"the agent's or a server's");

	if (!m)
		return NULL;
	if (BIO_meth_set_read(m, bio_read) &&
	    BIO_meth_set_write(m, bio_write) && BIO_meth_set_ctrl(m, bio_ctrl))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ---- errors ---- */

const char *
tls_error_text(void)
{
	unsigned long code = ERR_peek_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return text ? text : "an error without words";
}

int
tls_error(struct err *e, int code, const char *what)
{
	return err_set(e, code, "%s: %s", what, tls_error_text());
}

/* What became of a call of OpenSSL's that did not succeed. Returns 0 for an
 * orderly end, -EAGAIN or another negative errno. */
static int
not_done(struct stream *s, int result)
{
	struct tls *t = s->tls;

	switch (SSL_get_error(t->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		s->wants_read = true;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		s->wants_write = true;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		s->broken = true;
		return t->error ? -t->error : -ECONNRESET;
	default:
		s->broken = true;
		if (ERR_GET_REASON(ERR_peek_error()) ==
		    SSL_R_UNEXPECTED_EOF_WHILE_READING)
			return -ECONNRESET;
		return -EPROTO;
	}
}

/* Before each call: SSL_get_error(3) looks at what is left in the queue. */
static void
begin(struct stream *s)
{
	ERR_clear_error();
	s->tls->error = 0;
	s->wants_read = s->wants_write = false;
}

/* ---- bytes ---- */

ssize_t
tls_read(struct stream *s, void *buf, size_t size)
{
	size_t n = 0;
	int r;

	begin(s);
	if (SSL_read_ex(s->tls->ssl, buf, size, &n))
		return (ssize_t)n;
	r = not_done(s, 0);
	s->eof |= r == 0;
	return r;
}

ssize_t
tls_write(struct stream *s, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	size_t done = 0, n = 0;
	int r;

	while (done < len) {
		begin(s);
		if (!SSL_write_ex(s->tls->ssl, p + done, len - done, &n)) {
			r = not_done(s, 0);
			if (done)
				return (ssize_t)done;
			return r ? r : -EPIPE;
		}
		done += n;
	}
	return (ssize_t)done;
}

int
tls_shutdown(struct stream *s)
{
	SSL *ssl = s->tls->ssl;
	int r;

	/* there is nothing to end before the handshake is over */
	if (!SSL_is_init_finished(ssl) ||
	    SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN)
		return 0;
	begin(s);
	r = SSL_shutdown(ssl);
	return r >= 0 ? 0 : not_done(s, r);
}

bool
tls_pending(const struct stream *s)
{
	return s->tls && (s->tls->early_len || SSL_has_pending(s->tls->ssl));
}

bool
tls_drained(const struct stream *s)
{
	return s->tls && s->tls->drained && !tls_pending(s);
}

/* ---- the handshake ---- */

static const char *
why(int r)
{
	if (r == -EPROTO)
		return tls_error_text();
	ERR_clear_error();
	return r == -ECONNRESET ? "the connection ended in the handshake"
				: strerror(-r);
}

static int
refused(const struct tls *t, int r, struct err *e)
{
	long verified = SSL_get_verify_result(t->ssl);

	if (!t->upstream)
		return err_set(e, r, "TLS with the agent, for %s: %s", t->host,
			       why(r));
	if (verified == X509_V_OK)
		return err_set(e, r, "TLS with %s: %s", t->host, why(r));
	ERR_clear_error();
	return err_set(e, EKEYREJECTED, "certificate of %s: %s", t->host,
		       X509_verify_cert_error_string(verified));
}

int
tls_handshake(struct stream *s, struct err *e)
{
	int r;

	if (s->broken)
		return err_set(e, EPIPE, "TLS with %s: it is over",
			       s->tls->host);
	begin(s);
	r = SSL_do_handshake(s->tls->ssl);
	if (r == 1)
		return 0;
	r = not_done(s, r);
	if (r == -EAGAIN)
		return r;
	s->broken = true;
	return refused(s->tls, r ? r : -ECONNRESET, e);
}

void
tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	free(t->early);
	free(t);
}
