/*
 * Findings and how they are told. What always holds: each has a place as far as
 * there is one, and says what to do.
 */
#include "profiles/lint-internal.h"

#include "lib/str.h"

#include <stdarg.h>
#include <string.h>

const char *
lint_severity_name(enum lint_severity s)
{
	static const char *const names[] = { [LINT_NOTE] = "note",
					     [LINT_WARNING] = "warning",
					     [LINT_ERROR] = "error" };

	return s <= LINT_ERROR ? names[s] : "?";
}

static struct lint_finding *
push(struct linter *l)
{
	struct lint *o = l->out;

	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 16;
		struct lint_finding *v = reallocarray(o->v, cap, sizeof(*v));

		if (!v) {
			o->failed = true;
			return NULL;
		}
		o->v = v;
		o->cap = cap;
	}
	memset(&o->v[o->n], 0, sizeof(*o->v));
	return &o->v[o->n++];
}

static char *
copy(struct linter *l, const char *s)
{
	char *c = s ? strdup(s) : NULL;

	if (s && !c)
		l->out->failed = true;
	return c;
}

struct lint_finding *
lint_rule(struct linter *l, enum lint_severity severity, const char *code,
	  const struct rule *r, const char *fmt, ...)
{
	struct lint_finding *f = push(l);
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (!f)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->severity = severity;
	f->code = code;
	f->file = copy(l, r->file);
	f->line = r->line;
	f->at = copy(l, r->at);
	f->text = copy(l, text);
	return f;
}

struct lint_finding *
lint_at(struct linter *l, enum lint_severity severity, const char *code,
	const char *pointer, const char *fmt, ...)
{
	struct lint_finding *f = push(l);
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (!f)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->severity = severity;
	f->code = code;
	f->file = copy(l, l->p->path);
	f->line = profile_line(l->p, pointer);
	f->at = copy(l, pointer);
	f->text = copy(l, text);
	return f;
}

void
lint_cure(struct linter *l, struct lint_finding *f, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (!f)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->cure = copy(l, text);
}

const struct rule_cond *
lint_cond(const struct rule *r, const char *pointer)
{
	for (size_t i = 0; i < r->n_match; i++)
		if (!strcmp(r->match[i].pointer, pointer))
			return &r->match[i];
	return NULL;
}

static int
by_place(const void *x, const void *y)
{
	const struct lint_finding *a = x, *b = y;
	int d = strcmp(a->file ? a->file : "", b->file ? b->file : "");

	if (d)
		return d;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	d = strcmp(a->code, b->code);
	return d ? d : strcmp(a->text ? a->text : "", b->text ? b->text : "");
}

int
profile_lint(const struct profile *p, const struct policy_spec *s,
	     const struct lint_host *host, struct lint *ret)
{
	struct linter l = { .p = p, .s = s, .host = host, .out = ret };

	l.level = s->n_levels ? (unsigned int)s->n_levels - 1 : 0;
	lint_reach(&l);
	lint_broad(&l);
	lint_net(&l);
	lint_role(&l);
	lint_labels(&l);
	lint_kernel(&l);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_place);
	return ret->failed ? -ENOMEM : 0;
}

void
lint_done(struct lint *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].file);
		free(l->v[i].at);
		free(l->v[i].text);
		free(l->v[i].cure);
	}
	free(l->v);
	memset(l, 0, sizeof(*l));
}
