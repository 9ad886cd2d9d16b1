#pragma once
/* Shared by the gate*.c files and nobody else. */
#include "supervisor/gate.h"

#include "audit/record.h"
#include "supervisor/scribe.h"

#include <time.h>

/* What is known of a decision while it is made; one at a time. */
struct gate_turn {
	const struct gate_call *call;
	struct request rq;
	const char *reason, *detail; /* gate_refuse(): instead of a decision */
	struct decision d;
	struct decide_time now;
	const struct policy_epoch *epoch; /* the gate's */
	uint64_t labels;		  /* of the run, when it was made */
	bool resync; /* the record says what the counters were before */
	uint8_t usage[RECORD_HASH_LEN];
	bool goes_ahead;
	size_t json_len;
	char json[GATE_JSON_MAX / 2];
	char inputs[GATE_JSON_MAX / 2];
	char truths[GATE_JSON_MAX / 4];
};

/* gate_fields.c: the intent of a turn. */
int gate_fields(struct scribe *scribe, struct gate_turn *t, struct fields *f);
/* "a","b" as a JSON list. */
void gate_labels_field(struct fields *f, enum field_id id,
		       const struct policy *p, uint64_t labels);
/* The flags of its record. */
unsigned int gate_flags(const struct gate_turn *t);

/* A decision whose record is on its way. */
struct flight {
	struct flight *next; /* in the order of sending */
	struct gate *gate;
	struct gate_call *call;		  /* NULL: canceled */
	const struct policy_epoch *epoch; /* held */
	struct decision d;
	bool goes_ahead, resync;
	bool behind; /* one before it was refused */
	int trigger; /* or -1 */
	char json[]; /* decision record, NUL terminated */
};

struct open_action {
	uint64_t id, since_us;
	uint64_t labels_clear;
};

enum gate_who { WHO_ID, WHO_AGENT, WHO_OWNER, WHO_ROLE, WHO_PURPOSE, WHO_MAX };

struct gate {
	struct gate_options o; /* its strings are in who */
	char *who[WHO_MAX];    /* NULL: not said */
	struct usage *usage;
	size_t usage_size;
	const struct policy_epoch
		*epoch;	 /* held: what usage and labels are of */
	uint64_t labels; /* of the run */
	bool resync;
	struct value label[POLICY_LABELS_MAX];
	struct gate_call *first, **last;
	size_t n_waiting;
	struct flight *flights, **last_flight;
	size_t n_flights;
	bool pumping;
	uint64_t decisions;
	size_t n_open;
	struct open_action open[GATE_OPEN_MAX];
	struct gate_turn turn;
};

uint64_t gate_clock(clockid_t id); /* microseconds */
void gate_pump(struct gate *g);

/* gate_flight.c */
struct flight *gate_flight_new(struct gate *g, struct gate_call *c);
void gate_flight_free(struct flight *fl);
/* It will never arrive: denied. */
void gate_flight_refuse(struct flight *fl, int status);
/* Where nothing is recorded, at once; else from gate_on_record(). */
void gate_flight_recorded(struct flight *fl, uint64_t seq);
void gate_on_record(void *arg, uint64_t seq, int status);
void gate_say_trigger(const struct flight *fl, uint64_t seq);
