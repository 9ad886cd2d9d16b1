/*
 * Two profiles side by side. What always holds: lines come in the same order
 * for the same pair, what B may more first.
 */
#include "profiles/diff-internal.h"

#include <stdarg.h>
#include <string.h>

int
diff_add(struct diff *d, char sign, const char *surface,
	 const struct rule *from, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	struct diff_line *l;
	va_list ap;

	if (d->n == d->cap) {
		size_t cap = d->cap ? 2 * d->cap : 16;

		l = reallocarray(d->v, cap, sizeof(*l));
		if (!l)
			return -ENOMEM;
		d->v = l;
		d->cap = cap;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	l = &d->v[d->n];
	*l = (struct diff_line){ .sign = sign, .surface = surface };
	l->text = strdup(text);
	if (!l->text)
		return -ENOMEM;
	d->n++;
	if (!from || !from->file)
		return 0;
	l->line = from->line;
	l->file = strdup(from->file);
	return l->file ? 0 : -ENOMEM;
}

static int
order(char sign)
{
	return sign == '+' ? 0 : sign == '-' ? 1 : 2;
}

static int
by_sign(const void *x, const void *y)
{
	const struct diff_line *a = x, *b = y;
	int d = order(a->sign) - order(b->sign);

	if (!d)
		d = strcmp(a->surface, b->surface);
	return d ? d : strcmp(a->text, b->text);
}

/* The same said twice, by two rules that were taken apart. */
static void
drop_doubles(struct diff *d)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (kept && !by_sign(&d->v[kept - 1], &d->v[i])) {
			free(d->v[i].text);
			free(d->v[i].file);
		} else {
			d->v[kept++] = d->v[i];
		}
	}
	d->n = kept;
}

int
profile_diff(const struct profile *a, const struct policy_spec *sa,
	     const struct profile *b, const struct policy_spec *sb,
	     struct diff *ret)
{
	int r = diff_keys(ret, a, b);

	if (r >= 0)
		r = diff_start(ret, sa, sb);
	for (int s = 0; s < SURFACE_MAX && r >= 0; s++)
		r = diff_surface(ret, sa, sb, (enum surface)s);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_sign);
	drop_doubles(ret);
	return r;
}

void
diff_done(struct diff *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].text);
		free(d->v[i].file);
	}
	free(d->v);
	memset(d, 0, sizeof(*d));
}
