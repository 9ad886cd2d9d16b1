#pragma once
/*
 * A helper process of ours gives up what it does not need before it reads what
 * others sent: namespaces of its own, an empty root, no capability, no new
 * privileges, Landlock, a filter of system calls.
 */
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct jail_path {
	int fd;
	uint64_t access; /* LL_ bits of sandbox/landlock.h that stay */
};

struct jail {
	const char *who;  /* for errors: "the audit writer" */
	const char *name; /* of its empty root, in /proc/self/mounts */
	int proc;	  /* /proc */
	bool own_users; /* a user's process: a user namespace of its own, where
			   it can be had */
	uid_t uid;	/* root's process: becomes this */
	rlim_t nofile;	/* at most so many descriptors */
	const struct jail_path *paths; /* all that Landlock leaves */
	size_t n_paths;
	int (*seccomp)(struct err *e); /* the last step */
};

#define JAIL_TEXT_MAX 160u

/* Does all that this kernel and this caller allow; what holds is in ret_text,
 * words with blanks between them. What every kernel has (no new privileges, the
 * other uid, limits, the filter) is an error when it fails; namespaces and
 * Landlock are left out where they cannot be had. *ret_overflow: how uids look
 * that the new user namespace lacks; untouched where there is none. */
int jail_enter(const struct jail *j, char *ret_text, size_t size,
	       uid_t *ret_overflow, struct err *e);
/* A filter for the calls of a loop: these, mmap and mprotect without PROT_EXEC,
 * and what more() adds to ctx (a scmp_filter_ctx), where arguments are looked
 * at. Anything else ends the process. */
int jail_filter(const int *calls, size_t n, int (*more)(void *ctx),
		struct err *e);
