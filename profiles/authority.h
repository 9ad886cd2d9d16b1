#pragma once
/*
 * All that a profile grants, as rules: the host's policy, the parents, the
 * profile, the run, one level each. Files and processes are the kernel's to
 * decide; rules are made for them here, so that decide(), explain, test and
 * diff see one language.
 */
#include "policy/policy_build.h"
#include "profiles/profile.h"

struct authority_env {
	const char *sets_dir;	      /* *.set and *.paths */
	const char *host_policy;      /* file, which need not exist; or NULL */
	const struct profile *narrow; /* profile_load_run() of p; or NULL */
};

#define HOST_POLICY_PATH "/etc/agentbox/policy.json"

/* Fills *ret (policy_spec_done()) for policy_make(). Every rule that was
 * written by a person has file, line and at. */
int profile_authority(const struct profile *p, const struct authority_env *env,
		      struct policy_spec *ret, struct err *e);
/* profile_authority() and policy_make(); an error about one rule begins with
 * "FILE:LINE: POINTER: ". */
int profile_policy(const struct profile *p, const struct authority_env *env,
		   struct policy **ret, struct err *e);
/* The second half of profile_policy(), for who needs the spec too. */
int authority_make(const struct policy_spec *s, struct policy **ret,
		   struct err *e);
