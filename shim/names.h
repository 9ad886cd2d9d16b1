#pragma once
/*
 * The names of a box and the addresses that stand for them inside:
 * 198.18.0.0/15 (RFC 2544) and fd61:6762:6f78::/96 with the same IPv4 address
 * at its end. A name that has one keeps it for as long as the box lives, and no
 * other gets it.
 */
#include "net/hostname.h"

struct names;

/* memfd: borrowed, of NET_NAMES_SIZE bytes, with the names that an earlier shim
 * gave addresses to; -EBADF: none, they are forgotten with this process. */
int names_new(int memfd, struct names **ret);
void names_free(struct names *n); /* accepts NULL */
/* The address of a canonical name: 4 bytes, or 16 if v6. 1: it is new; 0: it
 * had it; -ENOSPC: there are too many names. */
int names_address(struct names *n, const char *host, bool v6, uint8_t ret[16]);
/* Whose address it is: the name, or, for an address that stands for no name,
 * that address. -ENOENT: one of ours that was never given to any. */
int names_host(const struct names *n, const uint8_t *addr, size_t len,
	       struct hostname *ret);
bool names_is_ours(const uint8_t *addr, size_t len);
