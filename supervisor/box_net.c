/*
 * The network in the life of a box. What the policy could grant is known before
 * the launch, since a box that may dial is built differently: sockets for the
 * broker, a name server, certificates. A box whose policy grants nothing there
 * does none of this. What always holds: the listeners are there, what is
 * dialled was seen to arrive, and the broker listens, before the command runs;
 * the shim ends before the gate does.
 */
#include "supervisor/box-internal.h"

#include "net/secrets.h"
#include "policy/policy_build.h"
#include "supervisor/gate.h"
#include "supervisor/net.h"

#include <event2/event.h>
#include <string.h>

/* One for each box, above those of boxes and of the audit log's writer. */
#define SHIM_UID_OFFSET (2 * RUNTIME_UID_SLOTS)

/* Only a level that grants something can let anything out, and a profile or its
 * parents say so. */
static bool
names_network(const struct profile *p)
{
	for (size_t i = 0; i < p->own.n_rules; i++)
		if (p->own.rule[i].on & ON(NETWORK))
			return true;
	for (size_t i = 0; i < p->n_parents; i++)
		if (names_network(p->parent[i]))
			return true;
	return false;
}

static void
wanted_ports(const struct policy_net_scope *s, struct net_listen_request *ret)
{
	*ret = (struct net_listen_request){ .port = s->port,
					    .n_ports = s->n_ports,
					    .any = s->any_port };
}

/* Before the launch */

/* Placeholders in the variables that the host's configuration names. The agent
 * learns of no credential where no rule speaks of any. */
static int
name_placeholders(struct box_net *n, const struct policy *p, struct err *e)
{
	if (!policy_has_surface(p, SURFACE_CREDENTIALS))
		return 0;
	for (size_t i = 0; i < secrets_count(n->secrets); i++) {
		const struct credential *c = secrets_credential(n->secrets, i);

		for (size_t k = 0; k < c->env.n; k++) {
			char *pair =
				str_printf("%s=%s", c->env.v[k],
					   secrets_placeholder(n->secrets, i));
			int r = pair ? strv_take(&n->env, pair) : -ENOMEM;

			if (r < 0)
				return err_sys(e, r, "placeholders");
		}
	}
	return 0;
}

static int
load_settings(struct box *b, const struct policy *p, struct err *e)
{
	extern char **environ;
	struct box_net *n = &b->net;
	int r = net_config_load(&n->config, e);

	if (r < 0)
		return r;
	n->configured = true;
	r = box_need_base(b, e);
	if (r >= 0)
		r = secrets_new(b->base, &n->config,
				(const char *const *)environ, &n->secrets, e);
	return r < 0 ? r : name_placeholders(n, p, e);
}

/* TLS is looked into where a rule looks there, or a credential could be lent.
 * The rules alone do not know of the latter. */
static void
scope_of(const struct box_net *n, const struct policy *p,
	 struct policy_net_scope *ret)
{
	policy_net_scope(p, ret);
	ret->intercepts |=
		ret->grants && net_lends_at(&n->config, p, NULL, NET_ANY_PORT);
}

int
box_net_prepare(struct box *b, struct err *e)
{
	struct net_listen_request rq;
	const struct policy *p;
	int r;

	/* a live test sends nothing to anybody, on any machine */
	if (b->o->helper ||
	    (!names_network(b->written) && !names_network(b->profile)))
		return 0;
	r = box_need_policy(b, e);
	if (r < 0)
		return r;
	p = policy_store_now(b->policies)->policy;
	policy_net_scope(p, &b->net.scope);
	if (!b->net.scope.grants)
		return 0;
	r = load_settings(b, p, e);
	if (r < 0)
		return r;
	scope_of(&b->net, p, &b->net.scope);
	wanted_ports(&b->net.scope, &rq);
	b->net.sockets = (uint32_t)net_listen_sockets(&rq);
	return b->net.scope.intercepts ? box_ca_begin(b, e) : 0;
}

static struct net_limits
limits_of(const struct profile *p)
{
	return (struct net_limits){
		.connections = p->network.connections,
		.bytes_out = p->network.sent,
		.bytes_in = p->network.received,
		.rate_out = p->network.rate_sent,
		.rate_in = p->network.rate_received,
		.idle_us = p->network.idle_us,
		.lifetime_us = p->network.lifetime_us,
		.head_us = p->network.head_us,
	};
}

void
box_net_request(const struct box *b, struct compile_request *rq)
{
	rq->sockets = b->net.sockets;
	rq->broker_env = (const char *const *)b->net.env.v;
	rq->ca_file = b->net.ca.path[0] ? b->net.ca.path : NULL;
}

/* While pid 1 builds. */
int
box_net_open(struct box *b, struct err *e)
{
	struct net_listen_request rq;

	if (!b->net.sockets)
		return 0;
	wanted_ports(&b->net.scope, &rq);
	return net_listen_open(&b->launch.net, &rq, &b->net.listen, e);
}

int
box_net_trust(struct box *b, struct err *e)
{
	int r = b->net.scope.intercepts ? box_ca_end(b, e) : 0;

	if (r < 0 || !b->net.scope.intercepts)
		return r;
	r = b->net.roots = box_ca_upstream(&b->net.config, e);
	return r;
}

/* While it runs */

static int
make_gate(void *arg, struct gate **ret, struct err *e)
{
	return box_gate(arg, ret, e);
}

static void
on_finding(void *arg, const char *what, const char *detail)
{
	struct box *b = arg;

	if (b->log)
		eventlog_add(b->log, EVENT_FINDING, "%s: %s", what, detail);
	box_audit_anomaly(b, what, detail);
}

static int
on_resolving(void *arg, const char *name)
{
	return box_audit_resolving(arg, name);
}

static enum net_listener
kind_of(enum net_listen_kind k)
{
	static const enum net_listener kinds[] = {
		[LISTEN_ANY] = NET_LISTEN_ANY,
		[LISTEN_PORT] = NET_LISTEN_PORT,
		[LISTEN_PROXY] = NET_LISTEN_PROXY,
		[LISTEN_DNS_UDP] = NET_LISTEN_DNS_UDP,
		[LISTEN_DNS_TCP] = NET_LISTEN_DNS_TCP,
	};

	return kinds[k];
}

_Static_assert(NET_LISTEN_PORTS_MAX + 6 <= NET_FDS_MAX,
	       "every listener fits in SETUP, and two files");

static void
hand_over(struct box *b, struct net_listeners *ret)
{
	struct net_listen *l = &b->net.listen;

	*ret = (struct net_listeners){ .n = 0 };
	if (b->net.roots >= 0) {
		ret->kind[ret->n] = NET_LISTEN_UPSTREAM_CA;
		ret->fd[ret->n++] = TAKE_FD(b->net.roots);
	}
	for (size_t i = 0; i < l->n; i++) {
		ret->kind[ret->n] = (uint8_t)kind_of(l->kind[i]);
		ret->fd[ret->n++] = l->fd[i];
	}
	l->n = 0;
}

int
box_net_serve(struct box *b, struct err *e)
{
	extern char **environ;
	char shim[PATH_MAX + 32];
	struct box_net *n = &b->net;
	const struct net_options o = {
		.base = b->base,
		.policies = b->policies,
		.gate = make_gate,
		.finding = on_finding,
		.resolving = on_resolving,
		.arg = b,
		.shim = shim,
		.box = b->entry.id,
		.uid = n->shim_uid,
		.env = (const char *const *)environ,
		.limits = limits_of(b->profile),
		.config = &n->config,
		.secrets = n->secrets,
		.ca_key = n->ca.key,
		.ca_cert = n->ca.cert,
		.ca_key_len = n->ca.key_len,
		.ca_cert_len = n->ca.cert_len,
	};
	struct net_listeners l;

	if (!n->sockets)
		return 0;
	snprintf(shim, sizeof(shim), "%s/agentbox-shim", b->paths.libexec);
	hand_over(b, &l);
	n->secrets = NULL;
	return net_new(&o, &l, &n->net, e);
}

void
box_net_take_uid(struct box *b)
{
	b->net.shim_uid =
		b->lp.root ? b->lp.host_uid + SHIM_UID_OFFSET : geteuid();
}

void
box_net_freeze(struct box *b, bool on)
{
	if (b->net.net)
		net_freeze(b->net.net, on);
}

void
box_net_policy_changed(struct box *b)
{
	if (b->net.net)
		net_policy_changed(b->net.net);
}

/* Reloading: what was built into the box cannot follow. */

static int
cannot_follow(struct err *e, const char *what)
{
	err_set(e, -EBUSY, "%s", what);
	return err_cure(e, "start a new box for that");
}

static bool
has_port(const struct policy_net_scope *s, uint16_t port)
{
	for (size_t i = 0; i < s->n_ports; i++)
		if (s->port[i] == port)
			return true;
	return false;
}

int
box_net_check(const struct box *b, const struct policy *next, struct err *e)
{
	const struct box_net *n = &b->net;
	struct policy_net_scope s;

	policy_net_scope(next, &s);
	if (!s.grants)
		return 0;
	if (!n->sockets)
		return cannot_follow(e, "it grants a network, and this box "
					"was started without one");
	scope_of(n, next, &s);
	if (s.intercepts && !n->scope.intercepts)
		return cannot_follow(e, "it looks into TLS, and this box was "
					"started without a certificate for "
					"that");
	if (s.passes && n->scope.intercepts && !n->scope.passes)
		return cannot_follow(e, "it lets TLS pass, and this box was "
					"started without the certificates of "
					"the host");
	for (size_t i = 0; i < s.n_ports && !n->listen.redirects; i++)
		if (!has_port(&n->scope, s.port[i]))
			return cannot_follow(e, "it grants a port that has no "
						"listener in this box: "
						"nf_tables is missing");
	return 0;
}

json_t *
box_net_json(const struct box *b)
{
	return b->net.net ? net_describe(b->net.net) : NULL;
}

void
box_net_end(struct box *b)
{
	net_free(TAKE_PTR(b->net.net));
}

void
box_net_close(struct box *b)
{
	struct box_net *n = &b->net;

	box_net_end(b);
	secrets_free(TAKE_PTR(n->secrets));
	net_listen_close(&n->listen);
	close_ptr(&n->roots);
	n->roots = -EBADF;
	box_ca_free(&n->ca);
	strv_done(&n->env);
	if (n->configured)
		net_config_done(&n->config);
	n->configured = false;
}
