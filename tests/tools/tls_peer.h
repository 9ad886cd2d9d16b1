#pragma once
/* The other side of a TLS connection, and certificates good and bad, for tests
 * of shim/tls. Failures end the test. */
#include "shim/tls.h"

#include <openssl/ssl.h>

struct cert {
	X509 *x;
	EVP_PKEY *key;
};

struct cert_want {
	const char *cn;		 /* NULL: "test" */
	const char *san;	 /* "DNS:a.example, IP:192.0.2.1"; NULL: none */
	const char *eku;	 /* NULL: serverAuth; "": none */
	const char *constraints; /* nameConstraints */
	long from, until;	 /* seconds from now; both 0: an hour around */
	int rsa;		 /* bits; 0: P-256 */
	const char *hash;	 /* NULL: SHA256 */
	bool ca;
	const struct cert *by; /* NULL: itself */
};

struct cert cert_make(const struct cert_want *w);
void cert_done(struct cert *c);
/* PEM; the caller's to free. */
char *cert_pem(const struct cert *c);

struct peer {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

/* A server that shows c and, if not NULL, the chain; alpn: wire format or
 * NULL. */
void peer_server(struct peer *p, int fd, const struct cert *c,
		 const struct cert *chain);
/* A client that trusts the DER certificate alone, strictly, and wants host (a
 * name or an address). */
void peer_client(struct peer *p, int fd, const void *ca, size_t len,
		 const char *host);
void peer_done(struct peer *p);
/* Goes on with the handshake: 1 done, 0 not yet, -1 failed. */
int peer_handshake(struct peer *p);
/* Both sides until both are done or one failed. The stream's result; *ret_peer
 * is the peer's. */
int peer_shake(struct peer *p, struct stream *s, int *ret_peer, struct err *e);

/* A context that trusts the PEM, which stays the caller's. */
struct tls_context *peer_context(const char *pem);
