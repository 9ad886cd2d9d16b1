/*
 * Doctor's look at the broker's half of a box: does what is dialled arrive?
 * What always holds: the row speaks of what was tried out, and is a reason not
 * to run only for a profile that dials.
 */
#include "supervisor/doctor.h"

#include "policy/net.h"
#include "profiles/authority.h"
#include "profiles/profile.h"
#include "sandbox/net_listen.h"

#include <string.h>

#define CURE                                                                   \
	"load what nf_tables needs (modprobe nft_redir), or boot a kernel "    \
	"with CONFIG_NF_TABLES_INET and CONFIG_NFT_REDIR"

int
doctor_net_sockets(struct doctor *d, const struct profile *p,
		   const char *sets_dir, uint32_t *ret, struct err *e)
{
	const struct authority_env env = { .sets_dir = sets_dir,
					   .host_policy = HOST_POLICY_PATH };
	struct policy_net_scope s;
	struct net_listen_request rq;
	struct policy *policy = NULL;
	int r = profile_policy(p, &env, &policy, e);

	if (r < 0)
		return r;
	policy_net_scope(policy, &s);
	policy_free(policy);
	d->dials_any = s.any_port;
	rq = (struct net_listen_request){ .port = s.port,
					  .n_ports = s.n_ports,
					  .any = s.any_port };
	*ret = s.grants ? (uint32_t)net_listen_sockets(&rq) : 0;
	return 0;
}

static void
say_redirects(struct doctor_row *r, const struct probe_net *n)
{
	r->kernel = true;
	doctor_say(r, DOCTOR_YES, "nf_tables redirect, %s",
		   n->v6 ? "IPv4 and IPv6"
			 : "IPv4 only: this host has no IPv6");
}

/* A box that names its ports has all that it needs without. */
static void
say_ports_only(struct doctor *d, struct doctor_row *r,
	       const struct probe_net *n)
{
	bool enough = !(d->asked & LAYER_BIT(LAYER_BROKER)) || !d->dials_any ||
		      d->optional & LAYER_BIT(LAYER_BROKER);

	doctor_say(r, enough ? DOCTOR_WEAKER : DOCTOR_NO,
		   "only ports that rules name one by one (%s)", n->why);
	snprintf(r->cure, sizeof(r->cure), "%s", CURE);
}

void
doctor_look_net(struct doctor *d)
{
	struct doctor_row *r = &d->layer[LAYER_BROKER];
	struct probe_net n = { .why = "" };
	int code = probe_net(&n);

	if (code >= 0 && n.redirects) {
		say_redirects(r, &n);
	} else if (code >= 0) {
		say_ports_only(d, r, &n);
	} else if (d->layer[LAYER_NET].state == DOCTOR_NO) {
		doctor_say(r, DOCTOR_NO, "needs a network namespace: see net");
	} else {
		doctor_say(r, DOCTOR_NO, "%s",
			   n.why[0] ? n.why : strerror(-code));
		snprintf(r->cure, sizeof(r->cure), "%s", CURE);
	}
}
