#pragma once
/*
 * Names of hosts in one canonical form, so that what is decided on is what is
 * dialled. Whatever has two readings is refused, not repaired.
 */
#include "lib/macro.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOSTNAME_MAX 253 /* RFC 1035, 2.3.4, without the last dot */

enum hostname_kind { HOSTNAME_NAME, HOSTNAME_IPV4, HOSTNAME_IPV6 };

struct hostname {
	enum hostname_kind kind;
	/* NAME: lower case, no dot at the end, labels of [a-z0-9_-], punycode
	 * as it is. Addresses: dotted decimal; RFC 5952, without brackets or
	 * zone. */
	char text[HOSTNAME_MAX + 1];
	uint8_t addr[16]; /* 4 or 16 bytes, for addresses */
};

/* s: as a program gave it (URL host, SOCKS, SNI, DNS), n bytes. Brackets are
 * for URLs: "[::1]". -EINVAL: empty label, over long, a byte that no name has
 * (NUL, blank, /, @, %, anything above 127), last label of digits only that is
 * no dotted decimal address, or 0x.. (the forms of inet_aton(3): decimal,
 * octal, hexadecimal, short), a zone. *ret_why, if not NULL: a phrase for
 * people. */
int hostname_parse(const char *s, size_t n, bool url, struct hostname *ret,
		   const char **ret_why);
/* From an address of 4 or 16 bytes; IPv4-mapped IPv6 becomes IPv4. */
void hostname_from_addr(const uint8_t *addr, size_t len, struct hostname *ret);
/* "host:port", "[v6]:port"; port is required. Strict digits, 1 to 65535. */
int hostname_parse_port(const char *s, size_t n, struct hostname *ret,
			uint16_t *ret_port, const char **ret_why);
