/* links: lib policy sandbox profiles */
/*
 * Differences in authority: what is written differently and means the same is
 * none; what one side may and the other may not is told with its sign.
 */
#include "profiles/diff.h"

#include "tests/tap.h"

#include <string.h>

static const char *
sets_dir(void)
{
	static char dir[512];

	snprintf(dir, sizeof(dir), "%s/profiles/sets", tap_srcdir());
	return dir;
}

struct side {
	struct profile *p;
	struct policy_spec s;
};

static void
side_read(struct side *d, const char *more)
{
	struct authority_env env = { .sets_dir = sets_dir() };
	struct err e = ERR_INIT;
	char text[4096];

	snprintf(text, sizeof(text),
		 "{\"version\": 1, \"name\": \"x\", \"role\": \"execute\"%s%s}",
		 *more ? ", " : "", more);
	if (profile_parse("t.json", text, strlen(text), &d->p, &e) < 0)
		FAIL("%s", e.text);
	if (profile_authority(d->p, &env, &d->s, &e) < 0)
		FAIL("%s", e.text);
}

static void
side_done(struct side *d)
{
	policy_spec_done(&d->s);
	profile_free(d->p);
}

/* All lines of the difference from a to b, as "S surface: text\n". */
static void
diff_text(const char *a, const char *b, char *buf, size_t size)
{
	struct side x, y;
	struct diff d = { .n = 0 };
	size_t n = 0;

	side_read(&x, a);
	side_read(&y, b);
	ASSERT_OK(profile_diff(x.p, &x.s, y.p, &y.s, &d));
	*buf = '\0';
	for (size_t i = 0; i < d.n && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%c %s: %s\n",
				      d.v[i].sign, d.v[i].surface, d.v[i].text);
	diff_done(&d);
	side_done(&x);
	side_done(&y);
}

static void
expect(const char *a, const char *b, const char *want)
{
	char buf[8192];

	diff_text(a, b, buf, sizeof(buf));
	if (strcmp(buf, want) != 0)
		FAIL("from {%s}\nto {%s}\ngot:\n%swant:\n%s", a, b, buf, want);
}

/* Pairs that mean the same. */
static const char *const same[][2] = {
	{ "", "" },
	{ "\"network\": {\"allow\": [\"a.de\", \"b.de\"]}",
	  "\"network\": {\"allow\": [{\"host\": [\"b.de\", \"A.DE\"], "
	  "\"port\": 443}]}" },
	{ "\"network\": {\"allow\": [\"*.a.de\"]}",
	  "\"network\": {\"allow\": [\"*.a.de\", \"x.a.de\"]}" },
	{ "\"tools\": {\"allow\": [\"s/a\", \"s/b\"]}",
	  "\"rules\": [{\"id\": \"r\", \"on\": \"tools\", \"match\": "
	  "{\"server\": \"s\", \"tool\": [\"b\", \"a\"]}, \"effect\": "
	  "\"allow\"}]" },
	/* what is denied anyway */
	{ "\"network\": {\"allow\": [\"a.de\"]}",
	  "\"network\": {\"allow\": [\"a.de\", \"b.de\"], \"deny\": "
	  "[\"b.de\"]}" },
	/* a denial of what is not granted */
	{ "\"network\": {\"allow\": [\"a.de\"]}",
	  "\"network\": {\"allow\": [\"a.de\"], \"deny\": [\"b.de\"]}" },
	{ "\"network\": {\"allow\": [\"*.a.de\"], \"deny\": [\"x.a.de\", "
	  "\"y.a.de\"]}",
	  "\"network\": {\"allow\": [\"*.a.de\"], \"deny\": [{\"host\": "
	  "[\"y.a.de\", \"x.a.de\"]}]}" },
	{ "\"files\": {\"read\": [\"/srv/a\", \"/srv/b\"]}",
	  "\"files\": {\"read\": [\"/srv/b\", \"/srv/a\", \"/srv/a/x\"]}" },
	{ "\"process\": {\"syscalls\": [\"base\"]}",
	  "\"process\": {\"syscalls\": [\"base\", \"minimal\"]}" },
	{ "\"process\": {\"limits\": {\"memory\": \"4G\"}}",
	  "\"process\": {\"limits\": {\"memory\": 4294967296}}" },
	{ "\"owner\": \"a\"", "\"purpose\": \"b\"" },
};

TEST(written_differently)
{
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		expect(same[i][0], same[i][1], "");
		expect(same[i][1], same[i][0], "");
	}
}

static const struct {
	const char *a, *b, *there, *back;
} pairs[] = {
	{ "", "\"network\": {\"allow\": [\"a.de\"]}",
	  "+ network: allow host \"a.de\"\n",
	  "- network: allow host \"a.de\"\n" },
	{ "\"network\": {\"allow\": [\"a.de\"]}",
	  "\"network\": {\"allow\": [\"a.de:*\"]}",
	  "+ network: allow host \"a.de\" every port\n",
	  "- network: allow host \"a.de\" every port\n" },
	{ "\"network\": {\"allow\": [\"*.a.de\"]}",
	  "\"network\": {\"allow\": [\"x.a.de\"]}",
	  "- network: allow host \"*.a.de\"\n",
	  "+ network: allow host \"*.a.de\"\n" },
	{ "\"network\": {\"ask\": [\"a.de\"]}",
	  "\"network\": {\"allow\": [\"a.de\"]}",
	  "~ network: ask -> allow host \"a.de\"\n",
	  "~ network: allow -> ask host \"a.de\"\n" },
	{ "\"network\": {\"allow\": [\"a.de\"]}",
	  "\"network\": {\"allow\": [{\"host\": \"a.de\", \"tls\": "
	  "\"pass\"}]}",
	  "+ network: tls passes: host \"a.de\"\n",
	  "- network: tls no longer passes: host \"a.de\"\n" },
	{ "\"network\": {\"limits\": {\"sent\": \"1G\", \"head\": 5}}",
	  "\"network\": {\"proxy_env\": true}",
	  "+ network: head: 5s -> 30s\n"
	  "+ network: sent: 1G -> unlimited\n"
	  "~ network: proxy_env: false -> true\n",
	  "- network: head: 30s -> 5s\n"
	  "- network: sent: unlimited -> 1G\n"
	  "~ network: proxy_env: true -> false\n" },
	/* only part of a list is new */
	{ "\"network\": {\"allow\": [\"a.de\"]}",
	  "\"network\": {\"allow\": [{\"host\": [\"a.de\", \"b.de\"]}]}",
	  "+ network: allow host \"b.de\"\n",
	  "- network: allow host \"b.de\"\n" },
	{ "\"network\": {\"allow\": [\"*.a.de\"], \"deny\": [\"x.a.de\"]}",
	  "\"network\": {\"allow\": [\"*.a.de\"]}",
	  "+ network: no longer denied: host \"x.a.de\"\n",
	  "- network: denied: host \"x.a.de\"\n" },
	{ "\"tools\": {\"allow\": [{\"server\": \"s\", \"when\": [{\"at\": "
	  "\"/args/n\", \"op\": \"le\", \"value\": 3}]}]}",
	  "\"tools\": {\"allow\": [{\"server\": \"s\", \"when\": [{\"at\": "
	  "\"/args/n\", \"op\": \"le\", \"value\": 9}]}]}",
	  "+ tools: allow server \"s\" when args/n le 9\n",
	  "- tools: allow server \"s\" when args/n le 9\n" },
	{ "\"files\": {\"read\": [\"/srv/a\"]}",
	  "\"files\": {\"exec\": [\"/srv/a\"]}",
	  "+ files: allow access \"exec\" path \"/srv/a/**\"\n",
	  "- files: allow access \"exec\" path \"/srv/a/**\"\n" },
	{ "\"files\": {\"read\": [\"/srv/a\"], \"deny\": [\"/srv/a/x\"]}",
	  "\"files\": {\"read\": [\"/srv/a\"]}",
	  "+ files: no longer denied: /srv/a/x\n",
	  "- files: denied: /srv/a/x\n" },
	{ "\"process\": {\"syscalls_deny\": [\"openat\"]}", "",
	  "+ process: allow syscall \"openat\"\n",
	  "- process: allow syscall \"openat\"\n" },
	{ "\"process\": {\"limits\": {\"memory\": \"1G\"}, \"timeout\": "
	  "\"1h\"}",
	  "\"process\": {\"limits\": {\"memory\": \"2G\"}}",
	  "+ limits: memory: 1G -> 2G\n+ process: timeout: 3600s -> "
	  "unlimited\n",
	  "- limits: memory: 2G -> 1G\n- process: timeout: unlimited -> "
	  "3600s\n" },
	{ "", "\"process\": {\"loopback\": true}",
	  "+ process: loopback: false -> true\n",
	  "- process: loopback: true -> false\n" },
	{ "", "\"session\": {\"ttl\": \"8h\"}",
	  "- session: ttl: unlimited -> 28800s\n",
	  "+ session: ttl: 28800s -> unlimited\n" },
	{ "", "\"ceiling\": \"send\"", "- ceiling: spawn -> send\n",
	  "+ ceiling: send -> spawn\n" },
	{ "", "\"mode\": \"observe\"", "+ mode: enforce -> observe\n",
	  "- mode: observe -> enforce\n" },
	{ "", "\"requires\": {\"landlock\": 3}",
	  "- requires: landlock: 0 -> 3\n", "+ requires: landlock: 3 -> 0\n" },
	{ "", "\"process\": {\"env\": {\"pass\": [\"LANG\"]}}",
	  "+ env: pass: LANG\n", "- env: pass: LANG\n" },
	{ "\"labels\": {\"define\": {\"a\": \"x\"}}",
	  "\"labels\": {\"define\": {\"a\": \"x\"}, \"start\": [\"a\"], "
	  "\"sources\": [{\"id\": \"s\", \"on\": \"network\", \"add\": "
	  "\"a\"}]}",
	  "~ labels: now adds \"a\": network\n~ labels: runs now start with: "
	  "a\n",
	  "~ labels: no longer adds \"a\": network\n~ labels: runs no longer "
	  "start with: a\n" },
};

TEST(differences)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		expect(pairs[i].a, pairs[i].b, pairs[i].there);
		expect(pairs[i].b, pairs[i].a, pairs[i].back);
	}
}

TEST(places)
{
	struct diff d = { .n = 0 };
	struct side x, y;

	side_read(&x, "");
	side_read(&y, "\n\"network\": {\"allow\": [\n\"a.de\"]}");
	ASSERT_OK(profile_diff(x.p, &x.s, y.p, &y.s, &d));
	ASSERT_EQ(d.n, 1);
	ASSERT_STREQ(d.v->file, "t.json");
	ASSERT_EQ(d.v->line, 3);
	diff_done(&d);
	side_done(&x);
	side_done(&y);
}
