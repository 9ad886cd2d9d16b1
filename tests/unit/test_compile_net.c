/* links: lib policy sandbox profiles */
/*
 * What a plan has more of when a broker serves the box, and that it has nothing
 * of it when none does.
 */
#include "tests/tools/world.h"

#include "sandbox/landlock.h"
#include "tests/tap.h"

#include <string.h>
#include <sys/stat.h>

#define ETC "\"read\": [\"@etc\"], " WORLD_WS
#define ENV "+\"process\": {\"env\": "

static const char *
file(const struct plan *p, const char *dst)
{
	const struct plan_fs *f = world_find(p, PLAN_FS_FILE, dst);

	ASSERT_NOT_NULL(f);
	return f->data;
}

TEST(without_a_broker_nothing)
{
	struct world w = world_new();
	const struct plan *p = world_compile(&w, ETC);

	ASSERT_EQ(p->flags & (PLAN_NETWORK | PLAN_LOOPBACK), 0u);
	ASSERT_EQ(p->sockets, 0u);
	ASSERT_FALSE(p->layers & LAYER_BIT(LAYER_BROKER));
	ASSERT_STRSTR(file(p, "/etc/resolv.conf"), "no network");
	ASSERT_STRSTR(file(p, "/etc/nsswitch.conf"), "hosts: files\n");
	ASSERT_NULL(world_variable(p, "AGENTBOX_HTTP_PROXY"));
	ASSERT_NULL(world_variable(p, "SSL_CERT_FILE"));
	ASSERT_NULL(world_find(p, PLAN_FS_BIND, BOX_CA));
	ASSERT_EQ(world_rights(p, BOX_CA), 0u);
	world_done(&w);
}

TEST(with_one_names_and_proxies)
{
	struct world w = world_new();
	const struct plan *p;

	w.r.sockets = 7;
	p = world_compile(&w, ETC);
	world_check_plan(p);
	ASSERT_TRUE(p->flags & PLAN_NETWORK);
	ASSERT_TRUE(p->flags & PLAN_LOOPBACK); /* not said, and implied */
	ASSERT_EQ(p->sockets, 7u);
	ASSERT_TRUE(p->layers & LAYER_BIT(LAYER_BROKER));
	ASSERT_STREQ(file(p, "/etc/resolv.conf"),
		     "nameserver 127.0.0.53\noptions timeout:30 attempts:2\n");
	ASSERT_STRSTR(file(p, "/etc/nsswitch.conf"), "hosts: files dns\n");
	ASSERT_STREQ(world_variable(p, "AGENTBOX_HTTP_PROXY"),
		     "http://127.0.0.53:3128");
	ASSERT_STREQ(world_variable(p, "AGENTBOX_SOCKS_PROXY"),
		     "socks5h://127.0.0.53:3128");
	ASSERT_NULL(world_variable(p, "http_proxy"));
	ASSERT_NULL(world_variable(p, "ALL_PROXY"));
	ASSERT_NULL(world_variable(p, "SSL_CERT_FILE"));
	world_done(&w);
}

TEST(proxies_where_programs_look)
{
	static const char *const names[] = { "http_proxy", "HTTP_PROXY",
					     "https_proxy", "HTTPS_PROXY" };
	struct world w = world_new();
	const struct plan *p;

	w.r.sockets = 7;
	p = world_compile(&w, "+\"network\": {\"proxy_env\": true}");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ASSERT_STREQ(world_variable(p, names[i]),
			     "http://127.0.0.53:3128");
	ASSERT_STREQ(world_variable(p, "all_proxy"),
		     "socks5h://127.0.0.53:3128");
	ASSERT_STREQ(world_variable(p, "no_proxy"), "localhost,127.0.0.1,::1");
	/* an author may know better */
	p = world_compile(&w, ENV "{\"set\": {\"no_proxy\": \"x\"}}}, "
				  "\"network\": {\"proxy_env\": true}");
	ASSERT_STREQ(world_variable(p, "no_proxy"), "x");
	world_done(&w);
}

/* The real secret under a credential's name stays outside, whoever says so. */
TEST(placeholders_win)
{
	static const char *const mine[] = { "KEY=placeholder", NULL };
	static const char *const host[] = { "KEY=real", NULL };
	static const char *const given[] = { "KEY=given", NULL };
	struct world w = world_new();
	const struct plan *p;

	w.r.sockets = 7;
	w.r.broker_env = mine;
	w.r.host_env = host;
	w.r.env = given;
	p = world_compile(&w, ENV "{\"pass\": [\"KEY\"]}}");
	ASSERT_STREQ(world_variable(p, "KEY"), "placeholder");
	for (size_t i = 0; i < p->n_env; i++)
		ASSERT_NULL(strstr(p->env[i], "real"));
	world_done(&w);
}

static size_t
binds_of(const struct plan *p, const char *src)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_fs; i++)
		n += p->fs[i].kind == PLAN_FS_BIND && p->fs[i].src &&
		     !strcmp(p->fs[i].src, src);
	return n;
}

TEST(certificates_over_the_hosts)
{
	static const char *const bundle = "/etc/ssl/certs/ca-certificates.crt";
	struct world w = world_new();

	w.r.sockets = 7;
	w.r.ca_file = "/run/x.ca";
	for (int root = 0; root < 2; root++) {
		const struct plan *p;
		const struct plan_fs *f;

		w.r.root = root;
		p = world_compile(&w, ETC);
		world_check_plan(p);
		f = world_find(p, PLAN_FS_BIND, BOX_CA);
		ASSERT_NOT_NULL(f);
		ASSERT_STREQ(f->src, w.r.ca_file);
		ASSERT_TRUE(f->flags & PLAN_FS_RDONLY);
		ASSERT_TRUE(f->flags & PLAN_FS_NOEXEC);
		ASSERT_EQ(!(f->flags & PLAN_FS_FD), !root);
		ASSERT_EQ(world_rights(p, BOX_CA), LL_READ_FILE);
		ASSERT_STREQ(world_variable(p, "GIT_SSL_CAINFO"), BOX_CA);
		if (access(bundle, F_OK) == 0) {
			char real[4096];

			ASSERT_NOT_NULL(realpath(bundle, real));
			ASSERT_NOT_NULL(world_find(p, PLAN_FS_BIND, real));
			ASSERT_GE(binds_of(p, w.r.ca_file), 2u);
		}
	}
	world_done(&w);
}

/* Each place once, whatever leads to it. */
TEST(no_place_twice)
{
	struct world w = world_new();
	const struct plan *p;

	w.r.sockets = 7;
	w.r.ca_file = "/run/x.ca";
	p = world_compile(&w, ETC);
	for (size_t i = 0; i < p->n_fs; i++)
		for (size_t k = 0; k < i; k++)
			if (p->fs[i].src && p->fs[k].src &&
			    !strcmp(p->fs[i].src, w.r.ca_file) &&
			    !strcmp(p->fs[k].src, w.r.ca_file))
				ASSERT_NE(strcmp(p->fs[i].dst, p->fs[k].dst),
					  0);
	world_done(&w);
}
