#pragma once
/* What explains and tells prints, as a string. */
#include "query/trace.h"
#include "query/why.h"

/* The folder's log, with an index in memory; or the test fails. */
struct trail *trail_of(const char *dir, int *ret_fd);
/* Text of why_print(), "" where there is no such record; of the next call. */
const char *why_text(struct trail *t, const struct why_options *o,
		     uint64_t seq);
/* The same as JSON. */
const char *why_json(struct trail *t, const struct why_options *o,
		     uint64_t seq);
/* Of trace_run() on the run of that name. */
const char *trace_text(struct trail *t, const char *run, uint64_t limit,
		       bool json);
