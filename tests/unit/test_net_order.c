/* links: net profiles sandbox policy lib */
/* The order of addresses, in a network of the test's own, whose addresses it
 * knows. */
#include "net/resolve-internal.h"
#include "tests/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void
own_network(void)
{
	struct ifreq q = { .ifr_name = "lo" };
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		SKIP("no user namespaces: %s", strerror(errno));
	fd = ASSERT_OK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	ASSERT_OK(ioctl(fd, SIOCGIFFLAGS, &q));
	q.ifr_flags |= IFF_UP;
	ASSERT_OK(ioctl(fd, SIOCSIFFLAGS, &q));
	close(fd);
}

static void
have4(const char *text)
{
	struct ifreq q = { .ifr_name = "lo:1" };
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = ASSERT_OK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	ASSERT_EQ(inet_pton(AF_INET, text, &in.sin_addr), 1);
	memcpy(&q.ifr_addr, &in, sizeof(in));
	ASSERT_OK(ioctl(fd, SIOCSIFADDR, &q));
	close(fd);
}

/* A new address is tentative until the kernel has looked around (RFC 4862,
 * 5.4), on loopback for a moment; it is no source until then. */
static bool
some_tentative(void)
{
	FILE *f = fopen("/proc/net/if_inet6", "re");
	unsigned int flags;
	bool found = false;
	char line[256];

	ASSERT_NOT_NULL(f);
	while (fgets(line, sizeof(line), f)) {
		/* the fifth field */
		const char *p = line;

		for (int i = 0; i < 4; i++)
			p = strchr(p, ' ') + 1;
		flags = (unsigned int)strtoul(p, NULL, 16);
		found = found || (flags & IFA_F_TENTATIVE);
	}
	fclose(f);
	return found;
}

static void
have6(const char *text)
{
	struct in6_ifreq q = { .ifr6_prefixlen = 64 };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		SKIP("no IPv6: %s", strerror(errno));
	q.ifr6_ifindex = (int)if_nametoindex("lo");
	ASSERT_EQ(inet_pton(AF_INET6, text, &q.ifr6_addr), 1);
	if (ioctl(fd, SIOCSIFADDR, &q) < 0)
		SKIP("no IPv6 address: %s", strerror(errno));
	close(fd);
	while (some_tentative())
		poll(NULL, 0, 1);
}

/* in and out: addresses with blanks between them. */
static void
orders(const char *in, const char *out)
{
	struct resolved v[RESOLVE_ADDRS_MAX];
	char got[1024] = "", word[64];
	size_t n = 0, len = 0;

	while (*in) {
		size_t w = strcspn(in, " ");
		bool v6 = memchr(in, ':', w);

		snprintf(word, sizeof(word), "%.*s", (int)w, in);
		v[n].len = v6 ? 16 : 4;
		ASSERT_EQ(inet_pton(v6 ? AF_INET6 : AF_INET, word, v[n++].addr),
			  1);
		in += w + (in[w] == ' ');
	}
	resolve_order(v, n);
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(
			got + len, sizeof(got) - len, "%s%s", i ? " " : "",
			inet_ntop(v[i].len == 4 ? AF_INET : AF_INET6, v[i].addr,
				  word, sizeof(word)));
	ASSERT_STREQ(got, out);
}

TEST(what_has_no_way_is_last)
{
	own_network();
	orders("8.8.8.8", "8.8.8.8");
	orders("8.8.8.8 127.0.0.1", "127.0.0.1 8.8.8.8");
	orders("2001:db8::1 8.8.8.8 127.0.0.1 9.9.9.9",
	       "127.0.0.1 2001:db8::1 8.8.8.8 9.9.9.9");
}

TEST(by_label_and_precedence)
{
	own_network();
	have4("10.0.0.1");
	have6("2a00::5");
	have6("2a00::7");
	have6("2a00::8");
	have6("2a00::9");
	/* native IPv6 before IPv4 */
	orders("10.0.0.5 2a00::5", "2a00::5 10.0.0.5");
	/* loopback first of all */
	orders("10.0.0.5 2a00::5 ::1", "::1 2a00::5 10.0.0.5");
	/* what is equal stays as it came */
	orders("10.0.0.9 10.0.0.7 10.0.0.8", "10.0.0.9 10.0.0.7 10.0.0.8");
	orders("2a00::9 2a00::7 10.0.0.1 2a00::8",
	       "2a00::9 2a00::7 2a00::8 10.0.0.1");
}

TEST(private_ipv6_after_ipv4)
{
	own_network();
	have4("10.0.0.1");
	have6("fd00::5");
	orders("fd00::5 10.0.0.5", "10.0.0.5 fd00::5");
	have6("2a00::5");
	have6("2a00::7");
	have6("2a00::8");
	have6("2a00::9");
	orders("fd00::5 10.0.0.5 2a00::5", "2a00::5 10.0.0.5 fd00::5");
}

/* An address whose source would be of another kind: rule 5. */
TEST(the_source_is_of_the_same_kind)
{
	own_network();
	have4("10.0.0.1");
	have6("2002:a00:1::5");
	/* 6to4 to 6to4: as good as its precedence; below IPv4 */
	orders("2002:a00:1::5 10.0.0.5", "10.0.0.5 2002:a00:1::5");
}

TEST(the_most_that_there_can_be)
{
	struct resolved v[RESOLVE_ADDRS_MAX];

	for (size_t i = 0; i < RESOLVE_ADDRS_MAX; i++)
		v[i] = (struct resolved){ .addr = { 127, 0, 0, (uint8_t)i },
					  .len = 4 };
	resolve_order(v, RESOLVE_ADDRS_MAX);
	for (size_t i = 0; i < RESOLVE_ADDRS_MAX; i++)
		ASSERT_EQ(v[i].addr[3], i);
	resolve_order(v, 0);
}
