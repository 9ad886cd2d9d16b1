/*
 * Which actions have no outcome yet. Each file of the log begins with the list
 * of those, so that after a crash the last file alone tells what is owed. What
 * always holds: the same frames, tracked in the same order, give the same
 * list, whether they were written just now or are read again.
 */
#include "audit/store-internal.h"

#include <string.h>

#define TABLE_MIN 64u
#define TABLE_MAX (1u << 23) /* open_actions of 4096 channels, and room */
#define ENTRY_MIN 17u	     /* u64 intent, u64 channel, u8 length */

static size_t
place_of(const struct actions_table *t, uint64_t id)
{
	/* numbers that follow each other land far apart: 2^64 / golden ratio */
	return (size_t)(id * 0x9e3779b97f4a7c15u >> 20) & (t->size - 1);
}

static struct actions_slot *
table_find(const struct actions_table *t, uint64_t id)
{
	if (!t->size || !id)
		return NULL;
	for (size_t i = place_of(t, id); t->slot[i].id;
	     i = (i + 1) & (t->size - 1))
		if (t->slot[i].id == id)
			return &t->slot[i];
	return NULL;
}

static struct actions_slot *
free_slot(const struct actions_table *t, uint64_t id)
{
	size_t i = place_of(t, id);

	while (t->slot[i].id)
		i = (i + 1) & (t->size - 1);
	return &t->slot[i];
}

static int
table_grow(struct actions_table *t)
{
	struct actions_table bigger = { .size = MAX(TABLE_MIN, t->size * 2),
					.n = t->n };

	if (bigger.size > TABLE_MAX)
		return -ENOMEM;
	bigger.slot = calloc(bigger.size, sizeof(*bigger.slot));
	if (!bigger.slot)
		return -ENOMEM;
	for (size_t i = 0; i < t->size; i++)
		if (t->slot[i].id)
			*free_slot(&bigger, t->slot[i].id) = t->slot[i];
	free(t->slot);
	*t = bigger;
	return 0;
}

static int
table_add(struct actions_table *t, uint64_t id, uint64_t channel,
	  const char *run, size_t len)
{
	struct actions_slot *s = table_find(t, id);

	if (!s && t->n >= t->size / 4 * 3 && table_grow(t) < 0)
		return -ENOMEM;
	if (!s) {
		s = free_slot(t, id);
		t->n++;
	}
	len = MIN(len, sizeof(s->run) - 1);
	s->id = id;
	s->channel = channel;
	memcpy(s->run, run, len);
	s->run[len] = '\0';
	return 0;
}

/* Linear probing needs no tombstones if the ones behind move up. */
static void
table_remove(struct actions_table *t, uint64_t id)
{
	struct actions_slot *s = table_find(t, id);
	size_t hole, mask = t->size - 1;

	if (!s)
		return;
	hole = (size_t)(s - t->slot);
	t->slot[hole].id = 0;
	t->n--;
	for (size_t i = (hole + 1) & mask; t->slot[i].id; i = (i + 1) & mask) {
		size_t home = place_of(t, t->slot[i].id);

		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* it would come before its place */
		t->slot[hole] = t->slot[i];
		t->slot[i].id = 0;
		hole = i;
	}
}

static void
table_clear(struct actions_table *t)
{
	free(t->slot);
	memset(t, 0, sizeof(*t));
}

void
actions_done(struct actions *a)
{
	table_clear(&a->open);
	table_clear(&a->channels);
	a->incomplete = false;
}

void
actions_forget_channels(struct actions *a)
{
	table_clear(&a->channels);
}

static int
track_intent(struct actions *a, const struct record *r)
{
	const struct actions_slot *c;

	if (record_get_uint(r, FIELD_GOES_AHEAD) != 1)
		return 0;
	c = table_find(&a->channels, r->channel);
	return table_add(&a->open, r->seq, r->channel, c ? c->run : "",
			 c ? strlen(c->run) : 0);
}

static int
track_channel(struct actions *a, const struct record *r)
{
	struct field run;

	if (!record_get(r, FIELD_RUN, &run))
		return 0;
	return table_add(&a->channels, r->seq, 0, (const char *)run.bytes,
			 run.len);
}

void
actions_track(struct actions *a, const uint8_t *frame)
{
	unsigned int type = frame[52] | (unsigned int)frame[53] << 8;
	struct record r;
	int ret = 0;

	if (type != RECORD_INTENT && type != RECORD_OUTCOME &&
	    type != RECORD_CHANNEL && type != RECORD_CHANNEL_END)
		return;
	r.fields = frame + RECORD_HEAD;
	r.fields_len = (frame[4] | (size_t)frame[5] << 8) - RECORD_MIN;
	r.seq = record_u64(frame + 8);
	r.ref = record_u64(frame + 32);
	r.channel = record_u64(frame + 40);
	if (type == RECORD_INTENT)
		ret = track_intent(a, &r);
	else if (type == RECORD_OUTCOME)
		table_remove(&a->open, r.ref);
	else if (type == RECORD_CHANNEL)
		ret = track_channel(a, &r);
	else
		table_remove(&a->channels, r.channel);
	if (ret < 0)
		a->incomplete = true;
}

static size_t
put_entry(const struct actions_slot *s, uint8_t *out)
{
	size_t len = strlen(s->run);

	for (int i = 0; i < 8; i++) {
		out[i] = (uint8_t)(s->id >> 8 * i);
		out[8 + i] = (uint8_t)(s->channel >> 8 * i);
	}
	out[16] = (uint8_t)len;
	memcpy(out + ENTRY_MIN, s->run, len);
	return ENTRY_MIN + len;
}

void
actions_put(const struct actions *a, struct fields *f)
{
	uint8_t out[RECORD_FIELDS_MAX];
	size_t n = 0, room = sizeof(out) - f->len - 4;

	if (a->incomplete || f->len + 4 > sizeof(out))
		return;
	for (size_t i = 0; i < a->open.size; i++) {
		if (!a->open.slot[i].id)
			continue;
		if (room - n < sizeof(struct actions_slot))
			return; /* the file before has the list, or one before
				   that */
		n += put_entry(&a->open.slot[i], out + n);
	}
	fields_bytes(f, FIELD_OPEN, out, n);
}

int
actions_load(struct actions *a, const struct record *segment)
{
	struct field f;
	size_t len;

	actions_done(a);
	if (!record_get(segment, FIELD_OPEN, &f))
		return -ENODATA;
	for (size_t at = 0; at < f.len; at += ENTRY_MIN + len) {
		const uint8_t *p = f.bytes + at;

		if (f.len - at < ENTRY_MIN)
			return -EBADMSG;
		len = p[16];
		if (len > f.len - at - ENTRY_MIN || len > 64 || !record_u64(p))
			return -EBADMSG;
		if (table_add(&a->open, record_u64(p), record_u64(p + 8),
			      (const char *)p + ENTRY_MIN, len) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	const struct store_owed *x = a, *y = b;

	return x->intent < y->intent ? -1 : x->intent > y->intent;
}

int
actions_list(const struct actions *a, struct store_owed **ret, size_t *ret_n)
{
	struct store_owed *list = calloc(a->open.n + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < a->open.size; i++) {
		if (!a->open.slot[i].id)
			continue;
		list[n].intent = a->open.slot[i].id;
		list[n].channel = a->open.slot[i].channel;
		memcpy(list[n].run, a->open.slot[i].run, sizeof(list[n].run));
		n++;
	}
	qsort(list, n, sizeof(*list), by_number);
	*ret = list;
	*ret_n = n;
	return 0;
}
