#pragma once
/* c-ares on libevent's loop; the resolver above it knows neither of sockets nor
 * of servers. */
#include "net/resolve.h"

struct channel;

/* v: at most RESOLVE_ADDRS_MAX; ttl in seconds, the least of them. status as
 * struct resolve_call has it. May come from within channel_ask(). */
typedef void channel_answer(void *arg, int status, const struct resolved *v,
			    size_t n, uint32_t ttl);

int channel_new(struct event_base *base, const struct net_config *c,
		struct channel **ret);
/* Answers what is open with -ECANCELED. Accepts NULL. */
void channel_free(struct channel *ch);
void channel_ask(struct channel *ch, const char *name, channel_answer *answer,
		 void *arg);
/* The host's resolv.conf is another one by now. */
bool channel_is_stale(const struct channel *ch);

/* As RFC 6724 has it; n at most RESOLVE_ADDRS_MAX. */
void resolve_order(struct resolved *v, size_t n);
