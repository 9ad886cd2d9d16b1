/* links: lib */
/* The id of the build that runs, as the linker wrote it. */
#include "lib/build_id.h"

#include "lib/fd.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <string.h>

/* The bytes of text, which is in hex. */
static size_t
from_hex(const char *text, unsigned char *ret, size_t max)
{
	size_t n = strlen(text) / 2;

	ASSERT_LE(n, max);
	for (size_t i = 0; i < n; i++) {
		char two[3] = { text[2 * i], text[2 * i + 1], '\0' };

		ret[i] = (unsigned char)strtoul(two, NULL, 16);
	}
	return n;
}

TEST(is_the_programs)
{
	static const char owner[] = "GNU"; /* elf(5): before the id */
	_cleanup_free_ char *self = NULL;
	unsigned char want[4 + 20];
	char text[65];
	ssize_t len;

	ASSERT_OK(build_id(text, sizeof(text)));
	ASSERT_EQ(strlen(text), 40); /* of SHA-1 */
	ASSERT_EQ(strspn(text, "0123456789abcdef"), 40);
	memcpy(want, owner, 4);
	from_hex(text, want + 4, 20);
	len = ASSERT_OK(
		fd_read_file(AT_FDCWD, "/proc/self/exe", 1 << 28, &self));
	ASSERT_NOT_NULL(memmem(self, (size_t)len, want, sizeof(want)));
}

TEST(never_writes_too_far)
{
	char text[8], whole[65];

	ASSERT_OK(build_id(whole, sizeof(whole)));
	memset(text, 'x', sizeof(text));
	ASSERT_OK(build_id(text, 6));
	ASSERT_EQ(strlen(text), 4);
	ASSERT_MEMEQ(text, whole, 4);
	ASSERT_EQ(text[6], 'x');
}
