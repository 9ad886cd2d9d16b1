/*
 * The profile loader on any bytes: it must neither crash, nor leak, nor
 * outgrow its bounds; what it refuses it must explain in text that is safe to
 * print, and what it accepts must hold what the compiler relies on.
 */
#include "tests/fuzz/fuzz.h"

#include "profiles/authority.h"
#include "profiles/diff.h"
#include "profiles/expect.h"
#include "profiles/lint.h"
#include "profiles/paths.h"

#include <string.h>

static void
check_paths(const struct strv *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *s = list->v[i];

		if (*s == '@' ? !str_is_name(s + 1)
			      : !str_is_clean_path(*s == '~' ? s + 1 : s))
			abort();
		if (*s != '@' && paths_refused(s))
			abort();
	}
}

static void
check_profile(const struct profile *p)
{
	if (!str_is_name(p->name) || p->role > ROLE_MONITOR ||
	    p->files.workspace > ACCESS_WRITE || !p->process.syscalls.n ||
	    p->process.syscalls.n > 32 || p->process.oom_score_adj < 0)
		abort();
	check_paths(&p->files.read);
	check_paths(&p->files.exec);
	check_paths(&p->files.write);
	for (size_t i = 0; i < p->process.env_set.n; i++)
		if (!strchr(p->process.env_set.v[i], '='))
			abort();
}

static void
check_text(const struct err *e)
{
	if (!e->code)
		abort();
	for (const char *s = e->text; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			abort();
}

/* A profile is no different from itself, and lint ends. */
static void
check_tools(const struct profile *p, const struct policy_spec *s)
{
	const struct lint_host host = { .landlock_abi = 1, .wall_us = 1 };
	struct lint l = { .n = 0 };
	struct diff d = { .n = 0 };

	if (profile_lint(p, s, &host, &l) < 0)
		abort();
	lint_done(&l);
	if (profile_diff(p, s, p, s, &d) < 0 || d.n)
		abort();
	diff_done(&d);
}

/* Whatever loads becomes a policy, or is told of. */
static void
check_policy(struct profile *p)
{
	const struct authority_env env = { .sets_dir = NULL };
	struct err e = ERR_INIT;
	struct policy_spec s;
	struct policy *pol;

	if (profile_authority(p, &env, &s, &e) < 0)
		abort();
	profile_lines(p);
	if (s.n_rules < 300)
		check_tools(p, &s);
	if (authority_make(&s, &pol, &e) < 0) {
		check_text(&e);
		policy_spec_done(&s);
		return;
	}
	for (size_t i = 0; i < p->n_expect && i < 16; i++) {
		struct decision d;
		char why[512];

		expect_judge(pol, &p->expect[i], 1, &d, why, sizeof(why));
	}
	policy_free(pol);
	policy_spec_done(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct profile *p;

	if (profile_parse("fuzz", (const char *)data, size, &p, &e) >= 0) {
		check_profile(p);
		check_policy(p);
		profile_free(p);
		return 0;
	}
	check_text(&e);
	if (strncmp(e.text, "fuzz", 4) != 0)
		abort();
	return 0;
}
