/*
 * Filling the index from the log. What always holds: rows and the place up to
 * which they go are written in one transaction, so that after any end the next
 * one goes on where this one stopped; it goes on only where the record at that
 * place is still the one that was read there (its hash), else all is made anew.
 */
#include "audit/chain.h"
#include "query/index-internal.h"

#include <string.h>

#define BATCH 250000u /* records of one transaction */
#define BLOCK 1024u   /* records whose times are kept as one range */
#define LOG_ID_LEN 16u
#define SEGMENT_MAX (UINT64_C(1) << 30) /* audit/config.h: segment_bytes */

/* ---- rows ----------------------------------------------------------------*/

static int
put_channel(struct index *ix, const struct record *r, struct err *e)
{
	static const enum field_id ids[] = { FIELD_AGENT,    FIELD_RUN,
					     FIELD_INSTANCE, FIELD_OWNER,
					     FIELD_PARENT,   FIELD_HANDOFF };
	sqlite3_stmt *s = index_stmt(ix, STMT_CHANNEL, e);
	struct field v;

	if (!s)
		return -EUCLEAN;
	sqlite3_bind_int64(s, 1, index_int(r->seq));
	for (int i = 0; i < (int)ARRAY_SIZE(ids); i++)
		if (record_get(r, ids[i], &v))
			sqlite3_bind_text(s, i + 2, (const char *)v.bytes,
					  v.len, SQLITE_STATIC);
		else
			sqlite3_bind_null(s, i + 2);
	return index_run(ix, s, e);
}

static int
put_record(struct index *ix, const struct record *r,
	   const struct reader_place *p, struct err *e)
{
	sqlite3_stmt *s = index_stmt(ix, STMT_RECORD, e);
	uint64_t channel = r->type == RECORD_CHANNEL ? r->seq : r->channel;
	int64_t id;
	int n;

	if (!s)
		return -EUCLEAN;
	n = index_kind(ix, r, &id, e);
	if (n >= 0 && r->type == RECORD_CHANNEL)
		n = put_channel(ix, r, e);
	if (n < 0)
		return n;
	sqlite3_bind_int64(s, 1, index_int(r->seq));
	sqlite3_bind_int64(s, 2, index_int(p->segment));
	sqlite3_bind_int64(s, 3, index_int(p->offset));
	sqlite3_bind_int64(s, 4, index_int(r->time_us));
	sqlite3_bind_int64(s, 5, index_int(channel));
	sqlite3_bind_int64(s, 6, id);
	sqlite3_bind_int64(s, 7, index_int(r->ref));
	return index_run(ix, s, e);
}

/* The times of the records of one block, as far as they were read. */
struct block {
	uint64_t low, high, since, until; /* high 0: none */
};

static int
put_block(struct index *ix, struct block *b, struct err *e)
{
	sqlite3_stmt *s = index_stmt(ix, STMT_BLOCK, e);
	int r;

	if (!b->high)
		return 0;
	if (!s)
		return -EUCLEAN;
	sqlite3_bind_int64(s, 1, index_int(b->low / BLOCK));
	sqlite3_bind_int64(s, 2, index_int(b->low));
	sqlite3_bind_int64(s, 3, index_int(b->high));
	sqlite3_bind_int64(s, 4, index_int(b->since));
	sqlite3_bind_int64(s, 5, index_int(b->until));
	r = index_run(ix, s, e);
	b->high = 0;
	return r;
}

static int
add_to_block(struct index *ix, struct block *b, const struct record *r,
	     struct err *e)
{
	int k = 0;

	if (b->high && b->low / BLOCK != r->seq / BLOCK)
		k = put_block(ix, b, e);
	if (!b->high)
		*b = (struct block){ r->seq, r->seq, r->time_us, r->time_us };
	b->high = r->seq;
	b->since = MIN(b->since, r->time_us);
	b->until = MAX(b->until, r->time_us);
	return k;
}

/* ---- where it stands -----------------------------------------------------*/

struct state {
	uint8_t log[LOG_ID_LEN];
	uint64_t seq; /* the last that was read; 0: none */
	struct reader_place place;
	uint8_t hash[RECORD_HASH_LEN];
	uint64_t odd; /* the first number at which the log did not go on as it
			 should; 0: none */
};

static int
get_state(struct index *ix, struct state *st, struct err *e)
{
	sqlite3_stmt *s = index_stmt(ix, STMT_STATE, e);
	int r;

	*st = (struct state){ 0 };
	if (!s)
		return -EUCLEAN;
	r = sqlite3_step(s);
	if (r == SQLITE_ROW && sqlite3_column_bytes(s, 0) == LOG_ID_LEN &&
	    sqlite3_column_bytes(s, 4) == RECORD_HASH_LEN) {
		memcpy(st->log, sqlite3_column_blob(s, 0), LOG_ID_LEN);
		st->seq = (uint64_t)sqlite3_column_int64(s, 1);
		st->place.segment = (uint64_t)sqlite3_column_int64(s, 2);
		st->place.offset = (uint64_t)sqlite3_column_int64(s, 3);
		memcpy(st->hash, sqlite3_column_blob(s, 4), RECORD_HASH_LEN);
		st->odd = (uint64_t)sqlite3_column_int64(s, 5);
	}
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		r = index_fail(ix, e, "cannot be read");
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

static int
set_state(struct index *ix, const struct state *st, struct err *e)
{
	sqlite3_stmt *s = index_stmt(ix, STMT_SET_STATE, e);

	if (!s)
		return -EUCLEAN;
	sqlite3_bind_blob(s, 1, st->log, LOG_ID_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, index_int(st->seq));
	sqlite3_bind_int64(s, 3, index_int(st->place.segment));
	sqlite3_bind_int64(s, 4, index_int(st->place.offset));
	sqlite3_bind_blob(s, 5, st->hash, RECORD_HASH_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(s, 6, index_int(st->odd));
	return index_run(ix, s, e);
}

/* The id in the first record of the first file; zeros where there is none. */
static int
log_id(struct reader *r, uint8_t *ret, struct err *e)
{
	struct record rec;
	struct field v;
	int k = reader_seek(r, 0, e);

	memset(ret, 0, LOG_ID_LEN);
	if (k >= 0)
		k = reader_next(r, &rec, e);
	if (k == -EBADMSG)
		return 0; /* verify says more about it */
	if (k <= 0)
		return k;
	if (record_get(&rec, FIELD_LOG, &v) && v.len == LOG_ID_LEN)
		memcpy(ret, v.bytes, LOG_ID_LEN);
	return 0;
}

/* The file of the last record is gone, perhaps with its time: goes to the first
 * record that there is behind it. */
static int
go_behind(struct reader *r, uint64_t seq, struct err *e)
{
	struct record rec;
	int k = reader_seek(r, seq + 1, e);

	if (k >= 0)
		k = reader_next(r, &rec, e);
	if (k == -EBADMSG || k == 0 || (k > 0 && rec.seq <= seq))
		return 0;
	if (k > 0)
		k = reader_seek(r, rec.seq, e);
	return k < 0 ? k : 1;
}

/* Goes behind the last record that was read. 1: it is there, unchanged; 0: the
 * index is of another log. */
static int
go_on(struct reader *r, const struct state *st, struct err *e)
{
	struct record rec;
	int k;

	if (!st->seq) {
		k = reader_seek(r, 0, e);
		return k < 0 ? k : 1;
	}
	k = reader_goto(r, &st->place, e);
	if (k == -ESTALE)
		return go_behind(r, st->seq, e);
	if (k >= 0)
		k = reader_next(r, &rec, e);
	if (k < 0)
		return k == -EBADMSG ? 0 : k;
	return k > 0 && rec.seq == st->seq &&
	       memcmp(rec.hash, st->hash, RECORD_HASH_LEN) == 0;
}

/* ---- filling -------------------------------------------------------------*/

struct fill {
	struct index *ix;
	struct reader *r;
	struct state st;
	struct reader_segment end; /* where the log ended when we came */
	struct reader_place last;  /* of the record st.seq */
	uint64_t first;		   /* of the first file */
	int64_t n;
	bool more;
};

static bool
beyond(const struct reader_segment *end, const struct reader_place *p)
{
	return p->segment > end->first ||
	       (p->segment == end->first && p->offset >= end->bytes);
}

/* Behind bytes that are no record: the next one. Verify is who complains. */
static int
next_record(struct fill *f, struct record *ret, struct err *e)
{
	uint64_t bytes;
	int k;

	while ((k = reader_next(f->r, ret, e)) == -EBADMSG) {
		k = reader_skip(f->r, &bytes);
		if (k <= 0)
			return k;
		f->st.odd = f->st.odd ? f->st.odd : f->st.seq + 1;
	}
	return k;
}

/* Whether to take a record. In a log that is whole it has the next number; in
 * one that is not, a number that its file can hold, so that a single wrong one
 * does not hide all that follows. */
static bool
fits_here(struct fill *f, const struct record *r)
{
	const struct reader_place *p = &f->st.place;
	uint64_t room =
		(p->segment == f->end.first ? f->end.bytes : SEGMENT_MAX) /
		RECORD_MIN;
	bool begins =
		p->segment == f->first && !p->offset && r->seq == p->segment;

	if (r->seq == f->st.seq + 1 || (begins && r->seq > f->st.seq))
		return true;
	f->st.odd = f->st.odd ? f->st.odd : f->st.seq + 1;
	return r->seq > f->st.seq && r->seq >= p->segment &&
	       r->seq - p->segment <= room;
}

/* 1: there may be more; 0: that was all. */
static int
fill_rows(struct fill *f, struct block *b, struct err *e)
{
	struct record rec;
	int k;

	for (unsigned int i = 0; i < BATCH; i++) {
		k = next_record(f, &rec, e);
		if (k <= 0)
			return k;
		reader_place(f->r, &f->st.place);
		if (beyond(&f->end, &f->st.place))
			return 0;
		if (!fits_here(f, &rec))
			continue;
		k = put_record(f->ix, &rec, &f->st.place, e);
		if (k >= 0)
			k = add_to_block(f->ix, b, &rec, e);
		if (k < 0)
			return k;
		f->st.seq = rec.seq;
		f->last = f->st.place;
		memcpy(f->st.hash, rec.hash, RECORD_HASH_LEN);
		f->n++;
	}
	return 1;
}

static int
fill_batch(struct fill *f, struct err *e)
{
	struct block b = { 0 };
	int k = fill_rows(f, &b, e);

	if (k < 0)
		return k;
	f->more = k > 0;
	f->st.place = f->last;
	return put_block(f->ix, &b, e);
}

/* Rows of files that retention took. */
static int
forget_before(struct index *ix, uint64_t first, struct err *e)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "DELETE FROM record WHERE seq<%llu;"
		 "DELETE FROM channel WHERE seq<%llu;"
		 "DELETE FROM block WHERE high<%llu",
		 (unsigned long long)first, (unsigned long long)first,
		 (unsigned long long)first);
	return index_exec(ix, sql, e);
}

/* Goes where the index ends. 1; 0: it is of another log. */
static int
resume(struct fill *f, struct err *e)
{
	uint8_t log[LOG_ID_LEN];
	int k = get_state(f->ix, &f->st, e);

	if (k >= 0)
		k = log_id(f->r, log, e);
	if (k < 0)
		return k;
	if (f->st.seq && memcmp(log, f->st.log, LOG_ID_LEN) != 0)
		return 0;
	memcpy(f->st.log, log, LOG_ID_LEN);
	f->last = f->st.place;
	return go_on(f->r, &f->st, e);
}

/* The rows of one transaction. */
static int
fill_once(struct fill *f, struct err *e)
{
	uint64_t before;
	int k = resume(f, e);

	if (k <= 0)
		return k ? k : -EUCLEAN;
	before = f->st.seq;
	k = forget_before(f->ix, f->first, e);
	/* made in one go at the end they cost a third */
	if (k >= 0 && !before)
		k = index_exec(f->ix,
			       "DROP INDEX IF EXISTS by_channel;"
			       "DROP INDEX IF EXISTS by_kind",
			       e);
	if (k >= 0)
		k = fill_batch(f, e);
	if (k >= 0 && f->st.seq != before)
		k = set_state(f->ix, &f->st, e);
	return k;
}

static int
fill_transaction(struct fill *f, struct err *e)
{
	int64_t n = f->n;
	int k = index_exec(f->ix, "BEGIN IMMEDIATE", e);

	if (k >= 0)
		k = fill_once(f, e);
	if (k >= 0 && !f->more)
		k = index_exec(f->ix,
			       "CREATE INDEX IF NOT EXISTS by_channel"
			       " ON record(channel);"
			       "CREATE INDEX IF NOT EXISTS by_kind"
			       " ON record(kind)",
			       e);
	if (k >= 0)
		k = index_exec(f->ix, "COMMIT", e);
	if (k < 0) {
		f->n = n;
		kind_cache_clear(f->ix->kinds);
		(void)sqlite3_exec(f->ix->db, "ROLLBACK", NULL, NULL, NULL);
	}
	return k;
}

static int
fill(struct fill *f, struct err *e)
{
	int k;

	do
		k = fill_transaction(f, e);
	while (k >= 0 && f->more);
	return k;
}

/* Whether there is nothing to do, without a lock that others would wait for. */
static int
is_current(struct fill *f, struct err *e)
{
	struct reader_place p;
	struct record rec;
	int k = resume(f, e);

	if (k <= 0 || !f->st.seq)
		return k < 0 ? k : 0;
	k = reader_next(f->r, &rec, e);
	reader_place(f->r, &p);
	return k == 0 || (k > 0 && beyond(&f->end, &p));
}

int64_t
index_update(struct index *ix, struct reader *r, struct err *e)
{
	struct fill f = { .ix = ix, .r = r };
	const struct reader_segment *seg;
	size_t n;
	int k = reader_segments(r, &seg, &n, e);

	if (k < 0)
		return k;
	if (n) {
		f.first = seg[0].first;
		f.end = seg[n - 1];
	}
	k = is_current(&f, e);
	if (k == 0)
		k = fill(&f, e);
	if (k == -EUCLEAN) {
		k = index_drop(ix, e);
		if (k >= 0)
			k = fill(&f, e);
	}
	ix->odd = f.st.odd;
	return k < 0 ? k : f.n;
}
