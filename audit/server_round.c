/*
 * Group commit. A round is what all clients had to say in one turn of the loop:
 * it is written at once, those who asked for no more are answered, one sync
 * serves all who asked for it, and those are answered. What always holds: an
 * acknowledgement is sent after its record is where it says; a record that was
 * refused changed nothing of a channel's state; what is owed is written in the
 * end, or its client is told that it was not.
 */
#include "audit/server-internal.h"

#include <stdlib.h>
#include <string.h>

/* What one message may add at most, and what the store adds itself. */
#define ROUND_SPARE (4u * RECORD_MAX)

static int
grow(void **p, size_t *room, size_t need, size_t size)
{
	size_t n = MAX(*room ? *room * 2 : 256, need);
	void *q;

	if (need <= *room)
		return 0;
	q = reallocarray(*p, n, size);
	if (!q)
		return -ENOMEM;
	*p = q;
	*room = n;
	return 0;
}

static struct pending *
push(struct round *r, const struct pending *p)
{
	if (grow((void **)&r->v, &r->room, r->n + 1, sizeof(*r->v)) < 0)
		return NULL;
	r->v[r->n] = *p;
	return &r->v[r->n++];
}

void
round_answer(struct server *s, struct conn *c, uint64_t cookie, int status,
	     uint32_t field)
{
	const struct pending p = {
		.conn = c,
		.cookie = cookie,
		.error = status,
		.field = field,
		.plain = true,
	};

	/* who cannot be answered must not wait for ever */
	if (!push(&s->round, &p))
		conn_kill(s, c);
}

void
round_room(struct server *s)
{
	if (s->round.bytes + ROUND_SPARE > STORE_BATCH_MAX)
		round_commit(s);
}

/* ---- owed records ------------------------------------------------------ */

static int
owe(struct server *s, const struct pending *p, const uint8_t *fields)
{
	struct owed *o = malloc(sizeof(*o) + p->len);

	if (!o)
		return -ENOMEM;
	o->next = NULL;
	o->p = *p;
	if (p->len)
		memcpy(o->bytes, fields, p->len);
	*s->owed_end = o;
	s->owed_end = &o->next;
	s->n_owed++;
	return 0;
}

/* Keeps the fields of what may have to be written again. */
static int
keep(struct round *r, struct pending *p, const uint8_t *fields)
{
	size_t need = r->kept_len + p->len;

	if (grow((void **)&r->kept, &r->kept_room, need, 1) < 0)
		return -ENOMEM;
	p->kept = r->kept_len;
	if (p->len)
		memcpy(r->kept + r->kept_len, fields, p->len);
	r->kept_len = need;
	return 0;
}

static uint64_t
refuse(struct server *s, struct pending *p, int error)
{
	struct channel *ch = p->subject ? p->subject->channel : NULL;

	s->refused++;
	if (ch)
		ch->refused++;
	if (ch && p->type == RECORD_OUTCOME)
		intents_reopen(&ch->open, p->ref);
	if (p->conn)
		round_answer(s, p->conn, p->cookie, error, p->field);
	return 0;
}

uint64_t
round_add(struct server *s, struct pending *p, const uint8_t *fields,
	  size_t len)
{
	struct round *r = &s->round;
	uint64_t seq;
	int e = 0;

	p->len = (uint32_t)len;
	if (p->owed && s->owed) {
		e = owe(s, p, fields);
		return e < 0 ? refuse(s, p, e) : 0;
	}
	p->told = server_wants_entry(s, p->type, fields, len);
	if (p->owed || p->told)
		e = keep(r, p, fields);
	if (e == 0)
		e = grow((void **)&r->v, &r->room, r->n + 1, sizeof(*r->v));
	if (e < 0)
		return refuse(s, p, e);
	seq = store_add(s->o.store, p->type, p->channel, p->ref, fields, len,
			p->owed, &s->now);
	if (!seq)
		return refuse(s, p, -ENOBUFS);
	p->seq = seq;
	r->added++;
	r->mixed = r->mixed || !p->owed;
	r->bytes += RECORD_MIN + len;
	push(r, p);
	return seq;
}

void
round_owed(struct server *s)
{
	struct owed *o = s->owed, *next;

	if (!o || s->now.boot_us < s->retry_us)
		return;
	s->owed = NULL;
	s->owed_end = &s->owed;
	s->n_owed = 0;
	for (; o; o = next) {
		struct pending p = o->p;

		next = o->next;
		round_room(s);
		round_add(s, &p, o->bytes, p.len);
		free(o);
	}
	round_commit(s);
}

void
round_forget(struct server *s, const struct conn *c)
{
	for (struct owed *o = s->owed; o; o = o->next) {
		if (o->p.conn == c)
			o->p.conn = NULL;
		if (o->p.subject == c)
			o->p.subject = NULL;
	}
}

/* ---- after the attempt to write ----------------------------------------- */

static void
to_journal(struct server *s, const struct pending *p)
{
	const struct channel *ch = p->subject ? p->subject->channel : NULL;
	const struct journal_entry e = {
		.seq = p->seq,
		.agent = ch ? quota_name(ch->agent) : NULL,
		.run = ch ? ch->run : NULL,
		.type = p->type,
		.fields = s->round.kept + p->kept,
		.fields_len = p->len,
	};

	server_entry(s, &e);
}

static void
applied(struct server *s, struct pending *p)
{
	struct channel *ch = p->subject ? p->subject->channel : NULL;

	if (p->told)
		to_journal(s, p);

	if (!ch)
		return;
	if (p->opens) {
		ch->first = ch->before = p->seq;
	} else if (p->again) {
		ch->before = p->seq;
	} else {
		ch->records++;
	}
	if (p->type == RECORD_INTENT)
		ch->pending--;
	if (p->ahead)
		intents_add(&ch->open, p->seq);
	if (p->type == RECORD_OUTCOME)
		intents_end(&ch->open, p->ref);
}

/* The channel is as if p had never come. */
static void
undo(struct server *s, struct pending *p)
{
	struct conn *c = p->subject;

	if (!c || !c->channel)
		return;
	if (p->opens) {
		channel_free(s, c->channel);
		c->channel = NULL;
		if (c != p->conn)
			conn_kill(s, c);
	} else if (p->again) {
		c->channel->number = c->channel->before;
		c->channel->announce = true;
	} else if (p->type == RECORD_INTENT) {
		c->channel->pending--;
	}
}

static void
fail(struct server *s, struct pending *p, int error)
{
	struct conn *c = p->subject;

	undo(s, p);
	if (p->owed) {
		if (c && c->channel)
			p->channel = c->channel->number;
		p->error = owe(s, p, s->round.kept + p->kept);
		if (p->error == 0)
			p->conn = NULL; /* answered when it is written */
		else if (c && c->channel && p->type == RECORD_OUTCOME)
			intents_reopen(&c->channel->open, p->ref);
		return;
	}
	p->error = error;
	s->refused++;
	if (c && c->channel)
		c->channel->refused++;
}

static uint64_t
fail_all(struct server *s, int error)
{
	uint64_t refused = 0;

	for (size_t i = 0; i < s->round.n; i++) {
		struct pending *p = &s->round.v[i];

		if (p->plain)
			continue;
		refused += !p->owed;
		fail(s, p, error);
	}
	s->retry_us = s->now.boot_us + SERVER_RETRY_US;
	if (refused)
		store_refused(s->o.store, refused, error, &s->now);
	return refused;
}

/* ---- acknowledgements --------------------------------------------------- */

bool
round_is_durable(const struct server *s, const struct pending *p)
{
	if (p->plain || p->error)
		return false;
	if (s->o.config->durable == DURABLE_EFFECTS)
		return p->flags & WIRE_DURABLE;
	return s->o.config->durable == DURABLE_ALL;
}

/* status: of those that have no error of their own. */
static void
tell(struct server *s, bool durable, int status)
{
	struct wire_ack a[WIRE_ACKS_MAX];
	struct conn *to = NULL;
	size_t n = 0;

	for (size_t i = 0; i < s->round.n; i++) {
		const struct pending *p = &s->round.v[i];
		int error = p->error ? p->error : status;

		if (!p->conn || round_is_durable(s, p) != durable ||
		    (!error && p->flags & WIRE_QUIET))
			continue;
		if (n && (to != p->conn || n == WIRE_ACKS_MAX)) {
			conn_acks(s, to, a, n);
			n = 0;
		}
		to = p->conn;
		a[n++] = (struct wire_ack){
			.cookie = p->cookie,
			.seq = error ? 0 : p->seq,
			.status = error,
			.field = p->field,
		};
	}
	if (n)
		conn_acks(s, to, a, n);
}

static bool
any_durable(const struct server *s)
{
	for (size_t i = 0; i < s->round.n; i++)
		if (round_is_durable(s, &s->round.v[i]))
			return true;
	return false;
}

/* The intents that were written but are not on the disk: their clients are told
 * that they failed, so nothing is done; and the log is told that, too. */
static void
deny_unsynced(struct server *s)
{
	struct fields f;

	fields_init(&f);
	fields_text(&f, FIELD_STATUS, "denied");
	fields_text(&f, FIELD_DETAIL,
		    "the intent did not reach the disk, so it was refused");
	for (size_t i = 0; i < s->round.n; i++) {
		const struct pending *p = &s->round.v[i];
		struct pending o = {
			.subject = p->subject,
			.ref = p->seq,
			.channel = p->channel,
			.type = RECORD_OUTCOME,
			.len = (uint32_t)f.len,
			.owed = true,
		};

		if (round_is_durable(s, p) && p->ahead && p->subject &&
		    p->subject->channel &&
		    intents_close(&p->subject->channel->open, p->seq) == 0 &&
		    owe(s, &o, f.bytes) < 0)
			intents_reopen(&p->subject->channel->open, p->seq);
	}
}

static void
sync_round(struct server *s)
{
	struct store_now before, after;
	int r;

	server_now(&before);
	r = store_sync(s->o.store);
	server_now(&after);
	gather_synced(s, after.boot_us - before.boot_us);

	if (r < 0)
		deny_unsynced(s);
	tell(s, true, r < 0 ? r : 0);
}

static void
clear(struct round *r)
{
	r->n = r->added = r->bytes = r->kept_len = 0;
	r->mixed = false;
}

static void
written(struct server *s)
{
	for (size_t i = 0; i < s->round.n; i++)
		if (!s->round.v[i].plain)
			applied(s, &s->round.v[i]);
	server_entries_done(s);
}

void
round_commit(struct server *s)
{
	struct round *r = &s->round;
	bool again = false;
	int e;

	if (!r->n)
		return;
	e = r->added ? store_commit(s->o.store, &s->now) : 0;
	if (e < 0) {
		again = fail_all(s, e) > 0;
	} else {
		written(s);
	}
	tell(s, false, 0);
	if (any_durable(s))
		sync_round(s);
	clear(r);
	/* alone, what is owed may have the reserve */
	if (again && s->owed) {
		s->retry_us = 0;
		round_owed(s);
	}
}

void
round_free(struct server *s)
{
	struct owed *o = s->owed, *next;

	for (; o; o = next) {
		next = o->next;
		free(o);
	}
	free(s->round.v);
	free(s->round.kept);
}
