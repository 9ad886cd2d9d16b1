#pragma once
/*
 * For tests of properties: thousands of cases from seeds. PROPS_SEED and
 * PROPS_CASES in the environment choose others; a failure says the seed that
 * repeats it.
 */
#include "policy/decide.h"

#include "lib/str.h"
#include "tests/tap.h"

#include <stdlib.h>

#define CASES 3000

static const struct decide_time now = {
	.wall_us = INT64_C(1764064800000000), /* 2025-11-25 10:00 UTC */
	.boot_us = UINT64_C(3600000000),
};

static inline uint64_t
props_from_env(const char *name, uint64_t or)
{
	const char *s = getenv(name);
	uint64_t v;

	return s && str_to_u64(s, &v) == 0 ? v : or ;
}

static inline uint64_t
props_first_seed(void)
{
	uint64_t seed = props_from_env("PROPS_SEED", 1);

	tap_note("PROPS_SEED=%llu", (unsigned long long)seed);
	return seed;
}

#define EACH_CASE(seed)                                                        \
	for (uint64_t seed = props_first_seed(),                               \
		      seed_end = seed + props_from_env("PROPS_CASES", CASES);  \
	     seed < seed_end; seed++)
#define WRONG(seed, ...)                                                       \
	do {                                                                   \
		tap_note(__VA_ARGS__);                                         \
		FAIL("PROPS_SEED=%llu PROPS_CASES=1",                          \
		     (unsigned long long)(seed));                              \
	} while (0)

static inline struct decision
decided(const struct policy *p, const struct request *rq)
{
	struct decision d;

	decide(p, rq, NULL, &now, &d);
	return d;
}
