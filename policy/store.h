#pragma once
/*
 * Epochs: the policy that is in force, and those that somebody still decides
 * by. A swap is one assignment, so a decision sees all of the old policy or all
 * of the new one; whoever began under an epoch ends under it. A load that fails
 * changes nothing and is remembered until one works. For one thread, like all
 * that decides.
 */
#include "policy/policy.h"

#define POLICY_EPOCHS_MAX 8 /* in memory; beyond: a swap is refused */

struct policy_epoch {
	uint64_t number; /* 1, 2, ... */
	const struct policy *policy;
};

struct policy_store;

/* Takes first, which is freed on failure too. */
int policy_store_new(struct policy *first, struct policy_store **ret);
/* Nobody may hold an epoch any more. Accepts NULL. */
void policy_store_free(struct policy_store *s);

/* The epoch in force; it stays until policy_store_put(). */
const struct policy_epoch *policy_store_get(struct policy_store *s);
void policy_store_put(struct policy_store *s, const struct policy_epoch *held);
/* The same without holding it: until the next swap. */
const struct policy_epoch *policy_store_now(const struct policy_store *s);

/* Takes next, which is freed on failure: -EBUSY when POLICY_EPOCHS_MAX old ones
 * are still held, -ENOMEM. */
int policy_store_swap(struct policy_store *s, struct policy *next);

/* load() makes the next policy or fails; then the epoch in force stays, and e
 * (and policy_store_failure()) says so. */
int policy_store_load(struct policy_store *s,
		      int (*load)(void *arg, struct policy **ret,
				  struct err *e),
		      void *arg, struct err *e);
/* Why the last load failed, or "" if it did not. */
const char *policy_store_failure(const struct policy_store *s);
/* Epochs in memory. */
size_t policy_store_epochs(const struct policy_store *s);
