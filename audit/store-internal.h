#pragma once
/* Shared by the files of the store. */
#include "audit/keys.h"
#include "audit/layout.h"
#include "audit/store.h"

#define STORE_RESERVE_BYTES (1024u * 1024)
/* What is written but not synced is kept, to be written again if the sync
 * fails; more than this is synced at once. */
#define STORE_KEPT_MAX (32u * 1024 * 1024)
#define STORE_RETRY_US 250000u
#define STORE_EXPIRE_US 3600000000u /* looks for old files once an hour */
#define STORE_EXPIRE_BATCH 16u	    /* files in one store_tick() */
#define STORE_BLOB_MAX (16u * 1024 * 1024)
#define STORE_FILES_MAX 1000000u
#define STORE_FORMER                                                           \
	"former" /* id of the log before, until the new one says it */

/* A file of the log. */
struct store_file {
	uint64_t first; /* seq, its name */
	uint64_t bytes;
};

/* Intents that go ahead and have no outcome yet, with the run they belong to;
 * and the run of each channel. Two tables by number, open addressing. */
struct actions_slot {
	uint64_t id; /* 0: free */
	uint64_t channel;
	char run[65];
};
struct actions_table {
	struct actions_slot *slot;
	size_t size, n; /* size: a power of two */
};
struct actions {
	struct actions_table open, channels;
	bool incomplete; /* memory was short: what is open is in the log only */
};

/* Records that were refused. */
struct store_gap {
	uint64_t count, first_us, last_us;
	int error;
};

struct store {
	const struct audit_config *config;
	struct store_io io;
	int dirfd, logfd, fd; /* dirfd is borrowed; fd: the last file */
	struct chain_hash *hash;
	struct keys keys;
	struct chain chain; /* what the file holds */

	struct store_file *file;
	size_t n_files, room;
	uint64_t segment;  /* number of the last file */
	uint64_t began_us; /* its first record, CLOCK_REALTIME */
	uint64_t total;	   /* bytes of all files, and of blobs */

	/* [0, kept): the file's end that is not synced; then the batch */
	uint8_t *buf;
	size_t kept, batch;
	uint64_t batch_n;
	bool batch_owed;	   /* nothing but owed records in it */
	struct store_gap in_batch; /* the gap that the batch tells of */

	uint64_t durable;      /* seq */
	uint64_t uncovered;    /* records since the last checkpoint */
	uint64_t uncovered_us; /* boot: when the first of them was written */
	uint64_t unsynced_us;  /* boot: the first that is not synced */

	struct store_gap gap;
	int write_error, sync_error, publish_error;
	bool cut; /* bytes behind the end could not be cut yet */
	char stray[LAYOUT_SEGMENT_NAME + 1]; /* could not be removed yet */
	bool reserve;			     /* the reserve is there */
	/* boot: the next try */
	uint64_t reserve_us, probe_us, publish_retry_us, sync_retry_us;
	uint64_t rotate_retry_us;

	char note[NOTE_MAX]; /* last checkpoint */
	size_t note_len;
	uint64_t note_seq;
	bool note_owed, head_owed, key_owed; /* to be done when it is durable */
	uint64_t published_us;

	uint64_t expire_us;   /* boot: next look */
	uint64_t expire_told; /* log.expire was written up to this seq */

	struct actions actions;
	struct store_owed *owed;
	size_t n_owed;
};

/* store_io.c: the calls, real or of a test; 0 or negative errno. */
void io_init(struct store_io *ret, const struct store_io *io);
int io_open(const struct store_io *io, int dirfd, const char *name, int flags);
int io_write(const struct store_io *io, int fd, const void *p, size_t n);
int io_sync(const struct store_io *io, int fd);
int io_sync_folder(const struct store_io *io, int fd);
int io_truncate(const struct store_io *io, int fd, uint64_t size);
int io_allocate(const struct store_io *io, int fd, uint64_t size);
int io_rename(const struct store_io *io, int dirfd, const char *from,
	      const char *to);
int io_unlink(const struct store_io *io, int dirfd, const char *name);
/* Writes a file of 0600 so that name is whole or as it was. */
int io_replace(const struct store_io *io, int dirfd, const char *name,
	       const void *p, size_t n);

/* store.c */
int store_write(struct store *s, const struct store_now *now);
/* A record of the writer itself. 0, or -ENOBUFS: commit first. */
int store_put(struct store *s, enum record_type type, const struct fields *f,
	      const struct store_now *now);
/* store_fail.c */
int store_mend(struct store *s);
int store_reserve_make(struct store *s, const struct store_now *now);
bool store_reserve_there(const struct store *s);
int store_reserve_give(struct store *s);
void store_gap_put(struct store *s, const struct store_now *now);
void store_gap_told(struct store *s);
/* store_segment.c */
#define STORE_NEVER UINT64_MAX
void store_file_name(uint64_t first, char ret[LAYOUT_SEGMENT_NAME + 1]);
int store_files(struct store *s, struct err *e);
int store_segment_begin(struct store *s, const struct store_now *now);
uint64_t store_rotate_due(const struct store *s, const struct store_now *now);
int store_expire(struct store *s, const struct store_now *now);
/* The first record of a file: into buf (RECORD_MAX bytes). */
int store_file_first(struct store *s, size_t i, uint8_t *buf,
		     struct record *ret);
/* store_note.c */
int store_note_now(struct store *s, bool owed, const struct store_now *now,
		   char *ret_note);
/* store_start.c, store_recover.c */
int store_continue(struct store *s, const struct store_now *now,
		   const char *confined, struct err *e);
/* What the log turned out to be. */
struct store_found {
	struct note note;	   /* of the file head; size 0: none */
	uint64_t bytes;		   /* of the last file that are records */
	uint64_t torn;		   /* behind them */
	bool whole_file;	   /* the last file has no record at all */
	unsigned int type, before; /* of the last two records */
	uint32_t key;		   /* of the last one */
};
/* Looks at an existing log and changes nothing. -EUCLEAN. */
int store_look(struct store *s, struct store_found *ret, struct err *e);
/* Puts what is torn aside. *ret_digest is of that. */
int store_cut(struct store *s, const struct store_found *f,
	      uint8_t ret_digest[RECORD_HASH_LEN], struct err *e);

/* store_actions.c */
void actions_done(struct actions *a);
/* Takes note of a frame that is in the file. */
void actions_track(struct actions *a, const uint8_t *frame);
/* What is open, as the field FIELD_OPEN; not where that has no room. */
void actions_put(const struct actions *a, struct fields *f);
int actions_load(struct actions *a, const struct record *segment);
void actions_forget_channels(struct actions *a);
/* Open ones in order of number; *ret is the caller's. */
int actions_list(const struct actions *a, struct store_owed **ret,
		 size_t *ret_n);
