#pragma once
/*
 * The Merkle tree of RFC 6962, section 2.1, kept as its frontier: one hash for
 * each full subtree, so that a leaf costs O(1) on average and the whole fits in
 * a struct. Leaves are SHA-256(0x00 || data), nodes SHA-256(0x01 || l || r).
 */
#include <stddef.h>
#include <stdint.h>

#define MERKLE_LEN 32u
#define MERKLE_DEPTH 63u

struct chain_hash;

struct merkle {
	uint64_t size;
	uint8_t peak[MERKLE_DEPTH + 1][MERKLE_LEN]; /* [i]: 2^i leaves, valid
						       where size has bit i */
};

void merkle_init(struct merkle *m);
void merkle_add(struct merkle *m, struct chain_hash *h, const void *data,
		size_t n);
/* The root; of an empty tree SHA-256 of nothing. */
void merkle_root(const struct merkle *m, struct chain_hash *h,
		 uint8_t ret[MERKLE_LEN]);
/* The peaks, highest first; out has room for MERKLE_DEPTH * MERKLE_LEN bytes.
 * Returns the bytes used: MERKLE_LEN for each bit of size. */
size_t merkle_peaks(const struct merkle *m, uint8_t *out);
/* The reverse. -EBADMSG: the length does not fit to size. */
int merkle_from_peaks(struct merkle *m, uint64_t size, const uint8_t *peaks,
		      size_t len);

/* Whether leaf number index (from 0) with this data lies in the tree of that
 * size and root: proof is n hashes, lowest first (RFC 6962 2.1.1; verified as
 * RFC 9162 2.1.3.2 says). */
int merkle_check(struct chain_hash *h, const void *data, size_t len,
		 uint64_t index, uint64_t size,
		 const uint8_t (*proof)[MERKLE_LEN], size_t n,
		 const uint8_t root[MERKLE_LEN]);
/* Makes such a proof from the leaf hashes (n of them). Returns the number of
 * hashes in ret (room for MERKLE_DEPTH), or -EINVAL. */
int merkle_prove(struct chain_hash *h, const uint8_t (*leaf)[MERKLE_LEN],
		 uint64_t n, uint64_t index, uint8_t (*ret)[MERKLE_LEN]);
