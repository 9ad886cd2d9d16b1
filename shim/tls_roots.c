/*
 * The roots that upstream certificates are verified with. A system has some 150
 * of them, of which a box needs two or three: parsed, all of them would weigh
 * more than the rest of this process. So each is parsed once for its subject
 * and let go, and again when a chain ends at it. What always holds: what is not
 * in the text is not trusted; no file is looked at.
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

static int
add(struct roots *r, struct root *root, struct err *e)
{
	X509 *x = parse(r, root);
	struct root *v;

	if (!x) {
		err_set(e, EBADMSG, "trusted certificates: number %zu: %s",
			r->n + 1, tls_error_text());
		return err_cure(e, "look at \"ca\" in network.json, and at "
				   "the system's bundle");
	}
	root->subject = subject_hash(X509_get_subject_name(x));
	X509_free(x);
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

/* As by_dir does: what is found goes into the store, from which the caller
 * takes it. */
static int
by_subject(X509_LOOKUP *ctx, X509_LOOKUP_TYPE type, const X509_NAME *name,
	   X509_OBJECT *ret)
{
	const struct roots *r = X509_LOOKUP_get_method_data(ctx);
	uint64_t hash = subject_hash(name);
	int found = 0;

	for (size_t i = 0; type == X509_LU_X509 && i < r->n; i++) {
		X509 *x = r->v[i].subject == hash ? parse(r, &r->v[i]) : NULL;

		if (x && !X509_NAME_cmp(X509_get_subject_name(x), name) &&
		    X509_STORE_add_cert(X509_LOOKUP_get_store(ctx), x))
			found = X509_OBJECT_set1_X509(ret, x);
		X509_free(x);
	}
	return found;
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
