#pragma once
/*
 * Where records are, by what they are asked for: an SQLite file that can be
 * thrown away. A row for each record says its place, time, channel and kind;
 * a kind is a combination of type, effect, surface, what, status and rule,
 * of which there are few. So two indexes serve all filters.
 */
#include "audit/reader.h"
#include "lib/err.h"
#include "query/filter.h"

struct index;

/* path NULL: in memory. Never -EUCLEAN: what does not fit is made anew. */
int index_open(const char *path, bool rebuild, struct index **ret,
	       struct err *e);
void index_free(struct index *ix);

/* Reads what the log has more than the index; makes it anew if it is of another
 * log. Returns the number of records read. */
int64_t index_update(struct index *ix, struct reader *r, struct err *e);

/* The first number at which the log did not go on as it should (bytes that are
 * no record, a number missing or twice); 0: none. Verify says more. */
uint64_t index_odd(const struct index *ix);

struct index_hit {
	uint64_t seq;
	struct reader_place place;
};
/* A search gives hits in descending order of seq (or ascending): 1; 0 at the
 * end. What it gives may be wrong, if somebody wrote into the file. */
struct search;
int index_find(struct index *ix, const struct filter *f, bool ascending,
	       struct search **ret, struct err *e);
int search_next(struct search *s, struct index_hit *ret, struct err *e);
void search_free(struct search *s); /* accepts NULL */
static inline void
search_free_ptr(struct search **s)
{
	search_free(*s);
}

/* The numbers between which a filter's times and numbers lie: 1; 0: none. */
int index_bounds(struct index *ix, const struct filter *f, uint64_t *ret_low,
		 uint64_t *ret_high, struct err *e);
/* The place of a record, or of the next below it: 1; 0: none. */
int index_place(struct index *ix, uint64_t seq, struct index_hit *ret,
		struct err *e);
/* Throws all rows away: something in it was wrong. */
int index_drop(struct index *ix, struct err *e);

/* EXPLAIN QUERY PLAN of a search; the caller frees it. For tests. */
int index_plan(struct index *ix, const struct filter *f, char **ret,
	       struct err *e);
