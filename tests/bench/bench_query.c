/* links: query audit policy lib */
/*
 * How long questions to a large log take: making the index, bringing it up to
 * date, and the newest thousand records by agent, run, rule, effect and time.
 *
 *	bench_query [RECORDS [DIR]]
 *
 * One line each, with tabs: name, median in microseconds, records. Of the
 *index: name, microseconds, records a second.
 */
#include "lib/str.h"
#include "query/trail.h"
#include "tests/bench/bench.h"
#include "tests/tools/query_log.h"

#include <fcntl.h>
#include <limits.h>

#define ROUNDS 21
#define FIRST_US UINT64_C(1764000000000000)

static int
count(void *arg, const struct record *r, const struct record *who,
      struct err *e)
{
	(void)r;
	(void)who;
	(void)e;
	++*(uint64_t *)arg;
	return 0;
}

static void
ask(struct trail *t, const char *name, const struct filter *f, int rounds)
{
	uint64_t took[ROUNDS], n = 0;
	struct err e = ERR_INIT;

	for (int i = 0; i < rounds; i++) {
		uint64_t start = bench_now();

		n = 0;
		if (trail_find(t, f, count, &n, &e) < 0) {
			fprintf(stderr, "bench_query: %s\n", e.text);
			exit(1);
		}
		took[i] = (bench_now() - start) / 1000;
	}
	printf("%s\t%llu\t%llu\n", name,
	       (unsigned long long)bench_percentile(took, (size_t)rounds, 50),
	       (unsigned long long)n);
	fflush(stdout);
}

static void
ask_word(struct trail *t, const char *name, enum filter_key key,
	 const char *word, uint64_t limit)
{
	struct filter f;

	filter_init(&f);
	f.limit = limit;
	if (key < FILTER_KEY_MAX)
		filter_add(&f, key, word, NULL);
	ask(t, name, &f, limit ? ROUNDS : 1);
}

static void
ask_all(struct trail *t, uint64_t records)
{
	struct filter f;

	ask_word(t, "newest", FILTER_KEY_MAX, NULL, 1000);
	ask_word(t, "by agent", FILTER_AGENT, "agent-3", 1000);
	ask_word(t, "by run", FILTER_RUN, "run-3-1", 1000);
	ask_word(t, "by owner", FILTER_OWNER, "owner-1", 1000);
	ask_word(t, "by rule", FILTER_RULE, "rule-17", 1000);
	ask_word(t, "by effect", FILTER_EFFECT, "deny", 1000);
	ask_word(t, "by status, rare", FILTER_STATUS, "error", 1000);
	ask_word(t, "by rule, none", FILTER_RULE, "no-such", 1000);
	filter_init(&f);
	f.limit = 1000;
	f.since_us = FIRST_US + records * 1000 / 2;
	f.until_us = f.since_us + 1000000;
	ask(t, "by time", &f, ROUNDS);
	filter_add(&f, FILTER_AGENT, "agent-3", NULL);
	ask(t, "by time and agent", &f, ROUNDS);
	filter_init(&f);
	f.limit = 1000;
	filter_add(&f, FILTER_RUN, "run-3-1", NULL);
	filter_add(&f, FILTER_RULE, "rule-17", NULL);
	filter_add(&f, FILTER_EFFECT, "deny", NULL);
	ask(t, "by run, rule and effect", &f, ROUNDS);
	ask_word(t, "all of an agent", FILTER_AGENT, "agent-3", 0);
	ask_word(t, "all", FILTER_KEY_MAX, NULL, 0);
}

static struct trail *
open_timed(const char *name, int dirfd, const char *index, uint64_t records)
{
	uint64_t start = bench_now();
	struct err e = ERR_INIT;
	struct trail *t;

	if (trail_open_at(dirfd, index, NULL, &t, &e) < 0 || trail_note(t)[0]) {
		fprintf(stderr, "bench_query: %s%s\n", e.text, trail_note(t));
		exit(1);
	}
	start = bench_now() - start;
	printf("%s\t%llu\t%llu\n", name, (unsigned long long)start / 1000,
	       (unsigned long long)(records * 1000000000 / (start + 1)));
	fflush(stdout);
	return t;
}

int
main(int argc, char **argv)
{
	struct query_log_spec s = { .records = 1000000,
				    .per_file = 250000,
				    .agents = 10,
				    .runs = 20,
				    .rules = 50,
				    .first_us = FIRST_US,
				    .step_us = 1000 };
	char dir[PATH_MAX], index[PATH_MAX + 8];
	struct trail *t;
	uint64_t n;
	int fd;

	if (argc > 1 && str_to_u64(argv[1], &s.records) < 0)
		bench_die(argv[1]);
	snprintf(dir, sizeof(dir), "%s/bench_query.XXXXXX",
		 argc > 2 ? argv[2] : "/tmp");
	if (!mkdtemp(dir))
		bench_die("mkdtemp");
	n = query_log_make(dir, &s, 0);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(index, sizeof(index), "%s/index", dir);
	t = open_timed("index, all", fd, index, n);
	trail_free(t);
	s.records += s.records / 4;
	s.records += query_log_make(dir, &s, n) - s.records;
	t = open_timed("index, a quarter more", fd, index, s.records - n);
	trail_free(t);
	t = open_timed("index, nothing new", fd, index, 0);
	ask_all(t, s.records);
	trail_free(t);
	execlp("rm", "rm", "-rf", dir, NULL);
	return 1;
}
