/*
 * Path groups: named lists of the host's own files, kept as data so that a
 * distribution's differences are no code. A line is "exec PATH", "read PATH" or
 * "copy PATH" (read, where a copy of a small file will do: it costs a launch
 * half of what a bind costs). A path that the host does not have is no error,
 * since a group is written for every host.
 */
#include "profiles/paths.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

struct reader {
	const char *file;
	unsigned int line;
	struct path_group *g;
	struct err *e;
};

/* The path of a line: clean, and only its last component may end with "*". */
static bool
is_group_path(const char *s)
{
	size_t n = strlen(s);
	const char *star = strchr(s, '*');

	if (star && (star != s + n - 1 || n < 3 || s[n - 2] == '/'))
		return false;
	return n > 1 && str_is_clean_path(s);
}

static int
read_line(struct reader *rd, char *s)
{
	size_t n = strcspn(s, " \t");
	char shown[80];
	char *path;

	if (!s[n] || n != 4 ||
	    (strncmp(s, "exec", n) && strncmp(s, "read", n) &&
	     strncmp(s, "copy", n)))
		return err_set(rd->e, -EINVAL,
			       "%s:%u: \"%s\": expected \"exec PATH\", "
			       "\"read PATH\" or \"copy PATH\"",
			       rd->file, rd->line,
			       str_escape(s, shown, sizeof(shown)));
	path = s + n + strspn(s + n, " \t");
	if (!is_group_path(path))
		return err_set(rd->e, -EINVAL,
			       "%s:%u: \"%s\" is not a clean absolute path",
			       rd->file, rd->line,
			       str_escape(path, shown, sizeof(shown)));
	if (rd->g->n == GROUP_LINES_MAX)
		return err_set(rd->e, -E2BIG, "%s:%u: more than %d paths",
			       rd->file, rd->line, GROUP_LINES_MAX);
	rd->g->line[rd->g->n].path = path;
	rd->g->line[rd->g->n].exec = *s == 'e';
	rd->g->line[rd->g->n++].copy = *s == 'c';
	return 0;
}

static int
read_lines(struct reader *rd, char *text)
{
	char *save = NULL;
	int r = 0;

	while (text && *text && r >= 0) {
		char *end = strchr(text, '\n'), *hash;
		size_t n;

		save = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		rd->line++;
		hash = strchr(text, '#');
		if (hash)
			*hash = '\0';
		text += strspn(text, " \t");
		n = strlen(text);
		while (n && strchr(" \t\r", text[n - 1]))
			text[--n] = '\0';
		if (n)
			r = read_line(rd, text);
		text = save;
	}
	return r;
}

/* "no path group ...; did you mean ...?" */
static int
no_such_group(const char *dir, const char *name, struct err *e)
{
	DIR *d = opendir(dir);
	struct strv names = { 0 };
	const char *hint = NULL;

	for (struct dirent *de; d && (de = readdir(d)) && names.n < 1024;) {
		size_t n = strlen(de->d_name), dot = strlen(".paths");

		if (n <= dot || strcmp(de->d_name + n - dot, ".paths"))
			continue;
		de->d_name[n - dot] = '\0';
		if (strv_add(&names, de->d_name) < 0)
			break;
	}
	if (d)
		closedir(d);
	if (names.n)
		hint = str_suggest(name, (const char *const *)names.v);
	if (hint)
		err_set(e, -ENOENT,
			"no path group \"%s\"; did you mean \"@%s\"?", name,
			hint);
	else
		err_set(e, -ENOENT, "no path group \"%s\" in %s", name, dir);
	strv_done(&names);
	return -ENOENT;
}

int
path_group_read(const char *dir, const char *name, struct path_group *ret,
		struct err *e)
{
	char file[PATH_MAX];
	struct reader rd = { .file = file, .g = ret, .e = e };
	ssize_t n;
	int r;

	ret->text = NULL;
	ret->n = 0;
	if (snprintf(file, sizeof(file), "%s/%s.paths", dir, name) >=
	    (int)sizeof(file))
		return err_set(e, -ENAMETOOLONG, "%s: too long", dir);
	n = fd_read_file(AT_FDCWD, file, GROUP_SIZE_MAX, &ret->text);
	if (n == -ENOENT)
		return no_such_group(dir, name, e);
	if (n < 0)
		return err_sys(e, (int)n, "%s", file);
	if (strlen(ret->text) != (size_t)n)
		r = err_set(e, -EINVAL, "%s: holds a NUL byte", file);
	else
		r = read_lines(&rd, ret->text);
	if (r < 0)
		path_group_done(ret);
	return r;
}

void
path_group_done(struct path_group *g)
{
	free(g->text);
	g->text = NULL;
	g->n = 0;
}
