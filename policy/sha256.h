#pragma once
/*
 * SHA-256 (FIPS 180-4) of policies and of what the audit trail keeps by digest:
 * by the processor's own instructions where it has them, since a launch waits
 * for it, else by libmd.
 */
#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32u
#define SHA256_BLOCK 64u

struct sha256 {
	uint32_t state[8];
	uint64_t total; /* bytes so far */
	uint8_t block[SHA256_BLOCK];
	void (*blocks)(uint32_t state[8], const uint8_t *p, size_t n);
};

void sha256_init(struct sha256 *s);
/* The same without the instructions, so that a test can hold one to the other.
 */
void sha256_init_plain(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *p, size_t n);
void sha256_end(struct sha256 *s, uint8_t ret[SHA256_LEN]);
/* Of one piece. */
void sha256(const void *p, size_t n, uint8_t ret[SHA256_LEN]);
