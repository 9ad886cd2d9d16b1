#pragma once
/*
 * The cases of a profile on files and process, done for real: in a throwaway
 * box of exactly that profile, over a workspace that is made for it and
 * removed. What happens is held against what decide() said.
 */
#include "profiles/expect.h"
#include "profiles/profile.h"
#include "supervisor/paths.h"

enum live_result { LIVE_SAME, LIVE_DIFFERS, LIVE_SKIPPED };

struct live_case {
	const struct expect_case *c;
	bool allowed; /* by decide() */
	/* filled in: */
	enum live_result result;
	char text[512]; /* what differs, or why it was skipped */
};

/* Fails only when the box cannot be had at all. */
int live_run(const struct paths *paths, const struct profile *p,
	     struct live_case *v, size_t n, struct err *e);
