/* links: lib policy sandbox profiles */
/*
 * What is never inside, what a profile denies, what may not be a workspace,
 * and path groups.
 */
#include "tests/tools/world.h"

#include "profiles/paths.h"
#include "tests/tap.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static const char *const true_args[] = { "/bin/true", NULL };

/* Never inside, after links */

TEST(secrets_behind_links)
{
	struct world w = world_new();
	char body[512];

	world_make(&w, "home/.ssh/id", "");
	world_link(&w, "home/.ssh", "keys");
	snprintf(body, sizeof(body), "\"read\": [\"%s/keys/id\"]", w.dir);
	ASSERT_ERR(world_try(&w, body), -EPERM);
	ASSERT_STRSTR(w.e.text, "is really");
	ASSERT_STRSTR(w.e.text, "which holds SSH keys");

	world_link(&w, "../.ssh/id", "home/.config/x");
	ASSERT_ERR(world_try(&w, "\"read\": [\"~/.config/x\"]"), -EPERM);
	ASSERT_STRSTR(w.e.text, "which holds SSH keys");

	world_link(&w, "/proc/1", "proc");
	snprintf(body, sizeof(body), "\"read\": [\"%s/proc\"]", w.dir);
	ASSERT_ERR(world_try(&w, body), -EPERM);

	world_link(&w, "home", "home-link");
	snprintf(body, sizeof(body), "\"read\": [\"%s/home-link\"]", w.dir);
	ASSERT_ERR(world_try(&w, body), -EPERM);
	ASSERT_STRSTR(w.e.text, "whole home");
	world_done(&w);
}

/* HOME itself may be named through a link. */
TEST(secrets_of_a_linked_home)
{
	struct world w = world_new();
	char body[512];

	world_make(&w, "home/.aws/credentials", "");
	world_link(&w, "home", "me");
	w.r.home = world_path(&w, "me");
	snprintf(body, sizeof(body), "\"read\": [\"%s/home/.aws\"]", w.dir);
	ASSERT_ERR(world_try(&w, body), -EPERM);
	w.r.workspace = w.home;
	ASSERT_ERR(world_try(&w, WORLD_WS), -EPERM);
	world_done(&w);
}

TEST(secrets_inside_grants_are_masked)
{
	struct world w = world_new();
	const struct plan *p;

	world_make(&w, "home/.config/gh/hosts.yml", "");
	world_make(&w, "home/.config/google-chrome-beta/x", "");
	world_make(&w, "home/.config/git/credentials", "");
	world_make(&w, "home/.config/nvim/init", "");
	p = world_compile(&w, "\"read\": [\"~/.config\"]");
	world_check_plan(p);
	ASSERT_NOT_NULL(world_find(p, PLAN_FS_MASK, BOX_HOME "/.config/gh"));
	ASSERT_NOT_NULL(world_find(p, PLAN_FS_MASK,
				   BOX_HOME "/.config/google-chrome-beta"));
	ASSERT_NOT_NULL(world_find(p, PLAN_FS_MASK,
				   BOX_HOME "/.config/git/credentials"));
	ASSERT_NULL(world_find(p, PLAN_FS_MASK, BOX_HOME "/.config/gcloud"));
	ASSERT_NULL(world_find(p, PLAN_FS_MASK, BOX_HOME "/.config/nvim"));
	world_done(&w);
}

TEST(secrets_inside_a_workspace_are_masked)
{
	struct world w = world_new();
	const struct plan *p;

	world_make(&w, "ws/.ssh/id", "");
	world_make(&w, "ws/.netrc", "");
	world_make(&w, "ws/.docker/config.json", "");
	world_make(&w, "ws/.docker/compose", "");
	world_make(&w, "ws/.claude/.credentials.json", "");
	world_make(&w, "ws/.claude/settings.json", "");
	world_make(&w, "ws/.config/gh/x", "");
	world_link(&w, "/etc", "ws/.aws");
	p = world_compile(&w, WORLD_WS);
	world_check_plan(p);
	ASSERT_NOT_NULL(world_find(p, PLAN_FS_MASK, world_path(&w, "ws/.ssh")));
	ASSERT_NOT_NULL(
		world_find(p, PLAN_FS_MASK, world_path(&w, "ws/.netrc")));
	ASSERT_NOT_NULL(world_find(p, PLAN_FS_MASK,
				   world_path(&w, "ws/.docker/config.json")));
	ASSERT_NOT_NULL(
		world_find(p, PLAN_FS_MASK,
			   world_path(&w, "ws/.claude/.credentials.json")));
	ASSERT_NOT_NULL(
		world_find(p, PLAN_FS_MASK, world_path(&w, "ws/.config/gh")));
	ASSERT_NULL(world_find(p, PLAN_FS_MASK, world_path(&w, "ws/.aws")));
	ASSERT_NULL(world_find(p, PLAN_FS_MASK, world_path(&w, "ws/.docker")));
	ASSERT_NULL(world_find(p, PLAN_FS_MASK,
			       world_path(&w, "ws/.claude/settings.json")));
	ASSERT_NULL(world_find(p, PLAN_FS_MASK, world_path(&w, "ws/.gnupg")));
	world_done(&w);
}

TEST(private_keys_of_the_host_are_masked)
{
	struct world w = world_new();
	const struct plan *p;
	struct stat st;

	if (lstat("/etc/ssl/private", &st) < 0)
		SKIP("this host has no /etc/ssl/private");
	p = world_compile(&w, "\"read\": [\"/etc/ssl\"]");
	ASSERT_NOT_NULL(world_find(p, PLAN_FS_BIND, "/etc/ssl"));
	ASSERT_NOT_NULL(world_find(p, PLAN_FS_MASK, "/etc/ssl/private"));
	world_done(&w);
}

/* Deny */

TEST(deny)
{
	struct world w = world_new();
	const struct plan *p;
	char body[1024];

	world_make(&w, "ws/secret/x", "");
	world_make(&w, "r/in/x", "");
	world_make(&w, "home/.config/nvim/x", "");
	world_link(&w, "ws/secret", "alias");
	snprintf(body, sizeof(body),
		 "\"read\": [\"%s/r/in\", \"~/.config\"], \"deny\": "
		 "[\"%s/alias\", \"%s/r\", \"%s/missing\", \"/srv/none\","
		 " \"~/.config/nvim\"], " WORLD_WS,
		 w.dir, w.dir, w.dir, w.ws);
	p = world_compile(&w, body);
	world_check_plan(p);
	ASSERT_NOT_NULL(
		world_find(p, PLAN_FS_MASK, world_path(&w, "ws/secret")));
	/* A grant inside of what is denied: deny wins. */
	ASSERT_NOT_NULL(world_find(p, PLAN_FS_MASK, world_path(&w, "r/in")));
	ASSERT_NOT_NULL(world_find(p, PLAN_FS_MASK, BOX_HOME "/.config/nvim"));
	ASSERT_NULL(world_find(p, PLAN_FS_MASK, world_path(&w, "ws/missing")));
	world_done(&w);
}

/* Workspace */

TEST(workspace_refused)
{
	struct world w = world_new();
	static const char *const bad[] = { "/",	       "/usr",
					   "/proc/1",  "/nonexist",
					   "relative", "/tmp/../tmp/x",
					   "/etc",     "/bin/sh" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		w.r.workspace = bad[i];
		ASSERT_ERR(world_try(&w, WORLD_WS), -EPERM);
		ASSERT_STRSTR(w.e.text, "the workspace \"");
		ASSERT_STRSTR(w.e.cure, "--workspace");
	}
	w.r.workspace = w.home;
	ASSERT_ERR(world_try(&w, WORLD_WS), -EPERM);
	w.r.workspace = w.dir; /* above the home */
	ASSERT_ERR(world_try(&w, WORLD_WS), -EPERM);
	world_link(&w, "ws", "ws-link");
	w.r.workspace = world_path(&w, "ws-link");
	ASSERT_ERR(world_try(&w, WORLD_WS), -EPERM);
	ASSERT_STRSTR(w.e.text, "symbolic link");
	world_done(&w);
}

TEST(workspace_access)
{
	struct world w = world_new();
	const struct plan *p = world_compile(&w, "\"workspace\": {\"access\": "
						 "\"read\"}");

	world_check_plan(p);
	ASSERT_EQ(world_find(p, PLAN_FS_BIND, w.ws)->flags,
		  PLAN_FS_RDONLY | PLAN_FS_NOEXEC);
	ASSERT_STREQ(p->workdir, w.ws);
	p = world_compile(&w, "\"workspace\": {\"access\": \"none\"}");
	ASSERT_NULL(world_find(p, PLAN_FS_BIND, w.ws));
	ASSERT_STREQ(p->workdir, BOX_HOME);
	p = world_compile(&w, "\"workspace\": {\"access\": \"write\", "
			      "\"max_growth\": \"unlimited\"}");
	ASSERT_FALSE(world_find(p, PLAN_FS_BIND, w.ws)->flags &
		     PLAN_FS_WATCHED);
	world_done(&w);
}

/* Groups */

static void
use_sets(struct world *w)
{
	snprintf(w->sets, sizeof(w->sets), "%s/sets", w->dir);
}

static void
expect_group_error(struct world *w, const char *lines, const char *want)
{
	world_make(w, "sets/g.paths", lines);
	ASSERT_TRUE(world_try(w, "\"read\": [\"@g\"]") < 0);
	ASSERT_STRSTR(w->e.text, want);
	ASSERT_OK(unlink(world_path(w, "sets/g.paths")));
}

TEST(group_errors)
{
	struct world w = world_new();

	use_sets(&w);
	expect_group_error(&w, "# c\nexec\n", "g.paths:2: \"exec\": expected");
	expect_group_error(&w, "write /srv\n", "g.paths:1: \"write /srv\"");
	expect_group_error(&w, "read srv\n", "\"srv\" is not a clean");
	expect_group_error(&w, "read /a/*\n", "\"/a/*\" is not a clean");
	expect_group_error(&w, "read /a*/b\n", "\"/a*/b\" is not a clean");
	expect_group_error(&w, "\n\nread /a/../b # x\n", "g.paths:3:");
	expect_group_error(&w, "read /\n", "is not a clean");
	expect_group_error(&w, "read /proc\n", "\"/proc\" is the box's own");
	world_make(&w, "sets/group.paths", "");
	ASSERT_ERR(world_try(&w, "\"read\": [\"@grop\"]"), -ENOENT);
	ASSERT_STRSTR(w.e.text, "/files/read/0: no path group \"grop\"; did "
				"you mean \"@group\"?");
	world_done(&w);
}

/* The shipped groups hold nothing that a profile could not grant. */
TEST(shipped_groups)
{
	static const char *const names[] = { "system", "etc", "etc-more",
					     "opt" };
	struct world w = world_new();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct path_group g;

		if (path_group_read(w.sets, names[i], &g, &w.e) < 0)
			FAIL("%s", w.e.text);
		ASSERT_TRUE(g.n > 0);
		for (size_t j = 0; j < g.n; j++)
			if (paths_refused(g.line[j].path))
				FAIL("%s: %s", names[i], g.line[j].path);
		path_group_done(&g);
	}
}

TEST(group_in_read_is_not_executable)
{
	struct world w = world_new();
	const struct plan *p = world_compile(&w, "\"read\": [\"@system\"]");

	world_check_plan(p);
	ASSERT_TRUE(world_find(p, PLAN_FS_BIND, "/usr")->flags &
		    PLAN_FS_NOEXEC);
	world_done(&w);
}

/* An error that shows only on this host still has its line. */
TEST(line_of_a_late_error)
{
	struct world w = world_new();
	struct compile_request r = { .name = "b",
				     .args = true_args,
				     .sets_dir = w.sets };
	struct compiled *c;
	struct profile *p;
	char want[300];

	world_make(&w, "p.json",
		   "{\n\"version\": 1, \"name\": \"t\",\n"
		   "\"role\": \"reason\",\n\"files\": {\n"
		   "\"read\": [\"@etc\",\n\"@etcc\"]}}");
	ASSERT_OK(profile_load(world_path(&w, "p.json"), NULL, &p, &w.e));
	ASSERT_ERR(profile_compile(p, &r, &c, &w.e), -ENOENT);
	snprintf(want, sizeof(want),
		 "%s:6: /files/read/1: no path group \"etcc\"; did you mean "
		 "\"@etc\"?",
		 world_path(&w, "p.json"));
	ASSERT_STREQ(w.e.text, want);
	profile_free(p);
}

/* Sockets of the host */

static int sockets[1024];
static size_t n_sockets;

static void
bind_socket(const char *path, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = ASSERT_OK(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));

	ASSERT_LE(strlen(path), sizeof(a.sun_path) - 1);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (a.sun_path[0] == '@')
		a.sun_path[0] = '\0';
	ASSERT_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	if (type != SOCK_DGRAM)
		ASSERT_OK(listen(fd, 1));
	sockets[n_sockets++] = fd;
}

static void
close_sockets(void)
{
	while (n_sockets)
		close(sockets[--n_sockets]);
}

TEST(sockets_of_the_host_are_masked)
{
	struct world w = world_new();
	const struct plan *p;
	char body[256];
	size_t masks;

	world_make(&w, "ws/deep/x", "");
	world_make(&w, "r/x", "");
	world_make(&w, "out/x", "");
	world_link(&w, "ws", "ws-link");
	snprintf(body, sizeof(body), "\"read\": [\"%s/r\"], " WORLD_WS, w.dir);
	p = world_compile(&w, body);
	masks = p->n_fs;
	bind_socket(world_path(&w, "ws/deep/stream"), SOCK_STREAM);
	bind_socket(world_path(&w, "ws/datagram"), SOCK_DGRAM);
	bind_socket(world_path(&w, "ws/packet"), SOCK_SEQPACKET);
	bind_socket(world_path(&w, "ws/with space"), SOCK_STREAM);
	bind_socket(world_path(&w, "ws/line\nbreak"), SOCK_STREAM);
	bind_socket(world_path(&w, "ws-link/linked"), SOCK_STREAM);
	bind_socket(world_path(&w, "ws/../r/dots"), SOCK_STREAM);
	bind_socket(world_path(&w, "out/of-sight"), SOCK_STREAM);
	bind_socket(world_path(&w, "ws/gone"), SOCK_STREAM);
	ASSERT_OK(unlink(world_path(&w, "ws/gone")));
	bind_socket(world_path(&w, "ws/replaced"), SOCK_STREAM);
	ASSERT_OK(unlink(world_path(&w, "ws/replaced")));
	world_make(&w, "ws/replaced", "a file now");
	p = world_compile(&w, body);
	world_check_plan(p);
	ASSERT_NOT_NULL(
		world_find(p, PLAN_FS_MASK, world_path(&w, "ws/deep/stream")));
	ASSERT_NOT_NULL(
		world_find(p, PLAN_FS_MASK, world_path(&w, "ws/datagram")));
	ASSERT_NOT_NULL(
		world_find(p, PLAN_FS_MASK, world_path(&w, "ws/packet")));
	ASSERT_NOT_NULL(
		world_find(p, PLAN_FS_MASK, world_path(&w, "ws/with space")));
	ASSERT_NOT_NULL(
		world_find(p, PLAN_FS_MASK, world_path(&w, "ws/linked")));
	ASSERT_NOT_NULL(world_find(p, PLAN_FS_MASK, world_path(&w, "r/dots")));
	ASSERT_EQ(p->n_fs, masks + 6);
	close_sockets();
	world_done(&w);
}

/* More of them than one read takes; what this costs a launch. */
TEST(many_sockets)
{
	struct world w = world_new();
	const struct plan *p;
	char path[200], at[64];

	for (int i = 0; i < 400; i++) {
		snprintf(at, sizeof(at), "@agentbox-test-%d-%d", getpid(), i);
		bind_socket(at, SOCK_STREAM);
		snprintf(path, sizeof(path), "%s/out-%d", w.dir, i);
		bind_socket(path, SOCK_STREAM);
		if (i % 100 == 0) {
			snprintf(path, sizeof(path), "%s/in-%d", w.ws, i);
			bind_socket(path, SOCK_STREAM);
		}
	}
	p = world_compile(&w, WORLD_WS);
	for (int i = 0; i < 400; i += 100) {
		snprintf(path, sizeof(path), "%s/in-%d", w.ws, i);
		ASSERT_NOT_NULL(world_find(p, PLAN_FS_MASK, path));
	}
	close_sockets();
	world_done(&w);
}
