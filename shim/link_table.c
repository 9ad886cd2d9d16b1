/*
 * What the channel's end in the shim remembers: questions without an answer,
 * and the answers about hosts. What always holds: a number is not used again
 * while somebody waits for it; the routes have a fixed number of places, and a
 * newer one takes the place of an older.
 */
#include "shim/link-internal.h"

#include <string.h>

#define PLACES_MIN 64u

/* ---- questions: open addressing, numbers in a row ------------------------ */

static uint32_t
place(const struct questions *q, uint32_t id)
{
	return id & q->mask;
}

struct question *
questions_find(struct questions *q, uint32_t id)
{
	if (!q->at || !id)
		return NULL;
	for (uint32_t i = place(q, id); q->at[i].id; i = (i + 1) & q->mask)
		if (q->at[i].id == id)
			return &q->at[i];
	return NULL;
}

static void
insert(struct questions *q, const struct question *x)
{
	uint32_t i = place(q, x->id);

	while (q->at[i].id)
		i = (i + 1) & q->mask;
	q->at[i] = *x;
}

static int
grow(struct questions *q)
{
	uint32_t old = q->at ? q->mask + 1 : 0;
	uint32_t n = old ? 2 * old : PLACES_MIN;
	struct questions to = { .mask = n - 1, .n = q->n, .last = q->last };

	to.at = calloc(n, sizeof(*to.at));
	if (!to.at)
		return -ENOMEM;
	for (uint32_t i = 0; i < old; i++)
		if (q->at[i].id)
			insert(&to, &q->at[i]);
	free(q->at);
	*q = to;
	return 0;
}

uint32_t
questions_add(struct questions *q, enum asked kind, void *call)
{
	struct question x = { .kind = kind, .call = call };

	if ((!q->at || q->n > q->mask / 2) && grow(q) < 0)
		return 0;
	do
		x.id = ++q->last;
	while (!x.id || questions_find(q, x.id));
	insert(q, &x);
	q->n++;
	return x.id;
}

/* What comes after it in the row moves up if it may. */
void
questions_take(struct questions *q, struct question *at)
{
	uint32_t hole = (uint32_t)(at - q->at), i = hole;

	for (;;) {
		uint32_t home;

		i = (i + 1) & q->mask;
		if (!q->at[i].id)
			break;
		home = place(q, q->at[i].id);
		if (((i - home) & q->mask) < ((i - hole) & q->mask))
			continue;
		q->at[hole] = q->at[i];
		hole = i;
	}
	q->at[hole] = (struct question){ 0 };
	q->n--;
}

void
questions_done(struct questions *q)
{
	free(q->at);
	*q = (struct questions){ 0 };
}

/* ---- routes -------------------------------------------------------------- */

static size_t
route_place(const char *host, uint16_t port)
{
	uint32_t h = 2166136261u ^ port; /* FNV-1a */

	for (; *host; host++)
		h = (h ^ (uint8_t)*host) * 16777619u;
	return (h ^ h >> 16) % ROUTES;
}

bool
routes_find(const struct routes *r, const char *host, uint16_t port,
	    unsigned int *ret)
{
	const struct route *at = &r->at[route_place(host, port)];

	if (!at->host || at->port != port || strcmp(at->host, host) != 0)
		return false;
	*ret = at->needs;
	return true;
}

void
routes_put(struct routes *r, const char *host, uint16_t port,
	   unsigned int needs)
{
	struct route *at = &r->at[route_place(host, port)];
	char *copy = strdup(host);

	if (!copy)
		return;
	free(at->host);
	at->host = copy;
	at->port = port;
	at->needs = needs;
}

void
routes_clear(struct routes *r)
{
	for (size_t i = 0; i < ROUTES; i++)
		free(TAKE_PTR(r->at[i].host));
}
