/*
 * The filter of a helper process. What always holds: what is not named ends the
 * process, and no memory can be made executable.
 */
#include "sandbox/jail.h"

#include "lib/macro.h"

#include <seccomp.h>
#include <sys/mman.h>

/* Memory, but none that can be run. */
static int
add_memory(scmp_filter_ctx ctx)
{
	static const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(calls); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return r;
}

static int
fill(scmp_filter_ctx ctx, const int *calls, size_t n, int (*more)(void *ctx))
{
	int r = add_memory(ctx);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	if (r == 0)
		r = more(ctx);
	/* a tree: the calls of the loop are found in a few steps */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return r < 0 ? r : seccomp_load(ctx);
}

int
jail_filter(const int *calls, size_t n, int (*more)(void *ctx), struct err *e)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!ctx)
		return err_sys(e, -ENOMEM, "seccomp");
	r = fill(ctx, calls, n, more);
	seccomp_release(ctx);
	return r < 0 ? err_sys(e, r, "seccomp") : 0;
}
