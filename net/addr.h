#pragma once
/*
 * Kinds of addresses, and which of them nobody gets to by a name alone.
 * Sources: IANA special-purpose registries (RFC 6890 and successors), RFC 6052
 * and 8215 (NAT64), 3056 (6to4), 4380 (Teredo), 4291 (mapped, compatible).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum addr_kind {
	ADDR_PUBLIC,
	ADDR_UNSPECIFIED, /* 0.0.0.0/8, :: */
	ADDR_LOOPBACK,	  /* 127/8, ::1 */
	ADDR_LINK_LOCAL,  /* 169.254/16, fe80::/10 */
	ADDR_METADATA,	  /* of clouds: 169.254.169.254, fd00:ec2::254,
			     100.100.100.200, ... */
	ADDR_PRIVATE,	  /* RFC 1918, 100.64/10, fc00::/7, fec0::/10 */
	ADDR_MULTICAST,
	ADDR_RESERVED, /* documentation, benchmarking, 240/4, broadcast,
			  2001::/23, ... */
	ADDR_OWN,      /* one of this host's, whatever it is otherwise */
	ADDR_KIND_MAX
};

/* What an address leads to in the end: an IPv4 address inside an IPv6 one
 * (mapped, compatible, NAT64, 6to4, Teredo) is judged as that. len: 4 or 16. */
enum addr_kind addr_kind(const uint8_t *addr, size_t len);
const char *addr_kind_name(enum addr_kind k);

/* This host's own addresses, all interfaces; read from the kernel. */
struct addr_own;
int addr_own_read(struct addr_own **ret);
bool addr_own_has(const struct addr_own *o, const uint8_t *addr, size_t len);
void addr_own_free(struct addr_own *o);
