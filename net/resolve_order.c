/*
 * In which order addresses are tried: RFC 6724, 6, of which rules 3, 4 and 7
 * need what no ordinary program is told. c-ares can sort, too, but asks the
 * kernel about each of thousands of addresses that a name server can put into
 * one answer. What always holds: nothing is sent; at most RESOLVE_ADDRS_MAX
 * addresses are looked at.
 */
#include "lib/macro.h"
#include "net/addr-internal.h"
#include "net/resolve-internal.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

struct ranked {
	struct resolved a;
	uint8_t to[16], from[16]; /* as IPv6 */
	bool usable;
};

/* RFC 6724, 2.1 */
static const struct {
	uint8_t prefix[16];
	uint8_t bits, precedence, label;
} policy[] = {
	{ { [15] = 1 }, 128, 50, 0 },  { { [10] = 0xff, 0xff }, 96, 35, 4 },
	{ { 0 }, 96, 1, 3 },	       { { 0x20, 0x01, 0, 0 }, 32, 5, 5 },
	{ { 0x20, 0x02 }, 16, 30, 2 }, { { 0x3f, 0xfe }, 16, 1, 12 },
	{ { 0xfe, 0xc0 }, 10, 1, 11 }, { { 0xfc }, 7, 3, 13 },
	{ { 0 }, 0, 40, 1 },
};

static size_t
policy_of(const uint8_t *a)
{
	size_t i = 0;

	while (!addr_in_prefix(a, policy[i].prefix, policy[i].bits))
		i++;
	return i;
}

/* RFC 6724, 3.1 and 3.2; values of RFC 4291, 2.7 */
static unsigned int
scope_of(const uint8_t *a)
{
	if (a[0] == 0xff)
		return a[1] & 15;
	switch (addr_kind(a, 16)) {
	case ADDR_LOOPBACK:
	case ADDR_LINK_LOCAL:
		return 2;
	default:
		return a[0] == 0xfe && (a[1] & 0xc0) == 0xc0 ? 5 : 14;
	}
}

/* The source that the kernel would take; connecting a datagram socket sends
 * nothing. */
static bool
find_source(const struct resolved *to, uint8_t ret[16])
{
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} a = { .any.sa_family = to->len == 4 ? AF_INET : AF_INET6 };
	socklen_t size = to->len == 4 ? sizeof(a.in4) : sizeof(a.in6);
	_cleanup_close_ int fd =
		socket(a.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (to->len == 4)
		memcpy(&a.in4.sin_addr, to->addr, 4);
	else
		memcpy(&a.in6.sin6_addr, to->addr, 16);
	a.in4.sin_port = htons(9);
	if (fd < 0 || connect(fd, &a.any, size) < 0 ||
	    getsockname(fd, &a.any, &size) < 0)
		return false;
	if (to->len == 16) {
		memcpy(ret, &a.in6.sin6_addr, 16);
		return true;
	}
	memset(ret, 0, 16);
	memset(ret + 10, 0xff, 2);
	memcpy(ret + 12, &a.in4.sin_addr, 4);
	return true;
}

static void
rank(const struct resolved *a, struct ranked *ret)
{
	*ret = (struct ranked){ .a = *a };
	if (a->len == 16) {
		memcpy(ret->to, a->addr, 16);
	} else {
		memset(ret->to + 10, 0xff, 2);
		memcpy(ret->to + 12, a->addr, 4);
	}
	ret->usable = find_source(a, ret->from);
}

/* Of the first 64 bits: what follows says nothing about distance. */
static int
common_bits(const struct ranked *r)
{
	int n = 0;

	while (n < 64 && !((r->to[n / 8] ^ r->from[n / 8]) >> (7 - n % 8) & 1))
		n++;
	return n;
}

/* Above 0: a is better. */
static int
compare(const struct ranked *a, const struct ranked *b)
{
	unsigned int sa = scope_of(a->to), sb = scope_of(b->to);
	size_t pa = policy_of(a->to), pb = policy_of(b->to);
	int r = a->usable - b->usable; /* rule 1 */

	if (r || !a->usable)
		return r;
	r = (sa == scope_of(a->from)) - (sb == scope_of(b->from)); /* 2 */
	if (!r)
		r = (policy[pa].label == policy[policy_of(a->from)].label) -
		    (policy[pb].label ==
		     policy[policy_of(b->from)].label); /* 5 */
	if (!r)
		r = policy[pa].precedence - policy[pb].precedence; /* 6 */
	if (!r)
		r = (int)sb - (int)sa; /* 8 */
	if (!r && a->a.len == 16 && b->a.len == 16)
		r = common_bits(a) - common_bits(b); /* 9 */
	return r;
}

void
resolve_order(struct resolved *v, size_t n)
{
	struct ranked r[RESOLVE_ADDRS_MAX];

	if (n < 2)
		return;
	for (size_t i = 0; i < n; i++) {
		struct ranked x;
		size_t j = i;

		rank(&v[i], &x);
		for (; j && compare(&x, &r[j - 1]) > 0; j--)
			r[j] = r[j - 1];
		r[j] = x;
	}
	for (size_t i = 0; i < n; i++)
		v[i] = r[i].a;
}
