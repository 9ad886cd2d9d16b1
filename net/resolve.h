#pragma once
/*
 * Names to addresses without blocking (c-ares on libevent's loop). Nothing is
 * asked that was not decided on before; what comes back is data, judged by the
 * caller (net/addr.h). CNAMEs are followed by the resolver; only the addresses
 * at the end count.
 */
#include "lib/err.h"
#include "net/config.h"

#include <stddef.h>
#include <stdint.h>

#define RESOLVE_ADDRS_MAX 32
#define RESOLVE_OPEN_MAX 256 /* questions under way; more: -EBUSY */
#define RESOLVE_CACHE_MAX                                                      \
	256 /* names; at most 60 s, at least 1 s, else the TTL */

struct event_base;
struct resolver;

struct resolved {
	uint8_t addr[16];
	uint8_t len; /* 4 or 16 */
};

struct resolve_call {
	/* status 0: n addresses, in the order to be tried (RFC 6724),
	 * at most half of RESOLVE_ADDRS_MAX of a family. -ENOENT: no such name;
	 * -ENODATA: no address; -ETIMEDOUT; -EBUSY: too many questions;
	 * -EINVAL: not a canonical name; -EIO: no usable answer. */
	void (*done)(struct resolve_call *c, int status,
		     const struct resolved *v, size_t n);
	struct resolve_call *next; /* the resolver's */
	void *query;		   /* the resolver's */
};

int resolver_new(struct event_base *base, const struct net_config *c,
		 struct resolver **ret, struct err *e);
/* Calls that wait are not called back. Not from within done. */
void resolver_free(struct resolver *r);
/* name: canonical; an address is its own answer. done may be called from within
 * (cache). */
void resolve_begin(struct resolver *r, const char *name,
		   struct resolve_call *c);
void resolve_cancel(struct resolver *r, struct resolve_call *c);
