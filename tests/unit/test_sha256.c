/* links: lib policy */
/* Both ways of SHA-256 against libmd's own, in pieces of every kind. */
#include "policy/sha256.h"

#include "tests/tap.h"

#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 4096

static void
hex(const uint8_t *p, char *out)
{
	for (size_t i = 0; i < SHA256_LEN; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

TEST(known)
{
	uint8_t h[SHA256_LEN];
	char text[2 * SHA256_LEN + 1];

	sha256("", 0, h);
	hex(h, text);
	ASSERT_STREQ(text, "e3b0c44298fc1c149afbf4c8996fb924"
			   "27ae41e4649b934ca495991b7852b855");
	sha256("abc", 3, h);
	hex(h, text);
	ASSERT_STREQ(text, "ba7816bf8f01cfea414140de5dae2223"
			   "b00361a396177a9cb410ff61f20015ad");
}

static void
pieces(void (*init)(struct sha256 *), const uint8_t *data, size_t n,
       unsigned int seed, uint8_t ret[SHA256_LEN])
{
	struct sha256 s;
	size_t at = 0;

	init(&s);
	while (at < n) {
		size_t k = (size_t)rand_r(&seed) % 150;

		k = k < n - at ? k : n - at;
		sha256_add(&s, data + at, k);
		at += k;
	}
	sha256_end(&s, ret);
}

TEST(as_libmd)
{
	uint8_t data[SIZE], want[SHA256_LEN], h[SHA256_LEN];
	unsigned int seed = 7;
	SHA2_CTX c;

	for (size_t i = 0; i < SIZE; i++)
		data[i] = (uint8_t)rand_r(&seed);
	for (size_t n = 0; n < SIZE; n += 1 + n / 40) {
		SHA256Init(&c);
		SHA256Update(&c, data, n);
		SHA256Final(want, &c);
		sha256(data, n, h);
		ASSERT_MEMEQ(h, want, SHA256_LEN);
		pieces(sha256_init, data, n, (unsigned int)n, h);
		ASSERT_MEMEQ(h, want, SHA256_LEN);
		pieces(sha256_init_plain, data, n, (unsigned int)n, h);
		ASSERT_MEMEQ(h, want, SHA256_LEN);
	}
}
