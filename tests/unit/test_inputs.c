/* links: lib policy */
/* The input document of the record, value by value, and what is a secret. What
 * holds of all documents is in test_inputs_props.c. */
#include "policy/inputs.h"
#include "policy/secret.h"
#include "tests/tap.h"
#include "tests/tools/props.h"
#include "tests/tools/random_policy.h"
#include "tests/tools/some_digest.h"

#include <math.h>
#include <string.h>

struct written {
	char doc[INPUTS_SIZE_MAX], truths[INPUTS_SIZE_MAX];
	struct inputs in;
};

static int
write_it(const struct policy *p, const struct request *rq,
	 const struct decision *d, size_t size, struct written *w)
{
	return inputs_write(p, rq, d, some_digest, NULL, w->doc, size,
			    w->truths, sizeof(w->truths), &w->in);
}

static struct policy *
plain_policy(void)
{
	struct rule r = { .id = (char[]){ "all" },
			  .effect = EFFECT_ALLOW,
			  .on = ON_ALL };

	return random_policy_of(&r);
}

/* What one request looks like. */
static const char *
shown(const struct request *rq, struct written *w)
{
	struct policy *p = plain_policy();
	struct decision d = decided(p, rq);
	int r = write_it(p, rq, &d, sizeof(w->doc), w);

	policy_free(p);
	return r < 0 ? "-" : w->doc;
}

static bool
has_none(const char *doc, const char *part)
{
	return !strstr(doc, part);
}

/* One by one */

TEST(document)
{
	static struct written w;
	struct value args = { .type = VALUE_OBJECT },
		     amount = { .type = VALUE_REAL, .r = 0.1 },
		     n = { .type = VALUE_INT, .i = INT64_MIN },
		     flag = { .type = VALUE_BOOL, .b = true };
	struct request rq;

	request_init(&rq, SURFACE_TOOLS);
	request_set(&rq, ATTR_SERVER, "files");
	request_set(&rq, ATTR_TOOL, "caf\xc3\xa9 \"\\\n\x1b");
	args.first = &amount;
	args.n = 3;
	amount.key = "amount";
	amount.key_len = 6;
	amount.next = &n;
	n.key = "$withheld";
	n.key_len = 9;
	n.next = &flag;
	flag.key = "$$$withheld";
	flag.key_len = 11;
	request_set_value(&rq, ATTR_ARGS, &args);
	request_set(&rq, ATTR_RUN_ID, "r1");
	request_set(&rq, ATTR_RUN_AGENT, "a");
	ASSERT_STREQ(shown(&rq, &w),
		     "{\"surface\":\"tools\",\"server\":\"files\","
		     "\"tool\":\"caf\\u00e9 \\\"\\\\\\n\\u001b\","
		     "\"args\":{\"amount\":0.1,"
		     "\"$$withheld\":-9223372036854775808,"
		     "\"$$$$withheld\":true},"
		     "\"run\":{\"id\":\"r1\",\"agent\":\"a\"}}");
	ASSERT_EQ(w.in.truths_len, 0);
	ASSERT_EQ(w.in.withheld, 0);
}

TEST(marker)
{
	static struct written w;
	struct request rq;
	char text[2000];

	request_init(&rq, SURFACE_ADMIN);
	memset(text, 'a', sizeof(text));
	request_set_n(&rq, ATTR_VERB, text, INPUTS_STRING_MAX);
	ASSERT_TRUE(has_none(shown(&rq, &w), INPUTS_WITHHELD));
	request_set_n(&rq, ATTR_VERB, text, INPUTS_STRING_MAX + 1);
	ASSERT_TRUE(strstr(shown(&rq, &w),
			   "\",\"bytes\":1025,\"type\":\"string\"}"));
	ASSERT_EQ(w.in.withheld, UINT64_C(1) << ATTR_VERB);
	ASSERT_STREQ(w.truths, "[]");
	/* no JSON can say it */
	request_set_n(&rq, ATTR_VERB, "\xff", 1);
	ASSERT_TRUE(
		strstr(shown(&rq, &w), "\",\"bytes\":1,\"type\":\"string\"}"));
	request_set(&rq, ATTR_VERB, "v");
	rq.attr[ATTR_SIZE].type = VALUE_REAL;
	rq.attr[ATTR_SIZE].r = NAN;
	ASSERT_TRUE(strstr(shown(&rq, &w), "\",\"type\":\"real\"}"));
}

TEST(refused)
{
	static struct written w;
	struct policy *p = plain_policy();
	struct decision d = { .rule = -1 };
	struct request rq;

	request_init(&rq, SURFACE_ADMIN);
	ASSERT_EQ(write_it(p, &rq, &d, INPUTS_MIN, &w), 0);
	ASSERT_EQ(write_it(p, &rq, &d, INPUTS_MIN - 1, &w), -ENOSPC);
	request_set(&rq, ATTR_SURFACE, "tools");
	ASSERT_EQ(write_it(p, &rq, &d, INPUTS_MIN, &w), -EINVAL);
	rq.surface = SURFACE_MAX;
	ASSERT_EQ(write_it(p, &rq, &d, INPUTS_MIN, &w), -EINVAL);
	policy_free(p);
}

/* Who asks and when does not matter for what is asked. */
TEST(action_digest)
{
	static struct written a, b;
	struct request rq;
	char key[] = "ghp_0123456789012345678901234567890123456";

	request_init(&rq, SURFACE_CREDENTIALS);
	request_set(&rq, ATTR_NAME, "deploy");
	request_set(&rq, ATTR_RUN_ID, "one");
	shown(&rq, &a);
	request_set(&rq, ATTR_RUN_ID, "two");
	request_set_int(&rq, ATTR_RUN_AGE, 7);
	shown(&rq, &b);
	ASSERT_TRUE(memcmp(a.in.digest, b.in.digest, 32) == 0);
	request_set(&rq, ATTR_NAME, "deploz");
	shown(&rq, &b);
	ASSERT_TRUE(memcmp(a.in.digest, b.in.digest, 32) != 0);
	/* of what is withheld too */
	request_set(&rq, ATTR_USE, key);
	shown(&rq, &a);
	key[10] ^= 1;
	shown(&rq, &b);
	ASSERT_TRUE(memcmp(a.in.digest, b.in.digest, 32) != 0);
	ASSERT_TRUE(has_none(a.doc, "ghp_"));
}

/* Names and forms */

static const char *const secret_names[] = {
	"password",
	"Authorization",
	"proxy-authorization",
	"Cookie",
	"set-cookie",
	"X-Api-Key",
	"apiKey",
	"db_password",
	"DB_PASSWORD2",
	"access_token",
	"refreshToken",
	"client-secret",
	"private_key",
	"AWS_SECRET_ACCESS_KEY",
	"x-amz-security-token",
	"session_id",
	"credentials",
	"passphrase",
};
static const char *const plain_names[] = {
	"path",	    "max_tokens", "tokens",	"author",
	"keyboard", "passenger",  "compass_id", "secretary",
	"cookbook", "pinned",	  "tokenizer",
};

TEST(names)
{
	for (size_t i = 0; i < ARRAY_SIZE(secret_names); i++)
		if (!secret_name(secret_names[i], strlen(secret_names[i]),
				 false))
			FAIL("%s is a secret's name", secret_names[i]);
	for (size_t i = 0; i < ARRAY_SIZE(plain_names); i++)
		if (secret_name(plain_names[i], strlen(plain_names[i]), true))
			FAIL("%s is no secret's name", plain_names[i]);
	ASSERT_TRUE(secret_name("key", 3, true) &&
		    !secret_name("key", 3, false));
	ASSERT_TRUE(secret_name("X-Goog-Signature", 16, true));
}

static const char *const secret_texts[] = {
	"sk-ant-api03-0123456789abcdef",
	"use ghp_0123456789abcdefghij now",
	"AKIAIOSFODNN7EXAMPLE",
	"xoxb-1234567890-abcdef",
	"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
	"-----BEGIN RSA PRIVATE KEY-----\nMIIE",
	"Authorization: Bearer abc",
	"bearer 0123456789abcdef",
	"--password=hunter2",
	"PGPASSWORD=x psql",
	"{\"password\":\"hunter2\"}",
	"{\"password\":1234}",
	"password = \"x\"",
	"db_password: x",
	"https://me:hunter2@example.org/",
	"postgres://u:p@db/x",
	"curl 'https://example.org/?access_token=abc&x=1'",
	"hf_abcdefghijklmnopqrstuvwxyz",
};
static const char *const plain_texts[] = {
	"",
	"hello",
	"the password was reset",
	"/etc/passwd",
	"sk-learn",
	"https://example.org/a:b@c",
	"user@example.org",
	"if token == x",
	"GET /v1/tokens?limit=5",
	"password:reset",
	"-----BEGIN CERTIFICATE-----",
	"basic usage of a tool",
	"task-0123456789abcdefghijklmno",
	"eyJ.a.b",
	"2026-11-25T10:00:00Z",
};

TEST(forms)
{
	for (size_t i = 0; i < ARRAY_SIZE(secret_texts); i++)
		if (!secret_text(secret_texts[i], strlen(secret_texts[i])))
			FAIL("holds a secret: %s", secret_texts[i]);
	for (size_t i = 0; i < ARRAY_SIZE(plain_texts); i++)
		if (secret_text(plain_texts[i], strlen(plain_texts[i])))
			FAIL("holds no secret: %s", plain_texts[i]);
}

static struct value
text(const char *key, const char *s)
{
	struct value v = { .type = VALUE_STRING };

	v.key = key;
	v.key_len = (uint32_t)strlen(key);
	v.s = s;
	v.len = strlen(s);
	return v;
}

static void
of_two(struct value *ret, enum value_type t, struct value *a, struct value *b)
{
	*ret = (struct value){ .type = t };
	ret->first = a;
	ret->n = 2;
	a->next = b;
	b->next = NULL;
}

/* "hunter2" wherever its place says what it is, and nowhere else. */
TEST(places)
{
	static struct written w;
	struct value a, b, c;
	struct request rq;

	request_init(&rq, SURFACE_NETWORK);
	a = text("user-agent", "curl");
	b = text("x-api-key", "hunter2");
	of_two(&c, VALUE_OBJECT, &a, &b);
	request_set_value(&rq, ATTR_HEADERS, &c);
	ASSERT_TRUE(has_none(shown(&rq, &w), "hunter2") &&
		    strstr(w.doc, "curl"));
	b = text("key", "hunter2");
	request_set_value(&rq, ATTR_QUERY, &c);
	a.next = &b;
	ASSERT_TRUE(has_none(shown(&rq, &w), "hunter2"));

	request_init(&rq, SURFACE_TOOLS);
	request_set_value(&rq, ATTR_ARGS, &c);
	ASSERT_TRUE(strstr(shown(&rq, &w), "hunter2"));
	a = text("name", "Authorization");
	b = text("value", "hunter2");
	a.next = &b;
	ASSERT_TRUE(has_none(shown(&rq, &w), "hunter2"));
	a = text("name", "Accept");
	a.next = &b;
	ASSERT_TRUE(strstr(shown(&rq, &w), "hunter2"));

	request_init(&rq, SURFACE_PROCESS);
	a = text("", "--password");
	of_two(&c, VALUE_LIST, &a, &b);
	request_set_value(&rq, ATTR_ARGV, &c);
	ASSERT_TRUE(has_none(shown(&rq, &w), "hunter2") &&
		    strstr(w.doc, "--password"));
	a = text("", "-u");
	b = text("", "me:hunter2");
	of_two(&c, VALUE_LIST, &a, &b);
	ASSERT_TRUE(has_none(shown(&rq, &w), "hunter2"));
	a = text("", "--user-file");
	a.next = &b;
	ASSERT_TRUE(strstr(shown(&rq, &w), "hunter2"));

	request_init(&rq, SURFACE_MEMORY);
	request_set(&rq, ATTR_KEY, "/prod/db_password");
	request_set(&rq, ATTR_VALUE, "hunter2");
	ASSERT_TRUE(has_none(shown(&rq, &w), "hunter2"));
	request_set(&rq, ATTR_KEY, "/prod/db_host");
	ASSERT_TRUE(strstr(shown(&rq, &w), "hunter2"));
}
