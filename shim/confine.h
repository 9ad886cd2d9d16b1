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

/* As many descriptors as can be had: root's shim serves a box that may have
 * more connections than root's shell could; a user's has what the user has. */
void shim_raise_descriptors(void);
/* All of it; fails if one step fails that every kernel has. */
int shim_confine(const struct confine_options *o, struct err *e);
/* The last step: only the calls of the loop (shim/confine_calls.c). */
int shim_seccomp(struct err *e);
