#pragma once
/*
 * Private to the system call filter (seccomp_*.c, sysset*.c) and its tests:
 * the set files as they lie on disk, and the rules that they mean for one
 * architecture. Format and contents are described in docs/syscall-sets.md.
 */
#include "sandbox/seccomp.h"

#include <linux/audit.h>

#define SYSSET_FILE_MAX (64u * 1024)
#define SYSSET_DEPTH_MAX 8
#define SYSSET_LINE_MAX 512
#define SYSSET_RULES_MAX 2048
#define SYSSET_CONDS_MAX 6 /* a call has six arguments */
#define SYSSET_NAME_MAX 64
#define SYSSET_NR_MAX 1024 /* no architecture numbers its calls above this */

/* An x32 call is an x86-64 call with this bit (asm/unistd.h). */
#define SYSSET_X32_BIT 0x40000000u

#if defined(__x86_64__)
#define SYSSET_ARCH_NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SYSSET_ARCH_NATIVE AUDIT_ARCH_AARCH64
#else
#error "the system call sets know x86-64 and aarch64"
#endif

/* The files, each once, in the order in which they were first named. */
struct sysset_file {
	char name[SYSSET_NAME_MAX + 1];
	char *text;
	size_t len;
};

struct sysset_files {
	struct sysset_file v[SECCOMP_SETS_MAX];
	size_t n;
};

/* (argument & mask) == value; all of a rule's conditions must hold. */
struct sysset_cond {
	unsigned int arg;
	uint64_t mask, value;
};

/* "err" of a rule: the call is not made and returns 0. */
#define SYSSET_PRETEND 4096u /* one above every errno, seccomp(2) */

struct sysset_rule {
	unsigned int nr;
	unsigned int err; /* 0: allow; else what a refused call returns */
	unsigned int n_conds;
	struct sysset_cond cond[SYSSET_CONDS_MAX];
};

struct sysset_rules {
	struct sysset_rule *v;
	size_t n, room;
};

/* Reads the sets that spec names and what they include. */
int sysset_read(const struct seccomp_spec *spec, struct sysset_files *ret,
		struct err *e);
void sysset_files_done(struct sysset_files *f);

/* Files -> rules for an AUDIT_ARCH_*, calls in spec->deny left out. */
int sysset_parse(const struct sysset_files *files,
		 const struct seccomp_spec *spec, uint32_t arch,
		 struct sysset_rules *ret, struct err *e);
void sysset_rules_done(struct sysset_rules *r);

/* The number of a call: 0 or above; -ENOENT: other architectures have it;
 * -ESRCH: nobody has it. */
int sysset_call(uint32_t arch, const char *name);
/* The highest number that is known to us or to libseccomp. */
unsigned int sysset_call_max(uint32_t arch);
/* Puts "; did you mean ...?" into buf, or nothing. Returns buf. */
const char *sysset_call_suggest(uint32_t arch, const char *name, char *buf,
				size_t size);

/* "A|B|0x10": names of the table and numbers. On -EINVAL buf (at least
 * SYSSET_LINE_MAX) says what is wrong. */
int sysset_const(const char *expr, uint64_t *ret, char *buf, size_t size);
/* The errno values that a filter may return. */
bool sysset_errno_ok(unsigned int err);

/* Rules -> program. */
int sysset_compile(const struct sysset_rules *rules, uint32_t arch,
		   struct seccomp_prog *ret, struct err *e);
/* All of the above in one; seccomp_build() for any architecture. */
int sysset_build(const struct sysset_files *files,
		 const struct seccomp_spec *spec, uint32_t arch,
		 struct seccomp_prog *ret, struct err *e);
