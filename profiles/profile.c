/*
 * From a file to a struct profile. The text is read once; the compiler works
 * on the struct alone, and goes back to the file only to name a line in an
 * error.
 */
#include "profiles/profile.h"

#include "lib/fd.h"
#include "profiles/loader.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

void
profile_free(struct profile *p)
{
	if (!p)
		return;
	loader_clear(p);
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

int
profile_parse(const char *label, const char *text, size_t len,
	      struct profile **ret, struct err *e)
{
	_cleanup_(profile_free_ptr) struct profile *p = NULL;
	_cleanup_(jsonc_done_ptr) struct jsonc doc = { .label = label };
	int r;

	r = jsonc_parse(label, text, len, PROFILE_SIZE_MAX, PROFILE_DEPTH_MAX,
			&doc, e);
	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (p)
		p->path = strdup(label);
	if (!p || !p->path)
		return err_set(e, -ENOMEM, "%s: out of memory", label);
	r = loader_fill(&doc, p, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

static int
load_file(const char *path, struct profile **ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(AT_FDCWD, path, PROFILE_SIZE_MAX, &text);

	if (n == -EFBIG)
		return err_set(e, -EFBIG, "%s: larger than %u KiB", path,
			       PROFILE_SIZE_MAX / 1024);
	if (n < 0)
		return err_sys(e, (int)n, "%s", path);
	return profile_parse(path, text, (size_t)n, ret, e);
}

/* Adds the names of the *.json files of a folder. */
static void
list_names(const char *dir, struct strv *names)
{
	DIR *d = opendir(dir);

	for (struct dirent *de; d && (de = readdir(d)) && names->n < 1024;) {
		size_t n = strlen(de->d_name);

		if (n <= 5 || strcmp(de->d_name + n - 5, ".json"))
			continue;
		de->d_name[n - 5] = '\0';
		if (!strv_has(names, de->d_name) &&
		    strv_add(names, de->d_name) < 0)
			break;
	}
	if (d)
		closedir(d);
}

static int
no_such_profile(const char *name, const char *const *search, struct err *e)
{
	struct strv names = { 0 };
	const char *hint = NULL;
	char all[256] = "";
	size_t n = 0;

	for (; search && *search; search++)
		list_names(*search, &names);
	if (names.n)
		hint = str_suggest(name, (const char *const *)names.v);
	for (size_t i = 0; i < names.n && n < sizeof(all); i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s",
				      i ? ", " : "", names.v[i]);
	if (hint)
		err_set(e, -ENOENT,
			"no profile named \"%s\"; did you mean \"%s\"?", name,
			hint);
	else
		err_set(e, -ENOENT, "no profile named \"%s\"", name);
	err_cure(e, "there are: %s; a file is named by a path with a \"/\"",
		 n ? all : "none");
	strv_done(&names);
	return -ENOENT;
}

int
profile_load(const char *name_or_path, const char *const *search,
	     struct profile **ret, struct err *e)
{
	char shown[160];

	if (strchr(name_or_path, '/'))
		return load_file(name_or_path, ret, e);
	if (!str_is_name(name_or_path))
		return err_set(e, -EINVAL, "\"%s\" is not a profile's name",
			       str_escape(name_or_path, shown, sizeof(shown)));
	for (const char *const *s = search; s && *s; s++) {
		char path[PATH_MAX];
		int r;

		if (snprintf(path, sizeof(path), "%s/%s.json", *s,
			     name_or_path) >= (int)sizeof(path))
			continue;
		r = load_file(path, ret, e);
		if (r != -ENOENT && r != -ENOTDIR)
			return r;
	}
	return no_such_profile(name_or_path, search, e);
}

/* The line of pointer in the profile's file as it is now; 0 if unknown. */
static unsigned int
line_of(const struct profile *p, const char *pointer)
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
	unsigned int line = line_of(p, pointer);
	char text[ERR_TEXT_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!line)
		return err_set(e, code, "%s: %s: %s", p->path, pointer, text);
	return err_set(e, code, "%s:%u: %s: %s", p->path, line, pointer, text);
}
