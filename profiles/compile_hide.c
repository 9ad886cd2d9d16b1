/*
 * What is hidden inside trees that are granted: the entries of the list of
 * what is never inside, what looks like them at the top of a workspace, what
 * the profile denies, sockets of the host (compile_socket.c), and the files of
 * /proc that tell about the host. A mask
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

int
build_mask(struct builder *b, const char *dst, const char *rest)
{
	const struct plan_fs *f = b->fs.data;
	const char *path = build_printf(b, "%s%s", dst, rest);

	if (!path)
		return -ENAMETOOLONG;
	for (size_t i = b->fs.n; i-- > 0 && f[i].kind == PLAN_FS_MASK;)
		if (!strcmp(f[i].dst, path))
			return 0;
	return build_step(
		b, (struct plan_fs){ .kind = PLAN_FS_MASK, .dst = path });
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
 * The rest of the kind can be read by the host's root only, or went to debugfs
 * before the oldest kernel that we run on. */
static int
mask_proc(struct builder *b)
{
	/* Addresses of the kernel, where perf_event_paranoid is low. */
	int r = build_mask(b, "/proc/kallsyms", "");

	/* The caller's keys, by their descriptions. */
	return r < 0 ? r : build_mask(b, "/proc/keys", "");
}

/* Never inside */

struct hide {
	struct builder *b;
	const struct grant *g;
};

static int
mask_in_grant(const struct hide *h, const char *src)
{
	return build_mask(h->b, h->g->dst, src + strlen(h->g->src));
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
			     (int)(name - pattern), pattern,
			     de->d_name) >= (int)sizeof(path))
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

/* One entry of the table, of which the first component is there. */
static int
hide_entry(const struct hide *h, const char *rest)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s", h->g->src, rest) >=
	    (int)sizeof(path))
		return 0;
	return hide_pattern(path, (void *)(uintptr_t)h);
}

/* Everything in the table that begins with the component name; any: NULL. */
static int
hide_component(const struct hide *h, const char *name)
{
	size_t n = name ? strlen(name) : 0;
	int r = 0;

	for (const struct never *e = paths_never; e->path && r >= 0; e++) {
		const char *first = e->path + 2; /* after "~/" */

		if (!(e->flags & NEVER_IN_WORKSPACE))
			continue;
		if (!name || (!strncmp(first, name, n) &&
			      (first[n] == '/' || !first[n])))
			r = hide_entry(h, e->path + 1);
	}
	return r;
}

#define LIST_ROUNDS 8

/* Hides what a buffer of directory entries names. */
static int
hide_listed(const struct hide *h, const char *buf, ssize_t n)
{
	int r = 0;

	for (ssize_t at = 0; at < n && r >= 0;) {
		const struct dirent64 *de = (const void *)(buf + at);

		if (de->d_name[0] == '.')
			r = hide_component(h, de->d_name);
		at += de->d_reclen;
	}
	return r;
}

/* A workspace that looks like a home in places: somebody keeps a home, or a
 * copy of one, under version control. To list a folder of ordinary size is
 * cheaper than to ask for each name of the table; a large one is asked. */
static int
hide_in_workspace(const struct hide *h)
{
	_cleanup_close_ int dir =
		open(h->g->src, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buf[4096] __attribute__((aligned(8)));
	ssize_t n = 1;
	int r = 0;

	for (int i = 0; i < LIST_ROUNDS && dir >= 0 && n > 0 && r >= 0; i++) {
		n = getdents64(dir, buf, sizeof(buf));
		r = hide_listed(h, buf, n);
	}
	return r < 0 || n == 0 ? r : hide_component(h, NULL);
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
		r = paths_never_below(g[i].src, b->home, hide_pattern, &h);
		if (r >= 0 && g[i].flags & GRANT_WORKSPACE)
			r = hide_in_workspace(&h);
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
		return build_mask(b, real, "");
	for (size_t i = 0; i < b->grants.n && r >= 0; i++) {
		if (path_within(real, g[i].src))
			r = build_mask(b, g[i].dst, real + strlen(g[i].src));
		else if (path_within(g[i].src, real))
			r = build_mask(b, g[i].dst, "");
	}
	return r;
}

static int
deny_path(struct builder *b, const char *path)
{
	char host[PATH_MAX], real[PATH_MAX];

	if (*path == '~') {
		if (!b->home || snprintf(host, sizeof(host), "%s%s", b->home,
					 path + 1) >= (int)sizeof(host))
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
	if (r >= 0)
		r = build_socket_masks(b);
	return r;
}
