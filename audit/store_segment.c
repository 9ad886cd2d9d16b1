/*
 * The files of the log: their names, a new one, old ones that go. What always
 * holds: a new file is begun only when the one before is on the disk whole, so
 * a crash can only tear the last one; a file goes only after a record on the
 * disk has told of it.
 */
#include "audit/store-internal.h"
#include "lib/fd.h"
#include "lib/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DAY_US 86400000000u

void
store_file_name(uint64_t first, char ret[LAYOUT_SEGMENT_NAME + 1])
{
	(void)snprintf(ret, LAYOUT_SEGMENT_NAME + 1,
		       "%020llu" LAYOUT_SEGMENT_SUFFIX,
		       (unsigned long long)first);
}

/* The number in a name; 0: it is no file of a log. */
static uint64_t
name_first(const char *name)
{
	char digits[LAYOUT_SEGMENT_NAME + 1], again[LAYOUT_SEGMENT_NAME + 1];
	uint64_t first;

	if (strlen(name) != LAYOUT_SEGMENT_NAME)
		return 0;
	memcpy(digits, name, 20);
	digits[20] = '\0';
	if (str_to_u64(digits, &first) < 0)
		return 0;
	store_file_name(first, again);
	return strcmp(again, name) == 0 ? first : 0;
}

static int
room_for_file(struct store *s)
{
	size_t room = s->room ? s->room * 2 : 64;
	struct store_file *f;

	if (s->n_files < s->room)
		return 0;
	if (s->n_files >= STORE_FILES_MAX)
		return -EMFILE;
	f = reallocarray(s->file, room, sizeof(*f));
	if (!f)
		return -ENOMEM;
	s->file = f;
	s->room = room;
	return 0;
}

static int
add_file(struct store *s, const char *name)
{
	uint64_t first = name_first(name);
	struct stat st;
	int r;

	if (!first)
		return 0;
	r = room_for_file(s);
	if (r < 0)
		return r;
	if (fstatat(s->logfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EUCLEAN;
	s->file[s->n_files].first = first;
	s->file[s->n_files++].bytes = (uint64_t)st.st_size;
	s->total += (uint64_t)st.st_size;
	return 0;
}

static int
by_first(const void *a, const void *b)
{
	const struct store_file *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static int
list_files(struct store *s)
{
	int fd = openat(s->logfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	for (errno = 0; r >= 0 && (entry = readdir(d)); errno = 0)
		r = add_file(s, entry->d_name);
	if (r >= 0 && errno)
		r = -errno;
	closedir(d);
	return r;
}

/* Finds the files that are there, in order. */
int
store_files(struct store *s, struct err *e)
{
	int r = list_files(s);

	if (r < 0)
		return err_sys(e, r, "cannot list the files of the audit log");
	if (s->n_files)
		qsort(s->file, s->n_files, sizeof(*s->file), by_first);
	return 0;
}

int
store_file_first(struct store *s, size_t i, uint8_t *buf, struct record *ret)
{
	char name[LAYOUT_SEGMENT_NAME + 1];
	_cleanup_close_ int fd = -EBADF;
	ssize_t n;

	store_file_name(s->file[i].first, name);
	fd = io_open(&s->io, s->logfd, name, O_RDONLY);
	if (fd < 0)
		return fd;
	n = read(fd, buf, RECORD_MAX);
	if (n < 0)
		return -errno;
	if (record_parse(buf, (size_t)n, ret) <= 0 ||
	    ret->type != RECORD_LOG_SEGMENT || ret->seq != s->file[i].first)
		return -EBADMSG;
	return 0;
}

/* What stands at the begin of each file. */
static void
segment_fields(const struct store *s, struct fields *f)
{
	uint8_t peaks[MERKLE_DEPTH * MERKLE_LEN];
	size_t n = merkle_peaks(&s->chain.tree, peaks);

	fields_init(f);
	fields_bytes(f, FIELD_LOG, s->keys.log, NOTE_LOG_LEN);
	fields_bytes(f, FIELD_PUBLIC_KEY, s->keys.public, NOTE_KEY_LEN);
	fields_uint(f, FIELD_SEGMENT, s->segment + 1);
	fields_uint(f, FIELD_SIZE, s->chain.size);
	fields_bytes(f, FIELD_HEAD, s->chain.head, RECORD_HASH_LEN);
	fields_bytes(f, FIELD_PEAKS, peaks, n);
	fields_uint(f, FIELD_FIRST, s->chain.size + 1);
	actions_put(&s->actions, f);
}

/* The first record, on the disk with the name of its file. */
static int
fill_file(struct store *s, const struct store_now *now)
{
	struct fields f;
	int r;

	segment_fields(s, &f);
	r = store_put(s, RECORD_LOG_SEGMENT, &f, now);
	if (r < 0)
		return r;
	s->batch_owed = s->n_files == 1; /* else the old file goes on */
	r = store_commit(s, now);
	if (r >= 0)
		r = store_sync(s);
	return r < 0 ? r : io_sync_folder(&s->io, s->logfd);
}

/* Where the log stood before a new file. */
struct before {
	struct chain chain;
	uint64_t total, uncovered;
	int fd;
};

static void
go_back(struct store *s, const struct before *b, const char *name)
{
	close(s->fd);
	s->fd = b->fd;
	s->n_files--;
	s->chain = b->chain;
	s->total = b->total;
	s->uncovered = b->uncovered;
	s->durable = b->chain.size;
	s->kept = 0; /* all of the old file is on the disk */
	s->sync_error = 0;
	s->cut = false;
	memcpy(s->stray, name, sizeof(s->stray));
	(void)store_mend(s);
}

/* All of the last file is on the disk, and the batch is empty. */
int
store_segment_begin(struct store *s, const struct store_now *now)
{
	struct before before = { .chain = s->chain,
				 .total = s->total,
				 .uncovered = s->uncovered,
				 .fd = s->fd };
	char name[LAYOUT_SEGMENT_NAME + 1];
	int r = room_for_file(s), fd;

	if (r < 0)
		return r;
	store_file_name(s->chain.size + 1, name);
	fd = io_open(&s->io, s->logfd, name, O_RDWR | O_CREAT | O_EXCL);
	if (fd < 0)
		return fd;
	s->fd = fd;
	s->file[s->n_files].first = s->chain.size + 1;
	s->file[s->n_files++].bytes = 0;
	r = fill_file(s, now);
	if (r < 0) {
		go_back(s, &before, name);
		return r;
	}
	if (before.fd >= 0)
		close(before.fd);
	s->segment++;
	s->began_us = now->wall_us;
	actions_forget_channels(&s->actions);
	return 0;
}

int
store_rotate(struct store *s, const struct store_now *now)
{
	int r = s->batch ? -EBUSY : store_mend(s);

	if (r >= 0)
		r = store_sync(s);
	return r < 0 ? r : store_segment_begin(s, now);
}

uint64_t
store_rotate_due(const struct store *s, const struct store_now *now)
{
	uint64_t end = s->began_us + s->config->segment_age_us;

	if (s->file[s->n_files - 1].bytes >= s->config->segment_bytes ||
	    now->wall_us >= end)
		return now->boot_us;
	return now->boot_us + (end - now->wall_us);
}

/* Tells that the first file goes; its last record is the one before `next`,
 * which begins the second. Signed before the file is gone: else a log whose
 * machine died in between would look like one that was robbed. */
static int
expire_tell(struct store *s, const struct record *next,
	    const struct store_now *now)
{
	struct field head;
	struct fields f;
	int r;

	if (!record_get(next, FIELD_HEAD, &head))
		return -EBADMSG;
	fields_init(&f);
	fields_uint(&f, FIELD_SEGMENT,
		    record_get_uint(next, FIELD_SEGMENT) - 1);
	fields_bytes(&f, FIELD_HEAD, head.bytes, head.len);
	fields_uint(&f, FIELD_FIRST, s->file[0].first);
	fields_uint(&f, FIELD_LAST, next->seq - 1);
	fields_uint(&f, FIELD_COUNT, next->seq - s->file[0].first);
	r = store_put(s, RECORD_LOG_EXPIRE, &f, now);
	if (r >= 0)
		r = store_commit(s, now);
	return r < 0 ? r : store_note_now(s, true, now, NULL);
}

static int
expire_first(struct store *s, const struct record *next,
	     const struct store_now *now)
{
	char name[LAYOUT_SEGMENT_NAME + 1];
	int r = 0;

	if (s->expire_told < next->seq - 1)
		r = expire_tell(s, next, now);
	if (r < 0)
		return r;
	s->expire_told = next->seq - 1;
	store_file_name(s->file[0].first, name);
	r = io_unlink(&s->io, s->logfd, name);
	if (r < 0 && r != -ENOENT)
		return r;
	s->total -= s->file[0].bytes;
	s->n_files--;
	memmove(s->file, s->file + 1, s->n_files * sizeof(*s->file));
	return io_sync_folder(&s->io, s->logfd);
}

/* Removes files all of whose records are too old: the first record of the next
 * one is younger than they. Returns how many; negative errno. */
int
store_expire(struct store *s, const struct store_now *now)
{
	uint64_t age = s->config->retention_days * (uint64_t)DAY_US;
	_cleanup_free_ uint8_t *buf = malloc(RECORD_MAX);
	unsigned int n = 0;
	struct record next = { .seq = 0 };

	if (!buf)
		return -ENOMEM;
	for (; s->n_files > 1 && n < STORE_EXPIRE_BATCH; n++) {
		int r = store_file_first(s, 1, buf, &next);

		if (r < 0)
			return r;
		if (now->wall_us < next.time_us ||
		    now->wall_us - next.time_us <= age)
			break;
		r = expire_first(s, &next, now);
		if (r < 0)
			return r;
	}
	return (int)n;
}
