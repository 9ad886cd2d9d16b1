/*
 * When the disk fails. What always holds: before anything is written, what a
 * failed write left behind is gone; the reserve serves owed records only, and
 * until it is there again nothing else is taken; what was refused is counted
 * until a record tells of it.
 */
#include "audit/store-internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Removes what could not be removed when it went wrong. */
int
store_mend(struct store *s)
{
	uint64_t end = s->n_files ? s->file[s->n_files - 1].bytes : 0;
	int r;

	if (*s->stray) {
		r = io_unlink(&s->io, s->logfd, s->stray);
		if (r < 0 && r != -ENOENT)
			return r;
		*s->stray = '\0';
	}
	if (!s->cut)
		return 0;
	r = io_truncate(&s->io, s->fd, end);
	if (r < 0)
		return r;
	if (lseek(s->fd, (off_t)end, SEEK_SET) < 0)
		return -errno;
	s->cut = false;
	return 0;
}

/* Takes the reserve from the file system. A part of it helps nobody. */
static int
reserve_fill(struct store *s)
{
	_cleanup_close_ int fd =
		io_open(&s->io, s->dirfd, LAYOUT_RESERVE, O_WRONLY | O_CREAT);
	int r;

	if (fd < 0)
		return fd;
	r = io_allocate(&s->io, fd, STORE_RESERVE_BYTES);
	if (r >= 0)
		r = io_sync(&s->io, fd);
	if (r < 0)
		(void)io_truncate(&s->io, fd, 0);
	return r;
}

int
store_reserve_make(struct store *s, const struct store_now *now)
{
	int r;

	if (s->reserve)
		return 0;
	if (now->boot_us < s->reserve_us)
		return -EAGAIN;
	s->reserve_us = now->boot_us + STORE_RETRY_US;
	r = reserve_fill(s);
	if (r >= 0) {
		s->reserve = true;
		s->write_error = 0;
	}
	return r;
}

/* At the start: is it there already? */
bool
store_reserve_there(const struct store *s)
{
	struct stat st;

	return fstatat(s->dirfd, LAYOUT_RESERVE, &st, AT_SYMLINK_NOFOLLOW) ==
		       0 &&
	       S_ISREG(st.st_mode) && st.st_size == STORE_RESERVE_BYTES &&
	       st.st_blocks >= (blkcnt_t)(STORE_RESERVE_BYTES / 512);
}

/* Gives its space to the file system; what was freed is there for others only
 * when the journal has it (ext4, xfs), hence the sync. */
int
store_reserve_give(struct store *s)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (!s->reserve)
		return -ENOSPC;
	fd = io_open(&s->io, s->dirfd, LAYOUT_RESERVE, O_WRONLY);
	if (fd < 0)
		return fd;
	r = io_truncate(&s->io, fd, 0);
	if (r < 0)
		return r;
	s->reserve = false;
	(void)io_sync(&s->io,
		      fd); /* the write that follows says if it helped */
	return 0;
}

void
store_refused(struct store *s, uint64_t n, int error,
	      const struct store_now *now)
{
	if (!n)
		return;
	if (!s->gap.count)
		s->gap.first_us = now->wall_us;
	s->gap.last_us = now->wall_us;
	s->gap.error = error < 0 ? -error : error;
	s->gap.count += n;
}

void
store_gap_put(struct store *s, const struct store_now *now)
{
	struct fields f;

	fields_init(&f);
	fields_uint(&f, FIELD_FIRST, s->gap.first_us);
	fields_uint(&f, FIELD_LAST, s->gap.last_us);
	fields_uint(&f, FIELD_COUNT, s->gap.count);
	fields_text(&f, FIELD_CAUSE, strerror(s->gap.error));
	fields_text(&f, FIELD_UNIT, "time");
	if (store_put(s, RECORD_LOG_GAP, &f, now) >= 0)
		s->in_batch = s->gap;
}

/* The batch with the record is in the file; more may have been refused since
 * it was put together. */
void
store_gap_told(struct store *s)
{
	s->gap.count -= s->in_batch.count;
	s->gap.first_us = s->in_batch.last_us;
}
