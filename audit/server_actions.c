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
place(const struct actions *a, uint64_t seq)
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

static struct action *
find(const struct actions *a, uint64_t seq)
{
	uint32_t i = place(a, seq);

	return i < a->n && a->v[i].seq == seq ? &a->v[i] : NULL;
}

int
actions_reserve(struct actions *a, uint32_t n)
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
actions_add(struct actions *a, uint64_t seq)
{
	uint32_t i = place(a, seq);

	memmove(a->v + i + 1, a->v + i, (a->n - i) * sizeof(*a->v));
	a->v[i] = (struct action){ .seq = seq };
	a->n++;
}

static bool
was_done(const struct actions *a, uint64_t seq)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->done); i++)
		if (a->done[i] == seq)
			return true;
	return false;
}

int
actions_close(struct actions *a, uint64_t seq)
{
	struct action *x = find(a, seq);

	if (!x)
		return seq && was_done(a, seq) ? -EALREADY : -ENOENT;
	if (x->closing)
		return -EALREADY;
	x->closing = 1;
	return 0;
}

void
actions_reopen(struct actions *a, uint64_t seq)
{
	struct action *x = find(a, seq);

	if (x)
		x->closing = 0;
}

void
actions_end(struct actions *a, uint64_t seq)
{
	struct action *x = find(a, seq);

	if (!x)
		return;
	a->n--;
	memmove(x, x + 1, (size_t)(a->v + a->n - x) * sizeof(*x));
	a->done[a->done_at++ % ARRAY_SIZE(a->done)] = seq;
}

bool
actions_has(const struct actions *a, uint64_t seq)
{
	return find(a, seq) != NULL;
}

void
actions_free(struct actions *a)
{
	free(a->v);
	*a = (struct actions){ 0 };
}
