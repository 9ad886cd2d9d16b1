/*
 * Where a host may be dialled. What always holds: an address is dialled only
 * after it was judged, and only as the very bytes that were judged; one that
 * is this host's, its network's or of no public kind takes a rule that names it
 * or the host's own map; a name that no grant reaches is never resolved.
 */
#include "supervisor/net-internal.h"

#include <stdarg.h>
#include <string.h>

static void _printf_(3, 4)
	refuse(struct net_ask *a, enum net_reason why, const char *fmt, ...)
{
	va_list ap;

	a->why = why;
	va_start(ap, fmt);
	vsnprintf(a->detail, sizeof(a->detail), fmt, ap);
	va_end(ap);
}

/* Addresses come and go with interfaces. Without them no address is known to be
 * somebody else's. */
static int
read_own(struct net *n)
{
	uint64_t now = net_now_us();
	struct addr_own *own;
	int r;

	if (n->own && now - n->own_us < NET_OWN_US)
		return 0;
	r = addr_own_read(&own);
	if (r < 0)
		return r;
	addr_own_free(n->own);
	n->own = own;
	n->own_us = now;
	return 0;
}

static enum addr_kind
kind_of(const struct net *n, const struct resolved *v)
{
	enum addr_kind k = addr_kind(v->addr, v->len);

	return k == ADDR_PUBLIC && addr_own_has(n->own, v->addr, v->len)
		       ? ADDR_OWN
		       : k;
}

enum judged { MAY, DENIED, NOT_NAMED };

/* One address: the request has it. */
static enum judged
judge_one(const struct net_ask *a, const struct gate_view *view,
	  const struct resolved *v, bool pinned)
{
	struct decision d;

	if (!pinned && kind_of(a->net, v) != ADDR_PUBLIC &&
	    !policy_net_names_address(view->policy, &a->rq, view->usage,
				      &view->now))
		return NOT_NAMED;
	if (!a->needs.address)
		return MAY;
	decide(view->policy, &a->rq, view->usage, &view->now, &d);
	return decision_allows(&d) ? MAY : DENIED;
}

static void
add(struct net_ask *a, const struct resolved *v, uint16_t port)
{
	if (a->n_to == ARRAY_SIZE(a->to))
		return;
	a->to[a->n_to] = *v;
	a->to_port[a->n_to++] = port ? port : a->port;
}

static void
set_address(struct net_ask *a, const struct resolved *v)
{
	struct hostname h;

	hostname_from_addr(v->addr, v->len, &h);
	snprintf(a->address, sizeof(a->address), "%.45s", h.text);
	request_set(&a->rq, ATTR_ADDRESS, a->address);
}

/* None may be dialled. Where rules were asked, the first is put to them again,
 * for the record; else it is refused here. */
static int
none(struct net_ask *a, const struct resolved *denied,
     const struct resolved *first, uint16_t port)
{
	if (denied) {
		add(a, denied, port);
		set_address(a, denied);
		return 1;
	}
	set_address(a, first);
	refuse(a, NET_REASON_ADDRESS, "%s is at %s (%s)", a->host.text,
	       a->address, addr_kind_name(kind_of(a->net, first)));
	return -EACCES;
}

int
net_judge(struct net_ask *a, const struct resolved *v, const uint16_t *ports,
	  size_t n, bool pinned)
{
	const struct resolved *denied = NULL;
	struct gate_view view;
	uint16_t port = 0;

	if (read_own(a->net) < 0 ||
	    gate_look(a->net->gate, &a->rq, &view) < 0) {
		refuse(a, NET_REASON_CONNECT,
		       "this host's own addresses cannot be read");
		return -EACCES;
	}
	for (size_t i = 0; i < n; i++) {
		enum judged j;

		set_address(a, &v[i]);
		j = judge_one(a, &view, &v[i], pinned);
		if (j == MAY)
			add(a, &v[i], ports ? ports[i] : 0);
		if (j == DENIED && !denied) {
			denied = &v[i];
			port = ports ? ports[i] : 0;
		}
	}
	if (!a->n_to)
		return none(a, denied, &v[0], port);
	set_address(a, &a->to[0]);
	return 1;
}

static int
judge_mapped(struct net_ask *a, const struct net_host *h)
{
	struct resolved v[NET_HOST_ADDRS_MAX];
	uint16_t ports[NET_HOST_ADDRS_MAX];

	for (size_t i = 0; i < h->n; i++) {
		memcpy(v[i].addr, h->to[i].addr, sizeof(v[i].addr));
		v[i].len = h->to[i].len;
		ports[i] = h->to[i].port;
	}
	return net_judge(a, v, ports, h->n, true);
}

int
net_judge_host(struct net_ask *a)
{
	const struct net_host *h =
		net_config_host(a->net->o.config, a->host.text);
	struct resolved v = { .len = 4 };

	if (h && h->n)
		return judge_mapped(a, h);
	if (a->host.kind == HOSTNAME_NAME)
		return 0;
	v.len = a->host.kind == HOSTNAME_IPV4 ? 4 : 16;
	memcpy(v.addr, a->host.addr, v.len);
	return net_judge(a, &v, NULL, 1, false);
}

bool
net_may_go(const struct net *n, const struct hostname *h, uint16_t port)
{
	const struct policy *p = policy_store_now(n->o.policies)->policy;

	if (h->kind == HOSTNAME_NAME && !net_config_host(n->o.config, h->text))
		return policy_net_resolves(p, h->text, port);
	return policy_net_reaches(p, h->text, port, NULL);
}
