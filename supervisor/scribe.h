#pragma once
/*
 * A box's end of the audit trail: its channel to the writer (audit/client.h)
 * with what a supervisor needs around it. Two kinds of records:
 *
 *   asked   an intent. Nothing happens before it is acknowledged; it is not
 *           kept: refused, lost with the writer or late, it is reported and
 *           what it was for is denied.
 *   told    what happened. Kept until it is acknowledged: sent again when the
 *           writer comes back, tried again while its disk is full. At most
 *           SCRIBE_KEPT_MAX of them and SCRIBE_KEPT_BYTES; what is beyond is
 *           counted and said.
 */
#include "audit/record.h"
#include "audit/wire.h"
#include "lib/err.h"

#define SCRIBE_KEPT_MAX 1024u
#define SCRIBE_KEPT_BYTES (1024u * 1024)
#define SCRIBE_ASK_US                                                          \
	10000000u		/* an answer that comes later counts as none   \
				 */
#define SCRIBE_RETRY_US 250000u /* at most between attempts */

struct scribe;
struct event_base;

/* Connects, and starts the writer where none listens. */
int scribe_new(const char *writer, struct scribe **ret, struct err *e);
/* How long who asks waits, instead of SCRIBE_ASK_US. */
void scribe_patience(struct scribe *t, uint64_t us);
/* What was not acknowledged may be lost. Accepts NULL. */
void scribe_free(struct scribe *t);

/* Who speaks; once. Does not wait. */
int scribe_open(struct scribe *t, const struct fields *channel, struct err *e);
/* HMAC-SHA-256 with the log's key; -EPIPE while there is no writer. */
int scribe_digest(struct scribe *t, const void *p, size_t n,
		  uint8_t ret[RECORD_HASH_LEN]);
/* Keeps data in the log under its SHA-256, which it returns. Waits, at most a
 * second. */
int scribe_blob(struct scribe *t, const void *data, size_t len,
		uint8_t ret[RECORD_HASH_LEN], struct err *e);

/* Does the log keep what has that digest, which is the caller's to fill in? The
 * writer looks between the two; 1: it does, 0: scribe_blob() has to send it. */
struct scribe_blob {
	uint8_t digest[RECORD_HASH_LEN];
	bool known;
	int status;
};
int scribe_blob_begin(struct scribe *t, struct scribe_blob *b, struct err *e);
int scribe_blob_end(struct scribe *t, struct scribe_blob *b, struct err *e);

/* Called once, from the loop or scribe_until(): seq, or 0 and a negative errno
 * (-ETIMEDOUT: nobody knows; should it be recorded after all, an outcome
 * "denied" follows by itself). */
typedef void scribe_done(void *arg, uint64_t seq, int status);
/* Asks. A negative return: done is not called. -EPIPE: the writer is away. */
int scribe_ask(struct scribe *t, enum record_type type, const struct fields *f,
	       unsigned int flags, scribe_done *done, void *arg);
/* Would it be heard now? Else something has to be acknowledged first. */
bool scribe_ready(const struct scribe *t);
/* Would it be heard as soon as the writer, which works, has acknowledged what
 * it has? Then on_room is called when that may be so: once, from the loop. */
bool scribe_is_busy(struct scribe *t);
void scribe_on_room(struct scribe *t, void (*on_room)(void *arg), void *arg);
/* Is there room for what is to be told? Half of it is kept for what cannot
 * wait. */
bool scribe_room(const struct scribe *t);
/* Tells; ref may be 0. outcome (or NULL): of the intent f, sent with its
 * number. */
void scribe_tell(struct scribe *t, enum record_type type, uint64_t ref,
		 const struct fields *f, unsigned int flags,
		 const struct fields *outcome);

/* Serves the channel from a loop; base NULL: no more. */
int scribe_watch(struct scribe *t, struct event_base *base, struct err *e);
/* Serves it until *done or the time is over (-ETIMEDOUT). */
int scribe_until(struct scribe *t, const bool *done, uint64_t timeout_us,
		 struct err *e);
/* Until nothing is left; returns how many records are. */
size_t scribe_flush(struct scribe *t, uint64_t timeout_us);
/* Records that were told and will never be in the log. */
uint64_t scribe_lost(const struct scribe *t);
/* 0, or why nothing is recorded at the moment. */
int scribe_state(const struct scribe *t);
/* An empty set of fields to fill in; one at a time. */
struct fields *scribe_fields(struct scribe *t);

const char *scribe_status_text(int status);
/* For people: why a record was refused, with the cure. */
int scribe_refused(int status, struct err *e);
