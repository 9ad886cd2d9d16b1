/*
 * What the broker makes of grants on the network: where TLS passes through,
 * nothing inside is known, and some addresses are more than a host.
 */
#include "profiles/diff-internal.h"
#include "profiles/lint-internal.h"

#include <string.h>

/* ---- tls "pass" ---- */

/* What the rule looks at though TLS that passes hides it, or NULL. */
static const char *
looks_inside(const struct rule *r)
{
	struct rule as_if = *r;

	as_if.tls_pass = true;
	return rule_hidden(&as_if);
}

static void
tell_hidden(struct linter *l, const struct rule *pass, const struct rule *r)
{
	const char *what = looks_inside(r);
	const struct rule *at = r->level == l->level ? r : pass;
	struct lint_finding *f;

	f = lint_rule(l, LINT_WARNING, "tls-pass", at,
		      "\"%s\" looks at %s, which nobody knows where \"%s\" "
		      "passes TLS through: there it %s",
		      r->id, what, pass->id,
		      r->effect >= EFFECT_DENY	  ? "denies everything"
		      : r->effect == EFFECT_ALLOW ? "never grants"
						  : "always acts");
	lint_cure(l, f,
		  "say tls \"intercept\" in \"%s\", or name its hosts apart "
		  "from those of \"%s\"",
		  pass->id, r->id);
}

/* Has the secret a place to be put in? */
static bool
is_lent_there(const struct rule *pass, const struct rule *credential)
{
	const struct rule_cond *host = lint_cond(credential, "/host");
	struct rule there = { .on = ON(NETWORK), .n_match = 1 };
	struct rule_cond cond;

	if (!host)
		return false; /* told as too broad */
	cond = *host;
	there.match = &cond;
	return !rules_disjoint(pass, &there);
}

static void
tell_credential(struct linter *l, const struct rule *pass,
		const struct rule *credential)
{
	const struct rule *at =
		credential->level == l->level ? credential : pass;

	lint_cure(l,
		  lint_rule(l, LINT_WARNING, "tls-pass", at,
			    "\"%s\" lends nothing where \"%s\" passes TLS "
			    "through: there is no request to put it into",
			    credential->id, pass->id),
		  "say tls \"intercept\" in \"%s\"", pass->id);
}

static void
check_pass(struct linter *l, const struct rule *pass)
{
	for (size_t i = 0; i < l->s->n_rules; i++) {
		const struct rule *r = &l->s->rule[i];

		/* each pair is told to the one who wrote the later of them */
		if (MAX(pass->level, r->level) != l->level)
			continue;
		if (r->on & ON(NETWORK) && r->effect != EFFECT_LABEL &&
		    looks_inside(r) && !rules_disjoint(pass, r))
			tell_hidden(l, pass, r);
		if (r->on & ON(CREDENTIALS) && grants(r) &&
		    is_lent_there(pass, r))
			tell_credential(l, pass, r);
	}
}

/* ---- addresses ---- */

static bool
is_within(const struct rule_value *net, uint8_t family, const uint8_t *addr)
{
	unsigned int bytes = net->bits / 8, rest = net->bits % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	return net->type == RULE_CIDR && net->family == family &&
	       memcmp(net->addr, addr, bytes) == 0 &&
	       (!rest || !((net->addr[bytes] ^ addr[bytes]) & mask));
}

static bool
has_address(const struct rule *r, uint8_t family, const uint8_t *addr)
{
	const struct rule_cond *c = lint_cond(r, "/address");

	for (size_t i = 0; c && i < c->n; i++)
		if (is_within(&c->v[i], family, addr))
			return true;
	return false;
}

static bool
has_loopback(const struct rule *r)
{
	static const uint8_t v4[16] = { 127, 0, 0, 1 }, v6[16] = { [15] = 1 };
	const struct rule_cond *host = lint_cond(r, "/host");

	for (size_t i = 0; host && i < host->n; i++)
		if (host->v[i].s && (!strcmp(host->v[i].s, "localhost") ||
				     !strcmp(host->v[i].s, "127.0.0.1")))
			return true;
	return has_address(r, 4, v4) || has_address(r, 6, v6);
}

static bool
has_many_ports(const struct rule *r)
{
	const struct rule_cond *c = lint_cond(r, "/port");

	for (size_t i = 0; c && i < c->n; i++)
		if (c->v[i].type == RULE_RANGE &&
		    c->v[i].hi - c->v[i].lo >= 1024)
			return true;
	return !c;
}

static void
check_addresses(struct linter *l, const struct rule *r)
{
	/* of the clouds: IPv4 link-local, and AWS's in IPv6 */
	static const uint8_t metadata[16] = { 169, 254, 169, 254 };
	static const uint8_t metadata6[16] = { 0xfd, 0,	       0x0e,
					       0xc2, [14] = 2, [15] = 0x54 };

	if (has_loopback(r) && has_many_ports(r))
		lint_cure(l,
			  lint_rule(l, LINT_WARNING, "broad", r,
				    "\"%s\" grants every service on this "
				    "host's own loopback",
				    r->id),
			  "name the ports; what listens there trusts who is "
			  "inside");
	if (has_address(r, 4, metadata) || has_address(r, 6, metadata6))
		lint_cure(l,
			  lint_rule(l, LINT_WARNING, "broad", r,
				    "\"%s\" grants the metadata service of "
				    "clouds, which gives away the host's "
				    "credentials",
				    r->id),
			  "name the addresses that are needed");
}

void
lint_net(struct linter *l)
{
	for (size_t i = 0; i < l->s->n_rules; i++) {
		const struct rule *r = &l->s->rule[i];

		if (!(r->on & ON(NETWORK)) || !grants(r))
			continue;
		if (r->tls_pass)
			check_pass(l, r);
		if (r->level == l->level)
			check_addresses(l, r);
	}
}
