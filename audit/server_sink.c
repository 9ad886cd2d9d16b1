/*
 * The writer's side of the sinks: hands checkpoints and journal entries to the
 * helper, and writes into the log how it went when that changes. What always
 * holds: it never waits for the helper; of checkpoints the newest goes out
 * when there is room, of entries those that find none are counted and lost:
 * the log has them.
 */
#include "audit/server-internal.h"
#include "audit/sink.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define ENTRIES_MAX 64u /* of one round */
#define LAST_MS 1000

struct sink_client {
	char note[NOTE_MAX];
	size_t len;
	bool waits;		       /* the note could not be sent yet */
	int last[AUDIT_SINKS_MAX + 1]; /* how each did */
	uint64_t failed[AUDIT_SINKS_MAX + 1];
	uint64_t missed; /* checkpoints that newer ones replaced */
	uint64_t lost;	 /* entries */
	size_t entries;	 /* of this round */
};

int
sink_client_new(struct server *s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &s->o.sink };

	if (s->o.sink < 0)
		return 0;
	s->sinks = calloc(1, sizeof(*s->sinks));
	if (!s->sinks)
		return -ENOMEM;
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->o.sink, &ev) < 0 ? -errno
								      : 0;
}

void
sink_client_free(struct server *s)
{
	free(s->sinks);
}

static void
told(struct server *s, const char *text)
{
	struct fields f;

	fields_init(&f);
	fields_text(&f, FIELD_WHAT, "audit.sink");
	fields_text(&f, FIELD_DETAIL, text);
	channel_own(s, RECORD_ANOMALY, 0, &f);
}

/* The helper has gone, and the writer can start no other. */
static void
lost(struct server *s)
{
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->o.sink, NULL);
	s->o.sink = -EBADF;
	told(s, "the helper ended: checkpoints and journal entries leave the "
		"host no more until the writer is started again");
}

static int
hand_over(struct server *s, enum sink_what what, const char *text, size_t len)
{
	struct sink_message m = { .what = what, .len = (uint32_t)len };
	ssize_t n;

	memcpy(m.text, text, len);
	n = send(s->o.sink, &m, SINK_HEAD + len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		lost(s);
	return n < 0 ? -EAGAIN : 0;
}

static void
watch(struct server *s, bool out)
{
	struct epoll_event ev = {
		.events = out ? EPOLLIN | EPOLLOUT : EPOLLIN,
		.data.ptr = &s->o.sink,
	};

	if (s->o.sink >= 0)
		(void)epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->o.sink, &ev);
}

static void
send_note(struct server *s)
{
	struct sink_client *k = s->sinks;
	bool waited = k->waits;

	k->waits = hand_over(s, SINK_NOTE, k->note, k->len) < 0;
	if (s->o.sink >= 0 && waited != k->waits)
		watch(s, k->waits);
}

void
server_note(struct server *s, const char *note)
{
	struct sink_client *k = s->sinks;

	if (s->o.sink < 0 || !s->o.config->n_sinks)
		return;
	k->missed += k->waits;
	k->len = strnlen(note, sizeof(k->note));
	memcpy(k->note, note, k->len);
	send_note(s);
}

void
server_last_note(struct server *s, const char *note)
{
	struct pollfd p = { .fd = s->o.sink, .events = POLLOUT };

	server_note(s, note);
	if (s->o.sink >= 0 && s->sinks->waits && poll(&p, 1, LAST_MS) == 1)
		send_note(s);
}

void
server_entry(struct server *s, const struct journal_entry *e)
{
	struct sink_client *k = s->sinks;
	char text[JOURNAL_MAX];

	if (k->entries++ >= ENTRIES_MAX ||
	    hand_over(s, SINK_ENTRY, text, journal_write(e, text)) < 0)
		k->lost++;
}

bool
server_wants_entry(const struct server *s, unsigned int type,
		   const uint8_t *fields, size_t len)
{
	return s->o.sink >= 0 && s->o.config->journal &&
	       journal_wants(type, fields, len);
}

void
server_entries_done(struct server *s)
{
	if (s->sinks)
		s->sinks->entries = 0;
}

static void
answered(struct server *s, const struct sink_answer *a)
{
	struct sink_client *k = s->sinks;
	char text[SINK_TEXT_MAX + 128];
	int before;

	if (a->sink > AUDIT_SINKS_MAX)
		return;
	before = k->last[a->sink];
	k->last[a->sink] = a->status;
	k->failed[a->sink] += a->status != 0;
	if (before == a->status)
		return;
	snprintf(text, sizeof(text), "%.*s%s; %llu failed so far",
		 (int)SINK_TEXT_MAX, a->text, a->status ? "" : ": works again",
		 (unsigned long long)k->failed[a->sink]);
	told(s, text);
}

void
sink_client_ready(struct server *s)
{
	struct sink_client *k = s->sinks;
	struct sink_answer a;
	ssize_t n = 0;

	for (int i = 0; i < 16 && s->o.sink >= 0; i++) {
		n = recv(s->o.sink, &a, sizeof(a), MSG_DONTWAIT);
		if (n != sizeof(a))
			break;
		a.text[sizeof(a.text) - 1] = '\0';
		answered(s, &a);
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		lost(s);
	else if (k->waits)
		send_note(s);
}

json_t *
sink_client_status(const struct server *s)
{
	const struct sink_client *k = s->sinks;
	json_t *failing = json_array();

	for (size_t i = 0; k && i < ARRAY_SIZE(k->last); i++)
		if (k->last[i])
			json_array_append_new(failing,
					      json_integer((json_int_t)i));
	return json_pack("{s:b, s:I, s:I, s:o}", "helper", s->o.sink >= 0,
			 "checkpoints_missed", (json_int_t)(k ? k->missed : 0),
			 "entries_lost", (json_int_t)(k ? k->lost : 0),
			 "failing", failing);
}
