/* links: shim net policy lib */
/* Names and the addresses that stand for them. */
#include "lib/fd.h"
#include "lib/macro.h"
#include "net/wire.h"
#include "shim/names.h"
#include "shim/shim.h"
#include "tests/tap.h"

#include <string.h>
#include <sys/mman.h>

static const uint8_t six[12] = { 0xfd, 0x61, 0x67, 0x62, 0x6f, 0x78 };

static int
store(void)
{
	int fd = ASSERT_OK(memfd_create("names", MFD_CLOEXEC));

	ASSERT_OK(ftruncate(fd, NET_NAMES_SIZE));
	return fd;
}

TEST(each_name_has_its_own)
{
	static const uint8_t one[4] = { 198, 18, 0, 1 },
			     two[4] = { 198, 18, 0, 2 };
	struct names *n;
	struct hostname h;
	uint8_t a[16];

	ASSERT_OK(names_new(-EBADF, &n));
	ASSERT_EQ(names_address(n, "a.example", false, a), 1);
	ASSERT_MEMEQ(a, one, 4);
	ASSERT_EQ(names_address(n, "b.example", true, a), 1);
	ASSERT_MEMEQ(a, six, 12);
	ASSERT_MEMEQ(a + 12, two, 4);
	ASSERT_EQ(names_address(n, "a.example", true, a), 0);
	ASSERT_MEMEQ(a + 12, one, 4);
	ASSERT_OK(names_host(n, a, 16, &h));
	ASSERT_STREQ(h.text, "a.example");
	ASSERT_OK(names_host(n, two, 4, &h));
	ASSERT_STREQ(h.text, "b.example");
	names_free(n);
}

TEST(other_addresses_are_themselves)
{
	static const uint8_t four[4] = { 127, 0, 0, 1 },
			     mapped[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	static const uint8_t ours[][4] = { { 198, 18, 0, 1 },
					   { 198, 18, 0, 0 },
					   { 198, 19, 255, 255 } };
	static const uint8_t beside[][4] = { { 198, 17, 255, 255 },
					     { 198, 20, 0, 0 } };
	uint8_t in_six[16] = { 0 };
	struct names *n;
	struct hostname h;

	ASSERT_OK(names_new(-EBADF, &n));
	ASSERT_OK(names_host(n, four, 4, &h));
	ASSERT_STREQ(h.text, "127.0.0.1");
	ASSERT_OK(names_host(n, mapped, 16, &h));
	ASSERT_STREQ(h.text, "10.0.0.1");
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		ASSERT_ERR(names_host(n, ours[i], 4, &h), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++)
		ASSERT_OK(names_host(n, beside[i], 4, &h));
	/* the whole prefix is ours, whatever is at its end */
	memcpy(in_six, six, 12);
	in_six[15] = 1;
	ASSERT_ERR(names_host(n, in_six, 16, &h), -ENOENT);
	ASSERT_TRUE(names_is_ours(in_six, 16));
	names_free(n);
}

TEST(the_next_shim_goes_on)
{
	_cleanup_close_ int fd = store();
	struct names *n;
	char name[32];
	uint8_t a[16], b[16];

	ASSERT_OK(names_new(fd, &n));
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		ASSERT_EQ(names_address(n, name, false, a), 1);
	}
	names_free(n);
	ASSERT_OK(names_new(fd, &n));
	ASSERT_EQ(names_address(n, "new.example", false, b), 1);
	ASSERT_NE(memcmp(a, b, 4), 0);
	ASSERT_EQ(names_address(n, name, false, b), 0);
	ASSERT_MEMEQ(a, b, 4);
	names_free(n);
}

/* What a broken shim left: nobody gets the address of such a place. */
TEST(what_is_left_is_not_trusted)
{
	_cleanup_close_ int fd = store();
	static const char *const texts[] = { "UPPER.example", "1.2.3.4", "a b",
					     "ok.example", "" };
	uint32_t count = 0xffffffff;
	char long_one[256];
	struct hostname h;
	struct names *n;
	uint8_t a[16];

	memset(long_one, 'a', sizeof(long_one));
	ASSERT_EQ(pwrite(fd, &count, 4, 0), 4);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ASSERT_GE(pwrite(fd, texts[i], strlen(texts[i]) + 1,
				 (off_t)(256 * (i + 1))),
			  1);
	ASSERT_EQ(pwrite(fd, long_one, 256, 256 * 6), 256);
	ASSERT_OK(names_new(fd, &n));
	for (uint8_t i = 1; i <= 6; i++) {
		const uint8_t addr[4] = { 198, 18, 0, i };
		int r = names_host(n, addr, 4, &h);

		ASSERT_EQ(r, i == 4 ? 0 : -ENOENT);
	}
	ASSERT_EQ(names_address(n, "ok.example", false, a), 0);
	/* all of 65536 places are said to be taken */
	ASSERT_ERR(names_address(n, "x.example", false, a), -ENOSPC);
	names_free(n);
}

TEST(there_is_a_bound)
{
	struct names *n;
	struct hostname h;
	char name[32];
	uint8_t a[16];

	ASSERT_OK(names_new(-EBADF, &n));
	for (unsigned int i = 0; i < SHIM_DNS_NAMES; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		ASSERT_EQ(names_address(n, name, false, a), 1);
	}
	ASSERT_ERR(names_address(n, "one-more", false, a), -ENOSPC);
	ASSERT_EQ(names_address(n, "n7", false, a), 0);
	ASSERT_OK(names_host(n, a, 4, &h));
	ASSERT_STREQ(h.text, "n7");
	names_free(n);
}
