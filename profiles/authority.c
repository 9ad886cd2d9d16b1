/*
 * From loaded documents to one list of rules, level by level. What always
 * holds: the host's level comes first, a parent before its children, the run
 * last; nothing that a file says is left out or put on another level.
 */
#include "profiles/authority-internal.h"

#include "lib/str.h"

#include <stdarg.h>
#include <string.h>

static int
no_memory(struct maker *m)
{
	return err_set(m->e, -ENOMEM, "out of memory");
}

/* Growing */

static void *
push(struct maker *m, void *v, size_t *n, size_t size)
{
	char *old, *fresh;
	size_t room = *n ? 2 * *n : 16;

	memcpy(&old, v, sizeof(old));
	if (!*n || (*n >= 16 && !(*n & (*n - 1)))) {
		fresh = reallocarray(old, room, size);
		if (!fresh) {
			no_memory(m);
			return NULL;
		}
		old = fresh;
		memcpy(v, &old, sizeof(old));
	}
	return memset(old + (*n)++ * size, 0, size);
}

struct rule *
make_rule(struct maker *m, enum effect effect, unsigned int on,
	  const char *because, const char *fmt, ...)
{
	struct rule *r =
		push(m, &m->s->rule, &m->s->n_rules, sizeof(struct rule));
	char id[POLICY_TEXT_MAX];
	va_list ap;

	if (!r)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(id, sizeof(id), fmt, ap);
	va_end(ap);
	r->effect = effect;
	r->on = on;
	r->level = m->level;
	r->id = strdup(id);
	r->because = because ? strdup(because) : NULL;
	r->file = strdup(m->p->path);
	if (!r->id || !r->file || (because && !r->because)) {
		no_memory(m);
		return NULL;
	}
	return r;
}

struct rule_cond *
make_cond(struct maker *m, struct rule *r, enum cond_op op, const char *pointer)
{
	struct rule_cond *c =
		push(m, &r->match, &r->n_match, sizeof(struct rule_cond));

	if (!c)
		return NULL;
	c->op = op;
	c->pointer = strdup(pointer);
	if (!c->pointer)
		no_memory(m);
	return c->pointer ? c : NULL;
}

int
make_string(struct maker *m, struct rule_cond *c, const char *s)
{
	struct rule_value *v = push(m, &c->v, &c->n, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->type = RULE_STRING;
	v->s = strdup(s);
	return v->s ? 0 : no_memory(m);
}

/* Levels */

static int
add_level(struct maker *m, enum policy_level_kind kind)
{
	struct level *l =
		push(m, &m->s->level, &m->s->n_levels, sizeof(struct level));

	if (!l)
		return -ENOMEM;
	m->level = (unsigned int)m->s->n_levels - 1;
	l->kind = kind;
	l->mode = m->p->mode;
	l->ceiling = m->p->ceiling;
	l->inherits = kind != LEVEL_PROFILE || m->p->n_parents;
	l->name = strdup(m->p->name);
	return l->name ? 0 : no_memory(m);
}

static int
add_rules(struct maker *m)
{
	for (size_t i = 0; i < m->p->own.n_rules; i++) {
		struct rule *to = push(m, &m->s->rule, &m->s->n_rules,
				       sizeof(struct rule));

		if (!to)
			return -ENOMEM;
		if (rule_copy(&m->p->own.rule[i], to) < 0)
			return no_memory(m);
		to->level = m->level;
	}
	return 0;
}

static int
copy_list(struct strv *to, const struct strv *from)
{
	int r = 0;

	for (size_t i = 0; i < from->n && r >= 0; i++)
		if (!strv_has(to, from->v[i]))
			r = strv_add(to, from->v[i]);
	return r;
}

static int
add_triggers(struct maker *m)
{
	for (size_t i = 0; i < m->p->own.n_triggers; i++) {
		const struct trigger *t = &m->p->own.trigger[i];
		struct trigger *to =
			push(m, &m->s->trigger, &m->s->n_triggers, sizeof(*to));

		if (!to)
			return -ENOMEM;
		*to = (struct trigger){ .on = t->on,
					.surfaces = t->surfaces,
					.count = t->count,
					.window_us = t->window_us };
		/* A state of the run rather than of a surface. */
		if (t->on == TRIGGER_LABEL)
			to->surfaces = ON_ALL;
		if (t->rule && !(to->rule = strdup(t->rule)))
			return no_memory(m);
		if (t->because && !(to->because = strdup(t->because)))
			return no_memory(m);
		if (copy_list(&to->labels, &t->labels) < 0)
			return no_memory(m);
	}
	return 0;
}

static int
add_labels(struct maker *m)
{
	const struct strv *define = &m->p->labels_define;

	for (size_t i = 0; i < define->n; i++) {
		char *name = strndup(define->v[i], strcspn(define->v[i], "="));

		if (name && strv_has(&m->s->labels, name))
			free(name);
		else if (strv_take(&m->s->labels, name) < 0)
			return no_memory(m);
	}
	if (copy_list(&m->s->labels_start, &m->p->labels_start) < 0)
		return no_memory(m);
	return 0;
}

static int
make_level(struct maker *m, const struct profile *p,
	   enum policy_level_kind kind)
{
	int r;

	m->p = p;
	r = add_level(m, kind);
	if (r >= 0)
		r = add_labels(m);
	if (r >= 0)
		r = add_rules(m);
	if (r >= 0)
		r = add_triggers(m);
	if (r >= 0 && kind != LEVEL_HOST)
		r = make_files(m);
	if (r >= 0 && kind != LEVEL_HOST)
		r = make_process(m);
	m->innermost_first = m->innermost_first && kind == LEVEL_HOST;
	return r;
}

static int
make_levels(struct maker *m, const struct profile *p,
	    const struct profile *host)
{
	const struct profile *all[POLICY_LEVELS_MAX];
	int n = profile_lineage(p, all, ARRAY_SIZE(all)), r = 0;

	if (n < 0)
		return err_set(m->e, n, "%s: too many profiles above it",
			       p->path);
	if (host)
		r = make_level(m, host, LEVEL_HOST);
	for (int i = 0; i < n && r >= 0; i++)
		r = make_level(m, all[i],
			       all[i]->kind == PROFILE_RUN ? LEVEL_RUN
							   : LEVEL_PROFILE);
	return r;
}

/* The profile that names the policy: not the document of one run. */
static int
name_policy(struct maker *m, const struct profile *p)
{
	if (p->kind == PROFILE_RUN && p->n_parents)
		p = p->parent[0];
	m->s->name = strdup(p->name);
	return m->s->name ? 0 : no_memory(m);
}

int
profile_authority(const struct profile *p, const struct authority_env *env,
		  struct policy_spec *ret, struct err *e)
{
	struct policy_spec s = { .name = NULL };
	struct maker m = {
		.env = env, .s = &s, .e = e, .innermost_first = true
	};
	struct profile *host = NULL;
	int r = 0;

	if (env->narrow)
		p = env->narrow;
	if (env->host_policy) {
		r = profile_load_host(env->host_policy, &host, e);
		if (r == -ENOENT)
			r = 0;
	}
	if (r >= 0)
		r = name_policy(&m, p);
	if (r >= 0)
		r = make_levels(&m, p, host);
	if (r >= 0)
		r = authority_lines(p, host, &s) < 0 ? no_memory(&m) : 0;
	profile_free(host);
	if (r < 0) {
		policy_spec_done(&s);
		return r;
	}
	*ret = s;
	return 0;
}

/* Compiling */

static const char *
without_prefix(const char *text)
{
	const char *colon =
		str_starts(text, "rule ") ? strstr(text, ": ") : NULL;

	return colon ? colon + 2 : text;
}

int
authority_make(const struct policy_spec *s, struct policy **ret, struct err *e)
{
	struct err why = ERR_INIT;
	const struct rule *r;
	int i = -1, ret_code = policy_make(s, ret, &i, &why);
	char line[24] = "";

	if (ret_code >= 0)
		return ret_code;
	if (i < 0 || !s->rule[i].file)
		return err_set(e, ret_code, "%s", why.text);
	r = &s->rule[i];
	if (r->line)
		snprintf(line, sizeof(line), ":%u", r->line);
	return err_set(e, ret_code, "%s%s: %s: %s", r->file, line,
		       r->at ? r->at : r->id, without_prefix(why.text));
}

int
profile_policy(const struct profile *p, const struct authority_env *env,
	       struct policy **ret, struct err *e)
{
	struct policy_spec s;
	int r = profile_authority(p, env, &s, e);

	if (r < 0)
		return r;
	r = authority_make(&s, ret, e);
	policy_spec_done(&s);
	return r;
}
