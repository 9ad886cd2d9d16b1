/*
 * What an address is. Two tables, most specific first, and the ways in which an
 * IPv4 address hides in an IPv6 one. What always holds: what stands in no table
 * and is no global unicast address is reserved, so nothing unknown is public;
 * an address is public only if each one inside it is, too.
 */
#include "lib/macro.h"
#include "net/addr-internal.h"

#include <string.h>

struct range {
	uint8_t addr[16];
	uint8_t bits;
	uint8_t kind;
};

/* IANA IPv4 Special-Purpose Address Registry; metadata services by their
 * documentation: 169.254.169.254 nearly everywhere, 169.254.170.2 and .23 AWS
 * ECS and EKS, 169.254.0.23 and .10.10 Tencent, 100.100.100.200 Alibaba,
 * 192.0.0.192 Oracle Classic, 168.63.129.16 Azure's host agent. */
static const struct range v4[] = {
	{ { 169, 254, 169, 254 }, 32, ADDR_METADATA },
	{ { 169, 254, 170, 2 }, 32, ADDR_METADATA },
	{ { 169, 254, 170, 23 }, 32, ADDR_METADATA },
	{ { 169, 254, 0, 23 }, 32, ADDR_METADATA },
	{ { 169, 254, 10, 10 }, 32, ADDR_METADATA },
	{ { 100, 100, 100, 200 }, 32, ADDR_METADATA },
	{ { 192, 0, 0, 192 }, 32, ADDR_METADATA },
	{ { 168, 63, 129, 16 }, 32, ADDR_METADATA },
	{ { 0 }, 8, ADDR_UNSPECIFIED },
	{ { 10 }, 8, ADDR_PRIVATE },
	{ { 100, 64 }, 10, ADDR_PRIVATE },
	{ { 127 }, 8, ADDR_LOOPBACK },
	{ { 169, 254 }, 16, ADDR_LINK_LOCAL },
	{ { 172, 16 }, 12, ADDR_PRIVATE },
	{ { 192, 0, 0 }, 24, ADDR_RESERVED },
	{ { 192, 0, 2 }, 24, ADDR_RESERVED },
	{ { 192, 88, 99 }, 24, ADDR_RESERVED },
	{ { 192, 168 }, 16, ADDR_PRIVATE },
	{ { 198, 18 }, 15, ADDR_RESERVED },
	{ { 198, 51, 100 }, 24, ADDR_RESERVED },
	{ { 203, 0, 113 }, 24, ADDR_RESERVED },
	{ { 224 }, 4, ADDR_MULTICAST },
	{ { 240 }, 4, ADDR_RESERVED },
	{ { 0 }, 0, ADDR_PUBLIC },
};

/* IANA IPv6 Special-Purpose Address Registry, and IPv6 Address Space: only
 * 2000::/3 is global unicast. Metadata: AWS (fd00:ec2::254, ::23), Google
 * (fd20:ce::254), Scaleway (fd00:42::42), OpenStack (fe80::a9fe:a9fe). */
static const struct range v6[] = {
	{ { 0xfd, 0, 0x0e, 0xc2, [14] = 0x02, 0x54 }, 128, ADDR_METADATA },
	{ { 0xfd, 0, 0x0e, 0xc2, [15] = 0x23 }, 128, ADDR_METADATA },
	{ { 0xfd, 0x20, 0, 0xce, [14] = 0x02, 0x54 }, 128, ADDR_METADATA },
	{ { 0xfd, 0, 0, 0x42, [15] = 0x42 }, 128, ADDR_METADATA },
	{ { 0xfe, 0x80, [12] = 0xa9, 0xfe, 0xa9, 0xfe }, 128, ADDR_METADATA },
	{ { 0 }, 128, ADDR_UNSPECIFIED },
	{ { [15] = 1 }, 128, ADDR_LOOPBACK },
	{ { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48, ADDR_PRIVATE }, /* RFC 8215 */
	/* judged by what is inside */
	{ { [10] = 0xff, 0xff }, 96, ADDR_PUBLIC },
	{ { [8] = 0xff, 0xff }, 96, ADDR_PUBLIC },
	{ { 0 }, 96, ADDR_PUBLIC },
	{ { 0, 0x64, 0xff, 0x9b }, 96, ADDR_PUBLIC },
	{ { 0x20, 0x02 }, 16, ADDR_PUBLIC },
	{ { 0x20, 0x01, 0, 0 }, 32, ADDR_PUBLIC },
	{ { 0x20, 0x01 }, 23, ADDR_RESERVED },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, ADDR_RESERVED },
	{ { 0x3f, 0xff }, 20, ADDR_RESERVED },
	{ { 0xfc }, 7, ADDR_PRIVATE },
	{ { 0xfe, 0x80 }, 10, ADDR_LINK_LOCAL },
	{ { 0xfe, 0xc0 }, 10, ADDR_PRIVATE },
	{ { 0xff }, 8, ADDR_MULTICAST },
	{ { 0x20 }, 3, ADDR_PUBLIC },
	{ { 0 }, 0, ADDR_RESERVED },
};

/* Prefixes whose addresses hold an IPv4 address, and where. */
static const struct {
	uint8_t prefix[16];
	uint8_t bits, at, invert;
} inside[] = {
	{ { [10] = 0xff, 0xff }, 96, 12, 0 },	/* mapped, RFC 4291 */
	{ { [8] = 0xff, 0xff }, 96, 12, 0 },	/* translated, RFC 2765 */
	{ { 0 }, 96, 12, 0 },			/* compatible, RFC 4291 */
	{ { 0, 0x64, 0xff, 0x9b }, 96, 12, 0 }, /* NAT64, RFC 6052 */
	{ { 0x20, 0x02 }, 16, 2, 0 },		/* 6to4, RFC 3056 */
	{ { 0x20, 0x01, 0, 0 }, 32, 12, 0xff }, /* Teredo client, RFC 4380 */
	{ { 0x20, 0x01, 0, 0 }, 32, 4, 0 },	/* Teredo server */
};

bool
addr_in_prefix(const uint8_t *addr, const uint8_t *prefix, unsigned int bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	return memcmp(addr, prefix, bytes) == 0 &&
	       (!rest || (addr[bytes] ^ prefix[bytes]) >> (8 - rest) == 0);
}

static enum addr_kind
look_up(const struct range *t, const uint8_t *addr)
{
	while (!addr_in_prefix(addr, t->addr, t->bits))
		t++;
	return (enum addr_kind)t->kind;
}

/* ISATAP (RFC 5214, 6.1): below any prefix, behind 0000:5efe or 0200:5efe. */
static bool
is_isatap(const uint8_t *a)
{
	return (a[8] & ~2u) == 0 && a[9] == 0 && a[10] == 0x5e && a[11] == 0xfe;
}

static bool
is_unspecified_or_loopback(const uint8_t *a)
{
	static const uint8_t zero[15];

	return memcmp(a, zero, sizeof(zero)) == 0 && a[15] <= 1;
}

size_t
addr_inside(const uint8_t *addr, size_t len, uint8_t ret[][4])
{
	size_t n = 0;

	if (len != 16 || is_unspecified_or_loopback(addr))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(inside); i++) {
		if (!addr_in_prefix(addr, inside[i].prefix, inside[i].bits))
			continue;
		for (size_t j = 0; j < 4; j++)
			ret[n][j] = addr[inside[i].at + j] ^ inside[i].invert;
		n++;
	}
	if (is_isatap(addr))
		memcpy(ret[n++], addr + 12, 4);
	return n;
}

enum addr_kind
addr_kind(const uint8_t *addr, size_t len)
{
	uint8_t in[ADDR_INSIDE_MAX][4];
	size_t n = addr_inside(addr, len, in);

	if (len != 4 && len != 16)
		return ADDR_RESERVED;
	for (size_t i = 0; i < n; i++) {
		enum addr_kind k = look_up(v4, in[i]);

		if (k != ADDR_PUBLIC)
			return k;
	}
	return look_up(len == 4 ? v4 : v6, addr);
}

const char *
addr_kind_name(enum addr_kind k)
{
	static const char *const names[ADDR_KIND_MAX] = {
		[ADDR_PUBLIC] = "public",
		[ADDR_UNSPECIFIED] = "unspecified",
		[ADDR_LOOPBACK] = "loopback",
		[ADDR_LINK_LOCAL] = "link-local",
		[ADDR_METADATA] = "metadata",
		[ADDR_PRIVATE] = "private",
		[ADDR_MULTICAST] = "multicast",
		[ADDR_RESERVED] = "reserved",
		[ADDR_OWN] = "own",
	};

	return (unsigned int)k < ADDR_KIND_MAX ? names[k] : "unknown";
}
