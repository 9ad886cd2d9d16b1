/*
 * The begin of a writer's life: a log that is made, or one that is continued.
 * What always holds: an existing log is looked at whole before anything in its
 * folder is changed; a log without records is new only if nothing says that
 * it once had some.
 */
#include "audit/chain-internal.h"
#include "audit/store-internal.h"
#include "lib/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define CURE_ANEW "`agentbox audit anew` puts this log aside and begins another"

static int
have_folder(struct store *s, const char *name, struct err *e)
{
	if (mkdirat(s->dirfd, name, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "cannot make %s of the audit log",
			       name);
	return 0;
}

static int
have_folders(struct store *s, struct err *e)
{
	int r = have_folder(s, LAYOUT_LOG, e);

	if (r >= 0)
		r = have_folder(s, LAYOUT_BLOBS, e);
	if (r >= 0)
		r = have_folder(s, LAYOUT_TORN, e);
	if (r < 0)
		return r;
	s->logfd = openat(s->dirfd, LAYOUT_LOG,
			  O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->logfd < 0)
		return err_sys(e, errno, "cannot open log of the audit log");
	return 0;
}

/* Blobs count for max_bytes too. */
static int
count_blobs(struct store *s)
{
	int fd = openat(s->dirfd, LAYOUT_BLOBS,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	if (!d) {
		int r = -errno;

		if (fd >= 0)
			close(fd);
		return r;
	}
	while ((entry = readdir(d)))
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			s->total += (uint64_t)st.st_size;
	closedir(d);
	return 0;
}

static void
text_from(struct fields *f, enum field_id id, const char *path)
{
	char buf[256];
	ssize_t n = fd_read_small(AT_FDCWD, path, buf, sizeof(buf));

	/* not there in an empty root: then the record does not say it */
	if (n > 0) {
		buf[strcspn(buf, "\n")] = '\0';
		fields_text(f, id, buf);
	}
}

/* machine-id(5) asks for a digest where others may see it. */
static void
machine_from(struct store *s, struct fields *f)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t digest[RECORD_HASH_LEN];
	char id[64], out[33];
	ssize_t n = fd_read_small(AT_FDCWD, "/etc/machine-id", id, sizeof(id));

	if (n < 32)
		return;
	chain_sha256_2(s->hash, "agentbox-audit machine", 22, id, 32, digest);
	for (int i = 0; i < 16; i++) {
		out[2 * i] = hex[digest[i] >> 4];
		out[2 * i + 1] = hex[digest[i] & 15];
	}
	out[32] = '\0';
	fields_text(f, FIELD_MACHINE, out);
}

static void
start_fields(struct store *s, const char *confined, struct fields *f)
{
	struct utsname u;

	fields_init(f);
	if (uname(&u) == 0)
		fields_text(f, FIELD_HOST, u.nodename);
	machine_from(s, f);
	text_from(f, FIELD_BOOT, "/proc/sys/kernel/random/boot_id");
	fields_bytes(f, FIELD_LOG, s->keys.log, NOTE_LOG_LEN);
	fields_text(f, FIELD_WRITER, AGENTBOX_VERSION);
	fields_bytes(f, FIELD_PUBLIC_KEY, s->keys.public, NOTE_KEY_LEN);
	fields_text(f, FIELD_CONFINED, confined);
}

static int
write_failed(int r, struct err *e)
{
	err_sys(e, r, "cannot write to the audit log");
	if (r == -ENOSPC || r == -EDQUOT)
		err_cure(e, "make room on its disk: without a record nothing "
			    "is done");
	return r;
}

/* The id of a log that was put aside for this one, if there was one. */
static int
former_read(struct store *s, struct fields *f)
{
	_cleanup_free_ char *former = NULL;
	ssize_t n = fd_read_file(s->dirfd, STORE_FORMER, NOTE_LOG_LEN, &former);

	if (n == -ENOENT)
		return 0;
	if (n == NOTE_LOG_LEN)
		fields_bytes(f, FIELD_FORMER, former, NOTE_LOG_LEN);
	return n < 0 ? (int)n : 1;
}

/* The first file, with what log.start says, and a first checkpoint. */
static int
fresh_records(struct store *s, const char *confined,
	      const struct store_now *now)
{
	struct fields f;
	int r = store_segment_begin(s, now), former = 0;

	if (r < 0)
		return r;
	start_fields(s, confined, &f);
	former = former_read(s, &f);
	if (former < 0)
		return former;
	r = store_put(s, RECORD_LOG_START, &f, now);
	if (r >= 0)
		r = store_commit(s, now);
	if (r >= 0)
		r = store_note_now(s, true, now, NULL);
	if (r >= 0 && former)
		r = io_unlink(&s->io, s->dirfd, STORE_FORMER);
	return r < 0 ? r : io_sync_folder(&s->io, s->dirfd);
}

/* A log that lost all its files is not a new one. */
static int
fresh_is_right(struct store *s, struct err *e)
{
	uint32_t number = 0;
	struct stat st;
	int r = keys_saved(s->dirfd, s->hash, &number);

	if (r < 0 && r != -ENOENT && r != -EUCLEAN)
		return err_sys(e, r, "cannot read the audit log's keys");
	if (!number &&
	    fstatat(s->dirfd, LAYOUT_HEAD, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT)
		return 0;
	err_set(e, EUCLEAN, "all files of the audit log are gone");
	return err_cure(e, CURE_ANEW);
}

static int
begin_fresh(struct store *s, const struct store_now *now, const char *confined,
	    struct err *e)
{
	int r = fresh_is_right(s, e);

	if (r >= 0)
		r = keys_create(&s->keys, s->dirfd, &s->io, e);
	if (r < 0)
		return r;
	r = store_reserve_make(s, now);
	if (r >= 0)
		r = fresh_records(s, confined, now);
	return r < 0 ? write_failed(r, e) : 0;
}

/* The file that goes on. */
static int
open_last(struct store *s, const struct store_found *found)
{
	struct store_file *last = &s->file[s->n_files - 1];
	char name[LAYOUT_SEGMENT_NAME + 1];

	store_file_name(last->first, name);
	s->fd = io_open(&s->io, s->logfd, name, O_RDWR);
	if (s->fd < 0)
		return s->fd;
	last->bytes = found->bytes;
	return lseek(s->fd, (off_t)found->bytes, SEEK_SET) < 0 ? -errno : 0;
}

/* The key where the log stands: each checkpoint was followed by a step. */
static int
step_key(struct store *s, const struct store_found *found, struct err *e)
{
	uint32_t n = found->key + (found->type == RECORD_LOG_CHECKPOINT);

	if (s->keys.mac.number <= n)
		return chain_key_step(&s->keys.mac, n);
	err_set(e, EUCLEAN,
		"the audit log ends with record %llu, and its key says that "
		"there were more",
		(unsigned long long)s->chain.size);
	return err_cure(e, CURE_ANEW);
}

static int
start_record(struct store *s, const struct store_found *found,
	     const uint8_t *digest, const char *confined,
	     const struct store_now *now)
{
	bool clean = found->type == RECORD_LOG_CHECKPOINT &&
		     found->before == RECORD_LOG_STOP && !found->torn &&
		     !found->whole_file;
	struct fields f;
	int r;

	start_fields(s, confined, &f);
	if (!clean) {
		fields_uint(&f, FIELD_COUNT, s->n_owed);
		fields_uint(&f, FIELD_BYTES, found->torn);
		fields_text(&f, FIELD_CAUSE,
			    found->torn ? "the last write was not finished"
					: "the writer did not stop by itself");
		if (found->torn)
			fields_bytes(&f, FIELD_DIGEST, digest, RECORD_HASH_LEN);
	}
	r = store_put(s, clean ? RECORD_LOG_START : RECORD_LOG_RESTART, &f,
		      now);
	return r < 0 ? r : store_commit(s, now);
}

static int
begin_again(struct store *s, const struct store_now *now, const char *confined,
	    struct err *e)
{
	uint8_t digest[RECORD_HASH_LEN];
	struct store_found found;
	int r = keys_load(&s->keys, s->dirfd, &s->io, e);

	if (r >= 0)
		r = store_look(s, &found, e);
	if (r >= 0)
		r = step_key(s, &found, e);
	if (r >= 0)
		r = store_cut(s, &found, digest, e);
	if (r < 0)
		return r;
	if (!s->n_files) { /* a crash while it was made: nothing was there */
		keys_done(&s->keys);
		keys_init(&s->keys, s->hash);
		chain_init(&s->chain);
		return begin_fresh(s, now, confined, e);
	}
	s->reserve = store_reserve_there(s);
	if (!s->reserve) /* full: the writer says so when it is asked */
		(void)store_reserve_make(s, now);
	r = open_last(s, &found);
	if (r >= 0) /* what a killed writer wrote may not be on the disk yet */
		r = io_sync(&s->io, s->fd);
	s->durable = s->chain.size;
	if (r >= 0)
		r = actions_list(&s->actions, &s->owed, &s->n_owed);
	if (r >= 0)
		r = start_record(s, &found, digest, confined, now);
	return r < 0 ? write_failed(r, e) : 0;
}

int
store_continue(struct store *s, const struct store_now *now,
	       const char *confined, struct err *e)
{
	int r = have_folders(s, e);

	if (r >= 0)
		r = store_files(s, e);
	if (r >= 0) {
		r = count_blobs(s);
		if (r < 0)
			err_sys(e, r, "cannot look at the audit log's blobs");
	}
	if (r < 0)
		return r;
	return s->n_files ? begin_again(s, now, confined, e)
			  : begin_fresh(s, now, confined, e);
}
