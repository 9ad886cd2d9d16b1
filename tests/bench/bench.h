#pragma once
/* Shared by the measuring programs: the clock, percentiles, giving up. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t
bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int
bench_by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Sorts v. percent of 0 to 100; 0 when there is no sample. */
static inline uint64_t
bench_percentile(uint64_t *v, size_t n, unsigned int percent)
{
	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), bench_by_value);
	return v[(n - 1) * percent / 100];
}

/* "program: what: strerror", and the end. */
#define bench_die(what)                                                        \
	do {                                                                   \
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, \
			what, strerror(errno));                                \
		_exit(2);                                                      \
	} while (0)
