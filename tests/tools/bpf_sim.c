/*
 * The filter simulator. Deliberately knows more instructions than our filters
 * have, so that it can say what a program does that seccomp_check() refuses.
 */
#include "tests/tools/bpf_sim.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

static int
load(const struct seccomp_data *data, uint32_t k, uint32_t *a,
     struct bpf_sim *sim)
{
	if (k % 4 != 0 || k >= sizeof(*data))
		return -EINVAL;
	memcpy(a, (const char *)data + k, sizeof(*a));
	if (k >= offsetof(struct seccomp_data, instruction_pointer))
		sim->read_args = true;
	return 0;
}

static int
jump(const struct sock_filter *i, uint32_t a, size_t *pc)
{
	bool yes;

	switch (BPF_OP(i->code)) {
	case BPF_JA:
		*pc += i->k;
		return 0;
	case BPF_JEQ:
		yes = a == i->k;
		break;
	case BPF_JGT:
		yes = a > i->k;
		break;
	case BPF_JGE:
		yes = a >= i->k;
		break;
	case BPF_JSET:
		yes = a & i->k;
		break;
	default:
		return -EINVAL;
	}
	*pc += yes ? i->jt : i->jf;
	return 0;
}

int
bpf_sim_run(const struct sock_filter *insns, size_t n,
	    const struct seccomp_data *data, struct bpf_sim *ret)
{
	struct bpf_sim sim = { 0, 0, false };
	uint32_t a = 0;
	int r = 0;

	for (size_t pc = 0; pc < n && r == 0; pc++) {
		const struct sock_filter *i = &insns[pc];

		sim.steps++;
		if (i->code == (BPF_LD | BPF_W | BPF_ABS)) {
			r = load(data, i->k, &a, &sim);
		} else if (i->code == (BPF_ALU | BPF_AND | BPF_K)) {
			a &= i->k;
		} else if (BPF_CLASS(i->code) == BPF_JMP) {
			r = jump(i, a, &pc);
		} else if (i->code == (BPF_RET | BPF_K)) {
			sim.verdict = i->k;
			*ret = sim;
			return 0;
		} else {
			r = -EINVAL;
		}
	}
	return -EINVAL;
}

const char *
bpf_sim_verdict(uint32_t verdict, char *buf, size_t size)
{
	const char *name;

	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		snprintf(buf, size, "allow");
		break;
	case SECCOMP_RET_KILL_PROCESS:
		snprintf(buf, size, "KILL");
		break;
	case SECCOMP_RET_ERRNO:
		if (!(verdict & SECCOMP_RET_DATA)) {
			snprintf(buf, size, "pretend");
			break;
		}
		name = strerrorname_np((int)(verdict & SECCOMP_RET_DATA));
		if (name)
			snprintf(buf, size, "%s", name);
		else
			snprintf(buf, size, "errno %u",
				 verdict & SECCOMP_RET_DATA);
		break;
	default:
		snprintf(buf, size, "0x%08x", verdict);
	}
	return buf;
}
