#pragma once
/* What the parts of TLS share: tls.c makes contexts and connections, tls_io.c
 * moves bytes, tls_leaf.c has the certificates for the agent, tls_roots.c those
 * that are trusted upstream, tls_session.c what is resumed. */
#include "net/hostname.h"
#include "shim/tls.h"

#include <openssl/ssl.h>

struct leaves;
struct roots;
struct sessions;

struct tls_context {
	BIO_METHOD *bio;
	SSL_CTX *accept, *connect; /* connect: made when first needed */
	struct leaves *leaves;
	struct roots *roots;
	struct sessions *sessions;
};

struct tls {
	SSL *ssl;
	struct tls_context *context;
	int fd; /* the stream's */
	bool upstream;
	uint8_t *early; /* read before there was TLS; freed when used up */
	size_t early_len, early_at;
	int error; /* errno of the socket */
	char host[HOSTNAME_MAX + 1];
};

/* tls_io.c: how OpenSSL reaches the socket. */
BIO_METHOD *tls_bio_method(void);
/* Empties OpenSSL's queue of errors; the first one's words, or another's. */
const char *tls_error_text(void);
/* Fills e from tls_error_text(); returns -code. */
int tls_error(struct err *e, int code, const char *what);
