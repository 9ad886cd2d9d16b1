#pragma once
/*
 * The supervisor's side of a launch: fresh namespaces, agentbox-stage in them,
 * the id maps, and in root mode the mounts. Between launch_start() and
 * launch_exec() no byte of the agent's program runs.
 */
#include "lib/err.h"
#include "sandbox/cgroup.h"
#include "sandbox/net.h"
#include "sandbox/plan.h"
#include "sandbox/stage.h"

#include <stdbool.h>
#include <sys/types.h>

struct launch_params {
	const struct plan *plan;
	struct cgroup *cg; /* or NULL */
	uid_t host_uid;	   /* what plan->uid is outside */
	gid_t host_gid;
	bool root;	 /* own uid, mounts made here, idmapped */
	uid_t owner_uid; /* root mode: owner of PLAN_FS_IDMAP trees */
	gid_t owner_gid;
};

struct launch {
	pid_t stage; /* agentbox-stage until pid 1 is there; 0: none */
	pid_t pid;   /* pid 1 of the box, as we see it; 0: none */
	int pidfd;   /* of pid 1 */
	int init;    /* channel of the stage, then of pid 1 */
	int agent;   /* channel of the agent's process, until exec */
	int tty;     /* master of the box's terminal, or negative */
	struct net_sockets net; /* in the box's network; without PLAN_NETWORK
				   only route, until loopback is up */
	pid_t agent_pid; /* as we see it; known after launch_confined() */
	int landlock;	 /* ABI in force; 0: none */
	unsigned int securebits; /* as the agent's process read them */
};

#define LAUNCH_INIT                                                            \
	{                                                                      \
		.pidfd = -EBADF, .init = -EBADF, .agent = -EBADF,              \
		.tty = -EBADF, .net = NET_SOCKETS_NONE                         \
	}

/* Error texts name the step and hold a cure where there is one. On failure the
 * caller still calls launch_end(). */

/* Starts agentbox-stage (at path) with the box's stdio, which is borrowed. It
 * makes namespaces while the caller goes on to compile a plan. */
int launch_begin(const char *path, const int stdio[3], struct launch *l,
		 struct err *e);
/* Maps the ids and hands over the plan, the cgroup and the mounts; sets
 * loopback up. With PLAN_NETWORK l->net has the sockets for net_listen.h then.
 */
int launch_start(const struct launch_params *lp, struct launch *l,
		 struct err *e);
/* Waits until pid 1 has built the file tree. */
int launch_built(struct launch *l, struct err *e);
/* Waits until the agent's process is confined and waiting. */
int launch_confined(struct launch *l, struct err *e);
/* Lets it exec. -ENOENT / -EACCES...: the command could not be executed. */
int launch_exec(struct launch *l, struct err *e);
/* What pid 1 said before it went: 1 and the command's wait status; 0: nothing,
 * it was killed; an error: it could not do its part, and ended the box. */
int launch_status(struct launch *l, int *ret_status, struct err *e);
/* Kills what there is, pid 1 with its whole pid namespace, waits, closes. */
void launch_end(struct launch *l);
