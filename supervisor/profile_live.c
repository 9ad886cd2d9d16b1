/*
 * A live test as a whole: workspace, attempts, box, comparison. What always
 * holds: the workspace is gone afterwards; a case is the same only when it was
 * really tried.
 */
#include "supervisor/live-internal.h"

#include "lib/str.h"
#include "profiles/compile.h"
#include "profiles/paths.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

int
live_add(struct live *l, size_t of, enum try_kind kind, const char *what)
{
	struct live_attempt *a;

	if (l->n_attempts == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;

		a = reallocarray(l->attempt, cap, sizeof(*a));
		if (!a)
			return -ENOMEM;
		l->attempt = a;
		l->cap = cap;
	}
	a = &l->attempt[l->n_attempts];
	*a = (struct live_attempt){
		.of = of,
		.kind = kind,
		.what = strdup(what),
		.result = LIVE_PENDING,
	};
	if (!a->what)
		return -ENOMEM;
	l->n_attempts++;
	return 0;
}

/* Workspace */

static int
make_workspace(struct live *l, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX], *real;

	if (l->p->files.workspace == ACCESS_NONE)
		return 0;
	if (!tmp || *tmp != '/')
		tmp = "/tmp";
	if (snprintf(path, sizeof(path), "%s/abx-live-XXXXXX", tmp) >=
		    (int)sizeof(path) ||
	    !mkdtemp(path))
		return err_sys(e, errno ? errno : ENAMETOOLONG,
			       "a workspace for the live test in %s", tmp);
	/* What root lets be read only, the box's own uid reads as another. */
	if (geteuid() == 0 && chmod(path, 0755) < 0)
		return err_sys(e, errno, "%s", path);
	real = realpath(path, l->workspace);
	return real ? 0 : err_sys(e, errno, "%s", path);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	(void)remove(path);
	return 0;
}

/* Comparison */

static const char *
kind_text(enum try_kind k)
{
	switch (k) {
#define TRY_KIND(id, letter, text)                                             \
	case TRY_##id:                                                         \
		return text;
		TRY_KINDS(TRY_KIND)
#undef TRY_KIND
	}
	return "";
}

/* The path of the host that path of the box is, if it is one. */
static const char *
host_path(const char *path, char buf[PATH_MAX])
{
	const char *home = getenv("HOME");

	if (!path_within(path, BOX_HOME))
		return path;
	snprintf(buf, PATH_MAX, "%s%s", home ? home : "",
		 path + strlen(BOX_HOME));
	return buf;
}

/* The profile allows it, and still it cannot be: because of the host? */
static const char *
host_reason(const struct live_attempt *a)
{
	char buf[PATH_MAX];
	const char *path = host_path(a->what, buf);
	mode_t bit = a->kind == TRY_EXEC    ? S_IXOTH
		     : a->kind == TRY_WRITE ? S_IWOTH
					    : S_IROTH;
	struct stat st;

	if (a->kind == TRY_CALL)
		return a->result == ENOSYS ? "this kernel does not have it"
					   : NULL;
	if (a->result == ENOENT || a->result == ENOTDIR)
		return stat(path, &st) < 0 ? "this host does not have it"
					   : NULL;
	if ((a->result == EACCES || a->result == EPERM || a->result == EROFS) &&
	    stat(path, &st) == 0 && !(st.st_mode & bit) &&
	    (geteuid() == 0 || st.st_uid != geteuid()))
		return "its owner does not let others do it";
	return NULL;
}

static void
judge(struct live *l, size_t i)
{
	struct live_case *c = &l->v[i];
	const struct live_attempt *last = NULL;
	const char *why;
	bool through = false;

	if (c->result == LIVE_SKIPPED)
		return;
	for (size_t k = 0; k < l->n_attempts; k++) {
		if (l->attempt[k].of != i)
			continue;
		last = &l->attempt[k];
		through |= last->result == 0;
	}
	if (!last) {
		c->result = LIVE_SKIPPED;
		snprintf(c->text, sizeof(c->text), "nothing to try");
		return;
	}
	if (through == c->allowed)
		return;
	why = through ? NULL : host_reason(last);
	c->result = why ? LIVE_SKIPPED : LIVE_DIFFERS;
	if (why)
		snprintf(c->text, sizeof(c->text), "%s", why);
	else if (through)
		snprintf(c->text, sizeof(c->text),
			 "the rules refuse it, but in the box it works (%s)",
			 kind_text(last->kind));
	else
		snprintf(c->text, sizeof(c->text),
			 "the rules allow it, but in the box it fails: %s (%s)",
			 strerror(last->result), kind_text(last->kind));
}

int
live_run(const struct paths *paths, const struct profile *p,
	 struct live_case *v, size_t n, struct err *e)
{
	struct live l = { .paths = paths, .p = p, .v = v, .n = n };
	mode_t mask = umask(022);
	int r = make_workspace(&l, e);

	if (r >= 0)
		r = live_plan(&l, e);
	(void)umask(mask);
	if (r >= 0)
		r = live_do(&l, e);
	for (size_t i = 0; i < n && r >= 0; i++)
		judge(&l, i);
	if (*l.workspace)
		(void)nftw(l.workspace, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; i < l.n_attempts; i++)
		free(l.attempt[i].what);
	free(l.attempt);
	return r;
}
