/* A log for tests. The check of it is written here once more, plainly, so that
 * it does not share mistakes with the verifier. */
#include "tests/tools/store_log.h"
#include "audit/layout.h"
#include "audit/note.h"
#include "lib/fd.h"
#include "lib/macro.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILES_MAX 512

static void
settings(struct audit_config *c)
{
	memset(c, 0, sizeof(*c));
	c->retention_days = 184;
	c->sync_us = 1000000;
	c->segment_bytes = 64u << 20;
	c->segment_age_us = 86400000000u;
	c->checkpoint_records = 4096;
	c->checkpoint_us = 1000000;
}

int
log_try_open(struct store_log *l, struct err *e)
{
	return store_open(l->dirfd, &l->config, &l->io, &l->now, "a test",
			  &l->s, e);
}

void
log_open(struct store_log *l)
{
	struct err e = ERR_INIT;

	if (log_try_open(l, &e) < 0)
		FAIL("store_open: %s", e.text);
}

/* Whether this call is to fail. */
static bool
fails(struct log_fault *f, enum log_call call)
{
	if (!(f->which >> call & 1))
		return false;
	if (f->calls++ < f->from || f->failed >= f->times)
		return false;
	f->failed++;
	errno = f->error;
	return true;
}

static bool
is_log_file(int fd)
{
	char path[64], target[512];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 4)
		return false;
	return memcmp(target + n - 4, LAYOUT_SEGMENT_SUFFIX, 4) == 0;
}

static ssize_t
fault_writev(void *arg, int fd, const struct iovec *v, int n)
{
	struct log_fault *f = arg;
	size_t part = MIN(f->part, v[0].iov_len);

	if (!fails(f, CALL_WRITE))
		return writev(fd, v, n);
	if (!part)
		return -1;
	/* a short write, and the next one fails */
	f->failed--;
	f->part = 0;
	return write(fd, v[0].iov_base, part);
}

/* What a disk does that has lost the pages: the kernel holds them for clean,
 * and the next reader may see the old bytes. */
static void
lose(struct log_fault *f, int fd)
{
	static const char zeros[1u << 16];
	off_t end = lseek(fd, 0, SEEK_END);

	for (off_t at = f->synced; at < end;) {
		size_t n = MIN((size_t)(end - at), sizeof(zeros));

		ASSERT_EQ(pwrite(fd, zeros, n, at), (ssize_t)n);
		at += (off_t)n;
	}
}

static int
fault_datasync(void *arg, int fd)
{
	struct log_fault *f = arg;
	int error, r = 0;

	if (!fails(f, CALL_DATASYNC))
		r = fdatasync(fd);
	else
		r = -1;
	error = errno;
	if (is_log_file(fd) && r == 0)
		f->synced = lseek(fd, 0, SEEK_END);
	else if (is_log_file(fd) && f->lose)
		lose(f, fd);
	errno = error;
	return r;
}

static int
fault_sync(void *arg, int fd)
{
	return fails(arg, CALL_SYNC) ? -1 : fsync(fd);
}

static int
fault_truncate(void *arg, int fd, off_t size)
{
	return fails(arg, CALL_TRUNCATE) ? -1 : ftruncate(fd, size);
}

static int
fault_openat(void *arg, int dirfd, const char *name, int flags, mode_t mode)
{
	struct log_fault *f = arg;

	if ((flags & O_ACCMODE) != O_RDONLY && fails(f, CALL_OPEN))
		return -1;
	if (flags & O_EXCL)
		f->synced = 0;
	return openat(dirfd, name, flags, mode);
}

static int
fault_allocate(void *arg, int fd, off_t size)
{
	return fails(arg, CALL_ALLOCATE) ? -1 : fallocate(fd, 0, 0, size);
}

static int
fault_rename(void *arg, int dirfd, const char *from, const char *to)
{
	return fails(arg, CALL_RENAME) ? -1 : renameat(dirfd, from, dirfd, to);
}

static int
fault_unlink(void *arg, int dirfd, const char *name)
{
	return fails(arg, CALL_UNLINK) ? -1 : unlinkat(dirfd, name, 0);
}

void
log_fail(struct store_log *l, unsigned int which, uint64_t from, uint64_t times,
	 int error)
{
	l->fault.which = which;
	l->fault.from = from;
	l->fault.times = times;
	l->fault.error = error;
	l->fault.calls = l->fault.failed = 0;
}

void
log_heal(struct store_log *l)
{
	l->fault.which = 0;
}

bool
log_tick(struct store_log *l, uint64_t us, char *ret_note)
{
	char note[NOTE_MAX];
	bool rotated;

	l->now.wall_us += us;
	l->now.boot_us += us;
	(void)store_tick(l->s, &l->now, ret_note ? ret_note : note, &rotated);
	return rotated;
}

void
log_prepare(struct store_log *l)
{
	static const struct store_io io = {
		.writev = fault_writev,
		.datasync = fault_datasync,
		.sync = fault_sync,
		.truncate = fault_truncate,
		.openat = fault_openat,
		.allocate = fault_allocate,
		.renameat = fault_rename,
		.unlinkat = fault_unlink,
	};

	memset(l, 0, sizeof(*l));
	settings(&l->config);
	l->io = io;
	l->io.arg = &l->fault;
	l->now.wall_us = 1764000000000000;
	l->now.boot_us = 5000000;
	l->dirfd = ASSERT_OK(
		open(tap_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

void
log_begin(struct store_log *l)
{
	log_prepare(l);
	log_open(l);
}

void
log_kill(struct store_log *l)
{
	store_free(l->s);
	l->s = NULL;
}

void
log_stop(struct store_log *l)
{
	ASSERT_OK(store_stop(l->s, &l->now));
	log_kill(l);
}

void
log_end(struct store_log *l)
{
	struct log_seen seen;

	log_check(l, &seen);
	log_kill(l);
	close(l->dirfd);
}

uint64_t
log_add(struct store_log *l, enum record_type type, uint64_t ref, bool owed)
{
	struct fields f;

	fields_init(&f);
	fields_text(&f, FIELD_WHAT, "tools.call");
	if (type == RECORD_CHANNEL) {
		fields_text(&f, FIELD_AGENT, "tester");
		fields_text(&f, FIELD_RUN, "run-1");
	}
	if (type == RECORD_INTENT) {
		fields_text(&f, FIELD_SURFACE, "tool");
		fields_text(&f, FIELD_EFFECT, "allow");
		fields_uint(&f, FIELD_GOES_AHEAD, 1);
	}
	if (type == RECORD_OUTCOME)
		fields_text(&f, FIELD_STATUS, "ok");
	return store_add(l->s, type, type == RECORD_CHANNEL ? 0 : 2, ref,
			 f.bytes, f.len, owed, &l->now);
}

uint64_t
log_add_step(struct store_log *l, uint64_t step, bool owed)
{
	struct fields f;

	fields_init(&f);
	fields_text(&f, FIELD_WHAT, "box.step");
	fields_uint(&f, FIELD_STEP, step);
	return store_add(l->s, RECORD_LIFECYCLE, 2, 0, f.bytes, f.len, owed,
			 &l->now);
}

static int
names(int logfd, char (*ret)[32])
{
	int fd = openat(logfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	DIR *d = fdopendir(fd);
	struct dirent *entry;

	ASSERT_NOT_NULL(d);
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		ASSERT_TRUE(n < FILES_MAX);
		(void)snprintf(ret[n++], 32, "%.31s", entry->d_name);
	}
	closedir(d);
	qsort(ret, (size_t)n, 32,
	      (int (*)(const void *, const void *))(void (*)(void))strcmp);
	return n;
}

struct checker {
	struct chain chain;
	struct chain_hash *hash;
	struct chain_key key;
	uint8_t log[NOTE_LOG_LEN], public[NOTE_KEY_LEN];
	log_fn *fn;
	void *arg;
	struct log_seen seen;
};

static void
check_note(struct checker *c, const struct record *r)
{
	struct note n = { .size = record_get_uint(r, FIELD_SIZE),
			  .time_us = r->time_us,
			  .key = r->key };
	struct field head, root, signature;

	ASSERT_TRUE(record_get(r, FIELD_HEAD, &head));
	ASSERT_TRUE(record_get(r, FIELD_ROOT, &root));
	ASSERT_TRUE(record_get(r, FIELD_SIGNATURE, &signature));
	memcpy(n.log, c->log, sizeof(n.log));
	ASSERT_EQ(n.size, c->chain.size);
	merkle_root(&c->chain.tree, c->hash, n.root);
	ASSERT_MEMEQ(root.bytes, n.root, 32);
	memcpy(n.head, head.bytes, 32);
	ASSERT_MEMEQ(head.bytes, c->chain.head, 32);
	ASSERT_OK(note_check(&n, c->public, signature.bytes));
	c->seen.checkpoints++;
}

/* Where old files went, the chain begins with what the first one says. */
static void
check_begin(struct checker *c, const struct record *r, const char *file)
{
	struct field head, peaks;
	char name[32];

	(void)snprintf(name, sizeof(name), "%020llu" LAYOUT_SEGMENT_SUFFIX,
		       (unsigned long long)r->seq);
	ASSERT_STREQ(file, name);
	ASSERT_EQ(r->type, RECORD_LOG_SEGMENT);
	ASSERT_TRUE(record_get(r, FIELD_HEAD, &head));
	ASSERT_TRUE(record_get(r, FIELD_PEAKS, &peaks));
	if (!c->seen.files && r->seq > 1) {
		c->chain.size = r->seq - 1;
		memcpy(c->chain.head, head.bytes, 32);
		ASSERT_OK(merkle_from_peaks(&c->chain.tree, c->chain.size,
					    peaks.bytes, peaks.len));
	}
	ASSERT_MEMEQ(head.bytes, c->chain.head, 32);
	c->seen.files++;
}

static void
check_record(struct checker *c, const struct record *r)
{
	if (r->type == RECORD_LOG_CHECKPOINT)
		check_note(c, r);
	ASSERT_EQ(chain_check(&c->chain, c->hash, &c->key, r), CHAIN_OK);
	c->seen.gaps += r->type == RECORD_LOG_GAP;
	if (r->type == RECORD_LOG_GAP)
		c->seen.refused += record_get_uint(r, FIELD_COUNT);
	c->seen.restarts += r->type == RECORD_LOG_RESTART;
	c->seen.expires += r->type == RECORD_LOG_EXPIRE;
	c->seen.records++;
	c->seen.last = r->seq;
	if (c->fn)
		c->fn(c->arg, r);
}

static void
check_file(struct checker *c, int logfd, const char *name)
{
	_cleanup_free_ char *data = NULL;
	ssize_t n = ASSERT_OK(fd_read_file(logfd, name, 1u << 30, &data));
	struct record r;

	for (ssize_t at = 0; at < n;) {
		int size = record_parse(data + at, (size_t)(n - at), &r);

		if (size <= 0)
			FAIL("%s:%zd: no record", name, at);
		if (!at)
			check_begin(c, &r, name);
		check_record(c, &r);
		at += size;
	}
}

static void
check_all(struct store_log *l, struct checker *c)
{
	_cleanup_close_ int logfd = openat(l->dirfd, LAYOUT_LOG,
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *key = NULL, *start = NULL;
	_cleanup_free_ char(*list)[32] = calloc(FILES_MAX, 32);
	ssize_t len = ASSERT_OK(
		fd_read_file(l->dirfd, LAYOUT_PUBLIC, NOTE_MAX, &key));
	int n = names(logfd, list);

	ASSERT_OK(note_key_parse(key, (size_t)len, c->log, c->public, NULL));
	ASSERT_EQ(fd_read_file(l->dirfd, LAYOUT_START, 64, &start), 32);
	memcpy(c->key.key, start, 32);
	chain_init(&c->chain);
	ASSERT_OK(chain_hash_new(&c->hash));
	for (int i = 0; i < n; i++)
		check_file(c, logfd, list[i]);
	chain_hash_free(c->hash);
}

void
log_check(struct store_log *l, struct log_seen *ret)
{
	_cleanup_free_ struct checker *c = calloc(1, sizeof(*c));

	check_all(l, c);
	*ret = c->seen;
}

void
log_each(struct store_log *l, log_fn *fn, void *arg)
{
	_cleanup_free_ struct checker *c = calloc(1, sizeof(*c));

	c->fn = fn;
	c->arg = arg;
	check_all(l, c);
}

struct wanted {
	uint64_t seq;
	unsigned int type;
};

static void
see_type(void *arg, const struct record *r)
{
	struct wanted *w = arg;

	if (r->seq == w->seq)
		w->type = r->type;
}

unsigned int
log_type(struct store_log *l, uint64_t seq)
{
	struct wanted w = { .seq = seq };

	log_each(l, see_type, &w);
	return w.type;
}
