/*
 * Compares profiles along the table of keys, so that a key that is new there
 * is compared too. What is not held by the kernel is in a short list of its
 * own: to forget something there only refuses a reload.
 */
#include "profiles/held.h"

#include "profiles/loader.h"

#include <string.h>

/* Of the top level: what a reload may change. */
static const char *const may_change[] = {
	"version", "owner",  "purpose", "ceiling",     "mode",
	"extends", "labels", "expect",	"rules",       "freeze",
	"network", "tools",  "memory",	"credentials", "description",
	"$schema", NULL,
};

static const void *
member(const struct profile *p, const struct profile_key *k)
{
	return (const char *)p + k->off;
}

static bool
same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* As sets: order means nothing in these lists. */
static bool
same_list(const struct strv *a, const struct strv *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strv_has(b, a->v[i]))
			return false;
	for (size_t i = 0; i < b->n; i++)
		if (!strv_has(a, b->v[i]))
			return false;
	return true;
}

static bool
same_value(const struct profile *a, const struct profile *b,
	   const struct profile_key *k)
{
	const void *x = member(a, k), *y = member(b, k);

	switch (k->type) {
	case KEY_TEXT:
		return same_text(*(char *const *)x, *(char *const *)y);
	case KEY_LIST:
	case KEY_MAP:
		return same_list(x, y);
	default:
		return !memcmp(x, y, k->width);
	}
}

static bool
same_keys(const struct profile *a, const struct profile *b,
	  const struct profile_key *k, bool top, char *at, size_t size)
{
	size_t n = strlen(at);

	for (k = k->sub; k->name; k++) {
		if (top && str_in(k->name, may_change))
			continue;
		snprintf(at + n, size - n, "/%s", k->name);
		if (k->type == KEY_OBJECT ? !same_keys(a, b, k, false, at, size)
					  : !same_value(a, b, k))
			return false;
	}
	at[n] = '\0';
	return true;
}

bool
profile_held_same(const struct profile *a, const struct profile *b, char *at,
		  size_t size)
{
	*at = '\0';
	return same_keys(a, b, &profile_root, true, at, size);
}

bool
profile_observes(const struct profile *p)
{
	for (size_t i = 0; i < p->own.n_rules; i++)
		if (p->own.rule[i].mode == MODE_OBSERVE)
			return true;
	for (size_t i = 0; i < p->n_parents; i++)
		if (profile_observes(p->parent[i]))
			return true;
	return p->mode == MODE_OBSERVE;
}
