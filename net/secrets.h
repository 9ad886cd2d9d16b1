#pragma once
/*
 * The secrets behind credentials, in the supervisor only. A value is read when
 * it is first needed, kept for its lease, wiped afterwards; it is never logged,
 * never in an error text, never in a core (MADV_DONTDUMP), and no child gets
 * it but as said.
 */
#include "lib/err.h"
#include "net/config.h"

#include <stddef.h>

/* Bytes; a line feed at the end is cut; no control characters inside. */
#define SECRET_MAX 8192u
#define PLACEHOLDER_MAX 256u

struct event_base;
struct secrets;

/* env: of the caller of run, for SECRET_ENV, SECRET_SYSTEMD and commands. Both
 * are borrowed while this lives. */
int secrets_new(struct event_base *base, const struct net_config *c,
		const char *const *env, struct secrets **ret, struct err *e);
void secrets_free(struct secrets *s); /* wipes */
size_t secrets_count(const struct secrets *s);
const struct credential *secrets_credential(const struct secrets *s, size_t i);
int secrets_find(const struct secrets *s,
		 const char *name); /* number, or -ENOENT */
/* Random for each box, made once. */
const char *secrets_placeholder(const struct secrets *s, size_t i);

struct secret_call {
	/* status 0: value, valid during the call only. -EACCES: revoked.
	 * Others: the source failed; e says how, without the value. Not from
	 * within done: secrets_free(). */
	void (*done)(struct secret_call *c, int status, const char *value,
		     size_t len, const struct err *e);
	struct secret_call *next; /* the keeper's */
};
/* done may be called from within; a command runs meanwhile, others wait for it.
 */
void secret_get(struct secrets *s, size_t i, struct secret_call *c);
void secret_cancel(struct secrets *s, struct secret_call *c);
/* At once: the next use fails; a value at hand is wiped. */
void secret_revoke(struct secrets *s, size_t i);
bool secret_revoked(const struct secrets *s, size_t i);

/* Which use of credential i fits a request: index, or -ENOENT. scheme: "http",
 * "https", "ws", "wss"; host: canonical; path: decoded, clean. */
int credential_fits(const struct credential *c, const char *host, uint16_t port,
		    const char *scheme, const char *method, const char *path);
