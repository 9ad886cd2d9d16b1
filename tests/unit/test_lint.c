/* links: lib policy sandbox profiles */
/* What loads and is told of all the same; and that what is good is not. */
#include "profiles/lint.h"

#include "tests/tap.h"

#include <string.h>

#define HEAD "{\"version\": 1, \"name\": \"x\", "
#define EXEC "\"role\": \"execute\", "
#define EXPECT                                                                 \
	"\"expect\": [{\"on\": \"tools\", \"request\": {}, \"verdict\": "      \
	"\"deny\"}], "

static const struct lint_host anywhere = {
	.landlock_abi = -1, .wall_us = INT64_C(1700000000) * 1000000
};

static void
lint_text(const char *text, const struct lint_host *host, struct lint *ret)
{
	struct authority_env env = { .sets_dir = NULL };
	struct err e = ERR_INIT;
	struct policy_spec s;
	struct profile *p;

	if (profile_parse("t.json", text, strlen(text), &p, &e) < 0)
		FAIL("%s", e.text);
	if (profile_authority(p, &env, &s, &e) < 0)
		FAIL("%s", e.text);
	ASSERT_OK(profile_lint(p, &s, host, ret));
	policy_spec_done(&s);
	profile_free(p);
}

/* A document, and the findings: "severity code: part of the text", in order,
 * each a line. Notes on reasons are told for every rule and left out here. */
static const struct {
	const char *text, *want;
} cases[] = {
	{ HEAD EXEC EXPECT "\"network\": {\"allow\": [\"a.de\"]}}", "" },
	/* denied by something wider */
	{ HEAD EXEC EXPECT
	  "\"network\": {\"allow\": [\"a.b.de\"], \"deny\": [\"*.b.de\"]}}",
	  "warning unreachable: \"network.allow:a.b.de\" never grants "
	  "anything: \"network.deny:*.b.de\" (line 1) denies all of it\n" },
	/* but not by what only records */
	{ HEAD EXEC EXPECT
	  "\"network\": {\"allow\": [\"a.b.de\"], \"deny\": [{\"host\": "
	  "\"*.b.de\", \"mode\": \"observe\"}]}}",
	  "" },
	/* or holds sometimes */
	{ HEAD EXEC EXPECT
	  "\"network\": {\"allow\": [\"a.b.de\"], \"deny\": [{\"host\": "
	  "\"*.b.de\", \"when\": [{\"op\": \"time\", \"value\": {\"days\": "
	  "[\"sun\"]}}]}]}}",
	  "" },
	{ HEAD EXEC EXPECT "\"tools\": {\"allow\": [\"a/*\", \"a/b\"]}}",
	  "warning unreachable: \"tools.allow:a/b\" adds nothing: "
	  "\"tools.allow:a/*\" (line 1) grants all of it already\n" },
	/* told once of two that are the same */
	{ HEAD EXEC EXPECT
	  "\"tools\": {\"allow\": [\"a/b\", {\"server\": \"a\", \"tool\": "
	  "\"b\"}]}}",
	  "warning unreachable: \"tools.allow:server=a,tool=b\" adds nothing: "
	  "\"tools.allow:a/b\" (line 1) grants all of it already\n" },
	{ HEAD EXEC EXPECT
	  "\"tools\": {\"allow\": [\"a/*\", {\"server\": \"a\", \"tool\": "
	  "\"b\", \"rate\": \"3/m\"}]}}",
	  "warning unreachable: the conditions of \"tools.allow:server=a,"
	  "tool=b\" hold nothing back: \"tools.allow:a/*\" (line 1) grants all "
	  "of it without them\n" },
	{ HEAD EXEC EXPECT "\"tools\": {\"deny\": [\"a/*\", \"a/b\"]}}",
	  "note unreachable: \"tools.deny:a/b\" adds nothing: "
	  "\"tools.deny:a/*\" (line 1) denies all of it already\n" },
	{ HEAD EXEC EXPECT
	  "\"tools\": {\"allow\": [{\"server\": \"a\", \"not_after\": "
	  "\"2020-01-01T00:00:00Z\"}]}}",
	  "warning expired: \"tools.allow:server=a\" ended on "
	  "2020-01-01T00:00:00Z\n" },
	{ HEAD EXEC EXPECT
	  "\"rules\": [{\"id\": \"d\", \"on\": \"tools\", \"match\": "
	  "{\"server\": \"x\"}, \"effect\": \"deny\"}, {\"id\": \"c\", \"on\": "
	  "\"tools\", \"match\": {\"server\": \"y\"}, \"effect\": \"allow\", "
	  "\"when\": [{\"op\": \"count\", \"value\": {\"rule\": \"d\", "
	  "\"below\": 1, \"window\": \"1h\"}}]}]}",
	  "warning unreachable: \"c\" counts \"d\", which denies\n" },
	{ HEAD EXEC EXPECT
	  "\"network\": {\"allow\": [{\"host\": \"a.de\", \"method\": "
	  "\"get\"}]}}",
	  "warning never-matches: no request has the method \"get\"\n" },
	{ HEAD EXEC EXPECT
	  "\"labels\": {\"define\": {\"l\": \"x\"}, \"start\": [\"l\"]}, "
	  "\"tools\": {\"allow\": [{\"server\": \"a\", \"when\": [{\"at\": "
	  "\"/run/labels\", \"op\": \"disjoint\", \"value\": [\"l\"]}]}]}}",
	  "warning unreachable: \"tools.allow:server=a\" never acts: every run "
	  "starts with the label \"l\"\n" },
	{ HEAD EXEC EXPECT "\"labels\": {\"define\": {\"l\": \"x\"}}}",
	  "note unused-label: no rule tests the label \"l\"\n" },
	/* wide */
	{ HEAD EXEC EXPECT "\"network\": {\"allow\": [\"*\"]}}",
	  "warning broad: \"network.allow:*\" grants every host\n" },
	{ HEAD EXEC EXPECT "\"network\": {\"ask\": [\"*\"]}}", "" },
	{ HEAD EXEC EXPECT
	  "\"rules\": [{\"id\": \"x\", \"on\": \"network\", \"effect\": "
	  "\"ask\", \"because\": \"b\"}]}",
	  "note broad: \"x\" is about every host, and with effect ask grants "
	  "that too\n" },
	{ HEAD EXEC EXPECT
	  "\"rules\": [{\"id\": \"x\", \"on\": \"tools\", \"effect\": "
	  "\"redact\", \"redact\": [\"/result/a\"], \"because\": \"b\"}]}",
	  "warning broad: \"x\" is about every tool server, and with effect "
	  "redact grants that too\n" },
	{ HEAD EXEC EXPECT
	  "\"rules\": [{\"id\": \"x\", \"on\": \"tools\", \"effect\": "
	  "\"redact\", \"redact\": [\"/result/a\"], \"because\": \"b\", "
	  "\"grants\": false}]}",
	  "" },
	{ HEAD EXEC EXPECT "\"network\": {\"allow\": [\"a.de:*\"]}}",
	  "warning broad: \"network.allow:a.de:*\" grants every port\n" },
	{ HEAD EXEC EXPECT "\"network\": {\"allow\": [\"0.0.0.0/0:443\"]}}",
	  "warning broad: \"network.allow:0.0.0.0/0:443\" grants every "
	  "host\n"
	  "warning broad: \"network.allow:0.0.0.0/0:443\" grants the metadata "
	  "service of clouds\n" },
	{ HEAD EXEC EXPECT "\"tools\": {\"allow\": [\"*/*\"]}}",
	  "warning broad: \"tools.allow:*/*\" grants every tool of every "
	  "server\n" },
	{ HEAD EXEC EXPECT
	  "\"tools\": {\"allow\": [{\"server\": \"*\", \"class\": \"read\"}]}}",
	  "" },
	{ HEAD EXEC EXPECT "\"credentials\": {\"allow\": [\"gh\"]}}",
	  "warning broad: \"credentials.allow:gh\" grants a credential for any "
	  "host\n" },
	{ HEAD EXEC EXPECT "\"credentials\": {\"allow\": [\"*\"]}}",
	  "warning broad: \"credentials.allow:*\" grants every credential\n" },
	{ HEAD EXEC EXPECT
	  "\"credentials\": {\"allow\": [{\"name\": \"gh\", \"host\": "
	  "\"api.github.com\"}]}}",
	  "" },
	{ HEAD EXEC EXPECT "\"memory\": {\"allow\": [\"*\"]}}",
	  "warning broad: \"memory.allow:*\" grants all of the memory\n" },
	{ HEAD EXEC EXPECT "\"files\": {\"write\": [\"~/.config\"]}}",
	  "warning broad: \"~/.config\" is the files of many programs\n" },
	/* what TLS hides */
	{ HEAD EXEC EXPECT
	  "\"network\": {\"allow\": [{\"host\": \"a.x.de\", \"tls\": "
	  "\"pass\"}, {\"host\": \"*.x.de\", \"method\": \"GET\"}, "
	  "{\"host\": \"b.y.de\", \"path\": \"/x\"}]}}",
	  "warning tls-pass: \"network.allow:host=*.x.de,method=GET\" looks at "
	  "/method, which nobody knows where \"network.allow:host=a.x.de\" "
	  "passes TLS through: there it never grants\n" },
	{ HEAD EXEC EXPECT
	  "\"network\": {\"allow\": [{\"host\": \"a.de\", \"tls\": "
	  "\"pass\"}], \"deny\": [{\"path\": \"/admin/**\"}]}}",
	  "warning tls-pass: \"network.deny:path=/admin/**\" looks at /path, "
	  "which nobody knows where \"network.allow:host=a.de\" passes TLS "
	  "through: there it denies everything\n" },
	{ HEAD EXEC EXPECT
	  "\"network\": {\"allow\": [{\"host\": [\"a.de\", \"b.de\"], "
	  "\"tls\": \"pass\"}]}, \"credentials\": {\"allow\": [{\"name\": "
	  "\"n\", \"host\": \"b.de\"}, {\"name\": \"m\", \"host\": "
	  "\"c.de\"}]}}",
	  "warning tls-pass: \"credentials.allow:host=b.de,name=n\" lends "
	  "nothing where \"network.allow:host=a.de|b.de\" passes TLS "
	  "through\n" },
	{ HEAD "\"role\": \"retrieve\", " EXPECT
	       "\"network\": {\"allow\": [{\"host\": \"a.de\", \"tls\": "
	       "\"pass\"}]}}",
	  "error class-above-role: \"network.allow:host=a.de\" never grants "
	  "anything: \"send\"\n" },
	/* more than a host */
	{ HEAD EXEC EXPECT "\"network\": {\"allow\": [\"127.0.0.1:*\"]}}",
	  "warning broad: \"network.allow:127.0.0.1:*\" grants every port\n"
	  "warning broad: \"network.allow:127.0.0.1:*\" grants every service "
	  "on this host's own loopback\n" },
	{ HEAD EXEC EXPECT "\"network\": {\"allow\": [\"[::/64]:1-65535\"]}}",
	  "warning broad: \"network.allow:[::/64]:1-65535\" grants every "
	  "service on this host's own loopback\n" },
	{ HEAD EXEC EXPECT "\"network\": {\"allow\": [\"127.0.0.0/8:5432\"]}}",
	  "" },
	{ HEAD EXEC EXPECT "\"network\": {\"allow\": [\"169.254.0.0/16:80\"]}}",
	  "warning broad: \"network.allow:169.254.0.0/16:80\" grants the "
	  "metadata service of clouds\n" },
	{ HEAD EXEC EXPECT
	  "\"network\": {\"allow\": [\"[fd00:ec2::254]:80\"]}}",
	  "warning broad: \"network.allow:[fd00:ec2::254]:80\" grants the "
	  "metadata service of clouds\n" },
	/* roles */
	{ HEAD "\"role\": \"retrieve\", " EXPECT
	       "\"network\": {\"allow\": [{\"host\": \"a.de\", \"method\": "
	       "\"POST\"}]}}",
	  "error class-above-role: \"network.allow:host=a.de,method=POST\" "
	  "never grants anything: \"send\" is above what the role "
	  "\"retrieve\" may do\n" },
	{ HEAD "\"role\": \"retrieve\", " EXPECT
	       "\"network\": {\"allow\": [{\"host\": \"a.de\", \"method\": "
	       "[\"GET\", \"POST\"]}]}}",
	  "" },
	{ HEAD "\"role\": \"reason\", " EXPECT
	       "\"memory\": {\"allow\": [{\"type\": \"n\", \"op\": "
	       "\"delete\"}]}, \"tools\": {\"allow\": [{\"server\": \"s\", "
	       "\"class\": [\"pay\", \"send\"]}]}}",
	  "error class-above-role: \"memory.allow:op=delete,type=n\"\n"
	  "error class-above-role: \"tools.allow:class=pay|send,server=s\"\n" },
	{ HEAD "\"role\": \"approve\", " EXPECT
	       "\"credentials\": {\"allow\": [{\"name\": \"n\", \"host\": "
	       "\"a.de\"}]}}",
	  "error duty-conflict: \"credentials.allow:host=a.de,name=n\" lets "
	  "the "
	  "role \"approve\" act\n" },
	{ HEAD EXEC EXPECT
	  "\"rules\": [{\"id\": \"k\", \"on\": \"admin\", \"match\": "
	  "{\"verb\": \"kill\"}, \"effect\": \"allow\"}]}",
	  "warning duty-conflict: \"k\" gives verbs of an operator\n" },
	{ HEAD EXEC EXPECT "\"mode\": \"observe\"}",
	  "warning observe: the profile only observes\n" },
	{ HEAD "\"role\": \"execute\"}", "note no-expect: no expect cases\n" },
};

static void
check_case(const char *text, const char *want)
{
	struct lint l = { .n = 0 };

	lint_text(text, &anywhere, &l);
	for (size_t i = 0; i < l.n; i++) {
		char got[512], first[512];
		const struct lint_finding *f = &l.v[i];

		if (!strcmp(f->code, "no-because"))
			continue;
		ASSERT_NOT_NULL(f->cure);
		ASSERT_STREQ(f->file, "t.json");
		snprintf(got, sizeof(got), "%s %s: %s",
			 lint_severity_name(f->severity), f->code, f->text);
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(want, "\n"),
			 want);
		if (!*first || strncmp(got, first, strlen(first)) != 0)
			FAIL("%s\ngot  \"%s\"\nwant \"%s\"", text, got, first);
		want += strcspn(want, "\n");
		want += *want == '\n';
	}
	if (*want)
		FAIL("%s: not told: %s", text, want);
	lint_done(&l);
}

TEST(findings)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_case(cases[i].text, cases[i].want);
}

TEST(reasons)
{
	struct lint l = { .n = 0 };

	lint_text(HEAD EXEC EXPECT "\n\"tools\": {\"allow\": [\"a/b\",\n"
				   "{\"server\": \"b\"},\n"
				   "{\"server\": \"c\", \"because\": \"y\"}]}}",
		  &anywhere, &l);
	ASSERT_EQ(l.n, 1);
	ASSERT_STREQ(l.v->code, "no-because");
	ASSERT_EQ(l.v->severity, LINT_NOTE);
	ASSERT_EQ(l.v->line, 3);
	ASSERT_STREQ(l.v->at, "/tools/allow/1");
	lint_done(&l);
}

/* This machine, as facts. */
TEST(unenforceable)
{
	static const char text[] = HEAD EXEC EXPECT
		"\"requires\": {\"kernel\": \"6.2\", \"landlock\": 4, "
		"\"optional\": [\"cpu\"]}, \"process\": {\"limits\": "
		"{\"cpu\": \"50%\"}}}";
	struct lint_host host = { .kernel_major = 6,
				  .kernel_minor = 1,
				  .landlock_abi = 3,
				  .layers = LAYER_BIT(LAYER_PIDS) |
					    LAYER_BIT(LAYER_SWAP),
				  .layers_known = true };
	struct lint l = { .n = 0 };
	char all[2048] = "";

	lint_text(text, &host, &l);
	ASSERT_EQ(l.n, 3);
	for (size_t i = 0; i < l.n; i++) {
		size_t n = strlen(all);

		ASSERT_EQ(l.v[i].severity, LINT_ERROR);
		ASSERT_STREQ(l.v[i].code, "unenforceable");
		snprintf(all + n, sizeof(all) - n, "%s;", l.v[i].text);
	}
	ASSERT_STRSTR(all, "needs Linux 6.2; this is 6.1;");
	ASSERT_STRSTR(all, "needs Landlock ABI 4; this kernel has 3;");
	ASSERT_STRSTR(all, "cannot give the layer \"memory\"");
	lint_done(&l);
	host = (struct lint_host){ .kernel_major = 6,
				   .kernel_minor = 2,
				   .landlock_abi = 4,
				   .layers = ~0u,
				   .layers_known = true };
	lint_text(text, &host, &l);
	ASSERT_EQ(l.n, 0);
	lint_done(&l);
}
