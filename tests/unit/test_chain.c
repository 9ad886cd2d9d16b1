/* links: audit lib */
/* The chain, the keys, the Merkle tree; against the vectors of Certificate
 * Transparency (RFC 6962, RFC 9162) and against OpenSSL's own HMAC. */
#include "audit/chain.h"
#include "audit/keys.h"
#include "audit/layout.h"
#include "audit/store-internal.h"
#include "lib/fd.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static struct chain_hash *
hash_new(void)
{
	struct chain_hash *h;

	ASSERT_OK(chain_hash_new(&h));
	return h;
}

static void
from_hex(const char *s, uint8_t *ret, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned int v = 0;

		for (int k = 0; k < 2; k++) {
			char c = s[2 * i + (size_t)k];

			v = v << 4 |
			    (unsigned int)(c <= '9' ? c - '0' : c - 'a' + 10);
		}
		ret[i] = (uint8_t)v;
	}
}

/* The tree that the reference implementation of Certificate Transparency is
 * tested with. */
static const struct {
	size_t n;
	uint8_t data[16];
} leaves[8] = {
	{ 0, { 0 } },
	{ 1, { 0x00 } },
	{ 1, { 0x10 } },
	{ 2, { 0x20, 0x21 } },
	{ 2, { 0x30, 0x31 } },
	{ 4, { 0x40, 0x41, 0x42, 0x43 } },
	{ 8, { 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57 } },
	{ 16,
	  { 0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a,
	    0x6b, 0x6c, 0x6d, 0x6e, 0x6f } },
};
static const char *const roots[9] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

TEST(merkle_roots)
{
	struct chain_hash *h = hash_new();
	uint8_t root[32], want[32];
	struct merkle m;

	merkle_init(&m);
	for (size_t i = 0; i <= 8; i++) {
		merkle_root(&m, h, root);
		from_hex(roots[i], want, 32);
		ASSERT_MEMEQ(root, want, 32);
		if (i < 8)
			merkle_add(&m, h, leaves[i].data, leaves[i].n);
	}
	chain_hash_free(h);
}

static const struct {
	uint64_t index, size;
	size_t n;
	const char *path[3];
} proofs[] = {
	{ 0, 1, 0, { NULL } },
	{ 0,
	  8,
	  3,
	  { "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
	    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
	    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e"
	    "4" } },
	{ 5,
	  8,
	  3,
	  { "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
	    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
	    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b"
	    "7" } },
	{ 2,
	  3,
	  1,
	  { "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c12"
	    "5" } },
};

static void
leaf_hashes(struct chain_hash *h, uint8_t (*ret)[32])
{
	uint8_t in[17] = { 0 };

	for (size_t i = 0; i < 8; i++) {
		memcpy(in + 1, leaves[i].data, leaves[i].n);
		chain_sha256(h, in, 1 + leaves[i].n, ret[i]);
	}
}

TEST(merkle_proof_vectors)
{
	struct chain_hash *h = hash_new();
	uint8_t leaf[8][32], path[MERKLE_DEPTH][32], want[32], root[32];

	leaf_hashes(h, leaf);
	for (size_t i = 0; i < ARRAY_SIZE(proofs); i++) {
		uint64_t at = proofs[i].index;

		ASSERT_EQ(merkle_prove(h, (const uint8_t(*)[32])leaf,
				       proofs[i].size, at, path),
			  proofs[i].n);
		for (size_t k = 0; k < proofs[i].n; k++) {
			from_hex(proofs[i].path[k], want, 32);
			ASSERT_MEMEQ(path[k], want, 32);
		}
		from_hex(roots[proofs[i].size], root, 32);
		ASSERT_OK(merkle_check(
			h, leaves[at].data, leaves[at].n, at, proofs[i].size,
			(const uint8_t(*)[32])path, proofs[i].n, root));
	}
	chain_hash_free(h);
}

/* Every leaf of every size up to 70: proven; and not elsewhere, not in another
 * size, not with a path that is longer, shorter, or changed. */
static void
check_proof(struct chain_hash *h, const uint8_t (*leaf)[32], uint64_t n,
	    uint64_t i, const uint8_t *root)
{
	uint8_t path[MERKLE_DEPTH][32];
	const uint8_t(*p)[32] = (const uint8_t(*)[32])path;
	uint8_t data[4] = { (uint8_t)i };
	int len = ASSERT_OK(merkle_prove(h, leaf, n, i, path));
	size_t k = (size_t)len;

	ASSERT_OK(merkle_check(h, data, 4, i, n, p, k, root));
	ASSERT_ERR(merkle_check(h, data, 4, n, n, p, k, root), -EBADMSG);
	ASSERT_ERR(merkle_check(h, data, 3, i, n, p, k, root), -EBADMSG);
	memset(path[k], 0, 32);
	ASSERT_ERR(merkle_check(h, data, 4, i, n, p, k + 1, root), -EBADMSG);
	if (!k)
		return;
	ASSERT_ERR(merkle_check(h, data, 4, i ^ 1, n, p, k, root), -EBADMSG);
	ASSERT_ERR(merkle_check(h, data, 4, i, n, p, k - 1, root), -EBADMSG);
	path[i % k][i % 32] ^= 1;
	ASSERT_ERR(merkle_check(h, data, 4, i, n, p, k, root), -EBADMSG);
}

TEST(merkle_proofs)
{
	struct chain_hash *h = hash_new();
	uint8_t leaf[70][32], root[32];
	struct merkle m;

	merkle_init(&m);
	for (uint64_t n = 1; n <= 70; n++) {
		uint8_t in[5] = { 0, (uint8_t)(n - 1) };

		chain_sha256(h, in, 5, leaf[n - 1]);
		merkle_add(&m, h, in + 1, 4);
		merkle_root(&m, h, root);
		for (uint64_t i = 0; i < n; i++)
			check_proof(h, (const uint8_t(*)[32])leaf, n, i, root);
	}
	ASSERT_ERR(merkle_prove(h, (const uint8_t(*)[32])leaf, 3, 3, leaf),
		   -EINVAL);
	chain_hash_free(h);
}

/* A tree that goes on from its peaks is the same tree. */
TEST(merkle_peaks_round_trip)
{
	uint8_t peaks[MERKLE_DEPTH * 32], a[32], b[32];
	struct chain_hash *h = hash_new();
	struct merkle m, again;

	merkle_init(&m);
	for (unsigned int i = 0; i < 100; i++) {
		size_t n = merkle_peaks(&m, peaks);

		ASSERT_EQ(n, 32 * __builtin_popcountll(m.size));
		ASSERT_OK(merkle_from_peaks(&again, m.size, peaks, n));
		ASSERT_ERR(merkle_from_peaks(&again, m.size, peaks, n + 32),
			   -EBADMSG);
		ASSERT_ERR(merkle_from_peaks(&again, m.size, peaks, n + 1),
			   -EBADMSG);
		merkle_add(&m, h, &i, sizeof(i));
		merkle_add(&again, h, &i, sizeof(i));
		merkle_root(&m, h, a);
		merkle_root(&again, h, b);
		ASSERT_MEMEQ(a, b, 32);
	}
	ASSERT_ERR(merkle_from_peaks(&again, UINT64_MAX, peaks, 64 * 32),
		   -EBADMSG);
	chain_hash_free(h);
}

static size_t
frame(uint64_t seq, uint32_t key, uint8_t *out)
{
	const struct record_head head = {
		.seq = seq, .time_us = 17, .key = key, .type = RECORD_LIFECYCLE
	};
	struct fields f;

	fields_init(&f);
	fields_text(&f, FIELD_WHAT, "box.started");
	return record_write(&head, f.bytes, f.len, out);
}

/* d = SHA-256(H || F), MAC = HMAC(K, d), H = SHA-256(d || MAC), by the calls of
 * OpenSSL that chain.c does not use. */
TEST(seal_is_what_the_header_says)
{
	uint8_t out[512], in[512] = { 0 }, d[32], mac[32], dm[64], want[32];
	struct chain_key k = { .number = 3,
			       .key = "a key of thirty-two bytes....." };
	struct chain_hash *h = hash_new();
	unsigned int len = 32;
	struct chain c;
	size_t n = frame(1, 3, out);

	chain_init(&c);
	memcpy(in + 32, out, n - RECORD_TAIL);
	chain_seal(&c, h, &k, out, n);
	ASSERT_EQ(EVP_Digest(in, 32 + n - RECORD_TAIL, d, NULL, EVP_sha256(),
			     NULL),
		  1);
	ASSERT_NOT_NULL(HMAC(EVP_sha256(), k.key, 32, d, 32, mac, &len));
	memcpy(dm, d, 32);
	memcpy(dm + 32, mac, 32);
	ASSERT_EQ(EVP_Digest(dm, 64, want, NULL, EVP_sha256(), NULL), 1);
	ASSERT_MEMEQ(out + n - 64, mac, 32);
	ASSERT_MEMEQ(out + n - 32, want, 32);
	ASSERT_MEMEQ(c.head, want, 32);
	ASSERT_EQ(c.size, 1);
	ASSERT_EQ(c.tree.size, 1);
	chain_hash_free(h);
}

TEST(check_names_what_is_wrong)
{
	struct chain_key k = { .number = 0 },
			 other = { .number = 0, .key = "x" };
	struct chain_hash *h = hash_new();
	uint8_t out[512], copy[512];
	struct chain write, c;
	size_t n = frame(1, 0, out);
	struct record r;

	chain_init(&write);
	chain_seal(&write, h, &k, out, n);
	for (size_t i = 0; i < n; i++) {
		struct chain_key key = k;

		chain_init(&c);
		memcpy(copy, out, n);
		copy[i] ^= 4;
		if (record_parse(copy, n, &r) <= 0)
			continue; /* no frame at all */
		ASSERT_EQ(chain_check(&c, h, &key, &r),
			  i >= 8 && i < 16 ? CHAIN_SEQ : CHAIN_HASH);
		ASSERT_EQ(c.size, 0);
	}
	ASSERT_OK(record_parse(out, n, &r));
	ASSERT_EQ(chain_check(&c, h, &other, &r), CHAIN_MAC);
	ASSERT_EQ(c.size, 0);
	ASSERT_EQ(chain_check(&c, h, NULL, &r), CHAIN_OK);
	ASSERT_EQ(chain_check(&c, h, NULL, &r), CHAIN_SEQ);
	chain_hash_free(h);
}

/* Keys step forward by what the header says, and never back. */
TEST(key_step)
{
	uint8_t in[19 + 32] = "agentbox-audit step", want[32];
	struct chain_key k = { .number = 5, .key = "five" };

	memcpy(in + 19, k.key, 32);
	ASSERT_EQ(EVP_Digest(in, sizeof(in), want, NULL, EVP_sha256(), NULL),
		  1);
	ASSERT_OK(chain_key_step(&k, 6));
	ASSERT_EQ(k.number, 6);
	ASSERT_MEMEQ(k.key, want, 32);
	ASSERT_ERR(chain_key_step(&k, 5), -EINVAL);
	ASSERT_ERR(chain_key_step(&k, 7 + (1u << 26)), -E2BIG);
	ASSERT_MEMEQ(k.key, want, 32);
	chain_key_wipe(&k);
	memset(want, 0, sizeof(want));
	ASSERT_MEMEQ(k.key, want, 32);
}

/* mac.key while it is saved: whatever of the two slots a crash leaves, one of
 * the keys is there, and it is never behind what was called saved. */
static int
keys_dir(struct keys *k, struct chain_hash *h, struct store_io *io)
{
	int fd = open(tap_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_OK(fd);
	io_init(io, NULL);
	keys_init(k, h);
	ASSERT_OK(keys_create(k, fd, io, NULL));
	return fd;
}

static void
damage_slot(int dirfd, unsigned int slot, size_t at)
{
	int fd = openat(dirfd, LAYOUT_MAC, O_RDWR | O_CLOEXEC);
	uint8_t byte;
	off_t where = (off_t)(slot * KEYS_SLOT_SIZE + at);

	ASSERT_OK(fd);
	ASSERT_EQ(pread(fd, &byte, 1, where), 1);
	byte ^= 0x10;
	ASSERT_EQ(pwrite(fd, &byte, 1, where), 1);
	close(fd);
}

TEST(mac_key_slots)
{
	struct chain_hash *h = hash_new();
	struct keys k, again;
	struct store_io io;
	uint32_t number;
	int fd = keys_dir(&k, h, &io);

	for (uint32_t i = 1; i <= 4; i++) {
		keys_step(&k);
		ASSERT_OK(keys_save(&k, &io));
		ASSERT_OK(keys_saved(fd, h, &number));
		ASSERT_EQ(number, i);
		keys_init(&again, h);
		ASSERT_OK(keys_load(&again, fd, &io, NULL));
		ASSERT_MEMEQ(again.mac.key, k.mac.key, 32);
		ASSERT_MEMEQ(again.log, k.log, NOTE_LOG_LEN);
		keys_done(&again);
		for (size_t at = 0; at < KEYS_SLOT_USED; at++) {
			damage_slot(fd, k.slot, at);
			ASSERT_ERR(keys_saved(fd, h, &number), -EUCLEAN);
			damage_slot(fd, k.slot, at);
			damage_slot(fd, !k.slot, at); /* the one not in use */
			ASSERT_OK(keys_saved(fd, h, &number));
			damage_slot(fd, !k.slot, at);
		}
	}
	keys_done(&k);
	chain_hash_free(h);
	close(fd);
}

static int
fail_sync(void *arg _unused_, int fd _unused_)
{
	errno = EIO;
	return -1;
}

/* A key that did not reach the disk leaves the one before there. */
TEST(mac_key_not_saved)
{
	struct chain_hash *h = hash_new();
	struct store_io io, bad;
	struct keys k, again;
	uint8_t first[32];
	int fd = keys_dir(&k, h, &io);

	memcpy(first, k.mac.key, 32);
	bad = io;
	bad.datasync = fail_sync;
	for (int i = 0; i < 3; i++) {
		keys_step(&k);
		ASSERT_ERR(keys_save(&k, &bad), -EIO);
		damage_slot(fd, !k.slot, 12); /* torn */
		keys_init(&again, h);
		ASSERT_OK(keys_load(&again, fd, &io, NULL));
		ASSERT_EQ(again.mac.number, 0);
		ASSERT_MEMEQ(again.mac.key, first, 32);
		keys_done(&again);
	}
	ASSERT_OK(keys_save(&k, &io));
	keys_init(&again, h);
	ASSERT_OK(keys_load(&again, fd, &io, NULL));
	ASSERT_EQ(again.mac.number, 3);
	keys_done(&again);
	keys_done(&k);
	chain_hash_free(h);
	close(fd);
}
