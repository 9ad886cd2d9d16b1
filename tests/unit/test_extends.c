/* links: lib policy sandbox profiles */
/*
 * Parents, groups and runs: what is taken over, what may not widen, and what
 * each mistake is told as. tests/fixtures/profiles/family has the documents; a
 * bad-X.json comes with its text in bad-X.txt, where the folder's name is left
 * out.
 */
#include "profiles/authority.h"
#include "profiles/inherit.h"

#include "lib/fd.h"
#include "policy/decide.h"
#include "tests/tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

static const char *
family(void)
{
	static char dir[512];

	snprintf(dir, sizeof(dir), "%s/tests/fixtures/profiles/family",
		 tap_srcdir());
	return dir;
}

static const char *const *
search(void)
{
	static char profiles[512];
	static const char *list[4];

	snprintf(profiles, sizeof(profiles), "%s/profiles", tap_srcdir());
	list[0] = tap_tmpdir();
	list[1] = family();
	list[2] = profiles;
	return list;
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
	struct err e = ERR_INIT;
	struct profile *p;

	if (profile_load(name, search(), &p, &e) < 0)
		FAIL("%s", e.text);
	return p;
}

#define CHILD(more)                                                            \
	"{\"version\": 1, \"name\": \"c\", \"role\": \"execute\", "            \
	"\"extends\": {\"profiles\": [\"parent\"]}" more "}"

static struct profile *
child(const char *text)
{
	write_file("c.json", text);
	return load("c");
}

static void
child_fails(const char *text, const char *want)
{
	struct err e = ERR_INIT;
	struct profile *p = NULL;

	write_file("c.json", text);
	ASSERT_TRUE(profile_load("c", search(), &p, &e) < 0);
	ASSERT_NULL(p);
	ASSERT_STRSTR(e.text, want);
}

/* Mistakes */

/* text without every "DIR/". */
static void
strip_folder(char *text, const char *dir)
{
	size_t n = strlen(dir) + 1;

	for (char *at; (at = strstr(text, dir));)
		memmove(at, at + n, strlen(at + n) + 1);
}

static void
one_mistake(const char *name)
{
	char path[800], *want;
	struct err e = ERR_INIT;
	struct profile *p = NULL;

	snprintf(path, sizeof(path), "%s/%s", family(), name);
	if (profile_load(path, search(), &p, &e) >= 0)
		FAIL("%s loads", name);
	ASSERT_NULL(p);
	memcpy(strrchr(path, '.'), ".txt", 5);
	ASSERT_OK(fd_read_file(AT_FDCWD, path, 1 << 16, &want));
	want[strcspn(want, "\n")] = '\0';
	strip_folder(e.text, family());
	ASSERT_STREQ(e.text, want);
	free(want);
}

TEST(mistakes)
{
	DIR *d = opendir(family());
	unsigned int n = 0;

	ASSERT_NOT_NULL(d);
	for (struct dirent *de; (de = readdir(d));) {
		const char *dot = strrchr(de->d_name, '.');

		if (!dot || strcmp(dot, ".json") != 0 ||
		    strncmp(de->d_name, "bad-", 4) != 0)
			continue;
		one_mistake(de->d_name);
		n++;
	}
	closedir(d);
	ASSERT_GE(n, 45);
}

/* What the fixtures of good documents are is said elsewhere; here they load,
 * and become policies. */
TEST(good_ones)
{
	struct authority_env env = { .sets_dir = NULL };
	char dir[512];
	unsigned int n = 0;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/tests/fixtures/profiles/good",
		 tap_srcdir());
	d = opendir(dir);
	ASSERT_NOT_NULL(d);
	for (struct dirent *de; (de = readdir(d));) {
		char path[800];
		struct err e = ERR_INIT;
		struct policy *pol;
		struct profile *p;

		if (!strstr(de->d_name, ".json"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		if (profile_load(path, search(), &p, &e) < 0 ||
		    profile_policy(p, &env, &pol, &e) < 0)
			FAIL("%s", e.text);
		policy_free(pol);
		profile_free(p);
		n++;
	}
	closedir(d);
	ASSERT_GE(n, 4);
}

/* Taken over */

TEST(inherits_what_it_does_not_say)
{
	struct profile *p = child(CHILD(""));

	ASSERT_EQ(p->process.cgroup.memory, UINT64_C(2) << 30);
	ASSERT_EQ(p->process.cgroup.pids, 100);
	ASSERT_EQ(p->process.nproc, 100);
	ASSERT_EQ(p->process.timeout_us, UINT64_C(3600000000));
	ASSERT_TRUE(p->process.loopback);
	ASSERT_FALSE(p->process.timens);
	ASSERT_EQ(p->process.syscalls.n, 1);
	ASSERT_STREQ(p->process.syscalls.v[0], "dev");
	ASSERT_STREQ(p->process.syscalls_deny.v[0], "ptrace");
	ASSERT_EQ(p->process.env_pass.n, 3);
	ASSERT_STREQ(p->process.env_set.v[0], "EDITOR=vi");
	ASSERT_STREQ(p->requires.kernel, "5.13");
	ASSERT_EQ(p->requires.landlock_abi, 2);
	ASSERT_EQ(p->requires.optional,
		  LAYER_BIT(LAYER_MEMORY) | LAYER_BIT(LAYER_CPU));
	ASSERT_EQ(p->files.read.n, 2);
	ASSERT_EQ(p->files.exec.n, 1);
	ASSERT_EQ(p->files.write.n, 1);
	ASSERT_STREQ(p->files.deny.v[0], "/srv/data/secret");
	ASSERT_EQ(p->files.workspace, ACCESS_WRITE);
	ASSERT_TRUE(p->files.workspace_exec);
	ASSERT_EQ(p->files.workspace_max, 1u << 30);
	ASSERT_EQ(p->session.ttl_us, UINT64_C(8) * 3600 * 1000000);
	ASSERT_EQ(p->session.idle_us, 0);
	ASSERT_EQ(p->ceiling, CLASS_SEND);
	ASSERT_EQ(p->own.n_rules, 0);
	profile_free(p);
}

TEST(says_less)
{
	struct profile *p = child(
		CHILD(", \"process\": {\"limits\": {\"memory\": \"1G\", "
		      "\"pids\": 50}, \"syscalls\": [\"base\"], "
		      "\"syscalls_deny\": [\"kcmp\"], \"env\": {\"pass\": "
		      "[\"LC_ALL\"], \"set\": {\"EDITOR\": \"ed\", "
		      "\"A\": \"1\"}}},"
		      "\"files\": {\"read\": [\"/srv/data/x\"], \"exec\": "
		      "[\"/usr/bin\"], \"deny\": [\"/srv/data/x/y\"], "
		      "\"workspace\": {\"access\": \"read\"}}"));

	ASSERT_EQ(p->process.cgroup.memory, 1u << 30);
	ASSERT_EQ(p->process.nproc, 50);
	ASSERT_STREQ(p->process.syscalls.v[0], "base");
	ASSERT_EQ(p->process.syscalls_deny.n, 2);
	ASSERT_EQ(p->process.env_pass.n, 1);
	ASSERT_EQ(p->process.env_set.n, 2);
	ASSERT_STREQ(p->process.env_set.v[0], "EDITOR=ed");
	ASSERT_EQ(p->files.read.n, 1);
	ASSERT_STREQ(p->files.exec.v[0], "/usr/bin");
	ASSERT_EQ(p->files.deny.n, 2);
	ASSERT_EQ(p->files.workspace, ACCESS_READ);
	profile_free(p);
}

/* A role that may not write does not inherit writing. */
TEST(role_narrows)
{
	struct profile *p;

	write_file("c.json",
		   "{\"version\": 1, \"name\": \"c\", \"role\": \"retrieve\", "
		   "\"extends\": {\"profiles\": [\"parent\"]}}");
	p = load("c");
	ASSERT_EQ(p->ceiling, CLASS_READ);
	ASSERT_EQ(p->files.workspace, ACCESS_READ);
	ASSERT_EQ(p->files.write.n, 0);
	ASSERT_EQ(p->files.read.n, 2);
	profile_free(p);
}

TEST(strictest_of_two_parents)
{
	struct profile *p;

	write_file("c.json",
		   "{\"version\": 1, \"name\": \"c\", \"role\": \"retrieve\", "
		   "\"extends\": {\"profiles\": [\"parent\", \"reader\"]}, "
		   "\"process\": {\"env\": {\"set\": {\"EDITOR\": \"x\"}}}}");
	p = load("c");
	ASSERT_EQ(p->n_parents, 2);
	ASSERT_EQ(p->files.workspace, ACCESS_READ);
	ASSERT_FALSE(p->files.workspace_exec);
	ASSERT_FALSE(p->process.loopback);
	ASSERT_EQ(p->process.cgroup.memory, UINT64_C(2) << 30);
	ASSERT_EQ(p->process.env_pass.n, 0);
	ASSERT_EQ(p->process.syscalls.n, 1);
	ASSERT_STREQ(p->process.syscalls.v[0], "base");
	/* what both read; @system is the first's alone */
	ASSERT_EQ(p->files.read.n, 1);
	ASSERT_STREQ(p->files.read.v[0], "/srv/data");
	ASSERT_EQ(p->files.exec.n, 0);
	ASSERT_EQ(p->requires.optional, 0);
	profile_free(p);
}

/* Access changes at every entry, so the inner ones count. */
/* Limits narrow; that proxies are set is no authority. */
TEST(network_limits_and_choices)
{
	struct profile *p = child(CHILD(
		", \"network\": {\"limits\": {\"connections\": 10, \"sent\": "
		"\"1M\"}}"));

	ASSERT_EQ(p->network.connections, 10);
	ASSERT_EQ(p->network.sent, 1u << 20);
	ASSERT_EQ(p->network.idle_us, UINT64_C(300) * 1000000);
	ASSERT_EQ(p->network.received, 0);
	ASSERT_TRUE(p->network.proxy_env);
	profile_free(p);
	p = child(CHILD(", \"network\": {\"proxy_env\": false}"));
	ASSERT_EQ(p->network.connections, 100);
	ASSERT_FALSE(p->network.proxy_env);
	profile_free(p);
	p = child("{\"version\": 1, \"name\": \"c\", \"role\": \"execute\", "
		  "\"network\": {\"proxy_env\": false}}");
	ASSERT_EQ(p->network.connections, 1024);
	profile_free(p);
	write_file("q.json", "{\"version\": 1, \"name\": \"q\", \"role\": "
			     "\"execute\", \"extends\": {\"profiles\": "
			     "[\"c\"]}, \"network\": {\"proxy_env\": true}}");
	p = load("q");
	ASSERT_TRUE(p->network.proxy_env);
	profile_free(p);
}

TEST(files_within)
{
	struct profile *p =
		child(CHILD(", \"files\": {\"exec\": [\"/usr/lib\"], \"read\": "
			    "[\"/usr/share\", \"/srv/data\"]}"));

	profile_free(p);
	/* the inherited inner entry keeps its tree readable only */
	profile_free(child(CHILD(", \"files\": {\"exec\": [\"/usr/share\"]}")));
	child_fails(CHILD(", \"files\": {\"exec\": [\"/usr/share\"], "
			  "\"read\": [\"/srv/data\"]}"),
		    "grants no exec of \"/usr/share/doc\"");
	child_fails(CHILD(", \"files\": {\"read\": [\"/srv/out\", \"/sr\"]}"),
		    "grants no read of \"/sr\"");
	/* a name that only begins alike */
	child_fails(CHILD(", \"files\": {\"read\": [\"/srv/database\"]}"),
		    "grants no read of \"/srv/database\"");
}

TEST(rules_within)
{
	struct profile *p = child(
		CHILD(", \"network\": {\"allow\": [\"a.example.com\", "
		      "{\"host\": \"b.example.com\", \"path\": \"/x/**\"}], "
		      "\"ask\": [\"*.c.example.com\"], \"deny\": [\"*\"]}, "
		      "\"tools\": {\"allow\": [\"crm/read_deal\"]}"));

	ASSERT_EQ(p->own.n_rules, 5);
	profile_free(p);
	child_fails(CHILD(", \"network\": {\"allow\": [\"example.com\"]}"),
		    "/network/allow/0: widens: \"parent\" grants no network "
		    "host \"example.com\"");
	child_fails(CHILD(", \"network\": {\"allow\": [\"192.0.2.1\"]}"),
		    "grants no network address 192.0.2.1");
	child_fails(CHILD(", \"rules\": [{\"id\": \"r\", \"on\": "
			  "[\"network\", \"tools\"], \"effect\": \"limit\", "
			  "\"rate\": \"3/m\"}]"),
		    "grants no network");
}

/* A grandparent's grants count where the parent says nothing. */
TEST(three_generations)
{
	struct profile *p;

	write_file("middle.json",
		   "{\"version\": 1, \"name\": \"middle\", \"role\": "
		   "\"execute\", \"extends\": {\"profiles\": [\"parent\"]}, "
		   "\"tools\": {\"allow\": [\"crm/read_a\"]}}");
	write_file("c.json",
		   "{\"version\": 1, \"name\": \"c\", \"role\": \"execute\", "
		   "\"extends\": {\"profiles\": [\"middle\"]}, "
		   "\"network\": {\"allow\": [\"a.example.com\"]}, "
		   "\"tools\": {\"allow\": [\"crm/read_a\"]}}");
	p = load("c");
	ASSERT_EQ(p->parent[0]->n_parents, 1);
	profile_free(p);
	child_fails("{\"version\": 1, \"name\": \"c\", \"role\": \"execute\", "
		    "\"extends\": {\"profiles\": [\"middle\"]}, "
		    "\"network\": {\"allow\": [\"example.org\"]}}",
		    "widens: \"parent\" grants no network");
	child_fails("{\"version\": 1, \"name\": \"c\", \"role\": \"execute\", "
		    "\"extends\": {\"profiles\": [\"middle\"]}, "
		    "\"tools\": {\"allow\": [\"crm/read_b\"]}}",
		    "widens: \"middle\" grants no tools");
}

/* Two that share a parent: it is read once, and is one level. */
TEST(diamond)
{
	const struct profile *all[8];
	struct profile *p;

	write_file("left.json",
		   "{\"version\": 1, \"name\": \"left\", \"role\": \"execute\","
		   "\"extends\": {\"profiles\": [\"parent\"]}}");
	write_file("right.json",
		   "{\"version\": 1, \"name\": \"right\", \"role\": "
		   "\"execute\", \"extends\": {\"profiles\": [\"parent\"]}}");
	write_file("c.json",
		   "{\"version\": 1, \"name\": \"c\", \"role\": \"execute\", "
		   "\"extends\": {\"profiles\": [\"left\", \"right\"]}}");
	p = load("c");
	ASSERT_TRUE(p->parent[0]->parent[0] == p->parent[1]->parent[0]);
	ASSERT_EQ(profile_lineage(p, all, 8), 4);
	ASSERT_STREQ(all[0]->name, "parent");
	ASSERT_STREQ(all[1]->name, "left");
	ASSERT_STREQ(all[2]->name, "right");
	ASSERT_STREQ(all[3]->name, "c");
	ASSERT_EQ(profile_lineage(p, all, 3), -E2BIG);
	profile_free(p);
}

/* Groups */

TEST(groups_become_part)
{
	struct profile *p = child(
		"{\"version\": 1, \"name\": \"c\", \"role\": \"execute\", "
		"\"extends\": {\"groups\": [\"llm\"]}, "
		"\"network\": {\"allow\": [\"llm.example.com\"]}, "
		"\"process\": {\"env\": {\"pass\": [\"LANG\"]}}}");

	/* said twice in the same words: one rule; and the group's group */
	ASSERT_EQ(p->own.n_rules, 3);
	ASSERT_EQ(p->process.env_pass.n, 2);
	ASSERT_STREQ(p->own.rule[0].id, "network.allow:llm.example.com");
	profile_free(p);
}

TEST(groups_exclude)
{
	struct profile *p = child(
		"{\"version\": 1, \"name\": \"c\", \"role\": \"execute\", "
		"\"extends\": {\"groups\": [\"llm\"], \"exclude\": "
		"[\"extra\", \"network.allow:llm.example.com\"]}}");

	ASSERT_EQ(p->own.n_rules, 1);
	ASSERT_STREQ(p->own.rule[0].id, "network.deny:telemetry.example.com");
	profile_free(p);
}

/* A group adds to what is inherited. */
TEST(groups_beside_parents)
{
	struct profile *p = child(
		"{\"version\": 1, \"name\": \"c\", \"role\": \"execute\", "
		"\"extends\": {\"profiles\": [\"parent\"], \"groups\": "
		"[\"llm\"], \"exclude\": [\"extra\"]}}");

	ASSERT_EQ(p->process.env_pass.n, 4);
	profile_free(p);
	child_fails("{\"version\": 1, \"name\": \"c\", \"role\": \"execute\", "
		    "\"extends\": {\"profiles\": [\"parent\"], \"groups\": "
		    "[\"llm\"]}}",
		    "groups/extra.json:4: /tools/allow/0: widens: \"parent\" "
		    "grants no tools server \"search\" tool \"*\"");
}

/* Host and run */

TEST(host_policy)
{
	char path[600];
	struct err e = ERR_INIT;
	struct profile *p;

	snprintf(path, sizeof(path), "%s/host.json", tap_tmpdir());
	ASSERT_ERR(profile_load_host(path, &p, &e), -ENOENT);
	write_file("host.json", "{\"version\": 1, \"ceiling\": \"send\", "
				"\"rules\": [{\"id\": \"r\", \"on\": \"any\", "
				"\"effect\": \"prohibit\"}]}");
	ASSERT_OK(profile_load_host(path, &p, &e));
	ASSERT_EQ(p->own.rule[0].effect, EFFECT_PROHIBIT);
	ASSERT_EQ(p->ceiling, CLASS_SEND);
	profile_free(p);
	write_file("host.json", "{\"version\": 1, \"role\": \"execute\"}");
	ASSERT_TRUE(profile_load_host(path, &p, &e) < 0);
	ASSERT_STRSTR(e.text, "/role: \"role\" has no place in the host's "
			      "policy");
	/* what is there and cannot be read is no missing file */
	write_file("host.json", "{");
	ASSERT_ERR(profile_load_host(path, &p, &e), -EINVAL);
}

TEST(run_narrows)
{
	struct profile *base = load("parent"), *run;
	struct err e = ERR_INIT;
	char path[600];

	snprintf(path, sizeof(path), "%s/run.json", tap_tmpdir());
	write_file("run.json",
		   "{\"version\": 1, \"network\": {\"allow\": "
		   "[\"a.example.com\"]}, \"process\": {\"timeout\": \"1m\"}}");
	if (profile_load_run(path, base, search(), &run, &e) < 0)
		FAIL("%s", e.text);
	ASSERT_EQ(run->kind, PROFILE_RUN);
	ASSERT_EQ(run->role, ROLE_EXECUTE);
	ASSERT_EQ(run->ceiling, CLASS_SEND);
	ASSERT_EQ(run->process.timeout_us, 60000000);
	ASSERT_EQ(run->process.cgroup.memory, UINT64_C(2) << 30);
	ASSERT_EQ(run->files.workspace, ACCESS_WRITE);
	profile_free(run);
	write_file("run.json", "{\"version\": 1, \"network\": {\"allow\": "
			       "[\"example.org\"]}}");
	ASSERT_TRUE(profile_load_run(path, base, search(), &run, &e) < 0);
	ASSERT_STRSTR(e.text, "widens: \"parent\"");
	write_file("run.json", "{\"version\": 1, \"mode\": \"observe\"}");
	ASSERT_TRUE(profile_load_run(path, base, search(), &run, &e) < 0);
	ASSERT_STRSTR(e.text, "has no place in a document that narrows a run");
	profile_free(base);
}
