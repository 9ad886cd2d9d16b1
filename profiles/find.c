/*
 * Where documents lie: NAME.json in the first search folder that has it. What
 * always holds: a name has no slash, so nothing outside of the folders is
 * read.
 */
#include "profiles/inherit.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define NAMES_MAX 1024

int
find_document(const struct finder *f, const char *folder, const char *name,
	      char *path, size_t size)
{
	for (const char *const *s = f->search; s && *s; s++) {
		if (snprintf(path, size, "%s%s%s/%s.json", *s,
			     *folder ? "/" : "", folder, name) >= (int)size)
			continue;
		if (faccessat(AT_FDCWD, path, F_OK, 0) == 0)
			return 0;
	}
	return -ENOENT;
}

/* Adds the names of the *.json files of a folder. */
static void
list_names(const char *dir, struct strv *names)
{
	DIR *d = opendir(dir);

	for (struct dirent *de;
	     d && (de = readdir(d)) && names->n < NAMES_MAX;) {
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
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
list_all(const struct finder *f, const char *folder, struct strv *names)
{
	for (const char *const *s = f->search; s && *s; s++) {
		char dir[PATH_MAX];

		if (snprintf(dir, sizeof(dir), "%s%s%s", *s, *folder ? "/" : "",
			     folder) < (int)sizeof(dir))
			list_names(dir, names);
	}
	if (names->n)
		qsort(names->v, names->n, sizeof(*names->v), by_text);
}

int
find_nothing(const struct finder *f, const char *folder, const char *what,
	     const char *name, struct err *e)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	const char *hint = NULL;
	char all[256] = "";
	size_t n = 0;

	list_all(f, folder, &names);
	if (names.n)
		hint = str_suggest(name, (const char *const *)names.v);
	for (size_t i = 0; i < names.n && n < sizeof(all); i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s",
				      i ? ", " : "", names.v[i]);
	if (hint)
		err_set(e, -ENOENT, "no %s named \"%s\"; did you mean \"%s\"?",
			what, name, hint);
	else
		err_set(e, -ENOENT, "no %s named \"%s\"", what, name);
	err_cure(e, "there are: %s", n ? all : "none");
	return -ENOENT;
}

char *
find_sets_dir(const struct finder *f)
{
	for (const char *const *s = f->search; s && *s; s++) {
		char *dir = str_printf("%s/sets", *s);

		if (dir && faccessat(AT_FDCWD, dir, X_OK, 0) == 0)
			return dir;
		free(dir);
	}
	return NULL;
}

int
find_set(const struct finder *f, const char *name, const char *suffix,
	 char **ret_text)
{
	for (const char *const *s = f->search; s && *s; s++) {
		_cleanup_free_ char *path =
			str_printf("%s/sets/%s%s", *s, name, suffix);
		ssize_t n;

		if (!path)
			return -ENOMEM;
		n = fd_read_file(AT_FDCWD, path, 64 * 1024, ret_text);
		if (n >= 0)
			return 0;
	}
	return -ENOENT;
}
