/*
 * Where a credential could be lent: what the host's settings and the policy say
 * together, before any request. What always holds: only what neither could ever
 * say yes to counts as a no; what is lent, and to what, is decided for each
 * request.
 */
#include "supervisor/net.h"

#include "net/config.h"
#include "policy/net.h"
#include "policy/policy_build.h"

#include <string.h>

static bool
lends_to(const struct policy *p, const struct credential *c, const char *host,
	 uint16_t port)
{
	return policy_net_reaches(p, host, port, NULL) &&
	       policy_net_lends(p, c->name, host);
}

/* Is there a host that the use is for? */
static bool
use_somewhere(const struct policy *p, const struct credential *c,
	      const struct credential_use *u)
{
	for (size_t i = 0; i < u->hosts.n; i++)
		if (strchr(u->hosts.v[i], '*') ||
		    lends_to(p, c, u->hosts.v[i], u->port))
			return true;
	return false;
}

static bool
use_at(const struct policy *p, const struct credential *c,
       const struct credential_use *u, const char *host, uint16_t port)
{
	for (size_t i = 0; i < u->hosts.n && u->port == port; i++)
		if (host_pattern_covers(u->hosts.v[i], host))
			return lends_to(p, c, host, port);
	return false;
}

bool
net_lends_at(const struct net_config *s, const struct policy *p,
	     const char *host, uint16_t port)
{
	if (!policy_has_surface(p, SURFACE_CREDENTIALS))
		return false;
	for (size_t i = 0; i < s->n_credentials; i++) {
		const struct credential *c = &s->credential[i];

		for (size_t k = 0; k < c->n_uses; k++)
			if (host ? use_at(p, c, &c->use[k], host, port)
				 : use_somewhere(p, c, &c->use[k]))
				return true;
	}
	return false;
}
