#include "tests/tools/audit_rivals.h"

#include "lib/macro.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <time.h>

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct handle {
	int fd;
	sqlite3 *db;
	sqlite3_stmt *insert;
};

static void
handle_close(struct handle *h)
{
	sqlite3_finalize(h->insert);
	sqlite3_close(h->db);
	close_ptr(&h->fd);
}

static int
open_plain(const char *file, struct handle *h)
{
	h->fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return h->fd < 0 ? -errno : 0;
}

static int
open_sqlite(enum rival rival, const char *file, struct handle *h)
{
	const char *set = rival == RIVAL_SQLITE_FULL
				  ? "PRAGMA synchronous = FULL"
				  : "PRAGMA synchronous = NORMAL";

	if (sqlite3_open(file, &h->db) != SQLITE_OK ||
	    sqlite3_busy_timeout(h->db, 20000) != SQLITE_OK ||
	    sqlite3_exec(h->db, "PRAGMA journal_mode = WAL", NULL, NULL,
			 NULL) != SQLITE_OK ||
	    sqlite3_exec(h->db, set, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(h->db,
			 "CREATE TABLE IF NOT EXISTS log"
			 "(seq INTEGER PRIMARY KEY, record BLOB)",
			 NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(h->db, "INSERT INTO log (record) VALUES (?)", -1,
			       &h->insert, NULL) != SQLITE_OK)
		return -EIO;
	return 0;
}

static int
handle_open(enum rival rival, const char *file, struct handle *h)
{
	*h = (struct handle){ .fd = -EBADF };
	return rival == RIVAL_PLAIN ? open_plain(file, h)
				    : open_sqlite(rival, file, h);
}

int
rival_prepare(enum rival rival, const char *file)
{
	struct handle h;
	int r = handle_open(rival, file, &h);

	handle_close(&h);
	return r;
}

static int
one(const struct handle *h, const char *record)
{
	int r;

	if (!h->db) {
		if (write(h->fd, record, RIVAL_RECORD) != RIVAL_RECORD ||
		    fdatasync(h->fd) < 0)
			return -errno;
		return 0;
	}
	sqlite3_bind_blob(h->insert, 1, record, RIVAL_RECORD, SQLITE_STATIC);
	r = sqlite3_step(h->insert);
	sqlite3_reset(h->insert);
	return r == SQLITE_DONE ? 0 : -EIO;
}

int
rival_run(const struct rival_work *w, uint64_t *ret_n)
{
	char record[RIVAL_RECORD];
	struct handle h;
	uint64_t n = 0, start, end = now_ns();
	int r = handle_open(w->rival, w->file, &h);

	memset(record, 'x', sizeof(record));
	while (r == 0 && end / 1000 < w->until_us) {
		start = end;
		r = one(&h, record);
		end = now_ns();
		if (end / 1000 < w->from_us || end / 1000 >= w->until_us)
			continue;
		if (n < w->latency_max)
			w->latency_ns[n] = end - start;
		n++;
	}
	handle_close(&h);
	*ret_n = n;
	return r;
}
