/*
 * Profiles compiled on a host made up for a test, and what must hold of each
 * plan whatever the profile says.
 */
#include "tests/tools/world.h"

#include "lib/fd.h"
#include "profiles/paths.h"
#include "sandbox/landlock.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <string.h>

static const char *const true_args[] = { "/bin/true", NULL };

void
world_make(const struct world *w, const char *name, const char *text)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	*strrchr(path, '/') = '\0';
	ASSERT_OK(fd_mkdir_p(AT_FDCWD, path, 0755));
	if (!text)
		return;
	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	fd = ASSERT_OK(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	ASSERT_OK(fd_write_all(fd, text, strlen(text)));
	close(fd);
}

void
world_link(const struct world *w, const char *target, const char *name)
{
	char path[512];

	world_make(w, name, NULL);
	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	ASSERT_OK(symlink(target, path));
}

struct world
world_new(void)
{
	struct world w = { .e = ERR_INIT };

	snprintf(w.dir, sizeof(w.dir), "%s", tap_tmpdir());
	snprintf(w.home, sizeof(w.home), "%s/home", w.dir);
	snprintf(w.ws, sizeof(w.ws), "%s/ws", w.dir);
	snprintf(w.sets, sizeof(w.sets), "%s/profiles/sets", tap_srcdir());
	world_make(&w, "home/", NULL);
	world_make(&w, "ws/", NULL);
	return w;
}

/* body: the files object's members, or other members after "+". */
int
world_try(struct world *w, const char *body)
{
	char text[4096];
	int n = *body == '+' ? snprintf(text, sizeof(text), WORLD_HEAD ", %s}",
					body + 1)
			     : snprintf(text, sizeof(text),
					WORLD_HEAD ", \"files\": {%s}}", body);

	profile_free(w->p);
	w->p = NULL;
	compiled_free(w->c);
	w->c = NULL;
	if (profile_parse("t.json", text, (size_t)n, &w->p, &w->e) < 0)
		FAIL("%s", w->e.text);
	if (!w->r.name)
		w->r.name = "box";
	if (!w->r.workspace)
		w->r.workspace = w->ws;
	if (!w->r.home)
		w->r.home = w->home;
	w->r.args = true_args;
	w->r.sets_dir = w->sets;
	return profile_compile(w->p, &w->r, &w->c, &w->e);
}

const struct plan *
world_compile(struct world *w, const char *body)
{
	if (world_try(w, body) < 0)
		FAIL("%s", w->e.text);
	return &w->c->plan;
}

void
world_done(struct world *w)
{
	profile_free(w->p);
	compiled_free(w->c);
}

const char *
world_path(const struct world *w, const char *name)
{
	static char buf[8][256];
	static unsigned int i;
	char *s = buf[i++ % 8];

	snprintf(s, sizeof(buf[0]), "%s/%s", w->dir, name);
	return s;
}

const struct plan_fs *
world_find(const struct plan *p, enum plan_fs_kind kind, const char *dst)
{
	for (size_t i = 0; i < p->n_fs; i++)
		if (p->fs[i].kind == kind && !strcmp(p->fs[i].dst, dst))
			return &p->fs[i];
	return NULL;
}

uint64_t
world_rights(const struct plan *p, const char *path)
{
	uint64_t a = 0;

	for (size_t i = 0; i < p->n_rules; i++)
		if (!strcmp(p->rules[i].path, path))
			a |= p->rules[i].access;
	return a;
}

const char *
world_variable(const struct plan *p, const char *name)
{
	size_t n = strlen(name);
	const char *found = NULL;

	for (size_t i = 0; i < p->n_env; i++)
		if (!strncmp(p->env[i], name, n) && p->env[i][n] == '=') {
			ASSERT_NULL(found);
			found = p->env[i] + n + 1;
		}
	return found;
}

/* What every plan has. */

void
world_check_steps(const struct plan *p)
{
	bool masks = false;

	for (size_t i = 0; i < p->n_fs; i++) {
		const struct plan_fs *f = &p->fs[i];

		ASSERT_TRUE(str_is_clean_path(f->dst));
		if (masks)
			ASSERT_EQ(f->kind, PLAN_FS_MASK);
		masks = f->kind == PLAN_FS_MASK;
		ASSERT_EQ(!!(f->flags & PLAN_FS_DEV),
			  f->kind == PLAN_FS_BIND && f->dst[1] == 'd' &&
				  path_within(f->dst, "/dev"));
		ASSERT_TRUE(!(f->flags & PLAN_FS_WATCHED) ||
			    !(f->flags & PLAN_FS_RDONLY));
		/* Nothing twice, and nothing above what is there already. */
		for (size_t j = 0; j < i; j++) {
			const struct plan_fs *g = &p->fs[j];

			if (f->kind == PLAN_FS_REBIND ||
			    f->kind == PLAN_FS_MASK)
				continue;
			if (!strcmp(f->dst, g->dst))
				FAIL("%s comes twice", f->dst);
			if (f->kind != PLAN_FS_BIND && g->dst[1] &&
			    g->kind == PLAN_FS_BIND &&
			    path_within(f->dst, g->dst))
				FAIL("%s is made in a host tree", f->dst);
			if (f->kind == PLAN_FS_BIND &&
			    path_within(g->dst, f->dst))
				FAIL("%s hides %s", f->dst, g->dst);
		}
	}
}

static void
check_rules(const struct plan *p)
{
	for (size_t i = 0; i < p->n_rules; i++) {
		uint64_t a = p->rules[i].access;

		ASSERT_EQ(a & (LL_MAKE_CHAR | LL_MAKE_BLOCK), 0);
		if (path_within(BOX_CANARY, p->rules[i].path))
			ASSERT_EQ(a & ~LL_READ_DIR, 0);
		if (!strcmp(p->rules[i].path, BOX_CA))
			ASSERT_EQ(a, LL_READ_FILE);
		else
			ASSERT_FALSE(path_within(p->rules[i].path, BOX_RUN));
	}
}

/* A tree is writable for Landlock if and only if its mount is. */
static void
check_agreement(const struct plan *p)
{
	for (size_t i = 0; i < p->n_fs; i++) {
		const struct plan_fs *f = &p->fs[i];
		uint64_t a = world_rights(p, f->dst);

		if (f->kind != PLAN_FS_BIND && f->kind != PLAN_FS_REBIND)
			continue;
		if (path_within(f->dst, "/dev"))
			continue;
		if (path_within(f->dst, "/etc") && !a)
			a = world_rights(p, "/etc");
		ASSERT_EQ(!(f->flags & PLAN_FS_RDONLY), !!(a & LL_WRITE_FILE));
		ASSERT_EQ(!(f->flags & PLAN_FS_NOEXEC), !!(a & LL_EXECUTE));
		ASSERT_TRUE(a & LL_READ_FILE);
	}
}

static void
check_encoding(const struct plan *p)
{
	struct err e = ERR_INIT;
	struct plan *q;
	void *data;
	size_t len;

	if (plan_encode(p, &data, &len, &e) < 0 ||
	    plan_decode(data, len, &q, &e) < 0)
		FAIL("%s", e.text);
	ASSERT_EQ(q->n_fs, p->n_fs);
	ASSERT_EQ(q->n_rules, p->n_rules);
	ASSERT_STREQ(q->workdir, p->workdir);
	plan_free(q);
	free(data);
}

void
world_check_plan(const struct plan *p)
{
	world_check_steps(p);
	check_rules(p);
	check_agreement(p);
	check_encoding(p);
	ASSERT_STREQ(p->canary, BOX_CANARY);
	ASSERT_STREQ(world_find(p, PLAN_FS_FILE, BOX_CANARY)->data, "canary\n");
	ASSERT_EQ(p->uid, BOX_UID);
	ASSERT_NULL(p->args[p->n_args]);
	ASSERT_NULL(p->env[p->n_env]);
	ASSERT_TRUE(p->n_insns > 0);
}
