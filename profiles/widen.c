/*
 * Rules of a profile against its parents'. decide() takes the strictest level,
 * so nothing can widen at run time; here an author is told that what the file
 * says cannot be had. Three things would even then loosen a parent's rule, and
 * are refused for that: clearing a label that it tests, doing a step that it
 * waits for, and starting without a label that it starts with (start labels are
 * united, so that one cannot happen).
 */
#include "profiles/inherit.h"

#include "lib/str.h"

#include <string.h>

/* Does p, or where it says nothing whoever is above it, grant on s at all? */
static bool
grants_on(const struct profile *p, enum surface s)
{
	for (size_t i = 0; i < p->own.n_rules; i++)
		if (grants(&p->own.rule[i]) && p->own.rule[i].on & 1u << s)
			return true;
	return false;
}

enum cover { COVER_NOTHING, COVER_NONE, COVER_PART, COVER_ALL };

/* Without conditions and bounds, which hold at the parent's level anyway. */
static bool
match_covers(const struct rule *a, const struct rule *b)
{
	struct rule bare = *a;

	bare.n_when = 0;
	bare.not_after_us = 0;
	bare.max_uses = 0;
	bare.rate.max = 0;
	bare.budget.pointer = NULL;
	return rule_covers(&bare, b);
}

static enum cover
covered_by(const struct profile *p, const struct rule *b, enum surface s,
	   const struct rule **ret_part)
{
	enum cover best = COVER_NOTHING;

	for (size_t i = 0; i < p->own.n_rules; i++) {
		const struct rule *a = &p->own.rule[i];

		if (!grants(a) || !(a->on & 1u << s))
			continue;
		if (rule_covers(a, b))
			return COVER_ALL;
		best = MAX(best, COVER_NONE);
		if (best == COVER_NONE && match_covers(a, b)) {
			best = COVER_PART;
			*ret_part = a;
		}
	}
	return best;
}

static int
tell(struct load *l, const struct profile *parent, const struct rule *b,
     enum surface s, enum cover cover, const struct rule *part)
{
	char text[400];

	if (cover == COVER_NOTHING)
		return rule_fail(l, b, "",
				 "widens: \"%s\" grants nothing on %s",
				 parent->name, surface_name(s));
	if (cover == COVER_PART)
		return rule_fail(l, b, "",
				 "widens: \"%s\" grants this only as far as "
				 "its rule \"%s\" does; repeat the conditions "
				 "and bounds of that rule",
				 parent->name, part->id);
	return rule_fail(l, b, "", "widens: \"%s\" grants no %s", parent->name,
			 rule_text(b, s, text, sizeof(text)));
}

static int
check_surface(struct load *l, const struct profile *parent,
	      const struct rule *b, enum surface s)
{
	const struct rule *part = NULL;
	struct rule one = *b;
	enum cover c;
	int r = 0;

	if (!grants_on(parent, s) && parent->n_parents) {
		for (size_t i = 0; i < parent->n_parents && r >= 0; i++)
			r = check_surface(l, parent->parent[i], b, s);
		return r;
	}
	one.on = 1u << s;
	c = covered_by(parent, &one, s, &part);
	return c == COVER_ALL ? 0 : tell(l, parent, b, s, c, part);
}

static int
check_grant(struct load *l, const struct rule *b)
{
	int r = 0;

	for (size_t i = 0; i < l->p->n_parents; i++)
		for (int s = 0; s < SURFACE_MAX && r >= 0; s++)
			if (b->on & 1u << s)
				r = check_surface(l, l->p->parent[i], b,
						  (enum surface)s);
	return r;
}

/* Labels and steps that a parent's rules rest on */

static bool
defines(const struct profile *p, const char *label)
{
	size_t n = strlen(label);

	for (size_t i = 0; i < p->labels_define.n; i++)
		if (!strncmp(p->labels_define.v[i], label, n) &&
		    p->labels_define.v[i][n] == '=')
			return true;
	return false;
}

static bool
clears_as_well(const struct profile *p, const struct rule *b, const char *label)
{
	for (size_t i = 0; i < p->own.n_rules; i++)
		if (strv_has(&p->own.rule[i].labels_clear, label) &&
		    rule_covers(&p->own.rule[i], b))
			return true;
	return false;
}

static int
check_clears(struct load *l, const struct profile *above, const struct rule *b)
{
	for (size_t i = 0; i < b->labels_clear.n; i++) {
		const char *label = b->labels_clear.v[i];

		if (defines(above, label) && !clears_as_well(above, b, label))
			return rule_fail(l, b, "/labels/clear",
					 "widens: \"%s\" does not clear the "
					 "label \"%s\" here",
					 above->name, label);
	}
	return 0;
}

static int
check_step(struct load *l, const struct profile *above, const struct rule *b)
{
	for (size_t i = 0; b->step && i < above->own.n_rules; i++) {
		const struct rule *a = &above->own.rule[i];

		for (size_t j = 0; j < a->n_when; j++)
			if (a->when[j].op == OP_SEEN &&
			    !strcmp(a->when[j].name, b->step))
				return rule_fail(
					l, b, "/step",
					"widens: the rule \"%s\" of \"%s\" "
					"waits for the step \"%s\", which is "
					"not this profile's to do",
					a->id, above->name, b->step);
	}
	return 0;
}

int
widen_check(struct load *l)
{
	const struct profile *all[POLICY_LEVELS_MAX];
	int n = profile_lineage(l->p, all, ARRAY_SIZE(all)), r = 0;

	for (size_t i = 0; i < l->p->own.n_rules && r >= 0; i++) {
		const struct rule *b = &l->p->own.rule[i];

		if (l->p->n_parents && grants(b))
			r = check_grant(l, b);
		for (int j = 0; j < n - 1 && r >= 0; j++) {
			r = check_clears(l, all[j], b);
			if (r >= 0)
				r = check_step(l, all[j], b);
		}
	}
	return r;
}
