/*
 * Shares of the log. What always holds: what an agent may read now depends on
 * the clocks that were passed in alone; a clock that goes back gives nothing;
 * who has a channel is never forgotten, so nobody gets a fresh day by opening
 * many.
 */
#include "audit/quota.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_US 1000000ull
#define DAY_US (86400ull * SECOND_US)
/* Who waits is woken for a handful, not for each single record. */
#define WAKE_PART 32u

struct quota_agent {
	struct quota_agent *next;
	char name[QUOTA_NAME_MAX];
	uint64_t credit;  /* records times SECOND_US */
	uint64_t debt;	  /* likewise: a message had more than was allowed */
	uint64_t last_us; /* boot time of the last credit */
	uint64_t day, bytes;
	uint32_t users;
	bool told;
};

struct quota {
	const struct audit_config *config;
	struct quota_agent *agents;
	size_t n;
	uint64_t waits, refused;
};

struct quota *
quota_new(const struct audit_config *config)
{
	struct quota *q = calloc(1, sizeof(*q));

	if (q)
		q->config = config;
	return q;
}

void
quota_free(struct quota *q)
{
	struct quota_agent *a, *next;

	for (a = q ? q->agents : NULL; a; a = next) {
		next = a->next;
		free(a);
	}
	free(q);
}

static struct quota_agent *
find(struct quota *q, const char *name)
{
	for (struct quota_agent *a = q->agents; a; a = a->next)
		if (strcmp(a->name, name) == 0)
			return a;
	return NULL;
}

/* Forgets the agent without channel that was seen first. */
static int
forget_one(struct quota *q)
{
	struct quota_agent **oldest = NULL, *a;

	for (struct quota_agent **p = &q->agents; *p; p = &(*p)->next)
		if (!(*p)->users &&
		    (!oldest || (*p)->last_us < (*oldest)->last_us))
			oldest = p;
	if (!oldest)
		return -ENOBUFS;
	a = *oldest;
	*oldest = a->next;
	free(a);
	q->n--;
	return 0;
}

static int
add(struct quota *q, const char *name, uint64_t boot_us,
    struct quota_agent **ret)
{
	struct quota_agent *a;

	if (q->n == QUOTA_AGENTS_MAX && forget_one(q) < 0)
		return -ENOBUFS;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	snprintf(a->name, sizeof(a->name), "%s", name);
	a->credit = q->config->agent_rate * SECOND_US;
	a->last_us = boot_us;
	a->next = q->agents;
	q->agents = a;
	q->n++;
	*ret = a;
	return 0;
}

int
quota_agent(struct quota *q, const char *name, uint64_t boot_us,
	    struct quota_agent **ret)
{
	char cut[QUOTA_NAME_MAX];
	struct quota_agent *a;
	int r;

	snprintf(cut, sizeof(cut), "%s", name);
	a = find(q, cut);
	if (!a) {
		r = add(q, cut, boot_us, &a);
		if (r < 0)
			return r;
	}
	a->users++;
	*ret = a;
	return 0;
}

void
quota_put(struct quota_agent *a)
{
	if (a)
		a->users--;
}

static void
earn(struct quota *q, struct quota_agent *a, uint64_t boot_us)
{
	uint64_t rate = q->config->agent_rate, most = rate * SECOND_US, passed;
	uint64_t got, owed;

	if (boot_us <= a->last_us)
		return;
	passed = MIN(boot_us - a->last_us, SECOND_US);
	a->last_us = boot_us;
	got = passed * rate;
	owed = MIN(a->debt, got);
	a->debt -= owed;
	a->credit = MIN(a->credit + got - owed, most);
}

unsigned int
quota_allow(struct quota *q, struct quota_agent *a, unsigned int max,
	    uint64_t boot_us, uint64_t *ret_when)
{
	uint64_t rate = q->config->agent_rate, n, lack;

	if (!rate)
		return max;
	earn(q, a, boot_us);
	n = a->credit / SECOND_US;
	if (n)
		return (unsigned int)MIN(n, max);
	lack = MAX(rate / WAKE_PART, 1u) * SECOND_US - a->credit + a->debt;
	*ret_when = boot_us + (lack + rate - 1) / rate;
	q->waits++;
	return 0;
}

void
quota_spend(struct quota *q, struct quota_agent *a, unsigned int n)
{
	uint64_t cost = n * SECOND_US;

	uint64_t paid = MIN(cost, a->credit);

	if (!q->config->agent_rate)
		return;
	a->credit -= paid;
	a->debt += cost - paid;
}

static uint64_t
day_bound(const struct quota *q, enum quota_kind kind)
{
	uint64_t bound = q->config->agent_day_bytes;

	if (!bound || kind == QUOTA_OWED)
		return UINT64_MAX;
	return kind == QUOTA_INTENT ? bound : bound + bound / 8;
}

int
quota_charge(struct quota *q, struct quota_agent *a, enum quota_kind kind,
	     size_t bytes, uint64_t wall_us, bool *ret_first)
{
	uint64_t day = wall_us / DAY_US;

	if (day > a->day) {
		a->day = day;
		a->bytes = 0;
		a->told = false;
	}
	*ret_first = false;
	if (a->bytes + bytes > day_bound(q, kind)) {
		*ret_first = !a->told;
		a->told = true;
		q->refused++;
		return -EDQUOT;
	}
	a->bytes += bytes;
	return 0;
}

const char *
quota_name(const struct quota_agent *a)
{
	return a->name;
}

uint64_t
quota_day_bytes(const struct quota_agent *a)
{
	return a->bytes;
}

uint64_t
quota_waits(const struct quota *q)
{
	return q->waits;
}

uint64_t
quota_refused(const struct quota *q)
{
	return q->refused;
}
