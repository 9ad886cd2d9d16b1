/* links: lib sandbox */
/*
 * seccomp_check(): what it lets through does no harm. Hand-made bad programs,
 * and every bit of a good one flipped.
 */
#include "lib/str.h"
#include "sandbox/sysset.h"
#include "tests/tap.h"
#include "tests/tools/bpf_sim.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#define LD(k) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, k)
#define RET(k) BPF_STMT(BPF_RET | BPF_K, k)
#define PRELUDE                                                                \
	LD(4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYSSET_ARCH_NATIVE, 1, 0),  \
		RET(SECCOMP_RET_KILL_PROCESS)

#define CHECK(want, ...)                                                       \
	do {                                                                   \
		const struct sock_filter p[] = { __VA_ARGS__ };                \
		ASSERT_EQ(seccomp_check(p, ARRAY_SIZE(p)), want);              \
	} while (0)

TEST(good)
{
	CHECK(0, PRELUDE, RET(SECCOMP_RET_ALLOW));
	CHECK(0, PRELUDE, RET(SECCOMP_RET_ERRNO | EPERM));
	CHECK(0, PRELUDE, LD(0), BPF_STMT(BPF_JMP | BPF_JA, 1),
	      RET(SECCOMP_RET_ERRNO | ENOSYS), RET(SECCOMP_RET_ALLOW));
	CHECK(0, PRELUDE, LD(60), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 5, 0, 1),
	      RET(SECCOMP_RET_KILL_PROCESS), RET(SECCOMP_RET_ALLOW));
}

TEST(prelude)
{
	CHECK(-EINVAL, RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, PRELUDE);
	/* the number before the architecture */
	CHECK(-EINVAL, LD(0),
	      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYSSET_ARCH_NATIVE, 1, 0),
	      RET(SECCOMP_RET_KILL_PROCESS), RET(SECCOMP_RET_ALLOW));
	/* another architecture, allowed instead of killed, upside down */
	CHECK(-EINVAL, LD(4),
	      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 1, 0),
	      RET(SECCOMP_RET_KILL_PROCESS), RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, LD(4),
	      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYSSET_ARCH_NATIVE, 1, 0),
	      RET(SECCOMP_RET_ALLOW), RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, LD(4),
	      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYSSET_ARCH_NATIVE, 0, 1),
	      RET(SECCOMP_RET_KILL_PROCESS), RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, LD(4),
	      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYSSET_ARCH_NATIVE, 1, 0),
	      RET(SECCOMP_RET_KILL_PROCESS), RET(SECCOMP_RET_ALLOW));
}

TEST(instructions)
{
	CHECK(-EINVAL, PRELUDE, LD(0)); /* off the end */
	CHECK(-EINVAL, PRELUDE, LD(64), RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, PRELUDE, LD(2), RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, PRELUDE, LD(0xfffffffc), RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, PRELUDE, BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
	      RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, PRELUDE, BPF_STMT(BPF_LD | BPF_MEM, 0),
	      RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, PRELUDE, BPF_STMT(BPF_ST, 0), RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, PRELUDE, BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 1),
	      RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, PRELUDE, BPF_STMT(BPF_MISC | BPF_TAX, 0),
	      RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, PRELUDE, BPF_STMT(BPF_RET | BPF_A, 0));
	CHECK(-EINVAL, PRELUDE, BPF_STMT(BPF_JMP | BPF_JA, 1),
	      RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, PRELUDE, BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX),
	      RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, PRELUDE, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
	      RET(SECCOMP_RET_ALLOW));
	CHECK(-EINVAL, PRELUDE, BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0, 255, 0),
	      RET(SECCOMP_RET_ALLOW));
}

TEST(verdicts)
{
	CHECK(-EINVAL, PRELUDE, RET(SECCOMP_RET_TRACE));
	CHECK(-EINVAL, PRELUDE, RET(SECCOMP_RET_LOG));
	CHECK(-EINVAL, PRELUDE, RET(SECCOMP_RET_TRAP));
	CHECK(-EINVAL, PRELUDE, RET(SECCOMP_RET_USER_NOTIF));
	CHECK(-EINVAL, PRELUDE, RET(SECCOMP_RET_KILL_THREAD));
	CHECK(-EINVAL, PRELUDE, RET(SECCOMP_RET_ALLOW | 1));
	/* errno 0: the call is not made and seems to have worked */
	CHECK(0, PRELUDE, RET(SECCOMP_RET_ERRNO));
	CHECK(-EINVAL, PRELUDE, RET(SECCOMP_RET_ERRNO | EINTR));
	CHECK(-EINVAL, PRELUDE, RET(SECCOMP_RET_ERRNO | 0xffff));
}

TEST(length)
{
	_cleanup_free_ struct sock_filter *p =
		calloc(SECCOMP_INSNS_MAX + 1, sizeof(*p));
	const struct sock_filter prelude[] = { PRELUDE };

	ASSERT_EQ(seccomp_check(NULL, 0), -EINVAL);
	ASSERT_EQ(seccomp_check(NULL, 5), -EINVAL);
	memcpy(p, prelude, sizeof(prelude));
	for (size_t i = 3; i <= SECCOMP_INSNS_MAX; i++)
		p[i] = (struct sock_filter)RET(SECCOMP_RET_ALLOW);
	ASSERT_EQ(seccomp_check(p, 0), -EINVAL);
	ASSERT_EQ(seccomp_check(p, SECCOMP_INSNS_MAX), 0);
	ASSERT_EQ(seccomp_check(p, SECCOMP_INSNS_MAX + 1), -EINVAL);
}

/* Any number from any architecture; a bad program fails in the simulator. */
static void
run_all(const struct sock_filter *p, size_t n)
{
	static const uint32_t archs[] = { SYSSET_ARCH_NATIVE, AUDIT_ARCH_I386 };

	for (int nr = -2; nr < 600; nr += 3) {
		for (size_t a = 0; a < ARRAY_SIZE(archs); a++) {
			struct seccomp_data d = { .nr = nr, .arch = archs[a] };
			struct bpf_sim sim;

			ASSERT_OK(bpf_sim_run(p, n, &d, &sim));
			ASSERT_LE(sim.steps, n);
			if (archs[a] == AUDIT_ARCH_I386)
				ASSERT_EQ(sim.verdict,
					  SECCOMP_RET_KILL_PROCESS);
		}
	}
}

TEST_LIMIT(flipped_bits, 60)
{
	_cleanup_free_ char *dir = str_printf("%s/profiles/sets", tap_srcdir());
	struct seccomp_spec spec = { .sets_dir = dir,
				     .sets = { "default" },
				     .n_sets = 1 };
	struct seccomp_prog p;
	struct err e = ERR_INIT;
	size_t passed = 0, refused = 0;

	ASSERT_OK(seccomp_build(&spec, &p, &e));
	for (size_t bit = 0; bit < p.n * sizeof(*p.insns) * 8; bit++) {
		unsigned char *byte = (unsigned char *)p.insns + bit / 8;

		*byte ^= (unsigned char)(1 << bit % 8);
		if (seccomp_check(p.insns, p.n) == 0) {
			run_all(p.insns, p.n);
			passed++;
		} else {
			refused++;
		}
		*byte ^= (unsigned char)(1 << bit % 8);
	}
	tap_note("%zu flips refused, %zu harmless in structure", refused,
		 passed);
	ASSERT_GE(refused, 1000);
	seccomp_prog_done(&p);
}
