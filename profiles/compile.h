#pragma once
/*
 * Profile + request -> plan. Resolves paths against the host (a path that does
 * not exist is left out), applies the list of what is never inside a box,
 * builds the order of mounts, the Landlock rules and the environment. No
 * privilege is needed and none is used.
 */
#include "profiles/profile.h"
#include "sandbox/plan.h"

struct compile_request {
	const char *name;      /* of the box */
	const char *workspace; /* host directory, absolute and real; or NULL */
	const char *home;      /* the caller's home on the host; or NULL */
	const char *const *args;
	const char *const *env;	     /* --env K=V, NULL terminated */
	const char *const *host_env; /* environ of the caller */
	const char *sets_dir;	     /* *.set and *.paths */
	const char *cache_dir;	     /* seccomp cache; or NULL */
	const char *helper; /* program of the host, beside all that the profile
			       says, at BOX_HELPER; or NULL */
	uint32_t sockets;   /* TCP ones of the broker that serves the box; 0: no
			       network */
	const char *const *broker_env; /* K=V: placeholders of credentials, in
					  place of what else says K; or NULL */
	const char *ca_file; /* certificates that the box trusts, on the host;
				or NULL: the host's own */
	bool tty;
	bool root; /* root mode: IDMAP and FD flags */
};

/* *ret owns everything that it points to; compiled_free(). */
struct compiled {
	struct plan plan;
	struct cgroup_limits cgroup; /* the profile's, with io_dev filled in */
	struct sock_filter *insns;   /* plan.insns, owned */
	void *priv;
};

int profile_compile(const struct profile *p, const struct compile_request *r,
		    struct compiled **ret, struct err *e);
void compiled_free(struct compiled *c);

/* Where things are inside every box. */
#define BOX_UID 1000
#define BOX_GID 1000
#define BOX_USER "agent"
#define BOX_HOME "/home/agent"
#define BOX_RUN "/run/agentbox"
#define BOX_CANARY "/run/agentbox/canary"
#define BOX_HELPER "/run/agentbox/helper"
#define BOX_CA "/run/agentbox/ca.pem"
