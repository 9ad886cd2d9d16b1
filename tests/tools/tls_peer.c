/* The other side of TLS, made of OpenSSL alone, so that both sides of the code
 * under test meet somebody else. */
#include "tests/tools/tls_peer.h"
#include "tests/tap.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

static void
must(bool ok, const char *what)
{
	if (!ok)
		FAIL("%s: %s", what, ERR_reason_error_string(ERR_peek_error()));
}

static void
extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
	must(ext && X509_add_ext(x, ext, -1), value);
	X509_EXTENSION_free(ext);
}

static void
extend_all(X509 *x, X509 *issuer, const struct cert_want *w)
{
	extend(x, issuer, NID_basic_constraints,
	       w->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (w->ca)
		extend(x, issuer, NID_key_usage, "critical,keyCertSign");
	extend(x, issuer, NID_subject_key_identifier, "hash");
	if (w->by)
		extend(x, issuer, NID_authority_key_identifier, "keyid:always");
	if (w->san)
		extend(x, issuer, NID_subject_alt_name, w->san);
	if (w->constraints)
		extend(x, issuer, NID_name_constraints, w->constraints);
	if (!w->ca && (!w->eku || *w->eku))
		extend(x, issuer, NID_ext_key_usage,
		       w->eku ? w->eku : "serverAuth");
}

struct cert
cert_make(const struct cert_want *w)
{
	struct cert c = { .x = X509_new() };
	X509 *issuer = w->by ? w->by->x : c.x;
	uint64_t serial = 0;
	X509_NAME *n;

	c.key = w->rsa ? EVP_RSA_gen((unsigned int)w->rsa)
		       : EVP_EC_gen("P-256");
	must(c.x && c.key, "a key");
	must(RAND_bytes((uint8_t *)&serial, sizeof(serial)) == 1, "a number");
	n = X509_get_subject_name(c.x);
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC,
				   (const uint8_t *)(w->cn ? w->cn : "test"),
				   -1, -1, 0);
	X509_set_version(c.x, X509_VERSION_3);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(c.x), serial >> 1);
	X509_set_issuer_name(c.x, X509_get_subject_name(issuer));
	X509_gmtime_adj(X509_getm_notBefore(c.x),
			w->from || w->until ? w->from : -3600);
	X509_gmtime_adj(X509_getm_notAfter(c.x),
			w->from || w->until ? w->until : 3600);
	X509_set_pubkey(c.x, c.key);
	extend_all(c.x, issuer, w);
	must(X509_sign(c.x, w->by ? w->by->key : c.key,
		       EVP_get_digestbyname(w->hash ? w->hash : "SHA256")) > 0,
	     "a signature");
	return c;
}

void
cert_done(struct cert *c)
{
	X509_free(c->x);
	EVP_PKEY_free(c->key);
	*c = (struct cert){ NULL, NULL };
}

char *
cert_pem(const struct cert *c)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *data, *copy;
	long n;

	must(b && PEM_write_bio_X509(b, c->x), "PEM");
	n = BIO_get_mem_data(b, &data);
	copy = strndup(data, (size_t)n);
	BIO_free(b);
	return copy;
}

static void
start(struct peer *p, int fd, const SSL_METHOD *method)
{
	p->fd = fd;
	p->ctx = SSL_CTX_new(method);
	must(p->ctx != NULL, "a context");
	/* it may show what we must refuse */
	SSL_CTX_set_security_level(p->ctx, 0);
	SSL_CTX_set_min_proto_version(p->ctx, TLS1_VERSION);
}

static void
connect_fd(struct peer *p)
{
	p->ssl = SSL_new(p->ctx);
	must(p->ssl && SSL_set_fd(p->ssl, p->fd), "a connection");
}

void
peer_server(struct peer *p, int fd, const struct cert *c,
	    const struct cert *chain)
{
	static const uint8_t id[] = "test";

	start(p, fd, TLS_server_method());
	must(SSL_CTX_use_certificate(p->ctx, c->x) == 1 &&
		     SSL_CTX_use_PrivateKey(p->ctx, c->key) == 1,
	     "a certificate");
	if (chain)
		must(SSL_CTX_add1_chain_cert(p->ctx, chain->x), "a chain");
	SSL_CTX_set_session_id_context(p->ctx, id, sizeof(id));
	connect_fd(p);
	SSL_set_accept_state(p->ssl);
}

void
peer_client(struct peer *p, int fd, const void *ca, size_t len,
	    const char *host)
{
	const uint8_t *der = ca;
	X509 *x = d2i_X509(NULL, &der, (long)len);
	X509_VERIFY_PARAM *param;
	ASN1_OCTET_STRING *ip;

	start(p, fd, TLS_client_method());
	must(x && X509_STORE_add_cert(SSL_CTX_get_cert_store(p->ctx), x),
	     "the CA");
	X509_free(x);
	SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, NULL);
	connect_fd(p);
	param = SSL_get0_param(p->ssl);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
	X509_VERIFY_PARAM_set_hostflags(param,
					X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	ip = a2i_IPADDRESS(host);
	ERR_clear_error();
	if (ip)
		X509_VERIFY_PARAM_set1_ip_asc(param, host);
	else
		X509_VERIFY_PARAM_set1_host(param, host, 0);
	if (!ip)
		SSL_ctrl(p->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
			 TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host);
	ASN1_OCTET_STRING_free(ip);
	SSL_set_connect_state(p->ssl);
}

void
peer_done(struct peer *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	if (p->fd >= 0)
		close(p->fd);
	*p = (struct peer){ .fd = -EBADF };
}

int
peer_handshake(struct peer *p)
{
	int r, why;

	ERR_clear_error();
	r = SSL_do_handshake(p->ssl);
	if (r == 1)
		return 1;
	why = SSL_get_error(p->ssl, r);
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0
									 : -1;
}

int
peer_shake(struct peer *p, struct stream *s, int *ret_peer, struct err *e)
{
	int theirs = 0, ours = -EAGAIN;

	/* two round trips, and what is asked in vain */
	for (int i = 0; i < 20 && (!theirs || ours == -EAGAIN); i++) {
		if (!theirs)
			theirs = peer_handshake(p);
		if (ours == -EAGAIN)
			ours = tls_handshake(s, e);
		if (ours < 0 && ours != -EAGAIN)
			stream_close(s, false);
	}
	if (ret_peer)
		*ret_peer = theirs;
	return ours;
}

struct tls_context *
peer_context(const char *pem)
{
	struct err e = ERR_INIT;
	struct tls_context *t;
	void *key, *ca;
	size_t key_len, ca_len;

	ASSERT_OK(tls_new_ca("b", 1, &key, &key_len, &ca, &ca_len, &e));
	ASSERT_OK(tls_context_new(key, key_len, ca, ca_len, pem, strlen(pem),
				  &t, &e));
	free(key);
	free(ca);
	return t;
}
