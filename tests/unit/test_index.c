/* links: query audit lib */
/* The index: the same answers as reading everything, without walking the
 * table, whatever happened to its file. */
#include "lib/fd.h"
#include "query/index.h"
#include "query/trail.h"
#include "tests/tap.h"
#include "tests/tools/query_log.h"

#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FIRST_US UINT64_C(1764000000000000)

static const struct query_log_spec plain = { .records = 20000,
					     .per_file = 6000,
					     .agents = 5,
					     .runs = 4,
					     .rules = 7,
					     .first_us = FIRST_US,
					     .step_us = 1000 };

struct at {
	struct query_log_spec spec;
	const char *dir;
	char index[PATH_MAX];
	uint64_t n;
	int fd;
};

static void
grow(struct at *a, uint64_t records)
{
	a->spec.records = records;
	a->n = query_log_make(a->dir, &a->spec, a->n);
}

static struct at
make(const struct query_log_spec *s)
{
	struct at a = { .spec = *s, .dir = tap_tmpdir() };

	grow(&a, s->records);
	a.fd = ASSERT_OK(open(a.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	snprintf(a.index, sizeof(a.index), "%s/index", a.dir);
	return a;
}

static struct trail *
trail(const struct at *a, bool no_index)
{
	const struct trail_options o = { .no_index = no_index };
	struct err e = ERR_INIT;
	struct trail *t;

	if (trail_open_at(a->fd, a->index, &o, &t, &e) < 0)
		FAIL("%s", e.text);
	return t;
}

/* What a search gave, as one number; its records must be in order. */
struct found {
	uint64_t n, sum, last;
};

static int
add(void *arg, const struct record *r, const struct record *who, struct err *e)
{
	struct found *f = arg;

	(void)e;
	if (r->channel && !who)
		FAIL("record %llu: of nobody", (unsigned long long)r->seq);
	if (r->seq <= f->last)
		FAIL("record %llu after %llu", (unsigned long long)r->seq,
		     (unsigned long long)f->last);
	f->last = r->seq;
	f->sum = f->sum * 31 + r->seq;
	f->n++;
	return 0;
}

static struct found
find(struct trail *t, const struct filter *f)
{
	struct found got = { 0 };
	struct err e = ERR_INIT;
	int64_t n = trail_find(t, f, add, &got, &e);

	if (n < 0)
		FAIL("%s", e.text);
	ASSERT_EQ(n, got.n);
	return got;
}

static void
same(const struct at *a, struct trail *t, const struct filter *f)
{
	struct trail *all = trail(a, true);
	struct found x = find(t, f), y = find(all, f);

	trail_free(all);
	ASSERT_EQ(x.n, y.n);
	ASSERT_EQ(x.sum, y.sum);
}

/* Filters of all kinds: number i of N_FILTERS. */
#define N_FILTERS 26
static struct filter
filter(int i)
{
	static const struct {
		enum filter_key key;
		const char *word;
	} rows[] = {
		{ FILTER_AGENT, "agent-3" },   { FILTER_RUN, "run-2-1" },
		{ FILTER_BOX, "box-4-2" },     { FILTER_OWNER, "owner-0" },
		{ FILTER_PARENT, "run-1-0" },  { FILTER_RULE, "rule-5" },
		{ FILTER_EFFECT, "deny" },     { FILTER_SURFACE, "memory" },
		{ FILTER_WHAT, "tools.call" }, { FILTER_STATUS, "error" },
		{ FILTER_RULE, "no such" },    { FILTER_AGENT, "nobody" },
	};
	struct filter f;

	filter_init(&f);
	if (i < 12) {
		ASSERT_OK(filter_add(&f, rows[i].key, rows[i].word, NULL));
	} else if (i < 22) {
		ASSERT_OK(filter_add(&f, FILTER_OWNER, "owner-1", NULL));
		ASSERT_OK(filter_add(&f, FILTER_OWNER, "owner-2", NULL));
		ASSERT_OK(filter_add(&f, rows[i - 12].key, rows[i - 12].word,
				     NULL));
		f.since_us = FIRST_US + UINT64_C(3000) * 1000;
		f.until_us = FIRST_US + UINT64_C(17000) * 1000;
	} else if (i == 22) {
		filter_type(&f, RECORD_OUTCOME);
	} else if (i == 23) {
		f.since_us = FIRST_US + UINT64_C(9990) * 1000;
		f.until_us = FIRST_US + UINT64_C(10010) * 1000;
	} else if (i == 24) {
		filter_type(&f, RECORD_CHANNEL);
		filter_type(&f, RECORD_LOG_SEGMENT);
		f.seq_first = 100;
	}
	return f;
}

TEST_LIMIT(answers, 60)
{
	static const uint64_t limits[] = { 0, 1, 10, 1000, 100000 };
	struct at a = make(&plain);
	struct trail *t = trail(&a, false);
	uint64_t some = 0;

	for (int i = 0; i < N_FILTERS; i++)
		for (size_t k = 0; k < sizeof(limits) / sizeof(limits[0]);
		     k++) {
			struct filter f = filter(i);

			f.limit = limits[k];
			same(&a, t, &f);
			some += find(t, &f).n;
		}
	ASSERT_GE(some, 100000);
	ASSERT_STREQ(trail_note(t), "");
	trail_free(t);
	close(a.fd);
}

TEST(newest)
{
	struct at a = make(&plain);
	struct trail *t = trail(&a, false);
	struct filter f;
	uint64_t last;

	filter_init(&f);
	f.limit = 3;
	ASSERT_EQ(find(t, &f).last, a.n);
	ASSERT_EQ(find(t, &f).n, 3);
	ASSERT_OK(trail_last(t, &last, NULL));
	ASSERT_EQ(last, a.n);
	trail_free(t);
	t = trail(&a, true);
	ASSERT_OK(trail_last(t, &last, NULL));
	ASSERT_EQ(last, a.n);
	trail_free(t);
	close(a.fd);
}

/* No question walks the table of records. */
TEST(plans)
{
	struct at a = make(&plain);
	struct err e = ERR_INIT;
	struct reader *r;
	struct index *ix;

	ASSERT_OK(reader_new(a.fd, &r, &e));
	ASSERT_OK(index_open(a.index, false, &ix, &e));
	ASSERT_EQ(index_update(ix, r, &e), a.n);
	ASSERT_EQ(index_update(ix, r, &e), 0);
	for (int i = 0; i < N_FILTERS; i++) {
		struct filter f = filter(i);
		char *plan = NULL;

		if (index_plan(ix, &f, &plan, &e) < 0)
			FAIL("%s", e.text);
		if (strstr(plan, "SCAN record") ||
		    !strstr(plan, "SEARCH record"))
			FAIL("filter %d: %s", i, plan);
		free(plan);
	}
	index_free(ix);
	reader_free(r);
	close(a.fd);
}

TEST(grows_with_the_log)
{
	struct at a = make(&plain);
	struct filter f = filter(0), all = filter(25);
	struct trail *t = trail(&a, false);

	for (int i = 0; i < 5; i++) {
		grow(&a, a.n + 1 + (uint64_t)i * 1500);
		ASSERT_OK(trail_update(t, NULL));
		same(&a, t, &f);
		same(&a, t, &all);
	}
	trail_free(t);
	t = trail(&a, false);
	same(&a, t, &f);
	trail_free(t);
	close(a.fd);
}

static void
remove_file(const struct at *a, uint64_t first)
{
	char name[64];

	snprintf(name, sizeof(name), "log/%020llu.seg",
		 (unsigned long long)first);
	ASSERT_OK(unlinkat(a->fd, name, 0));
}

static void
remove_all(const struct at *a)
{
	const struct reader_segment *seg;
	struct err e = ERR_INIT;
	struct reader *r;
	size_t n;

	ASSERT_OK(reader_new(a->fd, &r, &e));
	ASSERT_OK(reader_segments(r, &seg, &n, &e));
	for (size_t i = 0; i < n; i++)
		remove_file(a, seg[i].first);
	reader_free(r);
}

/* Another log in the place of the old one, shorter or longer. */
TEST(another_log)
{
	struct at a = make(&plain);
	struct filter f = filter(5);
	struct trail *t = trail(&a, false);

	same(&a, t, &f);
	for (unsigned int i = 1; i < 3; i++) {
		remove_all(&a);
		a.n = 0;
		a.spec.log = i;
		a.spec.rules = 7 + i;
		grow(&a, i == 1 ? 9000 : 30000);
		ASSERT_OK(trail_update(t, NULL));
		same(&a, t, &f);
		ASSERT_STREQ(trail_note(t), "");
	}
	trail_free(t);
	close(a.fd);
}

/* Files go with their time, under an open trail and before the next. */
TEST(retention)
{
	struct at a = make(&plain);
	struct trail *t = trail(&a, false);
	struct record r;
	struct filter f;

	remove_file(&a, 1);
	for (int i = 0; i < N_FILTERS; i++) {
		f = filter(i);
		same(&a, t, &f);
	}
	ASSERT_EQ(trail_get(t, 17, &r, NULL), 0);
	grow(&a, a.n + 10);
	ASSERT_OK(trail_update(t, NULL));
	f = filter(25);
	same(&a, t, &f);
	trail_free(t);
	close(a.fd);
}

static void
sql(const struct at *a, const char *text)
{
	char *said = NULL;
	sqlite3 *db;

	ASSERT_EQ(sqlite3_open(a->index, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &said) != SQLITE_OK)
		FAIL("%s: %s", text, said);
	sqlite3_close(db);
}

/* What somebody writes into the index makes no answer wrong: a place where
 * nothing is, a record that does not match. (Rows that are not there any more
 * cannot be missed: for that there is --no-index.) */
TEST(lies)
{
	static const char *const lie[] = {
		"UPDATE record SET offset=offset+1",
		"UPDATE record SET offset=0",
		"UPDATE record SET segment=1, offset=0 WHERE seq%7=0",
		"UPDATE record SET segment=77777",
		"UPDATE channel SET agent='agent-3'",
		"DROP TABLE kind",
		"DROP INDEX by_kind",
		"DELETE FROM log",
		"UPDATE log SET hash=zeroblob(32)",
		"UPDATE log SET seq='x'",
		"PRAGMA user_version=99",
		"PRAGMA application_id=1",
	};
	struct at a = make(&plain);
	struct trail *t = trail(&a, false);

	trail_free(t);
	for (size_t i = 0; i < sizeof(lie) / sizeof(lie[0]); i++) {
		sql(&a, lie[i]);
		t = trail(&a, false);
		for (int k = 0; k < N_FILTERS; k += 5) {
			struct filter f = filter(k);

			same(&a, t, &f);
			f.limit = 100;
			same(&a, t, &f);
		}
		if (trail_note(t)[0])
			FAIL("%s: %s", lie[i], trail_note(t));
		trail_free(t);
	}
	close(a.fd);
}

static void
overwrite(const struct at *a, off_t at, const char *with, size_t n)
{
	int fd =
		ASSERT_OK(open(a->index, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));

	ASSERT_EQ(pwrite(fd, with, n, at), n);
	close(fd);
}

/* A file that is no database, or a broken one. */
TEST(damage)
{
	static const off_t places[] = { 0, 16, 100, 4096, 4096 * 20 };
	char junk[4096];
	struct at a = make(&plain);
	struct filter f = filter(7);
	struct trail *t;

	memset(junk, 0xa5, sizeof(junk));
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		overwrite(&a, places[i], junk, sizeof(junk));
		t = trail(&a, false);
		same(&a, t, &f);
		ASSERT_STREQ(trail_note(t), "");
		trail_free(t);
		t = trail(&a, false);
		same(&a, t, &f);
		trail_free(t);
	}
	close(a.fd);
}

/* Where no index can be had the files are read, and it is said. */
TEST(nowhere)
{
	struct at a = make(&plain);
	struct filter f = filter(2);
	struct trail *t;

	snprintf(a.index, sizeof(a.index), "%s/no/such/folder", a.dir);
	t = trail(&a, false);
	same(&a, t, &f);
	ASSERT_STRSTR(trail_note(t), "all files are read");
	trail_free(t);
	/* a link is not followed */
	snprintf(a.index, sizeof(a.index), "%s/link", a.dir);
	ASSERT_OK(symlink("elsewhere", a.index));
	t = trail(&a, false);
	same(&a, t, &f);
	ASSERT_STRSTR(trail_note(t), "all files are read");
	ASSERT_ERR(faccessat(a.fd, "elsewhere", F_OK, 0), -1);
	trail_free(t);
	close(a.fd);
}

/* In memory, where there is no file. */
TEST(in_memory)
{
	struct at a = make(&plain);
	struct filter f = filter(2);
	struct err e = ERR_INIT;
	struct trail *t;

	ASSERT_OK(trail_open_at(a.fd, NULL, NULL, &t, &e));
	same(&a, t, &f);
	ASSERT_STREQ(trail_note(t), "");
	trail_free(t);
	close(a.fd);
}

/* Several at once, each of which asks the same. */
static void
ask_together(const struct at *a, const struct filter *f)
{
	pid_t pid[4];

	for (size_t i = 0; i < ARRAY_SIZE(pid); i++) {
		struct trail *t;

		pid[i] = fork();
		if (pid[i])
			continue;
		t = trail(a, false);
		same(a, t, f);
		_exit(trail_note(t)[0] ? 3 : 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pid); i++) {
		int status;

		ASSERT_EQ(waitpid(pid[i], &status, 0), pid[i]);
		ASSERT_EQ(status, 0);
	}
}

/* Each finds the log longer than the index. */
TEST_LIMIT(together, 60)
{
	struct at a = make(&plain);

	for (int round = 0; round < 5; round++) {
		struct filter f = filter(round * 5 % N_FILTERS);

		ask_together(&a, &f);
		grow(&a, a.n + 2000);
	}
	close(a.fd);
}

/* Each finds no index. */
TEST_LIMIT(first_together, 60)
{
	struct query_log_spec small = plain;
	struct filter f = filter(0);
	struct at a;

	small.records = 1000;
	a = make(&small);
	for (int round = 0; round < 40; round++) {
		unlinkat(a.fd, "index", 0);
		unlinkat(a.fd, "index-wal", 0);
		unlinkat(a.fd, "index-shm", 0);
		ask_together(&a, &f);
	}
	close(a.fd);
}

TEST(one_record)
{
	struct at a = make(&plain);

	for (int no_index = 0; no_index < 2; no_index++) {
		struct trail *t = trail(&a, no_index);
		struct record r, who, out;

		for (uint64_t seq = 1; seq < a.n; seq += 1 + a.n / 300) {
			ASSERT_EQ(trail_get(t, seq, &r, NULL), 1);
			ASSERT_EQ(r.seq, seq);
			ASSERT_EQ(trail_who(t, &r, &who, NULL),
				  r.type != RECORD_LOG_SEGMENT);
			if (r.type != RECORD_INTENT)
				continue;
			ASSERT_EQ(who.seq, r.channel);
			ASSERT_EQ(trail_outcome(t, seq, &out, NULL), 1);
			ASSERT_EQ(out.type, RECORD_OUTCOME);
			ASSERT_EQ(out.ref, seq);
		}
		ASSERT_EQ(trail_get(t, a.n + 1, &r, NULL), 0);
		ASSERT_EQ(trail_get(t, 0, &r, NULL), 0);
		ASSERT_EQ(trail_get(t, UINT64_MAX, &r, NULL), 0);
		ASSERT_EQ(trail_outcome(t, 1, &out, NULL), 0);
		trail_free(t);
	}
	close(a.fd);
}

/* Writes over a part of a record. */
static void
damage_record(const struct at *a, uint64_t seq, unsigned int at,
	      const void *with, size_t n)
{
	struct reader_place p;
	struct err e = ERR_INIT;
	struct record rec;
	struct reader *r;
	char name[64];
	int fd;

	ASSERT_OK(reader_new(a->fd, &r, &e));
	ASSERT_OK(reader_seek(r, seq, &e));
	ASSERT_EQ(reader_next(r, &rec, &e), 1);
	reader_place(r, &p);
	reader_free(r);
	snprintf(name, sizeof(name), "log/%020llu.seg",
		 (unsigned long long)p.segment);
	fd = ASSERT_OK(openat(a->fd, name, O_WRONLY | O_CLOEXEC));
	ASSERT_EQ(pwrite(fd, with, n, (off_t)p.offset + at), n);
	close(fd);
}

/* Damage costs the records that it hit, no others, and it is said. */
TEST(damaged_log)
{
	static const uint8_t high[8] = { 0, 0, 0, 0, 0, 0, 1, 0 };
	static const struct {
		unsigned int at, n;
	} where[] = { { 0, 4 }, { 8, 8 }, { 54, 2 } };

	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		struct at a = make(&plain);
		struct filter f;
		struct trail *t;

		snprintf(a.index, sizeof(a.index), "%s/index-%zu", a.dir, i);
		damage_record(&a, 9000, where[i].at, high, where[i].n);
		filter_init(&f);
		filter_type(&f, RECORD_INTENT);
		filter_type(&f, RECORD_OUTCOME);
		filter_type(&f, RECORD_CHANNEL);
		filter_type(&f, RECORD_LOG_SEGMENT);
		t = trail(&a, false);
		ASSERT_EQ(find(t, &f).n, a.n - 1);
		ASSERT_STRSTR(trail_note(t), "at record 9000");
		trail_free(t);
		/* remembered */
		t = trail(&a, false);
		ASSERT_STRSTR(trail_note(t), "at record 9000");
		trail_free(t);
		remove_all(&a);
		close(a.fd);
	}
}

TEST(empty)
{
	struct at a = { .dir = tap_tmpdir() };
	struct filter f;
	struct trail *t;
	uint64_t last;

	a.fd = ASSERT_OK(open(a.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	snprintf(a.index, sizeof(a.index), "%s/index", a.dir);
	filter_init(&f);
	t = trail(&a, false);
	ASSERT_EQ(find(t, &f).n, 0);
	f.limit = 5;
	ASSERT_EQ(find(t, &f).n, 0);
	ASSERT_OK(trail_last(t, &last, NULL));
	ASSERT_EQ(last, 0);
	/* and then there is one */
	a.spec = plain;
	grow(&a, 100);
	ASSERT_OK(trail_update(t, NULL));
	ASSERT_EQ(find(t, &f).n, 5);
	trail_free(t);
	close(a.fd);
}
