/*
 * Groups: files of building blocks that become part of the profile as if they
 * were written in it. What always holds: each group is taken once; what is
 * excluded is something that would have been granted, and was there.
 */
#include "profiles/checks.h"
#include "profiles/inherit.h"

#include "lib/str.h"

#include <limits.h>
#include <string.h>

struct mixin {
	struct load *l;
	struct finder *f;
	struct strv chain, taken, used; /* used: what exclude really left out */
};

static bool
is_excluded(struct mixin *m, const char *name)
{
	if (!strv_has(&m->l->p->extends.exclude, name))
		return false;
	if (!strv_has(&m->used, name) && strv_add(&m->used, name) < 0)
		return false;
	return true;
}

/* Moving */

static int
unite(struct strv *to, struct strv *from)
{
	int r = 0;

	for (size_t i = 0; i < from->n && r >= 0; i++)
		if (!strv_has(to, from->v[i]))
			r = strv_add(to, from->v[i]);
	return r;
}

/* "NAME=..." of the list with that name, or NULL. */
static const char *
pair_of(const struct strv *sv, const char *pair)
{
	size_t n = strcspn(pair, "=") + 1;

	for (size_t i = 0; i < sv->n; i++)
		if (!strncmp(sv->v[i], pair, n))
			return sv->v[i];
	return NULL;
}

static int
unite_pairs(struct strv *to, const struct strv *from)
{
	int r = 0;

	for (size_t i = 0; i < from->n && r >= 0; i++)
		if (!pair_of(to, from->v[i]))
			r = strv_add(to, from->v[i]);
	return r;
}

static int
unite_lists(struct profile *p, struct profile *g)
{
	int r = unite(&p->process.env_pass, &g->process.env_pass);

	if (r >= 0)
		r = unite_pairs(&p->process.env_set, &g->process.env_set);
	if (r >= 0)
		r = unite(&p->files.read, &g->files.read);
	if (r >= 0)
		r = unite(&p->files.exec, &g->files.exec);
	if (r >= 0)
		r = unite(&p->files.write, &g->files.write);
	if (r >= 0)
		r = unite(&p->files.deny, &g->files.deny);
	if (r >= 0)
		r = unite_pairs(&p->labels_define, &g->labels_define);
	return r < 0 ? r : unite(&p->labels_start, &g->labels_start);
}

static int
leave_out(struct mixin *m, struct profile *g, const struct rule *r)
{
	struct load gl = { .doc = &g->source->doc, .p = g, .e = m->l->e };

	if (r->effect == EFFECT_ALLOW)
		return 1;
	return rule_fail(&gl, r, "",
			 "\"%s\" is excluded by %s, but only what allows can "
			 "be left out",
			 r->id, m->l->p->path);
}

static int
move_rules(struct mixin *m, struct profile *g)
{
	struct policy_spec *own = &g->own;

	for (size_t i = 0; i < own->n_rules; i++) {
		struct rule *r = &own->rule[i], *to;

		if (is_excluded(m, r->id)) {
			if (leave_out(m, g, r) < 0)
				return -EINVAL;
			continue;
		}
		to = rule_push(m->l);
		if (!to)
			return -ENOMEM;
		*to = *r;
		memset(r, 0, sizeof(*r));
	}
	return 0;
}

static int
move_rest(struct mixin *m, struct profile *g)
{
	struct profile *p = m->l->p;

	for (size_t i = 0; i < g->own.n_triggers; i++) {
		struct trigger *t = hand_push(m->l, &p->own.trigger,
					      &p->own.n_triggers, sizeof(*t));

		if (!t)
			return -ENOMEM;
		*t = g->own.trigger[i];
		memset(&g->own.trigger[i], 0, sizeof(*t));
	}
	for (size_t i = 0; i < g->n_expect; i++) {
		struct expect_case *c =
			hand_push(m->l, &p->expect, &p->n_expect, sizeof(*c));

		if (!c)
			return -ENOMEM;
		*c = g->expect[i];
		memset(&g->expect[i], 0, sizeof(*c));
	}
	return 0;
}

static int
take_source(struct load *l, struct profile *g)
{
	struct profile *p = l->p;
	struct profile_source *s = reallocarray(
		p->source, p->n_sources + g->n_sources, sizeof(*s));

	if (!s)
		return hand_no_memory(l);
	p->source = s;
	memcpy(s + p->n_sources, g->source, g->n_sources * sizeof(*s));
	p->n_sources += g->n_sources;
	/* A parsed text is told of by its label, which moved with it. */
	g->n_sources = 0;
	l->doc = &p->source[0].doc;
	return 0;
}

static int
merge(struct mixin *m, struct profile *g)
{
	int r = move_rules(m, g);

	if (r >= 0)
		r = move_rest(m, g);
	if (r >= 0 && unite_lists(m->l->p, g) < 0)
		r = hand_no_memory(m->l);
	if (r < 0)
		return r;
	return take_source(m->l, g);
}

/* One group */

static int mix(struct mixin *m, struct load *from, const struct strv *names);

static int
mix_loaded(struct mixin *m, struct profile *g, const char *path)
{
	struct load gl = { .doc = &g->source->doc, .p = g, .e = m->l->e };
	int r;

	if (strv_add(&m->chain, path) < 0 || strv_add(&m->taken, path) < 0)
		return hand_no_memory(m->l);
	r = mix(m, &gl, &g->extends.groups);
	free(m->chain.v[--m->chain.n]);
	m->chain.v[m->chain.n] = NULL;
	return r < 0 ? r : merge(m, g);
}

static int
mix_one(struct mixin *m, struct load *from, const char *name)
{
	char path[PATH_MAX];
	struct err why = ERR_INIT;
	struct profile *g;
	int r;

	if (from->p != m->l->p && is_excluded(m, name))
		return 0;
	if (find_document(m->f, "groups", name, path, sizeof(path)) < 0) {
		find_nothing(m->f, "groups", "group", name, &why);
		load_fail(from, "%s", why.text);
		err_cure(from->e, "%s", why.cure);
		return -EINVAL;
	}
	if (strv_has(&m->chain, path))
		return load_fail(from, "the group \"%s\" includes itself",
				 name);
	if (strv_has(&m->taken, path))
		return 0;
	if (m->taken.n >= PROFILE_GROUPS_MAX ||
	    m->chain.n >= PROFILE_EXTENDS_MAX)
		return load_fail(from,
				 "more than %d groups, or more than %d "
				 "inside one another",
				 PROFILE_GROUPS_MAX, PROFILE_EXTENDS_MAX);
	r = load_document(path, PROFILE_GROUP, NULL, m->f, &g, from->e);
	if (r < 0)
		return r;
	r = mix_loaded(m, g, path);
	profile_free(g);
	return r;
}

static int
mix(struct mixin *m, struct load *from, const struct strv *names)
{
	size_t back = load_enter(from, "extends");
	int r = 0;

	load_enter(from, "groups");
	if (names->n && !m->f->search)
		return load_fail(from, "cannot be resolved here: there is no "
				       "folder to find groups in");
	for (size_t i = 0; i < names->n && r >= 0; i++) {
		size_t here = load_enter_index(from, i);

		r = mix_one(m, from, names->v[i]);
		if (r >= 0)
			from->at[here] = '\0';
	}
	if (r >= 0)
		from->at[back] = '\0';
	return r;
}

/* Whatever is excluded must have been there to be left out. */
static int
check_excluded(struct mixin *m)
{
	struct load *l = m->l;
	const struct strv *names = &l->p->extends.exclude;
	char shown[128];

	for (size_t i = 0; i < names->n; i++) {
		const char *s = names->v[i];

		if (strv_has(&m->used, s))
			continue;
		load_enter(l, "extends");
		load_enter(l, "exclude");
		load_enter_index(l, i);
		str_escape(s, shown, sizeof(shown));
		if (strv_has(&l->p->extends.groups, s))
			return load_fail(l,
					 "\"%s\" is one of the groups of "
					 "this file; take it out there",
					 shown);
		return load_fail(l, "no group has a rule or a group \"%s\"",
				 shown);
	}
	return 0;
}

int
mixin_groups(struct load *l, struct finder *f)
{
	struct mixin m = { .l = l, .f = f };
	int r = mix(&m, l, &l->p->extends.groups);

	if (r >= 0)
		r = check_excluded(&m);
	strv_done(&m.chain);
	strv_done(&m.taken);
	strv_done(&m.used);
	return r;
}
