#pragma once
/* Shared by the scribe*.c files and nobody else. */
#include "supervisor/scribe.h"

#include "audit/client.h"

/* Fewer than the client has places for. */
#define SCRIBE_IN_FLIGHT_MAX 256u
#define SCRIBE_PAUSE_US 4000u
#define SCRIBE_TELL_US 1000u /* what is told waits at most that long */

struct event;

enum item_state {
	ITEM_UNSENT, /* told: to be sent when the writer is there */
	ITEM_SENT,
	ITEM_LATE /* asked, and reported as late; its answer is awaited */
};

struct item {
	struct scribe *t;
	struct item *next, **link;
	enum item_state state;
	enum record_type type;
	uint64_t ref;
	unsigned int flags;
	uint64_t sent_us;
	uint64_t deadline; /* of who asked; 0: told */
	scribe_done *done;
	void *arg;
	size_t len, outcome_len; /* of the two in bytes */
	uint8_t bytes[];
};

struct scribe {
	struct client *client;
	const struct wire_hello *hello;
	struct item *first, **last;
	struct item *unsent; /* the first of those; none is before it */
	size_t n, bytes, in_flight;
	bool sending;
	uint64_t lost;
	int state;	   /* why nothing is recorded; 0 */
	bool away;	   /* the writer is gone */
	uint64_t retry_us; /* nothing is sent again before; 0: at once */
	uint64_t pause_us; /* before the next attempt; doubled each time */
	uint64_t ask_us;
	uint64_t timer_us;	    /* when the timer rings; 0: it does not */
	void (*on_room)(void *arg); /* who waits for room; or NULL */
	void *room_arg;
	bool room_wanted;
	pid_t starter; /* of a writer; 0: none */
	struct event_base *base;
	struct event *ev, *ev_time, *ev_push;
	struct fields fields; /* for callers */
	struct fields out;    /* what is being sent */
};

uint64_t scribe_now(void); /* CLOCK_BOOTTIME */

/* scribe_items.c: what was asked and told, until it is acknowledged. */
struct item *scribe_item_new(struct scribe *t, enum record_type type,
			     uint64_t ref, const struct fields *f,
			     unsigned int flags, const struct fields *outcome);
void scribe_item_drop(struct item *it);
int scribe_item_send(struct item *it);
void scribe_send_unsent(struct scribe *t);
/* The writer does not answer any more. */
void scribe_gone(struct scribe *t);
void scribe_retry_soon(struct scribe *t);

/* scribe.c */
void scribe_set_timer(struct scribe *t);
/* What was sent goes out at the end of this turn of the loop; what nobody waits
 * for with the next that somebody does, or in a moment. */
void scribe_push_soon(struct scribe *t, bool awaited);
