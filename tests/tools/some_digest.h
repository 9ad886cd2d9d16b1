#pragma once
/* A digest for tests of input documents: no cipher, but 32 bytes that depend on
 * all of the text. */
#include <stddef.h>
#include <stdint.h>

static inline void
some_digest(void *arg, const void *p, size_t n, uint8_t ret[32])
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	const uint8_t *b = p;

	(void)arg;
	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < 32; i++) {
		h = h * UINT64_C(6364136223846793005) + 1;
		ret[i] = (uint8_t)(h >> 56);
	}
}
