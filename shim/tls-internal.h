#pragma once
/*
 * What the parts of TLS share: tls.c makes contexts and connections, tls_io.c
 * moves bytes, tls_ca.c makes certificates, tls_leaf.c keeps those for the
 * agent, tls_roots.c has those that are trusted upstream, tls_session.c what
 * may be resumed there.
 */
#include "net/hostname.h"
#include "shim/tls.h"

#include <openssl/ssl.h>
#include <time.h>

#define TLS_LEAVES_MAX 256u
#define TLS_SESSIONS_MAX 32u
#define TLS_SESSION_SECONDS 3600u
#define TLS_ROOTS_MAX 4096u
#define TLS_CHAIN_MAX 8 /* certificates between a server's and a root */

struct leaves;
struct roots;
struct sessions;

struct tls_context {
	BIO_METHOD *bio;
	SSL_CTX *accept, *connect; /* connect: made when first needed */
	struct leaves *leaves;
	struct roots *roots;
	struct sessions *sessions;
	const char *upstream; /* borrowed: PEM of the roots */
	size_t upstream_len;
};

struct tls {
	SSL *ssl;
	struct tls_context *context;
	int fd;	   /* the stream's */
	int error; /* errno of the socket */
	bool upstream;
	bool drained; /* the last read of the socket got less than it wanted */
	uint8_t *early; /* read before there was TLS; freed when used up */
	size_t early_len, early_at;
	char host[HOSTNAME_MAX + 1];
};

/* tls_io.c: how OpenSSL reaches the socket; BIO_set_data() a struct tls. */
BIO_METHOD *tls_bio_method(void);
/* The words of the first error in OpenSSL's queue, which is emptied. */
const char *tls_error_text(void);
/* "what: those words"; returns -code. */
int tls_error(struct err *e, int code, const char *what);

/* tls_ca.c */

/* Before anything else of OpenSSL, which would read a configuration of the
 * host's or the environment's otherwise. */
int tls_start(struct err *e);
EVP_PKEY *tls_key_new(void); /* P-256, or NULL */
int tls_key_read(const void *der, size_t len, EVP_PKEY **ret, struct err *e);
int tls_cert_read(const void *der, size_t len, X509 **ret, struct err *e);
/* A certificate for one host, of key, signed by the CA; until: when it ends.
 * NULL: see OpenSSL's errors. */
X509 *tls_leaf_new(const char *host, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key,
		   time_t now, time_t *ret_until);

/* tls_leaf.c. Takes nothing. */
int leaves_new(EVP_PKEY *ca_key, X509 *ca, struct leaves **ret, struct err *e);
void leaves_free(struct leaves *l);
EVP_PKEY *leaves_key(const struct leaves *l); /* of all leaves */
/* Borrowed until the next call; NULL: see OpenSSL's errors. */
X509 *leaves_get(struct leaves *l, const char *host);

/* tls_roots.c. The text is borrowed for good. */
int roots_new(const char *pem, size_t len, struct roots **ret, struct err *e);
void roots_free(struct roots *r);
/* Finds what the store is asked for among the roots. 0, or negative. */
int roots_attach(struct roots *r, X509_STORE *store, struct err *e);

/* tls_session.c */
struct sessions *sessions_new(void);
void sessions_free(struct sessions *s);
void sessions_put(struct sessions *s, const char *host,
		  SSL_SESSION *x); /* takes */
/* The caller's to free; it is not given twice (RFC 8446, C.4). NULL: none. */
SSL_SESSION *sessions_take(struct sessions *s, const char *host);
