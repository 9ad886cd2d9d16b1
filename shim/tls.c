/*
 * TLS towards the agent and towards servers. What always holds: a server is
 * believed only if its certificate chains to a trusted root, is in time, for
 * servers, and names the host that was decided on; the agent is shown a
 * certificate for that same host; nothing older than TLS 1.2, no HTTP/2, no
 * renegotiation. No file, no configuration and no environment is looked at.
 */
#include "lib/macro.h"
#include "shim/tls-internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define OUT_OF_MEMORY "out of memory"

static const uint8_t alpn[] = "\x08http/1.1";
#define ALPN_LEN (sizeof(alpn) - 1)

/* ---- contexts ---- */

/* A client that speaks only HTTP/2 is told so (RFC 7301, 3.2). */
static int
choose_alpn(_unused_ SSL *ssl, const uint8_t **out, uint8_t *out_len,
	    const uint8_t *in, unsigned int in_len, _unused_ void *arg)
{
	uint8_t *chosen = NULL;

	if (SSL_select_next_proto(&chosen, out_len, alpn, ALPN_LEN, in,
				  in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *
context(const SSL_METHOD *method)
{
	SSL_CTX *c = SSL_CTX_new(method);

	if (!c)
		return NULL;
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE |
				    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				    SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(c, 1);
	if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION))
		return c;
	SSL_CTX_free(c);
	return NULL;
}

/* The agent is in the same machine: the cheapest good cipher comes first. One
 * ticket lets it resume; nothing of that is kept here. */
static int
accept_context(struct tls_context *t, struct err *e)
{
	SSL_CTX *c = context(TLS_server_method());

	t->accept = c;
	if (!c ||
	    !SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256:"
					 "TLS_CHACHA20_POLY1305_SHA256:"
					 "TLS_AES_256_GCM_SHA384") ||
	    !SSL_CTX_set_num_tickets(c, 1) ||
	    SSL_CTX_use_PrivateKey(c, leaves_key(t->leaves)) != 1)
		return tls_error(e, EIO, "TLS with the agent");
	SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(c, choose_alpn, NULL);
	return 0;
}

static int
keep_session(SSL *ssl, SSL_SESSION *x)
{
	struct tls *t = SSL_get_app_data(ssl);

	sessions_put(t->context->sessions, t->host, x);
	return 1; /* taken */
}

static void
verify_rules(X509_VERIFY_PARAM *p)
{
	/* names stand in subjectAltName (RFC 9525, 6.3), and "*" is a whole
	 * label */
	X509_VERIFY_PARAM_set_hostflags(
		p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
			   X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	/* whatever the host's administrator trusts ends a chain */
	X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_depth(p, TLS_CHAIN_MAX);
}

static int
connect_context(struct tls_context *t, struct err *e)
{
	SSL_CTX *c = context(TLS_client_method());
	int r;

	if (!c)
		return tls_error(e, EIO, "TLS with servers");
	/* 112 bits: RSA from 2048, no SHA-1 (SSL_CTX_set_security_level(3)) */
	SSL_CTX_set_security_level(c, 2);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	verify_rules(SSL_CTX_get0_param(c));
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT |
						  SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c, keep_session);
	r = SSL_CTX_set_alpn_protos(c, alpn, ALPN_LEN)
		    ? tls_error(e, EIO, "TLS with servers")
		    : roots_attach(t->roots, SSL_CTX_get_cert_store(c), e);
	if (r < 0) {
		SSL_CTX_free(c);
		return r;
	}
	t->connect = c;
	return 0;
}

static int
read_ca(struct tls_context *t, const void *ca_key, size_t key_len,
	const void *ca_cert, size_t cert_len, struct err *e)
{
	EVP_PKEY *key = NULL;
	X509 *ca = NULL;
	int r = tls_key_read(ca_key, key_len, &key, e);

	if (r >= 0)
		r = tls_cert_read(ca_cert, cert_len, &ca, e);
	if (r >= 0 && X509_check_private_key(ca, key) != 1)
		r = tls_error(e, EBADMSG, "the box's CA");
	if (r >= 0)
		r = leaves_new(key, ca, &t->leaves, e);
	EVP_PKEY_free(key);
	X509_free(ca);
	return r;
}

int
tls_context_new(const void *ca_key, size_t key_len, const void *ca_cert,
		size_t cert_len, const void *upstream, size_t upstream_len,
		struct tls_context **ret, struct err *e)
{
	struct tls_context *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_set(e, ENOMEM, OUT_OF_MEMORY);
	t->upstream = upstream;
	t->upstream_len = upstream_len;
	r = tls_start(e);
	if (r >= 0)
		r = read_ca(t, ca_key, key_len, ca_cert, cert_len, e);
	if (r >= 0)
		r = accept_context(t, e);
	t->bio = tls_bio_method();
	t->sessions = sessions_new();
	if (r >= 0 && (!t->bio || !t->sessions))
		r = err_set(e, ENOMEM, OUT_OF_MEMORY);
	if (r < 0) {
		tls_context_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void
tls_context_free(struct tls_context *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->accept);
	SSL_CTX_free(t->connect); /* before the roots, which it looks at */
	leaves_free(t->leaves);
	roots_free(t->roots);
	sessions_free(t->sessions);
	BIO_meth_free(t->bio);
	free(t);
}

/* ---- connections ---- */

static int
tls_new(struct tls_context *c, SSL_CTX *ctx, struct stream *s, const char *host,
	struct err *e)
{
	struct tls *t = calloc(1, sizeof(*t));
	BIO *b = BIO_new(c->bio);

	if (t)
		t->ssl = SSL_new(ctx);
	if (!t || !b || !t->ssl) {
		tls_free(t);
		BIO_free(b);
		return tls_error(e, ENOMEM, OUT_OF_MEMORY);
	}
	t->context = c;
	t->fd = s->fd;
	snprintf(t->host, sizeof(t->host), "%s", host);
	BIO_set_data(b, t);
	BIO_set_init(b, 1);
	SSL_set_bio(t->ssl, b, b);
	SSL_set_app_data(t->ssl, t);
	s->tls = t;
	return 0;
}

static int
set_early(struct tls *t, const void *early, size_t len)
{
	if (!len)
		return 0;
	t->early = malloc(len);
	if (!t->early)
		return -ENOMEM;
	memcpy(t->early, early, len);
	t->early_len = len;
	return 0;
}

/* What was resumed for one host is worth nothing for another. */
static bool
set_resumable_for(SSL *ssl, const char *host)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	return EVP_Digest(host, strlen(host), digest, &n, EVP_sha256(), NULL) ==
		       1 &&
	       SSL_set_session_id_context(ssl, digest, n) == 1;
}

int
tls_accept(struct tls_context *t, struct stream *s, const char *host,
	   const void *early, size_t len, struct err *e)
{
	X509 *leaf = leaves_get(t->leaves, host);
	int r;

	if (!leaf)
		return tls_error(e, EIO, "cannot make a certificate");
	r = tls_new(t, t->accept, s, host, e);
	if (r < 0)
		return r;
	if (set_early(s->tls, early, len) < 0 ||
	    !set_resumable_for(s->tls->ssl, host) ||
	    SSL_use_certificate(s->tls->ssl, leaf) != 1) {
		tls_free(TAKE_PTR(s->tls));
		return tls_error(e, EIO, "TLS with the agent");
	}
	SSL_set_accept_state(s->tls->ssl);
	return 0;
}

/* An address is no server name (RFC 6066, 3). */
static bool
set_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(ssl);
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);

	ERR_clear_error(); /* of a name that is no address */
	ASN1_OCTET_STRING_free(ip);
	if (ip)
		return X509_VERIFY_PARAM_set1_ip_asc(p, host) == 1;
	return X509_VERIFY_PARAM_set1_host(p, host, 0) == 1 &&
	       SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
			TLSEXT_NAMETYPE_host_name,
			(void *)(uintptr_t)host) == 1;
}

static int
connect_ready(struct tls_context *t, struct err *e)
{
	int r = 0;

	if (t->connect)
		return 0;
	if (!t->roots)
		r = roots_new(t->upstream, t->upstream_len, &t->roots, e);
	return r < 0 ? r : connect_context(t, e);
}

int
tls_connect(struct tls_context *t, struct stream *s, const char *host,
	    struct err *e)
{
	SSL_SESSION *again;
	int r = connect_ready(t, e);

	if (r >= 0)
		r = tls_new(t, t->connect, s, host, e);
	if (r < 0)
		return r;
	s->tls->upstream = true;
	if (!*host || !set_host(s->tls->ssl, host)) {
		tls_free(TAKE_PTR(s->tls));
		return tls_error(e, EINVAL, "TLS with servers");
	}
	again = sessions_take(t->sessions, host);
	if (again)
		SSL_set_session(s->tls->ssl, again);
	SSL_SESSION_free(again);
	SSL_set_connect_state(s->tls->ssl);
	return 0;
}
