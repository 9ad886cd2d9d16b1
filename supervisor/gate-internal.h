#pragma once
/* Shared by the gate*.c files and nobody else. */
#include "supervisor/gate.h"

#include "audit/record.h"
#include "supervisor/scribe.h"

/* What is known of the decision under way. */
struct gate_turn {
	struct gate_call *call; /* NULL: canceled */
	struct request rq;
	struct decision d;
	struct decide_time now;
	const struct policy_epoch *epoch; /* the gate's */
	uint64_t labels;		  /* of the run, when it was made */
	bool resync; /* the record says what the counters were before */
	uint8_t usage[RECORD_HASH_LEN];
	bool goes_ahead;
	int trigger;
	size_t json_len;
	char json[GATE_JSON_MAX / 2];
	char inputs[GATE_JSON_MAX / 2];
	char truths[GATE_JSON_MAX / 4];
};

/* gate_fields.c: the intent of a turn. */
struct gate_turn_by {
	uid_t uid;
	pid_t pid;
};
int gate_fields(struct scribe *scribe, struct gate_turn *t,
		const struct gate_turn_by *by, struct fields *f);
/* "a","b" as a JSON list. */
void gate_labels_field(struct fields *f, enum field_id id,
		       const struct policy *p, uint64_t labels);
/* The flags of its record. */
unsigned int gate_flags(const struct gate_turn *t);
