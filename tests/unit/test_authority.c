/* links: lib policy sandbox profiles */
/*
 * All that a profile grants, as rules: what decide() says of files and
 * processes is what the compiler makes the kernel hold; levels are in order;
 * every rule knows its line.
 */
#include "profiles/authority.h"
#include "profiles/request_json.h"

#include "lib/fd.h"
#include "policy/decide.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <string.h>

static const char *
profiles_dir(void)
{
	static char dir[512];

	snprintf(dir, sizeof(dir), "%s/profiles", tap_srcdir());
	return dir;
}

static const char *
sets_dir(void)
{
	static char dir[512];

	snprintf(dir, sizeof(dir), "%s/profiles/sets", tap_srcdir());
	return dir;
}

static void
write_file(const char *name, const char *text)
{
	char path[600];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", tap_tmpdir(), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ASSERT_OK(fd);
	ASSERT_OK(fd_write_all(fd, text, strlen(text)));
	close(fd);
}

static struct profile *
load(const char *name)
{
	const char *search[] = { tap_tmpdir(), profiles_dir(), NULL };
	struct err e = ERR_INIT;
	struct profile *p;

	if (profile_load(name, search, &p, &e) < 0)
		FAIL("%s", e.text);
	return p;
}

static struct policy *
policy_of(const char *name)
{
	struct authority_env env = { .sets_dir = sets_dir() };
	struct profile *p = load(name);
	struct err e = ERR_INIT;
	struct policy *pol;

	if (profile_policy(p, &env, &pol, &e) < 0)
		FAIL("%s", e.text);
	profile_free(p);
	return pol;
}

/* The verdict on a request, with the id of the rule. */
static const char *
verdict(const struct policy *p, const char *json)
{
	static char text[256];
	struct policy_rule_view v = { .id = "-" };
	struct decide_time now = { .wall_us = 1, .boot_us = 1 };
	struct err e = ERR_INIT;
	struct request_doc *doc;
	struct decision d;

	if (request_doc_read("r", json, strlen(json), &doc, &e) < 0)
		FAIL("%s", e.text);
	decide(p, request_doc_request(doc), NULL, &now, &d);
	if (d.rule >= 0)
		policy_rule(p, (size_t)d.rule, &v);
	snprintf(text, sizeof(text), "%s %s", effect_name(d.effect), v.id);
	request_doc_free(doc);
	return text;
}

#define FILE_REQUEST(path, access)                                             \
	"{\"surface\": \"files\", \"path\": \"" path                           \
	"\", \"access\": \"" access "\"}"

TEST(files_of_default)
{
	struct policy *p = policy_of("default");

	ASSERT_STREQ(verdict(p, FILE_REQUEST("/usr/bin/env", "exec")),
		     "allow files.exec:@system");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("/usr/bin/env", "write")),
		     "deny -");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("./main.c", "write")),
		     "allow files.write:$WORKSPACE");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("$WORKSPACE/x", "exec")),
		     "allow files.write:$WORKSPACE");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("~/.ssh/id_rsa", "read")),
		     "deny files.never:~/.ssh");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("/home/joe/.ssh/id", "read")),
		     "deny files.never:~/.ssh");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("./.ssh/id", "read")),
		     "deny files.never:~/.ssh");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("/etc/shadow", "read")),
		     "deny files.never:/etc/shadow*");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("/etc/passwd", "read")),
		     "allow files.own:/etc");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("/tmp/x", "write")),
		     "allow files.own:/tmp");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("/var/lib/x", "read")), "deny -");
	/* A path that is not clean is unknown, and every denial matches. */
	ASSERT_STRSTR(verdict(p, FILE_REQUEST("/usr/../etc/x", "read")),
		      "deny files.never:");
	policy_free(p);
}

/* An inner entry says what holds for its tree, and one in that again. */
TEST(inner_entries)
{
	struct policy *p;

	write_file("x.json",
		   "{\"version\": 1, \"name\": \"x\", \"role\": \"execute\","
		   "\"files\": {\"exec\": [\"/usr\", \"/usr/share/a/bin\"],"
		   " \"read\": [\"/usr/share\", \"~/data\"],"
		   " \"deny\": [\"/usr/share/secret\"]}}");
	p = policy_of("x");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("/usr/bin/env", "exec")),
		     "allow files.exec:/usr");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("/usr/share/x", "exec")),
		     "deny files.inner:/usr/share");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("/usr/share/x", "read")),
		     "allow files.exec:/usr");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("/usr/share/a/bin/x", "exec")),
		     "allow files.exec:/usr");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("/usr/share/a/binx", "exec")),
		     "deny files.inner:/usr/share");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("/usr/share/secret/x", "read")),
		     "deny files.deny:/usr/share/secret");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("~/data/x", "read")),
		     "allow files.own:/home/agent");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("~/data/x", "write")),
		     "deny files.inner:/home/agent/data");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("~/other", "write")),
		     "allow files.own:/home/agent");
	ASSERT_STREQ(verdict(p, FILE_REQUEST("./x", "read")), "deny -");
	policy_free(p);
}

TEST(process)
{
	struct policy *p = policy_of("default");

	ASSERT_STREQ(verdict(p, "{\"surface\": \"process\", \"path\": "
				"\"/usr/bin/env\", \"argv\": [\"env\"]}"),
		     "allow process.exec:@system");
	ASSERT_STREQ(verdict(p, "{\"surface\": \"process\", \"path\": "
				"\"./configure\"}"),
		     "allow process.write:$WORKSPACE");
	ASSERT_STREQ(verdict(p, "{\"surface\": \"process\", \"path\": "
				"\"/etc/hosts\"}"),
		     "deny -");
	ASSERT_STREQ(verdict(p, "{\"surface\": \"process\", \"syscall\": "
				"\"openat\"}"),
		     "allow process.syscalls");
	ASSERT_STREQ(verdict(p, "{\"surface\": \"process\", \"syscall\": "
				"\"ptrace\"}"),
		     "deny -");
	ASSERT_STREQ(verdict(p, "{\"surface\": \"process\", \"syscall\": "
				"\"mount\"}"),
		     "deny -");
	policy_free(p);
	p = policy_of("dev");
	ASSERT_STREQ(verdict(p, "{\"surface\": \"process\", \"syscall\": "
				"\"ptrace\"}"),
		     "allow process.syscalls");
	policy_free(p);
}

static const struct rule *
find_rule(const struct policy_spec *s, const char *id, unsigned int level)
{
	for (size_t i = 0; i < s->n_rules; i++)
		if (!strcmp(s->rule[i].id, id) && s->rule[i].level == level)
			return &s->rule[i];
	FAIL("no rule %s on level %u", id, level);
}

static void
check_place(const struct rule *r, const char *file, unsigned int line,
	    const char *at)
{
	ASSERT_STREQ(strrchr(r->file, '/') + 1, file);
	ASSERT_EQ(r->line, line);
	ASSERT_STREQ(r->at, at);
}

/* Host, parent, child, run; each rule with its place. */
TEST(levels_and_places)
{
	const char *search[] = { tap_tmpdir(), profiles_dir(), NULL };
	struct authority_env env = { .sets_dir = sets_dir() };
	char host[600], run[600];
	struct err e = ERR_INIT;
	struct policy_spec s;
	struct profile *p, *narrow;

	write_file("host.json",
		   "{\"version\": 1,\n\"rules\": [\n"
		   "{\"id\": \"no.tor\", \"on\": \"network\", \"match\": "
		   "{\"host\": \"*.onion.example\"}, \"effect\": "
		   "\"prohibit\"}]}");
	write_file("parent.json",
		   "{\"version\": 1, \"name\": \"parent\", \"role\": "
		   "\"execute\",\n \"network\": {\n \"allow\": [\n"
		   " \"*.example.com\",\n // comment\n \"b.example.org\"]},"
		   "\n \"files\": {\n \"read\": [\n \"/srv/x\"]}}");
	write_file("child.json",
		   "{\"version\": 1, \"name\": \"child\", \"role\": "
		   "\"execute\",\n\"extends\": {\"profiles\": [\"parent\"]},"
		   "\n\"network\": {\"allow\": [\n\"a.example.com\"]},\n"
		   "\"ceiling\": \"send\"}");
	write_file("run.json",
		   "{\"version\": 1, \"rules\": [\n\n{\"id\": \"not.today\","
		   " \"on\": \"any\", \"effect\": \"deny\"}]}");
	snprintf(host, sizeof(host), "%s/host.json", tap_tmpdir());
	snprintf(run, sizeof(run), "%s/run.json", tap_tmpdir());
	p = load("child");
	if (profile_load_run(run, p, search, &narrow, &e) < 0)
		FAIL("%s", e.text);
	env.host_policy = host;
	env.narrow = narrow;
	if (profile_authority(p, &env, &s, &e) < 0)
		FAIL("%s", e.text);
	ASSERT_EQ(s.n_levels, 4);
	ASSERT_STREQ(s.name, "child");
	ASSERT_STREQ(s.level[0].name, "host");
	ASSERT_EQ(s.level[0].kind, LEVEL_HOST);
	ASSERT_STREQ(s.level[1].name, "parent");
	ASSERT_FALSE(s.level[1].inherits);
	ASSERT_STREQ(s.level[2].name, "child");
	ASSERT_TRUE(s.level[2].inherits);
	ASSERT_EQ(s.level[2].ceiling, CLASS_SEND);
	ASSERT_EQ(s.level[3].kind, LEVEL_RUN);
	ASSERT_EQ(s.level[3].ceiling, CLASS_SEND);
	check_place(find_rule(&s, "no.tor", 0), "host.json", 3, "/rules/0");
	check_place(find_rule(&s, "network.allow:b.example.org", 1),
		    "parent.json", 6, "/network/allow/1");
	check_place(find_rule(&s, "network.allow:a.example.com", 2),
		    "child.json", 4, "/network/allow/0");
	check_place(find_rule(&s, "not.today", 3), "run.json", 3, "/rules/0");
	/* inherited: where the parent says it */
	check_place(find_rule(&s, "files.read:/srv/x", 2), "parent.json", 9,
		    "/files/read/0");
	policy_spec_done(&s);
	profile_free(narrow);
	profile_free(p);
}
