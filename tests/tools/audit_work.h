#pragma once
/*
 * One supervisor-like client of the audit log's writer, which records actions
 * as fast as it is answered and notes what was acknowledged, after the
 * acknowledgement. For tests that kill the writer or fill its disk, and for the
 * benchmark.
 */
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_WORK_WINDOW_MAX 256u

struct audit_work {
	const char *writer; /* its path; NULL: it must be there already */
	const char *agent, *run;
	unsigned int window; /* actions at the same time */
	bool durable, outcomes;
	bool stay;		/* comes back when the writer is gone */
	uint64_t actions;	/* ends after so many; 0: no bound */
	uint64_t until_us;	/* CLOCK_MONOTONIC; 0: no bound */
	const char *while_file; /* ends when this is gone; or NULL */
	uint64_t patience_us;	/* how long a writer may be gone */
	size_t bytes;		/* of text in each intent */
	bool told; /* intents do not go ahead, so that nothing is owed */
	/* CLOCK_MONOTONIC: what is acknowledged before is not measured */
	uint64_t from_us;
	/* Lines, or -1: "i SEQ N" and "o SEQ REF" for what was acknowledged;
	 * "r STATUS N" refused; "s STATUS REF" an outcome that the log has
	 * already; "u N" nobody said. The target of intent N is RUN/N. */
	int acked_fd;
	uint64_t *latency_ns; /* of measured intents, latency_max of them */
	size_t latency_max;
};

struct audit_work_count {
	uint64_t intents, outcomes, refused, unknown, returns;
	int refusal;	   /* the last one */
	uint64_t measured; /* intents after from_us */
	size_t n_latency;
};

/* Until it is done and nothing is owed. Negative errno: the writer is gone, or
 * cannot be reached. */
int audit_work(const struct audit_work *o, struct audit_work_count *ret,
	       struct err *e);
