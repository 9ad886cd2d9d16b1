#pragma once
/*
 * The system call filter. Named sets (profiles/sets/NAME.set, data) are turned
 * into one BPF program; names and numbers of calls come from libseccomp.
 * Building costs most of a millisecond, so programs are cached on disk; a
 * cached program is used only if the whole key inside the file is equal, the
 * file belongs to the caller and nobody else may write it, and the program
 * passes seccomp_check().
 */
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_filter; /* linux/filter.h */
struct strv;

#define SECCOMP_SETS_MAX 32
#define SECCOMP_INSNS_MAX 4096 /* BPF_MAXINSNS */

/* What a profile asks for. */
struct seccomp_spec {
	const char *sets_dir;		    /* folder of *.set files */
	const char *sets[SECCOMP_SETS_MAX]; /* names, in any order */
	size_t n_sets;
	const char *const *deny; /* single calls taken out again */
	size_t n_deny;
};

struct seccomp_prog {
	struct sock_filter *insns; /* malloc'd */
	size_t n;		   /* at most SECCOMP_INSNS_MAX */
};

/* Builds the filter for the architecture that we run on. */
int seccomp_build(const struct seccomp_spec *spec, struct seccomp_prog *ret,
		  struct err *e);

/* Builds or takes it from the cache folder (created 0700 when missing; NULL
 * for no cache). A cache that cannot be used is never an error: the filter is
 * built. *ret_hit may be NULL. */
int seccomp_get(const struct seccomp_spec *spec, const char *cache_dir,
		struct seccomp_prog *ret, bool *ret_hit, struct err *e);

/* The names of the calls that the sets allow, some perhaps only with certain
 * arguments; without those in spec->deny. In order; strv_done(). */
int seccomp_names(const struct seccomp_spec *spec, struct strv *ret,
		  struct err *e);

/* The files that seccomp_names() reads, each once, includes too. A negative
 * return of fn ends it. */
int seccomp_sets_each(const struct seccomp_spec *spec,
		      int (*fn)(void *arg, const char *name, const char *text,
				size_t len),
		      void *arg, struct err *e);

/* Structure of a program: bounded, jumps forward and inside, ends in returns,
 * first load is the architecture word, no action but those that we emit. Used
 * on cached programs and by the plan decoder. Pure. */
int seccomp_check(const struct sock_filter *insns, size_t n);

void seccomp_prog_done(struct seccomp_prog *p);
