/*
 * Merkle proofs of a log that may be large and whose beginning may have gone
 * with its time. What always holds: nothing is proven that this module did not
 * compute from the files to the very root that the checkpoint signs; hashes of
 * what is gone come from the frontier that the first file begins with.
 */
#include "query/prover.h"
#include "audit/chain.h"
#include "audit/proof.h"

#include <string.h>

#define BLOCK_BITS 10u
#define SLOTS 3 /* the first block, the last one, the one at hand */
_Static_assert(PROVER_BLOCK == 1u << BLOCK_BITS, "a block is a subtree");

struct cell {
	uint8_t known, hash[MERKLE_LEN];
};

/* The leaves of one block, and the tree over them as far as it was needed. */
struct slot {
	uint64_t block;
	bool used;
	uint8_t raw[PROVER_BLOCK + 1][MERKLE_LEN]; /* [0]: of the one before */
	struct cell cell[BLOCK_BITS][PROVER_BLOCK];
};

/* All aligned subtrees of 2^i leaves that begin at or above base. */
struct level {
	struct cell *cell;
	uint64_t n;
};

struct prover {
	struct reader *r;
	struct chain_hash *h;
	struct merkle gone; /* what was there before the first file */
	uint8_t gone_head[MERKLE_LEN];
	uint8_t public[NOTE_KEY_LEN];
	struct note note; /* the newest checkpoint */
	uint8_t signature[NOTE_SIGNATURE_LEN];
	struct reader_place *place; /* [i]: first record of block i */
	uint64_t first_block, n_blocks, room;
	uint64_t end; /* number of the last record */
	struct level level[MERKLE_DEPTH + 1];
	struct slot slot[SLOTS];
};

uint64_t
prover_size(const struct prover *p)
{
	return p->note.size;
}

void
prover_free(struct prover *p)
{
	if (!p)
		return;
	reader_free(p->r);
	chain_hash_free(p->h);
	for (size_t i = 0; i <= MERKLE_DEPTH; i++)
		free(p->level[i].cell);
	free(p->place);
	free(p);
}

static int
broken(struct err *e, const char *what)
{
	err_set(e, EBADMSG, "the log cannot be proven: %s", what);
	return err_cure(e, "`agentbox audit verify` names the place");
}

/* ---- reading -------------------------------------------------------------*/

/* A field of just that length. */
static bool
get(const struct record *r, enum field_id id, void *to, size_t len)
{
	struct field v;

	if (!record_get(r, id, &v) || v.len != len)
		return false;
	memcpy(to, v.bytes, len);
	return true;
}

/* The first record of the first file. */
static int
begin(struct prover *p, const struct record *r, struct err *e)
{
	struct field peaks = { .len = 0 };
	uint64_t size = r->seq - 1;

	if (r->type != RECORD_LOG_SEGMENT ||
	    record_get_uint(r, FIELD_SIZE) != size ||
	    !get(r, FIELD_HEAD, p->gone_head, MERKLE_LEN) ||
	    !get(r, FIELD_LOG, p->note.log, NOTE_LOG_LEN) ||
	    !get(r, FIELD_PUBLIC_KEY, p->public, NOTE_KEY_LEN))
		return broken(e, "its first record is not log.segment");
	(void)record_get(r, FIELD_PEAKS, &peaks);
	if (merkle_from_peaks(&p->gone, size, peaks.bytes, peaks.len) < 0)
		return broken(e, "the frontier of its first file is not one");
	p->first_block = size >> BLOCK_BITS;
	p->end = size;
	return 0;
}

static void
checkpoint(struct prover *p, const struct record *r)
{
	struct note n = p->note;
	uint8_t signature[NOTE_SIGNATURE_LEN];

	n.size = record_get_uint(r, FIELD_SIZE);
	n.time_us = r->time_us;
	n.key = r->key;
	if (n.size != r->seq - 1 || !get(r, FIELD_ROOT, n.root, MERKLE_LEN) ||
	    !get(r, FIELD_HEAD, n.head, MERKLE_LEN) ||
	    !get(r, FIELD_SIGNATURE, signature, sizeof(signature)))
		return;
	p->note = n;
	memcpy(p->signature, signature, sizeof(signature));
}

/* Where each block begins. */
static int
add_place(struct prover *p, uint64_t seq)
{
	uint64_t block = ((seq - 1) >> BLOCK_BITS) - p->first_block;

	if (block < p->n_blocks)
		return 0;
	if (block == p->room) {
		uint64_t room = p->room ? 2 * p->room : 64;
		void *v = reallocarray(p->place, room, sizeof(*p->place));

		if (!v)
			return -ENOMEM;
		p->place = v;
		p->room = room;
	}
	reader_place(p->r, &p->place[p->n_blocks++]);
	return 0;
}

static int
read_all(struct prover *p, struct err *e)
{
	struct record r;
	int k = reader_seek(p->r, 0, e);

	if (k >= 0)
		k = reader_next(p->r, &r, e);
	if (k == 0)
		return broken(e, "it is empty");
	if (k > 0)
		k = begin(p, &r, e);
	while (k >= 0) {
		if (r.seq != p->end + 1)
			return broken(e, "a record is missing or moved");
		p->end = r.seq;
		if (r.type == RECORD_LOG_CHECKPOINT)
			checkpoint(p, &r);
		if (add_place(p, r.seq) < 0)
			return err_sys(e, ENOMEM, "proofs");
		k = reader_next(p->r, &r, e);
		if (k == 0)
			return 0;
	}
	return k;
}

/* ---- the tree ------------------------------------------------------------*/

static int
load(struct prover *p, struct slot *s, uint64_t block, struct err *e)
{
	uint64_t first = (block << BLOCK_BITS) + 1; /* seq of raw[1] */
	uint64_t at = block - p->first_block;
	struct record r;
	int k;

	s->used = false;
	memset(s->cell, 0, sizeof(s->cell));
	memcpy(s->raw[0], p->gone_head, MERKLE_LEN);
	/* the record before is the last of the block before */
	k = reader_goto(p->r, &p->place[at - (at > 0)], e);
	while (k >= 0 && (k = reader_next(p->r, &r, e)) > 0) {
		if (r.seq >= first + PROVER_BLOCK || r.seq > p->end)
			break;
		if (r.seq + 1 < first)
			continue;
		memcpy(s->raw[r.seq + 1 - first], r.hash, MERKLE_LEN);
		/* the first of all files begins within its block */
		if (r.seq == p->gone.size + 1 && r.seq > first)
			memcpy(s->raw[r.seq - first], p->gone_head, MERKLE_LEN);
	}
	if (k < 0)
		return k;
	s->block = block;
	s->used = true;
	return 0;
}

static int
slot_of(struct prover *p, uint64_t block, struct slot **ret, struct err *e)
{
	uint64_t last = (p->note.size - 1) >> BLOCK_BITS;
	struct slot *s = &p->slot[block == p->first_block ? 0
				  : block == last	  ? 1
							  : 2];
	int k = 0;

	if (!s->used || s->block != block)
		k = load(p, s, block, e);
	*ret = s;
	return k;
}

static void
node(struct prover *p, const uint8_t *left, const uint8_t *right, uint8_t *ret)
{
	uint8_t in[1 + 2 * MERKLE_LEN] = { 1 };

	memcpy(in + 1, left, MERKLE_LEN);
	memcpy(in + 1 + MERKLE_LEN, right, MERKLE_LEN);
	chain_sha256(p->h, in, sizeof(in), ret);
}

/* The peak of what is gone that is just these leaves; or NULL. */
static const uint8_t *
gone_peak(const struct prover *p, uint64_t from, uint64_t n)
{
	uint64_t at = 0;

	for (unsigned int i = MERKLE_DEPTH; i-- > 0;) {
		if (!(p->gone.size >> i & 1))
			continue;
		if (at == from && n == UINT64_C(1) << i)
			return p->gone.peak[i];
		at += UINT64_C(1) << i;
	}
	return NULL;
}

/* Where the hash of 2^i leaves is remembered, if that is not below base. */
static int
cell_of(struct prover *p, uint64_t from, unsigned int i, struct cell **ret,
	struct err *e)
{
	struct slot *s;
	int k;

	*ret = NULL;
	if (from < p->gone.size || i > MERKLE_DEPTH)
		return 0;
	if (i < BLOCK_BITS) {
		k = slot_of(p, from >> BLOCK_BITS, &s, e);
		*ret = &s->cell[i][(from & (PROVER_BLOCK - 1)) >> i];
		return k;
	}
	if (!p->level[i].cell) {
		p->level[i].n = (p->note.size >> i) - (p->gone.size >> i) + 1;
		p->level[i].cell = calloc(p->level[i].n, sizeof(struct cell));
	}
	if (!p->level[i].cell)
		return err_sys(e, ENOMEM, "proofs");
	*ret = &p->level[i].cell[(from >> i) - (p->gone.size >> i)];
	return 0;
}

static int
leaf(struct prover *p, uint64_t index, uint8_t *ret, struct err *e)
{
	uint8_t in[1 + MERKLE_LEN] = { 0 };
	struct slot *s;
	int k;

	if (index < p->gone.size)
		return broken(e, "its frontier does not fit");
	k = slot_of(p, index >> BLOCK_BITS, &s, e);
	if (k < 0)
		return k;
	memcpy(in + 1, s->raw[(index & (PROVER_BLOCK - 1)) + 1], MERKLE_LEN);
	chain_sha256(p->h, in, sizeof(in), ret);
	return 0;
}

/* The hash of leaves from to from + n (RFC 6962, 2.1: MTH). Not deeper than the
 * tree. */
static int
range(struct prover *p, uint64_t from, uint64_t n, uint8_t *ret, struct err *e)
{
	unsigned int i = 63u - (unsigned int)__builtin_clzll(n);
	bool whole = n == UINT64_C(1) << i; /* then it is aligned, too */
	const uint8_t *peak = whole ? gone_peak(p, from, n) : NULL;
	uint8_t left[MERKLE_LEN], right[MERKLE_LEN];
	uint64_t half = whole ? n / 2 : UINT64_C(1) << i;
	struct cell *c = NULL;
	int k = 0;

	if (peak)
		memcpy(ret, peak, MERKLE_LEN);
	else if (whole)
		k = cell_of(p, from, i, &c, e);
	if (peak || k < 0)
		return k;
	if (c && c->known) {
		memcpy(ret, c->hash, MERKLE_LEN);
		return 0;
	}
	if (n == 1) {
		k = leaf(p, from, ret, e);
	} else {
		k = range(p, from, half, left, e);
		if (k >= 0)
			k = range(p, from + half, n - half, right, e);
		if (k >= 0)
			node(p, left, right, ret);
	}
	/* found again: another block may have taken the slot */
	if (k >= 0 && c)
		k = cell_of(p, from, i, &c, e);
	if (k >= 0 && c) {
		memcpy(c->hash, ret, MERKLE_LEN);
		c->known = 1;
	}
	return k;
}

static int
check_root(struct prover *p, struct err *e)
{
	uint8_t root[MERKLE_LEN];
	int k;

	if (!p->note.size) {
		err_set(e, ENODATA, "the log has no checkpoint yet");
		return err_cure(e, "`agentbox audit checkpoint` makes one");
	}
	k = range(p, 0, p->note.size, root, e);
	if (k >= 0 && memcmp(root, p->note.root, MERKLE_LEN) != 0)
		return broken(e, "it does not have the checkpoint's root");
	return k;
}

int
prover_new(int dirfd, struct prover **ret, struct err *e)
{
	struct prover *p = calloc(1, sizeof(*p));
	int k;

	if (!p || chain_hash_new(&p->h) < 0) {
		prover_free(p);
		return err_sys(e, ENOMEM, "proofs");
	}
	k = reader_new(dirfd, &p->r, e);
	if (k >= 0)
		k = read_all(p, e);
	if (k >= 0)
		k = check_root(p, e);
	if (k < 0) {
		prover_free(p);
		return k;
	}
	*ret = p;
	return 0;
}

/* ---- proofs --------------------------------------------------------------*/

/* The siblings on the way from the root down to a leaf, lowest first. */
static int
path(struct prover *p, uint64_t index, struct proof *ret, struct err *e)
{
	uint8_t hash[MERKLE_DEPTH][MERKLE_LEN];
	uint64_t from = 0, n = p->note.size;
	int k = 0;

	ret->n = 0;
	while (n > 1 && k >= 0 && ret->n < MERKLE_DEPTH) {
		unsigned int i = 63u - (unsigned int)__builtin_clzll(n - 1);
		uint64_t half = UINT64_C(1) << i;
		bool left = index - from < half;

		k = range(p, left ? from + half : from, left ? n - half : half,
			  hash[ret->n++], e);
		from += left ? 0 : half;
		n = left ? half : n - half;
	}
	for (size_t i = 0; i < ret->n; i++)
		memcpy(ret->path[i], hash[ret->n - 1 - i], MERKLE_LEN);
	return k;
}

int
prover_write(struct prover *p, FILE *f, const struct record *r, struct err *e)
{
	struct proof proof = { .record = *r, .note = p->note };
	_cleanup_free_ char *text = NULL;
	struct slot *s;
	size_t len, at;
	int k;

	if (r->seq > p->note.size) {
		err_set(e, ERANGE, "record %llu: no checkpoint covers it yet",
			(unsigned long long)r->seq);
		return err_cure(e, "`agentbox audit checkpoint` makes one");
	}
	k = path(p, r->seq - 1, &proof, e);
	if (k >= 0)
		k = slot_of(p, (r->seq - 1) >> BLOCK_BITS, &s, e);
	if (k < 0)
		return k;
	at = (r->seq - 1) & (PROVER_BLOCK - 1);
	if (memcmp(s->raw[at + 1], r->hash, MERKLE_LEN) != 0)
		return broken(e, "a record changed while it was read");
	memcpy(proof.before, s->raw[at], MERKLE_LEN);
	k = proof_text(&proof, p->public, p->signature, &text, &len);
	if (k < 0)
		return broken(e, "a proof does not hold");
	fwrite(text, 1, len, f);
	return 0;
}
