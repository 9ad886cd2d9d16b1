/* links: lib policy sandbox profiles */
/*
 * What policies could say of a host and port. Tables; then, on thousands of
 * random policies: what is said to be out of reach decide() denies, and what is
 * said not to be looked at changes nothing.
 */
#include "policy/net.h"

#include "policy/policy-internal.h"
#include "profiles/authority.h"
#include "tests/tap.h"
#include "tests/tools/props.h"
#include "tests/tools/random_policy.h"

#include <string.h>

#define HEAD "{\"version\": 1, \"name\": \"t\", \"role\": \"execute\""
#define RULES(text) HEAD ", \"rules\": [" text "]}"

static struct policy *
make(const char *json)
{
	const struct authority_env env = { .sets_dir = "profiles/sets" };
	struct err e = ERR_INIT;
	struct profile *p = NULL;
	struct policy *pol = NULL;

	ASSERT_EQ(chdir(tap_srcdir()), 0);
	if (profile_parse("t.json", json, strlen(json), &p, &e) < 0 ||
	    profile_policy(p, &env, &pol, &e) < 0)
		FAIL("%s", e.text);
	profile_free(p);
	return pol;
}

struct reach {
	const char *host, *address;
	uint16_t port;
	bool reaches;
};

static void
reaches(const char *json, const struct reach *v, size_t n)
{
	struct policy *p = make(json);

	for (size_t i = 0; i < n; i++)
		if (policy_net_reaches(p, v[i].host, v[i].port, v[i].address) !=
		    v[i].reaches)
			FAIL("row %zu: %s:%u", i, v[i].host, v[i].port);
	policy_free(p);
}

/* Names go out for a grant of hosts, never for one of addresses. */
TEST(names_that_are_resolved)
{
	struct policy *p = make(HEAD ", \"network\": { \"allow\": ["
				     "\"a.example\", \"*.b.example\","
				     "\"10.0.0.0/8:22\","
				     "{\"host\": \"c.example\", \"address\": "
				     "\"10.0.0.0/8\"},"
				     "{\"address\": \"0.0.0.0/0\", "
				     "\"port\": 99}] }}");

	ASSERT_TRUE(policy_net_resolves(p, "a.example", 443));
	ASSERT_TRUE(policy_net_resolves(p, "x.b.example", NET_ANY_PORT));
	ASSERT_TRUE(policy_net_resolves(p, "c.example", 443));
	ASSERT_TRUE(policy_net_resolves(p, "x.example", 99));
	ASSERT_FALSE(policy_net_resolves(p, "x.example", 22));
	ASSERT_FALSE(policy_net_resolves(p, "x.example", 443));
	ASSERT_FALSE(policy_net_resolves(p, "a.example", 22));
	ASSERT_TRUE(policy_net_reaches(p, "x.example", 22, NULL));
	policy_free(p);
}

TEST(hosts_and_ports)
{
	static const struct reach row[] = {
		{ "a.example", NULL, 443, true },
		{ "a.example", NULL, NET_ANY_PORT, true },
		{ "a.example", NULL, 80, false },
		{ "b.example", NULL, 443, false },
		{ "x.sub.example", NULL, 1, true },
		{ "sub.example", NULL, 1, false },
		{ "no.sub.example", NULL, 1, false },
		{ "no.sub.example", NULL, NET_ANY_PORT, false },
		{ "half.sub.example", NULL, 25, false },
		{ "half.sub.example", NULL, 26, true },
		{ "half.sub.example", NULL, NET_ANY_PORT, true },
		{ "ask.example", NULL, 443, true },
		{ "10.1.2.3", NULL, 22, true },
		{ "10.1.2.3", "10.1.2.3", 22, true },
		{ "any.example", "10.1.2.3", 22, true },
		{ "any.example", "11.1.2.3", 22, false },
		{ "any.example", NULL, 22, true },
		{ "any.example", "10.1.2.3", 23, false },
		{ "", NULL, 443, false },
	};

	reaches(RULES("{\"id\": \"a\", \"on\": \"network\", \"effect\":"
		      " \"allow\", \"match\": {\"host\": \"a.example\","
		      " \"port\": 443, \"method\": \"GET\"}},"
		      "{\"id\": \"b\", \"on\": \"network\", \"effect\":"
		      " \"allow\", \"match\": {\"host\": \"*.sub.example\"}},"
		      "{\"id\": \"c\", \"on\": \"network\", \"effect\":"
		      " \"deny\", \"match\": {\"host\": \"no.sub.example\"}},"
		      "{\"id\": \"d\", \"on\": \"network\", \"effect\":"
		      " \"deny\", \"match\": {\"host\": \"half.sub.example\","
		      " \"port\": 25}},"
		      "{\"id\": \"e\", \"on\": \"network\", \"effect\":"
		      " \"deny\", \"match\": {\"host\": \"a.example\","
		      " \"path\": \"/secret/**\"}},"
		      "{\"id\": \"f\", \"on\": \"network\", \"effect\":"
		      " \"ask\", \"match\": {\"host\": \"ask.example\"}},"
		      "{\"id\": \"g\", \"on\": \"network\", \"effect\":"
		      " \"allow\", \"match\": {\"port\": 22, \"address\":"
		      " \"10.0.0.0/8\"}}"),
		row, ARRAY_SIZE(row));
}

TEST(nothing_granted)
{
	static const struct reach row[] = { { "a.example", NULL, 443, false } };
	struct policy_net_scope s;
	struct policy *p;

	reaches(HEAD "}", row, 1);
	reaches(RULES("{\"id\": \"a\", \"on\": \"network\", \"effect\":"
		      " \"deny\", \"match\": {\"host\": \"x.example\"}}"),
		row, 1);
	/* restricts, and there is nothing to restrict */
	reaches(RULES("{\"id\": \"a\", \"on\": \"network\", \"effect\":"
		      " \"limit\", \"grants\": false, \"match\": {\"host\":"
		      " \"a.example\"}, \"max_uses\": 1}"),
		row, 1);
	p = make(HEAD "}");
	policy_net_scope(p, &s);
	ASSERT_FALSE(s.grants || s.intercepts || s.passes || s.any_port);
	policy_free(p);
}

struct need {
	const char *host;
	uint16_t port;
	const char *needs; /* of d, h, p, s, a */
};

static void
needs(const char *json, const struct need *v, size_t n)
{
	struct policy *p = make(json);

	for (size_t i = 0; i < n; i++) {
		struct policy_net_needs got;
		char text[8];

		policy_net_needs(p, v[i].host, v[i].port, &got);
		snprintf(text, sizeof(text), "%s%s%s%s%s", got.data ? "d" : "",
			 got.http ? "h" : "", got.pass ? "p" : "",
			 got.size ? "s" : "", got.address ? "a" : "");
		if (strcmp(text, v[i].needs) != 0)
			FAIL("row %zu: %s:%u needs %s, not %s", i, v[i].host,
			     v[i].port, text, v[i].needs);
	}
	policy_free(p);
}

static const char looking[] = RULES(
	"{\"id\": \"a\", \"on\": \"network\", \"effect\": \"allow\","
	" \"match\": {\"host\": \"plain.example\"}},"
	"{\"id\": \"b\", \"on\": \"network\", \"effect\": \"allow\","
	" \"match\": {\"host\": \"tls.example\", \"scheme\": \"tls\"}},"
	"{\"id\": \"c\", \"on\": \"network\", \"effect\": \"allow\","
	" \"match\": {\"host\": \"web.example\", \"scheme\": \"https\"}},"
	"{\"id\": \"d\", \"on\": \"network\", \"effect\": \"allow\","
	" \"match\": {\"host\": \"get.example\", \"port\": 443,"
	" \"method\": \"GET\"}},"
	"{\"id\": \"e\", \"on\": \"network\", \"effect\": \"allow\","
	" \"match\": {\"host\": \"path.example\", \"path\": \"/a/**\"}},"
	"{\"id\": \"f\", \"on\": \"network\", \"effect\": \"allow\","
	" \"match\": {\"host\": \"query.example\"}, \"when\": [{\"at\":"
	" \"/query/q\", \"op\": \"eq\", \"value\": \"a\"}]},"
	"{\"id\": \"g\", \"on\": \"network\", \"effect\": \"allow\","
	" \"match\": {\"host\": \"header.example\"}, \"when\": [{\"at\":"
	" \"/headers/x-a\", \"op\": \"exists\", \"value\": false}]},"
	"{\"id\": \"h\", \"on\": \"network\", \"effect\": \"allow\","
	" \"match\": {\"host\": \"class.example\", \"class\": \"read\"}},"
	"{\"id\": \"i\", \"on\": \"network\", \"effect\": \"allow\","
	" \"match\": {\"host\": \"size.example\"}, \"when\": [{\"at\":"
	" \"/size\", \"op\": \"lt\", \"value\": 5}]},"
	"{\"id\": \"j\", \"on\": \"network\", \"effect\": \"allow\","
	" \"match\": {\"host\": \"*.wide.example\"}},"
	"{\"id\": \"k\", \"on\": \"network\", \"effect\": \"deny\","
	" \"match\": {\"host\": \"no.wide.example\", \"path\": \"/x\"}},"
	"{\"id\": \"l\", \"on\": \"network\", \"effect\": \"allow\","
	" \"match\": {\"host\": \"budget.example\"},"
	" \"budget\": {\"at\": \"/size\", \"max\": 10, \"window\": \"1h\"}},"
	"{\"id\": \"m\", \"on\": \"network\", \"effect\": \"redact\","
	" \"match\": {\"host\": \"redact.example\"},"
	" \"redact\": [\"/headers/cookie\"]},"
	"{\"id\": \"n\", \"on\": \"network\", \"effect\": \"allow\","
	" \"match\": {\"host\": \"block.example\","
	" \"address\": \"10.0.0.0/8\"}}");

TEST(what_is_looked_at)
{
	static const struct need row[] = {
		{ "plain.example", 443, "" },	 { "tls.example", 443, "d" },
		{ "web.example", 443, "dh" },	 { "get.example", 443, "h" },
		{ "get.example", 80, "" }, /* another port's rule */
		{ "path.example", 443, "h" },	 { "query.example", 443, "h" },
		{ "header.example", 443, "h" },	 { "class.example", 443, "h" },
		{ "size.example", 443, "s" },	 { "budget.example", 443, "s" },
		{ "redact.example", 443, "h" },	 { "x.wide.example", 443, "" },
		{ "no.wide.example", 443, "h" }, { "other.example", 443, "" },
	};

	needs(looking, row, ARRAY_SIZE(row));
}

/* Reading is a matter of the method. */
TEST(a_ceiling_below_send)
{
	static const struct need row[] = { { "h.example", 443, "h" } };
	static const char json[] =
		"{\"version\": 1, \"name\": \"t\", \"role\": \"retrieve\","
		" \"network\": {\"allow\": [\"h.example:443\"]}}";
	struct policy_net_scope s;
	struct policy *p = make(json);

	needs(json, row, 1);
	policy_net_scope(p, &s);
	ASSERT_TRUE(s.grants && s.intercepts);
	ASSERT_FALSE(s.passes);
	policy_free(p);
}

/* Who may speak TLS of his own there is not looked into. */
TEST(tls_that_is_passed)
{
	static const struct need row[] = {
		{ "x.example", 443, "p" },
		{ "api.example", 443, "p" },
		{ "api.example", 80, "h" },
		{ "no.example", 443, "" },
	};
	static const char json[] = RULES(
		"{\"id\": \"a\", \"on\": \"network\", \"effect\": \"allow\","
		" \"tls\": \"pass\", \"match\": {\"host\": [\"x.example\","
		" \"api.example\"], \"port\": 443}},"
		"{\"id\": \"b\", \"on\": \"network\", \"effect\": \"allow\","
		" \"match\": {\"host\": \"api.example\","
		" \"method\": \"GET\"}}");
	struct policy_net_scope s;
	struct policy *p = make(json);

	needs(json, row, ARRAY_SIZE(row));
	policy_net_scope(p, &s);
	ASSERT_TRUE(s.grants && s.intercepts && s.passes);
	policy_free(p);
}

TEST(scope)
{
	static const char list[] = HEAD
		", \"network\": {\"allow\": [\"a.example:443\","
		" \"b.example:22\", \"c.example:80\", \"d.example:443\"]}}";
	struct policy_net_scope s;
	struct policy *p = make(list);

	policy_net_scope(p, &s);
	ASSERT_TRUE(s.grants && s.passes);
	ASSERT_FALSE(s.any_port || s.intercepts);
	ASSERT_EQ(s.n_ports, 3);
	ASSERT_EQ(s.port[0], 22);
	ASSERT_EQ(s.port[1], 80);
	ASSERT_EQ(s.port[2], 443);
	policy_free(p);
	p = make(looking);
	policy_net_scope(p, &s);
	ASSERT_TRUE(s.grants && s.passes && s.intercepts && s.any_port);
	ASSERT_EQ(s.n_ports, 1);
	policy_free(p);
}

TEST(more_ports_than_are_counted)
{
	char json[1024] = HEAD ", \"network\": {\"allow\": [";
	struct policy_net_scope s;
	struct policy *p;
	size_t n = strlen(json);

	for (unsigned int i = 0; i < 17; i++)
		n += (size_t)snprintf(json + n, sizeof(json) - n,
				      "%s\"a.example:%u\"", i ? "," : "",
				      200 - i);
	snprintf(json + n, sizeof(json) - n, "]}}");
	p = make(json);
	policy_net_scope(p, &s);
	ASSERT_EQ(s.n_ports, 16);
	ASSERT_TRUE(s.any_port);
	for (size_t i = 1; i < s.n_ports; i++)
		ASSERT_TRUE(s.port[i - 1] < s.port[i]);
	policy_free(p);
}

TEST(a_profile_that_observes)
{
	static const struct reach row[] = {
		{ "x.example", NULL, 443, true },
		{ "bad.example", NULL, 443, true },
	};
	static const char json[] = HEAD ", \"mode\": \"observe\", \"network\":"
					" {\"deny\": [\"bad.example\"]}}";
	struct policy_net_scope s;
	struct policy *p = make(json);

	reaches(json, row, ARRAY_SIZE(row));
	policy_net_scope(p, &s);
	ASSERT_TRUE(s.grants && s.any_port && s.passes);
	policy_free(p);
}

/* Addresses */

struct name {
	const char *host, *address;
	bool names;
};

TEST(addresses_that_rules_name)
{
	static const struct name row[] = {
		{ "block.example", "10.1.2.3", true },
		{ "block.example", "11.1.2.3", false },
		{ "all.example", "10.1.2.3", false },
		{ "all.example", "127.0.0.1", false },
		{ "plain.example", "127.0.0.1", false },
		{ "127.0.0.1", "127.0.0.1", true },
		{ "127.0.0.1", "127.0.0.2", false },
		{ "::1", "::1", true },
		{ "0:0:0:0:0:0:0:1", "::1", true },
		{ "127.0.0.3", "127.0.0.3", false }, /* only a wildcard */
		{ "cond.example", "10.9.9.9", true },
		{ "no.example", "10.1.2.3", false },  /* a deny names nothing */
		{ "get.example", "10.1.2.3", false }, /* does not match */
	};
	struct policy *p = make(RULES(
		"{\"id\": \"a\", \"on\": \"network\", \"effect\": \"allow\","
		" \"match\": {\"host\": \"block.example\","
		" \"address\": \"10.0.0.0/8\"}},"
		"{\"id\": \"b\", \"on\": \"network\", \"effect\": \"allow\","
		" \"match\": {\"host\": \"all.example\","
		" \"address\": \"0.0.0.0/0\"}},"
		"{\"id\": \"c\", \"on\": \"network\", \"effect\": \"allow\","
		" \"match\": {\"host\": \"*\", \"port\": 443}},"
		"{\"id\": \"d\", \"on\": \"network\", \"effect\": \"allow\","
		" \"match\": {\"host\": [\"127.0.0.1\", \"::1\"]}},"
		"{\"id\": \"e\", \"on\": \"network\", \"effect\": \"allow\","
		" \"match\": {\"host\": \"cond.example\"}, \"when\": [{\"at\":"
		" \"/address\", \"op\": \"cidr\","
		" \"value\": [\"10.9.0.0/16\"]}]},"
		"{\"id\": \"f\", \"on\": \"network\", \"effect\": \"deny\","
		" \"match\": {\"host\": \"no.example\","
		" \"address\": \"10.0.0.0/8\"}},"
		"{\"id\": \"g\", \"on\": \"network\", \"effect\": \"allow\","
		" \"match\": {\"host\": \"get.example\", \"method\": \"GET\","
		" \"address\": \"10.0.0.0/8\"}}"));

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct request rq;

		request_init(&rq, SURFACE_NETWORK);
		request_set(&rq, ATTR_HOST, row[i].host);
		request_set_int(&rq, ATTR_PORT, 443);
		ASSERT_FALSE(policy_net_names_address(p, &rq, NULL, &now));
		request_set(&rq, ATTR_ADDRESS, row[i].address);
		request_derive(&rq);
		if (policy_net_names_address(p, &rq, NULL, &now) !=
		    row[i].names)
			FAIL("row %zu: %s at %s", i, row[i].host,
			     row[i].address);
	}
	policy_free(p);
}

/* Properties */

static bool
is_plain(const struct request *rq, char host[256], uint16_t *ret_port)
{
	const struct value *h = &rq->attr[ATTR_HOST];
	const struct value *port = &rq->attr[ATTR_PORT];
	int n;

	if (rq->surface != SURFACE_NETWORK || h->type != VALUE_STRING ||
	    port->type != VALUE_INT || port->i < 1)
		return false;
	n = host_normal(h->s, h->len, host);
	if (n < 0)
		return false;
	host[n] = '\0';
	*ret_port = (uint16_t)port->i;
	return true;
}

static const char *
address_of(const struct request *rq, char buf[64])
{
	const struct value *a = &rq->attr[ATTR_ADDRESS];
	struct rule_value v;

	if (a->type != VALUE_STRING || addr_parse(a->s, a->len, &v) < 0)
		return NULL;
	snprintf(buf, 64, "%.*s", (int)a->len, a->s);
	return buf;
}

static bool
goes(const struct decision *d)
{
	return decision_allows(d) || d->effect == EFFECT_ASK;
}

/* Everything that was said not to be looked at, said otherwise. */
static void
say_otherwise(struct choices *c, const struct policy_net_needs *n,
	      struct request *rq)
{
	static const enum attr deep[] = { ATTR_METHOD, ATTR_PATH, ATTR_QUERY,
					  ATTR_HEADERS };
	struct random_request other;

	do
		random_request(c, &other);
	while (other.rq.surface != SURFACE_NETWORK);
	for (size_t i = 0; !n->http && i < ARRAY_SIZE(deep); i++)
		rq->attr[deep[i]] = (struct value){ .type = VALUE_NONE };
	if (!n->http)
		request_set(rq, ATTR_CLASS, "send");
	if (!n->address)
		rq->attr[ATTR_ADDRESS] = other.rq.attr[ATTR_ADDRESS];
	if (!n->data)
		rq->attr[ATTR_SCHEME] = other.rq.attr[ATTR_SCHEME];
	if (!n->size)
		rq->attr[ATTR_SIZE] = other.rq.attr[ATTR_SIZE];
}

struct met {
	unsigned long out_of_reach, denied, shallow;
};

static void
check(uint64_t seed, struct choices *c, const struct policy *p,
      struct request *rq, struct met *met)
{
	struct decision d = decided(p, rq), d2;
	struct policy_net_needs n;
	char host[256], addr[64];
	uint16_t port;

	if (!is_plain(rq, host, &port))
		return;
	met->denied += !goes(&d);
	if (!policy_net_reaches(p, host, port, address_of(rq, addr)) ||
	    !policy_net_reaches(p, host, port, NULL) ||
	    !policy_net_reaches(p, host, NET_ANY_PORT, NULL)) {
		met->out_of_reach++;
		if (goes(&d))
			WRONG(seed, "%s:%u is said to be out of reach", host,
			      port);
	}
	policy_net_needs(p, host, port, &n);
	if (n.http || n.pass)
		return;
	met->shallow++;
	/* a class that a caller made up is not the broker's */
	rq->attr[ATTR_CLASS] = (struct value){ .type = VALUE_NONE };
	request_derive(rq);
	d = decided(p, rq);
	say_otherwise(c, &n, rq);
	d2 = decided(p, rq);
	if (d.effect != d2.effect || d.rule != d2.rule)
		WRONG(seed, "%s:%u: %s, and looked at differently %s", host,
		      port, effect_name(d.effect), effect_name(d2.effect));
}

TEST_LIMIT(never_stricter_than_decide, 120)
{
	struct met met = { 0 };

	EACH_CASE(seed)
	{
		struct choices c = choices_from_seed(seed);
		struct random_request r;
		struct policy_spec s;
		struct policy *p;

		random_spec(&c, seed % 8 ? 12 : 80, &s);
		p = random_make(&s);
		for (int i = 0; i < 24; i++) {
			random_request(&c, &r);
			check(seed, &c, p, &r.rq, &met);
		}
		policy_free(p);
		policy_spec_done(&s);
	}
	tap_note("%lu denied, %lu out of reach, %lu not looked into",
		 met.denied, met.out_of_reach, met.shallow);
	if (props_from_env("PROPS_CASES", CASES) >= CASES) {
		ASSERT_GE(met.out_of_reach, (unsigned long)CASES / 10);
		ASSERT_GE(met.shallow, (unsigned long)CASES / 10);
	}
}
