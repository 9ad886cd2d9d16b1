/*
 * The batch: records are put together in memory, sealed where they lie, and go
 * to the file with one write. What always holds: the file ends with the record
 * that `chain` stands at, or `cut` says that something behind it must go
 * first; the bytes of the file that are not synced are in `buf`, before the
 * batch.
 */
#include "audit/store-internal.h"

#include <string.h>
#include <sys/mman.h>

#define BUF_SIZE ((size_t)STORE_KEPT_MAX + STORE_BATCH_MAX)
#define BUF_STAYS (1024u * 1024) /* memory that is not given back */

static uint32_t
frame_size(const uint8_t *frame)
{
	return frame[4] | (uint32_t)frame[5] << 8 | (uint32_t)frame[6] << 16 |
	       (uint32_t)frame[7] << 24;
}

static uint64_t
put_frame(struct store *s, enum record_type type, uint64_t channel,
	  uint64_t ref, const uint8_t *fields, size_t len,
	  const struct store_now *now)
{
	const struct record_head h = {
		.seq = s->chain.size + s->batch_n + 1,
		.time_us = now->wall_us,
		.boot_us = now->boot_us,
		.ref = ref,
		.channel = channel,
		.key = s->keys.mac.number,
		.type = (uint16_t)type,
	};

	s->batch += record_write(&h, fields, len, s->buf + s->kept + s->batch);
	s->batch_n++;
	return h.seq;
}

/* The first record of a batch: what was refused before it is told first. Not
 * where an owed record gets through and others still do not: each would bring
 * a gap along, and use up what is reserved. */
static void
batch_begin(struct store *s, bool owed, const struct store_now *now)
{
	s->batch_owed = true;
	if (!s->reserve)
		(void)store_reserve_make(s, now);
	if (s->reserve && s->gap.count && !(owed && s->write_error))
		store_gap_put(s, now);
}

uint64_t
store_add(struct store *s, enum record_type type, uint64_t channel,
	  uint64_t ref, const uint8_t *fields, size_t len, bool owed,
	  const struct store_now *now)
{
	if (len > RECORD_FIELDS_MAX)
		return 0;
	if (!s->batch)
		batch_begin(s, owed, now);
	if (s->batch + RECORD_MIN + len > STORE_BATCH_MAX)
		return 0;
	s->batch_owed = s->batch_owed && owed;
	return put_frame(s, type, channel, ref, fields, len, now);
}

int
store_put(struct store *s, enum record_type type, const struct fields *f,
	  const struct store_now *now)
{
	if (f->full || s->batch + RECORD_MIN + f->len > STORE_BATCH_MAX)
		return -ENOBUFS;
	if (!s->batch)
		s->batch_owed = true;
	(void)put_frame(s, type, 0, 0, f->bytes, f->len, now);
	return 0;
}

static void
batch_drop(struct store *s)
{
	s->batch = 0;
	s->batch_n = 0;
	s->in_batch.count = 0;
}

static void
batch_seal(struct store *s)
{
	uint8_t *p = s->buf + s->kept, *end = p + s->batch;

	for (; p < end; p += frame_size(p))
		chain_seal(&s->chain, s->hash, &s->keys.mac, p, frame_size(p));
}

/* Whether anything speaks against writing. */
static int
batch_may_go(struct store *s)
{
	uint64_t max = s->config->max_bytes;
	int r = store_mend(s);

	if (r >= 0 && s->sync_error) {
		r = store_sync(s);
		if (s->batch_owed)
			r = 0; /* it is in memory until the disk has it */
	}
	if (r >= 0 && !s->reserve && !s->batch_owed)
		r = -ENOSPC;
	if (r >= 0 && s->kept + s->batch > STORE_KEPT_MAX)
		r = store_sync(s);
	if (r < 0 || !max)
		return r;
	if (s->batch_owed)
		max += STORE_RESERVE_BYTES;
	return s->total + s->batch > max ? -EFBIG : 0;
}

/* Cuts the file back to its last record. */
static void
write_undo(struct store *s)
{
	s->cut = true;
	(void)store_mend(s); /* or the next time */
}

static int
write_batch(struct store *s)
{
	int r = io_write(&s->io, s->fd, s->buf + s->kept, s->batch);

	if (r >= 0)
		return r;
	write_undo(s);
	if ((r != -ENOSPC && r != -EDQUOT) || !s->batch_owed || s->cut ||
	    store_reserve_give(s) < 0)
		return r;
	r = io_write(&s->io, s->fd, s->buf + s->kept, s->batch);
	if (r < 0)
		write_undo(s);
	return r;
}

/* The batch is in the file. */
static void
batch_done(struct store *s, const struct store_now *now)
{
	const uint8_t *p = s->buf + s->kept, *end = p + s->batch;

	for (; p < end; p += frame_size(p)) {
		actions_track(&s->actions, p);
		if (s->n_owed && p[52] == RECORD_OUTCOME && !p[53])
			store_owed_done(s, record_u64(p + 32));
	}
	if (!s->uncovered)
		s->uncovered_us = now->boot_us;
	if (!s->kept)
		s->unsynced_us = now->boot_us;
	s->uncovered += s->batch_n;
	s->file[s->n_files - 1].bytes += s->batch;
	s->total += s->batch;
	s->kept += s->batch;
	if (s->in_batch.count)
		store_gap_told(s);
	s->batch = 0;
	s->batch_n = 0;
	s->in_batch.count = 0;
	/* owed ones may get through on the reserve while others do not */
	if (s->reserve)
		s->write_error = 0;
}

int
store_write(struct store *s, const struct store_now *now)
{
	struct chain before;
	int r = batch_may_go(s);

	if (r < 0)
		return r;
	before = s->chain;
	batch_seal(s);
	r = write_batch(s);
	if (r < 0) {
		s->chain = before;
		return r;
	}
	batch_done(s, now);
	return 0;
}

int
store_commit(struct store *s, const struct store_now *now)
{
	int r;

	if (!s->batch)
		return 0;
	r = store_write(s, now);
	if (r < 0) {
		batch_drop(s);
		s->write_error = r;
		s->probe_us = now->boot_us + STORE_RETRY_US;
	}
	return r;
}

/* All that is kept is on the disk. */
static void
kept_done(struct store *s)
{
	size_t used = s->kept + s->batch;

	if (s->batch)
		memmove(s->buf, s->buf + s->kept, s->batch);
	s->kept = 0;
	s->durable = s->chain.size;
	s->sync_error = 0;
	if (used > BUF_STAYS && s->batch < BUF_STAYS)
		(void)madvise(s->buf + BUF_STAYS, BUF_SIZE - BUF_STAYS,
			      MADV_DONTNEED);
}

/* After a failed fdatasync(2) the kernel may hold for clean what never reached
 * the disk, and the next call would succeed for nothing: the same bytes are
 * written once more to the same place. */
static int
write_again(struct store *s)
{
	uint64_t end = s->file[s->n_files - 1].bytes;
	int r = store_mend(s);

	if (r < 0)
		return r;
	if (lseek(s->fd, (off_t)(end - s->kept), SEEK_SET) < 0)
		return -errno;
	r = io_write(&s->io, s->fd, s->buf, s->kept);
	if (lseek(s->fd, (off_t)end, SEEK_SET) < 0 && r >= 0)
		r = -errno;
	return r;
}

int
store_sync(struct store *s)
{
	int r = 0;

	if (!s->kept)
		return 0;
	if (s->sync_error)
		r = write_again(s);
	if (r >= 0)
		r = io_sync(&s->io, s->fd);
	if (r < 0) {
		s->sync_error = r;
		return r;
	}
	kept_done(s);
	return 0;
}

static int
buf_new(struct store *s)
{
	void *p = mmap(NULL, BUF_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	s->buf = p;
	return 0;
}

int
store_open(int dirfd, const struct audit_config *config,
	   const struct store_io *io, const struct store_now *now,
	   const char *confined, struct store **ret, struct err *e)
{
	struct store *s = calloc(1, sizeof(*s));
	struct err own = ERR_INIT;
	int r;

	e = e ? e : &own;
	if (!s)
		return err_set(e, ENOMEM, "out of memory");
	s->config = config;
	s->dirfd = dirfd;
	s->logfd = s->fd = -EBADF;
	keys_init(&s->keys, NULL);
	io_init(&s->io, io);
	chain_init(&s->chain);
	r = chain_hash_new(&s->hash);
	if (r >= 0)
		r = buf_new(s);
	if (r < 0) {
		store_free(s);
		return err_sys(e, r, "cannot begin the audit log");
	}
	keys_init(&s->keys, s->hash);
	r = store_continue(s, now, confined, e);
	if (r < 0) {
		store_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

int
store_stop(struct store *s, const struct store_now *now)
{
	struct fields f;
	int r = store_commit(s, now);

	if (r < 0)
		return r;
	if (s->gap.count)
		store_gap_put(s, now);
	fields_init(&f);
	r = store_put(s, RECORD_LOG_STOP, &f, now);
	if (r >= 0)
		r = store_commit(s, now);
	return r < 0 ? r : store_note_now(s, true, now, NULL);
}

void
store_free(struct store *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	if (s->logfd >= 0)
		close(s->logfd);
	if (s->buf)
		munmap(s->buf, BUF_SIZE);
	actions_done(&s->actions);
	keys_done(&s->keys);
	chain_hash_free(s->hash);
	free(s->file);
	free(s->owed);
	free(s);
}

uint64_t
store_durable(const struct store *s)
{
	return s->durable;
}

uint64_t
store_written(const struct store *s)
{
	return s->chain.size;
}

size_t
store_unsynced(const struct store *s)
{
	return s->kept;
}

int
store_failing(const struct store *s)
{
	return s->write_error  ? s->write_error
	       : s->sync_error ? s->sync_error
	       : !s->reserve   ? -ENOSPC
			       : s->publish_error;
}

size_t
store_owed(const struct store *s, const struct store_owed **ret)
{
	*ret = s->owed;
	return s->n_owed;
}

void
store_owed_done(struct store *s, uint64_t intent)
{
	for (size_t i = 0; i < s->n_owed; i++)
		if (s->owed[i].intent == intent) {
			s->n_owed--;
			memmove(s->owed + i, s->owed + i + 1,
				(s->n_owed - i) * sizeof(*s->owed));
			return;
		}
}

const uint8_t *
store_log_id(const struct store *s)
{
	return s->keys.log;
}

const uint8_t *
store_public_key(const struct store *s)
{
	return s->keys.public;
}

const uint8_t *
store_digest_key(const struct store *s)
{
	return s->keys.digest;
}

const struct chain *
store_chain(const struct store *s)
{
	return &s->chain;
}
