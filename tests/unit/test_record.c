/* links: lib policy */
/* The decision record: what it says, that nothing in it steers a terminal, and
 * that it fits or is refused. */
#include "policy/decide.h"
#include "policy/policy_build.h"
#include "policy/text.h"
#include "tests/tap.h"

#include <string.h>

#define S(x)                                                                   \
	{                                                                      \
		.type = RULE_STRING, .s = (char *)(uintptr_t)(x)               \
	}
#define I(x)                                                                   \
	{                                                                      \
		.type = RULE_INT, .lo = (x), .hi = (x)                         \
	}
#define V(...)                                                                 \
	.v = (struct rule_value[]){ __VA_ARGS__ },                             \
	.n = sizeof((struct rule_value[]){ __VA_ARGS__ }) /                    \
	     sizeof(struct rule_value)
#define TEXT(x) ((char *)(uintptr_t)(x))

static const struct decide_time now = { 1764064800000000, 3600000000 };

static struct policy *
make(struct rule *rules, size_t n)
{
	struct level level = { .name = TEXT("base"),
			       .kind = LEVEL_PROFILE,
			       .ceiling = CLASS_SPAWN };
	struct trigger t = { .on = TRIGGER_DENY,
			     .surfaces = ON(TOOLS),
			     .count = 3,
			     .window_us = 90000000,
			     .because = TEXT("it \x1b[31mtries") };
	struct policy_spec s = { .name = TEXT("base"),
				 .level = &level,
				 .n_levels = 1,
				 .rule = rules,
				 .n_rules = n,
				 .trigger = &t,
				 .n_triggers = 1 };
	struct err e = ERR_INIT;
	struct policy *p;

	ASSERT_OK(strv_add(&s.labels, "private"));
	ASSERT_OK(strv_add(&s.labels, "web"));
	if (policy_make(&s, &p, NULL, &e) < 0)
		FAIL("%s", e.text);
	strv_done(&s.labels);
	return p;
}

/* Without the hash, which has a test of its own. */
static const char *
record(const struct policy *p, const struct request *rq, bool actual)
{
	static char text[4096];
	struct decision d;
	char *hash;
	int n;

	decide(p, rq, NULL, &now, &d);
	n = decision_json(p, rq, &d, 9, actual, text, sizeof(text));
	ASSERT_EQ((size_t)ASSERT_OK(n), strlen(text));
	hash = strstr(text, "\"hash\":\"");
	ASSERT_NOT_NULL(hash);
	memmove(hash + 8, hash + 8 + 64, strlen(hash + 8 + 64) + 1);
	return text;
}

TEST(whole_record)
{
	struct rule_cond le = { .op = OP_LE,
				.pointer = TEXT("/args/amount"),
				V(I(10000)) };
	struct rule_cond server = { .op = OP_IN,
				    .pointer = TEXT("/server"),
				    V(S("crm")) };
	struct rule r = { .id = TEXT("cap"),
			  .because = TEXT("Up to \"10k\""),
			  .file = TEXT("/p/x.json"),
			  .line = 12,
			  .effect = EFFECT_ALLOW,
			  .on = ON(TOOLS),
			  .match = &server,
			  .n_match = 1,
			  .when = &le,
			  .n_when = 1 };
	struct value amount = { .type = VALUE_INT,
				.key = "amount",
				.key_len = 6 };
	struct value args = { .type = VALUE_OBJECT };
	struct policy *p;
	struct request rq;

	ASSERT_OK(strv_add(&r.labels_add, "web"));
	p = make(&r, 1);
	strv_done(&r.labels_add);
	args.first = &amount;
	args.n = 1;
	amount.i = 5;
	request_init(&rq, SURFACE_TOOLS);
	request_set(&rq, ATTR_SERVER, "crm");
	request_set_value(&rq, ATTR_ARGS, &args);
	ASSERT_STREQ(record(p, &rq, true),
		     "{\"surface\":\"tools\",\"effect\":\"allow\","
		     "\"allowed\":true,\"reason\":\"allowed\",\"rule\":\"cap\","
		     "\"because\":\"Up to \\\"10k\\\"\",\"file\":\"/p/x.json\","
		     "\"line\":12,\"level\":\"profile\",\"profile\":\"base\","
		     "\"policy\":\"base\",\"hash\":\"\",\"epoch\":9,"
		     "\"failed\":null,\"matches\":1,\"matched\":[{\"rule\":"
		     "\"cap\",\"effect\":\"allow\",\"how\":\"true\"}],"
		     "\"labels_add\":[\"web\"],\"labels_clear\":[],"
		     "\"redact\":[]}");
	amount.i = 20000;
	ASSERT_STREQ(record(p, &rq, true),
		     "{\"surface\":\"tools\",\"effect\":\"deny\","
		     "\"allowed\":false,\"reason\":\"condition\",\"rule\":null,"
		     "\"level\":\"profile\",\"profile\":\"base\","
		     "\"policy\":\"base\",\"hash\":\"\",\"epoch\":9,"
		     "\"failed\":{\"rule\":\"cap\",\"condition\":1,"
		     "\"at\":\"/args/amount\",\"expected\":\"<= 10000\","
		     "\"actual\":\"20000\",\"unknown\":false},\"matches\":0,"
		     "\"matched\":[],\"labels_add\":[],\"labels_clear\":[],"
		     "\"redact\":[]}");
	ASSERT_NULL(strstr(record(p, &rq, false), "20000"));
	amount.type = VALUE_NONE;
	ASSERT_STRSTR(record(p, &rq, true),
		      "\"actual\":\"missing\",\"unknown\":true");
	policy_free(p);
}

/* What an agent sends is shown, but never as it is. */
TEST(nothing_steers)
{
	static const char evil[] = "\x1b]0;x\x07\n\"\\\xff\xc3\xa9"
				   "\xe2\x80\xae\x7f\0tail";
	struct rule_cond eq = { .op = OP_EQ,
				.pointer = TEXT("/tool"),
				V(S("a")) };
	struct rule r = { .id = TEXT("r"),
			  .effect = EFFECT_ALLOW,
			  .on = ON(TOOLS),
			  .when = &eq,
			  .n_when = 1 };
	struct policy *p = make(&r, 1);
	struct request rq;
	const char *text;

	request_init(&rq, SURFACE_TOOLS);
	request_set_n(&rq, ATTR_TOOL, evil, sizeof(evil) - 1);
	text = record(p, &rq, true);
	for (const char *c = text; *c; c++)
		ASSERT_TRUE(*c >= 0x20 && *c < 0x7f);
	ASSERT_STRSTR(text, "\\\\x1b]0;x\\\\x07");
	ASSERT_STRSTR(text, "\\u00e9");
	ASSERT_STRSTR(text, "\\\\x00tail");
	ASSERT_NULL(strstr(text, "\\u202e"));
	policy_free(p);
}

static const char *
expected(struct rule_cond c)
{
	static char text[256];
	struct rule rules[2] = { { .id = TEXT("r"),
				   .effect = EFFECT_ALLOW,
				   .on = ON(TOOLS),
				   .when = &c,
				   .n_when = 1 },
				 { .id = TEXT("s"),
				   .effect = EFFECT_ALLOW,
				   .on = ON(TOOLS),
				   .step = TEXT("draft") } };
	struct policy *p = make(rules, 2);

	cond_expected(p, 0, 0, text, sizeof(text));
	policy_free(p);
	return text;
}

#define AT .pointer = TEXT("/args/x")

TEST(conditions_in_words)
{
	struct rule_value range = { .type = RULE_RANGE, .lo = 1, .hi = 5 };
	struct rule_value real = { .type = RULE_REAL, .r = 0.5 };
	struct rule_value yes = { .type = RULE_BOOL, .b = true };
	struct rule_value net;

	ASSERT_OK(cidr_parse("10.0.0.0/8", &net));
	ASSERT_STREQ(expected((struct rule_cond){ OP_EQ, AT, V(S("a\"b")) }),
		     "\"a\\\"b\"");
	ASSERT_STREQ(expected((struct rule_cond){ OP_NE, AT, V(I(-1)) }),
		     "not -1");
	ASSERT_STREQ(expected((struct rule_cond){ OP_IN, AT, V(S("a"), I(1)) }),
		     "one of [\"a\", 1]");
	ASSERT_STREQ(expected((struct rule_cond){ OP_GLOB, AT, V(S("a*")) }),
		     "matches \"a*\"");
	ASSERT_STREQ(expected((struct rule_cond){ OP_GT, AT, V(real) }),
		     "> 0.5");
	ASSERT_STREQ(expected((struct rule_cond){ OP_RANGE, AT, V(range) }),
		     "within 1..5");
	ASSERT_STREQ(expected((struct rule_cond){ OP_LEN, AT, V(range) }),
		     "length 1..5");
	ASSERT_STREQ(expected((struct rule_cond){ OP_CIDR, AT, V(net) }),
		     "within 10.0.0.0/8");
	ASSERT_STREQ(expected((struct rule_cond){ OP_EXISTS, AT, V(yes) }),
		     "there");
	ASSERT_STREQ(expected((struct rule_cond){
			     OP_DISJOINT, .pointer = TEXT("/run/labels"),
			     V(S("web")) }),
		     "disjoint from [\"web\"]");
	ASSERT_STREQ(expected((struct rule_cond){
			     OP_TIME, .time = { 0x1f, 480, 1080, 60 } }),
		     "mon tue wed thu fri 08:00-18:00 +01:00");
	ASSERT_STREQ(expected((struct rule_cond){ OP_COUNT, .name = TEXT("s"),
						  .max = 2,
						  .window_us = 3600000000 }),
		     "fewer than 2 of rule \"s\" within 1h");
	ASSERT_STREQ(
		expected((struct rule_cond){ OP_SEEN, .name = TEXT("draft") }),
		"after the step \"draft\"");
	ASSERT_STREQ(expected((struct rule_cond){ OP_APPROVERS, .max = 2 }),
		     "at least 2 approvers");
}

TEST(trigger_text)
{
	struct rule r = { .id = TEXT("r"),
			  .effect = EFFECT_ALLOW,
			  .on = ON(TOOLS) };
	struct policy *p = make(&r, 1);
	char text[128];

	ASSERT_STREQ(policy_trigger_text(p, 0, text, sizeof(text)),
		     "3 denials within 90s: it \\x1b[31mtries");
	ASSERT_STREQ(policy_trigger_text(p, 0, text, 16), "3 denials...");
	ASSERT_STREQ(policy_trigger_text(p, 1, text, sizeof(text)), "");
	ASSERT_STREQ(policy_trigger_text(p, -1, text, sizeof(text)), "");
	policy_free(p);
}

/* Any size: all of it, or -ENOSPC and nothing behind the end. */
TEST(fits_or_is_refused)
{
	struct rule r = { .id = TEXT("r"),
			  .effect = EFFECT_DENY,
			  .on = ON(TOOLS) };
	struct policy *p = make(&r, 1);
	char whole[2048], part[2048];
	struct request rq;
	struct decision d;
	int n;

	request_init(&rq, SURFACE_TOOLS);
	decide(p, &rq, NULL, &now, &d);
	n = ASSERT_OK(decision_json(p, &rq, &d, 0, true, whole, sizeof(whole)));
	for (size_t size = 0; size <= (size_t)n; size++) {
		memset(part, 'x', sizeof(part));
		ASSERT_ERR(decision_json(p, &rq, &d, 0, true, part, size),
			   -ENOSPC);
		ASSERT_EQ(part[size], 'x');
	}
	ASSERT_EQ(decision_json(p, &rq, &d, 0, true, part, (size_t)n + 1), n);
	ASSERT_STREQ(part, whole);
	policy_free(p);
}

/* More rules match than are listed: everything that may be meant is redacted.
 */
TEST(redaction_is_never_forgotten)
{
	enum { MANY = DECISION_MATCHED_MAX + 10 };
	static struct rule rules[MANY];
	static char id[MANY][8];
	struct policy *p;
	struct request rq;
	struct decision d;
	bool found = false;
	const char *s;

	for (int i = 0; i < MANY; i++) {
		snprintf(id[i], sizeof(id[i]), "r%03d", i);
		rules[i] = (struct rule){ .id = id[i],
					  .effect = EFFECT_ALLOW,
					  .on = ON(TOOLS) };
	}
	rules[MANY - 1].effect = EFFECT_REDACT;
	ASSERT_OK(strv_add(&rules[MANY - 1].redact, "/result/secret"));
	p = make(rules, MANY);
	strv_done(&rules[MANY - 1].redact);
	request_init(&rq, SURFACE_TOOLS);
	decide(p, &rq, NULL, &now, &d);
	ASSERT_EQ(d.effect, EFFECT_REDACT);
	ASSERT_EQ(d.n_matched, (uint32_t)MANY);
	for (size_t i = 0; (s = decision_redact(p, &d, i)); i++)
		found = found || !strcmp(s, "/result/secret");
	ASSERT_TRUE(found);
	policy_free(p);
}

TEST(text_cuts_whole_characters)
{
	char buf[8];
	struct text t = text_into(buf, sizeof(buf));

	text_put(&t, "abc\xc3\xa9xy", 7);
	ASSERT_STREQ(buf, "abc\xc3\xa9xy");
	text_put(&t, "z", 1);
	text_end(&t);
	ASSERT_STREQ(buf, "abc...");
}
