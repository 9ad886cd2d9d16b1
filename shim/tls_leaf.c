/*
 * The certificates that the agent is shown, made when first asked for. What
 * always holds: all leaves of a box have one key, which never leaves this
 * process; there are at most TLS_LEAVES_MAX, and the one that was not used for
 * longest gives way; none is used in the last half of its time.
 */
#include "lib/macro.h"
#include "shim/tls-internal.h"

#include <string.h>

struct leaf {
	char *host;
	X509 *cert;
	time_t until; /* to be used */
	uint64_t used;
};

struct leaves {
	EVP_PKEY *key, *ca_key;
	X509 *ca;
	struct leaf v[TLS_LEAVES_MAX];
	size_t n;
	uint64_t turn;
};

int
leaves_new(EVP_PKEY *ca_key, X509 *ca, struct leaves **ret, struct err *e)
{
	struct leaves *l = calloc(1, sizeof(*l));

	if (!l)
		return err_set(e, ENOMEM, "out of memory");
	l->key = tls_key_new();
	if (!l->key || !EVP_PKEY_up_ref(ca_key)) {
		leaves_free(l);
		return tls_error(e, EIO, "cannot make the key of the leaves");
	}
	l->ca_key = ca_key;
	X509_up_ref(ca);
	l->ca = ca;
	*ret = l;
	return 0;
}

static void
leaf_done(struct leaf *f)
{
	free(f->host);
	X509_free(f->cert);
	*f = (struct leaf){ .host = NULL };
}

void
leaves_free(struct leaves *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		leaf_done(&l->v[i]);
	EVP_PKEY_free(l->key);
	EVP_PKEY_free(l->ca_key);
	X509_free(l->ca);
	free(l);
}

EVP_PKEY *
leaves_key(const struct leaves *l)
{
	return l->key;
}

/* The host's place, or an unused one, or that of the one to give way. */
static struct leaf *
place(struct leaves *l, const char *host)
{
	struct leaf *oldest = &l->v[0];

	for (size_t i = 0; i < l->n; i++) {
		if (!strcmp(l->v[i].host, host))
			return &l->v[i];
		if (l->v[i].used < oldest->used)
			oldest = &l->v[i];
	}
	return l->n < TLS_LEAVES_MAX ? &l->v[l->n] : oldest;
}

X509 *
leaves_get(struct leaves *l, const char *host)
{
	struct leaf *f = place(l, host);
	struct leaf fresh = { .used = ++l->turn };
	time_t now = time(NULL), end = 0;

	if (f->cert && !strcmp(f->host, host) && now < f->until) {
		f->used = fresh.used;
		return f->cert;
	}
	fresh.host = strdup(host);
	fresh.cert = fresh.host ? tls_leaf_new(host, l->key, l->ca, l->ca_key,
					       now, &end)
				: NULL;
	if (!fresh.cert) {
		leaf_done(&fresh);
		return NULL;
	}
	fresh.until = now + (end - now) / 2;
	if (f->cert)
		leaf_done(f);
	else
		l->n++;
	*f = fresh;
	return f->cert;
}
