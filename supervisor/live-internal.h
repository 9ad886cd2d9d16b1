#pragma once
/* Shared by the profile_live*.c files and nobody else. */
#include "supervisor/profile_live.h"
#include "supervisor/try.h"

#include <limits.h>

/* One thing for agentbox-try to do. A case may need several: it goes through
 * if one of them does. */
struct live_attempt {
	size_t of; /* number of the case */
	enum try_kind kind;
	char *what;
	int result; /* 0: went through; errno; LIVE_PENDING */
};

#define LIVE_PENDING (-1)

struct live {
	const struct paths *paths;
	const struct profile *p;
	struct live_case *v;
	size_t n;
	char workspace[PATH_MAX]; /* or "" */
	struct live_attempt *attempt;
	size_t n_attempts, cap;
};

int live_add(struct live *l, size_t of, enum try_kind kind, const char *what);
/* profile_live_plan.c: what to try for each case; skips what cannot be. */
int live_plan(struct live *l, struct err *e);
/* profile_live_box.c: does all attempts. */
int live_do(struct live *l, struct err *e);
/* The path of a case as it is in the box; NULL: no string. */
const char *live_path(const struct live *l, const struct expect_case *c,
		      char buf[PATH_MAX]);
