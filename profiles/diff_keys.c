/*
 * What is no rule: limits, times, switches, lists, along the table of keys. A
 * larger number is more authority where a child may not have more than its
 * parent, and less where it may not have less.
 */
#include "profiles/diff-internal.h"

#include "lib/str.h"

#include <string.h>

static const void *
member(const struct profile *p, const struct profile_key *k)
{
	return (const char *)p + k->off;
}

/* Numbers, "none" as the greatest */

static uint64_t
number_of(const struct profile *p, const struct profile_key *k)
{
	uint64_t v = 0;
	uint32_t narrow;

	if (k->width == sizeof(v)) {
		memcpy(&v, member(p, k), sizeof(v));
		return v < k->min ? CGROUP_UNLIMITED : v;
	}
	memcpy(&narrow, member(p, k), sizeof(narrow));
	return narrow;
}

static const char *
number_text(const struct profile_key *k, uint64_t v, char *buf, size_t size)
{
	if (v == CGROUP_UNLIMITED) {
		snprintf(buf, size, "unlimited");
		return buf;
	}
	if (k->type == KEY_TIME)
		v /= 1000000;
	return load_number_text(k, v, buf, size);
}

static int
diff_number(struct diff *d, const struct profile *a, const struct profile *b,
	    const struct profile_key *k, const char *section)
{
	uint64_t x = number_of(a, k), y = number_of(b, k);
	bool more = k->narrow == NARROW_UP ? y < x : y > x;
	char from[40], to[40];

	if (x == y)
		return 0;
	return diff_add(d, more ? '+' : '-', section, NULL, "%s: %s -> %s",
			k->name, number_text(k, x, from, sizeof(from)),
			number_text(k, y, to, sizeof(to)));
}

static int
diff_switch(struct diff *d, const struct profile *a, const struct profile *b,
	    const struct profile_key *k, const char *section)
{
	bool x, y;

	memcpy(&x, member(a, k), sizeof(x));
	memcpy(&y, member(b, k), sizeof(y));
	if (x == y)
		return 0;
	return diff_add(d,
			k->narrow == NARROW_CHOICE ? '~'
			: y			   ? '+'
						   : '-',
			section, NULL, "%s: %s -> %s", k->name,
			x ? "true" : "false", y ? "true" : "false");
}

static int
diff_word(struct diff *d, const struct profile *a, const struct profile *b,
	  const struct profile_key *k, const char *section)
{
	int x, y;

	memcpy(&x, member(a, k), sizeof(x));
	memcpy(&y, member(b, k), sizeof(y));
	if (x == y)
		return 0;
	return diff_add(d, y > x ? '+' : '-', section, NULL, "%s: %s -> %s",
			k->name, k->words[x], k->words[y]);
}

static int
diff_bits(struct diff *d, const struct profile *a, const struct profile *b,
	  const struct profile_key *k, const char *section)
{
	uint32_t x, y;
	int r = 0;

	memcpy(&x, member(a, k), sizeof(x));
	memcpy(&y, member(b, k), sizeof(y));
	for (int i = 0; i < LAYER_MAX && r >= 0; i++)
		if ((x ^ y) & LAYER_BIT(i))
			r = diff_add(d, y & LAYER_BIT(i) ? '+' : '-', section,
				     NULL, "may do without the layer \"%s\"",
				     layer_name((enum layer)i));
	return r;
}

static int
diff_text(struct diff *d, const struct profile *a, const struct profile *b,
	  const struct profile_key *k, const char *section)
{
	const char *x, *y;

	memcpy(&x, member(a, k), sizeof(x));
	memcpy(&y, member(b, k), sizeof(y));
	if ((!x && !y) || (x && y && !strcmp(x, y)))
		return 0;
	return diff_add(d, '~', section, NULL, "%s: %s -> %s", k->name,
			x ? x : "none", y ? y : "none");
}

static int
diff_missing(struct diff *d, const struct strv *from, const struct strv *in,
	     char sign, const char *section, const char *name)
{
	char shown[160];
	int r = 0;

	for (size_t i = 0; i < from->n && r >= 0; i++)
		if (!strv_has(in, from->v[i]))
			r = diff_add(
				d, sign, section, NULL, "%s: %s", name,
				str_escape(from->v[i], shown, sizeof(shown)));
	return r;
}

static int
diff_list(struct diff *d, const struct profile *a, const struct profile *b,
	  const struct profile_key *k, const char *section)
{
	const struct strv *x = member(a, k), *y = member(b, k);
	int r = diff_missing(d, y, x, '+', section, k->name);

	return r < 0 ? r : diff_missing(d, x, y, '-', section, k->name);
}

/* Lists that are compared as rules instead. */
static bool
is_rules(const struct profile_key *k)
{
	return k->narrow == NARROW_FILES || k->narrow == NARROW_CALLS ||
	       k->narrow == NARROW_UNION;
}

static int
diff_key(struct diff *d, const struct profile *a, const struct profile *b,
	 const struct profile_key *k, const char *section)
{
	if (k->narrow == NARROW_OWN || is_rules(k))
		return 0;
	switch (k->type) {
	case KEY_BOOL:
		return diff_switch(d, a, b, k, section);
	case KEY_WORD:
		return diff_word(d, a, b, k, section);
	case KEY_BITS:
		return diff_bits(d, a, b, k, section);
	case KEY_TEXT:
		return diff_text(d, a, b, k, section);
	case KEY_LIST:
	case KEY_MAP:
		return diff_list(d, a, b, k, section);
	default:
		return diff_number(d, a, b, k, section);
	}
}

static int
diff_object(struct diff *d, const struct profile *a, const struct profile *b,
	    const struct profile_key *k, const char *section)
{
	/* limits of the network are not those of processes */
	bool within = !strcmp(section, "network");
	int r = 0;

	for (k = k->sub; k->name && r >= 0; k++)
		r = k->type == KEY_OBJECT
			    ? diff_object(d, a, b, k,
					  within ? section : k->name)
			    : diff_key(d, a, b, k, section);
	return r;
}

int
diff_start(struct diff *d, const struct policy_spec *a,
	   const struct policy_spec *b)
{
	int r = diff_missing(d, &b->labels_start, &a->labels_start, '~',
			     "labels", "runs now start with");

	return r < 0 ? r
		     : diff_missing(d, &a->labels_start, &b->labels_start, '~',
				    "labels", "runs no longer start with");
}

int
diff_keys(struct diff *d, const struct profile *a, const struct profile *b)
{
	int r = 0;

	if (a->role != b->role)
		r = diff_add(d, '~', "role", NULL, "%s -> %s",
			     profile_role_name(a->role),
			     profile_role_name(b->role));
	if (r >= 0 && a->ceiling != b->ceiling)
		r = diff_add(d, b->ceiling > a->ceiling ? '+' : '-', "ceiling",
			     NULL, "%s -> %s", class_name(a->ceiling),
			     class_name(b->ceiling));
	if (r >= 0 && a->mode != b->mode)
		r = diff_add(d, b->mode == MODE_OBSERVE ? '+' : '-', "mode",
			     NULL, "%s -> %s",
			     a->mode == MODE_OBSERVE ? "observe" : "enforce",
			     b->mode == MODE_OBSERVE ? "observe" : "enforce");
	return r < 0 ? r : diff_object(d, a, b, &profile_root, "profile");
}
