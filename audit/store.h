#pragma once
/*
 * The log on disk, writer's side. One thread. What always holds: a record that
 * store_commit() took is in the file whole, in order, chained; a record that it
 * refused has left no trace but a log.gap; no file is ever changed but at its
 * end. Failures of the disk are answers, not ends: the next store_commit()
 * tries again.
 */
#include "audit/chain.h"
#include "audit/config.h"
#include "audit/note.h"
#include "lib/err.h"

#include <sys/types.h>
#include <sys/uio.h>

/* The system calls that can fail for want of a good disk, so that tests can
 * make them fail. NULL members: the real ones. */
struct store_io {
	ssize_t (*writev)(void *arg, int fd, const struct iovec *v, int n);
	int (*datasync)(void *arg, int fd);
	int (*sync)(void *arg, int fd); /* of a folder */
	int (*truncate)(void *arg, int fd, off_t size);
	int (*openat)(void *arg, int dirfd, const char *name, int flags,
		      mode_t mode);
	int (*allocate)(void *arg, int fd, off_t size);
	int (*renameat)(void *arg, int dirfd, const char *from, const char *to);
	int (*unlinkat)(void *arg, int dirfd, const char *name);
	void *arg;
};

struct store;

/* Clocks are passed in: microseconds. */
struct store_now {
	uint64_t wall_us, boot_us;
};

/* Opens the log in the folder (borrowed), making it if it is not there, cuts
 * what a crash left unfinished (into torn/), writes log.start or log.restart.
 * The caller holds the lock. config is borrowed. Outcomes that are owed from
 * before a crash: store_owed().
 * -EUCLEAN: what the last checkpoint covers was changed: nothing is touched. */
int store_open(int dirfd, const struct audit_config *config,
	       const struct store_io *io, const struct store_now *now,
	       const char *confined, struct store **ret, struct err *e);
/* Writes log.stop and a last checkpoint, syncs. */
int store_stop(struct store *s, const struct store_now *now);
void store_free(struct store *s);

/* Puts a record into the batch. Returns its future seq, or 0 when the batch is
 * full (STORE_BATCH_MAX bytes): commit first. (Also 0, for good, when len is
 * above RECORD_FIELDS_MAX.) The first record that is not owed is preceded by
 * the log.gap that is due; so take the seq from here, not from a count. owed:
 * it is an outcome, or something else that must not be refused for want of
 * space: it may use the reserve. */
#define STORE_BATCH_MAX (4u * 1024 * 1024)
uint64_t store_add(struct store *s, enum record_type type, uint64_t channel,
		   uint64_t ref, const uint8_t *fields, size_t len, bool owed,
		   const struct store_now *now);
/* Writes the batch to the kernel. On failure the whole batch is gone and the
 * log is as it was: negative errno (-ENOSPC, -EIO, -EROFS, -EDQUOT; -EFBIG for
 * max_bytes). Intents: refused by the caller; owed ones: added again later.
 * With only owed records in the batch the reserve is given up first. After
 * failures, the first batch that works begins with a log.gap that says how many
 * were refused (store_refused()), since when and why. */
int store_commit(struct store *s, const struct store_now *now);
/* Counts n records that were refused with error, for the next log.gap. */
void store_refused(struct store *s, uint64_t n, int error,
		   const struct store_now *now);
/* fdatasync, also done by store_tick() every sync_us. On failure what was not
 * synced is written again before anything is believed; until that works:
 * negative errno, and store_durable() stays. */
int store_sync(struct store *s);
/* All records up to this seq are on the disk; up to the other with the kernel.
 */
uint64_t store_durable(const struct store *s);
uint64_t store_written(const struct store *s);
/* Bytes that are written and not synced. */
size_t store_unsynced(const struct store *s);

/* Not with a batch open. Does what is due: checkpoint (with a step of the key),
 * rotation, retention, the reserve. Returns the time (boot) when it wants to be
 * called again. A new checkpoint is in *ret_note (text, at most NOTE_MAX; else
 * ""), a new file in *ret_rotated: the caller then adds the records of its live
 * channels again, so that each file can be read alone. */
uint64_t store_tick(struct store *s, const struct store_now *now,
		    char *ret_note, bool *ret_rotated);
/* Now, whether due or not. */
int store_checkpoint(struct store *s, const struct store_now *now,
		     char *ret_note);
int store_rotate(struct store *s, const struct store_now *now);
/* The text of the last checkpoint of this life, also that of store_stop(); ""
 * where there was none or it is not on the disk. */
const char *store_note(const struct store *s);

/* Why nothing is taken at the moment: 0, or the negative errno of the last
 * failure (also: -ENOSPC while the reserve is not there; that of publishing a
 * checkpoint, when records are taken nevertheless). */
int store_failing(const struct store *s);

/* Actions without outcome from before the last end, oldest first: seq of the
 * intent and of its channel, and the run. Until store_owed_done(), which a
 * committed outcome does by itself. */
struct store_owed {
	uint64_t intent, channel;
	char run[65];
};
size_t store_owed(const struct store *s, const struct store_owed **ret);
void store_owed_done(struct store *s, uint64_t intent);

/* Keeps data under its SHA-256; it is there once, durable. -EBADMSG: digest is
 * another. has: 1 or 0. */
int store_blob_put(struct store *s, const uint8_t digest[RECORD_HASH_LEN],
		   const void *data, size_t len);
int store_blob_has(struct store *s, const uint8_t digest[RECORD_HASH_LEN]);

/* After -EUCLEAN: puts the log (files, keys, head) into a new folder of the
 * state folder, whose name is returned, so that store_open() begins another
 * log, whose log.start has the field former. Blobs stay. The caller holds the
 * lock. */
#define STORE_ANEW_NAME 40u
int store_anew(int statefd, int dirfd, uint64_t wall_us,
	       char ret_folder[STORE_ANEW_NAME], struct err *e);

const uint8_t *store_log_id(const struct store *s); /* NOTE_LOG_LEN bytes */
const uint8_t *store_public_key(const struct store *s);
const uint8_t *store_digest_key(const struct store *s); /* 32 bytes */
/* Where the log stands; for tests and the status. */
const struct chain *store_chain(const struct store *s);
