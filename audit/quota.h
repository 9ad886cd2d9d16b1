#pragma once
/*
 * How much of the log one agent may have, so that none starves another: a rate
 * (records a second, with a burst of one second; who is above it waits) and
 * bytes a day (UTC; who is above them is refused). Pure: clocks are passed in,
 * microseconds. An agent is known by its name and remembered for as long as it
 * has channels, and after that as long as there is room.
 */
#include "audit/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUOTA_AGENTS_MAX 4096u
#define QUOTA_NAME_MAX 128u

struct quota;
struct quota_agent;

/* What a record is to the quota of a day. */
enum quota_kind {
	QUOTA_INTENT, /* refused at the bound */
	QUOTA_TOLD,   /* what becomes of a box: refused an eighth above it */
	QUOTA_OWED    /* never refused */
};

/* config is borrowed. NULL: out of memory. */
struct quota *quota_new(const struct audit_config *config);
void quota_free(struct quota *q);

/* The agent, with one user more; longer names are cut. -ENOBUFS: there are
 * QUOTA_AGENTS_MAX that have channels. */
int quota_agent(struct quota *q, const char *name, uint64_t boot_us,
		struct quota_agent **ret);
void quota_put(struct quota_agent *a);

/* How many records may be read now, at most max; 0: none before *ret_when. */
unsigned int quota_allow(struct quota *q, struct quota_agent *a,
			 unsigned int max, uint64_t boot_us,
			 uint64_t *ret_when);
/* n records were read. */
void quota_spend(struct quota *q, struct quota_agent *a, unsigned int n);
/* Charges bytes to the day: 0, or -EDQUOT. *ret_first: it is the first refusal
 * of this day. */
int quota_charge(struct quota *q, struct quota_agent *a, enum quota_kind kind,
		 size_t bytes, uint64_t wall_us, bool *ret_first);

const char *quota_name(const struct quota_agent *a);
uint64_t quota_day_bytes(const struct quota_agent *a);
/* How often agents had to wait, and how many records were refused. */
uint64_t quota_waits(const struct quota *q);
uint64_t quota_refused(const struct quota *q);
