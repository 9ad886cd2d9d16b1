#pragma once
/* What the log keeps under its SHA-256: policies and counters. */
#include "lib/err.h"

#include <stddef.h>
#include <stdint.h>

/* Reads it, at most max bytes, and checks that it is what its name says:
 * -EBADMSG if not. audit: the folder audit/ (borrowed). *ret: free(). */
int blob_read(int audit, const uint8_t digest[32], size_t max, void **ret,
	      size_t *ret_len, struct err *e);
