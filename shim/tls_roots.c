/*
 * The roots that upstream certificates are verified with. A system has some 150
 * of them, of which a box needs two or three: parsed, all of them would weigh
 * more than the rest of this process. So only their subjects are read, and one
 * is parsed when a chain ends at it. What always holds: what is not in the text
 * is not trusted; no file is looked at.
 */
#include "lib/macro.h"
#include "shim/tls-internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END "-----END CERTIFICATE-----"

struct root {
	uint32_t off, len; /* in the text */
	uint64_t subject;  /* hash of it */
};

struct roots {
	const char *pem;
	size_t len;
	X509_LOOKUP_METHOD *method;
	struct root *v;
	size_t n;
};

/* ---- the text ---- */

/* The next certificate from *at on. False: no more. */
static bool
next_block(const struct roots *r, size_t *at, struct root *ret)
{
	const char *begin =
		memmem(r->pem + *at, r->len - *at, BEGIN, sizeof(BEGIN) - 1);
	const char *end;
	size_t left;

	if (!begin)
		return false;
	left = r->len - (size_t)(begin - r->pem);
	end = memmem(begin, left, END, sizeof(END) - 1);
	if (!end)
		return false;
	end += sizeof(END) - 1;
	*ret = (struct root){
		.off = (uint32_t)(begin - r->pem),
		.len = (uint32_t)(end - begin),
	};
	*at = (size_t)(end - r->pem);
	return true;
}

static X509 *
parse(const struct roots *r, const struct root *root)
{
	BIO *b = BIO_new_mem_buf(r->pem + root->off, (int)root->len);
	X509 *x = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;

	BIO_free(b);
	return x;
}

/* Only a way to find it: names are compared afterwards. */
static uint64_t
subject_hash(const X509_NAME *name)
{
	int ok = 0;
	unsigned long h = X509_NAME_hash_ex(name, NULL, NULL, &ok);

	return ok ? h : UINT64_MAX;
}

/* ---- DER, as far as the subject (RFC 5280, 4.1) ---- */

struct der {
	const uint8_t *p;
	long len;
};

/* Goes to what is inside the next element, or (over) to what is behind it. */
static bool
step(struct der *d, bool over)
{
	const uint8_t *p = d->p;
	long n = 0;
	int tag, class;

	if (d->len <= 0 || ASN1_get_object(&p, &n, &tag, &class, d->len) & 0x81)
		return false;
	if (over)
		n = d->len - (p - d->p) - n;
	d->p = over ? d->p + (d->len - n) : p;
	d->len = n;
	return true;
}

/* Parsing all of it would take thirty times as long, most of it for the key. */
static uint64_t
subject_of(const uint8_t *data, long len, bool *ret_ok)
{
	struct der d = { data, len };
	X509_NAME *name = NULL;
	uint64_t hash = 0;
	bool ok = step(&d, false);

	ok = ok && step(&d, false);	 /* what is signed */
	if (ok && d.len && *d.p == 0xa0) /* version */
		ok = step(&d, true);
	/* serial number, algorithm, issuer, validity */
	for (int i = 0; i < 4 && ok; i++)
		ok = step(&d, true);
	if (ok)
		name = d2i_X509_NAME(NULL, &d.p, d.len);
	if (name)
		hash = subject_hash(name);
	*ret_ok = name != NULL;
	X509_NAME_free(name);
	return hash;
}

static bool
index_root(const struct roots *r, struct root *root)
{
	BIO *b = BIO_new_mem_buf(r->pem + root->off, (int)root->len);
	char *name = NULL, *header = NULL;
	uint8_t *data = NULL;
	long len = 0;
	bool ok = b && PEM_read_bio(b, &name, &header, &data, &len) == 1;

	if (ok)
		root->subject = subject_of(data, len, &ok);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	BIO_free(b);
	return ok;
}

static int
add(struct roots *r, struct root *root, struct err *e)
{
	struct root *v;

	if (!index_root(r, root)) {
		err_set(e, EBADMSG, "trusted certificates: number %zu: %s",
			r->n + 1, tls_error_text());
		return err_cure(e, "look at \"ca\" in network.json, and at "
				   "the system's bundle");
	}
	if (r->n == TLS_ROOTS_MAX)
		return err_set(e, E2BIG,
			       "trusted certificates: more than %u of them",
			       TLS_ROOTS_MAX);
	v = r->n & (r->n - 1)
		    ? r->v
		    : reallocarray(r->v, r->n ? 2 * r->n : 1, sizeof(*v));
	if (!v)
		return err_set(e, ENOMEM, "out of memory");
	r->v = v;
	v[r->n++] = *root;
	return 0;
}

static int
read_all(struct roots *r, struct err *e)
{
	struct root root;
	size_t at = 0;
	int ret = 0;

	while (ret >= 0 && next_block(r, &at, &root))
		ret = add(r, &root, e);
	if (ret >= 0 && !r->n) {
		err_set(e, ENODATA, "trusted certificates: there is none");
		ret = err_cure(e, "install the package ca-certificates, or "
				  "name one with \"ca\" in network.json");
	}
	return ret;
}

/* ---- for OpenSSL ---- */

static void
add_to_store(const struct roots *r, X509_STORE *store, const X509_NAME *name)
{
	uint64_t hash = subject_hash(name);

	for (size_t i = 0; i < r->n; i++) {
		X509 *x = r->v[i].subject == hash ? parse(r, &r->v[i]) : NULL;

		if (x && !X509_NAME_cmp(X509_get_subject_name(x), name))
			X509_STORE_add_cert(store, x);
		X509_free(x);
	}
}

/* As by_dir does: what is found goes into the store, which owns it; the caller
 * of this takes a reference of its own. */
static int
by_subject(X509_LOOKUP *ctx, X509_LOOKUP_TYPE type, const X509_NAME *name,
	   X509_OBJECT *ret)
{
	X509_STORE *store = X509_LOOKUP_get_store(ctx);
	X509_OBJECT *found;

	if (type != X509_LU_X509)
		return 0;
	add_to_store(X509_LOOKUP_get_method_data(ctx), store, name);
	found = X509_OBJECT_retrieve_by_subject(X509_STORE_get0_objects(store),
						type, name);
	if (!found || !X509_OBJECT_set1_X509(ret, X509_OBJECT_get0_X509(found)))
		return 0;
	X509_free(X509_OBJECT_get0_X509(ret));
	return 1;
}

int
roots_attach(struct roots *r, X509_STORE *store, struct err *e)
{
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, r->method);

	if (!lookup || !X509_LOOKUP_set_method_data(lookup, r))
		return tls_error(e, ENOMEM, "trusted certificates");
	return 0;
}

int
roots_new(const char *pem, size_t len, struct roots **ret, struct err *e)
{
	struct roots *r = calloc(1, sizeof(*r));
	int res;

	if (!r)
		return err_set(e, ENOMEM, "out of memory");
	r->pem = pem;
	r->len = len;
	r->method = X509_LOOKUP_meth_new("roots of this box");
	if (r->method &&
	    X509_LOOKUP_meth_set_get_by_subject(r->method, by_subject))
		res = len > INT32_MAX
			      ? err_set(e, EFBIG,
					"trusted certificates: more than 2 GiB")
			      : read_all(r, e);
	else
		res = err_set(e, ENOMEM, "out of memory");
	if (res < 0) {
		roots_free(r);
		return res;
	}
	*ret = r;
	return 0;
}

void
roots_free(struct roots *r)
{
	if (!r)
		return;
	X509_LOOKUP_meth_free(r->method);
	free(r->v);
	free(r);
}
