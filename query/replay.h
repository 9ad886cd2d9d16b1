#pragma once
/*
 * Decides again what was decided: from the inputs, truths, times, policies and
 * counters that the log has, decide() must say the same, byte for byte. Where
 * it does not, a decision was not made by the policy that the log names.
 */
#include "query/runs.h"

enum replay_kind {
	REPLAY_DIFFERENT,
	REPLAY_UNCHECKED /* what it needs is not there any more */
};

struct replay_finding {
	enum replay_kind kind;
	uint64_t seq;
	const char *run;
	const char *what;	      /* a sentence */
	const char *recorded, *again; /* decision records, or NULL */
};
typedef void replay_found(void *arg, const struct replay_finding *f);

struct replay_count {
	uint64_t decisions, same, different, unchecked;
	uint64_t policies; /* epochs */
};

struct replay;

int replay_new(struct trail *t, struct replay **ret, struct err *e);
void replay_free(struct replay *r); /* accepts NULL */

/* One run, from its beginning. Adds to *count. Negative only where the log
 * could not be read. */
int replay_run(struct replay *r, const struct run_row *run, replay_found *fn,
	       void *arg, struct replay_count *count, struct err *e);
