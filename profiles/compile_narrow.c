/*
 * Parents on this host. The loader compared what a profile and its parents say;
 * here it is compared where that leads, since a link inside a tree that a
 * parent grants may lead out of it, and a child that names the link would get
 * what the parent never gave. What always holds: every tree of the host that
 * the box sees lies, by its real place, in one that each parent grants as much
 * of.
 */
#include "profiles/compile-internal.h"
#include "profiles/inherit.h"

/* Access at a real place: the innermost grant says it. */
static unsigned int
access_at(const struct vec *grants, const char *src)
{
	const struct grant *g = grants->data, *inner = NULL;

	for (size_t i = 0; i < grants->n; i++)
		if (path_within(src, g[i].src) &&
		    (!inner || path_within(g[i].src, inner->src)))
			inner = &g[i];
	return inner ? inner->flags & GRANT_ACCESS : 0;
}

static int
check_place(struct builder *b, const struct profile *parent,
	    const struct vec *theirs, const char *src)
{
	unsigned int more =
		access_at(&b->grants, src) & ~access_at(theirs, src);
	const char *what = more & GRANT_WRITE  ? "write"
			   : more & GRANT_EXEC ? "exec"
					       : "read";

	if (!more)
		return 0;
	return profile_fail(b->p, b->e, -EPERM, "/files",
			    "widens: a path leads to \"%s\", of which \"%s\" "
			    "grants no %s",
			    src, parent->name, what);
}

static int
check_parent(struct builder *b, const struct profile *parent)
{
	struct builder t = { .p = parent,
			     .r = b->r,
			     .e = b->e,
			     .arena = b->arena,
			     .home = b->home };
	int r = build_grants(&t);
	const struct grant *mine = b->grants.data, *theirs = t.grants.data;

	b->arena = t.arena;
	for (size_t i = 0; i < b->grants.n && r >= 0; i++)
		r = check_place(b, parent, &t.grants, mine[i].src);
	for (size_t i = 0; i < t.grants.n && r >= 0; i++)
		r = check_place(b, parent, &t.grants, theirs[i].src);
	return r;
}

int
build_narrow(struct builder *b)
{
	const struct profile *all[POLICY_LEVELS_MAX];
	int n, r = 0;

	if (!b->p->n_parents)
		return 0;
	n = profile_lineage(b->p, all, ARRAY_SIZE(all));
	for (int i = 0; i < n - 1 && r >= 0; i++)
		r = check_parent(b, all[i]);
	return n < 0 ? n : r;
}
