/* links: lib supervisor */
/*
 * Pipes in place of the caller's files: which descriptors get one, which share
 * one, and what is copied, given back and lost. The system tests do the same
 * with whole boxes.
 */
#include "supervisor/stdio.h"

#include "lib/fd.h"
#include "tests/tap.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* Whose files are replaced; 0 would be "of nobody". */
#define BOX 4242u

static uid_t box;
static int saved[3];

/* A file of the box's uid, with text. */
static int
make(const char *name, int flags, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", tap_tmpdir(), name);
	if (text) {
		fd = ASSERT_OK(open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600));
		ASSERT_OK(fd_write_all(fd, text, strlen(text)));
		if (geteuid() == 0)
			ASSERT_OK(fchown(fd, BOX, BOX));
		close(fd);
	}
	return ASSERT_OK(open(path, flags | O_CLOEXEC));
}

static void
check_text(const char *name, const char *want)
{
	_cleanup_close_ int fd = make(name, O_RDONLY, NULL);
	_cleanup_free_ char *text = NULL;

	ASSERT_OK(fd_read_all(fd, 1 << 20, &text));
	ASSERT_STREQ(text, want);
}

/* Puts them at 0, 1, 2; they may be the same. */
static void
take_place(int in, int out, int err)
{
	const int fds[3] = { in, out, err };

	box = geteuid() ? geteuid() : BOX;
	for (int i = 0; i < 3; i++) {
		saved[i] = ASSERT_OK(fcntl(i, F_DUPFD_CLOEXEC, 100));
		if (fds[i] >= 0)
			ASSERT_OK(dup2(fds[i], i));
	}
	for (int i = 0; i < 3; i++)
		if (fds[i] > 2)
			close(fds[i]);
}

/* Before anything is asserted, so that it can be seen. */
static void
restore(void)
{
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
}

TEST(nothing_to_replace)
{
	struct stdio *s = NULL;
	struct err e = ERR_INIT;
	int fds[3], p[2], r;

	ASSERT_OK(pipe2(p, O_CLOEXEC));
	take_place(p[0], open("/dev/null", O_WRONLY | O_CLOEXEC), p[1]);
	r = stdio_new(box, fds, &s, &e);
	restore();
	ASSERT_EQ(r, 0);
	ASSERT_NULL(s);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(fds[i], i);
	stdio_given(s);
	ASSERT_EQ(stdio_start(s, NULL, STDIO_UNLIMITED, &e), 0);
	ASSERT_EQ(stdio_drain(s, &e), 0);
	stdio_free(s);
}

TEST(a_box_of_its_own_uid_gets_the_file)
{
	struct stdio *s = NULL;
	struct err e = ERR_INIT;
	int fds[3], r;

	take_place(make("in", O_RDONLY, "x"), -1, -1);
	r = stdio_new(0, fds, &s, &e);
	restore();
	ASSERT_EQ(r, 0);
	ASSERT_NULL(s);
	ASSERT_EQ(fds[0], 0);
}

/* Of others, and not writable: nothing of it can be changed. */
TEST(files_of_others_pass)
{
	struct stdio *s = NULL;
	struct err e = ERR_INIT;
	int fds[3], r;

	/* root may write to every file */
	if (getuid() == 0)
		ASSERT_OK(seteuid(BOX));
	take_place(ASSERT_OK(open("/etc/passwd", O_RDONLY | O_CLOEXEC)), -1,
		   -1);
	r = stdio_new(box, fds, &s, &e);
	restore();
	/* and as before, for leak checkers */
	ASSERT_OK(seteuid(getuid()));
	ASSERT_OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	ASSERT_EQ(r, 0);
	ASSERT_EQ(fds[0], 0);
	stdio_free(s);
}

TEST(which_share_a_pipe)
{
	struct stdio *s = NULL, *t = NULL;
	struct err e = ERR_INIT;
	int one[3], two[3], r, fd = make("out", O_WRONLY, "");

	take_place(make("in", O_RDONLY, "x"), fd, fd);
	r = stdio_new(box, one, &s, &e);
	restore();
	ASSERT_EQ(r, 0);
	take_place(make("in", O_RDWR, "x"), make("out", O_WRONLY, NULL),
		   make("out", O_WRONLY, NULL));
	r = stdio_new(box, two, &t, &e);
	restore();
	ASSERT_EQ(r, 0);
	ASSERT_GE(one[0], 3);
	ASSERT_NE(one[0], one[1]);
	ASSERT_EQ(one[1], one[2]);
	ASSERT_GE(two[0], 3);
	ASSERT_NE(two[1], two[2]);
	/* ends, not both directions */
	ASSERT_EQ(fcntl(two[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	ASSERT_EQ(fcntl(two[1], F_GETFL) & O_ACCMODE, O_WRONLY);
	ASSERT_EQ(fcntl(two[1], F_GETFL) & O_NONBLOCK, 0);
	stdio_free(s);
	stdio_free(t);
}

struct copied {
	int started, drained;
	char got[4];
	off_t offset;
};

/* A box that reads three bytes and writes to both. */
static struct copied
copy(uint64_t file_max, struct err *e)
{
	struct event_base *base = event_base_new();
	struct stdio *s = NULL;
	struct copied c = { .got = "" };
	int fds[3], out[3] = { -EBADF, -EBADF, -EBADF };

	c.started = stdio_new(box, fds, &s, e);
	for (int i = 0; i < 3; i++)
		out[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 200);
	stdio_given(s);
	if (c.started >= 0)
		c.started = stdio_start(s, base, file_max, e);
	event_base_loop(base, EVLOOP_ONCE);
	if (read(out[0], c.got, 3) < 0 || write(out[1], "first ", 6) < 0 ||
	    write(out[2], "second ", 7) < 0)
		c.started = -errno;
	event_base_loop(base, EVLOOP_NONBLOCK);
	if (write(out[1], "last", 4) < 0)
		c.got[0] = '!';
	for (int i = 0; i < 3; i++)
		close(out[i]);
	c.drained = stdio_drain(s, e);
	c.offset = lseek(0, 0, SEEK_CUR);
	stdio_free(s);
	event_base_free(base);
	return c;
}

TEST(copies_and_gives_back)
{
	struct err e = ERR_INIT;
	struct copied c;
	int fd = make("out", O_WRONLY | O_APPEND, "old ");

	take_place(make("in", O_RDONLY, "abcdefgh"), fd, fd);
	c = copy(STDIO_UNLIMITED, &e);
	restore();
	ASSERT_EQ(c.started, 0);
	ASSERT_EQ(c.drained, 0);
	ASSERT_STREQ(c.got, "abc");
	ASSERT_EQ(c.offset, 3);
	check_text("out", "old first second last");
}

/* The offset where the file was when it was handed over counts. */
TEST(begins_where_the_file_stands)
{
	struct err e = ERR_INIT;
	struct copied c;
	int in = make("in", O_RDONLY, "abcdefgh");
	int fd = make("out", O_WRONLY, "0123456789");

	ASSERT_OK(lseek(in, 2, SEEK_SET));
	ASSERT_OK(lseek(fd, 5, SEEK_SET));
	take_place(in, fd, fd);
	c = copy(STDIO_UNLIMITED, &e);
	restore();
	ASSERT_STREQ(c.got, "cde");
	ASSERT_EQ(c.offset, 5);
	check_text("out", "01234first second last");
}

TEST(a_file_that_takes_no_more)
{
	struct err e = ERR_INIT;
	struct copied c;
	int fd = make("out", O_WRONLY, "");

	signal(SIGPIPE, SIG_IGN);
	take_place(make("in", O_RDONLY, "abcdefgh"), fd, fd);
	c = copy(8, &e);
	restore();
	ASSERT_EQ(c.started, 0);
	ASSERT_EQ(c.drained, -EFBIG);
	ASSERT_STRSTR(e.text, "cannot copy stdout");
	ASSERT_EQ(c.got[0], '!'); /* the box met a closed pipe */
	check_text("out", "first se");
}
