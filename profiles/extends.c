/*
 * The parents of a profile. What always holds: every file is read once,
 * however many extend it; no chain is longer than the bound, and none comes
 * back to itself.
 */
#include "profiles/inherit.h"

#include "lib/str.h"

#include <limits.h>
#include <string.h>

#define PARENTS_ALL_MAX                                                        \
	(POLICY_LEVELS_MAX - 3) /* the host, itself, the run                   \
				 */

static struct profile *
seen_before(const struct finder *f, const char *path)
{
	for (size_t i = 0; i < f->n_seen; i++)
		if (!strcmp(f->seen[i]->path, path))
			return f->seen[i];
	return NULL;
}

static int
remember(struct finder *f, struct profile *p)
{
	struct profile **v =
		reallocarray(f->seen, f->n_seen + 1, sizeof(struct profile *));

	if (!v)
		return -ENOMEM;
	f->seen = v;
	v[f->n_seen++] = profile_ref(p);
	return 0;
}

/* "a.json > b.json > a.json" */
static int
is_cycle(struct load *l, const struct finder *f, const char *path)
{
	char text[ERR_TEXT_MAX / 2] = "";
	size_t i = 0, n = 0;

	while (i < f->chain.n && strcmp(f->chain.v[i], path))
		i++;
	for (; i < f->chain.n && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s > ",
				      f->chain.v[i]);
	return load_fail(l, "extends itself: %s%s", text, path);
}

static int
load_parent(struct load *l, struct finder *f, const char *name,
	    struct profile **ret)
{
	char path[PATH_MAX];
	struct profile *known;
	struct err why = ERR_INIT;
	int r;

	if (find_document(f, "", name, path, sizeof(path)) < 0) {
		find_nothing(f, "", "profile", name, &why);
		load_fail(l, "%s", why.text);
		err_cure(l->e, "%s", why.cure);
		return -EINVAL;
	}
	if (strv_has(&f->chain, path))
		return is_cycle(l, f, path);
	if (f->chain.n > PROFILE_EXTENDS_MAX)
		return load_fail(l, "more than %d profiles above one another",
				 PROFILE_EXTENDS_MAX);
	known = seen_before(f, path);
	if (known) {
		*ret = profile_ref(known);
		return 0;
	}
	r = load_document(path, PROFILE_AGENT, NULL, f, ret, l->e);
	return r < 0 ? r : remember(f, *ret);
}

static int
add_parent(struct load *l, struct finder *f, const char *name)
{
	struct profile *p = l->p, *parent = NULL;
	int r = load_parent(l, f, name, &parent);

	if (r < 0)
		return r;
	p->parent[p->n_parents++] = parent;
	return 0;
}

static int
check_count(struct load *l)
{
	const struct profile *all[PARENTS_ALL_MAX + 1];

	if (profile_lineage(l->p, all, ARRAY_SIZE(all)) < 0)
		return load_fail(l, "more than %d profiles above this one",
				 PARENTS_ALL_MAX);
	return 0;
}

int
extends_load(struct load *l, struct finder *f)
{
	const struct strv *names = &l->p->extends.profiles;
	size_t back = load_enter(l, "extends");
	int r = 0;

	load_enter(l, "profiles");
	if (names->n && !f->search)
		return load_fail(l, "cannot be resolved here: there is no "
				    "folder to find profiles in");
	if (names->n) {
		l->p->parent = calloc(names->n, sizeof(struct profile *));
		if (!l->p->parent)
			return hand_no_memory(l);
	}
	for (size_t i = 0; i < names->n && r >= 0; i++) {
		size_t here = load_enter_index(l, i);

		r = add_parent(l, f, names->v[i]);
		if (r >= 0)
			l->at[here] = '\0';
	}
	if (r >= 0 && names->n)
		r = check_count(l);
	if (r >= 0)
		l->at[back] = '\0';
	return r;
}
