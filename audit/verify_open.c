/*
 * The set of open actions: a table of seqs with open addressing. What always
 * holds: at most half of the slots are used, 0 is an empty one (no record has
 * that seq), and every seq is found before the first empty slot from its own
 * place on.
 */
#include "audit/verify-internal.h"

struct open_set {
	uint64_t *slot;
	uint64_t n, mask;
};

int
open_set_new(struct open_set **ret)
{
	struct open_set *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->mask = 1023;
	a->slot = calloc(a->mask + 1, sizeof(*a->slot));
	if (!a->slot) {
		free(a);
		return -ENOMEM;
	}
	*ret = a;
	return 0;
}

void
open_set_free(struct open_set *a)
{
	if (!a)
		return;
	free(a->slot);
	free(a);
}

uint64_t
open_set_n(const struct open_set *a)
{
	return a->n;
}

/* Fibonacci hashing: neighbours, as seqs are, go far apart. */
static uint64_t
place_of(const struct open_set *a, uint64_t seq)
{
	return (seq * UINT64_C(0x9e3779b97f4a7c15) >> 32) & a->mask;
}

static uint64_t
find(const struct open_set *a, uint64_t seq)
{
	uint64_t i = place_of(a, seq);

	while (a->slot[i] && a->slot[i] != seq)
		i = (i + 1) & a->mask;
	return i;
}

static int
grow(struct open_set *a)
{
	struct open_set big = { .mask = 2 * a->mask + 1, .n = a->n };

	big.slot = calloc(big.mask + 1, sizeof(*big.slot));
	if (!big.slot)
		return -ENOMEM;
	for (uint64_t i = 0; i <= a->mask; i++)
		if (a->slot[i])
			big.slot[find(&big, a->slot[i])] = a->slot[i];
	free(a->slot);
	*a = big;
	return 0;
}

int
open_set_open(struct open_set *a, uint64_t seq)
{
	int k;

	if (a->n >= OPEN_SET_MAX)
		return -E2BIG;
	if (2 * (a->n + 1) > a->mask) {
		k = grow(a);
		if (k < 0)
			return k;
	}
	a->slot[find(a, seq)] = seq;
	a->n++;
	return 0;
}

bool
open_set_close(struct open_set *a, uint64_t seq)
{
	uint64_t hole = find(a, seq), i = hole;

	if (!a->slot[hole])
		return false;
	/* those behind it move up, so that nothing is cut off from its place
	 * (Knuth, volume 3, algorithm 6.4 R) */
	for (;;) {
		uint64_t home;

		i = (i + 1) & a->mask;
		if (!a->slot[i])
			break;
		home = place_of(a, a->slot[i]);
		if (((i - home) & a->mask) < ((i - hole) & a->mask))
			continue;
		a->slot[hole] = a->slot[i];
		hole = i;
	}
	a->slot[hole] = 0;
	a->n--;
	return true;
}
