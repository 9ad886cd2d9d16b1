#pragma once
/*
 * The last steps, in the process that becomes the command: after
 * confine_agent() nothing can be undone.
 */
#include "lib/err.h"
#include "sandbox/plan.h"
#include "sandbox/steps.h"

/* Limits, capabilities, no_new_privs, Landlock, canary, seccomp. On failure
 * *ret_step names the step. Returns the Landlock ABI in force, 0 for none. */
int confine_agent(const struct plan *p, enum step *ret_step, struct err *e);

/* For pid 1 of the box: no capability, no_new_privs, not dumpable, and a
 * filter that knows only what its loop does. */
int confine_init(struct err *e);
