/*
 * A box's end of the audit trail: the channel, the loop around it, coming back
 * after a writer's death. What always holds: nothing here waits, but
 * scribe_blob(), scribe_until() and scribe_flush(), which say so.
 */
#include "supervisor/scribe-internal.h"

#include "policy/sha256.h"

#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define BLOB_US 1000000u
#define HELLO_US 5000000u /* a writer that starts reads its log first */

static int watch_fd(struct scribe *t);

/* The loop does not wait for a writer to start: a box must be stopped meanwhile
 * if need be. One attempt at a time. */
static void
need_writer(struct scribe *t)
{
	struct err e = ERR_INIT;
	int r;

	if (t->starter > 0 && waitpid(t->starter, NULL, WNOHANG) == 0)
		return;
	r = client_launch(t->client, &e);
	t->starter = r > 0 ? r : 0;
}

/* The writer is gone: what was sent and not acknowledged comes back through
 * on_ack() from within client_reconnect(). */
static void
come_back(struct scribe *t)
{
	struct err e = ERR_INIT;
	int r = client_reconnect(t->client, &e);

	if (r < 0) {
		need_writer(t);
		scribe_retry_soon(t);
		return;
	}
	t->away = false;
	t->state = 0;
	t->retry_us = 0;
	if (watch_fd(t) < 0)
		scribe_gone(t);
}

/* Who found no room looks again. */
static void
tell_room(struct scribe *t)
{
	if (!t->room_wanted || !t->on_room)
		return;
	t->room_wanted = false;
	t->on_room(t->room_arg);
}

static void
receive(struct scribe *t)
{
	struct err e = ERR_INIT;

	if (t->away)
		return;
	if (client_process(t->client, &e) < 0) {
		scribe_gone(t);
		come_back(t);
	}
	scribe_send_unsent(t);
	tell_room(t);
}

/* Who waited too long hears so; the rest of it is tell_late()'s. */
static void
expire(struct scribe *t, uint64_t now)
{
	struct item *next;

	for (struct item *it = t->first; it; it = next) {
		next = it->next;
		if (!it->deadline || it->state != ITEM_SENT ||
		    it->deadline > now)
			continue;
		it->state = ITEM_LATE;
		it->done(it->arg, 0, -ETIMEDOUT);
		next = t->first; /* done() may have changed the list */
	}
}

static void
on_time(struct scribe *t)
{
	uint64_t now = scribe_now();

	expire(t, now);
	if (t->retry_us && t->retry_us <= now) {
		t->retry_us = 0;
		if (t->away)
			come_back(t);
		scribe_send_unsent(t);
	}
	tell_room(t);
	t->timer_us = 0;
	scribe_set_timer(t);
}

/* When what was sent first has waited for so long that nothing may be expected
 * any more; 0: nothing was sent. */
static uint64_t
patience_ends(const struct scribe *t)
{
	const struct item *it = t->first;

	while (it && it->state == ITEM_UNSENT)
		it = it->next;
	return it ? it->sent_us + t->ask_us : 0;
}

/* Time of the next thing to do; 0: none. */
static uint64_t
next_time(const struct scribe *t)
{
	uint64_t at = t->retry_us, end;

	if (t->room_wanted) {
		end = patience_ends(t);
		at = end && (!at || end < at) ? end : at;
	}
	for (const struct item *it = t->first; it; it = it->next)
		if (it->deadline && it->state == ITEM_SENT &&
		    (!at || it->deadline < at))
			at = it->deadline;
	return at;
}

/* The loop */

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	on_time(arg);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	receive(arg);
}

void
scribe_set_timer(struct scribe *t)
{
	uint64_t at, now, us;
	struct timeval tv;

	at = t->ev_time ? next_time(t) : 0;
	if (!at)
		return;
	now = scribe_now();
	t->timer_us = at;
	us = at > now ? at - now : 0;
	tv = (struct timeval){ .tv_sec = (time_t)(us / 1000000),
			       .tv_usec = (suseconds_t)(us % 1000000) };
	event_add(t->ev_time, &tv);
}

static int
watch_fd(struct scribe *t)
{
	if (!t->base)
		return 0;
	t->ev = event_new(t->base, client_fd(t->client), EV_READ | EV_PERSIST,
			  on_readable, t);
	return t->ev && event_add(t->ev, NULL) == 0 ? 0 : -ENOMEM;
}

static void
push(struct scribe *t)
{
	struct err e = ERR_INIT;
	int r;

	if (t->away || t->sending)
		return;
	t->sending = true;
	r = client_push(t->client, &e);
	t->sending = false;
	if (r < 0)
		scribe_gone(t);
	tell_room(t);
}

static void
on_push(evutil_socket_t fd, short what, void *arg)
{
	struct scribe *t = arg;

	(void)fd;
	(void)what;
	push(t);
	scribe_send_unsent(t);
}

void
scribe_push_soon(struct scribe *t, bool awaited)
{
	static const struct timeval soon = { .tv_usec = SCRIBE_TELL_US };

	if (!t->ev_push)
		return;
	if (awaited)
		event_active(t->ev_push, EV_TIMEOUT, 0);
	else if (!event_pending(t->ev_push, EV_TIMEOUT, NULL))
		event_add(t->ev_push, &soon);
}

static void
unwatch(struct scribe *t)
{
	if (t->ev)
		event_free(t->ev);
	if (t->ev_time)
		event_free(t->ev_time);
	if (t->ev_push)
		event_free(t->ev_push);
	t->ev = t->ev_time = t->ev_push = NULL;
	t->timer_us = 0;
	t->base = NULL;
}

int
scribe_watch(struct scribe *t, struct event_base *base, struct err *e)
{
	int r;

	if (!base) {
		unwatch(t);
		push(t);
		client_gather(t->client, false);
		return 0;
	}
	t->base = base;
	client_no_start(t->client);
	t->ev_time = evtimer_new(base, on_timer, t);
	t->ev_push = evtimer_new(base, on_push, t);
	r = t->ev_time && t->ev_push ? (t->away ? 0 : watch_fd(t)) : -ENOMEM;
	if (r < 0) {
		unwatch(t);
		return err_sys(e, r, "audit trail");
	}
	client_gather(t->client, true);
	scribe_set_timer(t);
	return 0;
}

/* One turn without a loop, until at the latest. */
static void
turn(struct scribe *t, uint64_t until)
{
	struct pollfd p = { .fd = t->away ? -1 : client_fd(t->client),
			    .events = POLLIN };
	uint64_t next = next_time(t), now = scribe_now();

	if (next && next < until)
		until = next;
	push(t);
	p.fd = t->away ? -1 : client_fd(t->client);
	if (poll(&p, 1, until > now ? (int)((until - now + 999) / 1000) : 0) >
	    0)
		receive(t);
	next = next_time(t);
	if (next && next <= scribe_now())
		on_time(t);
}

int
scribe_until(struct scribe *t, const bool *done, uint64_t timeout_us,
	     struct err *e)
{
	uint64_t until = scribe_now() + timeout_us;

	while (!*done) {
		if (scribe_now() >= until)
			return scribe_refused(-ETIMEDOUT, e);
		turn(t, until);
	}
	return 0;
}

size_t
scribe_flush(struct scribe *t, uint64_t timeout_us)
{
	uint64_t until = scribe_now() + timeout_us;

	while (t->n && scribe_now() < until)
		turn(t, until);
	return t->n;
}

/* The rest of the interface */

int
scribe_new(const char *writer, struct scribe **ret, struct err *e)
{
	const struct client_options o = { .writer = writer, .start = true };
	struct scribe *t = malloc(sizeof(*t));
	int r;

	if (!t)
		return err_sys(e, -ENOMEM, "audit trail");
	/* not the fields, which are large */
	memset(t, 0, offsetof(struct scribe, fields));
	t->last = &t->first;
	t->ask_us = SCRIBE_ASK_US;
	t->pause_us = SCRIBE_PAUSE_US;
	r = client_new(&o, &t->client, e);
	if (r < 0) {
		free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void
scribe_patience(struct scribe *t, uint64_t us)
{
	t->ask_us = us;
}

void
scribe_free(struct scribe *t)
{
	if (!t)
		return;
	unwatch(t);
	if (t->starter > 0)
		(void)waitpid(t->starter, NULL, WNOHANG);
	client_free(t->client);
	while (t->first)
		scribe_item_drop(t->first);
	free(t);
}

int
scribe_open(struct scribe *t, const struct fields *channel, struct err *e)
{
	return client_open(t->client, channel, e);
}

/* A call that waits may have seen the writer go. Returns r. */
static int
look(struct scribe *t, int r)
{
	if (client_fd(t->client) < 0 && !t->away)
		scribe_gone(t);
	return r;
}

static int
need_hello(struct scribe *t, struct err *e)
{
	if (t->away)
		return scribe_refused(-EPIPE, e);
	return t->hello ? 0
			: look(t,
			       client_hello(t->client, HELLO_US, &t->hello, e));
}

int
scribe_digest(struct scribe *t, const void *p, size_t n,
	      uint8_t ret[RECORD_HASH_LEN])
{
	struct err e = ERR_INIT;
	int r = need_hello(t, &e);

	if (r < 0)
		return r;
	client_digest(t->hello->digest_key, p, n, ret);
	return 0;
}

int
scribe_blob(struct scribe *t, const void *data, size_t len,
	    uint8_t ret[RECORD_HASH_LEN], struct err *e)
{
	if (t->away)
		return scribe_refused(-EPIPE, e);
	sha256(data, len, ret);
	return look(t, client_blob(t->client, ret, data, len, BLOB_US, e));
}

static void
on_blob(void *arg, uint64_t seq, int status)
{
	struct scribe_blob *b = arg;

	(void)seq;
	b->status = status;
	b->known = true;
}

int
scribe_blob_begin(struct scribe *t, struct scribe_blob *b, struct err *e)
{
	if (t->away)
		return scribe_refused(-EPIPE, e);
	b->known = false;
	return look(t, client_blob_ask(t->client, b->digest, on_blob, b, e));
}

int
scribe_blob_end(struct scribe *t, struct scribe_blob *b, struct err *e)
{
	int r = scribe_until(t, &b->known, BLOB_US, e);

	if (r < 0)
		return r;
	if (b->status == 0)
		return 1;
	return t->away ? scribe_refused(-EPIPE, e) : 0;
}

/* What was told comes first, and leaves room for what is to be told of it. */
static int
owes(const struct scribe *t)
{
	if (t->away)
		return -EPIPE;
	if (t->n >= SCRIBE_KEPT_MAX / 4 || t->bytes >= SCRIBE_KEPT_BYTES / 4)
		return -ENOBUFS;
	if (t->unsent)
		return t->state < 0 ? t->state : -EAGAIN;
	return t->sending || t->in_flight >= SCRIBE_IN_FLIGHT_MAX ? -EAGAIN : 0;
}

void
scribe_on_room(struct scribe *t, void (*on_room)(void *arg), void *arg)
{
	t->on_room = on_room;
	t->room_arg = arg;
}

/* What a writer that works has to acknowledge first. One that fails, or does
 * not answer, is no reason to wait: who asks hears that. */
bool
scribe_is_busy(struct scribe *t)
{
	uint64_t end;

	if (owes(t) == 0 || t->away || t->state < 0 || !t->in_flight)
		return false;
	end = patience_ends(t);
	if (!end || end <= scribe_now())
		return false;
	t->room_wanted = true;
	if (!t->timer_us || t->timer_us > end)
		scribe_set_timer(t);
	return true;
}

bool
scribe_ready(const struct scribe *t)
{
	return owes(t) == 0;
}

bool
scribe_room(const struct scribe *t)
{
	return t->n < SCRIBE_KEPT_MAX / 2 && t->bytes < SCRIBE_KEPT_BYTES / 2;
}

int
scribe_ask(struct scribe *t, enum record_type type, const struct fields *f,
	   unsigned int flags, scribe_done *done, void *arg)
{
	struct item *it;
	int r;

	if (f->full)
		return -EMSGSIZE;
	r = owes(t);
	if (r < 0)
		return r;
	it = scribe_item_new(t, type, 0, f, flags, NULL);
	if (!it)
		return -ENOBUFS;
	it->deadline = scribe_now() + t->ask_us;
	it->done = done;
	it->arg = arg;
	r = scribe_item_send(it);
	if (r < 0)
		scribe_item_drop(it);
	else if (!t->timer_us || t->timer_us > it->deadline)
		scribe_set_timer(t);
	scribe_send_unsent(t);
	return r;
}

void
scribe_tell(struct scribe *t, enum record_type type, uint64_t ref,
	    const struct fields *f, unsigned int flags,
	    const struct fields *outcome)
{
	struct item *it = scribe_item_new(t, type, ref, f, flags, outcome);

	if (!it)
		t->lost++;
	else
		scribe_send_unsent(t);
}

uint64_t
scribe_lost(const struct scribe *t)
{
	return t->lost;
}

int
scribe_state(const struct scribe *t)
{
	return t->state;
}

struct fields *
scribe_fields(struct scribe *t)
{
	fields_init(&t->fields);
	return &t->fields;
}

const char *
scribe_status_text(int status)
{
	return client_status_text(status);
}

int
scribe_refused(int status, struct err *e)
{
	err_set(e, status, "it cannot be recorded, so it is not done: %s",
		client_status_text(status));
	(void)err_cure(e, "see `agentbox audit stats`; it goes on by itself "
			  "when that is mended");
	return status;
}
