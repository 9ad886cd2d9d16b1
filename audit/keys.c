/*
 * The secrets of a log. What always holds: a MAC key that is on the disk is
 * not overwritten before a later one is there; nothing of a key stays in
 * memory that was freed.
 */
#include "audit/keys.h"
#include "audit/chain-internal.h"
#include "audit/store-internal.h"
#include "lib/fd.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define SLOT_MAGIC 0x314b4d41u /* "AMK1" */
#define SLOT_TEXT "agentbox-audit slot"
#define LOG_TEXT "agentbox-audit log"
#define KEY_LEN 32u
#define CURE_ANEW "`agentbox audit anew` puts this log aside and begins another"

static void
put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t
get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

void
keys_init(struct keys *k, struct chain_hash *h)
{
	memset(k, 0, sizeof(*k));
	k->fd = -EBADF;
	k->hash = h;
}

void
keys_done(struct keys *k)
{
	if (k->fd >= 0)
		close(k->fd);
	OPENSSL_cleanse(k, sizeof(*k));
	k->fd = -EBADF;
}

void
keys_log_id(struct chain_hash *h, const uint8_t public[NOTE_KEY_LEN],
	    uint8_t ret[NOTE_LOG_LEN])
{
	uint8_t digest[RECORD_HASH_LEN];

	chain_sha256_2(h, LOG_TEXT, sizeof(LOG_TEXT) - 1, public, NOTE_KEY_LEN,
		       digest);
	memcpy(ret, digest, NOTE_LOG_LEN);
}

static int
random_key(uint8_t ret[KEY_LEN])
{
	return getrandom(ret, KEY_LEN, 0) == KEY_LEN ? 0 : -EIO;
}

/* Opens a file that nobody else may read. */
static int
open_secret(int dirfd, const char *name, int flags, struct err *e)
{
	int fd = openat(dirfd, name, flags | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st) < 0) {
		int r = -errno;

		if (fd >= 0)
			close(fd);
		return err_sys(e, r, "cannot open the audit log's %s", name);
	}
	if (S_ISREG(st.st_mode) && !(st.st_mode & 077))
		return fd;
	close(fd);
	err_set(e, EPERM, "the audit log's %s is not a file of its owner alone",
		name);
	return err_cure(e, "chmod 600 it, and think of who may have read it");
}

/* 0; -ENOENT; -EUCLEAN: another length. */
static int
read_secret(int dirfd, const char *name, uint8_t ret[KEY_LEN], struct err *e)
{
	_cleanup_close_ int fd = open_secret(dirfd, name, O_RDONLY, e);
	uint8_t bytes[KEY_LEN + 1];
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, bytes, sizeof(bytes));
	if (n < 0)
		return err_sys(e, errno, "cannot read the audit log's %s",
			       name);
	if (n != KEY_LEN) {
		err_set(e, EUCLEAN,
			"the audit log's %s has %zd bytes instead of %u", name,
			n, KEY_LEN);
		return err_cure(e, CURE_ANEW);
	}
	memcpy(ret, bytes, KEY_LEN);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return 0;
}

/* Reads it, or makes it. */
static int
have_secret(int dirfd, const char *name, const struct store_io *io,
	    uint8_t ret[KEY_LEN], struct err *e)
{
	int r = read_secret(dirfd, name, ret, e);

	if (r != -ENOENT)
		return r;
	r = random_key(ret);
	if (r >= 0)
		r = io_replace(io, dirfd, name, ret, KEY_LEN);
	return r < 0 ? err_sys(e, r, "cannot make the audit log's %s", name)
		     : 0;
}

static void
slot_check(struct chain_hash *h, const uint8_t *slot, uint8_t *ret)
{
	chain_sha256_2(h, SLOT_TEXT, sizeof(SLOT_TEXT) - 1, slot, 40, ret);
}

static void
slot_write(struct chain_hash *h, const struct chain_key *k,
	   uint8_t slot[KEYS_SLOT_USED])
{
	put32(slot, SLOT_MAGIC);
	put32(slot + 4, k->number);
	memcpy(slot + 8, k->key, CHAIN_KEY_LEN);
	slot_check(h, slot, slot + 40);
}

static bool
slot_read(struct chain_hash *h, int fd, unsigned int i, struct chain_key *ret)
{
	uint8_t slot[KEYS_SLOT_USED], want[RECORD_HASH_LEN];
	bool ok = pread(fd, slot, sizeof(slot), (off_t)i * KEYS_SLOT_SIZE) ==
		  sizeof(slot);

	if (ok) {
		slot_check(h, slot, want);
		ok = get32(slot) == SLOT_MAGIC &&
		     memcmp(want, slot + 40, sizeof(want)) == 0;
	}
	if (ok) {
		ret->number = get32(slot + 4);
		memcpy(ret->key, slot + 8, CHAIN_KEY_LEN);
	}
	OPENSSL_cleanse(slot, sizeof(slot));
	return ok;
}

/* The later of the two slots. Returns its index, or -EUCLEAN. */
static int
slots_read(struct chain_hash *h, int fd, struct chain_key *ret)
{
	struct chain_key k[2];
	bool ok[2] = { slot_read(h, fd, 0, &k[0]), slot_read(h, fd, 1, &k[1]) };
	int i = ok[1] && (!ok[0] || k[1].number > k[0].number);

	if (ok[i])
		*ret = k[i];
	chain_key_wipe(&k[0]);
	chain_key_wipe(&k[1]);
	return ok[i] ? i : -EUCLEAN;
}

static int
slot_put(const struct keys *k, const struct store_io *io, unsigned int i,
	 const uint8_t slot[KEYS_SLOT_USED])
{
	if (lseek(k->fd, (off_t)i * KEYS_SLOT_SIZE, SEEK_SET) < 0)
		return -errno;
	return io_write(io, k->fd, slot, KEYS_SLOT_USED);
}

/* A new MAC key, number 0, in a new file, and a copy in start.key. */
static int
mac_create(struct keys *k, int dirfd, const struct store_io *io, struct err *e)
{
	uint8_t file[KEYS_SLOT_SIZE + KEYS_SLOT_USED] = { 0 };
	int r = random_key(k->mac.key);

	k->mac.number = k->saved = k->slot = 0;
	slot_write(k->hash, &k->mac, file);
	if (r >= 0)
		r = io_replace(io, dirfd, LAYOUT_START, k->mac.key,
			       CHAIN_KEY_LEN);
	if (r >= 0)
		r = io_replace(io, dirfd, LAYOUT_MAC, file, sizeof(file));
	OPENSSL_cleanse(file, sizeof(file));
	if (r < 0)
		return err_sys(e, r, "cannot make the audit log's " LAYOUT_MAC);
	k->fd = open_secret(dirfd, LAYOUT_MAC, O_RDWR, e);
	return MIN(k->fd, 0);
}

static int
derive(struct keys *k, struct err *e)
{
	if (note_public(k->seed, k->public) < 0)
		return err_set(e, ENOMEM,
			       "OpenSSL cannot make Ed25519 keys here");
	keys_log_id(k->hash, k->public, k->log);
	return 0;
}

int
keys_publish(const struct keys *k, int dirfd, const struct store_io *io)
{
	char text[NOTE_MAX];
	size_t n = note_key_text(k->log, k->public, text);

	text[n++] = '\n';
	return io_replace(io, dirfd, LAYOUT_PUBLIC, text, n);
}

int
keys_create(struct keys *k, int dirfd, const struct store_io *io, struct err *e)
{
	int r = have_secret(dirfd, LAYOUT_SIGN, io, k->seed, e);

	if (r >= 0)
		r = have_secret(dirfd, LAYOUT_DIGEST, io, k->digest, e);
	if (r >= 0)
		r = derive(k, e);
	if (r >= 0)
		r = mac_create(k, dirfd, io, e);
	if (r < 0)
		return r;
	r = keys_publish(k, dirfd, io);
	return r < 0 ? err_sys(e, r, "cannot write the audit log's %s",
			       LAYOUT_PUBLIC)
		     : 0;
}

/* public.key is what others check with: it must not be that of somebody else.
 * Where it is missing it is made again. */
static int
check_public(const struct keys *k, int dirfd, const struct store_io *io,
	     struct err *e)
{
	_cleanup_free_ char *have = NULL;
	char text[NOTE_MAX];
	ssize_t n = fd_read_file(dirfd, LAYOUT_PUBLIC, NOTE_MAX, &have);
	size_t want = note_key_text(k->log, k->public, text);

	text[want++] = '\n';
	if (n == -ENOENT) {
		n = keys_publish(k, dirfd, io);
		return n < 0 ? err_sys(e, (int)n, "cannot write %s",
				       LAYOUT_PUBLIC)
			     : 0;
	}
	if (n < 0)
		return err_sys(e, (int)n, "cannot read the audit log's %s",
			       LAYOUT_PUBLIC);
	if ((size_t)n == want && memcmp(have, text, want) == 0)
		return 0;
	err_set(e, EUCLEAN,
		"the audit log's %s does not belong to its %s: somebody "
		"changed one of them",
		LAYOUT_PUBLIC, LAYOUT_SIGN);
	return err_cure(e, "if " LAYOUT_PUBLIC " is the wrong one, remove it: "
			   "it is made again");
}

static int
missing(int r, const char *name, struct err *e)
{
	if (r != -ENOENT)
		return r;
	err_set(e, EUCLEAN, "the audit log's %s is missing", name);
	return err_cure(e, CURE_ANEW);
}

int
keys_load(struct keys *k, int dirfd, const struct store_io *io, struct err *e)
{
	int r = missing(read_secret(dirfd, LAYOUT_SIGN, k->seed, e),
			LAYOUT_SIGN, e);

	if (r >= 0)
		r = missing(read_secret(dirfd, LAYOUT_DIGEST, k->digest, e),
			    LAYOUT_DIGEST, e);
	if (r >= 0)
		r = derive(k, e);
	if (r >= 0)
		r = check_public(k, dirfd, io, e);
	if (r < 0)
		return r;
	k->fd = open_secret(dirfd, LAYOUT_MAC, O_RDWR, e);
	if (k->fd < 0)
		return missing(k->fd, LAYOUT_MAC, e);
	r = slots_read(k->hash, k->fd, &k->mac);
	if (r < 0) {
		err_set(e, EUCLEAN, "the audit log's %s holds no whole key",
			LAYOUT_MAC);
		return err_cure(e, CURE_ANEW);
	}
	k->slot = (unsigned int)r;
	k->saved = k->mac.number;
	return 0;
}

int
keys_saved(int dirfd, struct chain_hash *h, uint32_t *ret)
{
	_cleanup_close_ int fd =
		openat(dirfd, LAYOUT_MAC, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct chain_key k;
	int r;

	if (fd < 0)
		return -errno;
	r = slots_read(h, fd, &k);
	if (r < 0)
		return r;
	*ret = k.number;
	chain_key_wipe(&k);
	return 0;
}

void
keys_step(struct keys *k)
{
	/* one step cannot fail, and 2^32 are 136 years of one each second */
	if (k->mac.number < UINT32_MAX)
		(void)chain_key_step(&k->mac, k->mac.number + 1);
}

int
keys_save(struct keys *k, const struct store_io *io)
{
	uint8_t slot[KEYS_SLOT_USED];
	int r;

	if (k->saved == k->mac.number)
		return 0;
	slot_write(k->hash, &k->mac, slot);
	r = slot_put(k, io, !k->slot, slot);
	if (r >= 0)
		r = io_sync(io, k->fd);
	OPENSSL_cleanse(slot, sizeof(slot));
	if (r < 0)
		return r;
	k->slot = !k->slot;
	k->saved = k->mac.number;
	/* now the old one goes; it is on the disk with the next sync */
	return slot_put(k, io, !k->slot, slot);
}
