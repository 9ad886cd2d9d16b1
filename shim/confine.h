#pragma once
/* The process gives up what it does not need before it reads a byte of an
 * agent. */
#include "lib/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct confine_options {
	bool become; /* root's: this uid from here on */
	uid_t uid;
};

/* All of it; fails if one step fails that every kernel has. */
int shim_confine(const struct confine_options *o, struct err *e);
/* The last step: only the calls of the loop (shim/confine_calls.c). */
int shim_seccomp(struct err *e);
