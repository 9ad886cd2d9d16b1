#pragma once
/*
 * The story of a run: how it began, what held it, under which policies, what it
 * did with which outcome, what operators did, how it ended; and the runs that
 * it started. Each thing is an event, as JSON (agentbox-trace(1) has the form),
 * of which the text for people is made.
 */
#include "query/render.h"
#include "query/runs.h"

#include <jansson.h>

#define TRACE_DEPTH_MAX 8 /* runs started by runs */
#define TRACE_LIMIT 1000u

struct trace_options {
	uint64_t limit; /* decisions of each run that are told; 0: all */
};

/* event is borrowed. A negative value ends it. */
typedef int trace_fn(void *arg, const json_t *event, struct err *e);

int trace_run(struct trail *t, const struct run_row *run,
	      const struct trace_options *o, trace_fn *fn, void *arg,
	      struct err *e);

void trace_print(const struct render *rd, const json_t *event);
