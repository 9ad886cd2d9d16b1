/*
 * Trees of files, without the host. What always holds: a list is in order of
 * paths before access is asked of it.
 */
#include "profiles/trees.h"

#include "profiles/paths.h"

#include <string.h>

#define TREES_MAX 2048

void
trees_done(struct trees *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].path);
	free(t->v);
}

int
trees_add(struct trees *t, const char *path, struct tree like)
{
	struct tree *v;

	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->v[i].path, path) != 0)
			continue;
		if (like.access & ~t->v[i].access) {
			t->v[i].list = like.list;
			t->v[i].index = like.index;
		}
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
int
trees_add_group(struct trees *t, const char *sets, const char *name,
		struct tree like)
{
	struct path_group g;
	int r = 0;

	if (!sets || path_group_read(sets, name + 1, &g, NULL) < 0)
		return trees_add(t, name, like);
	for (size_t i = 0; i < g.n && r >= 0; i++) {
		struct tree line = like;

		line.group = true;
		line.access = TREE_READ;
		if (g.line[i].exec)
			line.access |= like.access & TREE_EXEC;
		r = trees_add(t, g.line[i].path, line);
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

		r = *list->v[i] == '@'
			    ? trees_add_group(t, sets, list->v[i], like)
			    : trees_add(t, list->v[i], like);
	}
	return r;
}

static int
by_path(const void *a, const void *b)
{
	const struct tree *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* A prefix is always less. */
void
trees_sort(struct trees *t)
{
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_path);
}

int
trees_read(const struct profile *p, const char *sets, struct trees *t)
{
	int r = add_list(t, sets, &p->files.exec, "exec",
			 TREE_READ | TREE_EXEC);

	if (r >= 0)
		r = add_list(t, sets, &p->files.read, "read", TREE_READ);
	if (r >= 0)
		r = add_list(t, sets, &p->files.write, "write",
			     TREE_READ | TREE_WRITE);
	trees_sort(t);
	return r;
}

/* What the compiler makes of the lists at path: a group's entry adds nothing
 * where the tree around it gives as much. *ret_from: the entry that says so. */
unsigned int
trees_access(const struct trees *t, const char *path,
	     const struct tree **ret_from)
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
