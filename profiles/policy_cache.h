#pragma once
/*
 * Policies on disk, compiled. A box that asks its policy nothing needs only to
 * know which it is: that is in the head of its file, and the policy itself is
 * read and checked when somebody asks it for the first time.
 */
#include "policy/sha256.h"
#include "profiles/authority.h"

#define POLICY_CARD_NAME_MAX 256
#define POLICY_CARD_LEVELS_MAX 1024

/* What is told of a policy that nobody asks. */
struct policy_card {
	uint8_t hash[POLICY_HASH_LEN];	     /* policy_hash() */
	uint8_t digest[SHA256_LEN];	     /* of policy_bytes() */
	char name[POLICY_CARD_NAME_MAX];     /* policy_name() */
	char levels[POLICY_CARD_LEVELS_MAX]; /* "dev: 12 rules, run: 1 rules" */
};
void policy_card_make(const struct policy *p, struct policy_card *ret);

struct policy_found {
	struct policy_card card;
	struct policy *policy; /* or NULL: it is in the file still */
	int fd;		       /* of that file; else -EBADF */
	uint64_t at, len;      /* of the policy in it */
	char name[32];	       /* of the file */
};
#define POLICY_FOUND_NONE                                                      \
	{                                                                      \
		.fd = -EBADF                                                   \
	}

/* profile_policy(), or what it made before of the very same. cache_dir may be
 * NULL: no cache. A cache that cannot be used is never an error. */
int policy_find(const struct profile *p, const struct authority_env *env,
		const char *cache_dir, struct policy_found *ret, struct err *e);
/* Opens what is in the file still, which is then closed. -EBADMSG: it is not
 * what its card says, or no policy; then it is taken out of the cache. */
int policy_found_open(struct policy_found *f, const char *cache_dir,
		      struct err *e);
void policy_found_done(struct policy_found *f);
