/*
 * Is this a program that seccomp_build() could have made? Asked of every
 * program that comes from outside the process: out of the cache, out of a
 * plan. The kernel checks programs too; what it does not know is which actions
 * we use, and that the first thing a filter of ours does is to kill whoever
 * calls through another architecture.
 *
 * A program that passes reads nothing outside of struct seccomp_data, only
 * jumps forward, ends, and gives no verdict but allow, kill, a known errno or a
 * success that was not asked of the kernel.
 * Pure: no memory is allocated, nothing is called but a comparison.
 */
#include "sandbox/sysset.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

bool
sysset_errno_ok(unsigned int err)
{
	return err == EPERM || err == EACCES || err == EINVAL ||
	       err == ENOSYS || err == EOPNOTSUPP || err == EAFNOSUPPORT;
}

static bool
is_verdict(uint32_t k)
{
	uint32_t data = k & SECCOMP_RET_DATA;

	switch (k & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_KILL_PROCESS:
		return data == 0;
	case SECCOMP_RET_ERRNO:
		return data == 0 || sysset_errno_ok(data);
	default:
		return false;
	}
}

/* left: instructions behind this one. */
static bool
is_insn(const struct sock_filter *i, size_t left)
{
	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return i->k < sizeof(struct seccomp_data) && i->k % 4 == 0;
	case BPF_ALU | BPF_AND | BPF_K:
		return true;
	case BPF_JMP | BPF_JA:
		return i->k < left;
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_K:
		return i->jt < left && i->jf < left;
	case BPF_RET | BPF_K:
		return is_verdict(i->k);
	default:
		return false;
	}
}

static bool
is_prelude(const struct sock_filter *i)
{
	return i[0].code == (BPF_LD | BPF_W | BPF_ABS) &&
	       i[0].k == offsetof(struct seccomp_data, arch) &&
	       i[1].code == (BPF_JMP | BPF_JEQ | BPF_K) && i[1].jt == 1 &&
	       i[1].jf == 0 &&
	       (i[1].k == AUDIT_ARCH_X86_64 || i[1].k == AUDIT_ARCH_AARCH64) &&
	       i[2].code == (BPF_RET | BPF_K) &&
	       i[2].k == SECCOMP_RET_KILL_PROCESS;
}

int
seccomp_check(const struct sock_filter *insns, size_t n)
{
	if (!insns || n < 4 || n > SECCOMP_INSNS_MAX || !is_prelude(insns))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (!is_insn(&insns[i], n - i - 1))
			return -EINVAL;
	}
	/* a program may not run off its end */
	return insns[n - 1].code == (BPF_RET | BPF_K) ? 0 : -EINVAL;
}
