#pragma once
/*
 * Makes logs for tests, record by record and not through the store: the same
 * seed makes the same bytes. In dir: log/, head, public.key, as in a writer's
 * folder. Records of all types; each intent that goes ahead gets its outcome
 * but for the last few.
 */
#include "audit/chain.h"
#include "audit/note.h"

struct audit_log_spec {
	uint64_t records;	 /* about that many; the last are log.stop and
				    its checkpoint */
	uint64_t seed;		 /* also of all keys */
	uint64_t per_file;	 /* records in a file; 0: all */
	uint64_t per_checkpoint; /* records before a checkpoint; 0: 64 */
	bool no_end;		 /* without log.stop and what follows it */
	bool big;		 /* now and then a record of many KiB */
	bool expire; /* from the third file on: log.expire of the one before
			the last */
	/* May change any record before it is sealed: faults of a writer. */
	void (*change)(void *arg, struct record_head *h, struct fields *f);
	void *arg;
};

struct audit_log_place {
	uint64_t file; /* first seq of its file */
	uint64_t offset;
	uint32_t size;
	uint16_t type;
};

struct audit_log {
	uint8_t log[NOTE_LOG_LEN], seed[NOTE_KEY_LEN], public[NOTE_KEY_LEN];
	uint8_t start_key[CHAIN_KEY_LEN];
	struct audit_log_place *place; /* [i]: of record i + 1 */
	uint64_t n;
	struct note *note; /* all checkpoints, in order */
	size_t n_notes;
};

/* Aborts where it cannot. */
void audit_log_make(const char *dir, const struct audit_log_spec *s,
		    struct audit_log *ret);
void audit_log_done(struct audit_log *l);

/* "00000000000000000001.seg"; buf has 32 bytes. */
const char *audit_log_file(uint64_t first, char *buf);
/* A frame, made new around the fields of another one, sealed as the next of the
 * chain: what an attacker can do who has no keys (k NULL: MAC of a wrong key)
 * or who has. out has RECORD_MAX bytes. Returns its size. */
size_t audit_log_reseal(struct chain *c, struct chain_hash *h,
			const struct chain_key *k, const struct record *r,
			uint8_t *out);
/* A proof of one record under the last checkpoint, out of the files in dir;
 * freed by the caller. */
char *audit_log_prove(const char *dir, const struct audit_log *l, uint64_t seq,
		      size_t *ret_len);
/* The fields of a record, and where they tell of the chain (log.segment,
 * log.checkpoint) made to fit to c; seed not NULL: signed too, as of this log.
 */
void audit_log_refit(const struct chain *c, struct chain_hash *h,
		     const struct record *r, const uint8_t *seed,
		     const uint8_t log[NOTE_LOG_LEN], struct fields *ret);
