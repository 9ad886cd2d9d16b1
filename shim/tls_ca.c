/*
 * Certificates that this program makes: the CA of a box, and leaves for the
 * hosts that its agent talks to. What always holds: the CA may sign leaves and
 * nothing else may sign at all; a leaf names exactly one host and ends before
 * its CA does; a key is wiped where its bytes were.
 */
#include "lib/macro.h"
#include "shim/tls-internal.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#define HOUR 3600
#define DAY (24 * HOUR)
#define CN_MAX 64 /* ub-common-name, RFC 5280, A.1 */
#define SERIAL_LEN 16

int
tls_start(struct err *e)
{
	struct tm tm;
	time_t now = 0;

	/* reads /etc/localtime, for UTC too, when it is called first */
	if (!gmtime_r(&now, &tm))
		return err_set(e, EIO, "no calendar");
	if (OPENSSL_init_ssl(
		    OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL))
		return 0;
	return tls_error(e, EIO, "OpenSSL");
}

/* ---- keys and DER ---- */

EVP_PKEY *
tls_key_new(void)
{
	return EVP_EC_gen("P-256");
}

int
tls_key_read(const void *der, size_t len, EVP_PKEY **ret, struct err *e)
{
	const uint8_t *p = der;
	PKCS8_PRIV_KEY_INFO *info =
		d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)len);
	EVP_PKEY *key = info ? EVP_PKCS82PKEY(info) : NULL;

	PKCS8_PRIV_KEY_INFO_free(info);
	if (!key)
		return tls_error(e, EBADMSG, "the key of the box's CA");
	*ret = key;
	return 0;
}

int
tls_cert_read(const void *der, size_t len, X509 **ret, struct err *e)
{
	const uint8_t *p = der;
	X509 *x = d2i_X509(NULL, &p, (long)len);

	if (!x)
		return tls_error(e, EBADMSG, "the certificate of the box's CA");
	*ret = x;
	return 0;
}

/* ---- parts of a certificate ---- */

/* 127 bits, so that it is positive and no two are the same (RFC 5280,
 * 4.1.2.2). */
static bool
set_serial(X509 *x)
{
	uint8_t bytes[SERIAL_LEN];
	BIGNUM *n;
	bool ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return ok;
}

static bool
add_name(X509_NAME *n, const char *field, const char *text)
{
	return X509_NAME_add_entry_by_txt(n, field, MBSTRING_ASC,
					  (const uint8_t *)text, -1, -1,
					  0) == 1;
}

static bool
set_times(X509 *x, time_t from, time_t until)
{
	return X509_time_adj_ex(X509_getm_notBefore(x), 0, 0, &from) &&
	       X509_time_adj_ex(X509_getm_notAfter(x), 0, 0, &until);
}

struct extension {
	int nid;
	const char *value;
};

static bool
add_extensions(X509 *x, X509 *issuer, const struct extension *v, size_t n)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	for (size_t i = 0; i < n; i++) {
		X509_EXTENSION *ext =
			X509V3_EXT_nconf_nid(NULL, &ctx, v[i].nid, v[i].value);
		bool ok = ext && X509_add_ext(x, ext, -1);

		X509_EXTENSION_free(ext);
		if (!ok)
			return false;
	}
	return true;
}

/* The name is canonical (net/hostname.h), but it is not our text: it goes in
 * as a value and not as a line of configuration. */
static bool
add_host(X509 *x, const char *host)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *n = GENERAL_NAME_new();
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);
	ASN1_IA5STRING *dns = ip ? NULL : ASN1_IA5STRING_new();
	bool ok = names && n && (ip || (dns && ASN1_STRING_set(dns, host, -1)));

	if (ok && ip)
		GENERAL_NAME_set0_value(n, GEN_IPADD, TAKE_PTR(ip));
	else if (ok)
		GENERAL_NAME_set0_value(n, GEN_DNS, TAKE_PTR(dns));
	if (ok && sk_GENERAL_NAME_push(names, n) > 0)
		n = NULL;
	/* it is critical where there is no subject (RFC 5280, 4.2.1.6) */
	ok = ok && !n &&
	     X509_add1_ext_i2d(x, NID_subject_alt_name, names,
			       strlen(host) > CN_MAX, 0) == 1;
	ASN1_OCTET_STRING_free(ip);
	ASN1_IA5STRING_free(dns);
	GENERAL_NAME_free(n);
	GENERAL_NAMES_free(names);
	return ok;
}

/* ---- the CA of a box ---- */

static bool
fill_ca(X509 *x, EVP_PKEY *key, const char *box, unsigned int days)
{
	static const struct extension ext[] = {
		{ NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
		{ NID_key_usage, "critical,keyCertSign,cRLSign" },
		{ NID_subject_key_identifier, "hash" },
	};
	X509_NAME *n = X509_get_subject_name(x);
	time_t now = time(NULL);
	char cn[CN_MAX + 1];

	snprintf(cn, sizeof(cn), "agentbox %s", box);
	return X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
	       add_name(n, "O", "agentbox") && add_name(n, "CN", cn) &&
	       X509_set_issuer_name(x, n) &&
	       set_times(x, now - HOUR, now + (time_t)days * DAY) &&
	       X509_set_pubkey(x, key) &&
	       add_extensions(x, x, ext, ARRAY_SIZE(ext)) &&
	       X509_sign(x, key, EVP_sha256()) > 0;
}

static int
key_der(EVP_PKEY *key, uint8_t **ret)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, ret) : -1;

	PKCS8_PRIV_KEY_INFO_free(info);
	return len;
}

/* What OpenSSL allocated as something that free(3) takes. */
static void *
own(uint8_t *from, int len)
{
	void *to = len > 0 ? malloc((size_t)len) : NULL;

	if (to)
		memcpy(to, from, (size_t)len);
	OPENSSL_clear_free(from, len > 0 ? (size_t)len : 0);
	return to;
}

int
tls_new_ca(const char *box, unsigned int days, void **ret_key,
	   size_t *ret_key_len, void **ret_cert, size_t *ret_cert_len,
	   struct err *e)
{
	uint8_t *der_key = NULL, *der_cert = NULL;
	int key_len = -1, cert_len = -1, r = tls_start(e);
	EVP_PKEY *key;
	void *k, *c;
	X509 *x;

	if (r < 0)
		return r;
	key = tls_key_new();
	x = X509_new();
	if (key && x && fill_ca(x, key, box, days)) {
		key_len = key_der(key, &der_key);
		cert_len = i2d_X509(x, &der_cert);
	}
	EVP_PKEY_free(key);
	X509_free(x);
	k = own(der_key, key_len);
	c = own(der_cert, cert_len);
	if (!k || !c) {
		if (k)
			OPENSSL_cleanse(k, (size_t)key_len);
		free(k);
		free(c);
		return tls_error(e, EIO, "cannot make the box's CA");
	}
	*ret_key = k;
	*ret_key_len = (size_t)key_len;
	*ret_cert = c;
	*ret_cert_len = (size_t)cert_len;
	return 0;
}

/* ---- leaves ---- */

/* Two days, or until the CA ends. */
static bool
leaf_ends(const X509 *ca, time_t now, time_t *ret)
{
	struct tm tm;
	time_t end;

	if (!ASN1_TIME_to_tm(X509_get0_notAfter(ca), &tm))
		return false;
	end = timegm(&tm);
	*ret = MIN(end, now + 2 * DAY);
	return true;
}

static bool
fill_leaf(X509 *x, const char *host, EVP_PKEY *key, X509 *ca, time_t from,
	  time_t until)
{
	static const struct extension ext[] = {
		{ NID_basic_constraints, "critical,CA:FALSE" },
		{ NID_key_usage, "critical,digitalSignature" },
		{ NID_ext_key_usage, "serverAuth" },
		{ NID_authority_key_identifier, "keyid:always" },
	};

	return X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
	       (strlen(host) > CN_MAX ||
		add_name(X509_get_subject_name(x), "CN", host)) &&
	       X509_set_issuer_name(x, X509_get_subject_name(ca)) &&
	       set_times(x, from, until) && X509_set_pubkey(x, key) &&
	       add_extensions(x, ca, ext, ARRAY_SIZE(ext)) && add_host(x, host);
}

X509 *
tls_leaf_new(const char *host, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key,
	     time_t now, time_t *ret_until)
{
	X509 *x = X509_new();

	if (x && leaf_ends(ca, now, ret_until) &&
	    fill_leaf(x, host, key, ca, now - HOUR, *ret_until) &&
	    X509_sign(x, ca_key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}
