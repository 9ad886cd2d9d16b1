/*
 * Names and the addresses that stand for them. What always holds: the n-th name
 * that was allowed has the n-th address, and keeps it; the table is only ever
 * added to, in memory that the next shim of the box finds as it was left. What
 * it finds is not trusted: a place whose text is no canonical name stands for
 * nobody, and is not given away.
 */
#include "shim/names.h"

#include "lib/macro.h"
#include "shim/shim.h"

#include <string.h>
#include <sys/mman.h>

#define PLACE 256u
#define INDEX_MIN 64u
#define FIRST 0xc6120000u /* 198.18.0.0 */
#define MASK 0xfffe0000u
_Static_assert(NET_NAMES_SIZE == (SHIM_DNS_NAMES + 1) * PLACE, "one more");

static const uint8_t prefix[12] = { 0xfd, 0x61, 0x67, 0x62, 0x6f, 0x78 };

/* Of the memfd: how many there are, then the names, NUL terminated. */
struct names {
	union {
		uint32_t n;
		char place[PLACE];
	} * at;
	uint32_t n; /* ours, checked */
	/* places by hash of the name: number + 1, 0: free */
	uint32_t *index;
	uint32_t mask;
};

static uint32_t
hash(const char *s)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h ^ h >> 15;
}

static const char *
name_of(const struct names *n, uint32_t i)
{
	return n->at[i + 1].place;
}

/* Where it is in the index, or the free place where it would be. */
static uint32_t
find(const struct names *n, const char *host)
{
	uint32_t i = hash(host) & n->mask;

	while (n->index[i] && strcmp(name_of(n, n->index[i] - 1), host) != 0)
		i = (i + 1) & n->mask;
	return i;
}

static int
grow(struct names *n, uint32_t places)
{
	uint32_t *old = n->index;

	n->index = calloc(places, sizeof(*n->index));
	if (!n->index) {
		n->index = old;
		return -ENOMEM;
	}
	n->mask = places - 1;
	free(old);
	for (uint32_t i = 0; i < n->n; i++)
		if (*name_of(n, i))
			n->index[find(n, name_of(n, i))] = i + 1;
	return 0;
}

static bool
is_canonical(char *place)
{
	struct hostname h;

	place[PLACE - 1] = '\0';
	return hostname_parse(place, strlen(place), false, &h, NULL) == 0 &&
	       h.kind == HOSTNAME_NAME && strcmp(h.text, place) == 0;
}

static int
adopt(struct names *n)
{
	uint32_t places = INDEX_MIN;

	n->n = MIN(n->at[0].n, SHIM_DNS_NAMES);
	for (uint32_t i = 0; i < n->n; i++)
		if (!is_canonical(n->at[i + 1].place))
			*n->at[i + 1].place = '\0';
	while (places < 2 * n->n)
		places *= 2;
	return grow(n, places);
}

int
names_new(int memfd, struct names **ret)
{
	struct names *n = calloc(1, sizeof(*n));
	int flags = memfd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
	int r;

	if (!n)
		return -ENOMEM;
	n->at = mmap(NULL, NET_NAMES_SIZE, PROT_READ | PROT_WRITE, flags,
		     memfd >= 0 ? memfd : -1, 0);
	if (n->at == MAP_FAILED) {
		r = -errno;
		free(n);
		return r;
	}
	r = adopt(n);
	if (r < 0) {
		names_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void
names_free(struct names *n)
{
	if (!n)
		return;
	munmap(n->at, NET_NAMES_SIZE);
	free(n->index);
	free(n);
}

static void
put_address(uint32_t number, bool v6, uint8_t ret[16])
{
	uint32_t a = FIRST + number + 1;
	const uint8_t four[4] = { (uint8_t)(a >> 24), (uint8_t)(a >> 16),
				  (uint8_t)(a >> 8), (uint8_t)a };

	if (v6)
		memcpy(ret, prefix, sizeof(prefix));
	memcpy(ret + (v6 ? sizeof(prefix) : 0), four, sizeof(four));
}

int
names_address(struct names *n, const char *host, bool v6, uint8_t ret[16])
{
	uint32_t i = find(n, host);
	size_t len = strlen(host);

	if (n->index[i]) {
		put_address(n->index[i] - 1, v6, ret);
		return 0;
	}
	if (n->n >= SHIM_DNS_NAMES || len >= PLACE)
		return -ENOSPC;
	if (2 * n->n > n->mask && grow(n, 2 * (n->mask + 1)) < 0)
		return -ENOMEM;
	memcpy(n->at[n->n + 1].place, host, len + 1);
	n->at[0].n = n->n + 1;
	n->index[find(n, host)] = n->n + 1;
	put_address(n->n++, v6, ret);
	return 1;
}

/* The IPv4 address that it is or has at its end, if it is one of ours. */
static bool
four_of(const uint8_t *addr, size_t len, uint32_t *ret)
{
	if (len == 16) {
		if (memcmp(addr, prefix, sizeof(prefix)) != 0)
			return false;
		addr += sizeof(prefix);
	}
	*ret = (uint32_t)addr[0] << 24 | (uint32_t)addr[1] << 16 |
	       (uint32_t)addr[2] << 8 | addr[3];
	return (*ret & MASK) == FIRST || len == 16;
}

bool
names_is_ours(const uint8_t *addr, size_t len)
{
	uint32_t a;

	return four_of(addr, len, &a);
}

int
names_host(const struct names *n, const uint8_t *addr, size_t len,
	   struct hostname *ret)
{
	uint32_t a;
	const char *name;

	if (!four_of(addr, len, &a)) {
		hostname_from_addr(addr, len, ret);
		return 0;
	}
	if (a <= FIRST || a - FIRST > n->n)
		return -ENOENT;
	name = name_of(n, a - FIRST - 1);
	if (hostname_parse(name, strlen(name), false, ret, NULL) < 0)
		return -ENOENT;
	return 0;
}
