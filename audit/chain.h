#pragma once
/*
 * What ties records together. For record i with frame F (all but its last 64
 * bytes), previous hash H and MAC key K:
 *
 *   d    = SHA-256(H(i-1) || F(i))
 *   MAC  = HMAC-SHA-256(K, d)
 *   H(i) = SHA-256(d || MAC)
 *
 * so the hash covers every byte, the MAC too, and H(0) is 32 zeros. The keys go
 * forward only: K(n+1) = SHA-256("agentbox-audit step" || K(n)), and K(n) is
 * wiped, so who takes the key later cannot make MACs of the past. The Merkle
 * tree is that of RFC 6962, its leaves the 32 bytes H(i).
 */
#include "audit/merkle.h"
#include "audit/record.h"

#define CHAIN_KEY_LEN 32u

/* A MAC key and its number. */
struct chain_key {
	uint32_t number;
	uint8_t key[CHAIN_KEY_LEN];
};
/* To number, forward. -EINVAL: it is behind; -E2BIG: more than 2^26 steps. */
int chain_key_step(struct chain_key *k, uint32_t number);
void chain_key_wipe(struct chain_key *k);

/* Where a log stands; a copy of it is a bookmark. */
struct chain {
	uint64_t size; /* records so far; the next seq is size + 1 */
	uint8_t head[RECORD_HASH_LEN];
	struct merkle tree;
};

void chain_init(struct chain *c);

/* The working space of the digests; one per thread. */
struct chain_hash;
int chain_hash_new(struct chain_hash **ret);
void chain_hash_free(struct chain_hash *h);

/* Fills in MAC and hash of a frame of record_write(), whose seq must be the
 * next, and goes on to it. */
void chain_seal(struct chain *c, struct chain_hash *h,
		const struct chain_key *k, uint8_t *frame, size_t size);

enum chain_verdict {
	CHAIN_OK,
	CHAIN_SEQ,  /* not the next number */
	CHAIN_HASH, /* the record or its place was changed */
	CHAIN_MAC   /* right in itself, but not made with this key */
};
/* Checks one record and goes on to it if it is right. k NULL: MACs are not
 * checked; else it is stepped to the record's number. */
enum chain_verdict chain_check(struct chain *c, struct chain_hash *h,
			       struct chain_key *k, const struct record *r);

/* SHA-256 and HMAC-SHA-256 of one piece. */
void chain_sha256(struct chain_hash *h, const void *p, size_t n,
		  uint8_t ret[RECORD_HASH_LEN]);
