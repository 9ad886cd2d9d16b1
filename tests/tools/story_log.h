#pragma once
/*
 * Logs with whole runs in them, as a supervisor and a writer make them: who,
 * policies with their blobs, decisions with inputs and counters, outcomes, life
 * and end. Chained and in files, without checkpoints.
 */
#include "audit/chain.h"
#include "policy/decide.h"
#include "policy/inputs.h"

#include <stdio.h>

#define STORY_RUNS 8

struct story_run {
	char name[32];	  /* of the run; its agent is "agent-" and name */
	uint64_t channel; /* 0: has ended */
	uint64_t first;	  /* its first channel record */
	const struct policy *p;
	uint8_t blob[32];
	uint64_t epoch;
	struct usage *usage;
	bool resync;	    /* something was counted that is not in the log */
	const char *parent; /* or NULL */
};

struct story {
	char dir[256]; /* stands for audit/ */
	FILE *f;
	struct chain chain;
	struct chain_hash *hash;
	struct chain_key key;
	struct fields fields;
	struct decide_time at; /* of the next record */
	struct story_run run[STORY_RUNS];
	struct inputs in;
	char doc[16384], truths[16384], json[32768];
	/* Makes an intent wrong before it is written; or NULL. */
	void (*spoil)(void *arg, struct fields *f);
	void *arg;
};

/* Into dir, which is there and empty. Aborts where it cannot. */
void story_begin(struct story *s, const char *dir);
void story_end(struct story *s);
/* A new file: channels of runs that go on are said again. */
void story_rotate(struct story *s);

/* s->fields as a record; empties them. Returns its seq. */
uint64_t story_put(struct story *s, enum record_type type, uint64_t channel,
		   uint64_t ref);
/* Keeps data under its SHA-256. */
void story_blob(struct story *s, const void *data, size_t len, uint8_t ret[32]);

/* Channel, policy.load and the intent of box.start, whose seq it returns. p is
 * borrowed until the end of the run. */
uint64_t story_run_begin(struct story *s, struct story_run *r, const char *name,
			 const struct policy *p);
/* Another policy; counters begin anew if it says something else. */
void story_reload(struct story *s, struct story_run *r, const struct policy *p);
/* Decides, counts, records. Returns the seq. */
uint64_t story_decide(struct story *s, struct story_run *r,
		      const struct request *rq, struct decision *ret);
/* The same, but the record was lost: the next one says the counters. */
void story_lose(struct story *s, struct story_run *r, const struct request *rq);
uint64_t story_outcome(struct story *s, struct story_run *r, uint64_t intent,
		       const char *status);
void story_run_end(struct story *s, struct story_run *r, uint64_t start,
		   const char *status);
