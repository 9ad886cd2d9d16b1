#pragma once
/*
 * Reading a log while it is written: whoever may read the files may do this,
 * without asking the writer. Nothing is believed about the bytes; whether the
 * chain holds is audit/verify.h's matter. Files are named by their first seq;
 * others in the folder are not looked at.
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
 * Also UINT64_MAX: behind the last, as for any seq that is not there yet. Finds
 * its place by the names of the files and by walking frames; where it meets
 * what is no frame it stays there, and reader_next() says so. A new reader is
 * at the very first. */
int reader_seek(struct reader *r, uint64_t seq, struct err *e);
/* Goes to a place that reader_place() named, which costs one small read; only
 * if a frame begins there or the file ends there (else -ESTALE). */
struct reader_place {
	uint64_t segment, offset;
};
int reader_goto(struct reader *r, const struct reader_place *p, struct err *e);

/* The next record; valid until the next call. 1: there it is. 0: the end, for
 * now; call again later. -EBADMSG: no frame here (e says file and offset, and
 * reader_place() where); reader_skip() looks for the next frame. -ESTALE: the
 * file ends before what was read already (the writer takes back a batch that
 * the disk refused): reader_seek() to the seq after the last. */
int reader_next(struct reader *r, struct record *ret, struct err *e);
/* Place of the record that reader_next() gave last, or would give. */
void reader_place(const struct reader *r, struct reader_place *ret);
/* 1: reader_next() goes on at a frame, or in the next file; 0: none is there.
 * *ret_bytes: how many were left out of the file at hand. What follows damage
 * is not to be believed: a field of bytes may hold something like a frame. */
int reader_skip(struct reader *r, uint64_t *ret_bytes);
/* Bytes behind the last record to the end of the file: after 0 of
 * reader_next() those of a frame that is not whole (yet). */
uint64_t reader_rest(const struct reader *r);
/* The file at hand: its name, for messages; "" before the first. */
const char *reader_file(const struct reader *r);
