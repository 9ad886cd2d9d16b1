/* links: audit policy lib */
/*
 * Thousands of random changes of logs: bytes flipped, records dropped, swapped,
 * written twice, put in from another log, files lost or swapped, ends cut. Each
 * must be found, and its place named.
 *
 * The rule for the place, whatever was done: lay the files one behind the
 * other, before and after. The first byte that differs (or is missing, or too
 * much) lies in some record as it was: its seq must be named, and the place
 * where it begins, or should begin, now. Where one file ends and the next
 * begins, that is one place with two names.
 */
#include "audit/verify.h"
#include "tests/tools/damage.h"
#include "tests/tools/props.h"

#include <fcntl.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#define SLOWER 3
#else
#define SLOWER 1
#endif

/* ---- where it must be found ----------------------------------------------*/

/* A place in a list of files, byte after byte. */
struct cursor {
	const struct files *f;
	size_t i, at;
};

static bool
more(struct cursor *c)
{
	while (c->i < c->f->n && c->at == c->f->f[c->i].n) {
		c->i++;
		c->at = 0;
	}
	return c->i < c->f->n;
}

struct expected {
	bool same;
	uint64_t seq;
	uint64_t
		at; /* where it begins, from the first byte of the first file */
};

/* How many bytes of both are the same from the begin. */
static uint64_t
same_bytes(const struct files *a, const struct files *b, bool *ret_all)
{
	struct cursor x = { a, 0, 0 }, y = { b, 0, 0 };
	uint64_t total = 0;

	while (more(&x) && more(&y)) {
		const uint8_t *p = a->f[x.i].p + x.at, *q = b->f[y.i].p + y.at;
		size_t n = MIN(a->f[x.i].n - x.at, b->f[y.i].n - y.at), k = 0;

		if (memcmp(p, q, n) == 0)
			k = n;
		while (k < n && p[k] == q[k])
			k++;
		total += k;
		x.at += k;
		y.at += k;
		if (k < n)
			break;
	}
	*ret_all = !more(&x) && !more(&y);
	return total;
}

static struct expected
expect(struct damaged *w)
{
	struct expected x = { .seq = 1 };
	uint64_t same = same_bytes(&w->was, &w->is, &x.same);

	while (x.seq <= w->log.n && x.at + w->log.place[x.seq - 1].size <= same)
		x.at += w->log.place[x.seq++ - 1].size;
	w->appended = x.seq > w->log.n;
	return x;
}

/* Where a place lies that the verifier named. */
static uint64_t
named_at(const struct damaged *w, const struct verify_report *r)
{
	uint64_t at = 0;
	char name[32];

	for (size_t i = 0; i < w->is.n; i++) {
		if (strcmp(r->file, audit_log_file(w->is.f[i].first, name)) ==
		    0)
			return at + r->offset;
		at += w->is.f[i].n;
	}
	return UINT64_MAX;
}

/* The file that is empty is found where it is, but what it held before. */
static bool
is_place(const struct damaged *w, const struct verify_report *r,
	 const struct expected *x)
{
	if (r->seq != x->seq)
		return false;
	if (!r->file[0]) /* what is before the first file */
		return x->seq == 1;
	return named_at(w, r) == x->at;
}

static void
verify(struct damaged *w, uint64_t seed, struct verify_report *ret)
{
	uint64_t how = damaged_number(w, 4);
	struct verify_options o = { .public_key = w->log.public };
	struct err e = ERR_INIT;

	if (how & 1)
		o.start_key = w->log.start_key;
	if (how & 2) {
		o.notes = w->log.note;
		o.n_notes = w->log.n_notes;
	}
	/* what is only too much at the end may be a frame being written */
	o.live = !w->appended && damaged_number(w, 4) == 0;
	if (verify_log(w->dirfd, &o, ret, &e) < 0)
		WRONG(seed, "cannot verify: %s", e.text);
}

/* Returns whether anything was changed at all. */
static bool
one_case(struct damaged *w, uint64_t seed)
{
	struct verify_report r;
	struct expected x;
	size_t what;

	w->random = seed * 1000003;
	what = damaged_hurt(w);
	x = expect(w);
	if (!x.same) {
		damaged_write(w, &w->was, &w->is);
		verify(w, seed, &r);
		damaged_write(w, &w->is, &w->was);
		if (r.fault == VERIFY_OK || !is_place(w, &r, &x))
			WRONG(seed,
			      "change %zu: want seq %llu at %llu; got %s: %s "
			      "offset %llu (at %llu) seq %llu: %s",
			      what, (unsigned long long)x.seq,
			      (unsigned long long)x.at,
			      verify_fault_name(r.fault), r.file,
			      (unsigned long long)r.offset,
			      (unsigned long long)named_at(w, &r),
			      (unsigned long long)r.seq, r.text);
	}
	files_free(&w->is);
	return !x.same;
}

static void
assert_whole(struct damaged *w)
{
	struct verify_options o = { .public_key = w->log.public };
	struct verify_report r;
	struct err e = ERR_INIT;

	ASSERT_OK(verify_log(w->dirfd, &o, &r, &e));
	if (r.fault)
		FAIL("not whole before: %s", r.text);
}

static void
cases(struct damaged *w, uint64_t n)
{
	uint64_t first = props_first_seed(), found = 0;

	assert_whole(w);
	for (uint64_t seed = first; seed < first + n; seed++)
		found += one_case(w, seed);
	assert_whole(w);
	tap_note("%llu changes found and placed", (unsigned long long)found);
	ASSERT_GE(found, n * 9 / 10);
}

static void
cases_of(const struct audit_log_spec *s, uint64_t n)
{
	struct audit_log_spec t = *s;
	struct damaged *w = calloc(2, sizeof(*w));

	ASSERT_NOT_NULL(w);
	t.seed += 1000;
	damaged_make(&w[0], s);
	damaged_make(&w[1], &t);
	w[0].other = &w[1];
	cases(&w[0], n);
	damaged_done(&w[0]);
	damaged_done(&w[1]);
	free(w);
}

TEST_LIMIT(small_logs, 120)
{
	uint64_t n = props_from_env("PROPS_CASES", CASES) / SLOWER;
	struct audit_log_spec a = { .records = 150,
				    .per_file = 40,
				    .per_checkpoint = 10 };
	struct audit_log_spec b = { .records = 1000,
				    .per_file = 100,
				    .seed = 7,
				    .per_checkpoint = 64,
				    .big = true };

	cases_of(&a, n * 2 / 3 + 1);
	cases_of(&b, n / 3 + 1);
}

TEST_LIMIT(a_log_of_100000_records, 120)
{
	uint64_t n = props_from_env("PROPS_CASES", CASES) / 10 / SLOWER;
	struct audit_log_spec s = { .records = 100000,
				    .per_file = 4000,
				    .per_checkpoint = 1000 };

	cases_of(&s, n ? n : 1);
}

/* Each byte of a log, one after the other. */
TEST_LIMIT(every_byte, 120)
{
	struct audit_log_spec s = { .records = 60,
				    .per_file = 20,
				    .per_checkpoint = 12 };
	struct damaged *w = calloc(1, sizeof(*w));
	struct verify_options o = { 0 };
	struct verify_report r;
	struct err e = ERR_INIT;

	ASSERT_NOT_NULL(w);
	damaged_make(w, &s);
	o.public_key = w->log.public;
	for (uint64_t seq = 1; seq <= w->log.n; seq++) {
		const struct audit_log_place *p = &w->log.place[seq - 1];
		char name[32];
		int fd = openat(w->logfd, audit_log_file(p->file, name),
				O_WRONLY | O_CLOEXEC);

		for (uint32_t i = 0; i < p->size; i += SLOWER) {
			uint8_t c = damaged_record(w, seq)[i];
			uint8_t x = (uint8_t)(c ^ 1u << i % 8);

			ASSERT_EQ(pwrite(fd, &x, 1, (off_t)(p->offset + i)), 1);
			ASSERT_OK(verify_log(w->dirfd, &o, &r, &e));
			if (!r.fault || r.seq != seq || r.offset != p->offset ||
			    strcmp(r.file, name) != 0)
				FAIL("byte %u of record %llu: %s, seq %llu", i,
				     (unsigned long long)seq,
				     verify_fault_name(r.fault),
				     (unsigned long long)r.seq);
			ASSERT_EQ(pwrite(fd, &c, 1, (off_t)(p->offset + i)), 1);
		}
		close(fd);
	}
	ASSERT_OK(verify_log(w->dirfd, &o, &r, &e));
	ASSERT_EQ(r.fault, VERIFY_OK);
	damaged_done(w);
	free(w);
}
