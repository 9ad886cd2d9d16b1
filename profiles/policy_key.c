/*
 * What goes into a policy, written down. What always holds: every text comes
 * after its length and every list after its number, so no two keys can be read
 * alike; whatever profiles/authority*.c looks at is here, or follows from what
 * is here and from the build of this program.
 */
#include "profiles/policy_key.h"

#include "lib/build_id.h"
#include "lib/fd.h"
#include "lib/str.h"
#include "policy/sha256.h"
#include "profiles/inherit.h"
#include "profiles/paths.h"
#include "sandbox/seccomp.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

struct out {
	FILE *f;
	const struct authority_env *env;
	struct strv groups; /* of paths, each once */
};

static void
put_text(struct out *o, const char *what, const char *s)
{
	if (s)
		fprintf(o->f, "%s %zu %s\n", what, strlen(s), s);
	else
		fprintf(o->f, "%s -\n", what);
}

static void
put_digest(struct out *o, const char *what, const uint8_t d[SHA256_LEN])
{
	fprintf(o->f, "%s ", what);
	fwrite(d, 1, SHA256_LEN, o->f);
	fputc('\n', o->f);
}

/* -ENOENT for a file that is not there. */
static int
put_file(struct out *o, const char *path, size_t max)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(AT_FDCWD, path, max, &text);
	uint8_t digest[SHA256_LEN];

	if (n < 0)
		return (int)n;
	sha256(text, (size_t)n, digest);
	put_digest(o, "is", digest);
	return 0;
}

/* The build decides how policies are made, the library what a pattern is. */
static int
put_program(struct out *o)
{
	char id[2 * 32 + 1], regex[REGEX_VERSION_MAX];
	int r = build_id(id, sizeof(id));

	if (r < 0)
		return r;
	regex_version(regex);
	fprintf(o->f, "agentbox policy of %s\n", id);
	put_text(o, "pcre2", regex);
	put_text(o, "sets", o->env->sets_dir);
	return 0;
}

static int
put_host(struct out *o)
{
	int r;

	put_text(o, "host", o->env->host_policy);
	if (!o->env->host_policy)
		return 0;
	r = put_file(o, o->env->host_policy, PROFILE_SIZE_MAX);
	if (r != -ENOENT && r != -ENOTDIR)
		return r;
	fputs("is not\n", o->f);
	return 0;
}

/* Lists as they came out of inheritance, which looks at more than the texts of
 * profiles: at sets and groups of search folders. */
static int
put_list(struct out *o, const char *what, const struct strv *list)
{
	int r = 0;

	fprintf(o->f, "%s %zu\n", what, list->n);
	for (size_t i = 0; i < list->n && r >= 0; i++) {
		const char *s = list->v[i];

		put_text(o, "-", s);
		if (*s == '@' && !strv_has(&o->groups, s + 1))
			r = strv_add(&o->groups, s + 1);
	}
	return r;
}

static int
put_files(struct out *o, const struct profile *p)
{
	int r = put_list(o, "read", &p->files.read);

	if (r >= 0)
		r = put_list(o, "write", &p->files.write);
	if (r >= 0)
		r = put_list(o, "exec", &p->files.exec);
	if (r >= 0)
		r = put_list(o, "deny", &p->files.deny);
	fprintf(o->f, "workspace %d %d\n", (int)p->files.workspace,
		p->files.workspace_exec);
	return r;
}

static int
put_set(void *arg, const char *name, const char *text, size_t len)
{
	uint8_t digest[SHA256_LEN];

	sha256(text, len, digest);
	put_text(arg, "set", name);
	put_digest(arg, "is", digest);
	return 0;
}

static int
put_calls(struct out *o, const struct profile *p)
{
	struct seccomp_spec spec = { .sets_dir = o->env->sets_dir };
	int r = put_list(o, "calls", &p->process.syscalls);

	if (r >= 0)
		r = put_list(o, "but", &p->process.syscalls_deny);
	if (r < 0 || !spec.sets_dir)
		return r;
	if (p->process.syscalls.n > SECCOMP_SETS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < p->process.syscalls.n; i++)
		spec.sets[spec.n_sets++] = p->process.syscalls.v[i];
	return seccomp_sets_each(&spec, put_set, o, NULL);
}

static void
put_sources(struct out *o, const struct profile *p)
{
	fprintf(o->f, "made of %zu\n", p->n_sources);
	for (size_t i = 0; i < p->n_sources; i++) {
		put_text(o, "file", p->source[i].label);
		put_digest(o, "is", p->source[i].digest);
	}
	fprintf(o->f, "below %zu\n", p->n_parents);
	for (size_t i = 0; i < p->n_parents; i++)
		put_text(o, "-", p->parent[i]->path);
}

static int
put_profile(struct out *o, const struct profile *p)
{
	int r;

	fprintf(o->f, "profile %d %d %d\n", (int)p->kind, (int)p->mode,
		(int)p->ceiling);
	put_text(o, "name", p->name);
	put_text(o, "path", p->path);
	put_sources(o, p);
	r = put_files(o, p);
	return r < 0 ? r : put_calls(o, p);
}

static int
put_profiles(struct out *o, const struct profile *p)
{
	const struct profile *all[POLICY_LEVELS_MAX];
	int n = profile_lineage(p, all, ARRAY_SIZE(all)), r = 0;

	for (int i = 0; i < n && r >= 0; i++)
		r = put_profile(o, all[i]);
	return n < 0 ? n : r;
}

static int
put_groups(struct out *o)
{
	char path[PATH_MAX];
	int r = 0;

	for (size_t i = 0; i < o->groups.n && o->env->sets_dir && r >= 0; i++) {
		put_text(o, "group", o->groups.v[i]);
		if (snprintf(path, sizeof(path), "%s/%s.paths",
			     o->env->sets_dir,
			     o->groups.v[i]) >= (int)sizeof(path))
			return -ENAMETOOLONG;
		r = put_file(o, path, GROUP_SIZE_MAX);
	}
	return r;
}

static int
put_all(struct out *o, const struct profile *p)
{
	int r = put_program(o);

	if (r >= 0)
		r = put_host(o);
	if (r >= 0)
		r = put_profiles(o, p);
	return r < 0 ? r : put_groups(o);
}

int
policy_key_make(const struct profile *p, const struct authority_env *env,
		struct policy_key *ret)
{
	struct policy_key k = { NULL, 0 };
	struct out o = { .env = env };
	bool failed;
	int r;

	o.f = open_memstream(&k.text, &k.len);
	if (!o.f)
		return -ENOMEM;
	r = put_all(&o, env->narrow ? env->narrow : p);
	failed = ferror(o.f);
	failed = fclose(o.f) || failed;
	strv_done(&o.groups);
	if (r >= 0 && (failed || k.len > POLICY_KEY_MAX))
		r = failed ? -ENOMEM : -E2BIG;
	if (r < 0) {
		policy_key_done(&k);
		return r;
	}
	*ret = k;
	return 0;
}

void
policy_key_done(struct policy_key *k)
{
	free(k->text);
	*k = (struct policy_key){ NULL, 0 };
}
