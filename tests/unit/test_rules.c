/* links: lib policy sandbox profiles */
/*
 * Rules as they are read: what each word of the language becomes. Mistakes are
 * in tests/fixtures/profiles/bad (test_profile).
 */
#include "profiles/authority.h"
#include "profiles/expect.h"
#include "profiles/inherit.h"

#include "policy/decide.h"
#include "tests/tap.h"

#include <string.h>

#define HEAD "{\"version\": 1, \"name\": \"x\", \"role\": \"execute\""

static struct profile *
parse(const char *text)
{
	struct err e = ERR_INIT;
	struct profile *p;

	if (profile_parse("t.json", text, strlen(text), &p, &e) < 0)
		FAIL("%s", e.text);
	return p;
}

static const struct rule_cond *
cond_of(const struct rule *r, const char *pointer)
{
	for (size_t i = 0; i < r->n_match; i++)
		if (!strcmp(r->match[i].pointer, pointer))
			return &r->match[i];
	for (size_t i = 0; i < r->n_when; i++)
		if (r->when[i].pointer && !strcmp(r->when[i].pointer, pointer))
			return &r->when[i];
	return NULL;
}

/* Grants in short: id and text of the rule. */
static const struct {
	const char *section, *list, *grant, *id, *text;
} grants_in_short[] = {
	{ "network", "allow", "\"example.com\"", "network.allow:example.com",
	  "network host \"example.com\"" },
	{ "network", "ask", "\"example.com\"", "network.ask:example.com",
	  "network host \"example.com\"" },
	{ "network", "deny", "\"example.com\"", "network.deny:example.com",
	  "network host \"example.com\"" },
	{ "network", "allow", "\"example.com:8443\"",
	  "network.allow:example.com:8443",
	  "network host \"example.com\" port 8443" },
	{ "network", "allow", "\"*.example.com:*\"",
	  "network.allow:*.example.com:*",
	  "network host \"*.example.com\" every port" },
	{ "network", "allow", "\"192.0.2.0/24:22\"",
	  "network.allow:192.0.2.0/24:22",
	  "network address 192.0.2.0/24 port 22" },
	{ "network", "allow", "\"192.0.2.1\"", "network.allow:192.0.2.1",
	  "network address 192.0.2.1" },
	{ "network", "allow", "\"[2001:db8::/32]:8000-8999\"",
	  "network.allow:[2001:db8::/32]:8000-8999",
	  "network address 2001:db8::/32 port 8000-8999" },
	{ "network", "allow", "\"[::1]\"", "network.allow:[::1]",
	  "network address ::1" },
	{ "network", "allow",
	  "{\"method\": [\"HEAD\", \"GET\"], \"host\": \"example.com\"}",
	  "network.allow:host=example.com,method=GET|HEAD",
	  "network method \"HEAD\"|\"GET\" host \"example.com\"" },
	{ "network", "allow", "{\"host\": \"example.com\", \"port\": \"*\"}",
	  "network.allow:host=example.com,port=*",
	  "network host \"example.com\" every port" },
	{ "network", "allow", "{\"host\": \"h.de\", \"id\": \"mine\"}", "mine",
	  "network host \"h.de\"" },
	{ "tools", "allow", "\"crm/read_*\"", "tools.allow:crm/read_*",
	  "tools server \"crm\" tool \"read_*\"" },
	{ "tools", "deny", "{\"class\": [\"pay\", \"delete\"]}",
	  "tools.deny:class=delete|pay", "tools class \"pay\"|\"delete\"" },
	{ "memory", "allow", "\"notes\"", "memory.allow:notes",
	  "memory type \"notes\"" },
	{ "memory", "allow", "\"notes:/x/**\"", "memory.allow:notes:/x/**",
	  "memory type \"notes\" key \"/x/**\"" },
	{ "credentials", "ask", "\"github\"", "credentials.ask:github",
	  "credentials name \"github\"" },
};

TEST(grants)
{
	for (size_t i = 0; i < ARRAY_SIZE(grants_in_short); i++) {
		char text[512], buf[256];
		struct profile *p;
		const struct rule *r;

		snprintf(text, sizeof(text), HEAD ", \"%s\": {\"%s\": [%s]}}",
			 grants_in_short[i].section, grants_in_short[i].list,
			 grants_in_short[i].grant);
		p = parse(text);
		ASSERT_EQ(p->own.n_rules, 1);
		r = p->own.rule;
		ASSERT_STREQ(r->id, grants_in_short[i].id);
		ASSERT_STREQ(rule_text(r,
				       (enum surface)surface_from_name(
					       grants_in_short[i].section),
				       buf, sizeof(buf)),
			     grants_in_short[i].text);
		ASSERT_STREQ(effect_name(r->effect), grants_in_short[i].list);
		profile_free(p);
	}
}

/* A host has port 443 where something is granted, and every port where it is
 * denied. */
TEST(ports)
{
	struct profile *p = parse(HEAD ", \"network\": {\"allow\": [\"a.de\", "
				       "{\"method\": \"GET\"}], \"deny\": "
				       "[\"b.de\"]}}");
	const struct rule_cond *c = cond_of(&p->own.rule[0], "/port");

	ASSERT_NOT_NULL(c);
	ASSERT_EQ(c->op, OP_RANGE);
	ASSERT_EQ(c->v->lo, 443);
	ASSERT_EQ(c->v->hi, 443);
	ASSERT_NULL(cond_of(&p->own.rule[1], "/port"));
	ASSERT_NULL(cond_of(&p->own.rule[2], "/port"));
	profile_free(p);
}

/* The id of a long match is cut, and still its own. */
TEST(long_ids)
{
	char text[4096], other[4200];
	struct profile *p;
	size_t n = (size_t)snprintf(text, sizeof(text),
				    HEAD ", \"network\": {\"allow\": "
					 "[{\"host\": [");
	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s\"host%d.example.com\"", i ? ", " : "",
				      i);
	snprintf(other, sizeof(other), "%s, \"more.example.com\"]}]}}", text);
	snprintf(text + n, sizeof(text) - n, "]}]}}");
	p = parse(text);
	ASSERT_EQ(strlen(p->own.rule->id), 128);
	snprintf(text, sizeof(text), "%s", p->own.rule->id);
	profile_free(p);
	p = parse(other);
	ASSERT_EQ(strlen(p->own.rule->id), 128);
	ASSERT_NE(strcmp(p->own.rule->id, text), 0);
	profile_free(p);
}

TEST(every_rule_key)
{
	struct profile *p = parse(
		HEAD
		", \"labels\": {\"define\": {\"a\": \"x\", \"b\": \"y\"}}, "
		"\"rules\": [{\"id\": \"r\", \"on\": [\"tools\", "
		"\"handoffs\"], \"match\": {\"class\": \"write\"}, "
		"\"effect\": \"ask\", \"because\": \"why\", \"not_after\": "
		"\"1970-01-02T00:00:00+01:00\", \"max_uses\": 3, \"rate\": "
		"\"10/2h\", \"budget\": {\"at\": \"/args/n\", \"max\": 7, "
		"\"window\": \"1d\"}, \"labels\": {\"add\": \"a\", "
		"\"clear\": [\"b\"]}, \"step\": \"s\", \"mode\": "
		"\"observe\"}]}");
	const struct rule *r = p->own.rule;

	ASSERT_STREQ(r->id, "r");
	ASSERT_EQ(r->on, ON(TOOLS) | ON(HANDOFFS));
	ASSERT_EQ(r->effect, EFFECT_ASK);
	ASSERT_STREQ(r->because, "why");
	ASSERT_EQ(r->not_after_us, INT64_C(23) * 3600 * 1000000);
	ASSERT_EQ(r->max_uses, 3);
	ASSERT_EQ(r->rate.max, 10);
	ASSERT_EQ(r->rate.window_us, UINT64_C(7200000000));
	ASSERT_STREQ(r->budget.pointer, "/args/n");
	ASSERT_EQ(r->budget.max, 7);
	ASSERT_EQ(r->budget.window_us, UINT64_C(86400000000));
	ASSERT_STREQ(r->labels_add.v[0], "a");
	ASSERT_STREQ(r->labels_clear.v[0], "b");
	ASSERT_STREQ(r->step, "s");
	ASSERT_EQ(r->mode, MODE_OBSERVE);
	ASSERT_STREQ(r->file, "t.json");
	ASSERT_STREQ(r->at, "/rules/0");
	profile_free(p);
}

/* Conditions of a match, by the kind of the attribute. */
static const struct {
	const char *on, *match;
	enum cond_op op;
} match_ops[] = {
	{ "tools", "\"class\": \"read\"", OP_IN },
	{ "tools", "\"server\": \"a\"", OP_IN },
	{ "tools", "\"server\": [\"a\", \"b*\"]", OP_GLOB },
	{ "tools", "\"server\": \"a?\"", OP_GLOB },
	{ "network", "\"path\": \"/x\"", OP_IN },
	{ "network", "\"path\": \"/x/**\"", OP_GLOB },
	{ "network", "\"host\": \"x.de\"", OP_HOST },
	{ "network", "\"address\": \"10.0.0.0/8\"", OP_CIDR },
	{ "network", "\"port\": [80, \"8000-8100\"]", OP_RANGE },
	{ "network", "\"run/role\": \"execute\"", OP_IN },
};

TEST(matches)
{
	for (size_t i = 0; i < ARRAY_SIZE(match_ops); i++) {
		char text[512];
		struct profile *p;

		snprintf(text, sizeof(text),
			 HEAD ", \"rules\": [{\"id\": \"r\", \"on\": \"%s\", "
			      "\"match\": {%s}, \"effect\": \"deny\"}]}",
			 match_ops[i].on, match_ops[i].match);
		p = parse(text);
		ASSERT_EQ(p->own.rule->n_match, 1);
		ASSERT_EQ(p->own.rule->match->op, match_ops[i].op);
		profile_free(p);
	}
}

static const struct rule_cond *
when(struct profile **ret, const char *cond)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 HEAD ", \"labels\": {\"define\": {\"a\": \"x\"}}, "
		      "\"rules\": [{\"id\": \"r\", \"on\": \"tools\", "
		      "\"when\": [%s], \"effect\": \"allow\", \"step\": "
		      "\"s\"}]}",
		 cond);
	*ret = parse(text);
	ASSERT_EQ((*ret)->own.rule->n_when, 1);
	return (*ret)->own.rule->when;
}

TEST(conditions)
{
	const struct rule_cond *c;
	struct profile *p;

	c = when(&p, "{\"at\": \"/args/a~1b\", \"op\": \"in\", \"value\": "
		     "[\"x\", 3, 1.5, true, null]}");
	ASSERT_EQ(c->op, OP_IN);
	ASSERT_STREQ(c->pointer, "/args/a~1b");
	ASSERT_EQ(c->n, 5);
	ASSERT_EQ(c->v[0].type, RULE_STRING);
	ASSERT_EQ(c->v[1].type, RULE_INT);
	ASSERT_EQ(c->v[2].type, RULE_REAL);
	ASSERT_EQ(c->v[3].type, RULE_BOOL);
	ASSERT_EQ(c->v[4].type, RULE_NULL);
	profile_free(p);
	c = when(&p, "{\"at\": \"/args/x\", \"op\": \"range\", \"value\": "
		     "[[-5, 0], [7, 7]]}");
	ASSERT_EQ(c->n, 2);
	ASSERT_EQ(c->v[0].lo, -5);
	ASSERT_EQ(c->v[1].hi, 7);
	profile_free(p);
	c = when(&p, "{\"at\": \"/args/x\", \"op\": \"len\", \"value\": 4}");
	ASSERT_EQ(c->v[0].lo, 4);
	ASSERT_EQ(c->v[0].hi, 4);
	profile_free(p);
	c = when(&p, "{\"op\": \"time\", \"value\": {\"days\": [\"tue\", "
		     "\"sun\"], \"from\": \"22:30\", \"to\": \"06:00\", "
		     "\"zone\": \"-03:30\"}}");
	ASSERT_EQ(c->time.days, 1u << 1 | 1u << 6);
	ASSERT_EQ(c->time.from_min, 22 * 60 + 30);
	ASSERT_EQ(c->time.to_min, 360);
	ASSERT_EQ(c->time.offset_min, -210);
	profile_free(p);
	c = when(&p, "{\"op\": \"time\", \"value\": {\"days\": [\"mon\"]}}");
	ASSERT_EQ(c->time.from_min, 0);
	ASSERT_EQ(c->time.to_min, 1440);
	profile_free(p);
	c = when(&p, "{\"op\": \"count\", \"value\": {\"rule\": \"r\", "
		     "\"below\": 3, \"window\": 60}}");
	ASSERT_STREQ(c->name, "r");
	ASSERT_EQ(c->max, 3);
	ASSERT_EQ(c->window_us, 60000000);
	profile_free(p);
	c = when(&p, "{\"op\": \"seen\", \"value\": \"s\"}");
	ASSERT_STREQ(c->name, "s");
	profile_free(p);
	c = when(&p, "{\"op\": \"approvers\", \"value\": 2}");
	ASSERT_EQ(c->max, 2);
	profile_free(p);
	c = when(&p, "{\"at\": \"/run/labels\", \"op\": \"disjoint\", "
		     "\"value\": \"a\"}");
	ASSERT_EQ(c->op, OP_DISJOINT);
	profile_free(p);
}

TEST(labels_and_freeze)
{
	struct profile *p = parse(
		HEAD
		", \"labels\": {\"define\": {\"web\": \"x\"}, \"start\": "
		"[\"web\"], \"sources\": [{\"id\": \"s\", \"on\": "
		"\"network\", \"match\": {\"host\": \"*\"}, \"add\": "
		"[\"web\"]}]}, \"freeze\": [{\"on\": \"deny\", \"surface\": "
		"[\"network\", \"tools\"], \"count\": 20, \"window\": "
		"\"1m\", \"because\": \"knocks\"}, {\"on\": \"label\", "
		"\"labels\": \"web\"}]}");

	ASSERT_EQ(p->own.n_rules, 1);
	ASSERT_EQ(p->own.rule->effect, EFFECT_LABEL);
	ASSERT_STREQ(p->own.rule->labels_add.v[0], "web");
	ASSERT_EQ(p->own.n_triggers, 2);
	ASSERT_EQ(p->own.trigger[0].surfaces, ON(NETWORK) | ON(TOOLS));
	ASSERT_EQ(p->own.trigger[0].count, 20);
	ASSERT_EQ(p->own.trigger[0].window_us, 60000000);
	ASSERT_STREQ(p->own.trigger[0].because, "knocks");
	ASSERT_EQ(p->own.trigger[1].on, TRIGGER_LABEL);
	profile_free(p);
}

/* Cases, judged by the policy that they stand in. */
TEST(expect_cases)
{
	static const char text[] = HEAD
		",\n \"network\": {\"allow\": [\"example.com\"], \"ask\": "
		"[\"ask.de\"]},\n \"expect\": [\n"
		"{\"name\": \"yes\", \"on\": \"network\", \"request\": "
		"{\"host\": \"example.com\", \"port\": 443}, \"verdict\": "
		"\"allow\", \"rule\": \"network.allow:example.com\"},\n"
		"{\"on\": \"network\", \"request\": {\"host\": \"x.de\", "
		"\"port\": 443}, \"verdict\": \"deny\", \"reason\": "
		"\"no_rule\"},\n"
		"{\"on\": \"network\", \"request\": {\"host\": \"ask.de\", "
		"\"port\": 443}, \"verdict\": \"ask\", \"live\": false},\n"
		"{\"on\": \"network\", \"request\": {\"host\": \"ask.de\", "
		"\"port\": 443}, \"verdict\": \"deny\"},\n"
		"{\"on\": \"network\", \"request\": {\"host\": "
		"\"example.com\", \"port\": 443}, \"verdict\": \"allow\", "
		"\"rule\": \"other\"}]}";
	static const int want[] = { 1, 1, 1, 0, 0 };
	struct authority_env env = { .sets_dir = NULL };
	struct profile *p = parse(text);
	struct err e = ERR_INIT;
	struct policy *pol;

	if (profile_policy(p, &env, &pol, &e) < 0)
		FAIL("%s", e.text);
	profile_lines(p);
	ASSERT_EQ(p->n_expect, ARRAY_SIZE(want));
	for (size_t i = 0; i < p->n_expect; i++) {
		struct decision d;
		char why[256];

		ASSERT_EQ(expect_judge(pol, &p->expect[i], 1, &d, why,
				       sizeof(why)),
			  want[i]);
		ASSERT_EQ(!*why, want[i]);
		ASSERT_EQ(p->expect[i].line, i + 4);
	}
	ASSERT_FALSE(p->expect[2].live);
	ASSERT_STREQ(p->expect[0].name, "yes");
	policy_free(pol);
	profile_free(p);
}

/* An error that only the whole shows has the place of its rule. */
TEST(late_errors_have_a_place)
{
	char id[] = "r", file[] = "f.json", at[] = "/rules/0", name[] = "x";
	struct rule r = { .id = id,
			  .file = file,
			  .line = 7,
			  .at = at,
			  .effect = EFFECT_LIMIT,
			  .on = ON(TOOLS) };
	struct level l = { .name = name, .kind = LEVEL_PROFILE };
	const struct policy_spec s = { .name = name,
				       .level = &l,
				       .n_levels = 1,
				       .rule = &r,
				       .n_rules = 1 };
	struct err e = ERR_INIT;
	struct policy *pol;

	ASSERT_TRUE(authority_make(&s, &pol, &e) < 0);
	ASSERT_STREQ(e.text, "f.json:7: /rules/0: limit needs a rate, max_uses "
			     "or budget");
}

/* The fuzz target's promise in small: a thousand rules, quickly. */
TEST_LIMIT(many_rules, 20)
{
	char *text = malloc(1 << 20);
	size_t n = 0;
	struct authority_env env = { .sets_dir = NULL };
	struct err e = ERR_INIT;
	struct policy *pol;
	struct profile *p;

	ASSERT_NOT_NULL(text);
	n += (size_t)snprintf(text, 1 << 20, HEAD ", \"rules\": [");
	for (int i = 0; i < 5000; i++)
		n += (size_t)snprintf(text + n, (1 << 20) - n,
				      "%s\n{\"id\": \"r%d\", \"on\": "
				      "\"tools\", \"match\": {\"server\": "
				      "\"s%d\"}, \"effect\": \"allow\"}",
				      i ? "," : "", i, i % 100);
	n += (size_t)snprintf(text + n, (1 << 20) - n, "]}");
	if (profile_parse("t.json", text, n, &p, &e) < 0)
		FAIL("%s", e.text);
	ASSERT_EQ(p->own.n_rules, 5000);
	if (profile_policy(p, &env, &pol, &e) < 0)
		FAIL("%s", e.text);
	profile_lines(p);
	ASSERT_EQ(p->own.rule[4999].line, 5001);
	policy_free(pol);
	profile_free(p);
	free(text);
}
