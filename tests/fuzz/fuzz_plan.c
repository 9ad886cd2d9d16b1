/* links: sandbox lib */
/*
 * The plan decoder. Whatever it accepts must be safe to walk: every string
 * ends, every path is clean.
 */
#include "lib/str.h"
#include "sandbox/plan.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
walk(const struct plan *p)
{
	size_t n = strlen(p->hostname) + strlen(p->workdir);

	for (size_t i = 0; i < p->n_fs; i++) {
		if (!str_is_clean_path(p->fs[i].dst))
			abort();
		n += p->fs[i].src ? strlen(p->fs[i].src) : 0;
		n += p->fs[i].data ? strlen(p->fs[i].data) : 0;
	}
	for (size_t i = 0; i < p->n_rules; i++)
		n += strlen(p->rules[i].path);
	for (size_t i = 0; p->args[i]; i++)
		n += strlen(p->args[i]);
	for (size_t i = 0; p->env[i]; i++)
		n += strlen(p->env[i]);
	for (size_t i = 0; i < p->n_insns; i++)
		n += p->insns[i].k;
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan *p = NULL;
	struct err e = ERR_INIT;
	void *copy = malloc(size ? size : 1); /* exact bounds, aligned */
	volatile size_t sink = 0;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (plan_decode(copy, size, &p, &e) >= 0)
		sink = walk(p);
	(void)sink;
	plan_free(p);
	free(copy);
	return 0;
}
