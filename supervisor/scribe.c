/*
 * A box's end of the audit trail. What always holds: nothing that was told is
 * forgotten before the writer has acknowledged it, but beyond the bounds, and
 * then it is counted; nobody who asked is told of a number that the writer did
 * not give; who asked hears exactly once. Nothing here waits, but
 * scribe_blob(), scribe_until() and scribe_flush(), which say so.
 */
#include "supervisor/scribe.h"

#include "audit/client.h"
#include "policy/sha256.h"

#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOB_US 1000000u
#define HELLO_US 5000000u /* a writer that starts reads its log first */

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
	size_t n, bytes;
	uint64_t lost;
	int state; /* why nothing is recorded; 0 */
	bool away; /* the writer is gone */
	uint64_t retry_us, ask_us;
	struct event_base *base;
	struct event *ev, *ev_time;
	struct fields fields; /* for callers */
	struct fields out;    /* what is being sent */
};

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* Items */

static void
item_drop(struct item *it)
{
	struct scribe *t = it->t;

	*it->link = it->next;
	if (it->next)
		it->next->link = it->link;
	else
		t->last = it->link;
	t->n--;
	t->bytes -= it->len + it->outcome_len;
	free(it);
}

static struct item *
item_new(struct scribe *t, enum record_type type, uint64_t ref,
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

static void set_timer(struct scribe *t);
static int item_send(struct item *it);

static void
retry_soon(struct scribe *t)
{
	if (!t->retry_us)
		t->retry_us = now_us() + SCRIBE_RETRY_US;
	set_timer(t);
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
	it->state = ITEM_UNSENT;
	if (item_send(it) < 0)
		retry_soon(it->t);
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
		item_drop(it);
	} else if (is_final(status) ||
		   (it->type == RECORD_OUTCOME && status == -ENOENT)) {
		t->lost++;
		item_drop(it);
	} else {
		it->state = ITEM_UNSENT;
		retry_soon(t);
	}
}

static void
asked(struct item *it, uint64_t seq, int status)
{
	struct scribe *t = it->t;
	scribe_done *done = it->done;
	bool late = it->state == ITEM_LATE, intent = it->type == RECORD_INTENT;
	void *arg = it->arg;

	item_drop(it);
	if (!late)
		done(arg, seq, status);
	else if (seq && intent)
		tell_late(t, seq);
}

static void
on_ack(void *arg, uint64_t seq, int status)
{
	struct item *it = arg;

	if (status != -EPIPE)
		it->t->state = status < 0 && !is_final(status) ? status : 0;
	if (it->deadline)
		asked(it, seq, status);
	else
		told(it, seq, status);
}

/* Sending */

static void
gone(struct scribe *t)
{
	t->away = true;
	t->state = -EPIPE;
	t->hello = NULL;
	retry_soon(t);
}

static int
item_send(struct item *it)
{
	struct scribe *t = it->t;
	struct err e = ERR_INIT;
	int64_t r;

	fill(&t->out, it->bytes, it->len);
	it->state = ITEM_SENT;
	r = client_send(t->client, it->type, it->ref, &t->out, it->flags,
			on_ack, it, &e);
	if (r >= 0)
		return 0;
	it->state = ITEM_UNSENT;
	if (r == -EPIPE || r == -ECONNRESET || r == -ENOTCONN)
		gone(t);
	return (int)r;
}

static void
send_unsent(struct scribe *t)
{
	struct item *next;

	for (struct item *it = t->first; it && !t->away; it = next) {
		next = it->next;
		if (it->state == ITEM_UNSENT && item_send(it) < 0 && !t->away) {
			retry_soon(t);
			break;
		}
	}
}

static int watch_fd(struct scribe *t);

/* The writer is gone: what was sent and not acknowledged comes back through
 * on_ack() from within client_reconnect(). */
static void
come_back(struct scribe *t)
{
	struct err e = ERR_INIT;

	if (t->ev)
		event_free(t->ev);
	t->ev = NULL;
	if (client_reconnect(t->client, &e) < 0) {
		retry_soon(t);
		return;
	}
	t->away = false;
	t->state = 0;
	if (watch_fd(t) < 0)
		retry_soon(t);
}

static void
receive(struct scribe *t)
{
	struct err e = ERR_INIT;

	if (!t->away && client_process(t->client, &e) < 0) {
		gone(t);
		come_back(t);
		send_unsent(t);
	}
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
	uint64_t now = now_us();

	expire(t, now);
	if (t->retry_us && t->retry_us <= now) {
		t->retry_us = 0;
		if (t->away)
			come_back(t);
		send_unsent(t);
	}
	set_timer(t);
}

/* Time of the next thing to do; 0: none. */
static uint64_t
next_time(const struct scribe *t)
{
	uint64_t at = t->retry_us;

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

static void
set_timer(struct scribe *t)
{
	uint64_t at = next_time(t), now = now_us(), us;
	struct timeval tv;

	if (!t->ev_time || !at)
		return;
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
unwatch(struct scribe *t)
{
	if (t->ev)
		event_free(t->ev);
	if (t->ev_time)
		event_free(t->ev_time);
	t->ev = t->ev_time = NULL;
	t->base = NULL;
}

int
scribe_watch(struct scribe *t, struct event_base *base, struct err *e)
{
	int r;

	if (!base) {
		unwatch(t);
		return 0;
	}
	t->base = base;
	t->ev_time = evtimer_new(base, on_timer, t);
	r = t->ev_time ? (t->away ? 0 : watch_fd(t)) : -ENOMEM;
	if (r < 0) {
		unwatch(t);
		return err_sys(e, r, "audit trail");
	}
	set_timer(t);
	return 0;
}

/* One turn without a loop, until at the latest. */
static void
turn(struct scribe *t, uint64_t until)
{
	struct pollfd p = { .fd = t->away ? -1 : client_fd(t->client),
			    .events = POLLIN };
	uint64_t next = next_time(t), now = now_us();

	if (next && next < until)
		until = next;
	if (poll(&p, 1, until > now ? (int)((until - now + 999) / 1000) : 0) >
	    0)
		receive(t);
	next = next_time(t);
	if (next && next <= now_us())
		on_time(t);
}

int
scribe_until(struct scribe *t, const bool *done, uint64_t timeout_us,
	     struct err *e)
{
	uint64_t until = now_us() + timeout_us;

	while (!*done) {
		if (now_us() >= until)
			return scribe_refused(-ETIMEDOUT, e);
		turn(t, until);
	}
	return 0;
}

size_t
scribe_flush(struct scribe *t, uint64_t timeout_us)
{
	uint64_t until = now_us() + timeout_us;

	while (t->n && now_us() < until)
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
	client_free(t->client);
	while (t->first)
		item_drop(t->first);
	free(t);
}

int
scribe_open(struct scribe *t, const struct fields *channel, struct err *e)
{
	return client_open(t->client, channel, e);
}

static int
need_hello(struct scribe *t, struct err *e)
{
	if (t->away)
		return scribe_refused(-EPIPE, e);
	return t->hello ? 0 : client_hello(t->client, HELLO_US, &t->hello, e);
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
	return client_blob(t->client, ret, data, len, BLOB_US, e);
}

/* What was told comes first, and leaves room for what is to be told of it. */
static int
owes(const struct scribe *t)
{
	if (t->away)
		return -EPIPE;
	if (t->n >= SCRIBE_KEPT_MAX / 4 || t->bytes >= SCRIBE_KEPT_BYTES / 4)
		return -ENOBUFS;
	for (const struct item *it = t->first; it; it = it->next)
		if (it->state == ITEM_UNSENT)
			return t->state < 0 ? t->state : -EAGAIN;
	return 0;
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
	it = item_new(t, type, 0, f, flags, NULL);
	if (!it)
		return -ENOBUFS;
	it->deadline = now_us() + t->ask_us;
	it->done = done;
	it->arg = arg;
	r = item_send(it);
	if (r < 0)
		item_drop(it);
	else
		set_timer(t);
	return r;
}

void
scribe_tell(struct scribe *t, enum record_type type, uint64_t ref,
	    const struct fields *f, unsigned int flags,
	    const struct fields *outcome)
{
	struct item *it = item_new(t, type, ref, f, flags, outcome);

	if (!it)
		t->lost++;
	else if (!t->away && item_send(it) < 0)
		retry_soon(t);
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
