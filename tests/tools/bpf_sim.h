#pragma once
/*
 * Runs a seccomp filter the way the kernel does, without root and without
 * loading it: a classic BPF interpreter over struct seccomp_data.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_filter;  /* linux/filter.h */
struct seccomp_data; /* linux/seccomp.h */

struct bpf_sim {
	uint32_t verdict; /* SECCOMP_RET_* with its data */
	size_t steps;	  /* instructions that were run */
	bool read_args;	  /* looked at more than the number and architecture:
			     the kernel cannot keep this call in its bitmap */
};

/* 0, or -EINVAL when the program does what the kernel would not have loaded:
 * unknown instruction, read or jump out of range, running off the end. */
int bpf_sim_run(const struct sock_filter *insns, size_t n,
		const struct seccomp_data *data, struct bpf_sim *ret);
/* "allow", "KILL", "EPERM", "errno 5", ... Returns buf. */
const char *bpf_sim_verdict(uint32_t verdict, char *buf, size_t size);
