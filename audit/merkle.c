/*
 * The Merkle tree of RFC 6962 as its frontier. What always holds: peak[i] is
 * the root of the 2^i leaves that the bit i of size stands for, and nothing
 * else is kept.
 */
#include "audit/merkle.h"
#include "audit/chain-internal.h"

#include <errno.h>
#include <string.h>

void
merkle_init(struct merkle *m)
{
	m->size = 0;
}

static void
node(struct chain_hash *h, const uint8_t *left, const uint8_t *right,
     uint8_t *ret)
{
	uint8_t in[1 + 2 * MERKLE_LEN] = { 1 };

	memcpy(in + 1, left, MERKLE_LEN);
	memcpy(in + 1 + MERKLE_LEN, right, MERKLE_LEN);
	chain_sha256(h, in, sizeof(in), ret);
}

static void
leaf(struct chain_hash *h, const void *data, size_t n, uint8_t *ret)
{
	chain_sha256_2(h, "", 1, data, n, ret);
}

void
merkle_add(struct merkle *m, struct chain_hash *h, const void *data, size_t n)
{
	uint8_t hash[MERKLE_LEN];
	unsigned int i = 0;

	leaf(h, data, n, hash);
	/* carries ripple up as in counting */
	for (; m->size >> i & 1; i++)
		node(h, m->peak[i], hash, hash);
	memcpy(m->peak[i], hash, MERKLE_LEN);
	m->size++;
}

void
merkle_root(const struct merkle *m, struct chain_hash *h,
	    uint8_t ret[MERKLE_LEN])
{
	bool some = false;

	for (unsigned int i = 0; i < 64 && m->size >> i; i++) {
		if (!(m->size >> i & 1))
			continue;
		if (some)
			node(h, m->peak[i], ret, ret);
		else
			memcpy(ret, m->peak[i], MERKLE_LEN);
		some = true;
	}
	if (!some)
		chain_sha256(h, "", 0, ret);
}

size_t
merkle_peaks(const struct merkle *m, uint8_t *out)
{
	size_t n = 0;

	for (unsigned int i = MERKLE_DEPTH; i-- > 0;)
		if (m->size >> i & 1) {
			memcpy(out + n, m->peak[i], MERKLE_LEN);
			n += MERKLE_LEN;
		}
	return n;
}

int
merkle_from_peaks(struct merkle *m, uint64_t size, const uint8_t *peaks,
		  size_t len)
{
	size_t bits = (size_t)__builtin_popcountll(size);

	if (size >> MERKLE_DEPTH || len != bits * MERKLE_LEN)
		return -EBADMSG;
	m->size = size;
	for (unsigned int i = MERKLE_DEPTH; i-- > 0;)
		if (size >> i & 1) {
			memcpy(m->peak[i], peaks, MERKLE_LEN);
			peaks += MERKLE_LEN;
		}
	return 0;
}

/* RFC 9162, 2.1.3.2. */
int
merkle_check(struct chain_hash *h, const void *data, size_t len, uint64_t index,
	     uint64_t size, const uint8_t (*proof)[MERKLE_LEN], size_t n,
	     const uint8_t root[MERKLE_LEN])
{
	uint64_t fn = index, sn = size - 1;
	uint8_t r[MERKLE_LEN];

	if (index >= size)
		return -EBADMSG;
	leaf(h, data, len, r);
	for (size_t i = 0; i < n; i++) {
		if (!sn)
			return -EBADMSG;
		if (!(fn & 1) && fn != sn) {
			node(h, r, proof[i], r);
		} else {
			node(h, proof[i], r, r);
			for (; fn && !(fn & 1); sn >>= 1)
				fn >>= 1;
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn || memcmp(r, root, MERKLE_LEN) != 0 ? -EBADMSG : 0;
}

/* The root of n leaf hashes. */
static void
subtree(struct chain_hash *h, const uint8_t (*l)[MERKLE_LEN], uint64_t n,
	uint8_t *ret)
{
	struct merkle m;

	merkle_init(&m);
	for (uint64_t k = 0; k < n; k++) {
		unsigned int i = 0;
		uint8_t hash[MERKLE_LEN];

		memcpy(hash, l[k], MERKLE_LEN);
		for (; m.size >> i & 1; i++)
			node(h, m.peak[i], hash, hash);
		memcpy(m.peak[i], hash, MERKLE_LEN);
		m.size++;
	}
	merkle_root(&m, h, ret);
}

/* RFC 6962, 2.1.1: PATH(m, D[n]), from the top down and then turned round. */
int
merkle_prove(struct chain_hash *h, const uint8_t (*l)[MERKLE_LEN], uint64_t n,
	     uint64_t index, uint8_t (*ret)[MERKLE_LEN])
{
	uint8_t swap[MERKLE_LEN];
	int depth = 0;

	if (index >= n || n >> MERKLE_DEPTH)
		return -EINVAL;
	while (n > 1) {
		uint64_t k = 1ull << (63 - __builtin_clzll(n - 1));

		if (index < k) {
			subtree(h, l + k, n - k, ret[depth++]);
			n = k;
		} else {
			subtree(h, l, k, ret[depth++]);
			l += k;
			index -= k;
			n -= k;
		}
	}
	for (int i = 0; i < depth / 2; i++) {
		memcpy(swap, ret[i], MERKLE_LEN);
		memcpy(ret[i], ret[depth - 1 - i], MERKLE_LEN);
		memcpy(ret[depth - 1 - i], swap, MERKLE_LEN);
	}
	return depth;
}
