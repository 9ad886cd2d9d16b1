/*
 * Walks a log from its first record to its last and stops at the first that is
 * not what the chain, the signatures or what was given away say. What always
 * holds: nothing of a record is believed before its hash was found right;
 * memory does not grow with the log, but with the actions that are open at one
 * time.
 *
 * An attacker without the signing key can make a chain that holds within
 * itself, but no checkpoint for it; so what is after the last checkpoint is
 * only as sure as the folder, unless MACs are checked too. The report says how
 * much.
 */
#include "audit/verify-internal.h"

#include <stdarg.h>
#include <string.h>

static const char *const fault_names[VERIFY_FAULT_MAX] = {
	[VERIFY_OK] = "ok",	      [VERIFY_FRAME] = "frame",
	[VERIFY_SEQ] = "seq",	      [VERIFY_HASH] = "hash",
	[VERIFY_MAC] = "mac",	      [VERIFY_FIELDS] = "fields",
	[VERIFY_SEGMENT] = "segment", [VERIFY_CHECKPOINT] = "checkpoint",
	[VERIFY_SHORT] = "short",     [VERIFY_NOTE] = "note",
	[VERIFY_EMPTY] = "empty",     [VERIFY_READ] = "read",
};

const char *
verify_fault_name(enum verify_fault f)
{
	return (unsigned int)f < VERIFY_FAULT_MAX ? fault_names[f] : "unknown";
}

static void
set_fault(struct walk *w, enum verify_fault f, const char *file,
	  uint64_t offset, uint64_t seq)
{
	struct verify_report *r = w->r;

	r->fault = f;
	r->seq = seq;
	r->offset = offset;
	snprintf(r->file, sizeof(r->file), "%s", file);
}

int
fault_at(struct walk *w, enum verify_fault f, const char *file, uint64_t offset,
	 uint64_t seq, const char *fmt, ...)
{
	va_list ap;

	set_fault(w, f, file, offset, seq);
	va_start(ap, fmt);
	vsnprintf(w->r->text, sizeof(w->r->text), fmt, ap);
	va_end(ap);
	return 1;
}

int
fault_here(struct walk *w, enum verify_fault f, const char *fmt, ...)
{
	va_list ap;

	set_fault(w, f, reader_file(w->reader), w->place.offset,
		  w->before.size + 1);
	va_start(ap, fmt);
	vsnprintf(w->r->text, sizeof(w->r->text), fmt, ap);
	va_end(ap);
	return 1;
}

int
fault_end(struct walk *w, enum verify_fault f, const char *fmt, ...)
{
	char name[32] = "";
	va_list ap;

	if (w->file)
		snprintf(name, sizeof(name), "%020llu.seg",
			 (unsigned long long)w->file);
	set_fault(w, f, name, w->end, w->chain.size + 1);
	va_start(ap, fmt);
	vsnprintf(w->r->text, sizeof(w->r->text), fmt, ap);
	va_end(ap);
	return 1;
}

/* ---- one record ----------------------------------------------------------*/

/* Where the chain begins: at nothing, or where the first file that is left says
 * that it stood. That is not to be believed yet, but only the right state leads
 * to the roots of the checkpoints. */
static int
begin(struct walk *w)
{
	const struct record *r = &w->rec;
	struct field head, peaks = { .len = 0 };

	chain_init(&w->chain);
	w->r->first = w->file;
	w->r->covered = w->file - 1;
	w->r->first_us = r->time_us;
	if (w->file == 1)
		return 0;
	record_get(r, FIELD_PEAKS, &peaks);
	if (r->type != RECORD_LOG_SEGMENT ||
	    !record_get(r, FIELD_HEAD, &head) || head.len != RECORD_HASH_LEN ||
	    merkle_from_peaks(&w->chain.tree, w->file - 1, peaks.bytes,
			      peaks.len) < 0)
		return fault_at(w, VERIFY_SEGMENT, reader_file(w->reader), 0,
				w->file,
				"the first file does not begin with "
				"log.segment and the state of the chain");
	w->chain.size = w->file - 1;
	memcpy(w->chain.head, head.bytes, sizeof(w->chain.head));
	memcpy(w->start_head, head.bytes, sizeof(w->start_head));
	return 0;
}

/* The first record of a file. */
static int
enter_file(struct walk *w)
{
	uint64_t file = w->place.segment, next = w->chain.size + 1;
	int k = pending_check(w);

	if (k)
		return k;
	if (w->file && file < next)
		return fault_at(w, VERIFY_SEGMENT, reader_file(w->reader), 0,
				next,
				"a file of this name cannot be: the one before "
				"ends with record %llu",
				(unsigned long long)w->chain.size);
	if (w->file && file > next)
		return fault_end(w, VERIFY_SEGMENT,
				 "records %llu to %llu are missing, the end of "
				 "this file or all of the next",
				 (unsigned long long)next,
				 (unsigned long long)file - 1);
	w->r->segments++;
	w->file = file;
	return next == 1 ? begin(w) : 0;
}

static int
chain_fault(struct walk *w, enum chain_verdict v)
{
	uint64_t seq = w->rec.seq, next = w->chain.size + 1;

	w->before.size = w->chain.size;
	if (v == CHAIN_HASH)
		return fault_here(
			w, VERIFY_HASH,
			"its hash does not fit: it was changed, or is "
			"not the one that was written here");
	if (v == CHAIN_MAC)
		return fault_here(w, VERIFY_MAC,
				  "it was not made with the log's key: forged, "
				  "and a new chain made from here on");
	if (seq > next)
		return fault_here(w, VERIFY_SEQ,
				  "number %llu stands here: records are "
				  "missing or were moved",
				  (unsigned long long)seq);
	return fault_here(w, VERIFY_SEQ,
			  "number %llu stands here: it is there twice or was "
			  "moved",
			  (unsigned long long)seq);
}

static int
check_chain(struct walk *w)
{
	struct chain_key *key = w->o->start_key ? &w->key : NULL;
	enum chain_verdict v;

	if (w->new_file || w->rec.type == RECORD_LOG_CHECKPOINT ||
	    w->rec.type == RECORD_LOG_SEGMENT ||
	    notes_wait_for(w, w->chain.size))
		w->before = w->chain;
	else
		w->before.size = w->chain.size;
	v = chain_check(&w->chain, w->hash, key, &w->rec);
	if (v != CHAIN_OK)
		return chain_fault(w, v);
	w->r->records++;
	w->r->bytes += w->rec.size;
	w->r->last = w->rec.seq;
	w->r->last_us = w->rec.time_us;
	w->end = w->place.offset + w->rec.size;
	if (w->new_file && w->rec.type != RECORD_LOG_SEGMENT)
		return fault_here(w, VERIFY_SEGMENT,
				  "the file does not begin with log.segment");
	return 0;
}

static int
one_record(struct walk *w)
{
	int k;

	reader_place(w->reader, &w->place);
	w->new_file = w->place.segment != w->file;
	k = w->new_file ? enter_file(w) : 0;
	if (!k)
		k = check_chain(w);
	if (!k)
		k = content_check(w);
	if (!k && notes_wait_for(w, w->before.size))
		k = notes_compare(w);
	return k;
}

/* ---- the end -------------------------------------------------------------*/

/* reader_next() said that there is no record. */
static int
no_record(struct walk *w, int error, const struct err *e)
{
	uint64_t seq = w->file ? w->chain.size + 1 : 0;
	struct reader_place p;

	reader_place(w->reader, &p);
	if (p.segment && p.segment != w->file)
		seq = p.segment; /* at the begin of the next file */
	if (error == -EBADMSG)
		return fault_at(w, VERIFY_FRAME, reader_file(w->reader),
				p.offset, seq, "no whole record stands here");
	return fault_at(w, VERIFY_READ, reader_file(w->reader), p.offset, seq,
			"%s", e->text);
}

/* A frame that is cut, in a log that nobody writes to. */
static int
check_tail(struct walk *w)
{
	uint64_t rest = reader_rest(w->reader);
	struct reader_place p;

	if (!rest || w->o->live)
		return 0;
	reader_place(w->reader, &p);
	return fault_at(w, VERIFY_FRAME, reader_file(w->reader), p.offset,
			w->chain.size + 1,
			"the log ends in the middle of a record: %llu bytes of "
			"it",
			(unsigned long long)rest);
}

/* Files without any record, which the walk has not seen. */
static int
check_empty_files(struct walk *w, struct err *e)
{
	const struct reader_segment *s;
	char name[32];
	size_t n;
	int k = reader_segments(w->reader, &s, &n, e);

	if (k < 0)
		return fault_at(w, VERIFY_READ, "", 0, 0, "%s", e->text);
	for (size_t i = 0; i < n; i++) {
		if (s[i].bytes || (i + 1 == n && w->o->live))
			continue;
		snprintf(name, sizeof(name), "%020llu.seg",
			 (unsigned long long)s[i].first);
		return fault_at(w, VERIFY_SEGMENT, name, 0, s[i].first,
				"this file is empty");
	}
	return 0;
}

/* Files before the first are gone: by retention, which a record says that a
 * checkpoint or MACs vouch for, or by somebody else. */
static int
check_removed(struct walk *w)
{
	uint64_t first = w->r->first;

	if (first <= 1)
		return 0;
	if (!w->announced)
		return fault_at(w, VERIFY_SEGMENT, "", 0, w->expire_last + 1,
				"records %llu to %llu are missing and no "
				"log.expire says that they were removed",
				(unsigned long long)w->expire_last + 1,
				(unsigned long long)first - 1);
	if (w->announced > w->r->covered && !w->r->macs && !w->o->live)
		return fault_at(
			w, VERIFY_CHECKPOINT, "", 0, w->announced,
			"it says that records before %llu were removed, "
			"but no checkpoint covers it: anybody could "
			"have written it",
			(unsigned long long)first);
	return 0;
}

static int
check_signed(struct walk *w)
{
	if (w->r->checkpoints || w->o->live)
		return 0;
	return fault_end(w, VERIFY_CHECKPOINT,
			 "no checkpoint: nothing here is signed, anybody could "
			 "have written it");
}

static int
check_head(struct walk *w)
{
	if (!w->head_error)
		return 0;
	return fault_at(w, VERIFY_NOTE, "head", 0, 0, "%s", w->head_err.text);
}

static int
check_end(struct walk *w, struct err *e)
{
	int k = pending_check(w);

	if (!k)
		k = check_tail(w);
	if (!k)
		k = notes_end(w);
	if (!k && !w->r->records)
		k = fault_at(w, VERIFY_EMPTY, "", 0, 0, "no record is here");
	if (!k)
		k = check_empty_files(w, e);
	if (!k)
		k = check_removed(w);
	if (!k)
		k = check_signed(w);
	return k ? k : check_head(w);
}

/* ---- the walk ------------------------------------------------------------*/

static int
walk_log(struct walk *w, struct err *e)
{
	int k;

	do {
		k = reader_next(w->reader, &w->rec, e);
		if (k < 0)
			return k == -ENOMEM ? k : no_record(w, k, e);
		if (k == 0)
			return check_end(w, e);
		k = one_record(w);
	} while (!k);
	return k;
}

static void
walk_done(struct walk *w)
{
	reader_free(w->reader);
	chain_hash_free(w->hash);
	chain_key_wipe(&w->key);
	open_set_free(w->open);
	free(w->notes);
}

static int
walk_new(struct walk *w, int dirfd, struct err *e)
{
	memset(w->r, 0, sizeof(*w->r));
	chain_init(&w->chain);
	w->r->macs = w->o->start_key != NULL;
	if (w->o->start_key)
		memcpy(w->key.key, w->o->start_key, CHAIN_KEY_LEN);
	if (chain_hash_new(&w->hash) < 0 || open_set_new(&w->open) < 0)
		return err_sys(e, ENOMEM, "cannot verify the log");
	return reader_new(dirfd, &w->reader, e);
}

/* One walk. ret_sure: there is no fault before the one in the report. */
static int
walk_once(int dirfd, const struct verify_options *o, bool every,
	  struct verify_report *ret, bool *ret_sure, struct err *e)
{
	struct walk w = { .o = o, .r = ret, .every = every };
	struct err why = ERR_INIT;
	int k = walk_new(&w, dirfd, e);

	if (k >= 0)
		k = notes_load(&w, dirfd, e);
	if (k >= 0) {
		k = walk_log(&w, &why);
		ret->open_actions = open_set_n(w.open);
		merkle_root(&w.chain.tree, w.hash, ret->root);
		*ret_sure = every || !w.pending.some ||
			    note_check(&w.pending.note, o->public_key,
				       w.pending.signature) >= 0;
	}
	if (k == -ENOMEM)
		err_sys(e, ENOMEM, "cannot verify the log");
	walk_done(&w);
	return k < 0 ? k : 0;
}

int
verify_log(int dirfd, const struct verify_options *o, struct verify_report *ret,
	   struct err *e)
{
	bool sure = true;
	int k = walk_once(dirfd, o, false, ret, &sure, e);

	/* An earlier signature may be the first that does not fit; and what
	 * is read while a writer takes back what the disk refused may be
	 * neither the old nor the new. */
	if (k == 0 && ret->fault != VERIFY_OK && (!sure || o->live))
		k = walk_once(dirfd, o, true, ret, &sure, e);
	return k;
}
