#pragma once
/*
 * Logs to ask questions of, large ones too: agents with runs, intents of a few
 * kinds and their outcomes, in files that begin as a writer's do. The same spec
 * makes the same bytes. Checkpoints it has none: whether a log is whole is not
 * what is asked here.
 */
#include <stdint.h>

struct query_log_spec {
	uint64_t records;
	uint64_t per_file;   /* records in a file; 0: all in one */
	unsigned int agents; /* "agent-0" ...; at least 1 */
	unsigned int runs;   /* of each: "run-<agent>-<n>"; at least 1 */
	unsigned int rules;  /* "rule-0" ...; at least 1 */
	uint64_t first_us;   /* time of the first record */
	uint64_t step_us;    /* between two */
	unsigned int log;    /* another number: another log */
};

/* Into dir/log; have: how many are there already, of the same spec but for
 * .records. Pairs and the beginnings of files are made whole, so it may be some
 * more than .records. Returns how many there are; aborts where it cannot. */
uint64_t query_log_make(const char *dir, const struct query_log_spec *s,
			uint64_t have);
