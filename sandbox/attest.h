#pragma once
/*
 * Reading back from the kernel what holds for the agent's process, before it
 * executes anything: requested against enforced, layer by layer. Whatever
 * cannot be read is not held.
 */
#include "lib/err.h"
#include "sandbox/cgroup.h"
#include "sandbox/launch.h"
#include "sandbox/layers.h"
#include "sandbox/plan.h"

struct attest_params {
	const struct plan *plan;
	const struct launch_params *launch;
	const struct launch *box;
	const struct cgroup_limits *limits;
	struct cgroup *cg; /* or NULL */
	const char *cgroup_why; /* why there is none; may be NULL */
};

/* Fills the whole table. 0: everything that was asked for and is not optional
 * holds; -EPERM: something does not, named in e (the table is filled all the
 * same). */
int attest_box(const struct attest_params *ap, struct layer_table *t,
	       struct err *e);
