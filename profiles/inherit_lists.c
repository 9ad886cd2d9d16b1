/*
 * Lists that a profile takes over: names of variables, sets of system calls,
 * what is hidden, values of variables.
 */
#include "profiles/inherit.h"

#include "lib/str.h"

#include <string.h>

#define SET_DEPTH_MAX 8

typedef bool within_fn(struct finder *f, const char *s,
		       const struct strv *list);

static struct strv *
list_of(struct profile *p, const struct profile_key *k)
{
	return (struct strv *)(void *)((char *)p + k->off);
}

static int
widens(struct load *l, const struct profile *parent, const char *s, size_t i)
{
	char shown[128];

	load_enter_index(l, i);
	return load_fail(l, "widens: \"%s\" has no \"%s\"", parent->name,
			 str_escape(s, shown, sizeof(shown)));
}

static int
check_within(struct load *l, const struct profile_key *k, struct finder *f,
	     within_fn *within)
{
	const struct strv *own = list_of(l->p, k);

	for (size_t i = 0; i < l->p->n_parents; i++) {
		struct profile *parent = l->p->parent[i];

		for (size_t j = 0; j < own->n; j++)
			if (!within(f, own->v[j], list_of(parent, k)))
				return widens(l, parent, own->v[j], j);
	}
	return 0;
}

static bool
in_all(struct load *l, const struct profile_key *k, struct finder *f,
       within_fn *within, const char *s)
{
	for (size_t i = 0; i < l->p->n_parents; i++)
		if (!within(f, s, list_of(l->p->parent[i], k)))
			return false;
	return true;
}

/* What every parent has. */
static int
take_common(struct load *l, const struct profile_key *k, struct finder *f,
	    within_fn *within)
{
	struct strv *own = list_of(l->p, k);

	for (size_t i = 0; i < l->p->n_parents; i++) {
		const struct strv *from = list_of(l->p->parent[i], k);

		for (size_t j = 0; j < from->n; j++)
			if (in_all(l, k, f, within, from->v[j]) &&
			    !strv_has(own, from->v[j]) &&
			    strv_add(own, from->v[j]) < 0)
				return hand_no_memory(l);
	}
	return 0;
}

/* Variables: "LC_*" has "LC_ALL" in it. */
static bool
name_within(struct finder *f, const char *s, const struct strv *list)
{
	(void)f;
	for (size_t i = 0; i < list->n; i++) {
		size_t n = strlen(list->v[i]);

		if (!strcmp(list->v[i], s))
			return true;
		if (list->v[i][n - 1] == '*' && !strncmp(list->v[i], s, n - 1))
			return true;
	}
	return false;
}

/* What groups add has to be within the parents' too. */
int
inherit_names(struct load *l, const struct profile_key *k)
{
	int r = check_within(l, k, NULL, name_within);

	if (r < 0 || loader_said(l->p, k))
		return r;
	return take_common(l, k, NULL, name_within);
}

/* Sets of system calls: a set has those in it that it includes. */

static bool includes(struct finder *f, const char *set, const char *s,
		     unsigned int depth);

static bool
line_includes(struct finder *f, const char *line, const char *s,
	      unsigned int depth)
{
	char name[72];
	size_t n;

	if (!str_starts(line, "include "))
		return false;
	line += strlen("include ");
	line += strspn(line, " \t");
	n = strcspn(line, " \t\r\n#");
	if (!n || n >= sizeof(name))
		return false;
	memcpy(name, line, n);
	name[n] = '\0';
	return str_is_name(name) && includes(f, name, s, depth + 1);
}

static bool
includes(struct finder *f, const char *set, const char *s, unsigned int depth)
{
	_cleanup_free_ char *text = NULL;

	if (!strcmp(set, s))
		return true;
	if (depth > SET_DEPTH_MAX || !f->search ||
	    find_set(f, set, ".set", &text) < 0)
		return false;
	for (const char *line = text; line && *line;) {
		const char *end = strchr(line, '\n');

		if (line_includes(f, line, s, depth))
			return true;
		line = end ? end + 1 : NULL;
	}
	return false;
}

static bool
set_within(struct finder *f, const char *s, const struct strv *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (includes(f, list->v[i], s, 0))
			return true;
	return false;
}

int
inherit_calls(struct load *l, const struct profile_key *k, struct finder *f)
{
	int r;

	if (loader_said(l->p, k))
		return check_within(l, k, f, set_within);
	strv_done(list_of(l->p, k)); /* the default */
	r = take_common(l, k, f, set_within);
	if (r >= 0 && !list_of(l->p, k)->n)
		return load_fail(l, "the parents have no set of system calls "
				    "in common; name the sets here");
	return r;
}

/* What is hidden or taken out adds up. */
int
inherit_union(struct load *l, const struct profile_key *k)
{
	struct strv *own = list_of(l->p, k);

	for (size_t i = 0; i < l->p->n_parents; i++) {
		const struct strv *from = list_of(l->p->parent[i], k);

		for (size_t j = 0; j < from->n; j++)
			if (!strv_has(own, from->v[j]) &&
			    strv_add(own, from->v[j]) < 0)
				return hand_no_memory(l);
	}
	return 0;
}

/* Values of variables */

static const char *
pair_of(const struct strv *sv, const char *pair)
{
	size_t n = strcspn(pair, "=") + 1;

	for (size_t i = 0; i < sv->n; i++)
		if (!strncmp(sv->v[i], pair, n))
			return sv->v[i];
	return NULL;
}

int
inherit_map(struct load *l, const struct profile_key *k)
{
	struct strv *own = list_of(l->p, k);
	size_t n_said = own->n;

	for (size_t i = 0; i < l->p->n_parents; i++) {
		const struct strv *from = list_of(l->p->parent[i], k);

		for (size_t j = 0; j < from->n; j++) {
			const char *pair = from->v[j];
			const char *has = pair_of(own, pair);
			bool said = false;

			for (size_t m = 0; m < n_said && !said; m++)
				said = has == own->v[m];
			if (has && !said && strcmp(has, pair) != 0)
				return load_fail(
					l,
					"the parents have different values "
					"of \"%.*s\"; give one here",
					(int)strcspn(pair, "="), pair);
			if (!has && strv_add(own, pair) < 0)
				return hand_no_memory(l);
		}
	}
	return 0;
}
