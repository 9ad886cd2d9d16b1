#pragma once
/*
 * TLS on both sides of an intercepted connection (OpenSSL). To the client: a
 * leaf for the name it asked for, signed by the box's own CA, HTTP/1.1 only. To
 * the server: everything verified, TLS 1.2 at least.
 *
 * Once there is a context, nothing here opens or dials anything. Of system
 * calls it needs, beside those for memory and for the streams' sockets, getpid
 * and getrandom (test_tls_confined).
 */
#include "lib/err.h"
#include "shim/stream.h"

#include <stdint.h>

struct tls;
struct tls_context;

/* ca_*: DER; upstream: PEM of the trusted roots (parsed when first needed),
 * owned by the caller for as long as the context. The key is wiped from the
 * caller's copy by the caller. */
int tls_context_new(const void *ca_key, size_t key_len, const void *ca_cert,
		    size_t cert_len, const void *upstream, size_t upstream_len,
		    struct tls_context **ret, struct err *e);
void tls_context_free(struct tls_context *t);

/* The client's hello is in early (what was read); host: canonical name or
 * address that was decided on: the leaf's name. Takes early's bytes as input
 * before the socket's. */
int tls_accept(struct tls_context *t, struct stream *s, const char *host,
	       const void *early, size_t len, struct err *e);
/* Towards host; verifies name or address, chain, time. alpn: http/1.1. */
int tls_connect(struct tls_context *t, struct stream *s, const char *host,
		struct err *e);
/* Drives the handshake: 0 done, -EAGAIN (wants_read, wants_write say what for),
 * negative errno with the reason ("certificate of x: expired"). */
int tls_handshake(struct stream *s, struct err *e);
/* For stream.c: as their namesakes. After -EAGAIN of tls_write() the next one
 * begins with the same bytes, and has no fewer: they are encrypted already. */
ssize_t tls_read(struct stream *s, void *buf, size_t size);
ssize_t tls_write(struct stream *s, const void *buf, size_t len);
int tls_shutdown(struct stream *s);
void tls_free(struct tls *t);
bool tls_pending(const struct stream *s); /* decrypted bytes wait */
/* The socket was empty when it was read last, and nothing of what came is left
 * here: reading again can wait until the loop says that there is more. */
bool tls_drained(const struct stream *s);

/* agentbox-shim --new-ca: a key (P-256) and a self-signed CA certificate named
 * after the box, valid from an hour ago, for days. DER both; *ret are malloc'd,
 * the key is to be wiped. */
int tls_new_ca(const char *box, unsigned int days, void **ret_key,
	       size_t *ret_key_len, void **ret_cert, size_t *ret_cert_len,
	       struct err *e);
