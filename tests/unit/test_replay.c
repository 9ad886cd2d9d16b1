/* links: lib policy profiles audit query sandbox */
/*
 * Deciding again from the log: random policies and runs with rates, budgets,
 * counts, steps, labels, reloads, lost records and several files are all the
 * same again; and a log that was made wrong is found out.
 */
#include "query/replay.h"
#include "tests/tap.h"
#include "tests/tools/props.h"
#include "tests/tools/random_policy.h"
#include "tests/tools/story_log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LOGS 30 /* per test, of RUNS runs with STEPS decisions */
#define RUNS 4
#define STEPS 40
#define POLICIES 6
#define PLAYED 14 /* a seed under which rules decide often */

struct played {
	struct story s;
	struct policy_spec spec[POLICIES];
	struct policy *p[POLICIES];
	uint64_t start[RUNS];
	uint64_t decided, lost, reloads;
};

static struct played w;

static const char *const names[RUNS] = { "one", "two", "three", "four" };

static void
make_policies(struct choices *c)
{
	for (size_t i = 0; i < POLICIES; i++) {
		random_spec(c, 16, &w.spec[i]);
		w.p[i] = random_make(&w.spec[i]);
	}
}

static void
free_policies(void)
{
	for (size_t i = 0; i < POLICIES; i++) {
		policy_free(w.p[i]);
		policy_spec_done(&w.spec[i]);
	}
}

static void
one_step(struct choices *c, struct random_request *rq)
{
	unsigned int i = choose(c, RUNS);
	struct story_run *r = &w.s.run[i];
	struct decision d;
	uint64_t seq;

	if (!r->channel || chance(c, 1)) {
		if (r->channel)
			story_run_end(&w.s, r, w.start[i], "ok");
		return;
	}
	if (chance(c, 40))
		random_request(c, rq);
	if (chance(c, 10)) {
		story_lose(&w.s, r, &rq->rq);
		w.lost++;
	}
	if (chance(c, 5)) {
		story_reload(&w.s, r, w.p[choose(c, POLICIES)]);
		w.reloads++;
	}
	seq = story_decide(&w.s, r, &rq->rq, &d);
	w.decided++;
	if (decision_allows(&d))
		story_outcome(&w.s, r, seq, "ok");
	w.s.at.boot_us += choose(c, 8000000);
	w.s.at.wall_us += choose(c, 8000000);
}

static void
play(uint64_t seed)
{
	struct choices c = choices_from_seed(seed);
	struct random_request rq;

	make_policies(&c);
	for (size_t i = 0; i < RUNS; i++)
		w.start[i] = story_run_begin(&w.s, &w.s.run[i], names[i],
					     w.p[choose(&c, POLICIES)]);
	random_request(&c, &rq);
	for (int i = 0; i < RUNS * STEPS; i++) {
		one_step(&c, &rq);
		if (chance(&c, 2))
			story_rotate(&w.s);
	}
	story_end(&w.s);
	free_policies();
}

/* Replaying */

struct seen {
	struct replay_count n;
	uint64_t first; /* seq of the first difference */
	char what[256];
	bool show;
};

static void
found(void *arg, const struct replay_finding *f)
{
	struct seen *seen = arg;

	if (!seen->first) {
		seen->first = f->seq;
		snprintf(seen->what, sizeof(seen->what), "%s", f->what);
	}
	if (!seen->show)
		return;
	tap_note("%llu: %s", (unsigned long long)f->seq, f->what);
	tap_note("recorded %s", f->recorded ? f->recorded : "");
	tap_note("again    %s", f->again ? f->again : "");
}

static void
replay(const char *dir, bool show, struct seen *ret)
{
	int fd = ASSERT_OK(open(dir, O_DIRECTORY | O_CLOEXEC));
	struct filter f;
	struct runs runs;
	struct replay *r;
	struct trail *t;
	struct err e = ERR_INIT;

	memset(ret, 0, sizeof(*ret));
	ret->show = show;
	filter_init(&f);
	ASSERT_OK(trail_open_at(fd, NULL, NULL, &t, &e));
	ASSERT_OK(runs_find(t, &f, &runs, &e));
	ASSERT_OK(replay_new(t, &r, &e));
	for (size_t i = 0; i < runs.n; i++)
		ASSERT_OK(replay_run(r, &runs.v[i], found, ret, &ret->n, &e));
	replay_free(r);
	runs_done(&runs);
	trail_free(t);
	close(fd);
}

static const char *
folder(uint64_t n)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%llu", tap_tmpdir(),
		 (unsigned long long)n);
	ASSERT_OK(mkdir(path, 0700));
	return path;
}

TEST_LIMIT(all_the_same, 120)
{
	uint64_t seed = props_from_env("PROPS_SEED", 1), decisions = 0;
	uint64_t end = seed + props_from_env("PROPS_CASES", LOGS);
	uint64_t lost = 0, reloads = 0;
	struct seen seen;

	for (; seed < end; seed++) {
		const char *dir = folder(seed);

		memset(&w, 0, sizeof(w));
		story_begin(&w.s, dir);
		play(seed);
		replay(dir, true, &seen);
		if (seen.n.same != w.decided || seen.n.decisions != w.decided ||
		    seen.n.different || seen.n.unchecked)
			WRONG(seed, "%llu of %llu are the same",
			      (unsigned long long)seen.n.same,
			      (unsigned long long)w.decided);
		decisions += w.decided;
		lost += w.lost;
		reloads += w.reloads;
	}
	tap_note("%llu decisions, %llu lost, %llu reloads",
		 (unsigned long long)decisions, (unsigned long long)lost,
		 (unsigned long long)reloads);
	ASSERT_GE(decisions, 1);
}

/* Wrong on purpose */

struct spoil {
	enum field_id id;
	int64_t at; /* the how-manieth intent */
	uint64_t seed, changed;
};

static uint8_t *
bytes_of(struct fields *f, enum field_id id, size_t *ret_len)
{
	struct record r = { .fields = f->bytes, .fields_len = f->len };
	struct field v;

	if (!record_get(&r, id, &v))
		return NULL;
	*ret_len = v.len;
	return f->bytes + (v.bytes - f->bytes);
}

/* One byte of one field becomes another that a record may have there. */
static void
spoil(void *arg, struct fields *f)
{
	struct spoil *sp = arg;
	size_t len;
	uint8_t *p = bytes_of(f, sp->id, &len), was;

	if (!p || !len || sp->at-- != 0)
		return;
	p += sp->seed % len;
	was = *p;
	if (field_kind(sp->id) == AS_BYTES)
		*p ^= 1;
	else
		*p = was == 'x' ? 'y' : 'x';
	sp->changed++;
}

static void
play_spoiled(uint64_t n, struct spoil *sp, struct seen *ret)
{
	const char *dir = folder(n);

	memset(&w, 0, sizeof(w));
	story_begin(&w.s, dir);
	w.s.spoil = spoil;
	w.s.arg = sp;
	play(PLAYED);
	replay(dir, false, ret);
}

/* Any byte of a decision, and of what repeats it. */
TEST_LIMIT(one_byte_of_a_decision, 120)
{
	static const enum field_id ids[] = { FIELD_DECISION, FIELD_EFFECT,
					     FIELD_REASON, FIELD_RULE,
					     FIELD_POLICY_HASH };
	struct seen seen;
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		for (unsigned int k = 0; k < 8; k++) {
			struct spoil sp = { .id = ids[i],
					    .at = k,
					    .seed = 131 * k + 3 };

			play_spoiled(n++, &sp, &seen);
			ASSERT_EQ(sp.changed, 1);
			if (seen.n.different != 1)
				FAIL("%s, byte %llu: %llu differences",
				     field_name(ids[i]),
				     (unsigned long long)sp.seed,
				     (unsigned long long)seen.n.different);
		}
	}
}

/* Counters of which another policy made the digest, or nobody. */
TEST(counters_that_are_not_there)
{
	struct spoil sp = { .id = FIELD_USAGE, .seed = 4 };
	struct seen seen;

	play_spoiled(0, &sp, &seen);
	ASSERT_EQ(sp.changed, 1);
	ASSERT_GE(seen.n.different, 1);
	ASSERT_STRSTR(seen.what, "No such file");
}

/* It went ahead where it was denied. */
static void
goes_ahead(void *arg, struct fields *f)
{
	size_t len;
	uint8_t *p = bytes_of(f, FIELD_GOES_AHEAD, &len);

	if (!p[0]) {
		p[0] = 1;
		++*(uint64_t *)arg;
	}
}

TEST(went_ahead_all_the_same)
{
	const char *dir = folder(0);
	uint64_t changed = 0;
	struct seen seen;

	memset(&w, 0, sizeof(w));
	story_begin(&w.s, dir);
	w.s.spoil = goes_ahead;
	w.s.arg = &changed;
	play(5);
	replay(dir, false, &seen);
	ASSERT_GE(changed, 10);
	ASSERT_GE(seen.n.different, changed);
}

/* A file in blobs/ that is not what its name says is no policy. */
TEST(changed_policy)
{
	const char *dir = folder(0);
	struct choices c = choices_from_seed(3);
	struct random_request rq;
	struct decision d;
	struct seen seen;
	char path[400];
	FILE *f;

	memset(&w, 0, sizeof(w));
	story_begin(&w.s, dir);
	make_policies(&c);
	story_run_begin(&w.s, &w.s.run[0], "one", w.p[0]);
	random_request(&c, &rq);
	story_decide(&w.s, &w.s.run[0], &rq.rq, &d);
	snprintf(path, sizeof(path), "%s/blobs/", dir);
	for (int i = 0; i < 32; i++)
		snprintf(path + strlen(path), 3, "%02x", w.s.run[0].blob[i]);
	f = fopen(path, "r+be");
	ASSERT_NOT_NULL(f);
	fputc('x', f);
	fclose(f);
	story_end(&w.s);
	free_policies();
	replay(dir, false, &seen);
	ASSERT_EQ(seen.n.different, 1);
	ASSERT_STRSTR(seen.what, "was changed");
}

/* The beginning went with its file: what was used before is not known, until a
 * record says it, or a policy begins anew. */
TEST(beginning_that_is_gone)
{
	const char *dir = folder(0);
	struct choices c = choices_from_seed(3);
	struct random_request rq;
	struct decision d;
	struct seen seen;
	char path[400];

	memset(&w, 0, sizeof(w));
	story_begin(&w.s, dir);
	make_policies(&c);
	story_run_begin(&w.s, &w.s.run[0], "one", w.p[0]);
	random_request(&c, &rq);
	story_decide(&w.s, &w.s.run[0], &rq.rq, &d);
	story_rotate(&w.s);
	story_reload(&w.s, &w.s.run[0], w.p[0]);
	story_decide(&w.s, &w.s.run[0], &rq.rq, &d);
	story_lose(&w.s, &w.s.run[0], &rq.rq);
	story_decide(&w.s, &w.s.run[0], &rq.rq, &d);
	story_reload(&w.s, &w.s.run[0], w.p[1]);
	story_decide(&w.s, &w.s.run[0], &rq.rq, &d);
	story_end(&w.s);
	free_policies();
	replay(dir, false, &seen);
	ASSERT_EQ(seen.n.same, 4);
	snprintf(path, sizeof(path), "%s/log/%020d.seg", dir, 1);
	ASSERT_OK(unlink(path));
	replay(dir, false, &seen);
	ASSERT_EQ(seen.n.same, 2);
	ASSERT_EQ(seen.n.unchecked, 1);
	ASSERT_EQ(seen.n.different, 0);
	ASSERT_STRSTR(seen.what, "gone");
}
