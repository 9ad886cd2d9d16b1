#pragma once
/*
 * What others would do to keep records: one line appended and synced for each,
 * or a row of SQLite. For the benchmark.
 */
#include <stddef.h>
#include <stdint.h>

#define RIVAL_RECORD 300u /* bytes */

enum rival { RIVAL_PLAIN, RIVAL_SQLITE_FULL, RIVAL_SQLITE_NORMAL };

struct rival_work {
	enum rival rival;
	const char *file;
	uint64_t from_us, until_us; /* CLOCK_MONOTONIC */
	uint64_t *latency_ns;
	size_t latency_max;
};

/* Makes the file, which others then share. 0 or negative errno. */
int rival_prepare(enum rival rival, const char *file);
/* Until until_us. *ret_n: records between from_us and then; as many latencies,
 * latency_max at most. */
int rival_run(const struct rival_work *w, uint64_t *ret_n);
