/*
 * files.read, exec and write of a profile with parents. It is not enough to
 * look for an enclosing entry: access changes at every entry (trees.h), so it
 * is compared at all entries of both.
 */
#include "profiles/inherit.h"
#include "profiles/trees.h"

#include "lib/str.h"

#include <string.h>

/* Checking */

static int
refuse(struct load *l, const struct profile *parent, const struct tree *from,
       const char *path, unsigned int more)
{
	const char *what = more & TREE_WRITE  ? "write"
			   : more & TREE_EXEC ? "exec"
					      : "read";
	char shown[160];

	load_enter(l, "files");
	load_enter(l, from->list);
	load_enter_index(l, from->index);
	return load_fail(l, "widens: \"%s\" grants no %s of \"%s\"",
			 parent->name, what,
			 str_escape(path, shown, sizeof(shown)));
}

static int
check_at(struct load *l, const struct profile *parent, const struct trees *own,
	 const struct trees *theirs, const char *path)
{
	const struct tree *from = NULL;
	unsigned int mine = trees_access(own, path, &from);
	unsigned int more = mine & ~trees_access(theirs, path, NULL);

	return more && from ? refuse(l, parent, from, path, more) : 0;
}

static int
check_parent(struct load *l, const struct profile *parent, const char *sets,
	     const struct trees *own)
{
	_cleanup_(trees_done) struct trees theirs = { 0 };
	int r = trees_read(parent, sets, &theirs);

	if (r < 0)
		return err_sys(l->e, r, "%s: files", parent->path);
	for (size_t i = 0; i < own->n && r >= 0; i++)
		r = check_at(l, parent, own, &theirs, own->v[i].path);
	for (size_t i = 0; i < theirs.n && r >= 0; i++)
		r = check_at(l, parent, own, &theirs, theirs.v[i].path);
	return r;
}

/* Taking over */

struct parents {
	struct trees t[PROFILE_PARENTS_MAX];
	size_t n;
};

static bool
all_grant(const struct parents *ps, const char *path, unsigned int access)
{
	for (size_t i = 0; i < ps->n; i++)
		if (access & ~trees_access(&ps->t[i], path, NULL))
			return false;
	return true;
}

static bool
group_granted(const struct parents *ps, const char *sets, const char *name,
	      unsigned int access)
{
	_cleanup_(trees_done) struct trees g = { 0 };
	struct tree like = { .access = access };

	if (trees_add_group(&g, sets, name, like) < 0)
		return false;
	for (size_t i = 0; i < g.n; i++)
		if (!all_grant(ps, g.v[i].path, g.v[i].access))
			return false;
	return true;
}

static int
take_list(struct load *l, const struct parents *ps, const char *sets,
	  struct strv *own, const struct strv *from, unsigned int access)
{
	for (size_t i = 0; i < from->n; i++) {
		const char *s = from->v[i];
		bool all = *s == '@' ? group_granted(ps, sets, s, access)
				     : all_grant(ps, s, access);

		if (all && !strv_has(own, s) && strv_add(own, s) < 0)
			return hand_no_memory(l);
	}
	return 0;
}

struct taken {
	const char *name;
	size_t off;
	unsigned int access;
};

static const struct taken taken[] = {
	{ "read", offsetof(struct profile, files.read), TREE_READ },
	{ "exec", offsetof(struct profile, files.exec), TREE_READ | TREE_EXEC },
	{ "write", offsetof(struct profile, files.write),
	  TREE_READ | TREE_WRITE },
};

static bool
is_said(const struct profile *p, const struct taken *t)
{
	return p->said[t->off / 8] & 1u << t->off % 8;
}

static struct strv *
list_at(struct profile *p, const struct taken *t)
{
	return (struct strv *)(void *)((char *)p + t->off);
}

static int
take_all(struct load *l, const struct parents *ps, const char *sets)
{
	struct profile *p = l->p;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		const struct taken *t = &taken[i];

		if (is_said(p, t) ||
		    (t->access & TREE_WRITE && p->ceiling < CLASS_WRITE))
			continue;
		for (size_t j = 0; j < p->n_parents && r >= 0; j++)
			r = take_list(l, ps, sets, list_at(p, t),
				      list_at(p->parent[j], t), t->access);
	}
	return r;
}

static void
parents_done(struct parents *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		trees_done(&ps->t[i]);
}

int
inherit_files(struct load *l, struct finder *f)
{
	_cleanup_free_ char *sets = find_sets_dir(f);
	_cleanup_(parents_done) struct parents ps = { .n = 0 };
	_cleanup_(trees_done) struct trees own = { 0 };
	struct profile *p = l->p;
	int r = 0;

	for (size_t i = 0; i < p->n_parents && r >= 0; i++)
		r = trees_read(p->parent[i], sets, &ps.t[ps.n++]);
	if (r >= 0)
		r = take_all(l, &ps, sets);
	if (r >= 0)
		r = trees_read(p, sets, &own);
	if (r < 0)
		return err_sys(l->e, r, "%s: files", p->path);
	for (size_t i = 0; i < p->n_parents && r >= 0; i++)
		r = check_parent(l, p->parent[i], sets, &own);
	return r;
}
