#pragma once
/*
 * How a supervisor reaches the writer: finds or starts it, opens the channel of
 * its box, sends records and waits for what must be acknowledged. Links nothing
 * heavy: it is on the way of every launch. One thread, no loop of its own:
 * client_fd() may be watched by one.
 */
#include "audit/record.h"
#include "audit/wire.h"
#include "lib/err.h"

#include <stdbool.h>

struct client;

struct client_options {
	const char *writer; /* path of agentbox-audit */
	bool start;	    /* start it where none answers */
};

/* Opens the state folder and connects; where nobody listens, the writer is
 * started (one of several starters wins; all then connect). Does not wait for
 * the answer to HELLO. Errors say what to do. */
int client_new(const struct client_options *o, struct client **ret,
	       struct err *e);
/* Sends nothing more; what was not acknowledged may be lost. Accepts NULL. */
void client_free(struct client *c);

/* Waits at most timeout_us for the HELLO. */
int client_hello(struct client *c, uint64_t timeout_us,
		 const struct wire_hello **ret, struct err *e);

/* Who speaks: fields of FROM_CHANNEL, kept for reconnecting. */
int client_open(struct client *c, const struct fields *f, struct err *e);

/* Sends one record, never blocks longer than its socket buffer needs. Returns
 * the cookie (> 0). done (may be NULL) is called from client_process() or
 * client_wait() with the seq, or 0 and a negative status. */
typedef void client_done(void *arg, uint64_t seq, int status);
int64_t client_send(struct client *c, enum record_type type, uint64_t ref,
		    const struct fields *f, unsigned int flags,
		    client_done *done, void *arg, struct err *e);
/* From now on (or not any more) what client_send() is given is put together,
 * and goes out with client_push(), with whatever waits for an answer, or when
 * it becomes much. One call of the kernel's for many records, and the writer
 * wakes up for all of them. */
void client_gather(struct client *c, bool on);
/* 0; -EPIPE: the writer is gone, or does not read. */
int client_push(struct client *c, struct err *e);
/* The same as client_send() and waits: the seq (> 0), or negative errno with a
 * text that a person understands: full disk, quota, writer gone. After a
 * writer's death it is started again, once, and the channel resumed. */
int64_t client_record(struct client *c, enum record_type type, uint64_t ref,
		      const struct fields *f, unsigned int flags,
		      uint64_t timeout_us, struct err *e);
/* Until all that was sent is acknowledged (or refused). */
int client_flush(struct client *c, uint64_t timeout_us, struct err *e);

/* Keeps data in the log under its SHA-256 (given), unless it is there. */
int client_blob(struct client *c, const uint8_t digest[RECORD_HASH_LEN],
		const void *data, size_t len, uint64_t timeout_us,
		struct err *e);
/* Only asks whether it is there, and does not wait: done hears 0 or -ENOENT. */
int client_blob_ask(struct client *c, const uint8_t digest[RECORD_HASH_LEN],
		    client_done *done, void *arg, struct err *e);
/* JSON of the writer's state; freed by the caller. */
int client_status(struct client *c, uint64_t timeout_us, char **ret,
		  struct err *e);
/* WIRE_CHECKPOINT or WIRE_ROTATE, and waits. */
int client_command(struct client *c, enum wire_op op, uint64_t timeout_us,
		   struct err *e);

int client_fd(const struct client *c);
/* Reads what is there. 0; -EPIPE: the writer is gone (client_reconnect()). */
int client_process(struct client *c, struct err *e);
/* Starts the writer if need be and resumes the channel; open records that were
 * not acknowledged are reported as failed (-EPIPE) before. */
int client_reconnect(struct client *c, struct err *e);

/* From now on client_reconnect() only connects, and does not wait for a writer
 * to start: for who has other things to do meanwhile. */
void client_no_start(struct client *c);
/* Begins to start one, and does not wait. Returns the pid, a child that ends
 * soon and is the caller's to wait for. */
int client_launch(struct client *c, struct err *e);

/* What a status means, for people: "the disk of the audit log is full". */
const char *client_status_text(int status);
/* HMAC-SHA-256 with the log's digest key (libmd; no allocation). */
void client_digest(const uint8_t key[32], const void *p, size_t n,
		   uint8_t ret[RECORD_HASH_LEN]);
