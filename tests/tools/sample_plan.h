#pragma once
/* A small valid plan for tests and for the seeds of the fuzzer. */
#include "sandbox/plan.h"

/* Points into static memory. */
void sample_plan(struct plan *ret);
