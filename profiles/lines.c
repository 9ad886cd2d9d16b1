/*
 * Lines of rules and cases, one pass over each text. Only who explains asks
 * for them, so nothing of this runs when a box is started.
 */
#include "profiles/authority-internal.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <string.h>

struct parts {
	const char **file;
	struct jsonc_part *v;
	size_t n;
};

/* The text of a file, as the profile was loaded from it where it is still
 * held; else as it is now. */
static void
look_up(const struct jsonc *held, const char *file, struct jsonc_part *v,
	size_t n)
{
	struct jsonc doc = { .label = file };
	_cleanup_free_ char *text = NULL;
	ssize_t len;

	if (held) {
		jsonc_lines(held, v, n);
		return;
	}
	len = fd_read_file(AT_FDCWD, file, PROFILE_SIZE_MAX, &text);
	if (len < 0 || jsonc_parse(file, text, (size_t)len, PROFILE_SIZE_MAX,
				   PROFILE_DEPTH_MAX, &doc, NULL) < 0)
		return;
	jsonc_lines(&doc, v, n);
	jsonc_done(&doc);
}

static const struct jsonc *
held_by(const struct profile *p, const char *file)
{
	const struct jsonc *doc = NULL;

	for (size_t i = 0; p && i < p->n_sources && !doc; i++)
		if (p->source[i].doc.text && !strcmp(p->source[i].label, file))
			doc = &p->source[i].doc;
	for (size_t i = 0; p && i < p->n_parents && !doc; i++)
		doc = held_by(p->parent[i], file);
	return doc;
}

static int
add_part(struct parts *ps, const char *file, const char *at, unsigned int *line)
{
	if (!file || !at)
		return 0;
	ps->file[ps->n] = file;
	ps->v[ps->n++] = (struct jsonc_part){ at, line };
	return 0;
}

/* All parts of one file, then of the next. */
static int
look_up_all(struct parts *ps, const struct profile *p,
	    const struct profile *host)
{
	struct jsonc_part *some = calloc(ps->n + 1, sizeof(*some));

	if (!some)
		return -ENOMEM;
	for (size_t i = 0; i < ps->n; i++) {
		const char *file = ps->file[i];
		const struct jsonc *held;
		size_t n = 0;

		if (!file)
			continue;
		for (size_t j = i; j < ps->n; j++) {
			if (!ps->file[j] || strcmp(ps->file[j], file) != 0)
				continue;
			some[n++] = ps->v[j];
			ps->file[j] = NULL;
		}
		held = held_by(p, file);
		look_up(held ? held : held_by(host, file), file, some, n);
	}
	free(some);
	return 0;
}

static int
parts_init(struct parts *ps, size_t n)
{
	ps->file = calloc(n + 1, sizeof(*ps->file));
	ps->v = calloc(n + 1, sizeof(*ps->v));
	return ps->file && ps->v ? 0 : -ENOMEM;
}

static void
parts_done(struct parts *ps)
{
	free(ps->file);
	free(ps->v);
}

int
authority_lines(const struct profile *p, const struct profile *host,
		struct policy_spec *s)
{
	_cleanup_(parts_done) struct parts ps = { .n = 0 };

	if (parts_init(&ps, s->n_rules) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_rules; i++)
		add_part(&ps, s->rule[i].file, s->rule[i].at, &s->rule[i].line);
	return look_up_all(&ps, p, host);
}

void
profile_lines(struct profile *p)
{
	_cleanup_(parts_done) struct parts ps = { .n = 0 };

	if (parts_init(&ps, p->own.n_rules + p->n_expect) < 0)
		return;
	for (size_t i = 0; i < p->own.n_rules; i++)
		add_part(&ps, p->own.rule[i].file, p->own.rule[i].at,
			 &p->own.rule[i].line);
	for (size_t i = 0; i < p->n_expect; i++)
		add_part(&ps, p->expect[i].file, p->expect[i].at,
			 &p->expect[i].line);
	look_up_all(&ps, p, NULL);
}

/* Places of files: the profile's own, or the parent's that says the list. */

static bool
names_it(const struct profile *p, const char *list)
{
	const struct {
		const char *name;
		size_t off;
	} lists[] = {
		{ "read", offsetof(struct profile, files.read) },
		{ "exec", offsetof(struct profile, files.exec) },
		{ "write", offsetof(struct profile, files.write) },
		{ "deny", offsetof(struct profile, files.deny) },
		{ "workspace", offsetof(struct profile, files.workspace) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (!strcmp(lists[i].name, list))
			return p->said[lists[i].off / 8] &
			       1u << lists[i].off % 8;
	return false;
}

int
make_place(struct maker *m, struct rule *r, const char *list, size_t index)
{
	const struct profile *p = m->p;
	char *at, *file;

	while (!names_it(p, list) && p->n_parents)
		p = p->parent[0];
	at = index == SIZE_MAX ? str_printf("/files/%s", list)
			       : str_printf("/files/%s/%zu", list, index);
	file = strdup(p->path);
	if (!at || !file) {
		free(at);
		free(file);
		return err_set(m->e, -ENOMEM, "out of memory");
	}
	free(r->at);
	free(r->file);
	r->at = at;
	r->file = file;
	return 0;
}
