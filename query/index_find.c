/*
 * Asking the index. What always holds: no search walks the table of records:
 * it goes by channel, by kind, or by a range of numbers, and the rows of one
 * window of numbers at a time, so that the newest few of very many are found
 * without looking at (or sorting) the rest. Words of the question are bound,
 * never part of the SQL.
 */
#include "query/index-internal.h"

#include <string.h>

#define SQL_MAX 8192
#define WINDOW 4096u	/* numbers in the first window */
#define WINDOW_GROWS 4u /* times */
#define WINDOW_MAX 262144u
#define PROBE "20000" /* rows that are counted to see which way is shorter */

enum way { WAY_RANGE, WAY_CHANNEL, WAY_KIND };

/* What of a filter is in which table; the columns have the options' names. */
static const struct {
	const char *column;
	enum filter_key key;
	bool channel;
} columns[] = {
	{ "agent", FILTER_AGENT, true },
	{ "run", FILTER_RUN, true },
	{ "box", FILTER_BOX, true },
	{ "owner", FILTER_OWNER, true },
	{ "parent", FILTER_PARENT, true },
	{ "handoff", FILTER_HANDOFF, true },
	{ "rule", FILTER_RULE, false },
	{ "effect", FILTER_EFFECT, false },
	{ "surface", FILTER_SURFACE, false },
	{ "what", FILTER_WHAT, false },
	{ "status", FILTER_STATUS, false },
};
_Static_assert(ARRAY_SIZE(columns) == FILTER_KEY_MAX, "a column for each key");

struct search {
	struct index *ix;
	sqlite3_stmt *stmt;
	bool ascending, done;
	uint64_t low, high; /* what is still to be searched */
	uint64_t window;
};

struct sql {
	char text[SQL_MAX];
	size_t len;
};

static void
add(struct sql *q, const char *s)
{
	size_t n = strlen(s);

	/* SQL_MAX holds all words of all keys: 11 * 16 of "?," */
	if (q->len + n >= sizeof(q->text))
		n = 0;
	memcpy(q->text + q->len, s, n);
	q->len += n;
	q->text[q->len] = '\0';
}

static void
add_words(struct sql *q, const char *column, size_t n, bool *first)
{
	add(q, *first ? " WHERE " : " AND ");
	*first = false;
	add(q, column);
	add(q, " IN (?");
	while (--n)
		add(q, ",?");
	add(q, ")");
}

static size_t
n_types(const struct filter *f)
{
	return (size_t)__builtin_popcountll(f->types);
}

static bool
asks(const struct filter *f, bool channel)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (columns[i].channel == channel && f->key[columns[i].key].n)
			return true;
	return !channel && f->types;
}

/* " AND channel IN (SELECT seq FROM channel WHERE ...)", and so for kinds. */
static void
add_table(struct sql *q, const struct filter *f, bool channel)
{
	bool first = true;

	if (!asks(f, channel))
		return;
	add(q, channel ? " AND channel IN (SELECT seq FROM channel"
		       : " AND kind IN (SELECT id FROM kind");
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (columns[i].channel == channel && f->key[columns[i].key].n)
			add_words(q, columns[i].column,
				  f->key[columns[i].key].n, &first);
	if (!channel && f->types)
		add_words(q, "type", n_types(f), &first);
	add(q, ")");
}

static void
bind_table(sqlite3_stmt *s, const struct filter *f, bool channel, int *at)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		const struct filter_words *w = &f->key[columns[i].key];

		for (size_t k = 0; columns[i].channel == channel && k < w->n;
		     k++)
			sqlite3_bind_text(s, (*at)++, w->v[k], -1,
					  SQLITE_TRANSIENT);
	}
	for (int t = 0; !channel && t < 64; t++)
		if (f->types >> t & 1)
			sqlite3_bind_int(s, (*at)++, t);
}

static const char *
from(enum way way)
{
	return way == WAY_CHANNEL ? " FROM record INDEXED BY by_channel"
	       : way == WAY_KIND  ? " FROM record INDEXED BY by_kind"
				  : " FROM record NOT INDEXED";
}

/* ---- which way -----------------------------------------------------------*/

/* How many rows one of the tables leaves, up to PROBE. */
static int
probe(struct index *ix, const struct filter *f, bool channel, int64_t *ret,
      struct err *e)
{
	struct sql q = { .len = 0 };
	sqlite3_stmt *s = NULL;
	int at = 1, r = 0;

	add(&q, "SELECT count(*) FROM (SELECT 1");
	add(&q, from(channel ? WAY_CHANNEL : WAY_KIND));
	add(&q, " WHERE 1");
	add_table(&q, f, channel);
	add(&q, " LIMIT " PROBE ")");
	if (sqlite3_prepare_v2(ix->db, q.text, -1, &s, NULL) != SQLITE_OK)
		return index_fail(ix, e, "cannot be asked");
	bind_table(s, f, channel, &at);
	if (sqlite3_step(s) == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	else
		r = index_fail(ix, e, "cannot be read");
	sqlite3_finalize(s);
	return r;
}

static int
choose(struct index *ix, const struct filter *f, struct err *e)
{
	int64_t channels = 0, kinds = 0;
	int r;

	if (!asks(f, true))
		return asks(f, false) ? WAY_KIND : WAY_RANGE;
	if (!asks(f, false))
		return WAY_CHANNEL;
	r = probe(ix, f, true, &channels, e);
	if (r >= 0)
		r = probe(ix, f, false, &kinds, e);
	if (r < 0)
		return r;
	return kinds < channels ? WAY_KIND : WAY_CHANNEL;
}

/* ---- a search ------------------------------------------------------------*/

static void
build(const struct filter *f, enum way way, bool ascending, struct sql *q)
{
	add(q, "SELECT seq, segment, offset");
	add(q, from(way));
	add(q, " WHERE seq BETWEEN ?1 AND ?2");
	if (f->since_us || f->until_us != UINT64_MAX)
		add(q, " AND time BETWEEN ?3 AND ?4");
	if (f->ref)
		add(q, " AND ref=?5");
	add(q, " AND ?6");
	add_table(q, f, true);
	add_table(q, f, false);
	add(q, ascending ? " ORDER BY seq" : " ORDER BY seq DESC");
}

static void
bind(sqlite3_stmt *s, const struct filter *f)
{
	int at = 7;

	sqlite3_bind_int64(s, 3, index_int(f->since_us));
	sqlite3_bind_int64(s, 4, index_int(f->until_us));
	sqlite3_bind_int64(s, 5, index_int(f->ref));
	sqlite3_bind_int(s, 6, 1);
	bind_table(s, f, true, &at);
	bind_table(s, f, false, &at);
}

int
index_bounds(struct index *ix, const struct filter *f, uint64_t *ret_low,
	     uint64_t *ret_high, struct err *e)
{
	sqlite3_stmt *s = index_stmt(ix, STMT_BOUNDS, e);
	int r;

	if (!s)
		return -EUCLEAN;
	sqlite3_bind_int64(s, 1, index_int(f->since_us));
	sqlite3_bind_int64(s, 2, index_int(f->until_us));
	r = sqlite3_step(s);
	if (r != SQLITE_ROW) {
		r = index_fail(ix, e, "cannot be read");
	} else if (sqlite3_column_type(s, 0) == SQLITE_NULL) {
		r = 0; /* nothing in that time */
	} else {
		*ret_low = (uint64_t)sqlite3_column_int64(s, 0);
		*ret_high = (uint64_t)sqlite3_column_int64(s, 1);
		*ret_low = MAX(*ret_low, f->seq_first);
		*ret_high = MIN(*ret_high, f->seq_last);
		r = *ret_low <= *ret_high;
	}
	sqlite3_reset(s);
	return r;
}

int
index_find(struct index *ix, const struct filter *f, bool ascending,
	   struct search **ret, struct err *e)
{
	_cleanup_(search_free_ptr) struct search *s = calloc(1, sizeof(*s));
	struct sql q = { .len = 0 };
	int r, way;

	if (!s)
		return err_sys(e, ENOMEM, "the index");
	*s = (struct search){ .ix = ix,
			      .ascending = ascending,
			      .window = WINDOW };
	r = index_bounds(ix, f, &s->low, &s->high, e);
	s->done = r == 0;
	if (r > 0) {
		way = choose(ix, f, e);
		if (way < 0)
			return way;
		build(f, (enum way)way, ascending, &q);
		if (sqlite3_prepare_v2(ix->db, q.text, -1, &s->stmt, NULL) !=
		    SQLITE_OK)
			return index_fail(ix, e, "cannot be asked");
		bind(s->stmt, f);
	}
	if (r >= 0)
		*ret = TAKE_PTR(s);
	return r < 0 ? r : 0;
}

/* Takes the next window from what is left. */
static void
next_window(struct search *s)
{
	uint64_t n = MIN(s->window, s->high - s->low + 1);
	uint64_t low = s->ascending ? s->low : s->high - n + 1;

	sqlite3_reset(s->stmt);
	sqlite3_bind_int64(s->stmt, 1, index_int(low));
	sqlite3_bind_int64(s->stmt, 2, index_int(low + n - 1));
	s->done = n == s->high - s->low + 1;
	if (s->ascending)
		s->low += n;
	else
		s->high -= n;
	s->window = MIN(s->window * WINDOW_GROWS, WINDOW_MAX);
}

static void
hit_of(sqlite3_stmt *s, struct index_hit *ret)
{
	ret->seq = (uint64_t)sqlite3_column_int64(s, 0);
	ret->place.segment = (uint64_t)sqlite3_column_int64(s, 1);
	ret->place.offset = (uint64_t)sqlite3_column_int64(s, 2);
}

int
search_next(struct search *s, struct index_hit *ret, struct err *e)
{
	for (;;) {
		int r;

		if (!s->stmt || !sqlite3_stmt_busy(s->stmt)) {
			if (s->done)
				return 0;
			next_window(s);
		}
		r = sqlite3_step(s->stmt);
		if (r == SQLITE_ROW) {
			hit_of(s->stmt, ret);
			return 1;
		}
		if (r != SQLITE_DONE)
			return index_fail(s->ix, e, "cannot be read");
	}
}

void
search_free(struct search *s)
{
	if (s)
		sqlite3_finalize(s->stmt);
	free(s);
}

int
index_place(struct index *ix, uint64_t seq, struct index_hit *ret,
	    struct err *e)
{
	sqlite3_stmt *s = index_stmt(ix, STMT_PLACE, e);
	int r;

	if (!s)
		return -EUCLEAN;
	sqlite3_bind_int64(s, 1, index_int(seq));
	r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		hit_of(s, ret);
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		r = index_fail(ix, e, "cannot be read");
	sqlite3_reset(s);
	return r < 0 ? r : r == SQLITE_ROW;
}

int
index_plan(struct index *ix, const struct filter *f, char **ret, struct err *e)
{
	struct sql q = { .len = 0 };
	sqlite3_stmt *s = NULL;
	size_t len;
	FILE *out;
	int way = choose(ix, f, e);

	if (way < 0)
		return way;
	add(&q, "EXPLAIN QUERY PLAN ");
	build(f, (enum way)way, false, &q);
	if (sqlite3_prepare_v2(ix->db, q.text, -1, &s, NULL) != SQLITE_OK)
		return index_fail(ix, e, "cannot be asked");
	out = open_memstream(ret, &len);
	while (out && sqlite3_step(s) == SQLITE_ROW)
		fprintf(out, "%s\n", (const char *)sqlite3_column_text(s, 3));
	sqlite3_finalize(s);
	if (!out || fclose(out) != 0)
		return err_sys(e, ENOMEM, "the index");
	return 0;
}
