#pragma once
/* Shared by index.c (the file), index_update.c and index_kind.c (filling it)
 * and index_find.c (asking it). Seqs and times are SQLite's signed integers:
 * what is above INT64_MAX is cut to it. */
#include "query/index.h"

#include <sqlite3.h>

struct kind_cache;

enum index_stmt {
	STMT_STATE,
	STMT_SET_STATE,
	STMT_RECORD,
	STMT_CHANNEL,
	STMT_KIND_GET,
	STMT_KIND_PUT,
	STMT_BLOCK,
	STMT_PLACE,
	STMT_BOUNDS,
	STMT_MAX
};

struct index {
	sqlite3 *db;
	sqlite3_stmt *stmt[STMT_MAX];
	struct kind_cache *kinds;
	uint64_t odd;
};

/* The statement, prepared once. NULL: failed. */
sqlite3_stmt *index_stmt(struct index *ix, enum index_stmt s, struct err *e);
/* SQLite's last error as ours: -EUCLEAN where the file is no good. */
int index_fail(struct index *ix, struct err *e, const char *what);
int index_exec(struct index *ix, const char *sql, struct err *e);
/* Runs a statement that gives no rows, and makes it ready again. */
int index_run(struct index *ix, sqlite3_stmt *s, struct err *e);

static inline sqlite3_int64
index_int(uint64_t v)
{
	return v > INT64_MAX ? INT64_MAX : (sqlite3_int64)v;
}

/* The number of a record's kind; a new kind gets one. */
int index_kind(struct index *ix, const struct record *r, int64_t *ret,
	       struct err *e);

/* Numbers of kinds that were seen lately. */
int kind_cache_new(struct kind_cache **ret);
void kind_cache_free(struct kind_cache *k);
void kind_cache_clear(struct kind_cache *k);
