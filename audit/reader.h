#pragma once
/*
 * Reading a log while it is written: whoever may read the files may do this,
 * without asking the writer. Nothing is believed about the bytes; whether the
 * chain holds is audit/verify.h's matter.
 */
#include "audit/record.h"
#include "lib/err.h"

struct reader;

/* dirfd: the folder audit/ (borrowed), or one that holds .seg files. Release
 * with reader_free(), which accepts NULL. */
int reader_new(int dirfd, struct reader **ret, struct err *e);
void reader_free(struct reader *r);

/* Files, in order. Looks again at the folder each time it is called. */
struct reader_segment {
	uint64_t first; /* from its name */
	uint64_t bytes;
};
int reader_segments(struct reader *r, const struct reader_segment **ret,
		    size_t *ret_n, struct err *e);

/* Goes to the record with this seq, or the first after it; 0: the very first.
 * Also UINT64_MAX: behind the last. Finds its place by the names of the files
 * and by walking frames. */
int reader_seek(struct reader *r, uint64_t seq, struct err *e);
/* Goes to a place that reader_place() named, which costs nothing; only if a
 * frame begins there (-ESTALE). */
struct reader_place {
	uint64_t segment, offset;
};
int reader_goto(struct reader *r, const struct reader_place *p, struct err *e);

/* The next record; valid until the next call. 1: there it is. 0: the end, for
 * now; call again later. -EBADMSG: no frame here (e says file and offset, and
 * reader_place() where); reader_skip() looks for the next frame. */
int reader_next(struct reader *r, struct record *ret, struct err *e);
/* Place of the record that reader_next() gave last, or would give. */
void reader_place(const struct reader *r, struct reader_place *ret);
int reader_skip(struct reader *r, uint64_t *ret_bytes);
/* The file at hand: its name, for messages. */
const char *reader_file(const struct reader *r);
