/*
 * What the kernel lets a box execute and call, as rules. A request on the
 * surface is about a program (/path) or about a call (/syscall); each rule says
 * which of the two it is about, so that none is unknown to the other kind.
 */
#include "profiles/authority-internal.h"

#include "lib/str.h"
#include "profiles/compile.h"
#include "profiles/paths.h"
#include "profiles/trees.h"
#include "sandbox/seccomp.h"

#include <string.h>

/* Programs: the rules on files that allow or deny exec, said again. */

static bool
is_about_exec(const struct rule *r)
{
	const struct rule_cond *access = NULL;

	for (size_t i = 0; i < r->n_match && !access; i++)
		if (!strcmp(r->match[i].pointer, "/access"))
			access = &r->match[i];
	for (size_t i = 0; access && i < access->n; i++)
		if (!strcmp(access->v[i].s, "exec"))
			return true;
	return false;
}

/* "/access" becomes "there is a path". */
static int
retarget(struct maker *m, struct rule *r)
{
	char *id = str_printf("process%s", r->id + strlen("files"));

	if (!id)
		return err_set(m->e, -ENOMEM, "out of memory");
	free(r->id);
	r->id = id;
	r->on = ON(PROCESS);
	for (size_t i = 0; i < r->n_match; i++) {
		struct rule_cond *c = &r->match[i];

		if (strcmp(c->pointer, "/access") != 0)
			continue;
		for (size_t j = 0; j < c->n; j++)
			free(c->v[j].s);
		free(c->pointer);
		c->pointer = strdup("/path");
		c->op = OP_EXISTS;
		c->n = 1;
		memset(c->v, 0, sizeof(*c->v));
		c->v->type = RULE_BOOL;
		c->v->b = true;
		if (!c->pointer)
			return err_set(m->e, -ENOMEM, "out of memory");
	}
	return 0;
}

static int
copy_exec(struct maker *m, size_t i)
{
	struct rule copy, *to;

	if (rule_copy(&m->s->rule[i], &copy) < 0)
		return err_set(m->e, -ENOMEM, "out of memory");
	to = make_rule(m, copy.effect, copy.on, NULL, "%s", copy.id);
	if (!to) {
		rule_done(&copy);
		return -ENOMEM;
	}
	rule_done(to);
	*to = copy;
	return retarget(m, to);
}

/* Calls */

static int
allow_calls(struct maker *m)
{
	const struct profile *p = m->p;
	struct seccomp_spec spec = {
		.sets_dir = m->env->sets_dir,
		.deny = (const char *const *)p->process.syscalls_deny.v,
		.n_deny = p->process.syscalls_deny.n,
	};
	_cleanup_(strv_done) struct strv names = { 0 };
	struct rule_cond *c;
	struct rule *r;
	int ret;

	if (!m->env->sets_dir)
		return 0;
	for (size_t i = 0; i < p->process.syscalls.n; i++)
		spec.sets[spec.n_sets++] = p->process.syscalls.v[i];
	ret = seccomp_names(&spec, &names, m->e);
	if (ret < 0)
		return ret;
	r = make_rule(m, EFFECT_ALLOW, ON(PROCESS), NULL, "process.syscalls");
	c = r ? make_cond(m, r, OP_IN, "/syscall") : NULL;
	if (!c)
		return -ENOMEM;
	for (size_t i = 0; i < names.n && ret >= 0; i++)
		ret = make_string(m, c, names.v[i]);
	r->at = strdup("/process/syscalls");
	return r->at ? ret : err_set(m->e, -ENOMEM, "out of memory");
}

int
make_process(struct maker *m)
{
	size_t n = m->s->n_rules;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		if (m->s->rule[i].level == m->level &&
		    m->s->rule[i].on == ON(FILES) &&
		    is_about_exec(&m->s->rule[i]))
			r = copy_exec(m, i);
	return r < 0 ? r : allow_calls(m);
}
