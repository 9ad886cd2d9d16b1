/*
 * Checkpoints, and what is due when. What always holds: a checkpoint leaves
 * the store (file head, the caller's sinks) only when the record and all that
 * it covers are on the disk; the MAC key on the disk is stepped after that, so
 * a log that ends before its key was cut.
 */
#include "audit/store-internal.h"

#include <string.h>

static void
note_fields(const struct note *n, const uint8_t *signature, struct fields *f)
{
	fields_init(f);
	fields_uint(f, FIELD_SIZE, n->size);
	fields_bytes(f, FIELD_HEAD, n->head, RECORD_HASH_LEN);
	fields_bytes(f, FIELD_ROOT, n->root, RECORD_HASH_LEN);
	fields_bytes(f, FIELD_SIGNATURE, signature, NOTE_SIGNATURE_LEN);
}

static void
note_make(struct store *s, const struct store_now *now, struct note *ret)
{
	memcpy(ret->log, s->keys.log, NOTE_LOG_LEN);
	memcpy(ret->head, s->chain.head, RECORD_HASH_LEN);
	merkle_root(&s->chain.tree, s->hash, ret->root);
	ret->size = s->chain.size;
	ret->time_us = now->wall_us;
	ret->key = s->keys.mac.number;
}

/* Writes the record, and goes on with the next MAC key. */
static int
note_write(struct store *s, bool owed, const struct store_now *now)
{
	uint8_t signature[NOTE_SIGNATURE_LEN];
	struct fields f;
	struct note n;
	int r;

	note_make(s, now, &n);
	r = note_sign(&n, s->keys.seed, signature);
	if (r < 0) {
		s->write_error = r;
		s->probe_us = now->boot_us + STORE_RETRY_US;
		return r;
	}
	note_fields(&n, signature, &f);
	r = store_put(s, RECORD_LOG_CHECKPOINT, &f, now);
	if (r < 0)
		return r;
	s->batch_owed = owed;
	r = store_commit(s, now);
	if (r < 0)
		return r;
	keys_step(&s->keys);
	s->uncovered = 0;
	s->note_len = note_text(&n, s->keys.public, signature, s->note);
	s->note_seq = s->chain.size;
	s->note_owed = s->head_owed = s->key_owed = true;
	return 0;
}

/* Only what is on the disk may be published. */
static int
publish(struct store *s, const struct store_now *now)
{
	bool first = !s->published_us && !s->keys.saved;
	int r = store_sync(s);

	s->publish_retry_us = now->boot_us + STORE_RETRY_US;
	if (r >= 0 && s->head_owed) {
		r = io_replace(&s->io, s->dirfd, LAYOUT_HEAD, s->note,
			       s->note_len);
		if (r >= 0 && first) /* a later key says that there was one */
			r = io_sync_folder(&s->io, s->dirfd);
		if (r >= 0)
			s->head_owed = false;
	}
	if (r >= 0 && s->key_owed) {
		r = keys_save(&s->keys, &s->io);
		if (r >= 0)
			s->key_owed = false;
	}
	s->publish_error = r;
	if (r >= 0)
		s->published_us = now->boot_us;
	return r;
}

/* The note goes out when the disk has the record, whatever became of head. */
static void
note_out(struct store *s, char *ret)
{
	if (!s->note_owed || s->durable < s->note_seq)
		return;
	memcpy(ret, s->note, s->note_len + 1);
	s->note_owed = false;
}

int
store_note_now(struct store *s, bool owed, const struct store_now *now,
	       char *ret_note)
{
	int r = s->batch ? -EBUSY : note_write(s, owed, now);

	if (r >= 0)
		r = publish(s, now);
	if (ret_note)
		note_out(s, ret_note);
	return r;
}

int
store_checkpoint(struct store *s, const struct store_now *now, char *ret_note)
{
	*ret_note = '\0';
	return store_note_now(s, false, now, ret_note);
}

const char *
store_note(const struct store *s)
{
	return s->durable >= s->note_seq ? s->note : "";
}

static uint64_t
note_due(const struct store *s)
{
	if (!s->uncovered || s->write_error || !s->reserve)
		return STORE_NEVER;
	if (s->uncovered >= s->config->checkpoint_records)
		return 0;
	return s->uncovered_us + s->config->checkpoint_us;
}

static uint64_t
sync_due(const struct store *s)
{
	if (!s->kept)
		return STORE_NEVER;
	return s->sync_error ? s->sync_retry_us
			     : s->unsynced_us + s->config->sync_us;
}

static uint64_t
publish_due(const struct store *s)
{
	if (!s->note_owed && !s->head_owed && !s->key_owed)
		return STORE_NEVER;
	if (s->publish_error)
		return s->publish_retry_us;
	return s->published_us ? s->published_us + s->config->checkpoint_us : 0;
}

/* When to try whether the disk takes something again. */
static uint64_t
probe_due(const struct store *s)
{
	if (!s->reserve)
		return s->reserve_us;
	return s->write_error || s->gap.count ? s->probe_us : STORE_NEVER;
}

/* Without it a disk that works again would be noticed with the next action
 * only, which nobody dares. */
static void
probe(struct store *s, const struct store_now *now)
{
	s->probe_us = now->boot_us + STORE_RETRY_US;
	if (store_reserve_make(s, now) < 0 || store_mend(s) < 0)
		return;
	if (s->gap.count)
		store_gap_put(s, now);
	if (s->batch) {
		s->batch_owed = false;
		(void)store_commit(s, now); /* store_failing() tells */
	} else if (s->uncovered) {
		(void)note_write(s, false, now);
	}
}

static bool
rotate(struct store *s, const struct store_now *now)
{
	if (store_rotate_due(s, now) > now->boot_us ||
	    s->rotate_retry_us > now->boot_us)
		return false;
	s->rotate_retry_us = now->boot_us + STORE_RETRY_US;
	if (s->write_error || s->sync_error || !s->reserve)
		return false;
	if (store_rotate(s, now) < 0)
		return false;
	s->rotate_retry_us = 0;
	return true;
}

static void
expire(struct store *s, const struct store_now *now)
{
	int n;

	if (now->boot_us < s->expire_us)
		return;
	n = store_expire(s, now);
	s->expire_us =
		now->boot_us + (n < 0			  ? STORE_RETRY_US * 40
				: n == STORE_EXPIRE_BATCH ? 0
							  : STORE_EXPIRE_US);
}

static uint64_t
next_time(const struct store *s, const struct store_now *now)
{
	uint64_t rotate_at = MAX(store_rotate_due(s, now), s->rotate_retry_us);
	uint64_t t = MIN(note_due(s), sync_due(s));

	t = MIN(t, MIN(publish_due(s), probe_due(s)));
	t = MIN(t, MIN(s->expire_us, rotate_at));
	return MAX(t, now->boot_us);
}

uint64_t
store_tick(struct store *s, const struct store_now *now, char *ret_note,
	   bool *ret_rotated)
{
	*ret_note = '\0';
	*ret_rotated = false;
	if (s->batch)
		return now->boot_us;
	if (probe_due(s) <= now->boot_us)
		probe(s, now);
	*ret_rotated = rotate(s, now);
	expire(s, now);
	if (note_due(s) <= now->boot_us)
		(void)note_write(s, false, now);
	if (sync_due(s) <= now->boot_us) {
		s->sync_retry_us = now->boot_us + STORE_RETRY_US;
		(void)store_sync(s);
	}
	if (publish_due(s) <= now->boot_us)
		(void)publish(s, now);
	note_out(s, ret_note);
	return next_time(s, now);
}
