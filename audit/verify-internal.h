#pragma once
/* Between the parts of the verifier. A check returns 0, 1 when it has put a
 * fault into the report, or negative errno. */
#include "audit/chain.h"
#include "audit/reader.h"
#include "audit/verify.h"

/* Actions that went ahead and have no outcome yet. */
struct open_set;
#define OPEN_SET_MAX (UINT64_C(1) << 22) /* WIRE_CHANNELS_MAX * 1024 */
int open_set_new(struct open_set **ret);
void open_set_free(struct open_set *a);
uint64_t open_set_n(const struct open_set *a);
/* -E2BIG: OPEN_SET_MAX are open. */
int open_set_open(struct open_set *a, uint64_t seq);
/* False: it is not open. */
bool open_set_close(struct open_set *a, uint64_t seq);

/* A checkpoint whose signature was not checked yet. */
struct pending {
	bool some;
	struct note note;
	uint8_t signature[NOTE_SIGNATURE_LEN];
	uint64_t seq, offset;
	char file[64];
};

struct walk {
	const struct verify_options *o;
	struct verify_report *r;
	struct reader *reader;
	struct chain_hash *hash;
	struct open_set *open;
	bool every; /* signature is checked at once */

	struct chain chain, before; /* before: without the record at hand, if
				       it is the first of a file, a checkpoint
				       or where a note belongs */
	struct chain_key key;
	struct record rec;	   /* at hand */
	struct reader_place place; /* its place */
	uint64_t end;		   /* of the last good record, in its file */
	bool new_file;
	uint64_t file;	     /* first seq of the file at hand; 0: none */
	uint64_t segment_no; /* number of the file at hand */
	uint32_t last_key;
	struct pending pending;

	uint8_t start_head[RECORD_HASH_LEN]; /* hash before the first record */
	uint64_t announced;   /* seq of the log.expire of what is before the
				 first record */
	uint64_t expire_last; /* of the last such before it */

	struct note *notes; /* by size; the file head among them */
	size_t n_notes, next_note;
	bool head_seen; /* and counted, or one of the same size */
	int head_error; /* the file head is there and wrong */
	struct err head_err;
};

int fault_at(struct walk *w, enum verify_fault f, const char *file,
	     uint64_t offset, uint64_t seq, const char *fmt, ...)
	_printf_(6, 7);
/* At the record at hand; the seq is what the chain expects. */
int fault_here(struct walk *w, enum verify_fault f, const char *fmt, ...)
	_printf_(3, 4);
/* Behind the last record. */
int fault_end(struct walk *w, enum verify_fault f, const char *fmt, ...)
	_printf_(3, 4);

/* verify_notes.c: the file head and the notes kept elsewhere */
int notes_load(struct walk *w, int dirfd, struct err *e);
bool notes_wait_for(const struct walk *w, uint64_t size);
/* With the record behind that size, which is right in itself. */
int notes_compare(struct walk *w);
int notes_end(struct walk *w);

/* verify_content.c: what records say */
int content_check(struct walk *w);
int pending_check(struct walk *w);
