/*
 * The chain: digests, MACs and keys. What always holds: a key that was left
 * behind is wiped; a check says which of the three (place, bytes, key) is
 * wrong, in this order.
 *
 * SHA-256 through OpenSSL's plain functions, not through EVP: they use the same
 * instructions, and EVP's way to them costs as much as hashing a short record
 * does. They are deprecated in 3.0, with no end named, and cannot fail.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "audit/chain-internal.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

#define STEP_TEXT "agentbox-audit step"
#define STEPS_MAX (1u << 26)
#define BLOCK 64 /* of SHA-256, FIPS 180-4 */

struct chain_hash {
	/* HMAC (RFC 2104) with mac_key taken in already */
	SHA256_CTX inner, outer;
	bool have_key;
	uint8_t mac_key[CHAIN_KEY_LEN];
};

int
chain_hash_new(struct chain_hash **ret)
{
	struct chain_hash *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	*ret = h;
	return 0;
}

void
chain_hash_free(struct chain_hash *h)
{
	if (!h)
		return;
	OPENSSL_cleanse(h, sizeof(*h));
	free(h);
}

void
chain_sha256_2(_unused_ struct chain_hash *h, const void *a, size_t na,
	       const void *b, size_t nb, uint8_t ret[RECORD_HASH_LEN])
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, a, na);
	SHA256_Update(&c, b, nb);
	SHA256_Final(ret, &c);
}

void
chain_sha256(_unused_ struct chain_hash *h, const void *p, size_t n,
	     uint8_t ret[RECORD_HASH_LEN])
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, p, n);
	SHA256_Final(ret, &c);
}

static void
pad_into(SHA256_CTX *c, const uint8_t *key, uint8_t with)
{
	uint8_t block[BLOCK];

	memset(block, with, sizeof(block));
	for (size_t i = 0; i < CHAIN_KEY_LEN; i++)
		block[i] ^= key[i];
	SHA256_Init(c);
	SHA256_Update(c, block, sizeof(block));
	OPENSSL_cleanse(block, sizeof(block));
}

/* RFC 2104; both pads are hashed once for each key. */
static void
mac_of(struct chain_hash *h, const struct chain_key *k, const uint8_t *digest,
       uint8_t *ret)
{
	uint8_t inner[RECORD_HASH_LEN];
	SHA256_CTX c;

	if (!h->have_key || memcmp(h->mac_key, k->key, CHAIN_KEY_LEN) != 0) {
		pad_into(&h->inner, k->key, 0x36);
		pad_into(&h->outer, k->key, 0x5c);
		memcpy(h->mac_key, k->key, CHAIN_KEY_LEN);
		h->have_key = true;
	}
	c = h->inner;
	SHA256_Update(&c, digest, RECORD_HASH_LEN);
	SHA256_Final(inner, &c);
	c = h->outer;
	SHA256_Update(&c, inner, sizeof(inner));
	SHA256_Final(ret, &c);
	OPENSSL_cleanse(&c, sizeof(c));
}

void
chain_key_wipe(struct chain_key *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

int
chain_key_step(struct chain_key *k, uint32_t number)
{
	uint8_t in[sizeof(STEP_TEXT) - 1 + CHAIN_KEY_LEN];

	if (number < k->number)
		return -EINVAL;
	if (number - k->number > STEPS_MAX)
		return -E2BIG;
	memcpy(in, STEP_TEXT, sizeof(STEP_TEXT) - 1);
	for (; k->number < number; k->number++) {
		memcpy(in + sizeof(STEP_TEXT) - 1, k->key, CHAIN_KEY_LEN);
		chain_sha256(NULL, in, sizeof(in), k->key);
	}
	OPENSSL_cleanse(in, sizeof(in));
	return 0;
}

void
chain_init(struct chain *c)
{
	c->size = 0;
	memset(c->head, 0, sizeof(c->head));
	merkle_init(&c->tree);
}

static void
go_on(struct chain *c, struct chain_hash *h, const uint8_t *hash)
{
	memcpy(c->head, hash, RECORD_HASH_LEN);
	merkle_add(&c->tree, h, hash, RECORD_HASH_LEN);
	c->size++;
}

void
chain_seal(struct chain *c, struct chain_hash *h, const struct chain_key *k,
	   uint8_t *frame, size_t size)
{
	uint8_t *mac = frame + size - RECORD_TAIL, *hash = mac + 32;
	uint8_t d[RECORD_HASH_LEN];

	chain_sha256_2(h, c->head, sizeof(c->head), frame, size - RECORD_TAIL,
		       d);
	mac_of(h, k, d, mac);
	chain_sha256_2(h, d, sizeof(d), mac, RECORD_HASH_LEN, hash);
	go_on(c, h, hash);
}

enum chain_verdict
chain_check(struct chain *c, struct chain_hash *h, struct chain_key *k,
	    const struct record *r)
{
	uint8_t d[RECORD_HASH_LEN], want[RECORD_HASH_LEN];

	if (r->seq != c->size + 1)
		return CHAIN_SEQ;
	chain_sha256_2(h, c->head, sizeof(c->head), r->bytes,
		       r->size - RECORD_TAIL, d);
	chain_sha256_2(h, d, sizeof(d), r->mac, RECORD_HASH_LEN, want);
	if (memcmp(want, r->hash, RECORD_HASH_LEN) != 0)
		return CHAIN_HASH;
	if (k) {
		if (chain_key_step(k, r->key) < 0)
			return CHAIN_MAC;
		mac_of(h, k, d, want);
		if (CRYPTO_memcmp(want, r->mac, RECORD_HASH_LEN) != 0)
			return CHAIN_MAC;
	}
	go_on(c, h, r->hash);
	return CHAIN_OK;
}
