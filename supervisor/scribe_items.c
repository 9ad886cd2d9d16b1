/*
 * Records under way. What always holds: nothing that was told is forgotten
 * before the writer has acknowledged it, but beyond the bounds, and then it is
 * counted; nobody who asked is told of a number that the writer did not give;
 * who asked hears exactly once.
 */
#include "supervisor/scribe-internal.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t
scribe_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static struct item *
next_unsent(struct item *it)
{
	while (it && it->state != ITEM_UNSENT)
		it = it->next;
	return it;
}

/* It has to be sent, again or for the first time. */
static void
is_unsent(struct item *it)
{
	struct scribe *t = it->t;

	it->state = ITEM_UNSENT;
	t->unsent = next_unsent(t->first);
}

void
scribe_item_drop(struct item *it)
{
	struct scribe *t = it->t;

	if (t->unsent == it)
		t->unsent = next_unsent(it->next);
	*it->link = it->next;
	if (it->next)
		it->next->link = it->link;
	else
		t->last = it->link;
	t->n--;
	t->bytes -= it->len + it->outcome_len;
	free(it);
}

struct item *
scribe_item_new(struct scribe *t, enum record_type type, uint64_t ref,
		const struct fields *f, unsigned int flags,
		const struct fields *outcome)
{
	size_t more = outcome ? outcome->len : 0;
	struct item *it;

	if (f->full || (outcome && outcome->full) || t->n >= SCRIBE_KEPT_MAX ||
	    t->bytes + f->len + more > SCRIBE_KEPT_BYTES)
		return NULL;
	it = malloc(sizeof(*it) + f->len + more);
	if (!it)
		return NULL;
	*it = (struct item){ .t = t,
			     .link = t->last,
			     .type = type,
			     .ref = ref,
			     .flags = flags,
			     .len = f->len,
			     .outcome_len = more };
	memcpy(it->bytes, f->bytes, f->len);
	if (more)
		memcpy(it->bytes + f->len, outcome->bytes, more);
	*t->last = it;
	t->last = &it->next;
	if (!t->unsent)
		t->unsent = it;
	t->n++;
	t->bytes += f->len + more;
	return it;
}

static void
fill(struct fields *f, const uint8_t *bytes, size_t len)
{
	fields_init(f);
	memcpy(f->bytes, bytes, len);
	f->len = len;
}

/* A fault of ours that no second attempt mends. */
static bool
is_final(int status)
{
	switch (status) {
	case -EBADMSG:
	case -EPERM:
	case -ENODATA:
	case -EINVAL:
	case -EPROTO:
	case -ENOSYS:
	case -EMSGSIZE:
	case -E2BIG:
		return true;
	default:
		return false;
	}
}

void
scribe_retry_soon(struct scribe *t)
{
	if (!t->retry_us) {
		t->retry_us = scribe_now() + t->pause_us;
		t->pause_us = MIN(2 * t->pause_us, SCRIBE_RETRY_US);
	}
	scribe_set_timer(t);
}

/* It was reported as not recorded, and so nothing was done. */
static void
tell_late(struct scribe *t, uint64_t seq)
{
	fields_init(&t->out);
	fields_text(&t->out, FIELD_STATUS, "denied");
	fields_text(&t->out, FIELD_ERROR, "no-record");
	fields_text(&t->out, FIELD_DETAIL,
		    "the writer's answer came too late; nothing was done");
	scribe_tell(t, RECORD_OUTCOME, seq, &t->out, 0, NULL);
}

/* The intent is in the log; what is left to tell is its outcome. */
static void
become_outcome(struct item *it, uint64_t seq)
{
	memmove(it->bytes, it->bytes + it->len, it->outcome_len);
	it->t->bytes -= it->len;
	it->len = it->outcome_len;
	it->outcome_len = 0;
	it->type = RECORD_OUTCOME;
	it->ref = seq;
	it->flags = 0;
	is_unsent(it);
	scribe_send_unsent(it->t);
}

/* Already there: it was sent twice, and the first one came through. */
static void
told(struct item *it, uint64_t seq, int status)
{
	struct scribe *t = it->t;

	if (status >= 0 && it->outcome_len) {
		become_outcome(it, seq);
	} else if (status >= 0 ||
		   (it->type == RECORD_OUTCOME && status == -EALREADY)) {
		scribe_item_drop(it);
	} else if (is_final(status) ||
		   (it->type == RECORD_OUTCOME && status == -ENOENT)) {
		t->lost++;
		scribe_item_drop(it);
	} else {
		is_unsent(it);
		scribe_retry_soon(t);
	}
}

static void
asked(struct item *it, uint64_t seq, int status)
{
	struct scribe *t = it->t;
	scribe_done *done = it->done;
	bool late = it->state == ITEM_LATE, intent = it->type == RECORD_INTENT;
	void *arg = it->arg;

	scribe_item_drop(it);
	if (!late)
		done(arg, seq, status);
	else if (seq && intent)
		tell_late(t, seq);
}

static void
on_ack(void *arg, uint64_t seq, int status)
{
	struct item *it = arg;

	it->t->in_flight--;
	if (status >= 0)
		it->t->pause_us = SCRIBE_PAUSE_US;
	if (status != -EPIPE)
		it->t->state = status < 0 && !is_final(status) ? status : 0;
	if (it->deadline)
		asked(it, seq, status);
	else
		told(it, seq, status);
}

/* Sending */

/* The descriptor is closed already, or will be: the loop must know at once.
 * Its number may be somebody else's in a moment, whom the loop would take for
 * watched. */
void
scribe_gone(struct scribe *t)
{
	if (t->ev)
		event_free(t->ev);
	t->ev = NULL;
	t->away = true;
	t->state = -EPIPE;
	t->hello = NULL;
	scribe_retry_soon(t);
}

/* Not within itself: client_send() may wait for room, and what comes in
 * meanwhile may want to be answered with more. That waits for its turn. */
int
scribe_item_send(struct item *it)
{
	struct scribe *t = it->t;
	struct err e = ERR_INIT;
	int64_t r;

	if (t->sending || t->in_flight >= SCRIBE_IN_FLIGHT_MAX)
		return -EAGAIN;
	fill(&t->out, it->bytes, it->len);
	it->state = ITEM_SENT;
	it->sent_us = scribe_now();
	if (t->unsent == it)
		t->unsent = next_unsent(it->next);
	t->sending = true;
	t->in_flight++;
	r = client_send(t->client, it->type, it->ref, &t->out, it->flags,
			on_ack, it, &e);
	t->sending = false;
	if (r < 0) {
		is_unsent(it);
		t->in_flight--;
	} else {
		scribe_push_soon(t, it->deadline || it->flags & WIRE_DURABLE);
	}
	if (client_fd(t->client) < 0 || r == -EPIPE || r == -ECONNRESET)
		scribe_gone(t);
	return r < 0 ? (int)r : 0;
}

void
scribe_send_unsent(struct scribe *t)
{
	struct item *it = NULL;

	while (!t->away && !t->retry_us && (it = t->unsent))
		if (scribe_item_send(it) < 0)
			break;
	if (it && !t->in_flight)
		scribe_retry_soon(t);
}
