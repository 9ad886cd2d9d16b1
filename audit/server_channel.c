/*
 * Channels: what may be recorded, under whose name. What always holds: who
 * speaks is what OPEN and the kernel said, never what a record says; an outcome
 * belongs to an intent of the same channel that goes ahead and has none yet;
 * each intent that goes ahead gets one, from the supervisor or, when that has
 * gone, from here.
 */
#include "audit/server-internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ------------------------------------------------------------- */

static int
get_text(const struct wire_message *m, enum field_id id, char *buf, size_t size)
{
	const struct record r = { .fields = m->fields,
				  .fields_len = m->fields_len };
	struct field f;

	if (!record_get(&r, id, &f) || f.len >= size)
		return -EINVAL;
	memcpy(buf, f.bytes, f.len);
	buf[f.len] = '\0';
	return 0;
}

static int
check_open(const struct server *s, const struct conn *c)
{
	if (c->channel)
		return -EISCONN;
	if (c->peer.foreign)
		return -EPERM;
	return s->n_channels >= WIRE_CHANNELS_MAX ? -ENOBUFS : 0;
}

/* The record: what was said, and what the kernel says. */
static int
channel_fields(const struct conn *c, const struct wire_message *m,
	       struct channel *ch)
{
	struct fields f;

	if (m->fields_len > sizeof(f.bytes))
		return -EMSGSIZE;
	fields_init(&f);
	memcpy(f.bytes, m->fields, m->fields_len);
	f.len = m->fields_len;
	fields_uint(&f, FIELD_PEER_UID, c->peer.uid);
	fields_uint(&f, FIELD_PEER_GID, c->peer.gid);
	fields_uint(&f, FIELD_PEER_PID, (uint64_t)c->peer.pid);
	if (c->peer.start)
		fields_uint(&f, FIELD_PEER_START, c->peer.start);
	if (f.full)
		return -EMSGSIZE;
	ch->fields = malloc(f.len);
	if (!ch->fields)
		return -ENOMEM;
	memcpy(ch->fields, f.bytes, f.len);
	ch->fields_len = f.len;
	return 0;
}

void
channel_free(struct server *s, struct channel *ch)
{
	if (!ch)
		return;
	s->n_channels--;
	quota_put(ch->agent);
	intents_free(&ch->open);
	free(ch->fields);
	free(ch);
}

/* Takes over the actions of this run that a former life of the writer left. */
static int
resume(struct server *s, struct channel *ch)
{
	const struct store_owed *o;
	size_t n = store_owed(s->o.store, &o);
	int r = intents_reserve(&ch->open, (uint32_t)n);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (strcmp(o[i].run, ch->run) == 0 &&
		    !server_claimed(s, o[i].intent))
			intents_add(&ch->open, o[i].intent);
	return r;
}

static int
channel_new(struct server *s, const struct conn *c,
	    const struct wire_message *m, struct channel **ret,
	    uint32_t *ret_field)
{
	struct channel *ch = calloc(1, sizeof(*ch));
	char agent[QUOTA_NAME_MAX];
	int r;

	if (!ch)
		return -ENOMEM;
	s->n_channels++;
	r = get_text(m, FIELD_AGENT, agent, sizeof(agent));
	*ret_field = r < 0 ? FIELD_AGENT : 0;
	if (r == 0) {
		r = get_text(m, FIELD_RUN, ch->run, sizeof(ch->run));
		*ret_field = r < 0 ? FIELD_RUN : 0;
	}
	if (r == 0)
		r = quota_agent(s->quota, agent, s->now.boot_us, &ch->agent);
	if (r == 0)
		r = channel_fields(c, m, ch);
	if (r == 0 && m->head.flags & WIRE_RESUME)
		r = resume(s, ch);
	if (r < 0)
		channel_free(s, ch);
	else
		*ret = ch;
	return r;
}

static int
sock_int(int fd, int name)
{
	int v;
	socklen_t len = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, name, &v, &len) < 0 ? -errno : v;
}

/* The connection that becomes the channel: c itself, or a new one of the socket
 * that came along. Takes fd. */
static int
subject(struct server *s, struct conn *c, int fd, struct conn **ret)
{
	_cleanup_close_ int own = fd;
	int r;

	*ret = c;
	if (fd < 0)
		return 0;
	if (sock_int(fd, SO_DOMAIN) != AF_UNIX ||
	    sock_int(fd, SO_TYPE) != SOCK_SEQPACKET ||
	    sock_int(fd, SO_ACCEPTCONN) != 0)
		return -ENOTSOCK;
	r = conn_new(s, fd, &c->peer, ret);
	if (r < 0)
		return r;
	(void)TAKE_FD(own);
	return 0;
}

void
channel_open(struct server *s, struct conn *c, const struct wire_message *m,
	     int fd)
{
	struct pending p = {
		.conn = c,
		.cookie = m->head.cookie,
		.type = RECORD_CHANNEL,
		.flags = m->head.flags,
		.opens = true,
	};
	struct channel *ch;
	int r = check_open(s, c);

	if (r == 0)
		r = channel_new(s, c, m, &ch, &p.field);
	if (r < 0) {
		close_ptr(&fd);
		round_answer(s, c, p.cookie, r, p.field);
		return;
	}
	r = subject(s, c, fd, &p.subject);
	if (r < 0) {
		channel_free(s, ch);
		round_answer(s, c, p.cookie, r, 0);
		return;
	}
	p.subject->channel = ch;
	ch->number = round_add(s, &p, ch->fields, ch->fields_len);
	if (ch->number)
		return;
	p.subject->channel = NULL;
	channel_free(s, ch);
	if (p.subject != c)
		conn_kill(s, p.subject);
}

/* ---- records ------------------------------------------------------------- */

static uint64_t
announce(struct server *s, struct conn *c)
{
	struct channel *ch = c->channel;
	struct pending p = {
		.subject = c,
		.ref = ch->first,
		.type = RECORD_CHANNEL,
		.again = true,
	};
	uint64_t seq = round_add(s, &p, ch->fields, ch->fields_len);

	if (seq) {
		ch->number = seq;
		ch->announce = false;
	}
	return seq;
}

void
channel_announce(struct server *s)
{
	for (struct conn *c = s->conns; c; c = c->next) {
		if (!c->channel)
			continue;
		c->channel->announce = true;
		round_room(s);
		announce(s, c);
	}
}

static bool
goes_ahead(const struct wire_message *m)
{
	const struct record r = { .fields = m->fields,
				  .fields_len = m->fields_len };

	return m->type == RECORD_INTENT &&
	       record_get_uint(&r, FIELD_GOES_AHEAD) != 0;
}

static void
tell_quota(struct server *s, struct channel *ch)
{
	struct fields f;

	fields_init(&f);
	fields_text(&f, FIELD_WHAT, "audit.quota");
	fields_text(&f, FIELD_DETAIL,
		    "this agent has used its bytes of the log for today: what "
		    "it wants to do is refused");
	channel_own(s, RECORD_ANOMALY, ch->number, &f);
}

static int
charge(struct server *s, struct channel *ch, const struct wire_message *m)
{
	enum quota_kind kind = m->type == RECORD_INTENT	   ? QUOTA_INTENT
			       : m->type == RECORD_OUTCOME ? QUOTA_OWED
							   : QUOTA_TOLD;
	bool first;
	int r = quota_charge(s->quota, ch->agent, kind,
			     RECORD_MIN + m->fields_len, s->now.wall_us,
			     &first);

	if (first)
		tell_quota(s, ch);
	return r;
}

/* Whether an intent may be taken at all. */
static int
check_intent(struct server *s, struct channel *ch, bool ahead)
{
	if (!ahead)
		return 0;
	if (ch->open.n + ch->pending >= s->o.config->open_actions)
		return -EMFILE;
	return intents_reserve(&ch->open, ch->pending + 1);
}

/* While what is owed cannot be written, nothing else is. */
static int
check_store(struct server *s, const struct wire_message *m)
{
	int r;

	if (!s->owed || m->type == RECORD_OUTCOME)
		return 0;
	r = store_failing(s->o.store);
	r = r < 0 ? r : -EIO;
	store_refused(s->o.store, 1, r, &s->now);
	return r;
}

/* wire_decode() has looked at its form. */
static int
allow(struct server *s, struct conn *c, const struct wire_message *m,
      bool ahead)
{
	struct channel *ch = c->channel;
	int r;

	if (!ch)
		return -ENOTCONN;
	if (m->ref > store_written(s->o.store))
		return -ENOENT;
	r = check_store(s, m);
	if (r == 0)
		r = check_intent(s, ch, ahead);
	if (r == 0)
		r = charge(s, ch, m);
	if (r == 0 && ch->announce && !s->owed && !announce(s, c))
		r = -ENOBUFS;
	if (r == 0 && m->type == RECORD_OUTCOME)
		r = intents_close(&ch->open, m->ref);
	return r;
}

void
channel_record(struct server *s, struct conn *c, const struct wire_message *m)
{
	bool ahead = goes_ahead(m);
	struct pending p = {
		.conn = c,
		.subject = c,
		.cookie = m->head.cookie,
		.ref = m->ref,
		.type = m->type,
		.flags = m->head.flags,
		.owed = m->type == RECORD_OUTCOME,
		.ahead = ahead,
	};
	int r = allow(s, c, m, ahead);

	if (r < 0) {
		s->refused++;
		if (c->channel)
			c->channel->refused++;
		round_answer(s, c, p.cookie, r, 0);
		return;
	}
	p.channel = c->channel->number;
	if (round_add(s, &p, m->fields, m->fields_len) &&
	    m->type == RECORD_INTENT)
		c->channel->pending++;
}

/* ---- ends ---------------------------------------------------------------- */

static void
own(struct server *s, struct pending *p, const struct fields *f)
{
	round_room(s);
	round_add(s, p, f->bytes, f->len);
}

void
channel_own(struct server *s, enum record_type type, uint64_t channel,
	    const struct fields *f)
{
	struct pending p = { .type = (uint16_t)type, .channel = channel };

	own(s, &p, f);
}

static void
unknown(struct server *s, uint64_t channel, uint64_t intent, const char *detail)
{
	struct pending p = {
		.type = RECORD_OUTCOME,
		.channel = channel,
		.ref = intent,
		.owed = true,
	};
	struct fields f;

	fields_init(&f);
	fields_text(&f, FIELD_STATUS, "unknown");
	fields_text(&f, FIELD_DETAIL, detail);
	own(s, &p, &f);
}

void
channel_end(struct server *s, struct conn *c)
{
	struct channel *ch = c->channel;
	struct pending p = {
		.type = RECORD_CHANNEL_END,
		.channel = ch->before,
		.ref = ch->first,
		.owed = true,
	};
	struct fields f;

	for (uint32_t i = 0; i < ch->open.n; i++)
		if (!ch->open.v[i].closing)
			unknown(s, ch->before, ch->open.v[i].seq,
				"the supervisor ended without saying");
	fields_init(&f);
	fields_uint(&f, FIELD_COUNT, ch->records);
	own(s, &p, &f);
	channel_free(s, ch);
	c->channel = NULL;
}

bool
server_claimed(const struct server *s, uint64_t intent)
{
	for (const struct conn *c = s->conns; c; c = c->next)
		if (c->channel && intents_has(&c->channel->open, intent))
			return true;
	return false;
}

void
channel_orphans(struct server *s)
{
	const struct store_owed *o;
	size_t n = store_owed(s->o.store, &o);
	struct store_owed *copy = calloc(n, sizeof(*copy));

	s->resume_us = copy || !n ? NEVER : s->now.boot_us + SERVER_RESUME_US;
	/* writing them changes the list */
	for (size_t i = 0; copy && i < n; i++)
		copy[i] = o[i];
	for (size_t i = 0; copy && i < n; i++)
		if (!server_claimed(s, copy[i].intent))
			unknown(s, copy[i].channel, copy[i].intent,
				"the writer ended before the supervisor said");
	free(copy);
	round_commit(s);
}
