#pragma once
/*
 * A resolver, a dialler and a keeper of secrets that do what a test says: they
 * stand in for net/resolve.c, net/dial.c and net/secrets.c. Definitions, for
 * one file of a test program.
 */
#include "net/dial.h"
#include "net/resolve.h"
#include "net/secrets.h"
#include "tests/tap.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct {
	/* names */
	bool slow; /* nobody is called back before fake_go() */
	char asked[2048][64];
	size_t n_asked;
	struct resolve_call *resolving;
	const char *address[4]; /* what every name leads to */
	size_t n_address;
	int resolve_status;
	/* connections */
	struct dial_call *dialling;
	struct resolved dialled[RESOLVE_ADDRS_MAX];
	uint16_t port[RESOLVE_ADDRS_MAX];
	size_t n_dialled, n_dials, which;
	int dial_status, peer; /* the other end of the last one */
	/* secrets */
	bool revoked[4];
	int secret_status;
	size_t n_gets;
} fake = { .peer = -1 }; /* NOLINT: one for each test, which is a process */

static struct resolved
fake_address(const char *text)
{
	struct resolved v = { .len = 4 };

	if (inet_pton(AF_INET, text, v.addr) == 1)
		return v;
	v.len = 16;
	ASSERT_EQ(inet_pton(AF_INET6, text, v.addr), 1);
	return v;
}

/* ---- names --------------------------------------------------------------- */

struct resolver {
	int unused;
};

int
resolver_new(struct event_base *base, const struct net_config *c,
	     struct resolver **ret, struct err *e)
{
	(void)base;
	(void)c;
	(void)e;
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void
resolver_free(struct resolver *r)
{
	free(r);
}

static void
resolve_end(struct resolve_call *c)
{
	struct resolved v[4];

	for (size_t i = 0; i < fake.n_address; i++)
		v[i] = fake_address(fake.address[i]);
	c->done(c, fake.resolve_status, v, fake.n_address);
}

void
resolve_begin(struct resolver *r, const char *name, struct resolve_call *c)
{
	(void)r;
	ASSERT_LE(fake.n_asked, ARRAY_SIZE(fake.asked) - 1);
	snprintf(fake.asked[fake.n_asked++], sizeof(fake.asked[0]), "%s", name);
	fake.resolving = c;
	if (!fake.slow)
		resolve_end(c);
}

void
resolve_cancel(struct resolver *r, struct resolve_call *c)
{
	(void)r;
	ASSERT_TRUE(fake.resolving == c);
	fake.resolving = NULL;
}

/* ---- connections --------------------------------------------------------- */

struct dialler {
	int unused;
};

int
dialler_new(struct event_base *base, uint64_t timeout_us, struct dialler **ret)
{
	(void)base;
	(void)timeout_us;
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void
dialler_free(struct dialler *d)
{
	free(d);
	if (fake.peer >= 0)
		close(fake.peer);
	fake.peer = -1;
}

static void
dial_end(struct dial_call *c)
{
	int pair[2];

	if (fake.dial_status < 0) {
		c->done(c, fake.dial_status, -EBADF, 0);
		return;
	}
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	if (fake.peer >= 0)
		close(fake.peer);
	fake.peer = pair[0];
	c->done(c, 0, pair[1], fake.which);
}

void
dial_begin(struct dialler *d, const struct resolved *addrs,
	   const uint16_t *ports, size_t n, struct dial_call *c)
{
	(void)d;
	ASSERT_GE(n, 1);
	memcpy(fake.dialled, addrs, n * sizeof(*addrs));
	memcpy(fake.port, ports, n * sizeof(*ports));
	fake.n_dialled = n;
	fake.n_dials++;
	fake.dialling = c;
	if (!fake.slow)
		dial_end(c);
}

void
dial_cancel(struct dialler *d, struct dial_call *c)
{
	(void)d;
	ASSERT_TRUE(fake.dialling == c);
	fake.dialling = NULL;
}

/* ---- secrets ------------------------------------------------------------- */

#define FAKE_SECRET "the-real-secret"

struct secrets {
	const struct net_config *c;
};

int
secrets_new(struct event_base *base, const struct net_config *c,
	    const char *const *env, struct secrets **ret, struct err *e)
{
	(void)base;
	(void)env;
	(void)e;
	*ret = calloc(1, sizeof(**ret));
	(*ret)->c = c;
	return 0;
}

void
secrets_free(struct secrets *s)
{
	free(s);
}

size_t
secrets_count(const struct secrets *s)
{
	return s->c->n_credentials;
}

const struct credential *
secrets_credential(const struct secrets *s, size_t i)
{
	return &s->c->credential[i];
}

int
secrets_find(const struct secrets *s, const char *name)
{
	for (size_t i = 0; i < s->c->n_credentials; i++)
		if (!strcmp(s->c->credential[i].name, name))
			return (int)i;
	return -ENOENT;
}

const char *
secrets_placeholder(const struct secrets *s, size_t i)
{
	(void)s;
	return i ? "sk-fake-1" : "sk-fake-0";
}

void
secret_get(struct secrets *s, size_t i, struct secret_call *c)
{
	const struct err e = { .code = fake.secret_status,
			       .text = "cannot be read" };

	(void)s;
	fake.n_gets++;
	if (fake.revoked[i])
		c->done(c, -EACCES, NULL, 0, &e);
	else if (fake.secret_status < 0)
		c->done(c, fake.secret_status, NULL, 0, &e);
	else
		c->done(c, 0, FAKE_SECRET, strlen(FAKE_SECRET), NULL);
}

void
secret_cancel(struct secrets *s, struct secret_call *c)
{
	(void)s;
	(void)c;
}

void
secret_revoke(struct secrets *s, size_t i)
{
	(void)s;
	fake.revoked[i] = true;
}

bool
secret_revoked(const struct secrets *s, size_t i)
{
	(void)s;
	return fake.revoked[i];
}

int
credential_fits(const struct credential *c, const char *host, uint16_t port,
		const char *scheme, const char *method, const char *path)
{
	for (size_t i = 0; i < c->n_uses; i++) {
		const struct credential_use *u = &c->use[i];

		if (strv_has(&u->hosts, host) && u->port == port &&
		    (u->plain || !strcmp(scheme, "https")) &&
		    (!u->methods.n || strv_has(&u->methods, method)) &&
		    (!u->paths.n || strv_has(&u->paths, path)))
			return (int)i;
	}
	return -ENOENT;
}
