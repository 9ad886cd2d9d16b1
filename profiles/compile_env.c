/*
 * The environment: nothing of the caller's but what the profile names. Later
 * words win: what agentbox sets, what is passed on, what the profile sets,
 * what the command line sets.
 */
#include "profiles/compile-internal.h"

#include "lib/str.h"

#include <string.h>

#define ENV_BYTES_MAX (512u * 1024)

static int
set_pair(struct builder *b, const char *pair, size_t name)
{
	const char **v = b->env.data, **slot = NULL;

	for (size_t i = 0; i < b->env.n && !slot; i++)
		if (!strncmp(v[i], pair, name + 1))
			slot = &v[i];
	if (!slot)
		slot = build_push(b, &b->env, sizeof(*slot), PLAN_ENV_MAX,
				  "variables");
	if (!slot)
		return -E2BIG;
	*slot = build_copy(b, pair, strlen(pair));
	return *slot ? 0 : -ENOMEM;
}

int
build_env_pair(struct builder *b, const char *pair)
{
	return set_pair(b, pair, strcspn(pair, "="));
}

int
build_env_set(struct builder *b, const char *name, const char *value)
{
	const char *pair = build_printf(b, "%s=%s", name, value);

	return pair ? set_pair(b, pair, strlen(name)) : -ENOMEM;
}

/* Both: what agentbox says about itself is not the caller's to say. */
static int
set_own(struct builder *b)
{
	int r = build_env_set(b, "AGENTBOX", "1");

	if (r >= 0)
		r = build_env_set(b, "AGENTBOX_BOX", b->r->name);
	return r < 0 ? r : build_net_own_env(b);
}

/* The name of a terminal type, or what every terminal can be. */
static const char *
terminal_type(const struct builder *b)
{
	for (const char *const *e = b->r->host_env; e && *e; e++)
		if (str_starts(*e, "TERM=") && str_is_name(*e + 5))
			return *e + 5;
	return "xterm";
}

static int
set_base(struct builder *b)
{
	const char *const base[][2] = {
		{ "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
			  "/sbin:/bin" },
		{ "HOME", BOX_HOME },
		{ "USER", BOX_USER },
		{ "LOGNAME", BOX_USER },
		{ "SHELL", b->shell },
		{ "TMPDIR", "/tmp" },
		{ "LANG", "C.UTF-8" },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(base) && r >= 0; i++)
		r = build_env_set(b, base[i][0], base[i][1]);
	if (r >= 0 && b->r->tty)
		r = build_env_set(b, "TERM", terminal_type(b));
	return r < 0 ? r : build_net_env(b);
}

/* Does the pattern of env.pass name this variable? */
static bool
is_passed(const char *pattern, const char *name, size_t n)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		return n >= len - 1 && !strncmp(pattern, name, len - 1);
	return n == len && !strncmp(pattern, name, n);
}

static int
pass_on(struct builder *b)
{
	const struct strv *pass = &b->p->process.env_pass;
	int r = 0;

	for (const char *const *e = b->r->host_env; e && *e && r >= 0; e++) {
		size_t n = strcspn(*e, "=");

		if (!n || !(*e)[n])
			continue;
		for (size_t i = 0; i < pass->n && r >= 0; i++)
			if (is_passed(pass->v[i], *e, n))
				r = set_pair(b, *e, n);
	}
	return r;
}

/* --env K=V */
static int
set_given(struct builder *b)
{
	char shown[80];
	int r = 0;

	for (const char *const *e = b->r->env; e && *e && r >= 0; e++) {
		size_t n = strcspn(*e, "=");

		if (!n || !(*e)[n])
			return err_set(b->e, -EINVAL,
				       "--env \"%s\": expected NAME=VALUE",
				       str_escape(*e, shown, sizeof(shown)));
		if (str_starts(*e, "AGENTBOX"))
			return err_set(b->e, -EINVAL,
				       "--env \"%s\": agentbox sets this "
				       "itself",
				       str_escape(*e, shown, sizeof(shown)));
		r = set_pair(b, *e, n);
	}
	return r;
}

static int
check_size(struct builder *b)
{
	const char **v = b->env.data;
	size_t total = 0;

	for (size_t i = 0; i < b->env.n; i++)
		total += strlen(v[i]) + 1;
	if (total > ENV_BYTES_MAX)
		return err_set(b->e, -E2BIG,
			       "the environment has %zu bytes; at most %u fit",
			       total, ENV_BYTES_MAX);
	return 0;
}

int
build_env(struct builder *b)
{
	const struct strv *set = &b->p->process.env_set;
	int r = set_base(b);

	if (r >= 0)
		r = pass_on(b);
	for (size_t i = 0; i < set->n && r >= 0; i++)
		r = set_pair(b, set->v[i], strcspn(set->v[i], "="));
	if (r >= 0)
		r = set_given(b);
	if (r >= 0)
		r = set_own(b);
	if (r >= 0)
		r = check_size(b);
	if (r < 0)
		return r;
	/* The NULL at the end. */
	return build_push(b, &b->env, sizeof(char *), PLAN_ENV_MAX + 1,
			  "variables")
		       ? 0
		       : -E2BIG;
}
