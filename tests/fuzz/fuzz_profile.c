/*
 * The profile loader on any bytes: it must neither crash, nor leak, nor
 * outgrow its bounds; what it refuses it must explain in text that is safe to
 * print, and what it accepts must hold what the compiler relies on.
 */
#include "tests/fuzz/fuzz.h"

#include "profiles/paths.h"
#include "profiles/profile.h"

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct profile *p;

	if (profile_parse("fuzz", (const char *)data, size, &p, &e) >= 0) {
		check_profile(p);
		profile_free(p);
		return 0;
	}
	if (!e.code || strncmp(e.text, "fuzz", 4))
		abort();
	for (const char *s = e.text; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			abort();
	return 0;
}
