/* links: lib */
/* Error text: what is kept, what is replaced, what truncation does. */
#include "lib/err.h"
#include "tests/tap.h"

#include <string.h>

TEST(set_negates_and_replaces)
{
	struct err e = ERR_INIT;

	ASSERT_EQ(err_set(&e, EPERM, "no %s", "way"), -EPERM);
	ASSERT_EQ(e.code, -EPERM);
	ASSERT_STREQ(e.text, "no way");
	err_cure(&e, "try %d", 7);
	ASSERT_STREQ(e.cure, "try 7");
	ASSERT_EQ(err_set(&e, -EIO, "other"), -EIO);
	ASSERT_STREQ(e.text, "other");
	ASSERT_STREQ(e.cure, "");
}

TEST(sys_appends_strerror)
{
	struct err e = ERR_INIT;

	ASSERT_EQ(err_sys(&e, -ENOENT, "open %s", "/x"), -ENOENT);
	ASSERT_STREQ(e.text, "open /x: No such file or directory");
}

TEST(wrap_prefixes_and_keeps_the_rest)
{
	struct err e = ERR_INIT;

	err_set(&e, EINVAL, "bad value");
	err_cure(&e, "use 1");
	ASSERT_EQ(err_wrap(&e, "file %s", "a.json"), -EINVAL);
	ASSERT_STREQ(e.text, "file a.json: bad value");
	ASSERT_STREQ(e.cure, "use 1");
}

TEST(null_is_accepted)
{
	ASSERT_EQ(err_set(NULL, EPERM, "x"), -EPERM);
	ASSERT_EQ(err_sys(NULL, -EPERM, "x"), -EPERM);
	ASSERT_TRUE(err_wrap(NULL, "x") < 0);
	ASSERT_TRUE(err_cure(NULL, "x") < 0);
}

TEST(truncation_terminates)
{
	char big[ERR_TEXT_MAX * 2];
	struct err e = ERR_INIT;

	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	err_sys(&e, EIO, "%s", big);
	ASSERT_EQ(strlen(e.text), sizeof(e.text) - 1);
	err_wrap(&e, "%s", big);
	ASSERT_EQ(strlen(e.text), sizeof(e.text) - 1);
	err_cure(&e, "%s", big);
	ASSERT_EQ(strlen(e.cure), sizeof(e.cure) - 1);
}
