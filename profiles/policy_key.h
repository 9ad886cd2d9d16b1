#pragma once
/*
 * All that a policy is made of, as one text: two policies of one text are the
 * same, names of files and lines included. Files are in it by their path and
 * SHA-256, everything else in full.
 */
#include "profiles/authority.h"

#define POLICY_KEY_MAX (256u * 1024)

struct policy_key {
	char *text; /* not NUL terminated for who compares it: len bytes */
	size_t len;
};

/* For profile_policy() of the same. Reads the host's policy and the sets again;
 * the profiles were read when they were loaded. -ENOENT, -E2BIG and others:
 * there is none, so that whatever is wrong is for profile_policy() to say. */
int policy_key_make(const struct profile *p, const struct authority_env *env,
		    struct policy_key *ret);
void policy_key_done(struct policy_key *k);
