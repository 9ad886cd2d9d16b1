#pragma once
/*
 * What the processes below a process use together, from /proc. For boxes
 * without a memory cgroup, and for files that are deleted but still open.
 */
#include <stdint.h>
#include <sys/types.h>

#define PROCS_MAX 65536

struct procs_sum {
	uint64_t n;	/* processes */
	uint64_t anon;	/* resident anonymous memory and swap; memory that is
			   shared by copy-on-write counts in each process */
	uint64_t shmem; /* resident shared memory, in each process */
};

/* What the descriptors of these processes hold without a name: */
struct procs_files {
	uint64_t memfd;	  /* bytes of memory files and System V segments */
	uint64_t deleted; /* bytes of files of dev without a name */
};

struct procs;

/* The process and everything below it. -ENOTSUP: the kernel does not list
 * children; -ESRCH: it is dead. */
int procs_find(pid_t root, struct procs **ret);
void procs_free(struct procs *p);

void procs_sum(const struct procs *p, struct procs_sum *ret);
/* Microseconds of processor time, with that of children that were waited
 * for. */
uint64_t procs_cpu(const struct procs *p);
/* As procs_sum(), but what several processes share counts once (PSS); slow. */
void procs_sum_exact(const struct procs *p, struct procs_sum *ret);
/* Each file once. */
void procs_files(const struct procs *p, dev_t dev, struct procs_files *ret);
