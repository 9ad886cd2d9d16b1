/*
 * Ownership of rules. What always holds: a rule of zeros is a valid one to
 * free, and a copy that failed leaves nothing behind.
 */
#include "policy/policy_build.h"

#include <string.h>

static void
cond_done(struct rule_cond *c)
{
	for (size_t i = 0; c->v && i < c->n; i++)
		free(c->v[i].s);
	free(c->v);
	free(c->pointer);
	free(c->name);
}

static void
conds_done(struct rule_cond *c, size_t n)
{
	for (size_t i = 0; c && i < n; i++)
		cond_done(&c[i]);
	free(c);
}

void
rule_done(struct rule *r)
{
	free(r->id);
	free(r->because);
	free(r->file);
	free(r->at);
	conds_done(r->match, r->n_match);
	conds_done(r->when, r->n_when);
	free(r->budget.pointer);
	strv_done(&r->labels_add);
	strv_done(&r->labels_clear);
	strv_done(&r->redact);
	free(r->step);
	memset(r, 0, sizeof(*r));
}

static void
trigger_done(struct trigger *t)
{
	free(t->rule);
	free(t->because);
	strv_done(&t->labels);
}

void
policy_spec_done(struct policy_spec *s)
{
	free(s->name);
	for (size_t i = 0; i < s->n_levels; i++)
		free(s->level[i].name);
	free(s->level);
	for (size_t i = 0; i < s->n_rules; i++)
		rule_done(&s->rule[i]);
	free(s->rule);
	for (size_t i = 0; i < s->n_triggers; i++)
		trigger_done(&s->trigger[i]);
	free(s->trigger);
	strv_done(&s->labels);
	strv_done(&s->labels_start);
	memset(s, 0, sizeof(*s));
}

static int
copy_text(const char *s, char **ret)
{
	*ret = s ? strdup(s) : NULL;
	return s && !*ret ? -ENOMEM : 0;
}

static int
copy_list(const struct strv *from, struct strv *to)
{
	int r = 0;

	*to = (struct strv){ NULL, 0 };
	for (size_t i = 0; i < from->n && r >= 0; i++)
		r = strv_add(to, from->v[i]);
	return r;
}

static int
copy_values(const struct rule_cond *from, struct rule_cond *to)
{
	int r = 0;

	to->v = from->n ? calloc(from->n, sizeof(*to->v)) : NULL;
	to->n = to->v ? from->n : 0;
	if (from->n && !to->v)
		return -ENOMEM;
	for (size_t i = 0; i < to->n; i++) {
		to->v[i] = from->v[i];
		to->v[i].s = NULL;
	}
	for (size_t i = 0; i < to->n && r >= 0; i++)
		r = copy_text(from->v[i].s, &to->v[i].s);
	return r;
}

static int
copy_cond(const struct rule_cond *from, struct rule_cond *to)
{
	int r;

	*to = *from;
	to->pointer = to->name = NULL;
	r = copy_values(from, to);
	if (r >= 0)
		r = copy_text(from->pointer, &to->pointer);
	return r < 0 ? r : copy_text(from->name, &to->name);
}

static int
copy_conds(const struct rule_cond *from, size_t n, struct rule_cond **ret,
	   size_t *ret_n)
{
	int r = 0;

	*ret = n ? calloc(n, sizeof(**ret)) : NULL;
	*ret_n = *ret ? n : 0;
	if (n && !*ret)
		return -ENOMEM;
	for (size_t i = 0; i < n && r >= 0; i++)
		r = copy_cond(&from[i], &(*ret)[i]);
	return r;
}

static int
copy_texts(const struct rule *from, struct rule *to)
{
	const struct {
		const char *from;
		char **to;
	} texts[] = {
		{ from->id, &to->id },
		{ from->because, &to->because },
		{ from->file, &to->file },
		{ from->at, &to->at },
		{ from->budget.pointer, &to->budget.pointer },
		{ from->step, &to->step },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts) && r >= 0; i++)
		r = copy_text(texts[i].from, texts[i].to);
	return r;
}

static int
copy_parts(const struct rule *from, struct rule *to)
{
	int r = copy_texts(from, to);

	if (r >= 0)
		r = copy_conds(from->match, from->n_match, &to->match,
			       &to->n_match);
	if (r >= 0)
		r = copy_conds(from->when, from->n_when, &to->when,
			       &to->n_when);
	if (r >= 0)
		r = copy_list(&from->labels_add, &to->labels_add);
	if (r >= 0)
		r = copy_list(&from->labels_clear, &to->labels_clear);
	return r < 0 ? r : copy_list(&from->redact, &to->redact);
}

int
rule_copy(const struct rule *from, struct rule *ret)
{
	struct rule to = *from;
	int r;

	to.id = to.because = to.file = to.at = to.step = NULL;
	to.budget.pointer = NULL;
	to.match = to.when = NULL;
	to.n_match = to.n_when = 0;
	to.labels_add = to.labels_clear = to.redact = (struct strv){ NULL, 0 };
	r = copy_parts(from, &to);
	if (r < 0) {
		rule_done(&to);
		return r;
	}
	*ret = to;
	return 0;
}
