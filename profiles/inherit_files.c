/*
 * files.read, exec and write of a profile with parents. Of two entries, one
 * inside the other, the inner one says what holds for its tree, so it is not
 * enough to look for an enclosing entry: access is a function that changes only
 * at the entries, and here it is compared at all entries of both.
 */
#include "profiles/inherit.h"
#include "profiles/paths.h"

#include "lib/str.h"

#include <string.h>

#define TREE_READ 1u
#define TREE_EXEC 2u
#define TREE_WRITE 4u
#define TREES_MAX 2048

struct tree {
	char *path;
	unsigned int access;
	bool group;
	const char *list; /* where it is written */
	size_t index;
};

struct trees {
	struct tree *v;
	size_t n, cap;
};

static void
trees_done(struct trees *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].path);
	free(t->v);
}

static int
add_tree(struct trees *t, const char *path, struct tree like)
{
	struct tree *v;

	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->v[i].path, path) != 0)
			continue;
		t->v[i].access |= like.access;
		t->v[i].group = t->v[i].group && like.group;
		return 0;
	}
	if (t->n == TREES_MAX)
		return -E2BIG;
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 32;

		v = reallocarray(t->v, cap, sizeof(*v));
		if (!v)
			return -ENOMEM;
		t->v = v;
		t->cap = cap;
	}
	like.path = strdup(path);
	if (!like.path)
		return -ENOMEM;
	t->v[t->n++] = like;
	return 0;
}

/* A group that nobody can read stands for itself, under its name. */
static int
add_group(struct trees *t, const char *sets, const char *name, struct tree like)
{
	struct path_group g;
	int r = 0;

	if (!sets || path_group_read(sets, name + 1, &g, NULL) < 0)
		return add_tree(t, name, like);
	for (size_t i = 0; i < g.n && r >= 0; i++) {
		struct tree line = like;

		line.group = true;
		line.access = TREE_READ;
		if (g.line[i].exec)
			line.access |= like.access & TREE_EXEC;
		r = add_tree(t, g.line[i].path, line);
	}
	path_group_done(&g);
	return r;
}

static int
add_list(struct trees *t, const char *sets, const struct strv *list,
	 const char *name, unsigned int access)
{
	int r = 0;

	for (size_t i = 0; i < list->n && r >= 0; i++) {
		struct tree like = { .access = access,
				     .list = name,
				     .index = i };

		r = *list->v[i] == '@' ? add_group(t, sets, list->v[i], like)
				       : add_tree(t, list->v[i], like);
	}
	return r;
}

static int
by_path(const void *a, const void *b)
{
	const struct tree *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int
read_trees(const struct profile *p, const char *sets, struct trees *t)
{
	int r = add_list(t, sets, &p->files.exec, "exec",
			 TREE_READ | TREE_EXEC);

	if (r >= 0)
		r = add_list(t, sets, &p->files.read, "read", TREE_READ);
	if (r >= 0)
		r = add_list(t, sets, &p->files.write, "write",
			     TREE_READ | TREE_WRITE);
	/* What encloses comes before what it encloses. */
	if (r >= 0 && t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_path);
	return r;
}

/* What the compiler makes of the lists at path: a group's entry adds nothing
 * where the tree around it gives as much. *ret_from: the entry that says so. */
static unsigned int
access_of(const struct trees *t, const char *path, const struct tree **ret_from)
{
	unsigned int now = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct tree *e = &t->v[i];

		if (!path_within(path, e->path))
			continue;
		if (e->group && (now & e->access) == e->access)
			continue;
		now = e->access;
		if (ret_from)
			*ret_from = e;
	}
	return now;
}

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
	unsigned int mine = access_of(own, path, &from);
	unsigned int more = mine & ~access_of(theirs, path, NULL);

	return more && from ? refuse(l, parent, from, path, more) : 0;
}

static int
check_parent(struct load *l, const struct profile *parent, const char *sets,
	     const struct trees *own)
{
	_cleanup_(trees_done) struct trees theirs = { 0 };
	int r = read_trees(parent, sets, &theirs);

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
		if (access & ~access_of(&ps->t[i], path, NULL))
			return false;
	return true;
}

static bool
group_granted(const struct parents *ps, const char *sets, const char *name,
	      unsigned int access)
{
	_cleanup_(trees_done) struct trees g = { 0 };
	struct tree like = { .access = access };

	if (add_group(&g, sets, name, like) < 0)
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
		r = read_trees(p->parent[i], sets, &ps.t[ps.n++]);
	if (r >= 0)
		r = take_all(l, &ps, sets);
	if (r >= 0)
		r = read_trees(p, sets, &own);
	if (r < 0)
		return err_sys(l->e, r, "%s: files", p->path);
	for (size_t i = 0; i < p->n_parents && r >= 0; i++)
		r = check_parent(l, p->parent[i], sets, &own);
	return r;
}
