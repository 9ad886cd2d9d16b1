/*
 * What the kernel lets a box do with files, as rules. They decide nothing for
 * real; explain, test and diff read them. What always holds: they never say
 * "allow" where an inner entry, a hidden path or the list of what is never
 * inside says no.
 */
#include "profiles/authority-internal.h"

#include "lib/str.h"
#include "profiles/compile.h"
#include "profiles/paths.h"
#include "profiles/trees.h"

#include <limits.h>
#include <string.h>

#define WORKSPACE "/$WORKSPACE"

/* Paths as patterns */

/* path, and "**" below it; what is special in a pattern is escaped. */
static int
add_globs(struct maker *m, struct rule_cond *c, const char *path)
{
	char glob[2 * PATH_MAX + 8];
	size_t n = 0;
	bool open = false;
	int r;

	for (const char *s = path; *s && n + 8 < sizeof(glob); s++) {
		open = *s == '*' && !s[1];
		if (strchr("*?\\", *s) && !open)
			glob[n++] = '\\';
		glob[n++] = *s;
	}
	glob[n] = '\0';
	if (n >= POLICY_TEXT_MAX - 4)
		return err_set(m->e, -ENAMETOOLONG, "%s: a path is too long",
			       m->p->path);
	r = make_string(m, c, glob);
	memcpy(glob + n, "/**", 4);
	return r < 0 ? r : make_string(m, c, glob);
}

int
make_path(struct maker *m, struct rule_cond *c, const char *path, bool any_home)
{
	static const char *const homes[] = { BOX_HOME, "/root" };
	char full[PATH_MAX + 32];
	int r = 0;

	if (*path != '~')
		return add_globs(m, c, path);
	for (size_t i = 0; i < (any_home ? 2 : 1) && r >= 0; i++) {
		snprintf(full, sizeof(full), "%s%s", homes[i], path + 1);
		r = add_globs(m, c, full);
	}
	if (r < 0 || !any_home)
		return r;
	/* Any user's: the name is one component. */
	snprintf(full, sizeof(full), "/home/*%s", path + 1);
	r = make_string(m, c, full);
	snprintf(full, sizeof(full), "/home/*%s/**", path + 1);
	return r < 0 ? r : make_string(m, c, full);
}

static const char *
inside(const char *path, char *buf, size_t size)
{
	if (*path != '~')
		return path;
	snprintf(buf, size, "%s%s", BOX_HOME, path + 1);
	return buf;
}

/* Rules */

/* The words of /access. */
static int
add_access(struct maker *m, struct rule *r, unsigned int access)
{
	struct rule_cond *c = make_cond(m, r, OP_IN, "/access");
	int ret = c ? 0 : -ENOMEM;

	if (ret >= 0 && access & TREE_READ)
		ret = make_string(m, c, "read");
	if (ret >= 0 && access & TREE_EXEC)
		ret = make_string(m, c, "exec");
	if (ret >= 0 && access & TREE_WRITE)
		ret = make_string(m, c, "write");
	if (ret >= 0 && access & TREE_WRITE)
		ret = make_string(m, c, "delete");
	return ret;
}

static int
file_rule(struct maker *m, enum effect effect, const char *name,
	  const char *shown, unsigned int access, const char *because,
	  struct rule **ret, struct rule_cond **ret_path)
{
	*ret = make_rule(m, effect, ON(FILES), because, "files.%s:%s", name,
			 shown);
	if (!*ret || add_access(m, *ret, access) < 0)
		return -ENOMEM;
	*ret_path = make_cond(m, *ret, OP_GLOB, "/path");
	return *ret_path ? 0 : -ENOMEM;
}

/* One rule for a path; returns its number, since rules move. */
static int
allow_path(struct maker *m, const char *name, const char *shown,
	   const char *path, unsigned int access)
{
	struct rule_cond *c;
	struct rule *r;
	int ret = file_rule(m, EFFECT_ALLOW, name, shown, access, NULL, &r, &c);

	return ret < 0 ? ret : make_path(m, c, path, false);
}

static int
allow_group_lines(struct maker *m, const struct path_group *g, const char *list,
		  const char *shown, unsigned int access, bool exec)
{
	struct rule_cond *c = NULL;
	struct rule *r;
	char name[64];
	int ret = 0;

	/* Lines of a group that are data stay so in the list "exec". */
	snprintf(name, sizeof(name), "%s%s", list,
		 !exec && access & TREE_EXEC ? ".data" : "");
	if (!exec)
		access = TREE_READ;
	for (size_t i = 0; i < g->n && ret >= 0; i++) {
		if (access & TREE_EXEC && !g->line[i].exec)
			continue;
		if (!exec && strstr(name, ".data") && g->line[i].exec)
			continue;
		if (!c)
			ret = file_rule(m, EFFECT_ALLOW, name, shown, access,
					NULL, &r, &c);
		if (ret >= 0)
			ret = make_path(m, c, g->line[i].path, false);
	}
	return ret;
}

static int
allow_group(struct maker *m, const char *list, const char *shown,
	    unsigned int access)
{
	struct path_group g;
	int r;

	if (!m->env->sets_dir)
		return 0;
	r = path_group_read(m->env->sets_dir, shown + 1, &g, m->e);
	if (r < 0)
		return r;
	r = allow_group_lines(m, &g, list, shown, access, access & TREE_EXEC);
	if (r >= 0 && access & TREE_EXEC)
		r = allow_group_lines(m, &g, list, shown, access, false);
	path_group_done(&g);
	return r;
}

static int
allow_list(struct maker *m, const struct strv *list, const char *name,
	   unsigned int access)
{
	int r = 0;

	for (size_t i = 0; i < list->n && r >= 0; i++) {
		const char *s = list->v[i];
		size_t first = m->s->n_rules;

		r = *s == '@' ? allow_group(m, name, s, access)
			      : allow_path(m, name, s, s, access);
		for (; first < m->s->n_rules && r >= 0; first++)
			r = make_place(m, &m->s->rule[first], name, i);
	}
	return r;
}

/* Trees */

static unsigned int
workspace_access(const struct profile *p)
{
	unsigned int access = 0;

	if (p->files.workspace == ACCESS_NONE)
		return 0;
	access = TREE_READ;
	if (p->files.workspace == ACCESS_WRITE)
		access |= TREE_WRITE;
	return p->files.workspace_exec ? access | TREE_EXEC : access;
}

static const char *
workspace_name(const struct profile *p)
{
	return p->files.workspace == ACCESS_WRITE ? "write" : "read";
}

static unsigned int
scratch_access(const struct profile *p)
{
	return TREE_READ | TREE_WRITE |
	       (p->files.workspace_exec ? TREE_EXEC : 0);
}

/* What every box has of its own, beside the workspace. */
static const struct own {
	const char *path;
	unsigned int access; /* 0: scratch */
} own_trees[] = {
	{ "/tmp", 0 },
	{ BOX_HOME, 0 },
	{ "/var/tmp", 0 },
	{ "/dev/shm", TREE_READ | TREE_WRITE },
	{ "/dev", TREE_READ | TREE_WRITE },
	{ "/proc", TREE_READ },
};

static int
allow_own(struct maker *m)
{
	static const char *const made[] = {
		"/etc/passwd",	 "/etc/group",	       "/etc/hosts",
		"/etc/hostname", "/etc/nsswitch.conf", "/etc/resolv.conf"
	};
	struct rule_cond *c;
	struct rule *rule;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(own_trees) && r >= 0; i++) {
		unsigned int access = own_trees[i].access;

		r = allow_path(m, "own", own_trees[i].path, own_trees[i].path,
			       access ? access : scratch_access(m->p));
	}
	if (r >= 0 && workspace_access(m->p)) {
		r = allow_path(m, workspace_name(m->p), "$WORKSPACE", WORKSPACE,
			       workspace_access(m->p));
		if (r >= 0)
			r = make_place(m, &m->s->rule[m->s->n_rules - 1],
				       "workspace", SIZE_MAX);
	}
	if (r >= 0)
		r = file_rule(m, EFFECT_ALLOW, "own", "/etc", TREE_READ, NULL,
			      &rule, &c);
	for (size_t i = 0; i < ARRAY_SIZE(made) && r >= 0; i++)
		r = make_string(m, c, made[i]);
	return r;
}

int
make_trees(struct maker *m, struct trees *t)
{
	struct trees lists = { 0 };
	int r = trees_read(m->p, m->env->sets_dir, &lists);

	for (size_t i = 0; i < lists.n && r >= 0; i++) {
		char buf[PATH_MAX + 32];

		if (*lists.v[i].path != '@')
			r = trees_add(t,
				      inside(lists.v[i].path, buf, sizeof(buf)),
				      lists.v[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(own_trees) && r >= 0; i++) {
		unsigned int access = own_trees[i].access;
		struct tree like = { .access = access ? access
						      : scratch_access(m->p) };

		r = trees_add(t, own_trees[i].path, like);
	}
	trees_sort(t);
	trees_done(&lists);
	return r < 0 ? err_sys(m->e, r, "%s: files", m->p->path) : 0;
}

/* Inner entries that take something away */

/* "(?!PATH(/.*)?$).*" with what is special in PATH escaped, or nothing when
 * that is too long. */
static int
add_unless_below(struct maker *m, struct rule *r, const char *path)
{
	char re[POLICY_REGEX_MAX + 1] = "(?s)(?!";
	size_t n = strlen(re);
	struct rule_cond *c;

	for (; *path && n + 16 < sizeof(re); path++) {
		if (strchr("\\^$.|?*+()[]{}", *path))
			re[n++] = '\\';
		re[n++] = *path;
	}
	if (*path)
		return 0;
	memcpy(re + n, "(/.*)?$).*", 11);
	if (regex_check(re))
		return 0;
	c = make_cond(m, r, OP_REGEX, "/path");
	return c ? make_string(m, c, re) : -ENOMEM;
}

static int
deny_inner(struct maker *m, const struct trees *t, const struct tree *inner,
	   unsigned int missing)
{
	char because[PATH_MAX + 96];
	struct rule_cond *c;
	struct rule *r;
	int ret;

	snprintf(because, sizeof(because),
		 "\"%.3000s\" in files.%s says what holds inside the tree "
		 "around it",
		 inner->path, inner->list ? inner->list : "tmp");
	ret = file_rule(m, EFFECT_DENY, "inner", inner->path, missing, because,
			&r, &c);
	if (ret >= 0)
		ret = make_path(m, c, inner->path, false);
	for (size_t i = 0; i < t->n && ret >= 0; i++)
		if (&t->v[i] != inner && t->v[i].access & missing &&
		    path_within(t->v[i].path, inner->path))
			ret = add_unless_below(m, r, t->v[i].path);
	if (ret < 0 || !inner->list)
		return ret;
	return make_place(m, r, inner->list, inner->index);
}

/* What the entry's enclosing trees give and it does not. */
static unsigned int
taken_away(const struct trees *t, size_t i)
{
	struct trees before = { .v = t->v, .n = i };
	const struct tree *e = &t->v[i];
	unsigned int outer = trees_access(&before, e->path, NULL);

	if (e->group && (outer & e->access) == e->access)
		return 0;
	return outer & ~e->access;
}

static int
deny_inners(struct maker *m)
{
	_cleanup_(trees_done) struct trees t = { 0 };
	int r = make_trees(m, &t);

	for (size_t i = 0; i < t.n && r >= 0; i++) {
		unsigned int missing = taken_away(&t, i);

		if (missing)
			r = deny_inner(m, &t, &t.v[i], missing);
	}
	return r;
}

/* Hidden */

static int
deny_list(struct maker *m)
{
	const struct strv *list = &m->p->files.deny;
	int r = 0;

	for (size_t i = 0; i < list->n && r >= 0; i++) {
		const char *s = list->v[i];
		struct path_group g = { .n = 0 };
		struct rule_cond *c;
		struct rule *rule;

		if (*s == '@' && !m->env->sets_dir)
			continue;
		if (*s == '@')
			r = path_group_read(m->env->sets_dir, s + 1, &g, m->e);
		if (r >= 0)
			r = file_rule(m, EFFECT_DENY, "deny", s,
				      TREE_READ | TREE_EXEC | TREE_WRITE, NULL,
				      &rule, &c);
		if (r >= 0 && *s != '@')
			r = make_path(m, c, s, false);
		for (size_t j = 0; j < g.n && r >= 0; j++)
			r = make_path(m, c, g.line[j].path, false);
		path_group_done(&g);
		if (r >= 0)
			r = make_place(m, rule, "deny", i);
	}
	return r;
}

/* No profile can grant these; the box may make files of such names in its own
 * scratch space, so writing is not spoken of. */
static int
deny_never(struct maker *m)
{
	int r = 0;

	for (const struct never *n = paths_never; n->path && r >= 0; n++) {
		struct rule_cond *c;
		struct rule *rule;
		char path[256];

		r = file_rule(m, EFFECT_DENY, "never", n->path,
			      TREE_READ | TREE_EXEC, n->why, &rule, &c);
		if (r >= 0) {
			free_ptr(&rule->file); /* no file says it: we do */
			rule->file = NULL;
			r = make_path(m, c, n->path, true);
		}
		if (r >= 0 && n->flags & NEVER_IN_WORKSPACE) {
			snprintf(path, sizeof(path), WORKSPACE "%s",
				 n->path + 1);
			r = make_path(m, c, path, false);
		}
	}
	return r;
}

int
make_files(struct maker *m)
{
	const struct profile *p = m->p;
	int r = allow_list(m, &p->files.exec, "exec", TREE_READ | TREE_EXEC);

	if (r >= 0)
		r = allow_list(m, &p->files.read, "read", TREE_READ);
	if (r >= 0)
		r = allow_list(m, &p->files.write, "write",
			       TREE_READ | TREE_WRITE);
	if (r >= 0)
		r = allow_own(m);
	if (r >= 0)
		r = deny_inners(m);
	if (r >= 0)
		r = deny_list(m);
	return r < 0 || !m->innermost_first ? r : deny_never(m);
}
