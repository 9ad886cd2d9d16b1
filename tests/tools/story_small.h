#pragma once
/* One small run with a bit of everything, for what explains and tells it. */
#include "tests/tools/story_log.h"

struct story_small {
	struct story s;
	struct policy *p;
	/* records */
	uint64_t start, read, denied, hosts, nothing, asked, rated, secret;
	uint64_t kill, outcome, child, anomaly;
};

/* Into dir. Ends the log. */
void story_small(struct story_small *q, const char *dir);
