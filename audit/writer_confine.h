#pragma once
/*
 * The writer gives up what it does not need before it looks at the log or at
 * any client: after this it can append to its folder, look at /proc, and talk
 * on sockets that it has.
 */
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct confine_options {
	int dir;	/* the folder audit */
	int proc;	/* /proc */
	bool own_users; /* a user's writer: a user namespace of its own, where
			   it can be had */
	uid_t uid;	/* root's writer: becomes this */
};

#define CONFINED_MAX 160u

/* Does all that this kernel and this caller allow; what holds is in ret_text,
 * words with blanks between them. What every kernel has (no new privileges, the
 * other uid, limits, seccomp) is an error when it fails; namespaces and
 * Landlock are left out where they cannot be had. *ret_overflow: how uids look
 * that the new user namespace lacks; untouched where there is none. */
int writer_confine(const struct confine_options *o, char *ret_text, size_t size,
		   uid_t *ret_overflow, struct err *e);
/* The last step alone: only the system calls of the writer from here on. */
int writer_seccomp(struct err *e);
