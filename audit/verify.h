#pragma once
/*
 * Is this log whole and unchanged? Needs the folder and the public key, nothing
 * of agentbox's state. Checks every frame, number, hash, signature, Merkle
 * root, that files follow each other, that what retention removed was removed
 * from the front and announced, that the log reaches as far as the last
 * checkpoint (file head, and notes kept elsewhere) says, that each outcome has
 * its intent and only one.
 */
#include "audit/note.h"
#include "audit/record.h"
#include "lib/err.h"

#include <stdbool.h>

struct verify_options {
	const uint8_t *public_key; /* NOTE_KEY_LEN bytes; required */
	const uint8_t *start_key;  /* first MAC key, 32 bytes; or NULL */
	const struct note *notes;  /* checkpoints kept elsewhere */
	size_t n_notes;
	bool live; /* a writer may be at work: a frame that is not whole yet at
		      the very end is no fault */
};

enum verify_fault {
	VERIFY_OK,
	VERIFY_FRAME, /* bytes that are no record */
	VERIFY_SEQ,   /* a record is missing, twice or moved */
	VERIFY_HASH,  /* changed */
	VERIFY_MAC,
	VERIFY_FIELDS,	   /* right hash, wrong content: a writer's fault */
	VERIFY_SEGMENT,	   /* a file is missing, or not where its name says */
	VERIFY_CHECKPOINT, /* signature, root or numbers of a checkpoint */
	VERIFY_SHORT,	   /* ends before what a checkpoint has seen */
	VERIFY_NOTE,	   /* a note kept elsewhere tells of another history */
	VERIFY_EMPTY,	   /* no log here */
	VERIFY_READ,	   /* cannot be read */
	VERIFY_FAULT_MAX
};

struct verify_report {
	enum verify_fault fault;
	/* the first bad place */
	uint64_t seq;	 /* of the record that is bad or missing */
	uint64_t offset; /* in the file */
	char file[64];
	char text[256]; /* one sentence */
	/* what was seen */
	uint8_t log[NOTE_LOG_LEN];
	uint64_t first, last; /* seq */
	uint64_t records, bytes, segments, checkpoints;
	uint64_t restarts, gaps, gap_records, expired;
	uint64_t intents, outcomes; /* outcomes of intents that were seen */
	uint64_t open_actions;	    /* intents without outcome at the end */
	uint64_t uncovered;	    /* records after the last checkpoint */
	uint64_t first_us, last_us; /* times of the first and last record */
	bool macs;		    /* MACs were checked */
};

/* 0 whatever was found (see report.fault); negative errno only where the check
 * itself failed (out of memory). dirfd: audit/, or a folder of .seg files. */
int verify_log(int dirfd, const struct verify_options *o,
	       struct verify_report *ret, struct err *e);
const char *verify_fault_name(enum verify_fault f);
