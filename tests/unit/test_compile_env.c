/* links: lib policy sandbox profiles */
/*
 * The environment, limits, layers and names that a plan carries.
 */
#include "tests/tools/world.h"

#include "tests/tap.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Environment */

TEST(environment)
{
	static const char *const host[] = {
		"PATH=/evil", "LANG=de_DE.UTF-8", "LC_TIME=C",
		"SECRET=s",   "TERM=screen",	  "KEEP=1",
		"KEEPER=2",   "NOVALUE",	  NULL,
	};
	static const char *const given[] = { "B=cli", "C=3=4", NULL };
	struct world w = world_new();
	const struct plan *p;

	w.r.host_env = host;
	w.r.env = given;
	p = world_compile(
		&w, "+\"process\": {\"env\": {\"pass\": [\"LANG\", \"LC_*\","
		    " \"KEEP\", \"NOVALUE\"], \"set\": {\"A\": \"1\", "
		    "\"B\": \"2\", \"KEEP\": \"set\"}}}");
	ASSERT_STREQ(world_variable(p, "LANG"), "de_DE.UTF-8");
	ASSERT_STREQ(world_variable(p, "LC_TIME"), "C");
	ASSERT_STREQ(world_variable(p, "KEEP"), "set");
	ASSERT_STREQ(world_variable(p, "A"), "1");
	ASSERT_STREQ(world_variable(p, "B"), "cli");
	ASSERT_STREQ(world_variable(p, "C"), "3=4");
	ASSERT_STREQ(world_variable(p, "HOME"), BOX_HOME);
	ASSERT_STREQ(world_variable(p, "USER"), BOX_USER);
	ASSERT_STREQ(world_variable(p, "TMPDIR"), "/tmp");
	ASSERT_STREQ(world_variable(p, "AGENTBOX"), "1");
	ASSERT_STREQ(world_variable(p, "AGENTBOX_BOX"), "box");
	ASSERT_FALSE(strstr(world_variable(p, "PATH"), "evil"));
	ASSERT_NULL(world_variable(p, "SECRET"));
	ASSERT_NULL(world_variable(p, "KEEPER"));
	ASSERT_NULL(world_variable(p, "NOVALUE"));
	ASSERT_NULL(world_variable(p, "TERM"));
	w.r.tty = true;
	p = world_compile(&w, "+\"owner\": \"x\"");
	ASSERT_STREQ(world_variable(p, "TERM"), "screen");
	ASSERT_STREQ(world_variable(p, "LANG"), "C.UTF-8");
	world_done(&w);
}

TEST(environment_errors)
{
	static const char *const one[] = { "NOVALUE", NULL };
	static const char *const two[] = { "AGENTBOX_BOX=x", NULL };
	struct world w = world_new();

	w.r.env = one;
	ASSERT_ERR(world_try(&w, WORLD_WS), -EINVAL);
	ASSERT_STRSTR(w.e.text, "NAME=VALUE");
	w.r.env = two;
	ASSERT_ERR(world_try(&w, WORLD_WS), -EINVAL);
	world_done(&w);
}

TEST(environment_is_bounded)
{
	struct world w = world_new();
	char *big = malloc(600 * 1024);
	const char *env[] = { big, NULL };

	memset(big, 'x', 600 * 1024 - 1);
	big[600 * 1024 - 1] = '\0';
	big[1] = '=';
	w.r.env = env;
	ASSERT_ERR(world_try(&w, WORLD_WS), -E2BIG);
	free(big);
	world_done(&w);
}

/* Limits, layers, host */

TEST(limits_and_layers)
{
	struct world w = world_new();
	const struct plan *p = world_compile(
		&w, "+\"process\": {\"limits\": {\"memory\": \"unlimited\", "
		    "\"nofile\": 50, \"stack\": \"unlimited\", \"cpu\": "
		    "\"10%\"}, \"time_namespace\": true}");
	bool nofile = false;

	ASSERT_FALSE(p->layers & LAYER_BIT(LAYER_MEMORY));
	ASSERT_TRUE(p->layers & LAYER_BIT(LAYER_SWAP));
	ASSERT_TRUE(p->layers & LAYER_BIT(LAYER_CPU));
	ASSERT_FALSE(p->layers & LAYER_BIT(LAYER_IO));
	ASSERT_TRUE(p->layers & LAYER_BIT(LAYER_TIME));
	ASSERT_TRUE(p->layers & LAYER_BIT(LAYER_SECCOMP));
	ASSERT_TRUE(p->layers & LAYER_BIT(LAYER_DISK));
	ASSERT_EQ(p->flags, PLAN_TIMENS);
	for (size_t i = 0; i < p->n_rlimits; i++) {
		ASSERT_TRUE(p->rlimits[i].soft <= p->rlimits[i].hard);
		ASSERT_NE(p->rlimits[i].resource, RLIMIT_STACK);
		if (p->rlimits[i].resource == RLIMIT_NOFILE) {
			nofile = true;
			ASSERT_EQ(p->rlimits[i].soft, 50);
		}
	}
	ASSERT_TRUE(nofile);
	ASSERT_EQ(w.c->cgroup.cpu_percent, 10);
	world_done(&w);
}

static uint64_t
core_limit_of(struct world *w, const char *body)
{
	const struct plan *p = world_compile(w, body);

	for (size_t i = 0; i < p->n_rlimits; i++)
		if (p->rlimits[i].resource == RLIMIT_CORE) {
			ASSERT_EQ(p->rlimits[i].soft, p->rlimits[i].hard);
			return p->rlimits[i].hard;
		}
	FAIL("no limit of core files");
}

#define CORE(v) "+\"process\": {\"limits\": {\"core\": " v "}}"

/* 0 would let a crash start the host's handler. */
TEST(no_core_files_is_a_limit_of_one)
{
	struct world w = world_new();

	ASSERT_EQ(core_limit_of(&w, "+\"owner\": \"x\""), 1);
	ASSERT_EQ(core_limit_of(&w, CORE("0")), 1);
	ASSERT_EQ(core_limit_of(&w, CORE("\"1M\"")), 1u << 20);
	world_done(&w);
}

TEST(io_limit_is_for_the_device_of_the_workspace)
{
	struct world w = world_new();
	struct stat st;

	world_compile(&w, "+\"process\": {\"limits\": {\"io\": {\"bandwidth\": "
			  "\"1M\"}}}");
	ASSERT_OK(stat(w.ws, &st));
	ASSERT_EQ(w.c->cgroup.io_dev, st.st_dev);
	ASSERT_TRUE(w.c->plan.layers & LAYER_BIT(LAYER_IO));
	world_done(&w);
}

TEST(kernel_too_old)
{
	struct world w = world_new();

	ASSERT_ERR(world_try(&w, "+\"requires\": {\"kernel\": \"999.1\"}"),
		   -ENOSYS);
	ASSERT_STRSTR(w.e.text, "/requires/kernel: Linux 999.1 is required");
	world_compile(&w, "+\"requires\": {\"kernel\": \"3.1\"}");
	world_done(&w);
}

TEST(hostname_and_hosts)
{
	struct world w = world_new();
	const struct plan *p = world_compile(&w, "+\"process\": {\"hostname\": "
						 "\"red\"}");

	ASSERT_STREQ(p->hostname, "red");
	ASSERT_STRSTR(world_find(p, PLAN_FS_FILE, "/etc/hosts")->data,
		      "127.0.0.1 localhost red\n");
	p = world_compile(&w, "+\"owner\": \"x\"");
	ASSERT_STREQ(p->hostname, "box");
	world_done(&w);
}

TEST(box_name)
{
	struct world w = world_new();

	w.r.name = "../x";
	ASSERT_ERR(world_try(&w, WORLD_WS), -EINVAL);
	world_done(&w);
}
