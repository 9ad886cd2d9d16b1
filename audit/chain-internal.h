#pragma once
/* Digests for the files of this folder. */
#include "audit/chain.h"

/* SHA-256 of two pieces. */
void chain_sha256_2(struct chain_hash *h, const void *a, size_t na,
		    const void *b, size_t nb, uint8_t ret[RECORD_HASH_LEN]);
