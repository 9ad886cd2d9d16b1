/* links: lib sandbox */
/*
 * Input: instructions as they lie in a cache file or a plan. seccomp_check()
 * must not crash; what it accepts must run in the simulator for any call: no
 * unknown instruction, no jump or read out of range, an end within the
 * program's length, a verdict that is ours, and death for a foreign
 * architecture.
 */
#include "sandbox/seccomp.h"
#include "tests/fuzz/fuzz.h"
#include "tests/tools/bpf_sim.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

static void
judge(const struct sock_filter *insns, size_t n, const struct seccomp_data *d)
{
	struct bpf_sim sim;

	if (bpf_sim_run(insns, n, d, &sim) < 0 || sim.steps > n)
		abort();
	switch (sim.verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_ERRNO:
		if (d->arch == AUDIT_ARCH_I386)
			abort();
		break;
	case SECCOMP_RET_KILL_PROCESS:
		break;
	default:
		abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t archs[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64,
					  AUDIT_ARCH_I386 };
	size_t n = size / sizeof(struct sock_filter);
	/* exactly as long as it says, so that a read behind it is seen */
	struct sock_filter *insns = malloc(n * sizeof(*insns) + !n);

	if (!insns)
		return 0;
	memcpy(insns, data, n * sizeof(*insns));
	if (seccomp_check(insns, n) == 0) {
		for (size_t a = 0; a < ARRAY_SIZE(archs); a++) {
			for (int nr = -2; nr < 500; nr += 7) {
				struct seccomp_data d = {
					.nr = nr,
					.arch = archs[a],
					.args = { (uint64_t)nr, insns[n / 2].k,
						  0x5401, ~0ull, 0, 1 },
				};

				judge(insns, n, &d);
			}
		}
	}
	free(insns);
	return 0;
}
