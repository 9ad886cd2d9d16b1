/*
 * From cases to attempts. A case on a file of the workspace gets that file
 * first; one on scratch space has agentbox-try make it, where no tree of the
 * host may lie. A system call is tried with arguments that its set lets
 * through, and that the kernel then refuses.
 */
#include "supervisor/live-internal.h"

#include "lib/str.h"
#include "profiles/compile.h"
#include "profiles/paths.h"
#include "sandbox/sysset.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define CALL_TRIES 8 /* of one system call */
#define WORKSPACE "/$WORKSPACE"

static const struct value *
attr(const struct expect_case *c, enum attr a)
{
	return &request_doc_request(c->request)->attr[a];
}

static const char *
copy(const struct value *v, char *buf, size_t size)
{
	if (v->type != VALUE_STRING || v->len >= size ||
	    memchr(v->s, '\0', v->len))
		return NULL;
	memcpy(buf, v->s, v->len);
	buf[v->len] = '\0';
	return buf;
}

const char *
live_path(const struct live *l, const struct expect_case *c, char buf[PATH_MAX])
{
	char path[PATH_MAX];
	const char *s = copy(attr(c, ATTR_PATH), path, sizeof(path));

	if (!s)
		return NULL;
	if (!*l->workspace || !path_within(s, WORKSPACE)) {
		memcpy(buf, s, strlen(s) + 1);
		return buf;
	}
	s += strlen(WORKSPACE);
	return snprintf(buf, PATH_MAX, "%s%s", l->workspace, s) < PATH_MAX
		       ? buf
		       : NULL;
}

static void skip(struct live *l, size_t i, const char *fmt, ...) _printf_(3, 4);

static void
skip(struct live *l, size_t i, const char *fmt, ...)
{
	va_list ap;

	l->v[i].result = LIVE_SKIPPED;
	va_start(ap, fmt);
	vsnprintf(l->v[i].text, sizeof(l->v[i].text), fmt, ap);
	va_end(ap);
}

/* Files */

/* In the workspace of the host, and empty, so that executing it does nothing.
 * What cannot be made is not there for the attempt either. */
static void
make_in_workspace(const struct live *l, const char *path)
{
	size_t from = strlen(l->workspace) + 1;
	char dir[PATH_MAX];
	int fd;

	if (!path_within(path, l->workspace) || strlen(path) <= from)
		return;
	snprintf(dir, sizeof(dir), "%s", path);
	for (char *s = strchr(dir + from, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		(void)mkdir(dir, 0755);
		*s = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0755);
	close_ptr(&fd);
}

static bool
in_list(const struct strv *v, const char *path)
{
	char full[PATH_MAX];

	for (size_t i = 0; i < v->n; i++) {
		if (*v->v[i] == '@')
			continue;
		snprintf(full, sizeof(full), "%s%s",
			 *v->v[i] == '~' ? BOX_HOME : "",
			 v->v[i] + (*v->v[i] == '~'));
		if (path_within(path, full))
			return true;
	}
	return false;
}

/* Of the box alone, nothing of the host. */
static bool
is_scratch(const struct profile *p, const char *path)
{
	static const char *const own[] = { "/tmp", BOX_HOME, "/dev/shm",
					   "/var/tmp" };

	if (in_list(&p->files.read, path) || in_list(&p->files.write, path) ||
	    in_list(&p->files.exec, path))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (path_within(path, own[i]) && strcmp(path, own[i]) != 0)
			return true;
	return false;
}

static int
kind_of(const struct expect_case *c)
{
	static const struct {
		const char *name;
		enum try_kind kind;
	} kinds[] = {
		{ "read", TRY_READ },
		{ "write", TRY_WRITE },
		{ "exec", TRY_EXEC },
		{ "delete", TRY_DELETE },
	};
	char word[16];
	const char *s = copy(attr(c, ATTR_ACCESS), word, sizeof(word));

	for (size_t i = 0; s && i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(s, kinds[i].name))
			return kinds[i].kind;
	return -EINVAL;
}

static int
plan_file(struct live *l, size_t i, int kind)
{
	char path[PATH_MAX];
	const char *s = live_path(l, l->v[i].c, path);
	int r = 0;

	if (!s || !str_is_clean_path(s) || kind < 0) {
		skip(l, i, "no path and access that could be tried");
		return 0;
	}
	if (*l->workspace && path_within(s, l->workspace))
		make_in_workspace(l, s);
	else if (l->v[i].allowed && is_scratch(l->p, s))
		r = live_add(l, SIZE_MAX, TRY_MAKE, s);
	return r < 0 ? r : live_add(l, i, (enum try_kind)kind, s);
}

/* System calls */

static int
add_call(struct live *l, size_t i, int nr, const struct sysset_rule *rule)
{
	uint64_t arg[6];
	char text[200];

	memset(arg, 0xff, sizeof(arg));
	for (unsigned int c = 0; rule && c < rule->n_conds; c++)
		arg[rule->cond[c].arg] = 0;
	for (unsigned int c = 0; rule && c < rule->n_conds; c++)
		arg[rule->cond[c].arg] |= rule->cond[c].value;
	snprintf(text, sizeof(text),
		 "%d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		 " %" PRIu64,
		 nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	return live_add(l, i, TRY_CALL, text);
}

static int
plan_call(struct live *l, size_t i, const char *name,
	  const struct sysset_rules *rules)
{
	int nr = sysset_call(SYSSET_ARCH_NATIVE, name), r = 0;
	size_t tries = 0;

	if (nr < 0) {
		skip(l, i, "this machine has no system call %s", name);
		return 0;
	}
	for (size_t k = 0; k < rules->n && r >= 0 && tries < CALL_TRIES; k++) {
		const struct sysset_rule *rule = &rules->v[k];

		if (rule->nr != (unsigned int)nr ||
		    (rule->err && rule->err != SYSSET_PRETEND))
			continue;
		r = add_call(l, i, nr, rule);
		tries++;
	}
	return tries || r < 0 ? r : add_call(l, i, nr, NULL);
}

static int
plan_process(struct live *l, size_t i, const struct sysset_rules *rules)
{
	char name[128];
	const struct value *v = attr(l->v[i].c, ATTR_SYSCALL);

	if (v->type == VALUE_NONE)
		return plan_file(l, i, TRY_EXEC);
	if (!copy(v, name, sizeof(name))) {
		skip(l, i, "no name of a system call");
		return 0;
	}
	return plan_call(l, i, name, rules);
}

static int
read_calls(const struct live *l, struct sysset_files *files,
	   struct sysset_rules *rules, struct err *e)
{
	const struct profile *p = l->p;
	struct seccomp_spec spec = {
		.sets_dir = l->paths->sets,
		.deny = (const char *const *)p->process.syscalls_deny.v,
		.n_deny = p->process.syscalls_deny.n,
	};
	int r;

	for (size_t i = 0; i < p->process.syscalls.n; i++) {
		if (spec.n_sets == SECCOMP_SETS_MAX)
			return err_set(e, -E2BIG, "%s: too many sets", p->path);
		spec.sets[spec.n_sets++] = p->process.syscalls.v[i];
	}
	r = sysset_read(&spec, files, e);
	return r < 0 ? r
		     : sysset_parse(files, &spec, SYSSET_ARCH_NATIVE, rules, e);
}

static int
plan_case(struct live *l, size_t i, const struct sysset_rules *rules)
{
	const struct expect_case *c = l->v[i].c;
	enum surface s = request_doc_request(c->request)->surface;

	l->v[i].result = LIVE_SAME;
	if (!c->live)
		skip(l, i, "the case says \"live\": false");
	else if (s == SURFACE_FILES)
		return plan_file(l, i, kind_of(c));
	else if (s == SURFACE_PROCESS)
		return plan_process(l, i, rules);
	else if (s == SURFACE_NETWORK || s == SURFACE_CREDENTIALS)
		skip(l, i, "%s: a test sends nothing to anybody",
		     surface_name(s));
	else
		skip(l, i,
		     "%s: this version has no broker; everything is refused",
		     surface_name(s));
	return 0;
}

int
live_plan(struct live *l, struct err *e)
{
	struct sysset_files files = { .n = 0 };
	struct sysset_rules rules = { .n = 0 };
	int r = read_calls(l, &files, &rules, e);

	for (size_t i = 0; i < l->n && r >= 0; i++) {
		r = plan_case(l, i, &rules);
		if (r < 0)
			err_sys(e, r, "live test");
	}
	sysset_rules_done(&rules);
	sysset_files_done(&files);
	return r;
}
