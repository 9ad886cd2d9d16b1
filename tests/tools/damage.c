/*
 * Damage of logs. What always holds: the files as they were are not touched;
 * those that are to be changed get bytes of their own first.
 */
#include "tests/tools/damage.h"
#include "lib/fd.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <string.h>

uint64_t
damaged_number(struct damaged *w, uint64_t below)
{
	uint64_t z = w->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % below;
}

/* ---- the files -----------------------------------------------------------*/

static void
load(struct damaged *w)
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

void
damaged_make(struct damaged *w, const struct audit_log_spec *s)
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

void
files_free(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		file_free(&f->f[i]);
	f->n = 0;
}

void
damaged_done(struct damaged *w)
{
	files_free(&w->was);
	audit_log_done(&w->log);
	close(w->dirfd);
	close(w->logfd);
}

static void
write_file(const struct damaged *w, const struct file *f)
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

void
damaged_write(const struct damaged *w, const struct files *a,
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
touch(struct damaged *w, uint64_t first)
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
put_in(struct damaged *w, uint64_t first, size_t at, size_t old_len,
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

const uint8_t *
damaged_record(const struct damaged *w, uint64_t seq)
{
	const struct audit_log_place *p = &w->log.place[seq - 1];

	return file_named(&w->was, p->file)->p + p->offset;
}

/* Record seq becomes these bytes. */
static void
replace(struct damaged *w, uint64_t seq, const uint8_t *p, size_t len)
{
	const struct audit_log_place *at = &w->log.place[seq - 1];

	put_in(w, at->file, at->offset, at->size, p, len);
}

static uint64_t
any_seq(struct damaged *w)
{
	return 1 + damaged_number(w, w->log.n);
}

static void
flip_byte(struct damaged *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];
	struct file *f = touch(w, p->file);

	f->p[p->offset + damaged_number(w, p->size)] ^=
		damaged_number(w, 2) ? (uint8_t)(1u << damaged_number(w, 8))
				     : (uint8_t)(1 + damaged_number(w, 255));
}

/* The head of a frame is where a reader goes wrong most easily. */
static void
flip_in_head(struct damaged *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];

	touch(w, p->file)->p[p->offset + damaged_number(w, RECORD_HEAD)] ^=
		(uint8_t)(1 + damaged_number(w, 255));
}

static void
drop_records(struct damaged *w)
{
	uint64_t seq = any_seq(w), n = 1 + damaged_number(w, 4);

	for (uint64_t i = MIN(seq + n - 1, w->log.n); i >= seq; i--)
		replace(w, i, NULL, 0);
}

static void
swap_records(struct damaged *w)
{
	uint64_t a = any_seq(w), b = damaged_number(w, 2) ? a + 1 : any_seq(w);
	uint64_t low = MIN(a, b), high = MAX(a, b);

	if (low == high || high > w->log.n)
		low = 1, high = w->log.n;
	replace(w, high, damaged_record(w, low), w->log.place[low - 1].size);
	replace(w, low, damaged_record(w, high), w->log.place[high - 1].size);
}

static void
duplicate_record(struct damaged *w)
{
	uint64_t seq = any_seq(w), to = damaged_number(w, 2) ? seq : any_seq(w);
	const struct audit_log_place *p = &w->log.place[to - 1];

	put_in(w, p->file, p->offset + p->size, 0, damaged_record(w, seq),
	       w->log.place[seq - 1].size);
}

static void
replace_record(struct damaged *w)
{
	uint64_t to = any_seq(w), from = any_seq(w);

	replace(w, to, damaged_record(w, from), w->log.place[from - 1].size);
}

/* An older one in place of a checkpoint. */
static void
old_checkpoint(struct damaged *w)
{
	size_t i = damaged_number(w, w->log.n_notes);
	uint64_t to = w->log.note[i].size + 1;
	uint64_t from = w->log.note[damaged_number(w, w->log.n_notes)].size + 1;

	replace(w, to, damaged_record(w, from), w->log.place[from - 1].size);
}

static void
record_of_other_log(struct damaged *w)
{
	uint64_t seq = 1 + damaged_number(w, MIN(w->log.n, w->other->log.n));

	replace(w, seq, damaged_record(w->other, seq),
		w->other->log.place[seq - 1].size);
}

static void
cut_file(struct damaged *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];
	struct file *f = touch(w, p->file);

	f->n = p->offset +
	       (damaged_number(w, 2) ? damaged_number(w, p->size) : 0);
}

/* All that is behind some record goes, as after an attacker's truncate. */
static void
cut_log(struct damaged *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];

	while (w->is.f[w->is.n - 1].first != p->file)
		file_free(&w->is.f[--w->is.n]);
	touch(w, p->file)->n =
		p->offset +
		(damaged_number(w, 2) ? damaged_number(w, p->size) : 0);
}

static void
insert_bytes(struct damaged *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];
	uint8_t b[300];
	size_t n = 1 + damaged_number(w, damaged_number(w, 2) ? 4 : sizeof(b));

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)damaged_number(w, 256);
	put_in(w, p->file,
	       p->offset +
		       (damaged_number(w, 2) ? damaged_number(w, p->size) : 0),
	       0, b, n);
}

static void
remove_bytes(struct damaged *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];
	size_t at = p->offset + damaged_number(w, p->size);
	size_t left = file_named(&w->is, p->file)->n - at;
	size_t n = 1 + damaged_number(w, 300);

	put_in(w, p->file, at, MIN(n, left), NULL, 0);
}

static void
zero_bytes(struct damaged *w)
{
	const struct audit_log_place *p = &w->log.place[any_seq(w) - 1];
	struct file *f = touch(w, p->file);
	size_t n = damaged_number(w, 5000);

	memset(f->p + p->offset, 0, MIN(f->n - p->offset, n));
}

static void
append_bytes(struct damaged *w)
{
	struct file *f = &w->is.f[damaged_number(w, w->is.n)];
	uint8_t b[5000] = { 0 };
	size_t n = 1 + damaged_number(w, damaged_number(w, 2) ? 8 : sizeof(b));

	if (damaged_number(w, 2))
		for (size_t i = 0; i < n; i++)
			b[i] = (uint8_t)damaged_number(w, 256);
	put_in(w, f->first, f->n, 0, b, n);
}

static void
lose_file(struct damaged *w)
{
	size_t i = damaged_number(w, w->is.n);

	file_free(&w->is.f[i]);
	memmove(&w->is.f[i], &w->is.f[i + 1],
		(--w->is.n - i) * sizeof(w->is.f[0]));
}

static void
swap_files(struct damaged *w)
{
	size_t a = damaged_number(w, w->is.n), b = (a + 1) % w->is.n;
	struct file x = w->is.f[a], y = w->is.f[b];

	w->is.f[a] = y;
	w->is.f[a].first = x.first;
	w->is.f[b] = x;
	w->is.f[b].first = y.first;
	w->is.f[a].changed = w->is.f[b].changed = true;
}

static void
empty_file(struct damaged *w)
{
	touch(w, w->is.f[damaged_number(w, w->is.n)].first)->n = 0;
}

static void (*const changes[])(struct damaged *w) = {
	flip_byte,	flip_byte,    flip_in_head,	   drop_records,
	swap_records,	cut_file,     duplicate_record,	   replace_record,
	old_checkpoint, cut_log,      record_of_other_log, insert_bytes,
	remove_bytes,	append_bytes, lose_file,	   swap_files,
	empty_file,	zero_bytes,
};

size_t
damaged_hurt(struct damaged *w)
{
	size_t what = damaged_number(w, ARRAY_SIZE(changes));

	w->is = w->was;
	for (size_t i = 0; i < w->is.n; i++)
		w->is.f[i].shared = true;
	changes[what](w);
	return what;
}
