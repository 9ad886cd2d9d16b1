/* links: net lib */
/* Kinds of addresses, in every dress that one can wear, and this host's own. */
#include "net/addr.h"
#include "tests/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct row {
	const char *text;
	enum addr_kind want;
};

static size_t
bytes(const char *text, uint8_t addr[16])
{
	if (inet_pton(AF_INET, text, addr) == 1)
		return 4;
	if (inet_pton(AF_INET6, text, addr) != 1)
		FAIL("\"%s\" is no address", text);
	return 16;
}

static void
rows(const struct row *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t a[16];
		size_t len = bytes(t[i].text, a);
		enum addr_kind k = addr_kind(a, len);

		if (k != t[i].want)
			FAIL("%s is %s, not %s", t[i].text, addr_kind_name(k),
			     addr_kind_name(t[i].want));
	}
}

#define ROWS(t) rows(t, sizeof(t) / sizeof((t)[0]))

/* Each range: below it, its ends, above it. */
static const struct row v4[] = {
	{ "0.0.0.0", ADDR_UNSPECIFIED },
	{ "0.0.0.1", ADDR_UNSPECIFIED },
	{ "0.255.255.255", ADDR_UNSPECIFIED },
	{ "1.0.0.0", ADDR_PUBLIC },
	{ "1.1.1.1", ADDR_PUBLIC },
	{ "8.8.8.8", ADDR_PUBLIC },
	{ "9.255.255.255", ADDR_PUBLIC },
	{ "10.0.0.0", ADDR_PRIVATE },
	{ "10.255.255.255", ADDR_PRIVATE },
	{ "11.0.0.0", ADDR_PUBLIC },
	{ "100.63.255.255", ADDR_PUBLIC },
	{ "100.64.0.0", ADDR_PRIVATE },
	{ "100.100.100.199", ADDR_PRIVATE },
	{ "100.100.100.200", ADDR_METADATA },
	{ "100.100.100.201", ADDR_PRIVATE },
	{ "100.127.255.255", ADDR_PRIVATE },
	{ "100.128.0.0", ADDR_PUBLIC },
	{ "126.255.255.255", ADDR_PUBLIC },
	{ "127.0.0.0", ADDR_LOOPBACK },
	{ "127.0.0.1", ADDR_LOOPBACK },
	{ "127.0.0.53", ADDR_LOOPBACK },
	{ "127.255.255.255", ADDR_LOOPBACK },
	{ "128.0.0.0", ADDR_PUBLIC },
	{ "168.63.129.15", ADDR_PUBLIC },
	{ "168.63.129.16", ADDR_METADATA },
	{ "168.63.129.17", ADDR_PUBLIC },
	{ "169.253.255.255", ADDR_PUBLIC },
	{ "169.254.0.0", ADDR_LINK_LOCAL },
	{ "169.254.0.23", ADDR_METADATA },
	{ "169.254.10.10", ADDR_METADATA },
	{ "169.254.169.253", ADDR_LINK_LOCAL },
	{ "169.254.169.254", ADDR_METADATA },
	{ "169.254.170.2", ADDR_METADATA },
	{ "169.254.170.23", ADDR_METADATA },
	{ "169.254.255.255", ADDR_LINK_LOCAL },
	{ "169.255.0.0", ADDR_PUBLIC },
	{ "172.15.255.255", ADDR_PUBLIC },
	{ "172.16.0.0", ADDR_PRIVATE },
	{ "172.17.0.1", ADDR_PRIVATE },
	{ "172.31.255.255", ADDR_PRIVATE },
	{ "172.32.0.0", ADDR_PUBLIC },
	{ "191.255.255.255", ADDR_PUBLIC },
	{ "192.0.0.0", ADDR_RESERVED },
	{ "192.0.0.8", ADDR_RESERVED },
	{ "192.0.0.170", ADDR_RESERVED },
	{ "192.0.0.192", ADDR_METADATA },
	{ "192.0.0.255", ADDR_RESERVED },
	{ "192.0.1.0", ADDR_PUBLIC },
	{ "192.0.2.0", ADDR_RESERVED },
	{ "192.0.2.255", ADDR_RESERVED },
	{ "192.0.3.0", ADDR_PUBLIC },
	{ "192.88.98.255", ADDR_PUBLIC },
	{ "192.88.99.1", ADDR_RESERVED },
	{ "192.88.100.0", ADDR_PUBLIC },
	{ "192.167.255.255", ADDR_PUBLIC },
	{ "192.168.0.0", ADDR_PRIVATE },
	{ "192.168.255.255", ADDR_PRIVATE },
	{ "192.169.0.0", ADDR_PUBLIC },
	{ "198.17.255.255", ADDR_PUBLIC },
	{ "198.18.0.0", ADDR_RESERVED },
	{ "198.19.255.255", ADDR_RESERVED },
	{ "198.20.0.0", ADDR_PUBLIC },
	{ "198.51.99.255", ADDR_PUBLIC },
	{ "198.51.100.0", ADDR_RESERVED },
	{ "198.51.100.255", ADDR_RESERVED },
	{ "198.51.101.0", ADDR_PUBLIC },
	{ "203.0.112.255", ADDR_PUBLIC },
	{ "203.0.113.0", ADDR_RESERVED },
	{ "203.0.113.255", ADDR_RESERVED },
	{ "203.0.114.0", ADDR_PUBLIC },
	{ "223.255.255.255", ADDR_PUBLIC },
	{ "224.0.0.0", ADDR_MULTICAST },
	{ "239.255.255.255", ADDR_MULTICAST },
	{ "240.0.0.0", ADDR_RESERVED },
	{ "255.255.255.254", ADDR_RESERVED },
	{ "255.255.255.255", ADDR_RESERVED },
};

TEST(every_range_of_ipv4)
{
	ROWS(v4);
}

/* Every way to put an IPv4 address into an IPv6 one gives the same answer. */
TEST(ipv4_in_the_clothes_of_ipv6)
{
	static const struct {
		const char *prefix;
		size_t at;
		uint8_t invert;
	} in[] = {
		{ "::ffff:0:0", 12, 0 },
		{ "::ffff:0:0:0", 12, 0 },
		{ "64:ff9b::", 12, 0 },
		{ "2002::", 2, 0 },
		{ "2002::1:2:3:4", 2, 0 },
		{ "2001::", 12, 0xff },
		{ "::", 12, 0 },
		{ "2a00:1450::5efe:0:0", 12, 0 },
		{ "2a00::200:5efe:0:0", 12, 0 },
	};

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		for (size_t j = 0; j < sizeof(v4) / sizeof(v4[0]); j++) {
			uint8_t a[16], b[16];
			enum addr_kind k;

			/* ":: "and "::1" are themselves; 2001:: is Teredo
			 * with a server, which must be public here */
			if (i == 6 && j < 2)
				continue;
			bytes(in[i].prefix, a);
			bytes(v4[j].text, b);
			if (i == 5)
				memcpy(a + 4, "\x08\x08\x08\x08", 4);
			for (size_t n = 0; n < 4; n++)
				a[in[i].at + n] = b[n] ^ in[i].invert;
			k = addr_kind(a, 16);
			if (k != v4[j].want)
				FAIL("%s with %s is %s", in[i].prefix,
				     v4[j].text, addr_kind_name(k));
		}
}

TEST(every_range_of_ipv6)
{
	static const struct row t[] = {
		{ "::", ADDR_UNSPECIFIED },
		{ "::1", ADDR_LOOPBACK },
		{ "::2", ADDR_UNSPECIFIED }, /* 0.0.0.2 */
		{ "::1:0:0", ADDR_RESERVED },
		{ "64:ff9a::808:808", ADDR_RESERVED },
		{ "64:ff9b::808:808", ADDR_PUBLIC },
		{ "64:ff9b::1:0:808:808", ADDR_RESERVED },
		{ "64:ff9b:1::", ADDR_PRIVATE },
		{ "64:ff9b:1::808:808", ADDR_PRIVATE },
		{ "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", ADDR_PRIVATE },
		{ "64:ff9b:2::808:808", ADDR_RESERVED },
		{ "100::", ADDR_RESERVED },
		{ "100::ffff:ffff:ffff:ffff", ADDR_RESERVED },
		{ "100:0:0:1::1", ADDR_RESERVED },
		{ "1fff:ffff::", ADDR_RESERVED },
		{ "2000::", ADDR_PUBLIC },
		{ "2000:ffff::", ADDR_PUBLIC },
		{ "2001:1::1", ADDR_RESERVED },
		{ "2001:2::1", ADDR_RESERVED },
		{ "2001:20::1", ADDR_RESERVED },
		{ "2001:1ff:ffff::", ADDR_RESERVED },
		{ "2001:200::", ADDR_PUBLIC },
		{ "2001:4860:4860::8888", ADDR_PUBLIC },
		{ "2001:db7:ffff::", ADDR_PUBLIC },
		{ "2001:db8::", ADDR_RESERVED },
		{ "2001:db8:ffff:ffff::", ADDR_RESERVED },
		{ "2001:db9::", ADDR_PUBLIC },
		{ "2003::1", ADDR_PUBLIC },
		{ "2606:4700:4700::1111", ADDR_PUBLIC },
		{ "3ffe:ffff::", ADDR_PUBLIC },
		{ "3fff::1", ADDR_RESERVED },
		{ "3fff:fff:ffff::", ADDR_RESERVED },
		{ "3fff:1000::", ADDR_PUBLIC },
		{ "3fff:ffff::", ADDR_PUBLIC },
		{ "4000::", ADDR_RESERVED },
		{ "5f00::1", ADDR_RESERVED },
		{ "fbff::1", ADDR_RESERVED },
		{ "fc00::", ADDR_PRIVATE },
		{ "fd00:ec2::253", ADDR_PRIVATE },
		{ "fd00:ec2::254", ADDR_METADATA },
		{ "fd00:ec2::23", ADDR_METADATA },
		{ "fd20:ce::254", ADDR_METADATA },
		{ "fd00:42::42", ADDR_METADATA },
		{ "fd61:6762:6f78::c612:1", ADDR_PRIVATE },
		{ "fdff:ffff::ffff", ADDR_PRIVATE },
		{ "fe00::1", ADDR_RESERVED },
		{ "fe7f:ffff::", ADDR_RESERVED },
		{ "fe80::", ADDR_LINK_LOCAL },
		{ "fe80::1", ADDR_LINK_LOCAL },
		{ "fe80::a9fe:a9fe", ADDR_METADATA },
		{ "febf:ffff::", ADDR_LINK_LOCAL },
		{ "fec0::", ADDR_PRIVATE },
		{ "feff:ffff::", ADDR_PRIVATE },
		{ "ff00::", ADDR_MULTICAST },
		{ "ff02::1", ADDR_MULTICAST },
		{ "ff0e::1", ADDR_MULTICAST },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDR_MULTICAST },
		/* Teredo: the server counts as the client does */
		{ "2001:0:808:808:0:0:f7f7:f7f7", ADDR_PUBLIC },
		{ "2001:0:7f00:1:0:0:f7f7:f7f7", ADDR_LOOPBACK },
		{ "2001:0:a9fe:a9fe:0:0:f7f7:f7f7", ADDR_METADATA },
		/* ISATAP: the prefix counts as what is inside does */
		{ "fe80::5efe:808:808", ADDR_LINK_LOCAL },
		{ "fc00::5efe:808:808", ADDR_PRIVATE },
		{ "2002:808:808::5efe:7f00:1", ADDR_LOOPBACK },
		{ "2002:7f00:1::5efe:808:808", ADDR_LOOPBACK },
	};

	ROWS(t);
}

TEST(neither_4_nor_16_bytes)
{
	static const uint8_t a[16] = { 8, 8, 8, 8 };

	ASSERT_EQ(addr_kind(a, 0), ADDR_RESERVED);
	ASSERT_EQ(addr_kind(a, 5), ADDR_RESERVED);
	ASSERT_EQ(addr_kind(a, 15), ADDR_RESERVED);
}

TEST(every_kind_has_a_name)
{
	for (unsigned int i = 0; i < ADDR_KIND_MAX; i++)
		for (unsigned int j = 0; j < i; j++)
			ASSERT_NE(strcmp(addr_kind_name(i), addr_kind_name(j)),
				  0);
	ASSERT_STREQ(addr_kind_name(ADDR_METADATA), "metadata");
	ASSERT_STREQ(addr_kind_name(ADDR_KIND_MAX), "unknown");
}

static bool
own(const struct addr_own *o, const char *text)
{
	uint8_t a[16];
	size_t len = bytes(text, a);

	return addr_own_has(o, a, len);
}

static void
loopback_up(void)
{
	struct ifreq q = { .ifr_name = "lo" };
	int fd = ASSERT_OK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	ASSERT_OK(ioctl(fd, SIOCGIFFLAGS, &q));
	q.ifr_flags |= IFF_UP;
	ASSERT_OK(ioctl(fd, SIOCSIFFLAGS, &q));
	close(fd);
}

/* Another address on the interface, as ifconfig(8) gives one. */
static void
address_add(const char *name, const char *text)
{
	struct ifreq q = { 0 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = ASSERT_OK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	ASSERT_EQ(inet_pton(AF_INET, text, &in.sin_addr), 1);
	memcpy(q.ifr_name, name, strlen(name));
	memcpy(&q.ifr_addr, &in, sizeof(in));
	ASSERT_OK(ioctl(fd, SIOCSIFADDR, &q));
	close(fd);
}

TEST(own_addresses_of_a_namespace)
{
	struct addr_own *o = NULL;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		SKIP("no user namespaces: %s", strerror(errno));
	ASSERT_OK(addr_own_read(&o));
	ASSERT_FALSE(own(o, "127.0.0.1"));
	addr_own_free(o);
	loopback_up();
	ASSERT_OK(addr_own_read(&o));
	ASSERT_TRUE(own(o, "127.0.0.1"));
	/* by the local table, 127.0.0.0/8 */
	ASSERT_TRUE(own(o, "127.3.4.5"));
	ASSERT_TRUE(own(o, "::ffff:127.3.4.5"));
	ASSERT_FALSE(own(o, "8.8.4.4"));
	addr_own_free(o);
	address_add("lo:1", "8.8.4.4");
	ASSERT_OK(addr_own_read(&o));
	ASSERT_TRUE(own(o, "8.8.4.4"));
	ASSERT_TRUE(own(o, "::ffff:8.8.4.4"));
	ASSERT_TRUE(own(o, "64:ff9b::8.8.4.4"));
	ASSERT_TRUE(own(o, "2002:808:404::1"));
	/* it came with the network of its class, 8.0.0.0/8, and on loopback all
	 * of that is this host */
	ASSERT_TRUE(own(o, "8.9.9.9"));
	ASSERT_FALSE(own(o, "9.8.4.4"));
	ASSERT_FALSE(own(o, "2001:4860::1"));
	addr_own_free(o);
}

TEST(own_addresses_of_this_host)
{
	struct addr_own *o = NULL;

	ASSERT_OK(addr_own_read(&o));
	ASSERT_FALSE(own(o, "192.0.2.77"));
	addr_own_free(o);
	addr_own_free(NULL);
}
