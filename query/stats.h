#pragma once
/* Counting records. */
#include "audit/record.h"
#include "lib/err.h"

#include <stdio.h>

struct stats;

int stats_new(struct stats **ret, struct err *e);
void stats_free(struct stats *s); /* accepts NULL */
/* One record more; who is its channel record, or NULL. */
void stats_count(struct stats *s, const struct record *r,
		 const struct record *who);
/* The files, how long they are kept, and the writer's own words. */
int stats_log(struct stats *s, int audit, struct err *e);
void stats_json(const struct stats *s, FILE *f);
void stats_print(const struct stats *s, FILE *f, bool utc);
