/*
 * Who is to share the next sync. Without a word about it, clients that wait for
 * each answer fall into two halves: while one half's records are synced, those
 * of the other come in, and each waits for two syncs. So, before a sync, the
 * loop looks again for those who took part in the last two, as long as some are
 * missing, and at most for half of what a sync takes. What always holds: who is
 * alone waits for nobody, nor does anybody for who has left; there is no delay
 * that does not end by itself.
 */
#include "audit/server-internal.h"

#include <sched.h>

#define GATHER_MOST_US 2000u

/* Clients whose records in this round wait for the disk. */
static uint32_t
count(struct server *s, bool mark)
{
	struct gather *g = &s->gather;
	uint32_t n = 0;

	g->look++;
	for (size_t i = 0; i < s->round.n; i++) {
		const struct pending *p = &s->round.v[i];
		struct conn *c = p->conn;

		if (!c || c->looked == g->look || !round_is_durable(s, p))
			continue;
		c->looked = g->look;
		n++;
		if (!mark)
			continue;
		g->fresh += !c->synced || c->synced + 1 != g->syncs;
		c->synced = g->syncs;
	}
	return n;
}

bool
gather_more(struct server *s)
{
	struct gather *g = &s->gather;
	struct store_now now;
	uint32_t n = count(s, false);

	if (!n || n >= g->expected)
		return false;
	server_now(&now);
	if (!g->until_us)
		g->until_us = now.boot_us + MIN(g->sync_us / 2, GATHER_MOST_US);
	if (now.boot_us >= g->until_us)
		return false;
	sched_yield();
	return true;
}

void
gather_synced(struct server *s, uint64_t took_us)
{
	struct gather *g = &s->gather;
	uint32_t before = g->group;

	g->syncs++;
	g->fresh = 0;
	g->group = count(s, true);
	g->expected = before + g->fresh;
	g->sync_us = (g->sync_us * 7 + took_us) / 8;
	g->until_us = 0;
}

/* Else each of many short runs would be waited for by the next two, and each
 * launch would take half a sync longer. */
void
gather_forget(struct server *s, const struct conn *c)
{
	struct gather *g = &s->gather;

	if (!c->synced || c->synced + 1 < g->syncs)
		return;
	g->expected--;
	if (c->synced == g->syncs)
		g->group--;
}
