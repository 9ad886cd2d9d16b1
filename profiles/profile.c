/*
 * From a file to a struct profile. The text is read once; the compiler works
 * on the struct alone, and goes back to the file only to name a line in an
 * error.
 */
#include "profiles/profile.h"

#include "lib/fd.h"
#include "profiles/inherit.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

static void
sources_done(struct profile *p)
{
	for (size_t i = 0; i < p->n_sources; i++) {
		jsonc_done(&p->source[i].doc);
		free(p->source[i].label);
	}
	free(p->source);
	p->source = NULL;
	p->n_sources = 0;
}

struct profile *
profile_ref(struct profile *p)
{
	p->refs++;
	return p;
}

void
profile_free(struct profile *p)
{
	if (!p || --p->refs)
		return;
	loader_clear(p);
	for (size_t i = 0; i < p->n_parents; i++)
		profile_free(p->parent[i]);
	free(p->parent);
	policy_spec_done(&p->own);
	expect_cases_done(p->expect, p->n_expect);
	sources_done(p);
	free(p->path);
	free(p);
}

static void
profile_free_ptr(struct profile **p)
{
	profile_free(*p);
}

static void
jsonc_done_ptr(struct jsonc *d)
{
	jsonc_done(d);
}

/* Loading */

static struct profile *
new_profile(const char *label, enum profile_kind kind)
{
	struct profile *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->refs = 1;
	p->kind = kind;
	p->path = strdup(label);
	p->source = calloc(1, sizeof(*p->source));
	if (!p->path || !p->source || !(p->source->label = strdup(label))) {
		profile_free(p);
		return NULL;
	}
	p->n_sources = 1;
	return p;
}

static int
name_itself(struct load *l, struct profile *base)
{
	struct profile *p = l->p;
	static const char *const names[] = { [PROFILE_AGENT] = "?",
					     [PROFILE_HOST] = "host",
					     [PROFILE_GROUP] = "?",
					     [PROFILE_RUN] = "run" };

	if (!p->name)
		p->name = strdup(names[p->kind]);
	if (!p->name)
		return hand_no_memory(l);
	if (!base)
		return 0;
	if (!json_object_get(l->doc->root, "role"))
		p->role = base->role;
	p->parent = calloc(1, sizeof(struct profile *));
	if (!p->parent)
		return hand_no_memory(l);
	p->parent[p->n_parents++] = profile_ref(base);
	return 0;
}

/* Parents, groups, and what can be said of the whole. */
static int
resolve(struct load *l, struct profile *base, struct finder *f)
{
	struct profile *p = l->p;
	int r = name_itself(l, base);

	if (r >= 0 && p->extends.profiles.n)
		r = extends_load(l, f);
	if (r >= 0 && (p->extends.groups.n || p->extends.exclude.n))
		r = mixin_groups(l, f);
	if (r >= 0)
		r = inherit_keys(l, f);
	loader_derive(p);
	if (r >= 0)
		r = review(l);
	return r < 0 ? r : widen_check(l);
}

/* Texts stay as long as lines in them may be asked for. */
static void
let_go(struct profile *p)
{
	bool asked_for = p->own.n_rules || p->n_expect;

	for (size_t i = 0; i < p->n_sources; i++) {
		if (!asked_for)
			jsonc_done(&p->source[i].doc);
		json_decref(p->source[i].doc.root);
		p->source[i].doc.root = NULL;
	}
}

static int
parse(const char *label, const char *text, size_t len, enum profile_kind kind,
      struct profile *base, struct finder *f, struct profile **ret,
      struct err *e)
{
	_cleanup_(profile_free_ptr) struct profile *p =
		new_profile(label, kind);
	struct load l = { .p = p, .e = e };
	int r;

	if (!p)
		return err_set(e, -ENOMEM, "%s: out of memory", label);
	l.doc = &p->source->doc;
	sha256(text, len, p->source->digest);
	r = jsonc_parse(p->source->label, text, len, PROFILE_SIZE_MAX,
			PROFILE_DEPTH_MAX, &p->source->doc, e);
	if (r >= 0)
		r = loader_fill(l.doc, p, e);
	if (r >= 0 && kind != PROFILE_GROUP)
		r = resolve(&l, base, f);
	if (r < 0)
		return r;
	if (kind != PROFILE_GROUP)
		let_go(p);
	*ret = TAKE_PTR(p);
	return 0;
}

int
profile_parse(const char *label, const char *text, size_t len,
	      struct profile **ret, struct err *e)
{
	struct finder f = { .search = NULL };

	return parse(label, text, len, PROFILE_AGENT, NULL, &f, ret, e);
}

int
load_document(const char *path, enum profile_kind kind, struct profile *base,
	      struct finder *f, struct profile **ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(AT_FDCWD, path, PROFILE_SIZE_MAX, &text);
	int r;

	if (n == -EFBIG)
		return err_set(e, -EFBIG, "%s: larger than %u KiB", path,
			       PROFILE_SIZE_MAX / 1024);
	if (n < 0)
		return err_sys(e, (int)n, "%s", path);
	if (strv_add(&f->chain, path) < 0)
		return err_set(e, -ENOMEM, "%s: out of memory", path);
	r = parse(path, text, (size_t)n, kind, base, f, ret, e);
	free(f->chain.v[--f->chain.n]);
	f->chain.v[f->chain.n] = NULL;
	return r;
}

static int
load_top(const char *path, enum profile_kind kind, struct profile *base,
	 const char *const *search, struct profile **ret, struct err *e)
{
	struct finder f = { .search = search };
	int r = load_document(path, kind, base, &f, ret, e);

	for (size_t i = 0; i < f.n_seen; i++)
		profile_free(f.seen[i]);
	free(f.seen);
	strv_done(&f.chain);
	return r;
}

int
profile_load(const char *name_or_path, const char *const *search,
	     struct profile **ret, struct err *e)
{
	const struct finder f = { .search = search };
	char shown[160], path[PATH_MAX];
	struct err why = ERR_INIT;
	int r;

	if (strchr(name_or_path, '/'))
		return load_top(name_or_path, PROFILE_AGENT, NULL, search, ret,
				e);
	if (!str_is_name(name_or_path))
		return err_set(e, -EINVAL, "\"%s\" is not a profile's name",
			       str_escape(name_or_path, shown, sizeof(shown)));
	if (find_document(&f, "", name_or_path, path, sizeof(path)) >= 0)
		return load_top(path, PROFILE_AGENT, NULL, search, ret, e);
	r = find_nothing(&f, "", "profile", name_or_path, &why);
	err_set(e, r, "%s", why.text);
	err_cure(e, "%s; a file is named by a path with a \"/\"", why.cure);
	return r;
}

int
profile_load_host(const char *path, struct profile **ret, struct err *e)
{
	if (faccessat(AT_FDCWD, path, F_OK, 0) < 0 &&
	    (errno == ENOENT || errno == ENOTDIR))
		return -ENOENT;
	return load_top(path, PROFILE_HOST, NULL, NULL, ret, e);
}

int
profile_load_run(const char *path, struct profile *base,
		 const char *const *search, struct profile **ret, struct err *e)
{
	return load_top(path, PROFILE_RUN, base, search, ret, e);
}

unsigned int
profile_line(const struct profile *p, const char *pointer)
{
	_cleanup_(jsonc_done_ptr) struct jsonc doc = { .label = p->path };
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(AT_FDCWD, p->path, PROFILE_SIZE_MAX, &text);

	if (n < 0 || jsonc_parse(p->path, text, (size_t)n, PROFILE_SIZE_MAX,
				 PROFILE_DEPTH_MAX, &doc, NULL) < 0)
		return 0;
	return jsonc_line(&doc, pointer);
}

int
profile_fail(const struct profile *p, struct err *e, int code,
	     const char *pointer, const char *fmt, ...)
{
	unsigned int line = profile_line(p, pointer);
	char text[ERR_TEXT_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!line)
		return err_set(e, code, "%s: %s: %s", p->path, pointer, text);
	return err_set(e, code, "%s:%u: %s: %s", p->path, line, pointer, text);
}
