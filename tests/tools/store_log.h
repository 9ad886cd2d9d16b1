#pragma once
/* A log for tests: its folder, its clocks, and a check of what is on disk. */
#include "audit/store.h"
#include "tests/tap.h"

struct store_log {
	int dirfd;
	struct audit_config config;
	struct store_io io;
	struct store_now now;
	struct store *s;
};

/* A new folder, a new log with settings that suit tests. */
void log_begin(struct store_log *l);
/* Opens it again, or fails the test. */
void log_open(struct store_log *l);
int log_try_open(struct store_log *l, struct err *e);
/* As kill -9: what was written is there, nothing else happens. */
void log_kill(struct store_log *l);
void log_stop(struct store_log *l);
/* Checks the whole log and closes the folder. */
void log_end(struct store_log *l);

/* One record with the fields its type needs, and some weight. Returns the seq.
 */
uint64_t log_add(struct store_log *l, enum record_type type, uint64_t ref,
		 bool owed);
/* Reads all files, checks the chain, MACs, checkpoints, and counts. */
struct log_seen {
	uint64_t records, files, checkpoints, gaps, refused, restarts, expires;
	uint64_t last; /* seq */
};
void log_check(struct store_log *l, struct log_seen *ret);
/* The type of the record with this seq in the files; 0: it is not there. */
unsigned int log_type(struct store_log *l, uint64_t seq);
