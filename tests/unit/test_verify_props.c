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
#include "lib/fd.h"
#include "tests/tools/audit_log.h"
#include "tests/tools/props.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 64

#ifdef __SANITIZE_ADDRESS__
#define SLOWER 3
#else
#define SLOWER 1
#endif

/* A file in memory. */
struct file {
	uint64_t first; /* its name */
	uint8_t *p;
	size_t n;
	bool changed, shared; /* shared: the bytes are those of another */
};
struct files {
	struct file f[FILES_MAX];
	size_t n;
};

struct world {
	char dir[PATH_MAX];
	int dirfd, logfd;
	struct audit_log log;
	struct files was, is;
	struct world *other; /* a log of the same shape and another content */
	uint64_t random;
	bool appended; /* nothing was changed, something added at the end */
};

static uint64_t
number(struct world *w, uint64_t below)
{
	uint64_t z = w->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % below;
}

/* ---- the files -----------------------------------------------------------*/

static void
load(struct world *w)
{
	char name[32];

	for (uint64_t i = 0; i < w->log.n; i++) {
		uint64_t first = w->log.place[i].file;
		struct file *f = &w->was.f[w->was.n];
		ssize_t n;

		if (first != i + 1)
			continue;
		ASSERT_LE(w->was.n + 1, FILES_MAX);
		n = fd_read_file(w->logfd, audit_log_file(first, name),
				 1u << 30, (char **)&f->p);
		ASSERT_OK(n);
		f->n = (size_t)n;
		f->first = first;
		w->was.n++;
	}
}

static void
world_make(struct world *w, const struct audit_log_spec *s)
{
	memset(w, 0, sizeof(*w));
	snprintf(w->dir, sizeof(w->dir), "%s/XXXXXX", tap_tmpdir());
	ASSERT_NOT_NULL(mkdtemp(w->dir));
	audit_log_make(w->dir, s, &w->log);
	w->dirfd = ASSERT_OK(open(w->dir, O_RDONLY | O_CLOEXEC));
	w->logfd = ASSERT_OK(openat(w->dirfd, "log", O_RDONLY | O_CLOEXEC));
	load(w);
}

static void
file_free(struct file *f)
{
	if (!f->shared)
		free(f->p);
}

static void
files_free(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		file_free(&f->f[i]);
	f->n = 0;
}

static void
world_done(struct world *w)
{
	files_free(&w->was);
	audit_log_done(&w->log);
	close(w->dirfd);
	close(w->logfd);
}

static void
write_file(const struct world *w, const struct file *f)
{
	char name[32];
	int fd = openat(w->logfd, audit_log_file(f->first, name),
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ASSERT_OK(fd);
	ASSERT_OK(fd_write_all(fd, f->p, f->n));
	close(fd);
}

static const struct file *
file_named(const struct files *f, uint64_t first)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->f[i].first == first)
			return &f->f[i];
	return NULL;
}

/* Makes the folder hold b where it held a. */
static void
change_folder(const struct world *w, const struct files *a,
	      const struct files *b)
{
	char name[32];

	for (size_t i = 0; i < a->n; i++)
		if (!file_named(b, a->f[i].first))
			ASSERT_OK(unlinkat(w->logfd,
					   audit_log_file(a->f[i].first, name),
					   0));
	for (size_t i = 0; i < b->n; i++) {
		const struct file *f = file_named(a, b->f[i].first);

		if (!f || f->changed || b->f[i].changed)
			write_file(w, &b->f[i]);
	}
}

/* ---- changes -------------------------------------------------------------*/

/* The file, with bytes of its own. */
static struct file *
touch(struct world *w, uint64_t first)
{
	struct file *f = (struct file *)(uintptr_t)file_named(&w->is, first);

	uint8_t *p;

	ASSERT_NOT_NULL(f);
	f->changed = true;
	if (!f->shared)
		return f;
	p = malloc(f->n);
	ASSERT_NOT_NULL(p);
	memcpy(p, f->p, f->n);
	f->p = p;
	f->shared = false;
	return f;
}

/* Puts len bytes in place of old_len at this place. */
static void
put_in(struct world *w, uint64_t first, size_t at, size_t old_len,
       const uint8_t *p, size_t len)
{
	struct file *f = touch(w, first);
	uint8_t *b = malloc(f->n - old_len + len + 1);

	ASSERT_NOT_NULL(b);
	memcpy(b, f->p, at);
	if (len)
		memcpy(b + at, p, len);
	memcpy(b + at + len, f->p + at + old_len, f->n - at - old_len);
	free(f->p);
	f->p = b;
	f->n += len - old_len;
}

static uint8_t *
bytes_of(const struct world *w, uint64_t seq)
{
	const struct audit_log_place *p = &w->log.place[seq - 1];

	return file_named(&w->was, p->file)->p + p->offset;
}

/* Record seq becomes these bytes. */
static void
replace(struct world *w, uint64_t seq, const uint8_t *p, size_t len)
{
	const struct audit_log_place *at = &w->log.place[seq - 1];

	put_in(w, at->file, at->offset, at->size, p, len);
}

static uint64_t
any_seq(struct world *w)
{
	return 1 + number(w, w->log.n);
}

static void
flip_byte(struct world *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];
	struct file *f = touch(w, p->file);

	f->p[p->offset + number(w, p->size)] ^=
		number(w, 2) ? (uint8_t)(1u << number(w, 8))
			     : (uint8_t)(1 + number(w, 255));
}

/* The head of a frame is where a reader goes wrong most easily. */
static void
flip_in_head(struct world *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];

	touch(w, p->file)->p[p->offset + number(w, RECORD_HEAD)] ^=
		(uint8_t)(1 + number(w, 255));
}

static void
drop_records(struct world *w)
{
	uint64_t seq = any_seq(w), n = 1 + number(w, 4);

	for (uint64_t i = MIN(seq + n - 1, w->log.n); i >= seq; i--)
		replace(w, i, NULL, 0);
}

static void
swap_records(struct world *w)
{
	uint64_t a = any_seq(w), b = number(w, 2) ? a + 1 : any_seq(w);
	uint64_t low = MIN(a, b), high = MAX(a, b);

	if (low == high || high > w->log.n)
		low = 1, high = w->log.n;
	replace(w, high, bytes_of(w, low), w->log.place[low - 1].size);
	replace(w, low, bytes_of(w, high), w->log.place[high - 1].size);
}

static void
duplicate_record(struct world *w)
{
	uint64_t seq = any_seq(w), to = number(w, 2) ? seq : any_seq(w);
	const struct audit_log_place *p = &w->log.place[to - 1];

	put_in(w, p->file, p->offset + p->size, 0, bytes_of(w, seq),
	       w->log.place[seq - 1].size);
}

static void
replace_record(struct world *w)
{
	uint64_t to = any_seq(w), from = any_seq(w);

	replace(w, to, bytes_of(w, from), w->log.place[from - 1].size);
}

/* An older one in place of a checkpoint. */
static void
old_checkpoint(struct world *w)
{
	size_t i = number(w, w->log.n_notes);
	uint64_t to = w->log.note[i].size + 1;
	uint64_t from = w->log.note[number(w, w->log.n_notes)].size + 1;

	replace(w, to, bytes_of(w, from), w->log.place[from - 1].size);
}

static void
record_of_other_log(struct world *w)
{
	uint64_t seq = 1 + number(w, MIN(w->log.n, w->other->log.n));

	replace(w, seq, bytes_of(w->other, seq),
		w->other->log.place[seq - 1].size);
}

static void
cut_file(struct world *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];
	struct file *f = touch(w, p->file);

	f->n = p->offset + (number(w, 2) ? number(w, p->size) : 0);
}

/* All that is behind some record goes, as after an attacker's truncate. */
static void
cut_log(struct world *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];

	while (w->is.f[w->is.n - 1].first != p->file)
		file_free(&w->is.f[--w->is.n]);
	touch(w, p->file)->n =
		p->offset + (number(w, 2) ? number(w, p->size) : 0);
}

static void
insert_bytes(struct world *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];
	uint8_t b[300];
	size_t n = 1 + number(w, number(w, 2) ? 4 : sizeof(b));

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)number(w, 256);
	put_in(w, p->file, p->offset + (number(w, 2) ? number(w, p->size) : 0),
	       0, b, n);
}

static void
remove_bytes(struct world *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];
	size_t at = p->offset + number(w, p->size);
	size_t left = file_named(&w->is, p->file)->n - at;
	size_t n = 1 + number(w, 300);

	put_in(w, p->file, at, MIN(n, left), NULL, 0);
}

static void
zero_bytes(struct world *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];
	struct file *f = touch(w, p->file);
	size_t n = number(w, 5000);

	memset(f->p + p->offset, 0, MIN(f->n - p->offset, n));
}

static void
append_bytes(struct world *w)
{
	struct file *f = &w->is.f[number(w, w->is.n)];
	uint8_t b[5000] = { 0 };
	size_t n = 1 + number(w, number(w, 2) ? 8 : sizeof(b));

	if (number(w, 2))
		for (size_t i = 0; i < n; i++)
			b[i] = (uint8_t)number(w, 256);
	put_in(w, f->first, f->n, 0, b, n);
}

static void
lose_file(struct world *w)
{
	size_t i = number(w, w->is.n);

	file_free(&w->is.f[i]);
	memmove(&w->is.f[i], &w->is.f[i + 1],
		(--w->is.n - i) * sizeof(w->is.f[0]));
}

static void
swap_files(struct world *w)
{
	size_t a = number(w, w->is.n), b = (a + 1) % w->is.n;
	struct file x = w->is.f[a], y = w->is.f[b];

	w->is.f[a] = y;
	w->is.f[a].first = x.first;
	w->is.f[b] = x;
	w->is.f[b].first = y.first;
	w->is.f[a].changed = w->is.f[b].changed = true;
}

static void
empty_file(struct world *w)
{
	touch(w, w->is.f[number(w, w->is.n)].first)->n = 0;
}

static void (*const changes[])(struct world *w) = {
	flip_byte,	flip_byte,    flip_in_head,	   drop_records,
	swap_records,	cut_file,     duplicate_record,	   replace_record,
	old_checkpoint, cut_log,      record_of_other_log, insert_bytes,
	remove_bytes,	append_bytes, lose_file,	   swap_files,
	empty_file,	zero_bytes,
};

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
expect(struct world *w)
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
named_at(const struct world *w, const struct verify_report *r)
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
is_place(const struct world *w, const struct verify_report *r,
	 const struct expected *x)
{
	if (r->seq != x->seq)
		return false;
	if (!r->file[0]) /* what is before the first file */
		return x->seq == 1;
	return named_at(w, r) == x->at;
}

static void
verify(struct world *w, uint64_t seed, struct verify_report *ret)
{
	uint64_t how = number(w, 4);
	struct verify_options o = { .public_key = w->log.public };
	struct err e = ERR_INIT;

	if (how & 1)
		o.start_key = w->log.start_key;
	if (how & 2) {
		o.notes = w->log.note;
		o.n_notes = w->log.n_notes;
	}
	/* what is only too much at the end may be a frame being written */
	o.live = !w->appended && number(w, 4) == 0;
	if (verify_log(w->dirfd, &o, ret, &e) < 0)
		WRONG(seed, "cannot verify: %s", e.text);
}

/* Returns whether anything was changed at all. */
static bool
one_case(struct world *w, uint64_t seed)
{
	struct verify_report r;
	struct expected x;
	size_t what;

	w->random = seed * 1000003;
	what = number(w, ARRAY_SIZE(changes));
	w->is = w->was;
	for (size_t i = 0; i < w->is.n; i++)
		w->is.f[i].shared = true;
	changes[what](w);
	x = expect(w);
	if (!x.same) {
		change_folder(w, &w->was, &w->is);
		verify(w, seed, &r);
		change_folder(w, &w->is, &w->was);
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
assert_whole(struct world *w)
{
	struct verify_options o = { .public_key = w->log.public };
	struct verify_report r;
	struct err e = ERR_INIT;

	ASSERT_OK(verify_log(w->dirfd, &o, &r, &e));
	if (r.fault)
		FAIL("not whole before: %s", r.text);
}

static void
cases(struct world *w, uint64_t n)
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
	struct world *w = calloc(2, sizeof(*w));

	ASSERT_NOT_NULL(w);
	t.seed += 1000;
	world_make(&w[0], s);
	world_make(&w[1], &t);
	w[0].other = &w[1];
	cases(&w[0], n);
	world_done(&w[0]);
	world_done(&w[1]);
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
	struct world *w = calloc(1, sizeof(*w));
	struct verify_options o = { 0 };
	struct verify_report r;
	struct err e = ERR_INIT;

	ASSERT_NOT_NULL(w);
	world_make(w, &s);
	o.public_key = w->log.public;
	for (uint64_t seq = 1; seq <= w->log.n; seq++) {
		const struct audit_log_place *p = &w->log.place[seq - 1];
		char name[32];
		int fd = openat(w->logfd, audit_log_file(p->file, name),
				O_WRONLY | O_CLOEXEC);

		for (uint32_t i = 0; i < p->size; i += SLOWER) {
			uint8_t c = bytes_of(w, seq)[i];
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
	world_done(w);
	free(w);
}
