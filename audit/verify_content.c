/*
 * What records say, once their bytes are known to be those that the writer
 * chained: the state of the chain at the begin of each file, checkpoints,
 * removed files, actions and their outcomes.
 */
#include "audit/verify-internal.h"

#include <string.h>

static bool
uint_is(const struct record *r, enum field_id id, uint64_t want)
{
	struct field f;

	return record_get(r, id, &f) && f.len == 8 &&
	       record_u64(f.bytes) == want;
}

static bool
bytes_are(const struct record *r, enum field_id id, const void *want,
	  size_t len)
{
	struct field f;

	return record_get(r, id, &f) && f.len == len &&
	       memcmp(f.bytes, want, len) == 0;
}

/* ---- the begin of a file -------------------------------------------------*/

static bool
peaks_are(const struct walk *w)
{
	uint8_t peaks[MERKLE_DEPTH * MERKLE_LEN];
	size_t len = merkle_peaks(&w->before.tree, peaks);
	struct field f;

	if (!len)
		return !record_get(&w->rec, FIELD_PEAKS, &f) || !f.len;
	return bytes_are(&w->rec, FIELD_PEAKS, peaks, len);
}

/* Number, log and key of a file, against those of the one before it. */
static const char *
wrong_identity(struct walk *w)
{
	uint64_t no = record_get_uint(&w->rec, FIELD_SEGMENT);
	struct field f;

	if (!bytes_are(&w->rec, FIELD_PUBLIC_KEY, w->o->public_key,
		       NOTE_KEY_LEN))
		return "its public key is not the one given";
	if (!record_get(&w->rec, FIELD_LOG, &f) || f.len != NOTE_LOG_LEN)
		return "it does not name its log";
	if (w->r->segments == 1) {
		memcpy(w->r->log, f.bytes, NOTE_LOG_LEN);
		if (w->o->log && memcmp(f.bytes, w->o->log, f.len) != 0)
			return "it is of another log than the public key";
	} else if (memcmp(f.bytes, w->r->log, f.len) != 0) {
		return "it is of another log than the file before";
	} else if (no != w->segment_no + 1) {
		return "its number does not follow that of the file before";
	}
	w->segment_no = no;
	return NULL;
}

static int
check_segment(struct walk *w)
{
	const struct record *r = &w->rec;
	const char *what;

	if (!w->new_file)
		return fault_here(w, VERIFY_SEGMENT,
				  "log.segment in the middle of a file");
	what = wrong_identity(w);
	if (!what &&
	    (!uint_is(r, FIELD_SIZE, w->before.size) ||
	     !uint_is(r, FIELD_FIRST, r->seq) ||
	     !bytes_are(r, FIELD_HEAD, w->before.head, RECORD_HASH_LEN) ||
	     !peaks_are(w)))
		what = "it tells of another state of the chain";
	return what ? fault_here(w, VERIFY_SEGMENT, "log.segment: %s", what)
		    : 0;
}

/* ---- checkpoints ---------------------------------------------------------*/

int
pending_check(struct walk *w)
{
	const struct pending *p = &w->pending;

	if (!p->some)
		return 0;
	if (note_check(&p->note, w->o->public_key, p->signature) < 0)
		return fault_at(
			w, VERIFY_CHECKPOINT, p->file, p->offset, p->seq,
			"the signature of this checkpoint does not fit: "
			"it, or records from %llu on, were changed",
			(unsigned long long)w->r->covered + 1);
	w->r->covered = p->note.size;
	w->pending.some = false;
	return 0;
}

static int
check_checkpoint(struct walk *w)
{
	struct pending *p = &w->pending;
	struct field signature;
	uint8_t root[RECORD_HASH_LEN];

	merkle_root(&w->before.tree, w->hash, root);
	if (!uint_is(&w->rec, FIELD_SIZE, w->before.size) ||
	    !bytes_are(&w->rec, FIELD_HEAD, w->before.head, RECORD_HASH_LEN) ||
	    !bytes_are(&w->rec, FIELD_ROOT, root, sizeof(root)))
		return fault_here(w, VERIFY_CHECKPOINT,
				  "this checkpoint tells of another history: "
				  "it, or records from %llu on, were changed",
				  (unsigned long long)w->r->covered + 1);
	if (!record_get(&w->rec, FIELD_SIGNATURE, &signature) ||
	    signature.len != NOTE_SIGNATURE_LEN)
		return fault_here(w, VERIFY_CHECKPOINT,
				  "this checkpoint is not signed");
	p->some = true;
	memcpy(p->note.log, w->r->log, sizeof(p->note.log));
	p->note.size = w->before.size;
	memcpy(p->note.root, root, sizeof(root));
	memcpy(p->note.head, w->before.head, RECORD_HASH_LEN);
	p->note.time_us = w->rec.time_us;
	p->note.key = w->rec.key;
	memcpy(p->signature, signature.bytes, sizeof(p->signature));
	p->seq = w->rec.seq;
	p->offset = w->place.offset;
	snprintf(p->file, sizeof(p->file), "%s", reader_file(w->reader));
	w->r->checkpoints++;
	w->r->uncovered = 0;
	return w->every ? pending_check(w) : 0;
}

/* ---- the others ----------------------------------------------------------*/

static int
check_expire(struct walk *w)
{
	uint64_t last = record_get_uint(&w->rec, FIELD_LAST);

	w->r->expired++;
	if (!last || last >= w->rec.seq)
		return fault_here(w, VERIFY_FIELDS,
				  "log.expire of records that were not");
	if (last + 1 < w->r->first)
		w->expire_last = MAX(w->expire_last, last);
	if (last + 1 != w->r->first)
		return 0;
	if (!bytes_are(&w->rec, FIELD_HEAD, w->start_head, RECORD_HASH_LEN))
		return fault_here(w, VERIFY_SEGMENT,
				  "what was removed before record %llu ended "
				  "with another hash than this log begins with",
				  (unsigned long long)w->r->first);
	w->announced = w->rec.seq;
	return 0;
}

static int
check_intent(struct walk *w)
{
	int k;

	w->r->intents++;
	if (record_get_uint(&w->rec, FIELD_GOES_AHEAD) != 1)
		return 0;
	k = open_set_open(w->open, w->rec.seq);
	if (k == -E2BIG)
		return fault_here(w, VERIFY_FIELDS,
				  "more than %llu actions without outcome",
				  (unsigned long long)OPEN_SET_MAX);
	return k;
}

static int
check_outcome(struct walk *w)
{
	if (open_set_close(w->open, w->rec.ref)) {
		w->r->outcomes++;
		return 0;
	}
	if (w->rec.ref && w->rec.ref < w->r->first)
		return 0; /* its intent went with a file */
	return fault_here(w, VERIFY_FIELDS,
			  "an outcome of %llu, which is no action that waits "
			  "for one",
			  (unsigned long long)w->rec.ref);
}

static int
check_start(struct walk *w)
{
	struct field f;

	if (record_get(&w->rec, FIELD_FORMER, &f) && f.len == NOTE_LOG_LEN) {
		memcpy(w->r->former, f.bytes, f.len);
		w->r->follows = true;
	}
	return 0;
}

static int
check_form(struct walk *w)
{
	const struct record *r = &w->rec;
	enum field_id missing;

	if (record_required(r->type, r->fields, r->fields_len, &missing) < 0)
		return fault_here(w, VERIFY_FIELDS, "a record %s without %s",
				  record_type_name(r->type),
				  field_name(missing));
	if (r->ref >= r->seq || r->channel >= r->seq)
		return fault_here(w, VERIFY_FIELDS,
				  "it refers to a record that was not yet");
	if (r->key < w->last_key)
		return fault_here(w, VERIFY_FIELDS,
				  "the number of its key went back");
	w->last_key = r->key;
	return 0;
}

int
content_check(struct walk *w)
{
	int k = check_form(w);

	if (k)
		return k;
	w->r->uncovered++;
	switch (w->rec.type) {
	case RECORD_LOG_SEGMENT:
		return check_segment(w);
	case RECORD_LOG_CHECKPOINT:
		return check_checkpoint(w);
	case RECORD_LOG_EXPIRE:
		return check_expire(w);
	case RECORD_LOG_RESTART:
		w->r->restarts++;
		return check_start(w);
	case RECORD_LOG_START:
		return check_start(w);
	case RECORD_LOG_GAP:
		w->r->gaps++;
		w->r->gap_records += record_get_uint(&w->rec, FIELD_COUNT);
		return 0;
	case RECORD_INTENT:
		return check_intent(w);
	case RECORD_OUTCOME:
		return check_outcome(w);
	default:
		return 0;
	}
}
