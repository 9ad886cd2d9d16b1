/* links: lib policy sandbox profiles */
/* Children on a host with links: no name leads out of what a parent grants. */
#include "tests/tools/world.h"

#include "tests/tap.h"

#include <string.h>

static void
make_profile(const struct world *w, const char *name, const char *parent,
	     const char *files)
{
	char text[4096], file[64];

	snprintf(text, sizeof(text),
		 "{\"version\": 1, \"name\": \"%s\", \"role\": \"execute\", "
		 "%s%s%s \"files\": {%s}}",
		 name, parent ? "\"extends\": {\"profiles\": [\"" : "",
		 parent ? parent : "", parent ? "\"]}," : "", files);
	snprintf(file, sizeof(file), "%s.json", name);
	world_make(w, file, text);
}

static int
compile(struct world *w, const char *name)
{
	static const char *const args[] = { "/bin/true", NULL };
	const char *const search[] = { w->dir, NULL };
	struct compile_request r = { .name = "b",
				     .workspace = w->ws,
				     .home = w->home,
				     .args = args,
				     .sets_dir = w->sets };

	if (profile_load(name, search, &w->p, &w->e) < 0)
		FAIL("%s", w->e.text);
	return profile_compile(w->p, &r, &w->c, &w->e);
}

TEST(link_out_of_the_tree)
{
	struct world w = world_new();
	char files[512];

	world_make(&w, "data/ok/file", "x");
	world_make(&w, "secret/key", "x");
	world_link(&w, "../secret", "data/out");
	snprintf(files, sizeof(files), "\"read\": [\"%s/data\"]", w.dir);
	make_profile(&w, "parent", NULL, files);
	snprintf(files, sizeof(files), "\"read\": [\"%s/data/out\"]", w.dir);
	make_profile(&w, "child", "parent", files);
	ASSERT_ERR(compile(&w, "child"), -EPERM);
	ASSERT_STRSTR(w.e.text, "widens: a path leads to \"");
	ASSERT_STRSTR(w.e.text,
		      "/secret\", of which \"parent\" grants no read");
	world_done(&w);
}

TEST(link_within_the_tree)
{
	struct world w = world_new();
	char files[512];

	world_make(&w, "data/ok/file", "x");
	world_link(&w, "ok", "data/in");
	snprintf(files, sizeof(files),
		 "\"exec\": [\"@system\"], \"read\": [\"%s/data\"], "
		 "\"write\": [\"~/x\"], " WORLD_WS,
		 w.dir);
	world_make(&w, "home/x/", NULL);
	make_profile(&w, "parent", NULL, files);
	snprintf(files, sizeof(files),
		 "\"read\": [\"%s/data/in\"], \"workspace\": {\"access\": "
		 "\"read\"}",
		 w.dir);
	make_profile(&w, "child", "parent", files);
	if (compile(&w, "child") < 0)
		FAIL("%s", w.e.text);
	world_check_plan(&w.c->plan);
	world_done(&w);
}

/* What a link inside a parent's own entry leads to, the parent granted. */
TEST(link_that_the_parent_names)
{
	struct world w = world_new();
	char files[512];

	world_make(&w, "far/file", "x");
	world_link(&w, "far", "near");
	snprintf(files, sizeof(files), "\"read\": [\"%s/near\"]", w.dir);
	make_profile(&w, "parent", NULL, files);
	snprintf(files, sizeof(files), "\"read\": [\"%s/near/file\"]", w.dir);
	make_profile(&w, "child", "parent", files);
	if (compile(&w, "child") < 0)
		FAIL("%s", w.e.text);
	world_done(&w);
}
