/*
 * SHA-256 in blocks: padding and buffering here, the compression by whoever is
 * quickest. What always holds: both ways give the same, and no byte beyond
 * those given is read.
 */
#include "policy/sha256.h"

#include "lib/macro.h"

#include <sha2.h>
#include <string.h>

#if defined(__x86_64__) && __has_include(<sys/platform/x86.h>)
#include <immintrin.h>
#include <sys/platform/x86.h>
#define HAVE_NI 1
#endif

static void
blocks_plain(uint32_t state[8], const uint8_t *p, size_t n)
{
	for (; n; n--, p += SHA256_BLOCK)
		SHA256Transform(state, p);
}

#ifdef HAVE_NI
#define NI __attribute__((target("sha,sse4.1,ssse3")))

/* FIPS 180-4, 4.2.2 */
static const uint32_t constant[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* The 64 rounds over one block. The instructions keep the state as (a b e f)
 * and (c d g h). */
NI static void
rounds(__m128i *abef, __m128i *cdgh, const uint8_t *p)
{
	const __m128i swap =
		_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i s0 = *abef, s1 = *cdgh, w[4], m;

#pragma GCC unroll 16
	for (int i = 0; i < 16; i++) {
		__m128i *x = &w[i & 3];

		if (i < 4) {
			*x = _mm_loadu_si128((const __m128i_u *)(p + 16 * i));
			*x = _mm_shuffle_epi8(*x, swap);
		} else {
			*x = _mm_sha256msg1_epu32(*x, w[(i + 1) & 3]);
			*x = _mm_add_epi32(*x,
					   _mm_alignr_epi8(w[(i + 3) & 3],
							   w[(i + 2) & 3], 4));
			*x = _mm_sha256msg2_epu32(*x, w[(i + 3) & 3]);
		}
		m = _mm_load_si128((const __m128i *)&constant[4 * i]);
		m = _mm_add_epi32(*x, m);
		s1 = _mm_sha256rnds2_epu32(s1, s0, m);
		s0 = _mm_sha256rnds2_epu32(s0, s1, _mm_shuffle_epi32(m, 0x0e));
	}
	*abef = _mm_add_epi32(*abef, s0);
	*cdgh = _mm_add_epi32(*cdgh, s1);
}

NI static void
blocks_ni(uint32_t state[8], const uint8_t *p, size_t n)
{
	__m128i_u *at = (__m128i_u *)state;
	__m128i x = _mm_shuffle_epi32(_mm_loadu_si128(at), 0xb1);
	__m128i y = _mm_shuffle_epi32(_mm_loadu_si128(at + 1), 0x1b);
	__m128i abef = _mm_alignr_epi8(x, y, 8);
	__m128i cdgh = _mm_blend_epi16(y, x, 0xf0);

	for (; n; n--, p += SHA256_BLOCK)
		rounds(&abef, &cdgh, p);
	x = _mm_shuffle_epi32(abef, 0x1b);
	y = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128(at, _mm_blend_epi16(x, y, 0xf0));
	_mm_storeu_si128(at + 1, _mm_alignr_epi8(y, x, 8));
}
#endif

void
sha256_init_plain(struct sha256 *s)
{
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(s->state, start, sizeof(start));
	s->total = 0;
	s->blocks = blocks_plain;
}

void
sha256_init(struct sha256 *s)
{
	sha256_init_plain(s);
#ifdef HAVE_NI
	/* what the C library found out at its start: asking the processor
	 * again would trap where it is virtual */
	if (CPU_FEATURE_ACTIVE(SHA) && CPU_FEATURE_ACTIVE(SSE4_1))
		s->blocks = blocks_ni;
#endif
}

void
sha256_add(struct sha256 *s, const void *p, size_t n)
{
	const uint8_t *in = p;
	size_t have = s->total % SHA256_BLOCK, take;

	s->total += n;
	if (have) {
		take = MIN(n, SHA256_BLOCK - have);
		memcpy(s->block + have, in, take);
		in += take;
		n -= take;
		if (have + take < SHA256_BLOCK)
			return;
		s->blocks(s->state, s->block, 1);
	}
	s->blocks(s->state, in, n / SHA256_BLOCK);
	in += n - n % SHA256_BLOCK;
	if (n % SHA256_BLOCK)
		memcpy(s->block, in, n % SHA256_BLOCK);
}

void
sha256_end(struct sha256 *s, uint8_t ret[SHA256_LEN])
{
	size_t have = s->total % SHA256_BLOCK;
	uint64_t bits = __builtin_bswap64(s->total * 8);

	s->block[have++] = 0x80;
	if (have > SHA256_BLOCK - sizeof(bits)) {
		memset(s->block + have, 0, SHA256_BLOCK - have);
		s->blocks(s->state, s->block, 1);
		have = 0;
	}
	memset(s->block + have, 0, SHA256_BLOCK - have);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	bits = s->total * 8;
#endif
	memcpy(s->block + SHA256_BLOCK - sizeof(bits), &bits, sizeof(bits));
	s->blocks(s->state, s->block, 1);
	for (size_t i = 0; i < 8; i++) {
		ret[4 * i] = (uint8_t)(s->state[i] >> 24);
		ret[4 * i + 1] = (uint8_t)(s->state[i] >> 16);
		ret[4 * i + 2] = (uint8_t)(s->state[i] >> 8);
		ret[4 * i + 3] = (uint8_t)s->state[i];
	}
}

void
sha256(const void *p, size_t n, uint8_t ret[SHA256_LEN])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, p, n);
	sha256_end(&s, ret);
}
