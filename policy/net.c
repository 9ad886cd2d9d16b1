/*
 * What the rules could say of a host and port, before more is known. What
 * always holds: only what decide() would say of every action there counts as a
 * no, and what is not known counts as anything it might be; so these are at
 * most too generous, and the decision itself is still decide()'s.
 */
#include "policy/net.h"

#include "policy/policy-internal.h"

#include <string.h>

#define BIT(a) (UINT64_C(1) << ATTR_##a)
/* What only a parsed request has; its class follows from the method. */
#define HTTP_ATTRS                                                             \
	(BIT(METHOD) | BIT(PATH) | BIT(QUERY) | BIT(HEADERS) | BIT(CLASS))

/* A request of which only some attributes are known. */
struct look {
	struct eval v;
	struct request rq;
	uint64_t known; /* a bit for each attribute */
	bool by_name; /* grants that name addresses and no host do not count */
};

static const struct decide_time no_time;

static void
look_at(struct look *k, const struct policy *p, const char *host, uint16_t port,
	const char *address)
{
	k->by_name = false;
	request_init(&k->rq, SURFACE_NETWORK);
	request_set(&k->rq, ATTR_HOST, host);
	k->known = BIT(SURFACE) | BIT(HOST);
	if (port != NET_ANY_PORT) {
		request_set_int(&k->rq, ATTR_PORT, port);
		k->known |= BIT(PORT);
	}
	if (address) {
		request_set(&k->rq, ATTR_ADDRESS, address);
		k->known |= BIT(ADDRESS);
	}
	eval_init(&k->v, p, &k->rq, NULL, &no_time);
}

/* One bit for each truth that a condition may have. */
enum {
	MAY_FALSE = 1u << IS_FALSE,
	MAY_TRUE = 1u << IS_TRUE,
	MAY_UNKNOWN = 1u << IS_UNKNOWN,
	MAY_ALL = MAY_FALSE | MAY_TRUE | MAY_UNKNOWN
};

static unsigned int
cond_may(const struct look *k, const struct flat_cond *c)
{
	/* times, counts, steps and approvers have no attribute of their own */
	if (c->attr >= ATTR_MAX || !(k->known >> c->attr & 1))
		return MAY_ALL;
	return 1u << cond_eval(&k->v, c);
}

enum might { WONT, MIGHT, WILL };

/* good: the truths with which a condition lets the rule act. */
static enum might
rule_might(const struct look *k, const struct flat_rule *r, unsigned int good)
{
	const struct flat_cond *c = flat_conds(k->v.p) + r->cond;
	enum might all = WILL;

	for (uint16_t i = 0; i < r->n_cond; i++) {
		unsigned int may = cond_may(k, &c[i]);

		if (!(may & good))
			return WONT;
		if (may & ~good)
			all = MIGHT;
	}
	return all;
}

static bool
could_match(const struct look *k, const struct flat_rule *r)
{
	return rule_might(k, r, MAY_TRUE | MAY_UNKNOWN) != WONT;
}

static bool
is_grant(const struct flat_rule *r)
{
	return r->effect >= EFFECT_ALLOW && r->effect <= EFFECT_ASK &&
	       !r->restricts && r->mode != MODE_OBSERVE;
}

/* It says which addresses, not every one, and of hosts nothing. */
static bool
is_by_address(const struct policy *p, const struct flat_rule *r)
{
	const struct flat_cond *c = flat_conds(p) + r->cond;
	bool block = false;

	for (uint16_t i = 0; i < r->n_cond; i++) {
		if (c[i].attr == ATTR_HOST)
			return false;
		if (c[i].attr == ATTR_ADDRESS && c[i].op == OP_CIDR)
			block = true;
		for (uint32_t v = 0; block && v < c[i].n_value; v++)
			if (c[i].attr == ATTR_ADDRESS &&
			    !flat_values(p)[c[i].value + v].bits)
				return false;
	}
	return block;
}

/* Unknown keeps all but ask from granting. */
static bool
could_grant(const struct look *k, const struct flat_rule *r)
{
	unsigned int good =
		r->effect == EFFECT_ASK ? MAY_TRUE | MAY_UNKNOWN : MAY_TRUE;

	return is_grant(r) && rule_might(k, r, good) != WONT &&
	       !(k->by_name && is_by_address(k->v.p, r));
}

/* All rules that could match that host. */
struct rules {
	struct flat_span spans[INDEX_SPANS_MAX];
	size_t n, span;
	uint32_t item;
};

static const struct flat_rule *
next_rule(const struct policy *p, struct rules *at)
{
	for (; at->span < at->n; at->span++, at->item = 0) {
		const struct flat_span *s = &at->spans[at->span];

		if (at->item < s->n)
			return flat_rules(p) +
			       flat_items(p)[s->off + at->item++];
	}
	return NULL;
}

static void
rules_at(const struct eval *v, struct rules *ret)
{
	ret->span = 0;
	ret->item = 0;
	ret->n = policy_index_find(v, ret->spans);
}

/* Reaching */

struct level_might {
	bool denies; /* whatever else the request says */
	bool grants; /* perhaps */
	bool acts;   /* perhaps, on what others grant */
};

static void
add_rule(const struct look *k, const struct flat_rule *r,
	 struct level_might *at)
{
	if (r->mode == MODE_OBSERVE)
		return;
	if (could_grant(k, r))
		at->grants = true;
	if (r->effect >= EFFECT_DENY)
		at->denies |= rule_might(k, r, MAY_TRUE | MAY_UNKNOWN) == WILL;
	else if (r->effect > EFFECT_LABEL)
		at->acts |= could_match(k, r);
}

enum says { SAYS_NO, SAYS_NOTHING, SAYS_PERHAPS };

static enum says
level_says(const struct flat_level *lv, const struct level_might *m,
	   enum surface s)
{
	bool leaves = lv->inherits && !(lv->grants >> s & 1);

	if (leaves && !m->denies && !m->acts)
		return SAYS_NOTHING;
	if (lv->mode == MODE_OBSERVE)
		return SAYS_PERHAPS;
	if (m->denies)
		return SAYS_NO;
	return m->grants || leaves ? SAYS_PERHAPS : SAYS_NO;
}

/* Could what is known of the request be granted? */
static bool
could_go_ahead(const struct look *k, enum surface s)
{
	struct level_might m[POLICY_LEVELS_MAX] = { 0 };
	const struct policy *p = k->v.p;
	const struct flat_rule *r;
	struct rules at;
	bool any = false;

	rules_at(&k->v, &at);
	while ((r = next_rule(p, &at)))
		add_rule(k, r, &m[r->level]);
	for (uint32_t i = 0; i < p->h->levels.n; i++) {
		enum says says = level_says(&flat_levels(p)[i], &m[i], s);

		if (says == SAYS_NO)
			return false;
		any |= says == SAYS_PERHAPS;
	}
	return any;
}

bool
policy_net_reaches(const struct policy *p, const char *host, uint16_t port,
		   const char *address)
{
	struct look k;

	look_at(&k, p, host, port, address);
	return could_go_ahead(&k, SURFACE_NETWORK);
}

bool
policy_net_resolves(const struct policy *p, const char *host, uint16_t port)
{
	struct look k;

	look_at(&k, p, host, port, NULL);
	k.by_name = true;
	return could_go_ahead(&k, SURFACE_NETWORK);
}

bool
policy_net_lends(const struct policy *p, const char *name, const char *host)
{
	struct look k;

	k.by_name = false;
	request_init(&k.rq, SURFACE_CREDENTIALS);
	request_set(&k.rq, ATTR_NAME, name);
	request_set(&k.rq, ATTR_HOST, host);
	request_set(&k.rq, ATTR_USE, "network");
	k.known = BIT(SURFACE) | BIT(NAME) | BIT(HOST) | BIT(USE);
	eval_init(&k.v, p, &k.rq, NULL, &no_time);
	return could_go_ahead(&k, SURFACE_CREDENTIALS);
}

/* Needs */

static uint64_t
redact_attrs(const struct policy *p, const struct flat_rule *r)
{
	const uint32_t *list = FLAT(p, redacts, uint32_t);
	uint64_t attrs = 0;

	for (uint32_t i = 0; i < r->n_redact; i++) {
		const char *rest;
		int a = attr_from_pointer(flat_str(p, list[r->redact + i]),
					  &rest);

		if (a >= 0)
			attrs |= UINT64_C(1) << a;
	}
	return attrs;
}

/* What a rule looks at, or changes. */
static uint64_t
rule_attrs(const struct policy *p, const struct flat_rule *r)
{
	const struct flat_cond *c = flat_conds(p);
	uint64_t attrs = redact_attrs(p, r);

	for (uint16_t i = 0; i < r->n_cond; i++)
		attrs |= cond_attrs(&c[r->cond + i]);
	if (r->budget_cond != FLAT_NONE)
		attrs |= cond_attrs(&c[r->budget_cond]);
	return attrs;
}

/* tcp and tls are seen in the first bytes. Anything else about a scheme takes a
 * request to be true or false. */
static bool
is_outer_scheme(const struct policy *p, const struct flat_cond *c)
{
	const struct flat_value *v = flat_values(p) + c->value;

	if (c->op != OP_EQ && c->op != OP_IN)
		return false;
	for (uint32_t i = 0; i < c->n_value; i++)
		if (v[i].type != RULE_STRING ||
		    (strcmp(flat_str(p, v[i].text), "tcp") != 0 &&
		     strcmp(flat_str(p, v[i].text), "tls") != 0))
			return false;
	return true;
}

static bool
wants_inner_scheme(const struct policy *p, const struct flat_rule *r)
{
	const struct flat_cond *c = flat_conds(p) + r->cond;

	for (uint16_t i = 0; i < r->n_cond; i++)
		if (c[i].attr == ATTR_SCHEME && !is_outer_scheme(p, &c[i]))
			return true;
	return false;
}

static bool
rule_wants_http(const struct policy *p, const struct flat_rule *r)
{
	return (rule_attrs(p, r) & HTTP_ATTRS) || wants_inner_scheme(p, r);
}

/* Where only reading is allowed, a stream of which nothing is known is not. */
static bool
ceiling_below_send(const struct policy *p)
{
	for (uint32_t i = 0; i < p->h->levels.n; i++)
		if (flat_levels(p)[i].ceiling < CLASS_SEND)
			return true;
	return false;
}

static bool
passes_tls(const struct policy *p, const struct flat_rule *r)
{
	return policy_rule_tls_pass(p, (size_t)(r - flat_rules(p)));
}

void
policy_net_needs(const struct policy *p, const char *host, uint16_t port,
		 struct policy_net_needs *ret)
{
	const struct flat_rule *r;
	struct look k;
	struct rules at;

	*ret = (struct policy_net_needs){ .http = ceiling_below_send(p) };
	look_at(&k, p, host, port, NULL);
	rules_at(&k.v, &at);
	while ((r = next_rule(p, &at))) {
		uint64_t attrs;

		if (!could_match(&k, r))
			continue;
		attrs = rule_attrs(p, r);
		ret->pass |= passes_tls(p, r) && could_grant(&k, r);
		ret->data |= (attrs & BIT(SCHEME)) != 0;
		ret->size |= (attrs & BIT(SIZE)) != 0;
		ret->address |= (attrs & BIT(ADDRESS)) != 0;
		ret->http |= rule_wants_http(p, r);
	}
	ret->http &= !ret->pass;
}

/* Scope */

static void
add_port(struct policy_net_scope *s, uint16_t port)
{
	size_t i = 0;

	while (i < s->n_ports && s->port[i] < port)
		i++;
	if (i < s->n_ports && s->port[i] == port)
		return;
	if (s->n_ports == ARRAY_SIZE(s->port)) {
		s->any_port = true;
		return;
	}
	memmove(&s->port[i + 1], &s->port[i],
		(s->n_ports - i) * sizeof(s->port[0]));
	s->port[i] = port;
	s->n_ports++;
}

/* A list of ports may be written as ranges of one. */
static bool
one_by_one(const struct policy *p, const struct flat_cond *c)
{
	const struct flat_value *v = flat_values(p) + c->value;

	for (uint32_t i = 0; i < c->n_value && c->op == OP_RANGE; i++)
		if (v[i].lo != v[i].hi)
			return false;
	return c->op == OP_EQ || c->op == OP_IN || c->op == OP_RANGE;
}

/* The condition that says which ports one by one, or NULL. */
static const struct flat_cond *
ports_of(const struct policy *p, const struct flat_rule *r)
{
	const struct flat_cond *c = flat_conds(p) + r->cond;

	for (uint16_t i = 0; i < r->n_cond; i++)
		if (c[i].attr == ATTR_PORT && one_by_one(p, &c[i]))
			return &c[i];
	return NULL;
}

static void
add_ports(const struct policy *p, const struct flat_rule *r,
	  struct policy_net_scope *s)
{
	const struct flat_cond *c = ports_of(p, r);
	const struct flat_value *v;

	if (!c) {
		s->any_port = true;
		return;
	}
	v = flat_values(p) + c->value;
	for (uint32_t i = 0; i < c->n_value; i++)
		if ((v[i].type == RULE_INT || v[i].type == RULE_RANGE) &&
		    v[i].lo > 0 && v[i].lo <= UINT16_MAX)
			add_port(s, (uint16_t)v[i].lo);
}

/* Could every level go along with something? */
static bool
levels_grant(const struct policy *p)
{
	bool any = false;

	for (uint32_t i = 0; i < p->h->levels.n; i++) {
		const struct flat_level *lv = &flat_levels(p)[i];
		bool grants = lv->grants >> SURFACE_NETWORK & 1;

		if (grants || lv->mode == MODE_OBSERVE)
			any = true;
		else if (!lv->inherits)
			return false;
	}
	return any;
}

static bool
level_observes(const struct policy *p)
{
	for (uint32_t i = 0; i < p->h->levels.n; i++)
		if (flat_levels(p)[i].mode == MODE_OBSERVE)
			return true;
	return false;
}

void
policy_net_scope(const struct policy *p, struct policy_net_scope *ret)
{
	const struct flat_span *all = &p->h->all[SURFACE_NETWORK];
	bool looks = ceiling_below_send(p), blind = false, pass = false;

	*ret = (struct policy_net_scope){
		.grants = policy_has_surface(p, SURFACE_NETWORK) &&
			  levels_grant(p),
	};
	if (!ret->grants)
		return;
	for (uint32_t i = 0; i < all->n; i++) {
		const struct flat_rule *r =
			flat_rules(p) + flat_items(p)[all->off + i];
		bool http = rule_wants_http(p, r);

		looks |= http;
		if (!is_grant(r))
			continue;
		add_ports(p, r, ret);
		blind |= !http;
		pass |= passes_tls(p, r);
	}
	if (level_observes(p))
		ret->any_port = blind = true;
	ret->intercepts = looks;
	ret->passes = pass || (blind && !ceiling_below_send(p));
}

/* Naming an address */

/* A block of every address names none. */
static bool
names_block(const struct look *k, const struct flat_cond *c)
{
	const struct value *v = &k->rq.attr[ATTR_ADDRESS];
	const struct flat_value *f = flat_values(k->v.p) + c->value;
	struct rule_value addr;

	if (c->attr != ATTR_ADDRESS || c->op != OP_CIDR ||
	    addr_parse(v->s, v->len, &addr) < 0)
		return false;
	for (uint32_t i = 0; i < c->n_value; i++)
		if (f[i].bits && cidr_match(&f[i], &addr))
			return true;
	return false;
}

static bool
is_that_address(const char *s, size_t len, const struct rule_value *addr)
{
	struct rule_value v;

	return addr_parse(s, len, &v) == 0 && v.family == addr->family &&
	       memcmp(v.addr, addr->addr, sizeof(v.addr)) == 0;
}

static bool
names_host(const struct look *k, const struct flat_cond *c)
{
	const struct value *v = &k->rq.attr[ATTR_ADDRESS];
	const struct flat_value *f = flat_values(k->v.p) + c->value;
	struct rule_value addr;

	if (c->attr != ATTR_HOST || k->v.host_len < 0 ||
	    (c->op != OP_EQ && c->op != OP_IN && c->op != OP_HOST) ||
	    addr_parse(v->s, v->len, &addr) < 0 ||
	    !is_that_address(k->v.host, (size_t)k->v.host_len, &addr))
		return false;
	for (uint32_t i = 0; i < c->n_value; i++)
		if (f[i].type == RULE_STRING &&
		    is_that_address(flat_str(k->v.p, f[i].text), f[i].len,
				    &addr))
			return true;
	return false;
}

static bool
rule_names(const struct look *k, const struct flat_rule *r)
{
	const struct flat_cond *c = flat_conds(k->v.p) + r->cond;
	struct outcome o;

	if (!is_grant(r))
		return false;
	rule_eval(&k->v, r, &o);
	if (o.effect < EFFECT_ALLOW || o.effect > EFFECT_ASK ||
	    o.how != HOW_TRUE)
		return false;
	for (uint16_t i = 0; i < r->n_cond; i++)
		if (names_block(k, &c[i]) || names_host(k, &c[i]))
			return true;
	return false;
}

bool
policy_net_names_address(const struct policy *p, const struct request *rq,
			 const struct usage *u, const struct decide_time *now)
{
	const struct flat_rule *r;
	struct look k = { .v = { .p = p } };
	struct rules at;

	if (rq->surface != SURFACE_NETWORK ||
	    rq->attr[ATTR_ADDRESS].type != VALUE_STRING)
		return false;
	k.rq = *rq;
	eval_init(&k.v, p, &k.rq, u, now);
	rules_at(&k.v, &at);
	while ((r = next_rule(p, &at)))
		if (rule_names(&k, r))
			return true;
	return false;
}
