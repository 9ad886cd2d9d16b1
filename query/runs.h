#pragma once
/* Runs, by what their channel records say. */
#include "query/trail.h"

struct run_row {
	char *run, *box, *name, *agent, *owner; /* "" where not said */
	uint64_t first, time_us; /* of its first channel record that is there */
	bool cut; /* that was not its first: what came before is gone */
};

struct runs {
	struct run_row *v;
	size_t n;
};

/* Each run once, oldest first. f says which (agent, run, box, owner, ...); its
 * types are set here. */
int runs_find(struct trail *t, const struct filter *f, struct runs *ret,
	      struct err *e);
void runs_done(struct runs *r);
