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
#include "sandbox/net_listen.h"
#include "sandbox/plan.h"

struct attest_params {
	const struct plan *plan;
	const struct launch_params *launch;
	const struct launch *box;
	const struct cgroup_limits *limits;
	struct cgroup *cg;	/* or NULL */
	const char *cgroup_why; /* why there is none; may be NULL */
	/* with PLAN_NETWORK: what was opened, and tried out; net_any: rules
	 * name not only single ports */
	const struct net_listen *net;
	bool net_any;
};

/* First half, once pid 1 has built the file tree: namespaces, ids, mounts, oom
 * score, cgroup, which the agent's process has from pid 1 (it is cloned without
 * a namespace flag). Fills the table from the start. */
void attest_world(const struct attest_params *ap, struct layer_table *t);

/* Second half, once the agent's process is confined. 0: everything that was
 * asked for and is not optional holds; -EPERM: something does not, named in e
 * (the table is filled all the same). */
int attest_process(const struct attest_params *ap, struct layer_table *t,
		   struct err *e);
