#pragma once
/* A log for tests: its folder, its clocks, and a check of what is on disk. */
#include "audit/store.h"
#include "tests/tap.h"

/* Calls that can fail. */
enum log_call {
	CALL_WRITE,
	CALL_DATASYNC,
	CALL_SYNC,
	CALL_TRUNCATE,
	CALL_OPEN,
	CALL_ALLOCATE,
	CALL_RENAME,
	CALL_UNLINK,
	CALL_MAX
};

/* From call number `from` on (counted from 0, of all calls in `which`),
 * `times` of them fail. A write that fails writes `part` bytes before. */
struct log_fault {
	unsigned int which; /* 1 << enum log_call; 0: none */
	uint64_t from, times;
	int error;
	size_t part;
	/* a failed sync of a file of the log loses what was not synced */
	bool lose;
	uint64_t calls, failed; /* so far */
	off_t synced;		/* bytes of the file that was synced last */
};

struct store_log {
	int dirfd;
	struct log_fault fault;
	struct audit_config config;
	struct store_io io;
	struct store_now now;
	struct store *s;
};

/* A new folder, and settings that suit tests; no log yet. */
void log_prepare(struct store_log *l);
/* The same, and a new log. */
void log_begin(struct store_log *l);
/* Sets the fault, and counts from 0 again. */
void log_fail(struct store_log *l, unsigned int which, uint64_t from,
	      uint64_t times, int error);
void log_heal(struct store_log *l);
/* Passes time; ticks. */
bool log_tick(struct store_log *l, uint64_t us, char *ret_note);
/* Opens it again, or fails the test. */
void log_open(struct store_log *l);
int log_try_open(struct store_log *l, struct err *e);
/* As kill -9: what was written is there, nothing else happens. */
void log_kill(struct store_log *l);
void log_stop(struct store_log *l);
/* Checks the whole log and closes the folder. */
void log_end(struct store_log *l);

/* One record with the fields its type needs. Returns the seq. */
uint64_t log_add(struct store_log *l, enum record_type type, uint64_t ref,
		 bool owed);
/* A lifecycle record with a number in it (FIELD_STEP). */
uint64_t log_add_step(struct store_log *l, uint64_t step, bool owed);
/* Reads all files, checks the chain, MACs, checkpoints, and counts. */
struct log_seen {
	uint64_t records, files, checkpoints, gaps, refused, restarts, expires;
	uint64_t last; /* seq */
};
void log_check(struct store_log *l, struct log_seen *ret);
/* The same, and fn sees each record. */
typedef void log_fn(void *arg, const struct record *r);
void log_each(struct store_log *l, log_fn *fn, void *arg);
/* The type of the record with this seq in the files; 0: it is not there. */
unsigned int log_type(struct store_log *l, uint64_t seq);
