/*
 * The index file: opening, its tables, statements. What always holds: it is a
 * cache, so whatever is wrong with it (another schema, damage, another log) is
 * cured by emptying it, in place; one process at a time looks whether that is
 * needed, since two that find a new file would empty what each other filled;
 * the file is opened without following links, and SQL in it (views, triggers)
 * is not trusted to run anything.
 */
#include "query/index-internal.h"

#include "lib/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define SCHEMA_VERSION 1
#define APPLICATION_ID 0x41425849 /* "ABXI" */
#define BUSY_MS 60000		  /* another one may be filling it */
#define LOCK_STEP_MS 10

static const char schema[] =
	"CREATE TABLE log(one INTEGER PRIMARY KEY CHECK(one=1), id BLOB,"
	" seq INTEGER, segment INTEGER, offset INTEGER, hash BLOB,"
	" odd INTEGER);"
	"CREATE TABLE record(seq INTEGER PRIMARY KEY, segment INTEGER,"
	" offset INTEGER, time INTEGER, channel INTEGER, kind INTEGER,"
	" ref INTEGER);"
	"CREATE TABLE channel(seq INTEGER PRIMARY KEY, agent TEXT, run TEXT,"
	" box TEXT, owner TEXT, parent TEXT, handoff TEXT);"
	"CREATE INDEX channel_agent ON channel(agent);"
	"CREATE INDEX channel_run ON channel(run);"
	"CREATE INDEX channel_box ON channel(box);"
	"CREATE INDEX channel_owner ON channel(owner);"
	"CREATE INDEX channel_parent ON channel(parent);"
	"CREATE INDEX channel_handoff ON channel(handoff);"
	"CREATE TABLE kind(id INTEGER PRIMARY KEY, type INTEGER, rule TEXT,"
	" effect TEXT, surface TEXT, what TEXT, status TEXT);"
	"CREATE UNIQUE INDEX kind_all ON kind(rule, effect, surface, what,"
	" status, type);"
	"CREATE TABLE block(number INTEGER PRIMARY KEY, low INTEGER,"
	" high INTEGER, since INTEGER, until INTEGER);";

static const char *const statements[STMT_MAX] = {
	[STMT_STATE] = "SELECT id, seq, segment, offset, hash, odd FROM log",
	[STMT_SET_STATE] = "INSERT OR REPLACE INTO log VALUES(1,?,?,?,?,?,?)",
	[STMT_RECORD] = "INSERT INTO record VALUES(?,?,?,?,?,?,?)",
	[STMT_CHANNEL] = "INSERT OR REPLACE INTO channel"
			 " VALUES(?,?,?,?,?,?,?)",
	[STMT_KIND_GET] = "SELECT id FROM kind WHERE type=? AND rule=? AND"
			  " effect=? AND surface=? AND what=? AND status=?",
	[STMT_KIND_PUT] = "INSERT INTO kind(type,rule,effect,surface,what,"
			  "status) VALUES(?,?,?,?,?,?)",
	[STMT_BLOCK] = "INSERT INTO block VALUES(?,?,?,?,?)"
		       " ON CONFLICT(number) DO UPDATE SET"
		       " low=min(low,excluded.low),"
		       " high=max(high,excluded.high),"
		       " since=min(since,excluded.since),"
		       " until=max(until,excluded.until)",
	[STMT_PLACE] = "SELECT seq, segment, offset FROM record"
		       " WHERE seq<=? ORDER BY seq DESC LIMIT 1",
	[STMT_BOUNDS] = "SELECT min(low), max(high) FROM block"
			" WHERE until>=? AND since<=?",
};

int
index_fail(struct index *ix, struct err *e, const char *what)
{
	int code = sqlite3_errcode(ix->db);
	int r;

	switch (code) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_SCHEMA:
	case SQLITE_ERROR: /* a table is not as it should be */
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		r = -EUCLEAN;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		r = -EBUSY;
		break;
	case SQLITE_NOMEM:
		r = -ENOMEM;
		break;
	case SQLITE_FULL:
		r = -ENOSPC;
		break;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		r = -EROFS;
		break;
	default:
		r = -EIO;
	}
	return err_set(e, r, "the index: %s: %s", what, sqlite3_errmsg(ix->db));
}

int
index_exec(struct index *ix, const char *sql, struct err *e)
{
	if (sqlite3_exec(ix->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return index_fail(ix, e, "cannot be used");
	return 0;
}

sqlite3_stmt *
index_stmt(struct index *ix, enum index_stmt s, struct err *e)
{
	if (!ix->stmt[s] && sqlite3_prepare_v3(ix->db, statements[s], -1,
					       SQLITE_PREPARE_PERSISTENT,
					       &ix->stmt[s], NULL) != SQLITE_OK)
		(void)index_fail(ix, e, "cannot be asked");
	return ix->stmt[s];
}

int
index_run(struct index *ix, sqlite3_stmt *s, struct err *e)
{
	int r = sqlite3_step(s);

	if (r != SQLITE_DONE && r != SQLITE_ROW) {
		r = index_fail(ix, e, "cannot be written");
		sqlite3_reset(s);
		return r;
	}
	sqlite3_reset(s);
	return 0;
}

static void
finalize(struct index *ix)
{
	for (size_t i = 0; i < STMT_MAX; i++) {
		sqlite3_finalize(ix->stmt[i]);
		ix->stmt[i] = NULL;
	}
}

void
index_free(struct index *ix)
{
	if (!ix)
		return;
	finalize(ix);
	kind_cache_free(ix->kinds);
	sqlite3_close(ix->db);
	free(ix);
}

uint64_t
index_odd(const struct index *ix)
{
	return ix->odd;
}

/* The value of a pragma that is a number. */
static int
pragma(struct index *ix, const char *sql, int64_t *ret, struct err *e)
{
	sqlite3_stmt *s = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(ix->db, sql, -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_step(s) != SQLITE_ROW)
		r = index_fail(ix, e, "cannot be read");
	else
		*ret = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return r;
}

/* Ours, of this version: 1 or 0. */
static int
fits(struct index *ix, struct err *e)
{
	int64_t id = 0, version = 0;
	int r = pragma(ix, "PRAGMA application_id", &id, e);

	if (r >= 0)
		r = pragma(ix, "PRAGMA user_version", &version, e);
	if (r < 0)
		return r;
	return id == APPLICATION_ID && version == SCHEMA_VERSION;
}

static int
make_tables(struct index *ix, struct err *e)
{
	char sql[128];
	int r = index_exec(ix, "BEGIN IMMEDIATE", e);

	if (r < 0)
		return r;
	r = fits(ix, e); /* somebody was faster */
	if (r == 0) {
		snprintf(sql, sizeof(sql),
			 "PRAGMA application_id=%d; PRAGMA user_version=%d",
			 APPLICATION_ID, SCHEMA_VERSION);
		r = index_exec(ix, schema, e);
		if (r >= 0)
			r = index_exec(ix, sql, e);
	}
	if (r < 0) {
		(void)index_exec(ix, "ROLLBACK", NULL);
		return r;
	}
	return index_exec(ix, "COMMIT", e);
}

static int
set_up(struct index *ix, struct err *e)
{
	sqlite3_busy_timeout(ix->db, BUSY_MS);
	sqlite3_db_config(ix->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(ix->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(ix->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(ix->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	return index_exec(ix,
			  "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
			  "PRAGMA cell_size_check=ON; PRAGMA cache_size=-65536;"
			  "PRAGMA wal_autocheckpoint=8192",
			  e);
}

/* The index's folder, locked until it is closed; -EBADF for one in memory.
 * Waits as long as for SQLite's own locks: who holds it does so for a moment.
 */
static int
lock(const char *path, struct err *e)
{
	const struct timespec pause = { 0, LOCK_STEP_MS * 1000000L };
	const char *name = path ? strrchr(path, '/') : NULL;
	_cleanup_free_ char *folder = NULL;
	_cleanup_close_ int fd = -EBADF;

	if (!path)
		return -EBADF;
	folder = name ? strndup(path, (size_t)(name - path) + 1) : strdup(".");
	if (!folder)
		return err_sys(e, ENOMEM, "the index");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "the index: %s", folder);
	for (int ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; ms += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK || ms >= BUSY_MS)
			return err_sys(e, errno, "the index: a lock of %s",
				       folder);
		nanosleep(&pause, NULL);
	}
	return TAKE_FD(fd);
}

/* As SQLite advises for a file that is no good. */
static int
empty(struct index *ix, struct err *e)
{
	int r;

	finalize(ix);
	kind_cache_clear(ix->kinds);
	sqlite3_db_config(ix->db, SQLITE_DBCONFIG_RESET_DATABASE, 1, NULL);
	r = index_exec(ix, "VACUUM", e);
	sqlite3_db_config(ix->db, SQLITE_DBCONFIG_RESET_DATABASE, 0, NULL);
	if (r >= 0)
		r = set_up(ix, e);
	return r < 0 ? r : make_tables(ix, e);
}

int
index_drop(struct index *ix, struct err *e)
{
	int r = empty(ix, e);

	return r < 0 ? err_wrap(e, "the index cannot be made anew") : 0;
}

static int
begin(struct index *ix, bool rebuild, struct err *e)
{
	int r = rebuild ? 0 : set_up(ix, e);

	if (r >= 0 && !rebuild)
		r = fits(ix, e);
	if (r == 1 && !rebuild)
		return 0;
	if (r < 0 && r != -EUCLEAN)
		return r;
	return index_drop(ix, e);
}

int
index_open(const char *path, bool rebuild, struct index **ret, struct err *e)
{
	struct index *ix = calloc(1, sizeof(*ix));
	_cleanup_close_ int locked = -EBADF;
	int r;

	if (!ix || kind_cache_new(&ix->kinds) < 0) {
		free(ix);
		return err_sys(e, ENOMEM, "the index");
	}
	locked = lock(path, e);
	if (locked < 0 && path) {
		index_free(ix);
		return locked;
	}
	if (sqlite3_open_v2(path ? path : ":memory:", &ix->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
				    SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX |
				    SQLITE_OPEN_PRIVATECACHE,
			    NULL) != SQLITE_OK) {
		r = ix->db ? index_fail(ix, e, "cannot be opened")
			   : err_sys(e, ENOMEM, "the index");
		index_free(ix);
		return r;
	}
	r = begin(ix, rebuild, e);
	if (r < 0) {
		index_free(ix);
		return r;
	}
	*ret = ix;
	return 0;
}
