/*
 * The chain: digests, MACs and keys. What always holds: a key that was left
 * behind is wiped; a check says which of the three (place, bytes, key) is
 * wrong, in this order.
 *
 * OpenSSL's digest contexts are made once and used again, since looking up the
 * algorithm costs more than hashing a record.
 */
#include "audit/chain-internal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define STEP_TEXT "agentbox-audit step"
#define STEPS_MAX (1u << 26)
#define BLOCK 64 /* of SHA-256, FIPS 180-4 */

struct chain_hash {
	EVP_MD *md;
	EVP_MD_CTX *ctx;
	/* HMAC (RFC 2104) with the key of mac_number taken in already */
	EVP_MD_CTX *inner, *outer;
	bool have_key;
	uint8_t mac_key[CHAIN_KEY_LEN];
};

int
chain_hash_new(struct chain_hash **ret)
{
	struct chain_hash *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	h->ctx = EVP_MD_CTX_new();
	h->inner = EVP_MD_CTX_new();
	h->outer = EVP_MD_CTX_new();
	if (!h->md || !h->ctx || !h->inner || !h->outer ||
	    EVP_DigestInit_ex2(h->ctx, h->md, NULL) != 1) {
		chain_hash_free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

void
chain_hash_free(struct chain_hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	EVP_MD_CTX_free(h->inner);
	EVP_MD_CTX_free(h->outer);
	EVP_MD_free(h->md);
	OPENSSL_cleanse(h, sizeof(*h));
	free(h);
}

/* SHA-256 of bytes in memory cannot fail but for want of memory in a context
 * that exists already; going on with a wrong digest would be worse than an
 * end. */
static void
must(int ok)
{
	if (ok != 1)
		abort();
}

void
chain_sha256_2(struct chain_hash *h, const void *a, size_t na, const void *b,
	       size_t nb, uint8_t ret[RECORD_HASH_LEN])
{
	must(EVP_DigestInit_ex2(h->ctx, NULL, NULL));
	must(EVP_DigestUpdate(h->ctx, a, na));
	must(EVP_DigestUpdate(h->ctx, b, nb));
	must(EVP_DigestFinal_ex(h->ctx, ret, NULL));
}

void
chain_sha256(struct chain_hash *h, const void *p, size_t n,
	     uint8_t ret[RECORD_HASH_LEN])
{
	must(EVP_DigestInit_ex2(h->ctx, NULL, NULL));
	must(EVP_DigestUpdate(h->ctx, p, n));
	must(EVP_DigestFinal_ex(h->ctx, ret, NULL));
}

static void
pad_into(struct chain_hash *h, EVP_MD_CTX *ctx, const uint8_t *key,
	 uint8_t with)
{
	uint8_t block[BLOCK];

	memset(block, with, sizeof(block));
	for (size_t i = 0; i < CHAIN_KEY_LEN; i++)
		block[i] ^= key[i];
	must(EVP_DigestInit_ex2(ctx, h->md, NULL));
	must(EVP_DigestUpdate(ctx, block, sizeof(block)));
	OPENSSL_cleanse(block, sizeof(block));
}

/* RFC 2104; both pads are hashed once for each key. */
static void
mac_of(struct chain_hash *h, const struct chain_key *k, const uint8_t *digest,
       uint8_t *ret)
{
	uint8_t inner[RECORD_HASH_LEN];

	if (!h->have_key || memcmp(h->mac_key, k->key, CHAIN_KEY_LEN) != 0) {
		pad_into(h, h->inner, k->key, 0x36);
		pad_into(h, h->outer, k->key, 0x5c);
		memcpy(h->mac_key, k->key, CHAIN_KEY_LEN);
		h->have_key = true;
	}
	must(EVP_MD_CTX_copy_ex(h->ctx, h->inner));
	must(EVP_DigestUpdate(h->ctx, digest, RECORD_HASH_LEN));
	must(EVP_DigestFinal_ex(h->ctx, inner, NULL));
	must(EVP_MD_CTX_copy_ex(h->ctx, h->outer));
	must(EVP_DigestUpdate(h->ctx, inner, sizeof(inner)));
	must(EVP_DigestFinal_ex(h->ctx, ret, NULL));
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
		must(EVP_Digest(in, sizeof(in), k->key, NULL, EVP_sha256(),
				NULL));
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
