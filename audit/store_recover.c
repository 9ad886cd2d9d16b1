/*
 * What a log on disk is found to be. What always holds: store_look() changes
 * nothing; only what lies behind the last whole record, in the last file, and
 * beyond the checkpoint in `head` is taken for the trace of a crash, since a
 * file is on the disk before its checkpoint is published and before the next
 * file begins. All else is damage, which a person must see.
 */
#include "audit/store-internal.h"
#include "lib/fd.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#define WINDOW (2u * 1024 * 1024)
#define TORN_MAX 10000u /* pieces of one place */
#define CURE_ANEW "`agentbox audit anew` puts this log aside and begins another"

struct scan {
	struct store *s;
	struct store_found *found;
	struct chain_key key; /* stepped along */
	size_t file;
	uint64_t at;  /* in the file */
	bool started; /* the chain is at the begin of the first file */
	bool bad;     /* no record of this log at that place */
	bool seen;    /* the checkpoint of `head` fits */
	bool forged;  /* the chain holds, but not the MAC */
};

static int
damaged(const struct scan *sc, struct err *e, const char *what)
{
	char name[LAYOUT_SEGMENT_NAME + 1];

	store_file_name(sc->s->file[sc->file].first, name);
	err_set(e, EUCLEAN,
		"audit log, " LAYOUT_LOG "/%s:%llu: record %llu: %s", name,
		(unsigned long long)sc->at,
		(unsigned long long)sc->s->chain.size + 1, what);
	return err_cure(e, CURE_ANEW);
}

static int
read_head(struct store *s, struct note *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(s->dirfd, LAYOUT_HEAD, NOTE_MAX, &text);

	ret->size = 0;
	if (n == -ENOENT && !s->keys.saved)
		return 0; /* a crash before the first checkpoint */
	if (n == -ENOENT)
		err_set(e, EUCLEAN, "the audit log's head is missing");
	else if (n < 0 && n != -EFBIG)
		return err_sys(e, (int)n, "cannot read the audit log's head");
	else if (n == -EFBIG ||
		 note_parse(text, (size_t)n, s->keys.public, ret, e) < 0)
		err_set(e, EUCLEAN,
			"the audit log's head is no checkpoint of its key");
	else if (memcmp(ret->log, s->keys.log, NOTE_LOG_LEN) == 0)
		return 0;
	else
		err_set(e, EUCLEAN, "the audit log's head is of another log");
	return err_cure(e, CURE_ANEW);
}

/* Whether the chain here is what the checkpoint in `head` has seen. */
static bool
fits_head(struct scan *sc)
{
	const struct note *n = &sc->found->note;
	uint8_t root[RECORD_HASH_LEN];

	if (!n->size || sc->s->chain.size != n->size)
		return true;
	merkle_root(&sc->s->chain.tree, sc->s->hash, root);
	sc->seen = memcmp(root, n->root, sizeof(root)) == 0 &&
		   memcmp(sc->s->chain.head, n->head, sizeof(root)) == 0;
	return sc->seen;
}

/* The state of the chain before the first record that is looked at. */
static bool
chain_from(struct scan *sc, const struct record *r)
{
	struct chain *c = &sc->s->chain;
	struct field head, peaks;

	if (!record_get(r, FIELD_HEAD, &head) || head.len != RECORD_HASH_LEN ||
	    !record_get(r, FIELD_PEAKS, &peaks) ||
	    record_get_uint(r, FIELD_SIZE) != r->seq - 1 ||
	    merkle_from_peaks(&c->tree, r->seq - 1, peaks.bytes, peaks.len) < 0)
		return false;
	c->size = r->seq - 1;
	memcpy(c->head, head.bytes, RECORD_HASH_LEN);
	if (actions_load(&sc->s->actions, r) == -ENOMEM)
		sc->s->actions.incomplete = true;
	sc->started = true;
	return true;
}

static bool
is_begin(const struct scan *sc, const struct record *r)
{
	struct field log;

	return r->type == RECORD_LOG_SEGMENT &&
	       r->seq == sc->s->file[sc->file].first &&
	       record_get(r, FIELD_LOG, &log) && log.len == NOTE_LOG_LEN &&
	       memcmp(log.bytes, sc->s->keys.log, NOTE_LOG_LEN) == 0;
}

/* One record. False: it is none of this log, or `head` says otherwise. */
static bool
take(struct scan *sc, const struct record *r)
{
	struct store *s = sc->s;
	/* keys of before are gone; with the one on disk and later ones it can
	 * be told who wrote a record */
	struct chain_key *k = r->key >= s->keys.saved ? &sc->key : NULL;
	enum chain_verdict v;

	if (!sc->at && !is_begin(sc, r))
		return false;
	if (!sc->started && (!chain_from(sc, r) || !fits_head(sc)))
		return false;
	v = chain_check(&s->chain, s->hash, k, r);
	sc->forged = v == CHAIN_MAC;
	if (v != CHAIN_OK || !fits_head(sc))
		return false;
	if (!sc->at) {
		s->segment = record_get_uint(r, FIELD_SEGMENT);
		s->began_us = r->time_us;
	}
	actions_track(&s->actions, r->bytes);
	sc->found->before = sc->found->type;
	sc->found->type = r->type;
	sc->found->key = r->key;
	return true;
}

/* Records at the begin of the window. Returns the bytes they use. */
static size_t
take_all(struct scan *sc, size_t have)
{
	const uint8_t *p = sc->s->buf;
	size_t used = 0;
	struct record r;

	while (!sc->bad) {
		int n = record_parse(p + used, have - used, &r);

		if (!n)
			break;
		sc->bad = n < 0 || !take(sc, &r);
		if (sc->bad)
			break;
		used += (size_t)n;
		sc->at += (size_t)n;
	}
	return used;
}

/* All records of a file; stops where there is none. */
static int
scan_file(struct scan *sc, size_t i)
{
	struct store *s = sc->s;
	char name[LAYOUT_SEGMENT_NAME + 1];
	_cleanup_close_ int fd = -EBADF;
	size_t have = 0, used;
	ssize_t n;

	sc->file = i;
	sc->at = 0;
	store_file_name(s->file[i].first, name);
	fd = io_open(&s->io, s->logfd, name, O_RDONLY);
	if (fd < 0)
		return fd;
	do {
		n = read(fd, s->buf + have, WINDOW - have);
		if (n < 0)
			return -errno;
		have += (size_t)n;
		used = take_all(sc, have);
		have -= used;
		memmove(s->buf, s->buf + used, have);
	} while (n && !sc->bad);
	return 0;
}

/* The last file, at most `top`, that says what was open before it and is not
 * behind the checkpoint in `head`. */
static size_t
choose_begin(struct store *s, const struct note *note, size_t top)
{
	uint8_t *buf = s->buf;
	struct record r;
	struct field f;

	for (; top; top--)
		if (s->file[top].first <= note->size + 1 &&
		    store_file_first(s, top, buf, &r) >= 0 &&
		    record_get(&r, FIELD_OPEN, &f))
			break;
	return top;
}

/* From one file to the last. Where the last has not even one record, the scan
 * stands at its begin. */
static int
scan_from(struct scan *sc, size_t begin, struct err *e)
{
	struct store *s = sc->s;

	for (size_t i = begin; i < s->n_files; i++) {
		int r;

		sc->file = i;
		sc->at = 0;
		if (i > begin && s->file[i].first != s->chain.size + 1)
			return damaged(sc, e, "a file is missing before it");
		r = scan_file(sc, i);
		if (r < 0)
			return err_sys(e, r, "cannot read the audit log");
		if (sc->forged)
			return damaged(sc, e,
				       "not written by this log's "
				       "writer: its MAC is wrong");
		if (i + 1 < s->n_files && sc->at < s->file[i].bytes)
			return damaged(sc, e, "changed or damaged");
	}
	return 0;
}

/* Begins anew, one file earlier, where the last file has nothing to begin
 * with. */
static int
scan_all(struct scan *sc, struct err *e)
{
	struct store *s = sc->s;
	size_t begin = choose_begin(s, &sc->found->note, s->n_files - 1);
	int r = scan_from(sc, begin, e);

	if (r < 0 || sc->at || begin != s->n_files - 1 || !begin)
		return r;
	sc->started = sc->bad = sc->seen = false;
	begin = choose_begin(s, &sc->found->note, begin - 1);
	return scan_from(sc, begin, e);
}

/* What was found against what must be there. */
static int
judge(struct scan *sc, struct err *e)
{
	struct store *s = sc->s;
	const struct note *note = &sc->found->note;

	if (note->size > s->chain.size || (note->size && !sc->seen))
		return damaged(sc, e,
			       "changed, damaged or missing, and a "
			       "checkpoint has seen it");
	sc->found->whole_file = !sc->at;
	sc->found->bytes = sc->at;
	sc->found->torn = s->file[s->n_files - 1].bytes - sc->at;
	if (!sc->at && s->n_files > 1)
		sc->found->bytes = s->file[s->n_files - 2].bytes;
	return 0;
}

int
store_look(struct store *s, struct store_found *ret, struct err *e)
{
	struct scan sc = { .s = s, .found = ret, .key = s->keys.mac };
	int r;

	memset(ret, 0, sizeof(*ret));
	r = read_head(s, &ret->note, e);
	if (r >= 0)
		r = scan_all(&sc, e);
	if (r >= 0)
		r = judge(&sc, e);
	chain_key_wipe(&sc.key);
	return r;
}

static int
torn_name(int dirfd, uint64_t seq, char *buf, size_t size)
{
	struct stat st;

	for (unsigned int n = 1; n <= TORN_MAX; n++) {
		(void)snprintf(buf, size, "%020llu-%u", (unsigned long long)seq,
			       n);
		if (fstatat(dirfd, buf, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		return errno == ENOENT ? 0 : -errno;
	}
	return -EEXIST;
}

/* From the offset of in that it stands at. */
static int
copy_digest(struct store *s, int in, int out, uint8_t *ret_digest)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1
			? 0
			: -ENOMEM;

	while (r >= 0) {
		ssize_t n = read(in, s->buf, WINDOW);

		if (n <= 0) {
			r = n < 0 ? -errno : 0;
			break;
		}
		if (EVP_DigestUpdate(ctx, s->buf, (size_t)n) != 1)
			r = -ENOMEM;
		if (r >= 0)
			r = io_write(&s->io, out, s->buf, (size_t)n);
	}
	if (r >= 0 && EVP_DigestFinal_ex(ctx, ret_digest, NULL) != 1)
		r = -ENOMEM;
	EVP_MD_CTX_free(ctx);
	return r;
}

/* Keeps a copy, on the disk, of what is behind `from`. */
static int
keep_torn(struct store *s, int fd, uint64_t from, uint8_t *ret_digest)
{
	_cleanup_close_ int dirfd =
		openat(s->dirfd, LAYOUT_TORN,
		       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_close_ int out = -EBADF;
	char name[64];
	int r;

	if (dirfd < 0)
		return -errno;
	r = torn_name(dirfd, s->chain.size + 1, name, sizeof(name));
	if (r < 0)
		return r;
	out = io_open(&s->io, dirfd, "new", O_WRONLY | O_CREAT | O_TRUNC);
	if (out < 0)
		return out;
	if (lseek(fd, (off_t)from, SEEK_SET) < 0)
		return -errno;
	r = copy_digest(s, fd, out, ret_digest);
	if (r >= 0)
		r = io_sync(&s->io, out);
	if (r >= 0)
		r = io_rename(&s->io, dirfd, "new", name);
	return r < 0 ? r : io_sync_folder(&s->io, dirfd);
}

static int
cut(struct store *s, const struct store_found *f, uint8_t *ret_digest)
{
	struct store_file *last = &s->file[s->n_files - 1];
	char name[LAYOUT_SEGMENT_NAME + 1];
	_cleanup_close_ int fd = -EBADF;
	uint64_t from = f->whole_file ? 0 : f->bytes;
	int r = 0;

	store_file_name(last->first, name);
	fd = io_open(&s->io, s->logfd, name, O_RDWR);
	if (fd < 0)
		return fd;
	if (f->torn)
		r = keep_torn(s, fd, from, ret_digest);
	if (r < 0)
		return r;
	s->total -= f->torn;
	if (f->whole_file) {
		s->n_files--;
		r = io_unlink(&s->io, s->logfd, name);
		return r < 0 ? r : io_sync_folder(&s->io, s->logfd);
	}
	last->bytes = from;
	r = io_truncate(&s->io, fd, from);
	return r < 0 ? r : io_sync(&s->io, fd);
}

int
store_cut(struct store *s, const struct store_found *f,
	  uint8_t ret_digest[RECORD_HASH_LEN], struct err *e)
{
	int r = f->torn || f->whole_file ? cut(s, f, ret_digest) : 0;

	if (r < 0)
		return err_sys(e, r,
			       "cannot put aside the %llu bytes that a "
			       "crash left at the audit log's end",
			       (unsigned long long)f->torn);
	return 0;
}
