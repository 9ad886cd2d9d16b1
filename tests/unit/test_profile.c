/* links: lib policy sandbox profiles */
/*
 * The profile language: what a file means, and what each mistake is told as.
 * tests/fixtures/profiles/bad holds one mistake a file, and beside it the text
 * that a person reads.
 */
#include "profiles/loader.h"
#include "profiles/paths.h"

#include "lib/fd.h"
#include "tests/tap.h"

#include <dirent.h>
#include <fcntl.h>
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

static void
expect_error(const char *text, const char *want)
{
	struct err e = ERR_INIT;
	struct profile *p = NULL;

	ASSERT_TRUE(profile_parse("t.json", text, strlen(text), &p, &e) < 0);
	ASSERT_NULL(p);
	ASSERT_STREQ(e.text, want);
}

/* Mistakes */

static void
one_mistake(const char *dir, const char *name)
{
	char path[512], *text, *want;
	struct err e = ERR_INIT;
	struct profile *p = NULL;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	n = ASSERT_OK(fd_read_file(AT_FDCWD, path, 1 << 20, &text));
	if (profile_parse(name, text, (size_t)n, &p, &e) >= 0)
		FAIL("%s loads", name);
	ASSERT_NULL(p);
	memcpy(strrchr(path, '.'), ".txt", 5);
	ASSERT_OK(fd_read_file(AT_FDCWD, path, 1 << 16, &want));
	want[strcspn(want, "\n")] = '\0';
	ASSERT_STREQ(e.text, want);
	free(text);
	free(want);
}

TEST(mistakes)
{
	char dir[256];
	unsigned int n = 0;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/tests/fixtures/profiles/bad",
		 tap_srcdir());
	d = opendir(dir);
	ASSERT_NOT_NULL(d);
	for (struct dirent *de; (de = readdir(d));) {
		const char *dot = strrchr(de->d_name, '.');

		if (!dot || strcmp(dot, ".json"))
			continue;
		one_mistake(dir, de->d_name);
		n++;
	}
	closedir(d);
	ASSERT_GE(n, 220);
}

TEST(mistake_outputs_untouched)
{
	struct profile *p = (struct profile *)0x10;

	ASSERT_ERR(profile_parse("t", "{", 1, &p, NULL), -EINVAL);
	ASSERT_TRUE(p == (struct profile *)0x10);
}

TEST(too_large)
{
	char *text = malloc(PROFILE_SIZE_MAX + 1);
	struct err e = ERR_INIT;
	struct profile *p;

	memset(text, ' ', PROFILE_SIZE_MAX + 1);
	ASSERT_ERR(profile_parse("t", text, PROFILE_SIZE_MAX + 1, &p, &e),
		   -EFBIG);
	ASSERT_STREQ(e.text, "t: larger than 1024 KiB");
	free(text);
}

/* Meaning */

TEST(defaults)
{
	struct profile *p = parse(HEAD "}");

	ASSERT_EQ(p->role, ROLE_EXECUTE);
	ASSERT_STREQ(profile_role_name(p->role), "execute");
	ASSERT_NULL(p->owner);
	ASSERT_NULL(p->process.hostname);
	ASSERT_EQ(p->requires.optional, 0);
	ASSERT_EQ(p->process.cgroup.memory, UINT64_C(4) << 30);
	ASSERT_EQ(p->process.cgroup.swap, 0);
	ASSERT_EQ(p->process.cgroup.pids, 512);
	ASSERT_EQ(p->process.nproc, 512);
	ASSERT_TRUE(p->process.cgroup.cpu_percent == CGROUP_UNLIMITED);
	ASSERT_TRUE(p->process.cgroup.io_weight == CGROUP_UNLIMITED);
	ASSERT_TRUE(p->process.cgroup.io_bps == CGROUP_UNLIMITED);
	ASSERT_TRUE(p->process.data == CGROUP_UNLIMITED);
	ASSERT_EQ(p->process.core, 0);
	ASSERT_EQ(p->process.oom_score_adj, 500);
	ASSERT_EQ(p->process.timeout_us, 0);
	ASSERT_FALSE(p->process.loopback);
	ASSERT_EQ(p->process.syscalls.n, 1);
	ASSERT_STREQ(p->process.syscalls.v[0], "base");
	ASSERT_EQ(p->files.workspace, ACCESS_NONE);
	ASSERT_FALSE(p->files.workspace_exec);
	ASSERT_EQ(p->files.read.n + p->files.exec.n + p->files.write.n, 0);
	ASSERT_EQ(p->files.tmp_size, 512u << 20);
	ASSERT_EQ(p->network.connections, 1024);
	ASSERT_EQ(p->network.sent + p->network.received, 0);
	ASSERT_EQ(p->network.rate_sent + p->network.rate_received, 0);
	ASSERT_EQ(p->network.idle_us, UINT64_C(900) * 1000000);
	ASSERT_EQ(p->network.lifetime_us, 0);
	ASSERT_EQ(p->network.head_us, 30000000);
	ASSERT_FALSE(p->network.proxy_env);
	profile_free(p);
}

TEST(network)
{
	struct profile *p = parse(
		HEAD ", \"network\": {\"allow\": [\"a.example\", {\"host\": "
		     "\"b.example\", \"tls\": \"pass\"}], \"deny\": "
		     "[\"c.example\"], \"limits\": {\"connections\": 7, "
		     "\"sent\": \"10G\", \"received\": 5, \"rate_sent\": "
		     "\"1M\", \"rate_received\": \"2M\", \"idle\": "
		     "\"unlimited\", \"lifetime\": \"1h\", \"head\": 10}, "
		     "\"proxy_env\": true}}");

	ASSERT_EQ(p->network.connections, 7);
	ASSERT_EQ(p->network.sent, UINT64_C(10) << 30);
	ASSERT_EQ(p->network.received, 5);
	ASSERT_EQ(p->network.rate_sent, 1u << 20);
	ASSERT_EQ(p->network.rate_received, 2u << 20);
	ASSERT_EQ(p->network.idle_us, 0);
	ASSERT_EQ(p->network.lifetime_us, UINT64_C(3600) * 1000000);
	ASSERT_EQ(p->network.head_us, 10000000);
	ASSERT_TRUE(p->network.proxy_env);
	ASSERT_EQ(p->own.n_rules, 3);
	ASSERT_FALSE(p->own.rule[0].tls_pass);
	ASSERT_TRUE(p->own.rule[1].tls_pass);
	ASSERT_STREQ(p->own.rule[1].id, "network.allow:host=b.example");
	ASSERT_EQ(p->own.rule[2].effect, EFFECT_DENY);
	profile_free(p);
}

TEST(every_key)
{
	struct profile *p = parse(
		HEAD
		", \"owner\": \"o\", \"purpose\": \"p\","
		"\"requires\": {\"kernel\": \"5.13\", \"landlock\": 3,"
		"  \"optional\": [\"memory\", \"freeze\"]},"
		"\"process\": {"
		"  \"env\": {\"pass\": [\"LANG\", \"LC_*\"],"
		"    \"set\": {\"A\": \"1\", \"B\": \"x=y\"}},"
		"  \"limits\": {\"memory\": 8388608, \"swap\": \"1M\","
		"    \"pids\": 64, \"cpu\": \"150%\","
		"    \"io\": {\"weight\": 50, \"bandwidth\": \"1M\"},"
		"    \"nofile\": 100, \"nproc\": \"unlimited\","
		"    \"fsize\": \"1G\", \"stack\": \"1M\", \"core\": \"2K\","
		"    \"data\": \"3M\", \"memlock\": 0, \"oom_score\": 1000},"
		"  \"syscalls\": [\"base\", \"dev\"],"
		"  \"syscalls_deny\": [\"ptrace\"], \"timeout\": \"90s\","
		"  \"loopback\": true, \"time_namespace\": true,"
		"  \"hostname\": \"h\"},"
		"\"files\": {\"read\": [\"/srv/a\"], \"exec\": [\"@system\"],"
		"  \"write\": [\"~/b\"], \"deny\": [\"/srv/a/c\"],"
		"  \"workspace\": {\"access\": \"write\", \"exec\": true,"
		"    \"max_growth\": \"2G\"}, \"tmp\": \"64M\"}}");

	ASSERT_STREQ(p->owner, "o");
	ASSERT_STREQ(p->purpose, "p");
	ASSERT_STREQ(p->requires.kernel, "5.13");
	ASSERT_EQ(p->requires.landlock_abi, 3);
	ASSERT_EQ(p->requires.optional,
		  LAYER_BIT(LAYER_MEMORY) | LAYER_BIT(LAYER_FREEZE));
	ASSERT_STREQ(p->process.env_pass.v[1], "LC_*");
	ASSERT_STREQ(p->process.env_set.v[1], "B=x=y");
	ASSERT_EQ(p->process.cgroup.memory, 8388608);
	ASSERT_EQ(p->process.cgroup.swap, 1048576);
	ASSERT_EQ(p->process.cgroup.pids, 64);
	ASSERT_EQ(p->process.cgroup.cpu_percent, 150);
	ASSERT_EQ(p->process.cgroup.io_weight, 50);
	ASSERT_EQ(p->process.cgroup.io_bps, 1048576);
	ASSERT_EQ(p->process.nofile, 100);
	ASSERT_TRUE(p->process.nproc == CGROUP_UNLIMITED);
	ASSERT_EQ(p->process.fsize, 1u << 30);
	ASSERT_EQ(p->process.stack, 1u << 20);
	ASSERT_EQ(p->process.core, 2048);
	ASSERT_EQ(p->process.data, 3u << 20);
	ASSERT_EQ(p->process.memlock, 0);
	ASSERT_EQ(p->process.oom_score_adj, 1000);
	ASSERT_EQ(p->process.syscalls.n, 2);
	ASSERT_STREQ(p->process.syscalls_deny.v[0], "ptrace");
	ASSERT_EQ(p->process.timeout_us, 90000000);
	ASSERT_TRUE(p->process.loopback && p->process.timens);
	ASSERT_STREQ(p->process.hostname, "h");
	ASSERT_STREQ(p->files.write.v[0], "~/b");
	ASSERT_STREQ(p->files.deny.v[0], "/srv/a/c");
	ASSERT_EQ(p->files.workspace, ACCESS_WRITE);
	ASSERT_TRUE(p->files.workspace_exec);
	ASSERT_EQ(p->files.workspace_max, UINT64_C(2) << 30);
	ASSERT_EQ(p->files.tmp_size, 64u << 20);
	profile_free(p);
}

TEST(numbers)
{
	struct profile *p = parse(
		HEAD ", \"process\": {\"timeout\": 5, \"limits\": "
		     "{\"memory\": \"unlimited\", \"pids\": \"unlimited\"}},"
		     "\"files\": {\"workspace\": {\"access\": \"read\","
		     "\"max_growth\": \"unlimited\"}}}");

	ASSERT_EQ(p->process.timeout_us, 5000000);
	ASSERT_TRUE(p->process.cgroup.memory == CGROUP_UNLIMITED);
	ASSERT_TRUE(p->process.nproc == CGROUP_UNLIMITED);
	ASSERT_EQ(p->files.workspace_max, 0);
	profile_free(p);
}

/* Comments and lines */

TEST(comments)
{
	struct profile *p = parse(
		"// one\n/* two\n * three */ { /**/ \"version\": 1, // four\n"
		"\"name\": \"a\", /* \"name\": \"b\", */ \"role\": \"reason\","
		"\"purpose\": \"not a // comment, nor /* this */ \\\" // \"}"
		"\n// end");

	ASSERT_STREQ(p->name, "a");
	ASSERT_STREQ(p->purpose, "not a // comment, nor /* this */ \" // ");
	profile_free(p);
	/* A comment separates, it does not join. */
	expect_error("{\"version\": 1/**/0}",
		     "t.json:1: not JSON: '}' expected near '0'");
	expect_error("{ /", "t.json:1: not JSON: string or '}' expected near "
			    "'/'");
	expect_error("{ /*/ }", "t.json:1: this comment has no end");
	expect_error("{\n\"a", "t.json:2: not JSON: premature end of input "
			       "near '\"a'");
}

TEST(lines_after_comments)
{
	expect_error("// 1\n/* 2\n 3\n*/\n{\n\"version\": 1,\n\"name\": \"x\","
		     "\n\"role\": \"reason\", /* 8\n9 */ \"bad\": 1}",
		     "t.json:9: /bad: unknown key \"bad\"");
}

TEST(pointers_and_lines)
{
	static const char text[] =
		"{\n\"a\": [\n1,\n{ \"b/c\":\n{\"~\": 2}}\n],"
		"\n\"d\": \"}]\\\"\",\n\"e\": null }";
	struct jsonc d;

	ASSERT_OK(jsonc_parse("t", text, strlen(text), 1000, 8, &d, NULL));
	ASSERT_EQ(jsonc_line(&d, ""), 1);
	ASSERT_EQ(jsonc_line(&d, "/a"), 2);
	ASSERT_EQ(jsonc_line(&d, "/a/0"), 3);
	ASSERT_EQ(jsonc_line(&d, "/a/1"), 4);
	ASSERT_EQ(jsonc_line(&d, "/a/1/b~1c"), 4);
	ASSERT_EQ(jsonc_line(&d, "/a/1/b~1c/~0"), 5);
	ASSERT_EQ(jsonc_line(&d, "/d"), 7);
	ASSERT_EQ(jsonc_line(&d, "/e"), 8);
	ASSERT_EQ(jsonc_line(&d, "/a/2"), 0);
	ASSERT_EQ(jsonc_line(&d, "/x"), 0);
	ASSERT_EQ(jsonc_line(&d, "/e/x"), 0);
	jsonc_done(&d);
}

/* Never inside */

TEST(never_inside)
{
	static const char *const refused[] = {
		"~/.ssh",
		"~/.ssh/id_ed25519",
		"/root/.aws/x",
		"/home/a/.gnupg",
		"/run/user/1000",
		"/run/dbus/x",
		"/run/docker.sock",
		"/tmp/ssh-abc/agent",
		"/tmp/.X11-unix",
		"/etc/shadow",
		"/etc/sudoers.d/x",
		"/etc/ssl/private",
		"/proc",
		"/sys/kernel",
		"/dev/null",
		"/home",
		"/home/bob",
		"/root",
		"/var",
		"/run/agentbox/x",
		"/tmp",
		"~/.config/agentbox",
		"/",
		"/etc/resolv.conf",
	};
	static const char *const fine[] = {
		"~/.sshx",    "~/.config/git", "/srv/.ssh",	"/tmp/x",
		"/etc/sshx",  "/etc/ssl",      "/home/bob/src", "/opt",
		"/usr/lib/x", "/var/lib/x",    "/run/x",	"/procx",
	};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (!paths_refused(refused[i]))
			FAIL("%s may be granted", refused[i]);
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++)
		if (paths_refused(fine[i]))
			FAIL("%s %s", fine[i], paths_refused(fine[i]));
}

TEST(never_inside_a_home_elsewhere)
{
	ASSERT_NULL(paths_refused("/data/me/.ssh/x"));
	ASSERT_STREQ(paths_refused_home("/data/me/.ssh/x", "/data/me"),
		     "holds SSH keys");
	ASSERT_NOT_NULL(paths_refused_home("/data/me", "/data/me"));
	ASSERT_NOT_NULL(paths_refused_home("/data", "/data/me"));
	ASSERT_NULL(paths_refused_home("/data/me/src", "/data/me"));
	ASSERT_NULL(paths_refused_home("/data/me2", "/data/me"));
	/* A daemon's home "/" says nothing. */
	ASSERT_NULL(paths_refused_home("/srv/x", "/"));
	ASSERT_NULL(paths_refused_home("/srv/x", NULL));
}

TEST(never_workspaces)
{
	static const char *const refused[] = {
		"/",	"/usr", "/etc",	    "/etc/x",	"/home",    "/home/bob",
		"/opt", "/srv", "/proc/1",  "/dev/shm", "/run/x",   "/boot/x",
		"/tmp", "/var", "/var/tmp", "/data",	"/data/me", "/root",
	};
	static const char *const fine[] = { "/srv/x",	  "/opt/x",
					    "/tmp/x",	  "/home/bob/x",
					    "/data/me/x", "/root/x",
					    "/var/tmp/x" };

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (!paths_refused_workspace(refused[i], "/data/me"))
			FAIL("%s may be a workspace", refused[i]);
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++)
		if (paths_refused_workspace(fine[i], "/data/me"))
			FAIL("%s may not be a workspace", fine[i]);
}

/* The table's own form, on which within_pattern() and the masks rely. */
TEST(never_table)
{
	for (const struct never *n = paths_never; n->path; n++) {
		const char *p = n->path, *star = strchr(p, '*');

		ASSERT_TRUE(str_is_clean_path(*p == '~' ? p + 1 : p));
		ASSERT_TRUE(!star || (!star[1] && star[-1] != '/'));
		ASSERT_TRUE(!(n->flags & NEVER_IN_WORKSPACE) || *p == '~');
		/* hide_component() compares first components as they are. */
		ASSERT_TRUE(!(n->flags & NEVER_IN_WORKSPACE) || !star ||
			    strchr(p + 2, '/'));
		ASSERT_TRUE(n->why && *n->why);
	}
}

/* Finding a profile */

TEST(load_by_name_and_path)
{
	const char *dir = tap_tmpdir();
	const char *const search[] = { "/nonexistent", dir, NULL };
	struct err e = ERR_INIT;
	struct profile *p;
	char path[256];

	snprintf(path, sizeof(path), "%s/mine.json", dir);
	ASSERT_OK(close(
		ASSERT_OK(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600))));
	ASSERT_OK(fd_write_string(AT_FDCWD, path, HEAD "}"));
	ASSERT_OK(profile_load("mine", search, &p, &e));
	ASSERT_STREQ(p->path, path);
	profile_free(p);
	ASSERT_OK(profile_load(path, NULL, &p, &e));
	profile_free(p);
	ASSERT_ERR(profile_load("mien", search, &p, &e), -ENOENT);
	ASSERT_STREQ(e.text,
		     "no profile named \"mien\"; did you mean \"mine\"?");
	ASSERT_ERR(profile_load("other", search, &p, &e), -ENOENT);
	ASSERT_STREQ(e.text, "no profile named \"other\"");
	ASSERT_STRSTR(e.cure, "there are: mine;");
	ASSERT_ERR(profile_load("a b", search, &p, &e), -EINVAL);
	ASSERT_ERR(profile_load("/nonexistent/x.json", NULL, &p, &e), -ENOENT);
	ASSERT_STRSTR(e.text, "/nonexistent/x.json");
}
