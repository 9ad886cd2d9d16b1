#pragma once
/*
 * Is this log whole and unchanged? Needs the folder and the public key, nothing
 * of agentbox's state. Checks every frame, number, hash, signature, Merkle
 * root, that files follow each other, that what retention removed was removed
 * from the front and announced, that the log reaches as far as the last
 * checkpoint (file head, and notes kept elsewhere) says, that each outcome has
 * its intent and only one.
 *
 * The place that is named is the first record that is not what it was: its seq
 * is the number that the chain expects there, also where the bytes say another
 * one or are missing. Only where somebody has made a new chain that holds
 * within itself is it the first checkpoint, note or MAC that contradicts it;
 * the text then says from which record on nothing is sure.
 *
 * A signature covers all that is before it, so only the last one of each file
 * is checked, and each one where that does not hold.
 */
#include "audit/note.h"
#include "audit/record.h"
#include "lib/err.h"

#include <stdbool.h>

struct verify_options {
	const uint8_t *public_key; /* NOTE_KEY_LEN bytes; required */
	const uint8_t *log; /* NOTE_LOG_LEN bytes, the log's id; or NULL */
	const uint8_t *start_key; /* first MAC key, 32 bytes; or NULL */
	/* Checkpoints kept elsewhere, of note_parse(). Each was given away when
	 * its record was in the log, so that must be there too. */
	const struct note *notes;
	size_t n_notes;
	bool live; /* a writer may be at work: a frame that is not whole yet at
		      the very end, a new file without a record, a log that no
		      checkpoint covers yet are no fault */
};

enum verify_fault {
	VERIFY_OK,
	VERIFY_FRAME, /* bytes that are no record */
	VERIFY_SEQ,   /* a record is missing, twice or moved */
	VERIFY_HASH,  /* changed */
	VERIFY_MAC,
	VERIFY_FIELDS,	   /* right hash, wrong content: a writer's fault */
	VERIFY_SEGMENT,	   /* a file is missing, or not where its name says */
	VERIFY_CHECKPOINT, /* signature, root or numbers of a checkpoint; or
			      there is none */
	VERIFY_SHORT,	   /* ends before what a checkpoint has seen */
	VERIFY_NOTE,	   /* a note kept elsewhere tells of another history */
	VERIFY_EMPTY,	   /* no log here */
	VERIFY_READ,	   /* cannot be read */
	VERIFY_FAULT_MAX
};

struct verify_report {
	enum verify_fault fault;
	/* the first bad place */
	uint64_t seq;	 /* of the record that is bad or missing; or 0 */
	uint64_t offset; /* in the file */
	char file[64];
	char text[256]; /* one sentence */
	/* what was seen */
	uint8_t log[NOTE_LOG_LEN];
	uint64_t first, last; /* seq */
	uint64_t records, bytes, segments, checkpoints;
	uint64_t covered; /* the last seq that a good checkpoint covers */
	uint64_t restarts, gaps, gap_records;
	uint64_t expired; /* files that log.expire says were removed */
	uint64_t intents, outcomes; /* outcomes of intents that were seen */
	uint64_t open_actions;	    /* intents without outcome at the end */
	uint64_t uncovered; /* records after the last checkpoint, but for
			       checkpoints */
	uint64_t first_us, last_us; /* times of the first and last record */
	uint64_t head;	    /* size that the file head tells of; 0: no file */
	uint64_t notes;	    /* kept elsewhere, that agree */
	uint64_t notes_old; /* of before the first record: not to be checked */
	uint8_t root[RECORD_HASH_LEN]; /* of the Merkle tree of all records */
	bool macs;		       /* MACs were checked */
	bool follows; /* it says that it follows a damaged log: */
	uint8_t former[NOTE_LOG_LEN];
};

/* 0 whatever was found (see report.fault); negative errno only where the check
 * itself failed (out of memory). dirfd: audit/, or a folder of .seg files. */
int verify_log(int dirfd, const struct verify_options *o,
	       struct verify_report *ret, struct err *e);
const char *verify_fault_name(enum verify_fault f);
