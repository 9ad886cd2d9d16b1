/*
 * Reads a log that may be growing, being cut at its end, or be in somebody
 * else's hands. What always holds: files are read with pread() into a buffer of
 * our own, so a file that shrinks is a short read and never a signal; a place
 * is given away only after a whole frame was seen there; a file is left for the
 * next one only after the next one was seen and this one was read once more,
 * since the writer appends to it until then.
 */
#include "audit/reader.h"
#include "audit/layout.h"
#include "lib/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define SEGMENTS_MAX (1u << 20)
#define BUFFER (1u << 20)     /* holds any frame */
#define FIRST_READ (8u << 10) /* after a jump; doubled up to BUFFER */
#define TRIES 16	      /* files that retention takes from under us */

struct reader {
	int dirfd; /* borrowed */
	int logfd; /* where the files are; -EBADF: not found yet */
	struct reader_segment *seg;
	size_t n, room;

	int fd;		  /* the file at hand */
	uint64_t segment; /* from its name; 0: none yet */
	char name[LAYOUT_SEGMENT_NAME + 1];
	uint64_t at;   /* of the next frame */
	uint32_t last; /* size of the one before, given last; else 0 */

	uint8_t *buf;
	uint64_t buf_at; /* place of buf[0] in the file */
	size_t buf_len, read_size;
};

int
reader_new(int dirfd, struct reader **ret, struct err *e)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return err_sys(e, ENOMEM, "cannot read the log");
	r->dirfd = dirfd;
	r->logfd = r->fd = -EBADF;
	r->buf = malloc(BUFFER);
	if (!r->buf) {
		reader_free(r);
		return err_sys(e, ENOMEM, "cannot read the log");
	}
	*ret = r;
	return 0;
}

void
reader_free(struct reader *r)
{
	if (!r)
		return;
	close_ptr(&r->logfd);
	close_ptr(&r->fd);
	free(r->seg);
	free(r->buf);
	free(r);
}

/* ---- the folder ----------------------------------------------------------*/

/* The folder log/ in what we were given, or that itself. */
static int
find_folder(struct reader *r, struct err *e)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

	if (r->logfd >= 0)
		return 0;
	r->logfd = openat(r->dirfd, LAYOUT_LOG, flags | O_NOFOLLOW);
	if (r->logfd >= 0)
		return 0;
	if (errno != ENOENT)
		return err_sys(e, errno, "cannot open the folder " LAYOUT_LOG);
	return 0;
}

/* The number in "00000000000000000001.seg"; 0: another name. */
static uint64_t
number_of(const char *name)
{
	const size_t digits = LAYOUT_SEGMENT_NAME - 4;
	uint64_t v = 0;

	if (strlen(name) != LAYOUT_SEGMENT_NAME ||
	    strcmp(name + digits, LAYOUT_SEGMENT_SUFFIX) != 0)
		return 0;
	for (size_t i = 0; i < digits; i++) {
		if (name[i] < '0' || name[i] > '9' ||
		    __builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (unsigned int)(name[i] - '0'),
					   &v))
			return 0;
	}
	return v;
}

static int
add_segment(struct reader *r, int dirfd, const char *name)
{
	uint64_t first = number_of(name);
	struct stat st;

	if (!first || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* not ours, or just removed */
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		void *p = room > SEGMENTS_MAX
				  ? NULL
				  : reallocarray(r->seg, room, sizeof(*r->seg));

		if (!p)
			return room > SEGMENTS_MAX ? -E2BIG : -ENOMEM;
		r->seg = p;
		r->room = room;
	}
	r->seg[r->n].first = first;
	r->seg[r->n++].bytes = (uint64_t)st.st_size;
	return 0;
}

static int
by_first(const void *a, const void *b)
{
	uint64_t x = ((const struct reader_segment *)a)->first;
	uint64_t y = ((const struct reader_segment *)b)->first;

	return (x > y) - (x < y);
}

static int
list_into(struct reader *r, DIR *d)
{
	const struct dirent *de;
	int k;

	r->n = 0;
	for (errno = 0; (de = readdir(d)); errno = 0) {
		k = add_segment(r, dirfd(d), de->d_name);
		if (k < 0)
			return k;
	}
	if (errno)
		return -errno;
	if (r->n)
		qsort(r->seg, r->n, sizeof(*r->seg), by_first);
	return 0;
}

static int
list(struct reader *r, struct err *e)
{
	DIR *d;
	int fd, k = find_folder(r, e);

	if (k < 0)
		return k;
	fd = openat(r->logfd >= 0 ? r->logfd : r->dirfd, ".",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "cannot open the folder of the log");
	d = fdopendir(fd);
	if (!d) {
		k = -errno;
		close(fd);
		return err_sys(e, k, "cannot list the folder of the log");
	}
	k = list_into(r, d);
	closedir(d);
	return k < 0 ? err_sys(e, k, "cannot list the folder of the log") : 0;
}

int
reader_segments(struct reader *r, const struct reader_segment **ret,
		size_t *ret_n, struct err *e)
{
	int k = list(r, e);

	if (k < 0)
		return k;
	*ret = r->seg;
	*ret_n = r->n;
	return 0;
}

/* ---- the file at hand ----------------------------------------------------*/

static void
jump(struct reader *r, uint64_t at)
{
	r->at = at;
	r->last = 0;
	if (at < r->buf_at || at > r->buf_at + r->buf_len) {
		r->buf_at = at;
		r->buf_len = 0;
		r->read_size = FIRST_READ;
	}
}

/* What is in the buffer is read again next time. */
static void
forget(struct reader *r)
{
	r->buf_at = r->at;
	r->buf_len = 0;
}

static int
open_segment(struct reader *r, uint64_t first, struct err *e)
{
	char name[LAYOUT_SEGMENT_NAME + 1];
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	snprintf(name, sizeof(name), "%020llu" LAYOUT_SEGMENT_SUFFIX,
		 (unsigned long long)first);
	fd = openat(r->logfd >= 0 ? r->logfd : r->dirfd, name,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, errno, "cannot open %s", name);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "cannot look at %s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EBADMSG, "%s is no file", name);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	close_ptr(&r->fd);
	r->fd = TAKE_FD(fd);
	r->segment = first;
	memcpy(r->name, name, sizeof(r->name));
	r->at = 0;
	r->last = 0;
	forget(r);
	r->read_size = FIRST_READ;
	return 0;
}

static const uint8_t *
here(const struct reader *r)
{
	return r->buf + (r->at - r->buf_at);
}

static size_t
have(const struct reader *r)
{
	return (size_t)(r->buf_at + r->buf_len - r->at);
}

/* Reads on behind what the buffer has from here. Returns the bytes added, 0 at
 * the end of the file. */
static ssize_t
more(struct reader *r, struct err *e)
{
	size_t keep = have(r), want;
	ssize_t n;

	memmove(r->buf, here(r), keep);
	r->buf_at = r->at;
	r->buf_len = keep;
	want = MIN(r->read_size, BUFFER - keep);
	r->read_size = MIN(2 * r->read_size, BUFFER);
	do
		n = pread(r->fd, r->buf + keep, want,
			  (off_t)(r->buf_at + keep));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, errno, "cannot read %s", r->name);
	r->buf_len += (size_t)n;
	return n;
}

static int
bad(const struct reader *r, struct err *e, const char *what)
{
	return err_set(e, EBADMSG, "%s: offset %llu: %s", r->name,
		       (unsigned long long)r->at, what);
}

/* Goes to the file after the one at hand, or the first. 1: done; 0: there is
 * none. */
static int
next_file(struct reader *r, struct err *e)
{
	int k;

	for (int i = 0; i < TRIES; i++) {
		size_t s = 0;

		k = list(r, e);
		if (k < 0)
			return k;
		while (s < r->n && r->seg[s].first <= r->segment)
			s++;
		if (s == r->n)
			return 0;
		k = open_segment(r, r->seg[s].first, e);
		if (k >= 0)
			return 1;
		if (k != -ENOENT)
			return k;
	}
	return k;
}

static bool
is_last_file(const struct reader *r)
{
	return !r->n || r->seg[r->n - 1].first <= r->segment;
}

/* The file at hand has no more for now. 1: go on reading; 0: the end. */
static int
at_end(struct reader *r, struct err *e)
{
	struct stat st;
	ssize_t n;
	int k;

	if (fstat(r->fd, &st) < 0)
		return err_sys(e, errno, "cannot look at %s", r->name);
	if ((uint64_t)st.st_size < r->at)
		return err_set(e, ESTALE,
			       "%s: ends at %llu, before offset %llu, which "
			       "was read already",
			       r->name, (unsigned long long)st.st_size,
			       (unsigned long long)r->at);
	k = list(r, e);
	if (k < 0)
		return k;
	if (is_last_file(r))
		return 0;
	n = more(r, e); /* written between our last look and the next file */
	if (n)
		return n < 0 ? (int)n : 1;
	if (have(r))
		return bad(r, e, "the file ends in the middle of a record");
	return next_file(r, e);
}

int
reader_next(struct reader *r, struct record *ret, struct err *e)
{
	struct record rec;
	ssize_t n;
	int k = 1;

	r->last = 0;
	if (!r->segment)
		k = next_file(r, e);
	while (k > 0) {
		k = record_parse(here(r), have(r), &rec);
		if (k > 0) {
			r->at += rec.size;
			r->last = rec.size;
			*ret = rec;
			return 1;
		}
		if (k < 0) {
			k = bad(r, e, "no record here");
			break;
		}
		n = more(r, e);
		k = n > 0 ? 1 : n < 0 ? (int)n : at_end(r, e);
	}
	forget(r);
	return k;
}

uint64_t
reader_rest(const struct reader *r)
{
	struct stat st;

	if (r->fd < 0 || fstat(r->fd, &st) < 0 || (uint64_t)st.st_size <= r->at)
		return 0;
	return (uint64_t)st.st_size - r->at;
}

void
reader_place(const struct reader *r, struct reader_place *ret)
{
	ret->segment = r->segment;
	ret->offset = r->at - r->last;
}

const char *
reader_file(const struct reader *r)
{
	return r->name;
}

/* ---- going somewhere -----------------------------------------------------*/

/* Walks whole frames of this file up to the first that is not before seq;
 * stops where there is none. */
static int
walk(struct reader *r, uint64_t seq, struct err *e)
{
	struct stat st;
	ssize_t n;

	if (fstat(r->fd, &st) < 0)
		return err_sys(e, errno, "cannot look at %s", r->name);
	for (;;) {
		struct record_prefix p;

		while (have(r) < RECORD_HEAD) {
			n = more(r, e);
			if (n <= 0)
				return (int)n;
		}
		if (record_prefix(here(r), &p) < 0 || p.seq >= seq ||
		    p.size > (uint64_t)st.st_size - r->at)
			return 0;
		if (p.size <= have(r)) {
			r->at += p.size;
		} else {
			size_t fast = r->read_size;

			jump(r, r->at + p.size);
			r->read_size = fast;
		}
	}
}

int
reader_seek(struct reader *r, uint64_t seq, struct err *e)
{
	int k = 0;

	for (int i = 0; i < TRIES; i++) {
		size_t s = 0;

		k = list(r, e);
		if (k < 0)
			return k;
		if (!r->n) {
			r->segment = 0;
			r->at = r->last = 0;
			close_ptr(&r->fd);
			r->fd = -EBADF;
			forget(r);
			return 0;
		}
		while (s + 1 < r->n && r->seg[s + 1].first <= seq)
			s++;
		k = open_segment(r, r->seg[s].first, e);
		if (k >= 0)
			return walk(r, seq, e);
		if (k != -ENOENT)
			return k;
	}
	return k;
}

int
reader_goto(struct reader *r, const struct reader_place *p, struct err *e)
{
	struct record rec;
	struct stat st;
	int k = find_folder(r, e);

	if (k < 0)
		return k;
	if (r->segment != p->segment || r->fd < 0)
		k = open_segment(r, p->segment, e);
	if (k == -ENOENT)
		return err_set(e, ESTALE, "the file of seq %llu is gone",
			       (unsigned long long)p->segment);
	if (k < 0)
		return k;
	if (fstat(r->fd, &st) < 0)
		return err_sys(e, errno, "cannot look at %s", r->name);
	jump(r, p->offset);
	if (p->offset == (uint64_t)st.st_size)
		return 0;
	for (;;) {
		ssize_t n;

		k = record_parse(here(r), have(r), &rec);
		if (k > 0)
			return 0;
		n = k < 0 ? 0 : more(r, e);
		if (n < 0)
			return (int)n;
		if (!n)
			return err_set(e, ESTALE,
				       "%s: offset %llu: no record here",
				       r->name, (unsigned long long)r->at);
	}
}

/* Moves to the first place from here on, in this file, where a whole frame
 * begins. 1: found; 0: none, and the place is the end of the file or that of a
 * frame that goes on behind it. */
static int
find_frame(struct reader *r, struct err *e)
{
	static const uint8_t magic[4] = { 'A', 'B', 'X', 'R' };
	struct record rec;
	ssize_t n;
	int k;

	for (;;) {
		const uint8_t *p = memmem(here(r), have(r), magic, 4);

		if (p) {
			r->at += (uint64_t)(p - here(r));
			k = record_parse(here(r), have(r), &rec);
			if (k > 0)
				return 1;
			if (k < 0) {
				r->at++;
				continue;
			}
		} else if (have(r) > 3) {
			r->at += have(r) - 3;
		}
		n = more(r, e);
		if (n < 0)
			return (int)n;
		if (n)
			continue;
		if (!p) {
			r->at += have(r);
			return 0;
		}
		if (is_last_file(r))
			return 0; /* it may become whole */
		r->at++;
	}
}

int
reader_skip(struct reader *r, uint64_t *ret_bytes)
{
	struct err e = ERR_INIT;
	uint64_t from = r->at;
	int k = list(r, &e);

	*ret_bytes = 0;
	if (k < 0 || r->fd < 0)
		return k;
	r->last = 0;
	if (reader_rest(r))
		r->at++;
	forget(r);
	k = find_frame(r, &e);
	*ret_bytes = r->at - from;
	return k ? k : next_file(r, &e);
}
