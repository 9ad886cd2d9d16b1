/*
 * Checkpoints that were given away: the file head beside the log, and notes
 * kept elsewhere. Each tells that at its size the log had that root and head,
 * and that the next record is the checkpoint itself, since a note is given away
 * only when its record is on the disk. What always holds: notes are compared in
 * the order of their sizes, each once.
 */
#include "audit/layout.h"
#include "audit/verify-internal.h"
#include "lib/fd.h"

#include <string.h>

static int
by_size(const void *a, const void *b)
{
	uint64_t x = ((const struct note *)a)->size;
	uint64_t y = ((const struct note *)b)->size;

	return (x > y) - (x < y);
}

/* The file head, if it is there, as the last of the notes. One that is wrong is
 * a fault, but the log itself is looked at first. */
static int
load_head(struct walk *w, int dirfd)
{
	_cleanup_free_ char *text = NULL;
	ssize_t len = fd_read_file(dirfd, LAYOUT_HEAD, 4 * NOTE_MAX, &text);
	struct note n;
	int k;

	if (len == -ENOENT)
		return 0;
	if (len == -ENOMEM)
		return (int)len;
	if (len < 0) {
		w->head_error =
			err_sys(&w->head_err, (int)len, "cannot read it");
		return 0;
	}
	k = note_parse(text, (size_t)len, w->o->public_key, &n, &w->head_err);
	if (k < 0) {
		w->head_error = k;
		return 0;
	}
	w->r->head = n.size;
	w->notes[w->n_notes++] = n;
	return 0;
}

int
notes_load(struct walk *w, int dirfd, struct err *e)
{
	int k;

	w->notes = calloc(w->o->n_notes + 1, sizeof(*w->notes));
	if (!w->notes)
		return err_sys(e, ENOMEM, "cannot verify the log");
	if (w->o->n_notes)
		memcpy(w->notes, w->o->notes,
		       w->o->n_notes * sizeof(*w->notes));
	w->n_notes = w->o->n_notes;
	k = load_head(w, dirfd);
	if (k < 0)
		return err_sys(e, k, "cannot verify the log");
	qsort(w->notes, w->n_notes, sizeof(*w->notes), by_size);
	return 0;
}

bool
notes_wait_for(const struct walk *w, uint64_t size)
{
	return w->next_note < w->n_notes && w->notes[w->next_note].size <= size;
}

static bool
is_its_record(const struct walk *w, const struct note *n)
{
	return w->rec.type == RECORD_LOG_CHECKPOINT &&
	       w->rec.time_us == n->time_us && w->rec.key == n->key;
}

static int
compare(struct walk *w, const struct note *n)
{
	uint8_t root[RECORD_HASH_LEN];
	const char *what = NULL;

	merkle_root(&w->before.tree, w->hash, root);
	if (memcmp(n->log, w->r->log, sizeof(n->log)) != 0)
		what = "is of another log";
	else if (memcmp(n->head, w->before.head, sizeof(n->head)) != 0 ||
		 memcmp(n->root, root, sizeof(root)) != 0)
		what = "tells of another history: records before it were "
		       "changed and a new chain made";
	else if (!is_its_record(w, n))
		what = "was made here, but this record is not that checkpoint";
	if (!what)
		return 0;
	return fault_here(w, VERIFY_NOTE, "the note of size %llu %s",
			  (unsigned long long)n->size, what);
}

int
notes_compare(struct walk *w)
{
	for (; notes_wait_for(w, w->before.size); w->next_note++) {
		const struct note *n = &w->notes[w->next_note];
		int k;

		bool head = n->size == w->r->head && !w->head_seen;

		w->head_seen |= head;
		if (n->size < w->before.size) {
			w->r->notes_old += !head;
			continue;
		}
		k = compare(w, n);
		if (k)
			return k;
		w->r->notes += !head;
	}
	return 0;
}

/* Of the notes left, all are of sizes that the log does not have (any more). */
int
notes_end(struct walk *w)
{
	if (w->next_note == w->n_notes)
		return 0;
	return fault_end(w, VERIFY_SHORT,
			 "the log ends with record %llu, but a checkpoint has "
			 "seen %llu records and its own",
			 (unsigned long long)w->chain.size,
			 (unsigned long long)w->notes[w->n_notes - 1].size);
}
