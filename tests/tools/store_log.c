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

void
log_begin(struct store_log *l)
{
	memset(l, 0, sizeof(*l));
	settings(&l->config);
	l->now.wall_us = 1764000000000000;
	l->now.boot_us = 5000000;
	l->dirfd = ASSERT_OK(
		open(tap_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
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
	uint64_t written_to, want_type_of;
	unsigned int type;
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
	if (r->seq == c->want_type_of)
		c->type = r->type;
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

unsigned int
log_type(struct store_log *l, uint64_t seq)
{
	_cleanup_free_ struct checker *c = calloc(1, sizeof(*c));

	c->want_type_of = seq;
	check_all(l, c);
	return c->type;
}
