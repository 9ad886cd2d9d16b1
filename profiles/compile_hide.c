/*
 * What is hidden inside trees that are granted: the entries of the list of
 * what is never inside, what looks like them at the top of a workspace, what
 * the profile denies, and the files of /proc that tell about the host. A mask
 * is an empty file or folder on top; it comes after everything else, so
 * nothing uncovers it.
 *
 * Only what exists now is masked. A file of such a name that the agent makes
 * later is its own.
 */
#include "profiles/compile-internal.h"

#include "lib/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int
mask(struct builder *b, const char *dst, const char *rest)
{
	const struct plan_fs *f = b->fs.data;
	const char *path = build_printf(b, "%s%s", dst, rest);

	if (!path)
		return -ENAMETOOLONG;
	for (size_t i = b->fs.n; i-- > 0 && f[i].kind == PLAN_FS_MASK;)
		if (!strcmp(f[i].dst, path))
			return 0;
	return build_step(b, (struct plan_fs){ .kind = PLAN_FS_MASK,
					       .dst = path });
}

/* A link needs no mask: it leads only to what is granted anyway. */
static bool
is_there(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       !S_ISLNK(st.st_mode);
}

/* /proc: what an ordinary reader learns there about the host beyond numbers.
 * Everything else of the kind can be read by the host's root only, or is gone
 * from the kernels that we run on. */
static int
mask_proc(struct builder *b)
{
	static const char *const files[] = {
		/* Addresses of the kernel, where perf_event_paranoid is low. */
		"/proc/kallsyms",
		/* The caller's keys, by their descriptions. */
		"/proc/keys",
		/* Every process of the host, before Linux 5.13. */
		"/proc/sched_debug",
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files) && r >= 0; i++)
		if (is_there(AT_FDCWD, files[i]))
			r = mask(b, files[i], "");
	return r;
}

/* Never inside */

struct hide {
	struct builder *b;
	const struct grant *g;
};

static int
mask_in_grant(const struct hide *h, const char *src)
{
	return mask(h->b, h->g->dst, src + strlen(h->g->src));
}

/* "/x/name*": every entry of /x that begins so. */
static int
hide_glob(const struct hide *h, const char *pattern)
{
	const char *name = strrchr(pattern, '/') + 1;
	size_t n = strlen(name) - 1;
	char path[PATH_MAX];
	DIR *d;
	int r = 0;

	snprintf(path, sizeof(path), "%.*s", (int)(name - pattern), pattern);
	d = opendir(path);
	for (struct dirent *de; d && r >= 0 && (de = readdir(d));) {
		if (strncmp(de->d_name, name, n) || !strcmp(de->d_name, ".") ||
		    !strcmp(de->d_name, ".."))
			continue;
		if (snprintf(path, sizeof(path), "%.*s%s",
			     (int)(name - pattern), pattern, de->d_name) >=
		    (int)sizeof(path))
			continue;
		if (is_there(AT_FDCWD, path))
			r = mask_in_grant(h, path);
	}
	if (d)
		closedir(d);
	return r;
}

static int
hide_pattern(const char *pattern, void *arg)
{
	const struct hide *h = arg;

	if (strchr(pattern, '*'))
		return hide_glob(h, pattern);
	if (!is_there(AT_FDCWD, pattern))
		return 0;
	return mask_in_grant(h, pattern);
}

/* The top of a workspace while its entries are looked for. */
struct top {
	int dir;
	const char *absent[8]; /* first components that are not there */
	size_t n;
};

/* rest ("/.config/gh"): can it be there at all? Asks the host once for each
 * first component that several entries share. */
static bool
may_be_there(struct top *t, const char *rest)
{
	size_t len = strcspn(rest + 1, "/");
	char first[NAME_MAX + 1];

	if (!rest[len + 1])
		return true;
	for (size_t i = 0; i < t->n; i++)
		if (!strncmp(t->absent[i], rest, len + 2))
			return false;
	snprintf(first, sizeof(first), "%.*s", (int)len, rest + 1);
	if (faccessat(t->dir, first, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	if (t->n < ARRAY_SIZE(t->absent))
		t->absent[t->n++] = rest;
	return false;
}

/* A workspace that looks like a home in places: somebody keeps a home, or a
 * copy of one, under version control. */
static int
hide_in_workspace(struct builder *b, const struct grant *g)
{
	_cleanup_close_ int dir = open(g->src, O_PATH | O_DIRECTORY |
						       O_CLOEXEC);
	struct hide h = { .b = b, .g = g };
	struct top top = { .dir = dir };
	char path[PATH_MAX];
	int r = 0;

	if (dir < 0)
		return err_sys(b->e, -errno, "%s", g->src);
	for (const struct never *n = paths_never; n->path && r >= 0; n++) {
		const char *rest = n->path + 1; /* after the "~" */

		if (!(n->flags & NEVER_IN_WORKSPACE) ||
		    !may_be_there(&top, rest))
			continue;
		if (strchr(rest, '*')) {
			if (snprintf(path, sizeof(path), "%s%s", g->src,
				     rest) < (int)sizeof(path))
				r = hide_glob(&h, path);
		} else if (is_there(dir, rest + 1)) {
			r = mask(b, g->dst, rest);
		}
	}
	return r;
}

static int
hide_never(struct builder *b)
{
	const struct grant *g = b->grants.data;
	int r = 0;

	for (size_t i = 0; i < b->grants.n && r >= 0; i++) {
		struct hide h = { .b = b, .g = &g[i] };

		if (!(g[i].flags & GRANT_DIR))
			continue;
		r = paths_never_below(g[i].src, b->r->home, hide_pattern, &h);
		if (r >= 0 && g[i].flags & GRANT_WORKSPACE)
			r = hide_in_workspace(b, &g[i]);
	}
	return r;
}

/* Denied by the profile */

/* Hides real wherever a grant shows it, and grants that lie in it. */
static int
deny_real(struct builder *b, const char *real)
{
	const struct grant *g = b->grants.data;
	int r = 0;

	if (path_within(real, "/proc"))
		return mask(b, real, "");
	for (size_t i = 0; i < b->grants.n && r >= 0; i++) {
		if (path_within(real, g[i].src))
			r = mask(b, g[i].dst, real + strlen(g[i].src));
		else if (path_within(g[i].src, real))
			r = mask(b, g[i].dst, "");
	}
	return r;
}

static int
deny_path(struct builder *b, const char *path)
{
	char host[PATH_MAX], real[PATH_MAX];

	if (*path == '~') {
		if (!b->r->home || snprintf(host, sizeof(host), "%s%s",
					    b->r->home, path + 1) >=
					   (int)sizeof(host))
			return 0;
		path = host;
	}
	return realpath(path, real) ? deny_real(b, real) : 0;
}

static int
deny_group(struct builder *b, const char *name, size_t index)
{
	struct err why = ERR_INIT;
	struct path_group g;
	char pointer[64];
	int r = path_group_read(b->r->sets_dir, name, &g, &why);

	snprintf(pointer, sizeof(pointer), "/files/deny/%zu", index);
	if (r < 0)
		return profile_fail(b->p, b->e, r, pointer, "%s", why.text);
	for (size_t i = 0; i < g.n && r >= 0; i++)
		r = deny_path(b, g.line[i].path);
	path_group_done(&g);
	return r;
}

static int
hide_denied(struct builder *b)
{
	const struct strv *deny = &b->p->files.deny;
	int r = 0;

	for (size_t i = 0; i < deny->n && r >= 0; i++)
		r = deny->v[i][0] == '@' ? deny_group(b, deny->v[i] + 1, i)
					 : deny_path(b, deny->v[i]);
	return r;
}

int
build_masks(struct builder *b)
{
	int r = mask_proc(b);

	if (r >= 0)
		r = hide_never(b);
	if (r >= 0)
		r = hide_denied(b);
	return r;
}
