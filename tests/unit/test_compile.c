/* links: lib policy sandbox profiles */
/*
 * From a profile to a plan: what is granted, with which flags and rights.
 */
#include "tests/tools/world.h"

#include "profiles/paths.h"
#include "sandbox/landlock.h"
#include "tests/tap.h"

#include <string.h>
#include <sys/stat.h>

static const char *const true_args[] = { "/bin/true", NULL };

TEST(shipped_profiles_compile)
{
	static const char *const names[] = { "default", "dev", "build",
					     "offline" };
	struct world w = world_new();
	char dir[256];
	const char *const search[] = { dir, NULL };

	snprintf(dir, sizeof(dir), "%s/profiles", tap_srcdir());
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		for (int root = 0; root < 2; root++) {
			struct compile_request r = { .name = "b",
						     .workspace = w.ws,
						     .home = w.home,
						     .args = true_args,
						     .sets_dir = w.sets,
						     .root = root };
			struct profile *p;
			struct compiled *c;

			if (profile_load(names[i], search, &p, &w.e) < 0 ||
			    profile_compile(p, &r, &c, &w.e) < 0)
				FAIL("%s", w.e.text);
			world_check_plan(&c->plan);
			compiled_free(c);
			profile_free(p);
		}
	}
}

/* The program of a live test is there when it is asked for, and only then. */
TEST(helper_only_on_request)
{
	struct world w = world_new();
	char dir[256];
	const char *const search[] = { dir, NULL };
	struct profile *p;

	snprintf(dir, sizeof(dir), "%s/profiles", tap_srcdir());
	if (profile_load("default", search, &p, &w.e) < 0)
		FAIL("%s", w.e.text);
	for (int i = 0; i < 4; i++) {
		struct compile_request r = { .name = "b",
					     .workspace = w.ws,
					     .args = true_args,
					     .sets_dir = w.sets,
					     .helper = i & 1 ? "/bin/x" : NULL,
					     .root = i & 2 };
		const struct plan_fs *f;
		struct compiled *c;

		if (profile_compile(p, &r, &c, &w.e) < 0)
			FAIL("%s", w.e.text);
		f = world_find(&c->plan, PLAN_FS_BIND, BOX_HELPER);
		ASSERT_EQ(!f, !r.helper);
		if (f) {
			ASSERT_STREQ(f->src, r.helper);
			ASSERT_EQ(f->flags,
				  PLAN_FS_RDONLY | (r.root ? PLAN_FS_FD : 0));
		}
		ASSERT_EQ(world_rights(&c->plan, BOX_HELPER),
			  r.helper ? LL_READ_FILE | LL_EXECUTE : 0);
		compiled_free(c);
	}
	profile_free(p);
	world_done(&w);
}

/* Launch speed is a goal: a mount costs about 12 microseconds. */
TEST(default_profile_is_small)
{
	struct world w = world_new();
	const struct plan *p = world_compile(
		&w, "\"exec\": [\"@system\"], \"read\": [\"@etc\"], " WORLD_WS);
	unsigned int mounts = 0;

	world_check_plan(p);
	for (size_t i = 0; i < p->n_fs; i++)
		mounts += p->fs[i].kind >= PLAN_FS_BIND;
	ASSERT_LE(mounts, 22);
	ASSERT_LE(p->n_rules, 12);
	world_done(&w);
}

/* A profile that grants nothing still makes a box, with nothing in it. */
TEST(empty_profile)
{
	struct world w = world_new();
	const struct plan *p = world_compile(&w, "+\"owner\": \"x\"");

	world_check_plan(p);
	ASSERT_STREQ(p->workdir, BOX_HOME);
	for (size_t i = 0; i < p->n_fs; i++)
		ASSERT_TRUE(p->fs[i].kind != PLAN_FS_BIND ||
			    path_within(p->fs[i].dst, "/dev"));
	ASSERT_EQ(world_rights(p, BOX_HOME) & LL_EXECUTE, 0);
	ASSERT_TRUE(world_find(p, PLAN_FS_REBIND, "/tmp")->flags &
		    PLAN_FS_NOEXEC);
	world_done(&w);
}

/* Grants */

TEST(read_exec_write)
{
	struct world w = world_new();
	const struct plan *p;
	char body[1024];

	world_make(&w, "r/x", "");
	world_make(&w, "e/x", "");
	world_make(&w, "w/x", "");
	world_make(&w, "we/x", "");
	snprintf(body, sizeof(body),
		 "\"read\": [\"%s/r\", \"%s/missing/x\"], \"exec\": [\"%s/e\", "
		 "\"%s/we\"], \"write\": [\"%s/w\", \"%s/we\"]",
		 w.dir, w.dir, w.dir, w.dir, w.dir, w.dir);
	p = world_compile(&w, body);
	world_check_plan(p);
	ASSERT_EQ(world_find(p, PLAN_FS_BIND, world_path(&w, "r"))->flags,
		  PLAN_FS_RDONLY | PLAN_FS_NOEXEC);
	ASSERT_EQ(world_find(p, PLAN_FS_BIND, world_path(&w, "e"))->flags,
		  PLAN_FS_RDONLY);
	ASSERT_EQ(world_find(p, PLAN_FS_BIND, world_path(&w, "w"))->flags,
		  PLAN_FS_NOEXEC);
	ASSERT_EQ(world_find(p, PLAN_FS_BIND, world_path(&w, "we"))->flags, 0);
	ASSERT_EQ(world_rights(p, world_path(&w, "r")),
		  LL_READ_FILE | LL_READ_DIR);
	ASSERT_TRUE(world_rights(p, world_path(&w, "w")) & LL_REFER);
	ASSERT_FALSE(world_rights(p, world_path(&w, "w")) & LL_EXECUTE);
	for (size_t i = 0; i < p->n_fs; i++)
		ASSERT_FALSE(strstr(p->fs[i].dst, "missing"));
	world_done(&w);
}

TEST(root_mode_maps_what_people_own)
{
	struct world w = world_new();
	const struct plan *p;
	char body[512];

	world_make(&w, "r/x", "");
	snprintf(body, sizeof(body),
		 "\"exec\": [\"@system\"], \"read\": [\"%s/r\"], " WORLD_WS,
		 w.dir);
	w.r.root = true;
	p = world_compile(&w, body);
	world_check_plan(p);
	ASSERT_EQ(world_find(p, PLAN_FS_BIND, world_path(&w, "r"))->flags,
		  PLAN_FS_RDONLY | PLAN_FS_NOEXEC | PLAN_FS_IDMAP | PLAN_FS_FD);
	ASSERT_EQ(world_find(p, PLAN_FS_BIND, w.ws)->flags,
		  PLAN_FS_IDMAP | PLAN_FS_FD | PLAN_FS_WATCHED);
	ASSERT_EQ(world_find(p, PLAN_FS_BIND, "/usr")->flags,
		  PLAN_FS_RDONLY | PLAN_FS_OPTIONAL);
	ASSERT_TRUE(p->flags & PLAN_SETGROUPS);
	ASSERT_TRUE(p->layers & LAYER_BIT(LAYER_OWNUID));
	w.r.root = false;
	p = world_compile(&w, body);
	ASSERT_EQ(world_find(p, PLAN_FS_BIND, w.ws)->flags, PLAN_FS_WATCHED);
	ASSERT_FALSE(p->layers & LAYER_BIT(LAYER_OWNUID));
	world_done(&w);
}

TEST(inner_grant_decides)
{
	struct world w = world_new();
	const struct plan *p;
	const struct plan_fs *outer, *inner;
	char body[512];

	world_make(&w, "ws/vendor/x", "");
	snprintf(body, sizeof(body), "\"read\": [\"%s/vendor\"], " WORLD_WS,
		 w.ws);
	p = world_compile(&w, body);
	world_check_steps(p);
	outer = world_find(p, PLAN_FS_BIND, w.ws);
	inner = world_find(p, PLAN_FS_BIND, world_path(&w, "ws/vendor"));
	ASSERT_TRUE(outer < inner);
	ASSERT_EQ(inner->flags, PLAN_FS_RDONLY | PLAN_FS_NOEXEC);
	world_done(&w);
}

TEST(home_paths_go_below_home)
{
	struct world w = world_new();
	const struct plan *p;

	world_make(&w, "home/.config/git/config", "");
	p = world_compile(&w, "\"read\": [\"~/.config/git/config\", \"~/no\"]");
	world_check_plan(p);
	ASSERT_STREQ(world_find(p, PLAN_FS_BIND, BOX_HOME "/.config/git/config")
			     ->src,
		     world_path(&w, "home/.config/git/config"));
	/* After HOME was bound to itself. */
	ASSERT_TRUE(
		world_find(p, PLAN_FS_BIND, BOX_HOME "/.config/git/config") >
		world_find(p, PLAN_FS_REBIND, BOX_HOME));
	ASSERT_NULL(world_find(p, PLAN_FS_BIND, BOX_HOME "/no"));
	world_done(&w);
}

TEST(links_become_links)
{
	struct world w = world_new();
	const struct plan *p;
	char body[512];

	world_make(&w, "real/deep/file", "");
	world_link(&w, "real", "one");
	world_link(&w, "../one/deep", "dir/two");
	snprintf(body, sizeof(body), "\"read\": [\"%s/dir/two/file\"]", w.dir);
	p = world_compile(&w, body);
	world_check_plan(p);
	ASSERT_STREQ(
		world_find(p, PLAN_FS_SYMLINK, world_path(&w, "dir/two"))->src,
		"../one/deep");
	ASSERT_STREQ(world_find(p, PLAN_FS_SYMLINK, world_path(&w, "one"))->src,
		     "real");
	ASSERT_NOT_NULL(
		world_find(p, PLAN_FS_BIND, world_path(&w, "real/deep/file")));
	world_done(&w);
}

TEST(link_loop)
{
	struct world w = world_new();
	char body[512];

	world_link(&w, "b", "a");
	world_link(&w, "a", "b");
	snprintf(body, sizeof(body), "\"read\": [\"%s/a\"]", w.dir);
	ASSERT_ERR(world_try(&w, body), -ELOOP);
	ASSERT_STRSTR(w.e.text, "t.json: /files/read/0: ");
	world_done(&w);
}

TEST(sockets_are_never_inside)
{
	struct world w = world_new();
	char body[512];

	ASSERT_OK(mkfifo(world_path(&w, "pipe"), 0600));
	snprintf(body, sizeof(body), "\"read\": [\"%s/pipe\"]", w.dir);
	ASSERT_ERR(world_try(&w, body), -ENOTSUP);
	world_done(&w);
}
