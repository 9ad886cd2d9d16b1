/*
 * The actions of one channel that go ahead: a sorted array, for intents come
 * in ascending order and there are open_actions of them at most. What always
 * holds: a seq is in there once; it leaves when its outcome is written.
 */
#include "audit/server-internal.h"

#include <stdlib.h>
#include <string.h>

/* Where seq is, or would be. */
static uint32_t
place(const struct intents *a, uint64_t seq)
{
	uint32_t low = 0, high = a->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (a->v[mid].seq < seq)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct intent *
find(const struct intents *a, uint64_t seq)
{
	uint32_t i = place(a, seq);

	return i < a->n && a->v[i].seq == seq ? &a->v[i] : NULL;
}

int
intents_reserve(struct intents *a, uint32_t n)
{
	uint32_t room = a->room ? a->room * 2 : 8;
	void *p;

	if (a->n + n <= a->room)
		return 0;
	room = MAX(room, a->n + n);
	p = reallocarray(a->v, room, sizeof(*a->v));
	if (!p)
		return -ENOMEM;
	a->v = p;
	a->room = room;
	return 0;
}

void
intents_add(struct intents *a, uint64_t seq)
{
	uint32_t i = place(a, seq);

	memmove(a->v + i + 1, a->v + i, (a->n - i) * sizeof(*a->v));
	a->v[i] = (struct intent){ .seq = seq };
	a->n++;
}

static bool
was_done(const struct intents *a, uint64_t seq)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->done); i++)
		if (a->done[i] == seq)
			return true;
	return false;
}

int
intents_close(struct intents *a, uint64_t seq)
{
	struct intent *x = find(a, seq);

	if (!x)
		return seq && was_done(a, seq) ? -EALREADY : -ENOENT;
	if (x->closing)
		return -EALREADY;
	x->closing = 1;
	return 0;
}

void
intents_reopen(struct intents *a, uint64_t seq)
{
	struct intent *x = find(a, seq);

	if (x)
		x->closing = 0;
}

void
intents_end(struct intents *a, uint64_t seq)
{
	struct intent *x = find(a, seq);

	if (!x)
		return;
	a->n--;
	memmove(x, x + 1, (size_t)(a->v + a->n - x) * sizeof(*x));
	a->done[a->done_at++ % ARRAY_SIZE(a->done)] = seq;
}

bool
intents_has(const struct intents *a, uint64_t seq)
{
	return find(a, seq) != NULL;
}

void
intents_free(struct intents *a)
{
	free(a->v);
	*a = (struct intents){ 0 };
}
