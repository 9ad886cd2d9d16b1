#pragma once
/*
 * The gate: every action that is decided on, and not held by the kernel, goes
 * through here. It decides, counts, records, and only then answers. No record,
 * no effect: an intent that the writer did not take is denied, with the reason
 * "no-record".
 *
 * Decisions are made, counted and sent in one order, so that the log alone says
 * what the counters were when each was made; up to GATE_FLIGHT_MAX of them are
 * on their way to the log at once. When one is refused there, those behind it,
 * which counted it, are denied too. Who the run is (/run/...) is the gate's
 * word, never the caller's.
 */
#include "lib/err.h"
#include "policy/decide.h"
#include "policy/store.h"

#include <sys/types.h>

#define GATE_FLIGHT_MAX 64 /* decisions on their way to the log */
#define GATE_QUEUE_MAX 64  /* decisions that wait; more are denied */
#define GATE_OPEN_MAX 512  /* actions without outcome; more are denied */
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
	const struct decision *decision;
	const struct policy *policy; /* that it was made by */
};

/* The caller's, until done: it is called once, perhaps from within
 * gate_begin(). An action that goes ahead is owed a gate_end(). */
struct gate_call {
	const struct request *request; /* until it is decided on */
	uid_t by_uid;
	pid_t by_pid;
	void (*done)(struct gate_call *c, const struct gate_action *a);
	struct gate_call *next; /* the gate's, as the rest */
	const char *reason, *detail;
};
void gate_begin(struct gate *g, struct gate_call *c);
/* Something was refused before it could be decided on, since it has no one
 * meaning: recorded as a denied action with that reason, a word, and a detail
 * for people; both are borrowed as the request is. */
void gate_refuse(struct gate *g, struct gate_call *c, const char *reason,
		 const char *detail);
/* Would gate_begin() be heard now, rather than be denied for being too much? */
bool gate_ready(const struct gate *g);
/* What a decision would be made by now, for looking ahead: nothing is counted
 * or recorded. Who the run is goes into rq; that and the rest hold until the
 * gate is next called. */
struct gate_view {
	const struct policy *policy;
	const struct usage *usage;
	struct decide_time now;
};
int gate_look(struct gate *g, struct request *rq, struct gate_view *ret);
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
/* Something more about an action that has its outcome: what, a word such as
 * "network.closed". Its labels are not looked at. */
void gate_tell(struct gate *g, uint64_t action, const char *what,
	       const struct gate_outcome *o);
/* Is there room for more to be told now? What is told without is kept as far as
 * SCRIBE_KEPT_MAX goes. */
bool gate_can_tell(const struct gate *g);
/* Actions that are open, and decisions so far. */
size_t gate_open(const struct gate *g);
uint64_t gate_decisions(const struct gate *g);
