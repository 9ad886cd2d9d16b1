/*
 * What a profile's lists mean on this host: a sorted table of trees, each
 * resolved to where it really is. A symbolic link on the way becomes a
 * symbolic link in the box, and the tree is bound at its real place; so a path
 * works inside as it does outside, and nothing is bound under a name that
 * hides what it is. What is never inside is asked about the real place, after
 * all links.
 *
 * Of two grants, one inside the other, the inner one says what holds for its
 * tree. Only a path group adds nothing where an enclosing tree gives as much.
 */
#include "profiles/compile-internal.h"

#include "lib/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define GRANTS_MAX 256
#define LINKS_MAX 64 /* in the plan */
#define KNOWN_MAX 32
#define LINK_HOPS 40 /* MAXSYMLINKS of linux/namei.h */

/* Resolving */

struct walk {
	char cur[PATH_MAX];  /* resolved so far; "" is the root */
	char rest[PATH_MAX]; /* still to go, without leading slash */
	unsigned int hops;
	unsigned int group; /* access: what is enough for a group's path */
	bool covered;	    /* an enclosing grant gave that: not walked on */
	bool is_dir;
};

static int
add_link(struct builder *b, const char *at, const char *target)
{
	const struct plan_fs *f = b->links.data;
	struct plan_fs *link;

	for (size_t i = 0; i < b->links.n; i++)
		if (!strcmp(f[i].dst, at))
			return 0;
	link = build_push(b, &b->links, sizeof(*link), LINKS_MAX,
			  "symbolic links on the way to what it grants");
	if (!link)
		return -E2BIG;
	link->kind = PLAN_FS_SYMLINK;
	link->dst = build_copy(b, at, strlen(at));
	link->src = build_copy(b, target, strlen(target));
	return link->dst && link->src ? 0 : -ENOMEM;
}

/* Puts the link's target before what is still to go. */
static int
follow(struct walk *w, const char *target)
{
	char rest[PATH_MAX];
	const char *sep = *w->rest ? "/" : "";

	if (++w->hops > LINK_HOPS)
		return -ELOOP;
	if (*target == '/')
		w->cur[0] = '\0';
	target += strspn(target, "/");
	if (snprintf(rest, sizeof(rest), "%s%s%s", target, sep, w->rest) >=
	    (int)sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(w->rest, rest, strlen(rest) + 1);
	return 0;
}

/* Takes the next component off w->rest; 0 when there is none. */
static size_t
next_component(struct walk *w, char *name)
{
	const char *s = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(s, "/");

	if (n > NAME_MAX)
		n = NAME_MAX; /* lstat will say that there is no such file */
	memcpy(name, s, n);
	name[n] = '\0';
	s += n;
	s += strspn(s, "/");
	memmove(w->rest, s, strlen(s) + 1);
	return n;
}

/* Folders that were seen not to be links: /etc and /usr are met often. */
static bool
is_known(struct builder *b, const char *path)
{
	const char **v = b->known.data;

	for (size_t i = 0; i < b->known.n; i++)
		if (!strcmp(v[i], path))
			return true;
	return false;
}

static int
remember(struct builder *b, const struct walk *w)
{
	const char **v;

	if (!*w->rest || b->known.n == KNOWN_MAX)
		return 0;
	v = build_push(b, &b->known, sizeof(*v), KNOWN_MAX, "folders");
	if (v)
		*v = build_copy(b, w->cur, strlen(w->cur));
	return v && *v ? 0 : -ENOMEM;
}

/* Is what w leads to part of a tree that is granted already? */
static bool
is_granted(const struct builder *b, const struct walk *w)
{
	const struct grant *g = b->grants.data;
	size_t n = strlen(w->cur);

	for (size_t i = 0; i < b->grants.n; i++) {
		size_t len = strlen(g[i].src);

		if ((g[i].flags & w->group) != w->group ||
		    strcmp(g[i].src, g[i].dst) || strstr(w->rest, ".."))
			continue;
		if (len <= n ? path_within(w->cur, g[i].src)
			     : !strncmp(w->cur, g[i].src, n) &&
				       path_within(w->rest, g[i].src + n + 1))
			return true;
	}
	return false;
}

static int
walk_component(struct builder *b, struct walk *w, const char *name, bool links)
{
	char target[PATH_MAX];
	size_t n = strlen(w->cur);
	ssize_t len;
	int r;

	if (!strcmp(name, "."))
		return 0;
	if (!strcmp(name, "..")) {
		char *slash = strrchr(w->cur, '/');

		if (slash)
			*slash = '\0';
		w->covered = w->group && is_granted(b, w);
		return 0;
	}
	if (n + strlen(name) + 2 > sizeof(w->cur))
		return -ENAMETOOLONG;
	w->cur[n] = '/';
	memcpy(w->cur + n + 1, name, strlen(name) + 1);
	if (is_known(b, w->cur))
		return 0;
	len = readlinkat(AT_FDCWD, w->cur, target, sizeof(target) - 1);
	if (len < 0)
		return errno == EINVAL ? remember(b, w) : -errno;
	target[len] = '\0';
	r = links ? add_link(b, w->cur, target) : 0;
	w->cur[n] = '\0';
	if (r >= 0)
		r = follow(w, target);
	w->covered = r >= 0 && w->group && is_granted(b, w);
	return r;
}

/* Where path really is, in w->cur. links: records the links on the way. group:
 * the access that a path group asks for, else 0.
 * -ENOENT, -ENOTDIR, -EACCES, -ELOOP as the host says. */
static int
walk_path(struct builder *b, const char *path, bool links, unsigned int group,
	  struct walk *w)
{
	char name[NAME_MAX + 1];
	struct stat st;
	int r = 0;

	w->cur[0] = '\0';
	w->hops = 0;
	w->group = group;
	w->covered = w->is_dir = false;
	if (snprintf(w->rest, sizeof(w->rest), "%s", path) >=
	    (int)sizeof(w->rest))
		return -ENAMETOOLONG;
	while (r >= 0 && !w->covered && next_component(w, name))
		r = walk_component(b, w, name, links);
	/* A group names what distributions ship: no need to ask what it is. */
	if (r < 0 || w->group)
		return r;
	if (lstat(*w->cur ? w->cur : "/", &st) < 0)
		return -errno;
	w->is_dir = S_ISDIR(st.st_mode);
	return S_ISDIR(st.st_mode) || S_ISREG(st.st_mode) ? 0 : -ENOTSUP;
}

static bool
is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR;
}

/* Adding */

static int
add_grant(struct builder *b, const char *src, const char *dst,
	  unsigned int flags)
{
	struct grant *g = b->grants.data;
	size_t i;

	for (i = 0; i < b->grants.n; i++) {
		if (!strcmp(g[i].dst, dst)) {
			/* An author's word about it outweighs a group's. */
			unsigned int group = GRANT_GROUP | GRANT_COPY;
			unsigned int both = g[i].flags & flags & group;

			g[i].flags = ((g[i].flags | flags) & ~group) | both;
			return 0;
		}
	}
	g = build_push(b, &b->grants, sizeof(*g), GRANTS_MAX, "paths");
	if (!g)
		return -E2BIG;
	g->src = build_copy(b, src, strlen(src));
	g->dst = src == dst ? g->src : build_copy(b, dst, strlen(dst));
	g->flags = flags;
	return g->src && g->dst ? 0 : -ENOMEM;
}

/* One path of a group. What turns out to lead to something refused is skipped:
 * the group's author could not know this host's links. */
static int
add_group_path(struct builder *b, const char *path, unsigned int flags)
{
	struct walk w;
	size_t links = b->links.n;
	const char *why;
	int r = walk_path(b, path, true, flags & GRANT_ACCESS, &w);

	if (r == -E2BIG || r == -ENOMEM)
		return r;
	if (r >= 0 && w.covered)
		return 0;
	why = r < 0 ? NULL : paths_refused_home(w.cur, b->home);
	if (why && !strcmp(w.cur, path))
		return err_set(b->e, -EPERM, "a path group in %s: \"%s\" %s",
			       b->r->sets_dir, path, why);
	if (r < 0 || why) {
		b->links.n = links;
		return 0;
	}
	return add_grant(b, w.cur, w.cur, flags | GRANT_GROUP | GRANT_DIR);
}

/* "/etc/java-*": every entry of the folder that begins so. */
static int
add_group_glob(struct builder *b, const char *pattern, unsigned int flags)
{
	const char *name = strrchr(pattern, '/') + 1;
	size_t n = strlen(name) - 1;
	char path[PATH_MAX];
	DIR *d;
	int r = 0;

	if (snprintf(path, sizeof(path), "%.*s", (int)(name - pattern - 1),
		     pattern) >= (int)sizeof(path))
		return 0;
	d = opendir(*path ? path : "/");
	for (struct dirent *de; d && r >= 0 && (de = readdir(d));) {
		if (strncmp(de->d_name, name, n) || *de->d_name == '.')
			continue;
		if (snprintf(path, sizeof(path), "%.*s%s",
			     (int)(name - pattern), pattern,
			     de->d_name) < (int)sizeof(path))
			r = add_group_path(b, path, flags);
	}
	if (d)
		closedir(d);
	return r;
}

static int
add_group(struct builder *b, const char *name, unsigned int access,
	  const char *pointer)
{
	struct path_group g;
	struct err why = ERR_INIT;
	int r = path_group_read(b->r->sets_dir, name, &g, &why);

	if (r == -ENOENT)
		return profile_fail(b->p, b->e, r, pointer, "%s", why.text);
	if (r < 0)
		return err_set(b->e, r, "%s", why.text);
	for (size_t i = 0; i < g.n && r >= 0; i++) {
		unsigned int flags = GRANT_READ;

		if (g.line[i].exec)
			flags |= access & GRANT_EXEC;
		if (g.line[i].copy)
			flags |= GRANT_COPY;
		if (strchr(g.line[i].path, '*'))
			r = add_group_glob(b, g.line[i].path, flags);
		else
			r = add_group_path(b, g.line[i].path, flags);
	}
	path_group_done(&g);
	return r;
}

/* "~/x" of the host is BOX_HOME/x of the box: programs look for their files
 * below HOME. */
static int
add_home_path(struct builder *b, const char *path, unsigned int flags,
	      const char *pointer)
{
	char host[PATH_MAX], inside[PATH_MAX];
	const char *why;
	struct walk w;
	int r;

	if (!b->home)
		return 0;
	if (snprintf(host, sizeof(host), "%s%s", b->home, path + 1) >=
		    (int)sizeof(host) ||
	    snprintf(inside, sizeof(inside), BOX_HOME "%s", path + 1) >=
		    (int)sizeof(inside))
		return profile_fail(b->p, b->e, -ENAMETOOLONG, pointer,
				    "too long below this home");
	r = walk_path(b, host, false, 0, &w);
	if (is_missing(r))
		return 0;
	if (r < 0)
		return profile_fail(b->p, b->e, r, pointer, "\"%s\": %s", host,
				    strerror(-r));
	why = paths_refused_home(w.cur, b->home);
	if (why)
		return profile_fail(b->p, b->e, -EPERM, pointer,
				    "\"%s\" is really \"%s\", which %s", path,
				    w.cur, why);
	return add_grant(b, w.cur, inside, flags | (w.is_dir ? GRANT_DIR : 0));
}

static int
add_path(struct builder *b, const char *path, unsigned int flags,
	 const char *pointer)
{
	size_t links = b->links.n;
	const char *why;
	struct walk w;
	int r = walk_path(b, path, true, 0, &w);

	if (is_missing(r)) {
		b->links.n = links;
		return 0;
	}
	if (r == -ENOTSUP)
		return profile_fail(b->p, b->e, r, pointer,
				    "\"%s\" is neither a file nor a folder; "
				    "sockets and devices are never inside",
				    path);
	if (r < 0)
		return profile_fail(b->p, b->e, r, pointer, "\"%s\": %s", path,
				    strerror(-r));
	why = paths_refused_home(w.cur, b->home);
	if (why && strcmp(w.cur, path))
		return profile_fail(b->p, b->e, -EPERM, pointer,
				    "\"%s\" is really \"%s\", which %s", path,
				    w.cur, why);
	if (why)
		return profile_fail(b->p, b->e, -EPERM, pointer, "\"%s\" %s",
				    path, why);
	return add_grant(b, w.cur, w.cur, flags | (w.is_dir ? GRANT_DIR : 0));
}

static int
add_list(struct builder *b, const struct strv *list, const char *name,
	 unsigned int flags)
{
	char pointer[64];
	int r = 0;

	for (size_t i = 0; i < list->n && r >= 0; i++) {
		const char *path = list->v[i];

		snprintf(pointer, sizeof(pointer), "/files/%s/%zu", name, i);
		if (*path == '@')
			r = add_group(b, path + 1, flags, pointer);
		else if (*path == '~')
			r = add_home_path(b, path, flags, pointer);
		else
			r = add_path(b, path, flags, pointer);
	}
	return r;
}

/* The workspace */

static int
refuse_workspace(struct builder *b, const char *why)
{
	char shown[512];

	err_set(b->e, -EPERM, "the workspace \"%s\" %s",
		str_escape(b->r->workspace, shown, sizeof(shown)), why);
	return err_cure(b->e, "choose a folder of the project itself with "
			      "--workspace, or start agentbox in one");
}

static int
add_workspace(struct builder *b)
{
	unsigned int flags = GRANT_READ | GRANT_WORKSPACE | GRANT_DIR;
	const char *ws = b->r->workspace, *why;
	struct walk w;
	int r;

	if (!ws || b->p->files.workspace == ACCESS_NONE)
		return 0;
	if (!str_is_clean_path(ws))
		return refuse_workspace(b, "is not a clean absolute path");
	why = paths_refused_workspace(ws, b->home);
	if (why)
		return refuse_workspace(b, why);
	r = walk_path(b, ws, false, 0, &w);
	if (r < 0 || !w.is_dir)
		return refuse_workspace(b, r < 0 ? strerror(-r)
						 : "is not a folder");
	if (strcmp(w.cur, ws))
		return refuse_workspace(b, "leads through a symbolic link");
	if (b->p->files.workspace == ACCESS_WRITE)
		flags |= GRANT_WRITE;
	if (b->p->files.workspace_exec)
		flags |= GRANT_EXEC;
	return add_grant(b, ws, ws, flags);
}

/* Sorting: by dst, so that what encloses comes before what it encloses (a
 * prefix is always less). */

static int
by_dst(const void *x, const void *y)
{
	const struct grant *a = x, *c = y;

	return strcmp(a->dst, c->dst);
}

/* Do both lead to the same place for everything below the inner one? */
static bool
same_tree(const struct grant *outer, const struct grant *inner)
{
	size_t n = strlen(outer->dst);

	return path_within(inner->src, outer->src) &&
	       !strcmp(inner->src + strlen(outer->src), inner->dst + n);
}

/* Would binding inner change nothing, or take away only what a group must
 * not take away? */
static bool
is_covered(const struct grant *outer, const struct grant *inner)
{
	unsigned int has = outer->flags & GRANT_ACCESS;
	unsigned int wants = inner->flags & GRANT_ACCESS;

	if (!same_tree(outer, inner))
		return false;
	if (inner->flags & GRANT_GROUP)
		return (has & wants) == wants;
	return has == wants && !(outer->flags & GRANT_GROUP);
}

static void
merge_grants(struct builder *b)
{
	struct grant *g = b->grants.data;
	size_t kept = 0;

	if (!b->grants.n)
		return;
	qsort(g, b->grants.n, sizeof(*g), by_dst);
	for (size_t i = 0; i < b->grants.n; i++) {
		size_t j = kept;

		while (j-- > 0 && !path_within(g[i].dst, g[j].dst))
			;
		if (j == SIZE_MAX || !is_covered(&g[j], &g[i]))
			g[kept++] = g[i];
	}
	b->grants.n = kept;
}

const struct grant *
build_grant_of(const struct builder *b, const char *dst)
{
	const struct grant *g = b->grants.data;

	for (size_t i = b->grants.n; i-- > 0;)
		if (path_within(dst, g[i].dst))
			return &g[i];
	return NULL;
}

int
build_grants(struct builder *b)
{
	const struct profile *p = b->p;
	int r = add_list(b, &p->files.exec, "exec", GRANT_READ | GRANT_EXEC);

	if (r >= 0)
		r = add_list(b, &p->files.read, "read", GRANT_READ);
	if (r >= 0)
		r = add_list(b, &p->files.write, "write",
			     GRANT_READ | GRANT_WRITE);
	if (r >= 0)
		r = add_workspace(b);
	if (r >= 0)
		merge_grants(b);
	return r;
}
