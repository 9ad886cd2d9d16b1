/*
 * Which control groups may this process use? The answer depends on what is
 * mounted, where we stand and what we may write; all of it comes in through
 * struct cgroup_view, so that the decision can be tested on texts that were
 * recorded on hosts of every kind. Nothing here touches the host.
 */
#include "sandbox/cgroup-internal.h"

#include "lib/str.h"

#include <string.h>

static const char *const v1_names[CGROUP_V1_MAX] = {
	[CGROUP_V1_MEMORY] = "memory",
	[CGROUP_V1_PIDS] = "pids",
	[CGROUP_V1_CPU] = "cpu",
	[CGROUP_V1_BLKIO] = "blkio",
};

/* A mounted hierarchy. */
struct mount {
	char root[CGROUP_DIR_MAX];  /* the group that is mounted; "" is "/" */
	char point[CGROUP_DIR_MAX]; /* where */
	bool there, rdonly;
};

struct mounts {
	struct mount v2, v1[CGROUP_V1_MAX];
};

/* Is item one of the comma separated words of list[0..len)? */
static bool
list_has(const char *list, size_t len, const char *item)
{
	size_t n = strlen(item);

	for (size_t i = 0; i + n <= len; i++) {
		if ((i == 0 || list[i - 1] == ',') &&
		    !strncmp(list + i, item, n) &&
		    (i + n == len || list[i + n] == ','))
			return true;
	}
	return false;
}

/* Copies a field of mountinfo, undoing its octal escapes (proc(5)). */
static int
unescape(const char *s, size_t len, char *ret, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '\\' && i + 3 < len) {
			c = (char)((s[i + 1] - '0') << 6 |
				   (s[i + 2] - '0') << 3 | (s[i + 3] - '0'));
			i += 3;
		}
		if (n + 1 >= size)
			return -ENAMETOOLONG;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return 0;
}

struct field {
	const char *s;
	size_t len;
};

/* The fields of one line of mountinfo that we use. */
struct mount_line {
	struct field root, point, opts, type, super;
};

static struct field
next_field(const char **p)
{
	struct field f;

	*p += strspn(*p, " ");
	f.s = *p;
	f.len = strcspn(*p, " \n");
	*p += f.len;
	return f;
}

/* proc(5): id parent maj:min root point opts [optional...] - type src super */
static int
parse_line(const char *p, struct mount_line *ret)
{
	struct field f;

	for (int i = 0; i < 3; i++)
		next_field(&p);
	ret->root = next_field(&p);
	ret->point = next_field(&p);
	ret->opts = next_field(&p);
	do {
		f = next_field(&p);
		if (!f.len)
			return -EINVAL;
	} while (f.len != 1 || f.s[0] != '-');
	ret->type = next_field(&p);
	next_field(&p);
	ret->super = next_field(&p);
	return ret->type.len ? 0 : -EINVAL;
}

/* The usual place wins over others; of two mounts on one place, the last. */
static void
mount_take(struct mount *m, const struct mount_line *l)
{
	struct mount n = { .there = true };

	if (unescape(l->root.s, l->root.len, n.root, sizeof(n.root)) < 0 ||
	    unescape(l->point.s, l->point.len, n.point, sizeof(n.point)) < 0)
		return;
	if (!strcmp(n.root, "/"))
		n.root[0] = '\0';
	if (m->there && strcmp(m->point, n.point) != 0 &&
	    (str_starts(m->point, "/sys/fs/cgroup") ||
	     !str_starts(n.point, "/sys/fs/cgroup")))
		return;
	n.rdonly = list_has(l->opts.s, l->opts.len, "ro") ||
		   list_has(l->super.s, l->super.len, "ro");
	*m = n;
}

static void
mounts_parse(const char *text, struct mounts *ret)
{
	struct mount_line l;

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		if (parse_line(text, &l) < 0)
			continue;
		if (l.type.len == 7 && !strncmp(l.type.s, "cgroup2", 7)) {
			mount_take(&ret->v2, &l);
			continue;
		}
		if (l.type.len != 6 || strncmp(l.type.s, "cgroup", 6) != 0)
			continue;
		for (int i = 0; i < CGROUP_V1_MAX; i++)
			if (list_has(l.super.s, l.super.len, v1_names[i]))
				mount_take(&ret->v1[i], &l);
	}
}

/* The line of /proc/PID/cgroup for a controller; NULL is the v2 line. */
static struct field
group_line(const char *text, const char *controller)
{
	struct field path = { NULL, 0 };

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		const char *c = text + strcspn(text, ":\n"), *p;

		if (*c != ':')
			continue;
		c++;
		p = c + strcspn(c, ":\n");
		if (*p != ':')
			continue;
		if (controller ? !list_has(c, (size_t)(p - c), controller)
			       : (p != c || strncmp(text, "0:", 2) != 0))
			continue;
		path.s = ++p;
		path.len = strcspn(p, "\n");
		break;
	}
	return path;
}

bool
cgroup_is_member(const char *text, const char *controller, const char *rel)
{
	struct field f = group_line(text, controller);

	return f.s && f.len == strlen(rel) && !strncmp(f.s, rel, f.len);
}

int
cgroup_own_path(const char *text, char *ret, size_t size)
{
	struct field f = group_line(text, NULL);

	if (!f.s)
		return -ENOENT;
	if (f.len >= size)
		return -ENAMETOOLONG;
	memcpy(ret, f.s, f.len);
	ret[f.len] = '\0';
	return 0;
}

/* a + b + c, false if it does not fit. */
static bool
join(char *ret, const char *a, const char *b, const char *c)
{
	int n = snprintf(ret, CGROUP_DIR_MAX, "%s%s%s", a, b, c);

	return n >= 0 && n < CGROUP_DIR_MAX;
}

/* Root, or whoever was given a place by name: the top of the hierarchy. */
static bool
find_v2_top(struct cgroup_host *h, const struct cgroup_view *v,
	    const struct mount *m, bool controllers)
{
	const char *parent = v->parent ? v->parent : "";
	const char *sub = controllers ? "/" CGROUP_PARENT : "";

	if (v->own || (v->uid != 0 && !v->parent))
		return false;
	if (!join(h->v2_top, m->point, parent, "") ||
	    !join(h->v2_dir, m->point, parent, sub) ||
	    !join(h->v2_rel, m->root, parent, sub))
		return false;
	/* A named place may have to be made first. */
	return v->writable(h->v2_top, true, v->arg) ||
	       (v->parent && v->writable(m->point, true, v->arg));
}

/* Where our own group is on the mount; ret_rel as /proc/self/cgroup has it. */
static bool
own_group(const struct cgroup_view *v, const struct mount *m, char *ret_dir,
	  char *ret_rel)
{
	size_t n = strlen(m->root);

	if (cgroup_own_path(v->self, ret_rel, CGROUP_DIR_MAX) < 0)
		return false;
	if (!strcmp(ret_rel, "/"))
		ret_rel[0] = '\0';
	if (strncmp(ret_rel, m->root, n) != 0 ||
	    (ret_rel[n] != '/' && ret_rel[n] != '\0'))
		return false; /* mounted from somewhere else */
	return join(ret_dir, m->point, ret_rel + n, "");
}

/*
 * The topmost group on the way down to ours that we may change. It must be on
 * our way: the kernel asks for write access to cgroup.procs of the common
 * ancestor of where a process is and where it goes (cgroups(7), delegation).
 */
static bool
find_v2_delegated(struct cgroup_host *h, const struct cgroup_view *v,
		  const struct mount *m, bool controllers)
{
	char dir[CGROUP_DIR_MAX], rel[CGROUP_DIR_MAX];
	size_t start = strlen(m->point), len, skip;
	const char *sub;

	if (!own_group(v, m, dir, rel))
		return false;
	skip = strlen(rel) - (strlen(dir) - start);
	for (len = v->own ? strlen(dir) : start;;) {
		char save = dir[len];

		dir[len] = '\0';
		if (v->writable(dir, true, v->arg))
			break;
		dir[len] = save;
		if (!save)
			return false;
		len += 1 + strcspn(dir + len + 1, "/");
	}
	/* In our very own group there is no room for a parent beside us: the
	 * supervisor steps down into a leaf instead (cgroup_v2_enable()). */
	sub = controllers && rel[len - start + skip] ? "/" CGROUP_PARENT : "";
	rel[len - start + skip] = '\0';
	return join(h->v2_top, dir, "", "") && join(h->v2_dir, dir, sub, "") &&
	       join(h->v2_rel, rel, sub, "");
}

/* Where the user's systemd has its groups: what it can give is read there. */
static bool
find_scope(struct cgroup_host *h, const struct cgroup_view *v,
	   const struct mount *m)
{
	int n;

	if (!v->systemd || v->uid == 0 || !m->there)
		return false;
	n = snprintf(h->v2_top, sizeof(h->v2_top),
		     "%s/user.slice/user-%u.slice/user@%u.service", m->point,
		     (unsigned int)v->uid, (unsigned int)v->uid);
	return n >= 0 && (size_t)n < sizeof(h->v2_top);
}

static bool
find_v1(struct cgroup_host *h, const struct cgroup_view *v,
	const struct mounts *m)
{
	const char *parent = v->parent ? v->parent : "";
	bool any = false;

	for (int i = 0; v->uid == 0 && i < CGROUP_V1_MAX; i++) {
		const struct mount *mi = &m->v1[i];

		if (!mi->there || !v->writable(mi->point, false, v->arg))
			continue;
		if (!join(h->v1_dir[i], mi->point, parent, "") ||
		    !join(h->v1_rel[i], mi->root, parent, "")) {
			h->v1_dir[i][0] = '\0';
			continue;
		}
		any = true;
	}
	return any;
}

static void
say(struct cgroup_host *h, const char *why, const char *cure)
{
	snprintf(h->why, sizeof(h->why), "%s", why);
	snprintf(h->cure, sizeof(h->cure), "%s", cure);
}

static void
explain_none(struct cgroup_host *h, const struct cgroup_view *v,
	     const struct mounts *m, bool v1)
{
	if (!m->v2.there && !v1)
		say(h, "no cgroup file system is mounted",
		    "mount -t cgroup2 none /sys/fs/cgroup");
	else if (m->v2.there ? m->v2.rdonly : m->v1[0].rdonly)
		say(h,
		    "the cgroup file system is mounted read-only, as in a "
		    "container",
		    "start the container with a writable cgroup file system "
		    "of its own, or run agentbox outside of it");
	else if (v->uid == 0)
		say(h, "the cgroup file system cannot be written",
		    "run agentbox as root of the host, or set "
		    "AGENTBOX_CGROUP_PARENT to a group that was delegated");
	else if (v1)
		say(h, "the host uses cgroup v1, which only root may use",
		    "boot with systemd.unified_cgroup_hierarchy=1, or run "
		    "agentbox as root");
	else
		say(h, "no cgroup is delegated to this user",
		    "log in through PAM (ssh, login) or let root call "
		    "\"loginctl enable-linger USER\" and set XDG_RUNTIME_DIR");
}

void
cgroup_find(struct cgroup_host *h, const struct cgroup_view *v)
{
	struct mounts m = { 0 };
	bool v1 = false;

	memset(h, 0, sizeof(*h));
	mounts_parse(v->mountinfo, &m);
	for (int i = 0; i < CGROUP_V1_MAX; i++)
		v1 = v1 || m.v1[i].there;
	if (!m.v2.there || (!find_v2_top(h, v, &m.v2, !v1) &&
			    !find_v2_delegated(h, v, &m.v2, !v1)))
		h->v2_dir[0] = h->v2_rel[0] = h->v2_top[0] = '\0';
	if (find_v1(h, v, &m) || (v1 && h->v2_dir[0]))
		h->backend = CGROUP_HYBRID;
	else if (h->v2_dir[0])
		h->backend = CGROUP_V2;
	else if (find_scope(h, v, &m.v2))
		h->backend = CGROUP_SCOPE;
	else
		explain_none(h, v, &m, v1);
}
