#pragma once
/* A writer's loop in a child, on a log of tests (store_log.h), and clients of
 * it. */
#include "audit/server.h"
#include "audit/wire.h"
#include "tests/tools/store_log.h"

struct at {
	struct store_log *log; /* shared with the child: faults, config */
	pid_t pid;
	int end; /* closing it ends the loop */
	uint64_t resume_us;
};

/* A new log; its config may be changed before at_start(). */
void at_begin(struct at *a);
void at_start(struct at *a);
/* A clean end; it must have been one. */
void at_stop(struct at *a);
void at_kill(struct at *a);
/* Stops, checks the log, closes. */
void at_end(struct at *a, struct log_seen *ret);
/* The child waits for nothing any more: what was sent is done. */
void at_settle(struct at *a);

/* A connection and the answers that came on it. */
struct link {
	int fd;
	struct wire_ack ack[WIRE_ACKS_MAX];
	size_t n, at;
};

void wlink_new(struct at *a, struct link *l);
void wlink_close(struct link *l);
/* Sends an operation without fields, fd along if it is not negative. */
void wlink_op(struct link *l, enum wire_op op, uint64_t cookie);
void wlink_open(struct link *l, const char *agent, const char *run,
		unsigned int flags, uint64_t cookie, int fd);
void wlink_send(struct link *l, enum record_type type, uint64_t ref,
		const struct fields *f, unsigned int flags, uint64_t cookie);
/* The next acknowledgement. */
struct wire_ack wlink_ack(struct link *l);
/* True: the other side has closed. */
bool wlink_is_over(struct link *l);

/* With what each type needs. An intent that goes ahead. */
void intent(struct fields *f, bool ahead);
void outcome(struct fields *f);
/* A connection that is a channel. */
void wlink_channel(struct at *a, struct link *l, const char *agent,
		   const char *run);
/* Sends, waits: the seq, or the negative status. */
int64_t wlink_record(struct link *l, enum record_type type, uint64_t ref,
		     const struct fields *f, unsigned int flags);
int64_t wlink_intent(struct link *l, unsigned int flags);
int64_t wlink_outcome(struct link *l, uint64_t ref);
/* STATUS, parsed by hand: the number behind "name":. */
int64_t wlink_status(struct at *a, const char *name);
