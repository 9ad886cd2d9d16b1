/*
 * What a profile takes over from its parents, key by key of the table. What
 * always holds: afterwards no value grants more than any parent's; a value that
 * the file says and that would is an error which shows the parent's.
 */
#include "profiles/inherit.h"

#include "lib/str.h"

#include <inttypes.h>
#include <string.h>

static void *
member(struct profile *p, const struct profile_key *k)
{
	return (char *)p + k->off;
}

static const char *
name_of(const struct profile *p)
{
	return p->name;
}

/* Numbers */

/* "None" is 0 in a loaded profile where 0 is no value of the key. */
static uint64_t
get_number(const struct profile *p, const struct profile_key *k)
{
	const char *at = (const char *)p + k->off;
	uint64_t v = 0;
	uint32_t narrow;

	if (k->width == sizeof(v)) {
		memcpy(&v, at, sizeof(v));
		return v < k->min ? CGROUP_UNLIMITED : v;
	}
	memcpy(&narrow, at, sizeof(narrow));
	return narrow;
}

static void
set_number(struct profile *p, const struct profile_key *k, uint64_t v)
{
	uint32_t narrow = (uint32_t)v;

	if (k->width == sizeof(v))
		memcpy(member(p, k), &v, sizeof(v));
	else
		memcpy(member(p, k), &narrow, sizeof(narrow));
}

static int
number_widens(struct load *l, const struct profile_key *k,
	      const struct profile *parent, uint64_t v)
{
	char text[40];

	if (k->type == KEY_TIME)
		v /= 1000000;
	return load_fail(l, "widens: \"%s\" %s %s", name_of(parent),
			 k->narrow == NARROW_UP ? "has at least" : "allows",
			 load_number_text(k, v, text, sizeof(text)));
}

static int
inherit_number(struct load *l, const struct profile_key *k)
{
	struct profile *p = l->p;
	bool said = loader_said(p, k), up = k->narrow == NARROW_UP;
	uint64_t v = get_number(p, k);

	for (size_t i = 0; i < p->n_parents; i++) {
		uint64_t w = get_number(p->parent[i], k);

		if (said && (up ? v < w : v > w))
			return number_widens(l, k, p->parent[i], w);
		if (!said && !i)
			v = w;
		if (up ? v < w : v > w)
			v = w;
	}
	set_number(p, k, v);
	return 0;
}

/* Words, switches, bits */

static int
inherit_bool(struct load *l, const struct profile_key *k)
{
	struct profile *p = l->p;
	bool said = loader_said(p, k), v = true, w;

	if (said)
		memcpy(&v, member(p, k), sizeof(v));
	for (size_t i = 0; i < p->n_parents; i++) {
		memcpy(&w, member(p->parent[i], k), sizeof(w));
		if (said && v && !w)
			return load_fail(l, "widens: \"%s\" has false here",
					 name_of(p->parent[i]));
		v = v && w;
	}
	memcpy(member(p, k), &v, sizeof(v));
	return 0;
}

static int
inherit_choice(struct load *l, const struct profile_key *k)
{
	struct profile *p = l->p;
	bool v = false, w;

	if (loader_said(p, k))
		return 0;
	for (size_t i = 0; i < p->n_parents; i++) {
		memcpy(&w, member(p->parent[i], k), sizeof(w));
		v = v || w;
	}
	memcpy(member(p, k), &v, sizeof(v));
	return 0;
}

static int
inherit_word(struct load *l, const struct profile_key *k)
{
	struct profile *p = l->p;
	bool said = loader_said(p, k);
	int v = INT32_MAX, w;

	if (said)
		memcpy(&v, member(p, k), sizeof(v));
	for (size_t i = 0; i < p->n_parents; i++) {
		memcpy(&w, member(p->parent[i], k), sizeof(w));
		if (said && v > w)
			return load_fail(l, "widens: \"%s\" has \"%s\" here",
					 name_of(p->parent[i]), k->words[w]);
		v = MIN(v, w);
	}
	memcpy(member(p, k), &v, sizeof(v));
	return 0;
}

static int
inherit_bits(struct load *l, const struct profile_key *k)
{
	struct profile *p = l->p;
	bool said = loader_said(p, k);
	uint32_t v = ~0u, w;

	if (said)
		memcpy(&v, member(p, k), sizeof(v));
	for (size_t i = 0; i < p->n_parents; i++) {
		memcpy(&w, member(p->parent[i], k), sizeof(w));
		for (int b = 0; said && b < LAYER_MAX; b++)
			if (v & ~w & LAYER_BIT(b))
				return load_fail(
					l,
					"widens: in \"%s\" the layer \"%s\" "
					"is not optional",
					name_of(p->parent[i]),
					layer_name((enum layer)b));
		v &= w;
	}
	memcpy(member(p, k), &v, sizeof(v));
	return 0;
}

/* "5.13" as 5013; it has passed check_kernel(). */
static unsigned int
version_number(const char *s)
{
	unsigned int major = 0, minor = 0;

	for (; s && *s && *s != '.'; s++)
		major = 10 * major + (unsigned int)(*s - '0');
	for (s = s && *s ? s + 1 : NULL; s && *s; s++)
		minor = 10 * minor + (unsigned int)(*s - '0');
	return 1000 * major + minor;
}

static int
take_text(struct load *l, char **to, const char *from)
{
	char *s = strdup(from);

	if (!s)
		return hand_no_memory(l);
	free(*to);
	*to = s;
	return 0;
}

static int
inherit_version(struct load *l, const struct profile_key *k)
{
	struct profile *p = l->p;
	char **v = member(p, k);
	bool said = *v;
	int r = 0;

	for (size_t i = 0; i < p->n_parents && r >= 0; i++) {
		char *const *w = member(p->parent[i], k);

		if (version_number(*v) >= version_number(*w))
			continue;
		if (said)
			return load_fail(l, "widens: \"%s\" needs Linux %s",
					 name_of(p->parent[i]), *w);
		r = take_text(l, v, *w);
	}
	return r;
}

static int
inherit_first(struct load *l, const struct profile_key *k)
{
	struct profile *p = l->p;
	char **v = member(p, k);

	for (size_t i = 0; i < p->n_parents && !*v; i++) {
		char *const *w = member(p->parent[i], k);

		if (*w && take_text(l, v, *w) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The table */

static int
inherit_key(struct load *l, const struct profile_key *k, struct finder *f)
{
	switch (k->narrow) {
	case NARROW_FIRST:
		return inherit_first(l, k);
	case NARROW_CHOICE:
		return inherit_choice(l, k);
	case NARROW_DOWN:
	case NARROW_UP:
		return inherit_number(l, k);
	case NARROW_BOOL:
		return inherit_bool(l, k);
	case NARROW_WORD:
		return inherit_word(l, k);
	case NARROW_BITS:
		return inherit_bits(l, k);
	case NARROW_VERSION:
		return inherit_version(l, k);
	case NARROW_NAMES:
		return inherit_names(l, k);
	case NARROW_CALLS:
		return inherit_calls(l, k, f);
	case NARROW_UNION:
		return inherit_union(l, k);
	case NARROW_MAP:
		return inherit_map(l, k);
	default:
		return 0; /* FILES: all of them together */
	}
}

static int
inherit_object(struct load *l, const struct profile_key *k, struct finder *f)
{
	int r = 0;

	for (k = k->sub; k->name && r >= 0; k++) {
		size_t back = load_enter(l, k->name);

		r = k->type == KEY_OBJECT ? inherit_object(l, k, f)
					  : inherit_key(l, k, f);
		if (r >= 0)
			l->at[back] = '\0';
	}
	return r;
}

static int
inherit_ceiling(struct load *l)
{
	struct profile *p = l->p;
	bool said = json_object_get(l->doc->root, "ceiling");

	for (size_t i = 0; i < p->n_parents; i++) {
		enum action_class c = p->parent[i]->ceiling;

		if (said && p->ceiling > c) {
			load_enter(l, "ceiling");
			return load_fail(l,
					 "widens: the ceiling of \"%s\" is "
					 "\"%s\"",
					 name_of(p->parent[i]), class_name(c));
		}
		p->ceiling = MIN(p->ceiling, c);
	}
	return 0;
}

/* A role that may not write inherits no more than reading. */
static void
lower_workspace(struct load *l)
{
	struct profile *p = l->p;
	const json_t *ws = json_object_get(
		json_object_get(l->doc->root, "files"), "workspace");

	if (p->ceiling < CLASS_WRITE && !json_object_get(ws, "access") &&
	    p->files.workspace == ACCESS_WRITE)
		p->files.workspace = ACCESS_READ;
}

int
inherit_keys(struct load *l, struct finder *f)
{
	int r;

	if (!l->p->n_parents)
		return 0;
	r = inherit_ceiling(l);
	if (r >= 0)
		r = inherit_object(l, &profile_root, f);
	if (r >= 0)
		r = inherit_files(l, f);
	if (r >= 0)
		lower_workspace(l);
	return r;
}
