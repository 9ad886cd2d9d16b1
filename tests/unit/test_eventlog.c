/* links: lib supervisor */
/* The event log: bounded, whole lines, valid JSON, a file only if needed. */
#include "lib/macro.h"
#include "supervisor/eventlog.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
open_dir(void)
{
	return ASSERT_OK(
		open(tap_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* Every line is a JSON object; returns their number. */
static int
check_lines(const char *text, size_t len)
{
	const char *end = text + len, *nl;
	int n = 0;

	while (text < end) {
		json_t *j;

		nl = memchr(text, '\n', (size_t)(end - text));
		ASSERT_NOT_NULL(nl);
		j = json_loadb(text, (size_t)(nl - text), 0, NULL);
		ASSERT_NOT_NULL(j);
		ASSERT_NOT_NULL(json_object_get(j, "event"));
		json_decref(j);
		text = nl + 1;
		n++;
	}
	return n;
}

static size_t
read_log(int dir, char *buf, size_t size)
{
	int fd = openat(dir, "0123456789ab.log", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, buf, size);
	close(fd);
	return n < 0 ? 0 : (size_t)n;
}

TEST(no_file_until_something_notable)
{
	static char buf[256 * 1024];
	struct eventlog *l = NULL;
	int dir = open_dir();
	const char *text;
	size_t len, n;

	ASSERT_OK(eventlog_new(dir, "0123456789ab", "alpha", &l));
	eventlog_add(l, EVENT_STARTED, "one");
	eventlog_add(l, EVENT_EXITED, "status %d", 0);
	ASSERT_EQ(read_log(dir, buf, sizeof(buf)), 0);
	eventlog_add(l, EVENT_FROZEN, "by uid %u", 0u);
	eventlog_add(l, EVENT_EXITED, "status %d", 1);
	text = eventlog_text(l, &len);
	n = read_log(dir, buf, sizeof(buf));
	ASSERT_EQ(n, len);
	ASSERT_MEMEQ(buf, text, len);
	ASSERT_EQ(check_lines(text, len), 4);
	ASSERT_STRSTR(text, "\"box\":\"alpha\"");
	eventlog_free(l);
	close(dir);
}

TEST(any_detail_stays_one_valid_line)
{
	static const char *const details[] = {
		"quote \" and \\ slash", "line\nbreak",	  "\x1b[31mred",
		"\xff\xfe broken utf-8", "\xc3\xa9 fine", ""
	};
	struct eventlog *l = NULL;
	char big[5000];
	int dir = open_dir();
	const char *text;
	size_t len;

	ASSERT_OK(eventlog_new(dir, "0123456789ab", "alpha", &l));
	for (size_t i = 0; i < ARRAY_SIZE(details); i++)
		eventlog_add(l, EVENT_LIMIT, "%s", details[i]);
	for (int c = 0; c < 4; c++) {
		memset(big, "\"\\\n\xc3"[c], sizeof(big) - 1);
		big[sizeof(big) - 1] = '\0';
		eventlog_add(l, EVENT_LIMIT, "%s", big);
	}
	text = eventlog_text(l, &len);
	ASSERT_EQ(check_lines(text, len), (int)ARRAY_SIZE(details) + 4);
	ASSERT_NULL(memchr(text, '\x1b', len));
	eventlog_free(l);
	close(dir);
}

TEST(memory_and_file_are_bounded_and_keep_the_newest)
{
	static char buf[256 * 1024];
	struct eventlog *l = NULL;
	int dir = open_dir();
	const char *text;
	size_t len, n;

	ASSERT_OK(eventlog_new(dir, "0123456789ab", "alpha", &l));
	for (int i = 0; i < 5000; i++)
		eventlog_add(l, EVENT_SIGNAL, "number %d.", i);
	text = eventlog_text(l, &len);
	ASSERT_LE(len, EVENTLOG_MAX);
	ASSERT_GE(len, EVENTLOG_MAX / 2);
	check_lines(text, len);
	n = read_log(dir, buf, sizeof(buf));
	ASSERT_EQ(n, len);
	ASSERT_MEMEQ(buf, text, len);
	buf[n] = '\0';
	ASSERT_STRSTR(buf, "number 4999.");
	eventlog_free(l);
	close(dir);
}

TEST(a_planted_file_is_not_written)
{
	struct eventlog *l = NULL;
	int dir = open_dir();
	struct stat st;

	ASSERT_EQ(symlinkat("victim", dir, "0123456789ab.log"), 0);
	ASSERT_OK(eventlog_new(dir, "0123456789ab", "alpha", &l));
	eventlog_add(l, EVENT_KILLED, "x");
	ASSERT_NE(fstatat(dir, "victim", &st, 0), 0);
	eventlog_free(l);
	close(dir);
}
