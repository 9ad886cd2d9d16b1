#pragma once
/*
 * The secrets of a log, in files of 0600 in its folder:
 *
 *   sign.key, digest.key, start.key: 32 bytes each
 *   mac.key: struct layout_mac_key at 0 and at KEYS_SLOT_SIZE, of which one
 *            is whole and the other usually zeros:
 *
 *      0  u32  magic "AMK1"
 *      4  u32  number of the key, little endian
 *      8  32   the key
 *     40  32   SHA-256("agentbox-audit slot" || what is before)
 *
 * A new key goes into the slot that is not in use, and only when it is on the
 * disk the old one is overwritten: a crash at any point leaves a whole one.
 * The key on disk may be behind the one in use, never before it; who opens the
 * log steps it to where the log is.
 */
#include "audit/chain.h"
#include "audit/note.h"

#include <stdbool.h>

#define KEYS_SLOT_SIZE 4096u /* none of today's disks tears two at once */
#define KEYS_SLOT_USED 72u

struct store_io;

struct keys {
	uint8_t seed[NOTE_KEY_LEN]; /* private half of the signatures */
	uint8_t public[NOTE_KEY_LEN];
	uint8_t log[NOTE_LOG_LEN]; /* begin of SHA-256 of the public key */
	uint8_t digest[32];
	struct chain_key mac;	 /* in use */
	uint32_t saved;		 /* number of the key on disk */
	int fd;			 /* mac.key */
	unsigned int slot;	 /* the one that holds saved */
	struct chain_hash *hash; /* borrowed */
};

/* Before keys_done() may be called. */
void keys_init(struct keys *k, struct chain_hash *h);
/* Makes what is missing for a log that has no record yet; the MAC key is new
 * in any case. */
int keys_create(struct keys *k, int dirfd, const struct store_io *io,
		struct err *e);
/* Reads them all. -EUCLEAN: a key is damaged or missing, or public.key is
 * another (where it is missing it is made again); -EPERM: others may read a
 * secret. */
int keys_load(struct keys *k, int dirfd, const struct store_io *io,
	      struct err *e);
/* The number of the MAC key on disk without reading the rest; -ENOENT. */
int keys_saved(int dirfd, struct chain_hash *h, uint32_t *ret);
/* The next MAC key; the old one is gone from memory. */
void keys_step(struct keys *k);
/* Puts the MAC key in use on the disk in place of the old one. */
int keys_save(struct keys *k, const struct store_io *io);
/* Writes public.key. */
int keys_publish(const struct keys *k, int dirfd, const struct store_io *io);
void keys_done(struct keys *k);

/* Id of the log of a public key. */
void keys_log_id(struct chain_hash *h, const uint8_t public[NOTE_KEY_LEN],
		 uint8_t ret[NOTE_LOG_LEN]);
