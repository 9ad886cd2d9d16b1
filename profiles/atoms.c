/*
 * Rules taken apart, so that two ways to write the same can be compared piece
 * by piece.
 */
#include "profiles/diff-internal.h"

#include <string.h>

/* A path beside the same with "**" below it is only the folder itself. */
static bool
is_folder_of_other(const struct rule_cond *c, size_t i)
{
	const char *s = c->v[i].s;
	size_t n = s ? strlen(s) : 0;

	if (c->op != OP_GLOB || !s)
		return false;
	for (size_t j = 0; j < c->n; j++)
		if (!strncmp(c->v[j].s, s, n) && !strcmp(c->v[j].s + n, "/**"))
			return true;
	return false;
}

static size_t
count_values(const struct rule_cond *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += !is_folder_of_other(c, i);
	return n ? n : 1;
}

/* The i-th value that counts. */
static size_t
nth_value(const struct rule_cond *c, size_t i)
{
	for (size_t j = 0; j < c->n; j++)
		if (!is_folder_of_other(c, j) && !i--)
			return j;
	return 0;
}

static bool
is_split(const struct rule_cond *c)
{
	return c->op == OP_IN || c->op == OP_GLOB || c->op == OP_HOST ||
	       c->op == OP_CIDR || c->op == OP_RANGE;
}

static size_t
count_atoms(const struct rule *r)
{
	size_t n = 1;

	for (size_t i = 0; i < r->n_match && n <= ATOMS_MAX; i++)
		if (is_split(&r->match[i]))
			n *= count_values(&r->match[i]);
	return n;
}

static void
fill_atom(const struct rule *r, struct rule *atom, struct rule_cond *cond,
	  size_t number)
{
	for (size_t i = 0; i < r->n_match; i++) {
		size_t n = count_values(&r->match[i]);

		cond[i] = r->match[i];
		if (!is_split(&cond[i]) || !cond[i].n)
			continue;
		cond[i].v += nth_value(&r->match[i], number % n);
		cond[i].n = 1;
		number /= n;
	}
	atom->match = cond;
}

int
atoms_of(const struct rule *r, enum surface s, struct atoms *ret)
{
	size_t n = count_atoms(r);
	bool whole = n > ATOMS_MAX;

	n = whole ? 1 : n;
	*ret = (struct atoms){ .n = n };
	ret->v = calloc(n, sizeof(*ret->v));
	ret->cond = calloc(n * r->n_match + 1, sizeof(*ret->cond));
	if (!ret->v || !ret->cond) {
		atoms_done(ret);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		ret->v[i] = *r;
		ret->v[i].on = 1u << s;
		if (!whole)
			fill_atom(r, &ret->v[i], ret->cond + i * r->n_match, i);
	}
	return 0;
}

void
atoms_done(struct atoms *a)
{
	free(a->v);
	free(a->cond);
	*a = (struct atoms){ .n = 0 };
}

/* Disjoint */

static bool
is_literal(const char *s)
{
	return !strpbrk(s, "*?\\");
}

static bool
globs_disjoint(const char *a, const char *b)
{
	size_t n = MIN(strcspn(a, "*?\\"), strcspn(b, "*?\\"));

	if (strncmp(a, b, n) != 0)
		return true;
	if (is_literal(a))
		return !glob_covers(b, a);
	return is_literal(b) && !glob_covers(a, b);
}

static bool
values_disjoint(const struct rule_cond *ca, const struct rule_value *a,
		const struct rule_cond *cb, const struct rule_value *b)
{
	if (a->type == RULE_RANGE && b->type == RULE_RANGE)
		return a->hi < b->lo || b->hi < a->lo;
	if (a->type != RULE_STRING || b->type != RULE_STRING)
		return false;
	if (ca->op == OP_HOST && cb->op == OP_HOST)
		return !host_pattern_covers(a->s, b->s) &&
		       !host_pattern_covers(b->s, a->s);
	if (ca->op == OP_IN && cb->op == OP_IN)
		return strcmp(a->s, b->s) != 0;
	if ((ca->op == OP_IN || ca->op == OP_GLOB) &&
	    (cb->op == OP_IN || cb->op == OP_GLOB))
		return globs_disjoint(a->s, b->s);
	return false;
}

static bool
conds_disjoint(const struct rule_cond *a, const struct rule_cond *b)
{
	if (!a->pointer || !b->pointer || strcmp(a->pointer, b->pointer) != 0)
		return false;
	if (!is_split(a) || !is_split(b) || !a->n || !b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		for (size_t j = 0; j < b->n; j++)
			if (!values_disjoint(a, &a->v[i], b, &b->v[j]))
				return false;
	return true;
}

bool
rules_disjoint(const struct rule *a, const struct rule *b)
{
	if (!(a->on & b->on))
		return true;
	for (size_t i = 0; i < a->n_match; i++)
		for (size_t j = 0; j < b->n_match; j++)
			if (conds_disjoint(&a->match[i], &b->match[j]))
				return true;
	return false;
}
