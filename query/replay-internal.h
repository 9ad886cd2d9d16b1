#pragma once
/* Policies of a run, by epoch. */
#include "policy/decide.h"
#include "query/trail.h"

struct replay_epoch {
	uint64_t number, seq;
	uint8_t hash[POLICY_HASH_LEN], blob[32];
};

struct replay_epochs {
	struct replay_epoch *v;
	size_t n, room;
};

int replay_epochs_find(struct trail *t, const char *run,
		       struct replay_epochs *ret, struct err *e);
const struct replay_epoch *replay_epoch_get(const struct replay_epochs *es,
					    uint64_t number);

/* Opened ones, the last few. */
#define REPLAY_POLICIES 8
struct replay_policies {
	struct {
		uint8_t blob[32];
		struct policy *policy;
		uint64_t used;
	} v[REPLAY_POLICIES];
	uint64_t turn;
};
/* Valid until REPLAY_POLICIES others were asked for. */
int replay_policy_get(struct replay_policies *ps, int audit,
		      const uint8_t blob[32], const struct policy **ret,
		      struct err *e);
void replay_policies_done(struct replay_policies *ps);
