#pragma once
/*
 * The gate: every action that is decided on, and not held by the kernel, goes
 * through here. It decides, counts, records, and only then answers. No record,
 * no effect: an intent that the writer did not take is denied, with the reason
 * "no-record".
 *
 * One decision of a box is under way at a time, the others wait in order, so
 * that the log alone says what the counters were when each was made. Who the
 * run is (/run/...) is the gate's word, never the caller's.
 */
#include "lib/err.h"
#include "policy/decide.h"
#include "policy/store.h"

#include <sys/types.h>

#define GATE_QUEUE_MAX 64 /* decisions that wait; more are denied */
#define GATE_OPEN_MAX 512 /* actions without outcome; more are denied */
#define GATE_DETAIL_MAX 1024u
#define GATE_JSON_MAX (48u * 1024)

struct gate;
struct scribe;

struct gate_options {
	struct policy_store *policies;
	struct scribe
		*scribe; /* NULL: the host says that nothing is recorded */
	/* Of the run. */
	const char *id, *agent, *owner, *role, *purpose;
	uint64_t started_us; /* CLOCK_BOOTTIME */
	/* A freeze trigger fired: stop the box now. */
	void (*freeze)(void *arg, const char *trigger);
	void *arg;
};

int gate_new(const struct gate_options *o, struct gate **ret, struct err *e);
/* Calls that wait are not called back. Accepts NULL. */
void gate_free(struct gate *g);

struct gate_action {
	uint64_t id; /* for gate_end(); 0: there is no record of it */
	bool goes_ahead;
	int refused;	  /* negative errno: why there is no record */
	const char *json; /* decision record; "" when refused */
	struct decision *decision;
};

/* The caller's, until done: it is called once, perhaps from within
 * gate_begin(). An action that goes ahead is owed a gate_end(). */
struct gate_call {
	const struct request *request;
	uid_t by_uid;
	pid_t by_pid;
	void (*done)(struct gate_call *c, const struct gate_action *a);
	struct gate_call *next; /* the gate's */
};
void gate_begin(struct gate *g, struct gate_call *c);
/* Who called is gone: done is not called any more; if the action would have
 * gone ahead, its outcome is "denied". */
void gate_cancel(struct gate *g, struct gate_call *c);

struct gate_outcome {
	const char *status; /* ok, error, denied, timeout, killed, unknown */
	const char *error, *detail; /* or NULL */
	const void *result;	    /* only its digest is kept; or NULL */
	size_t result_len;
	int64_t bytes_in, bytes_out; /* below 0: not said */
	const char *const *labels;   /* that the run has from now on; or NULL */
	size_t n_labels;
};
/* -ENOENT: no such action is open. -EINVAL: a label or status that does not
 * exist. */
int gate_end(struct gate *g, uint64_t action, const struct gate_outcome *o,
	     struct err *e);
/* Actions that are open, and decisions so far. */
size_t gate_open(const struct gate *g);
uint64_t gate_decisions(const struct gate *g);
