/* links: lib policy */
/* Names and their tables, the document that is decided on, and which rule takes
 * in which. */
#include "policy/decide.h"
#include "policy/policy_build.h"
#include "tests/tap.h"

#include <string.h>

TEST(names_go_back)
{
	for (int i = 0; i < SURFACE_MAX; i++)
		ASSERT_EQ(surface_from_name(surface_name((enum surface)i)), i);
	for (int i = 0; i < CLASS_MAX; i++)
		ASSERT_EQ(class_from_name(class_name((enum action_class)i)), i);
	for (int i = 0; i < OP_MAX; i++)
		ASSERT_EQ(op_from_name(op_name((enum cond_op)i)), i);
	for (int i = EFFECT_ALLOW; i < EFFECT_MAX; i++)
		ASSERT_EQ(effect_from_name(effect_name((enum effect)i)), i);
	for (int i = 0; i < REASON_MAX; i++)
		ASSERT_NE(reason_name((enum reason)i)[0], '?');
	ASSERT_STREQ(effect_name(EFFECT_NONE), "deny");
	ASSERT_ERR(effect_from_name("label"), -EINVAL);
	ASSERT_ERR(effect_from_name("none"), -EINVAL);
	ASSERT_ERR(surface_from_name("Files"), -EINVAL);
	ASSERT_ERR(surface_from_name(""), -EINVAL);
	ASSERT_ERR(class_from_name("reads"), -EINVAL);
	ASSERT_ERR(op_from_name("=="), -EINVAL);
}

TEST(attributes)
{
	for (int a = 0; a < ATTR_MAX; a++) {
		const char *rest = NULL;

		ASSERT_EQ(attr_from_pointer(attr_pointer((enum attr)a), &rest),
			  a);
		ASSERT_STREQ(rest, "");
		ASSERT_NE(attr_surfaces((enum attr)a), 0u);
		ASSERT_NE(attr_text((enum attr)a)[0], '\0');
		if (attr_kind((enum attr)a) == KIND_WORD)
			ASSERT_NOT_NULL(attr_words((enum attr)a));
		else
			ASSERT_NULL(attr_words((enum attr)a));
	}
}

TEST(pointers)
{
	static const struct {
		const char *pointer;
		int attr;
		const char *rest;
	} t[] = {
		{ "/args/amount", ATTR_ARGS, "/amount" },
		{ "/args", ATTR_ARGS, "" },
		{ "/args/", ATTR_ARGS, "/" },
		{ "/result/a/0/b", ATTR_RESULT, "/a/0/b" },
		{ "/run/labels", ATTR_RUN_LABELS, "" },
		{ "/argsx", -ENOENT, NULL },
		{ "/host/x", -ENOENT, NULL },
		{ "/argv/0", -ENOENT, NULL },
		{ "/run", -ENOENT, NULL },
		{ "/data", -ENOENT, NULL },
		{ "args", -ENOENT, NULL },
		{ "", -ENOENT, NULL },
		{ "/", -ENOENT, NULL },
		{ "/Host", -ENOENT, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		const char *rest = NULL;

		ASSERT_EQ(attr_from_pointer(t[i].pointer, &rest), t[i].attr);
		if (t[i].rest)
			ASSERT_STREQ(rest, t[i].rest);
		else
			ASSERT_NULL(rest);
	}
}

static struct value
text(const char *key, const char *s, const struct value *after)
{
	struct value v = { .type = VALUE_STRING, .key = key, .next = after };

	v.key_len = key ? (uint32_t)strlen(key) : 0;
	v.s = s;
	v.len = strlen(s);
	return v;
}

TEST(get)
{
	struct value c = text(NULL, "two", NULL), b = text(NULL, "one", &c);
	struct value list = { .type = VALUE_LIST, .key = "l", .key_len = 1 };
	struct value odd = text("a/b~c", "odd", &list);
	struct value object = { .type = VALUE_OBJECT };
	struct request rq;

	list.first = &b;
	list.n = 2;
	object.first = &odd;
	object.n = 2;
	request_init(&rq, SURFACE_TOOLS);
	request_set_value(&rq, ATTR_ARGS, &object);
	request_set_int(&rq, ATTR_SIZE, 7);
	ASSERT_EQ(request_get(&rq, "/surface")->len, 5u);
	ASSERT_EQ(request_get(&rq, "/size")->i, 7);
	ASSERT_EQ(request_get(&rq, "/args"), &rq.attr[ATTR_ARGS]);
	ASSERT_EQ(request_get(&rq, "/args/a~1b~0c"), &odd);
	ASSERT_EQ(request_get(&rq, "/args/l"), &list);
	ASSERT_EQ(request_get(&rq, "/args/l/0"), &b);
	ASSERT_EQ(request_get(&rq, "/args/l/1"), &c);
	ASSERT_NULL(request_get(&rq, "/args/l/2"));
	ASSERT_NULL(request_get(&rq, "/args/l/00"));
	ASSERT_NULL(request_get(&rq, "/args/l/-"));
	ASSERT_NULL(request_get(&rq, "/args/l/"));
	ASSERT_NULL(request_get(&rq, "/args/a~1b~2c"));
	ASSERT_NULL(request_get(&rq, "/args/a~1b"));
	ASSERT_NULL(request_get(&rq, "/args/l/0/x"));
	ASSERT_NULL(request_get(&rq, "/tool"));
	ASSERT_NULL(request_get(&rq, "/nothing"));
}

static const char *
derived(enum surface s, enum attr a, const char *word)
{
	static char buf[16];
	struct request rq;
	const struct value *v;

	request_init(&rq, s);
	if (word)
		request_set(&rq, a, word);
	request_derive(&rq);
	v = request_get(&rq, "/class");
	if (!v)
		return "none";
	snprintf(buf, sizeof(buf), "%.*s", (int)v->len, v->s);
	return buf;
}

TEST(derive)
{
	static const struct {
		enum surface s;
		enum attr a;
		const char *word, *want;
	} t[] = {
		{ SURFACE_FILES, ATTR_ACCESS, "read", "read" },
		{ SURFACE_FILES, ATTR_ACCESS, "write", "write" },
		{ SURFACE_FILES, ATTR_ACCESS, "delete", "delete" },
		{ SURFACE_FILES, ATTR_ACCESS, "exec", "read" },
		{ SURFACE_FILES, ATTR_ACCESS, "append", "none" },
		{ SURFACE_FILES, ATTR_ACCESS, NULL, "none" },
		{ SURFACE_PROCESS, ATTR_PATH, "/bin/ls", "read" },
		{ SURFACE_NETWORK, ATTR_METHOD, "GET", "read" },
		{ SURFACE_NETWORK, ATTR_METHOD, "HEAD", "read" },
		{ SURFACE_NETWORK, ATTR_METHOD, "OPTIONS", "read" },
		{ SURFACE_NETWORK, ATTR_METHOD, "POST", "send" },
		{ SURFACE_NETWORK, ATTR_METHOD, "get", "send" },
		{ SURFACE_NETWORK, ATTR_METHOD, NULL, "send" },
		{ SURFACE_MEMORY, ATTR_OP, "get", "read" },
		{ SURFACE_MEMORY, ATTR_OP, "list", "read" },
		{ SURFACE_MEMORY, ATTR_OP, "search", "read" },
		{ SURFACE_MEMORY, ATTR_OP, "put", "write" },
		{ SURFACE_MEMORY, ATTR_OP, "delete", "delete" },
		{ SURFACE_MEMORY, ATTR_OP, NULL, "none" },
		{ SURFACE_CREDENTIALS, ATTR_NAME, "x", "read" },
		{ SURFACE_HANDOFFS, ATTR_TO, "x", "delegate" },
		{ SURFACE_TOOLS, ATTR_TOOL, "x", "none" },
		{ SURFACE_ADMIN, ATTR_VERB, "kill", "none" },
		/* what is said stays */
		{ SURFACE_NETWORK, ATTR_CLASS, "pay", "pay" },
		{ SURFACE_TOOLS, ATTR_CLASS, "read", "read" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		ASSERT_STREQ(derived(t[i].s, t[i].a, t[i].word), t[i].want);
}

/* Rules that take in others. The constants are static, nothing is freed. */

#define S(x)                                                                   \
	{                                                                      \
		.type = RULE_STRING, .s = (char *)(uintptr_t)(x)               \
	}
#define I(x)                                                                   \
	{                                                                      \
		.type = RULE_INT, .lo = (x)                                    \
	}
#define R(x, y)                                                                \
	{                                                                      \
		.type = RULE_RANGE, .lo = (x), .hi = (y)                       \
	}
#define B(x)                                                                   \
	{                                                                      \
		.type = RULE_BOOL, .b = (x)                                    \
	}
#define C(o, at, ...)                                                          \
	{                                                                      \
		.op = OP_##o, .pointer = (char *)(uintptr_t)(at),              \
		.v = (struct rule_value[]){ __VA_ARGS__ },                     \
		.n = sizeof((struct rule_value[]){ __VA_ARGS__ }) /            \
		     sizeof(struct rule_value)                                 \
	}
#define AT "/args/x"

struct cond_row {
	struct rule_cond a, b;
	bool want;
};

static bool
covers(struct rule_cond a, struct rule_cond b)
{
	struct rule ra = { .on = ON(TOOLS), .match = &a, .n_match = 1 };
	struct rule rb = { .on = ON(TOOLS), .when = &b, .n_when = 1 };

	return rule_covers(&ra, &rb);
}

TEST(conditions_that_follow)
{
	struct cond_row t[] = {
		{ C(EQ, AT, S("a")), C(EQ, AT, S("a")), true },
		{ C(EQ, AT, S("a")), C(EQ, AT, S("b")), false },
		{ C(EQ, AT, S("a")), C(EQ, "/args/y", S("a")), false },
		{ C(EQ, AT, I(1)), C(EQ, AT, S("1")), false },
		{ C(IN, AT, S("a"), S("b")), C(EQ, AT, S("b")), true },
		{ C(IN, AT, S("a"), S("b")), C(IN, AT, S("b"), S("c")), false },
		{ C(IN, AT, S("a"), S("b")), C(IN, AT, S("b"), S("a")), true },
		{ C(NE, AT, S("a")), C(EQ, AT, S("b")), true },
		{ C(NE, AT, S("a")), C(EQ, AT, S("a")), false },
		/* different types compare as unknown */
		{ C(NE, AT, S("a")), C(EQ, AT, I(1)), false },
		{ C(NE, AT, S("a")), C(NE, AT, S("a")), true },
		{ C(NE, AT, S("a")), C(NE, AT, S("b")), false },
		{ C(PREFIX, AT, S("ab")), C(PREFIX, AT, S("abc")), true },
		{ C(PREFIX, AT, S("abc")), C(PREFIX, AT, S("ab")), false },
		{ C(PREFIX, AT, S("ab")), C(EQ, AT, S("abc")), true },
		{ C(SUFFIX, AT, S("c")), C(SUFFIX, AT, S("bc")), true },
		{ C(SUFFIX, AT, S("c")), C(PREFIX, AT, S("bc")), false },
		{ C(GLOB, AT, S("a*")), C(IN, AT, S("ab"), S("ac")), true },
		{ C(GLOB, AT, S("a*")), C(IN, AT, S("ab"), S("bc")), false },
		{ C(GLOB, AT, S("a*")), C(GLOB, AT, S("ab*")), true },
		{ C(GLOB, AT, S("a*"), S("b*")),
		  C(GLOB, AT, S("ab*"), S("bc*")), true },
		{ C(GLOB, AT, S("ab*")), C(GLOB, AT, S("a*")), false },
		{ C(HOST, AT, S("*.a.org")), C(HOST, AT, S("b.a.org")), true },
		{ C(HOST, AT, S("*.a.org")), C(EQ, AT, S("b.a.org")), true },
		{ C(HOST, AT, S("b.a.org")), C(HOST, AT, S("*.a.org")), false },
		{ C(REGEX, AT, S("a+")), C(REGEX, AT, S("a+")), true },
		{ C(REGEX, AT, S("a+")), C(EQ, AT, S("a")), false },
		{ C(REGION, AT, S("eu")), C(REGION, AT, S("eu-west-1")), true },
		{ C(REGION, AT, S("eu")), C(EQ, AT, S("europe")), false },
		{ C(LE, AT, I(10)), C(LE, AT, I(10)), true },
		{ C(LE, AT, I(10)), C(LT, AT, I(10)), true },
		{ C(LT, AT, I(10)), C(LE, AT, I(10)), false },
		{ C(LT, AT, I(10)), C(LE, AT, I(9)), true },
		{ C(LE, AT, I(10)), C(GE, AT, I(5)), false },
		{ C(GE, AT, I(10)), C(GT, AT, I(10)), true },
		{ C(GT, AT, I(10)), C(GE, AT, I(10)), false },
		{ C(LE, AT, I(10)), C(RANGE, AT, R(1, 10)), true },
		{ C(LT, AT, I(10)), C(RANGE, AT, R(1, 10)), false },
		{ C(LE, AT, I(10)), C(EQ, AT, I(10)), true },
		{ C(LE, AT, I(10)), C(IN, AT, I(3), S("x")), false },
		{ C(RANGE, AT, R(1, 10)), C(RANGE, AT, R(2, 3), R(5, 10)),
		  true },
		{ C(RANGE, AT, R(1, 10)), C(RANGE, AT, R(2, 11)), false },
		{ C(RANGE, AT, R(1, 10)), C(LE, AT, I(5)), false },
		{ C(LEN, AT, R(0, 10)), C(LEN, AT, R(1, 2)), true },
		{ C(LEN, AT, R(0, 10)), C(RANGE, AT, R(1, 2)), false },
		{ C(RANGE, AT, R(0, 10)), C(LEN, AT, R(1, 2)), false },
		{ C(EXISTS, AT, B(true)), C(EQ, AT, I(1)), true },
		{ C(EXISTS, AT, B(true)), C(EXISTS, AT, B(false)), false },
		{ C(EXISTS, AT, B(false)), C(EXISTS, AT, B(false)), true },
		{ C(EXISTS, AT, B(false)), C(EQ, AT, I(1)), false },
		{ C(EQ, AT, I(1)), C(EXISTS, AT, B(true)), false },
		{ C(SUBSET, AT, S("a"), S("b")), C(SUBSET, AT, S("a")), true },
		{ C(SUBSET, AT, S("a")), C(SUBSET, AT, S("a"), S("b")), false },
		{ C(SUPERSET, AT, S("a")), C(SUPERSET, AT, S("a"), S("b")),
		  true },
		{ C(SUPERSET, AT, S("a"), S("b")), C(SUPERSET, AT, S("a")),
		  false },
		{ C(DISJOINT, AT, S("a")), C(DISJOINT, AT, S("a"), S("b")),
		  true },
		{ C(DISJOINT, AT, S("a"), S("b")), C(DISJOINT, AT, S("a")),
		  false },
		{ C(DISJOINT, AT, S("a")), C(SUBSET, AT, S("b")), true },
		{ C(DISJOINT, AT, S("a")), C(SUBSET, AT, S("a"), S("b")),
		  false },
		{ C(INTERSECTS, AT, S("a"), S("b")), C(INTERSECTS, AT, S("a")),
		  true },
		{ C(INTERSECTS, AT, S("a")), C(SUPERSET, AT, S("a"), S("c")),
		  true },
		{ C(INTERSECTS, AT, S("a")), C(EQ, AT, S("a")), false },
		/* "Example*" never matches: names are compared in lower case */
		{ C(GLOB, "/host", S("Example*")),
		  C(EQ, "/host", S("Example.com")), false },
		{ C(HOST, "/host", S("Example.com")),
		  C(EQ, "/host", S("example.COM")), true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (covers(t[i].a, t[i].b) != t[i].want)
			FAIL("row %zu: %s over %s is not %d", i,
			     op_name(t[i].a.op), op_name(t[i].b.op), t[i].want);
}

TEST(networks_that_follow)
{
	struct rule_value wide, narrow;
	struct rule_cond a = { .op = OP_CIDR,
			       .pointer = (char[]){ "/address" },
			       .v = &wide,
			       .n = 1 };
	struct rule_cond b = a;
	struct rule_cond eq = C(EQ, "/address", S("10.1.2.3"));

	b.v = &narrow;
	ASSERT_OK(cidr_parse("10.0.0.0/8", &wide));
	ASSERT_OK(cidr_parse("10.1.0.0/16", &narrow));
	ASSERT_TRUE(covers(a, b));
	ASSERT_FALSE(covers(b, a));
	ASSERT_TRUE(covers(a, eq));
	ASSERT_OK(cidr_parse("::/0", &wide));
	ASSERT_FALSE(covers(a, b));
	ASSERT_FALSE(covers(a, eq));
}

TEST(run_conditions_that_follow)
{
	struct rule_cond day = { .op = OP_TIME,
				 .time = { 0x1f, 480, 1080, 0 } };
	struct rule_cond noon = { .op = OP_TIME,
				  .time = { 0x01, 720, 780, 0 } };
	struct rule_cond night = { .op = OP_TIME,
				   .time = { 0x1f, 1080, 480, 0 } };
	struct rule_cond two = { .op = OP_APPROVERS, .max = 2 }, one = two;
	struct rule_cond few = { .op = OP_COUNT,
				 .name = (char[]){ "r" },
				 .max = 2,
				 .window_us = 5 };
	struct rule_cond many = few, other = few;
	struct rule_cond seen = { .op = OP_SEEN, .name = (char[]){ "s" } };

	one.max = 1;
	many.max = 9;
	other.window_us = 6;
	ASSERT_TRUE(covers(day, noon));
	ASSERT_FALSE(covers(noon, day));
	ASSERT_TRUE(covers(night, night));
	ASSERT_FALSE(covers(day, night));
	noon.time.offset_min = 60;
	ASSERT_FALSE(covers(day, noon));
	ASSERT_TRUE(covers(one, two));
	ASSERT_FALSE(covers(two, one));
	ASSERT_TRUE(covers(many, few));
	ASSERT_FALSE(covers(few, many));
	ASSERT_FALSE(covers(few, other));
	ASSERT_TRUE(covers(seen, seen));
	ASSERT_FALSE(covers(seen, one));
}

TEST(bounds)
{
	struct rule a = { .on = ON(TOOLS) | ON(NETWORK) },
		    b = { .on = ON(TOOLS) };
	char amount[] = "/args/amount";

	ASSERT_TRUE(rule_covers(&a, &b));
	ASSERT_FALSE(rule_covers(&b, &a));
	b.on = a.on;
	a.not_after_us = 5;
	ASSERT_FALSE(rule_covers(&a, &b));
	b.not_after_us = 6;
	ASSERT_FALSE(rule_covers(&a, &b));
	b.not_after_us = 5;
	ASSERT_TRUE(rule_covers(&a, &b));
	a.max_uses = 2;
	ASSERT_FALSE(rule_covers(&a, &b));
	b.max_uses = 2;
	ASSERT_TRUE(rule_covers(&a, &b));
	a.rate = (struct rule_rate){ 10, 60 };
	ASSERT_FALSE(rule_covers(&a, &b));
	b.rate = (struct rule_rate){ 10, 30 };
	ASSERT_FALSE(rule_covers(&a, &b));
	b.rate = (struct rule_rate){ 9, 120 };
	ASSERT_TRUE(rule_covers(&a, &b));
	a.budget = (struct rule_budget){ amount, 100, 0 };
	ASSERT_FALSE(rule_covers(&a, &b));
	b.budget = (struct rule_budget){ amount, 100, 60 };
	ASSERT_FALSE(rule_covers(&a, &b));
	b.budget.window_us = 0;
	ASSERT_TRUE(rule_covers(&a, &b));
	b.budget.max = 101;
	ASSERT_FALSE(rule_covers(&a, &b));
}

TEST(copy_is_deep)
{
	struct rule_cond a = C(IN, AT, S("a"), S("b"));
	struct rule from = { .id = (char[]){ "r" },
			     .on = ON(TOOLS),
			     .match = &a,
			     .n_match = 1,
			     .max_uses = 3,
			     .step = (char[]){ "draft" } };
	struct rule to;

	ASSERT_OK(strv_add(&from.labels_add, "web"));
	ASSERT_OK(strv_add(&from.redact, "/result"));
	ASSERT_OK(rule_copy(&from, &to));
	ASSERT_NE(to.id, from.id);
	ASSERT_NE(to.match[0].v[1].s, a.v[1].s);
	ASSERT_STREQ(to.id, "r");
	ASSERT_STREQ(to.step, "draft");
	ASSERT_STREQ(to.match[0].v[1].s, "b");
	ASSERT_STREQ(to.labels_add.v[0], "web");
	ASSERT_STREQ(to.redact.v[0], "/result");
	ASSERT_EQ(to.max_uses, 3u);
	ASSERT_TRUE(rule_covers(&from, &to) && rule_covers(&to, &from));
	rule_done(&to);
	ASSERT_NULL(to.id);
	strv_done(&from.labels_add);
	strv_done(&from.redact);
}
