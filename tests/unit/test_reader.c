/* links: audit lib */
/* Reading a log: in order over files, from any seq or place, while it grows,
 * is cut, or holds what is no record. */
#include "audit/reader.h"
#include "lib/fd.h"
#include "tests/tap.h"
#include "tests/tools/audit_log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct at {
	struct audit_log log;
	struct reader *r;
	struct err e;
	int dirfd;
};

static int
open_dir(const char *dir)
{
	return ASSERT_OK(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static struct at
make(uint64_t records, uint64_t per_file)
{
	struct audit_log_spec s = { .records = records,
				    .per_file = per_file,
				    .big = true };
	struct at a = { .e = ERR_INIT };
	const char *dir = tap_tmpdir();

	audit_log_make(dir, &s, &a.log);
	a.dirfd = open_dir(dir);
	ASSERT_OK(reader_new(a.dirfd, &a.r, &a.e));
	return a;
}

static void
done(struct at *a)
{
	reader_free(a->r);
	close(a->dirfd);
	audit_log_done(&a->log);
}

static uint64_t
next(struct at *a)
{
	struct record r = { .seq = 0 };

	return ASSERT_OK(reader_next(a->r, &r, &a->e)) ? r.seq : 0;
}

static int
file_of(const struct at *a, uint64_t seq, int flags)
{
	char name[64], seg[32];

	snprintf(name, sizeof(name), "log/%s",
		 audit_log_file(a->log.place[seq - 1].file, seg));
	return ASSERT_OK(openat(a->dirfd, name, flags | O_CLOEXEC, 0600));
}

static void
append(int fd, const void *p, size_t n)
{
	ASSERT_OK(lseek(fd, 0, SEEK_END));
	ASSERT_OK(fd_write_all(fd, p, n));
}

TEST(all_in_order)
{
	struct at a = make(3000, 700);
	struct reader_place p;
	char name[32];

	for (uint64_t i = 1; i <= a.log.n; i++) {
		ASSERT_EQ(next(&a), i);
		reader_place(a.r, &p);
		ASSERT_EQ(p.segment, a.log.place[i - 1].file);
		ASSERT_EQ(p.offset, a.log.place[i - 1].offset);
	}
	ASSERT_EQ(next(&a), 0);
	ASSERT_EQ(next(&a), 0);
	ASSERT_EQ(reader_rest(a.r), 0);
	audit_log_file(a.log.place[a.log.n - 1].file, name);
	ASSERT_STREQ(reader_file(a.r), name);
	done(&a);
}

TEST(segments_are_listed)
{
	struct at a = make(1000, 300);
	const struct reader_segment *s;
	size_t n;

	/* names that are none of ours */
	ASSERT_OK(mkdirat(a.dirfd, "log/00000000000000000000.seg", 0700));
	ASSERT_OK(mkdirat(a.dirfd, "log/99999999999999999999.seg", 0700));
	ASSERT_OK(mkdirat(a.dirfd, "log/0000000000000000001x.seg", 0700));
	ASSERT_OK(mkdirat(a.dirfd, "log/1.seg", 0700));
	ASSERT_OK(reader_segments(a.r, &s, &n, &a.e));
	ASSERT_EQ(n, 4);
	for (size_t i = 0; i < n; i++)
		ASSERT_EQ(s[i].first, 1 + i * 300);
	ASSERT_EQ(s[0].bytes, a.log.place[299].offset + a.log.place[299].size);
	done(&a);
}

TEST(copied_files_without_a_folder)
{
	struct at a = make(100, 30);
	int fd = ASSERT_OK(openat(a.dirfd, "log", O_RDONLY | O_CLOEXEC));

	reader_free(a.r);
	ASSERT_OK(reader_new(fd, &a.r, &a.e));
	for (uint64_t i = 1; i <= a.log.n; i++)
		ASSERT_EQ(next(&a), i);
	close(fd);
	done(&a);
}

TEST(no_log_yet)
{
	const char *dir = tap_tmpdir();
	struct at a = { .e = ERR_INIT, .dirfd = open_dir(dir) };
	struct audit_log_spec s = { .records = 50 };

	ASSERT_OK(reader_new(a.dirfd, &a.r, &a.e));
	ASSERT_EQ(next(&a), 0);
	ASSERT_OK(reader_seek(a.r, UINT64_MAX, &a.e));
	ASSERT_STREQ(reader_file(a.r), "");
	audit_log_make(dir, &s, &a.log);
	ASSERT_EQ(next(&a), 1);
	done(&a);
}

TEST(seek)
{
	struct at a = make(2000, 450);

	for (uint64_t i = 1; i <= a.log.n; i += 1 + i % 7) {
		ASSERT_OK(reader_seek(a.r, i, &a.e));
		ASSERT_EQ(next(&a), i);
	}
	ASSERT_OK(reader_seek(a.r, a.log.n, &a.e));
	ASSERT_EQ(next(&a), a.log.n);
	ASSERT_EQ(next(&a), 0);
	ASSERT_OK(reader_seek(a.r, a.log.n + 1, &a.e));
	ASSERT_EQ(next(&a), 0);
	ASSERT_OK(reader_seek(a.r, UINT64_MAX, &a.e));
	ASSERT_EQ(next(&a), 0);
	ASSERT_OK(reader_seek(a.r, 0, &a.e));
	ASSERT_EQ(next(&a), 1);
	done(&a);
}

TEST(places)
{
	struct at a = make(2000, 450);
	struct reader_place p, end;

	for (uint64_t i = a.log.n; i > 13; i -= 13) {
		const struct audit_log_place *at = &a.log.place[i - 1];

		p = (struct reader_place){ at->file, at->offset };
		ASSERT_OK(reader_goto(a.r, &p, &a.e));
		reader_place(a.r, &end);
		ASSERT_EQ(end.offset, p.offset);
		ASSERT_EQ(next(&a), i);
		ASSERT_EQ(next(&a), i < a.log.n ? i + 1 : 0);
		p.offset++;
		ASSERT_ERR(reader_goto(a.r, &p, &a.e), -ESTALE);
	}
	/* the end is a place as well */
	ASSERT_OK(reader_seek(a.r, UINT64_MAX, &a.e));
	reader_place(a.r, &p);
	ASSERT_OK(reader_goto(a.r, &p, &a.e));
	ASSERT_EQ(next(&a), 0);
	p.offset++;
	ASSERT_ERR(reader_goto(a.r, &p, &a.e), -ESTALE);
	p.segment = 5;
	ASSERT_ERR(reader_goto(a.r, &p, &a.e), -ESTALE);
	ASSERT_STRSTR(a.e.text, "gone");
	done(&a);
}

/* Bytes of record seq, from its file. */
static uint8_t *
bytes_of(const struct at *a, uint64_t seq)
{
	const struct audit_log_place *p = &a->log.place[seq - 1];
	uint8_t *b = malloc(p->size);
	int fd = file_of(a, seq, O_RDONLY);

	ASSERT_NOT_NULL(b);
	ASSERT_EQ(pread(fd, b, p->size, (off_t)p->offset), (ssize_t)p->size);
	close(fd);
	return b;
}

static void
cut(const struct at *a, uint64_t seq, uint32_t keep)
{
	int fd = file_of(a, seq, O_WRONLY);
	const struct audit_log_place *p = &a->log.place[seq - 1];

	ASSERT_OK(ftruncate(fd, (off_t)(p->offset + keep)));
	close(fd);
}

/* Byte after byte, as seen between two writes. */
TEST(grows_under_us)
{
	struct at a = make(60, 0);
	uint8_t *b = bytes_of(&a, 60);
	uint32_t size = a.log.place[59].size;
	int fd = file_of(&a, 60, O_WRONLY);

	cut(&a, 60, 0);
	for (uint64_t i = 1; i < 60; i++)
		ASSERT_EQ(next(&a), i);
	for (uint32_t i = 0; i < size; i++) {
		ASSERT_EQ(next(&a), 0);
		ASSERT_EQ(reader_rest(a.r), i);
		append(fd, b + i, 1);
	}
	ASSERT_EQ(next(&a), 60);
	ASSERT_EQ(next(&a), 0);
	close(fd);
	free(b);
	done(&a);
}

/* The next file is there, and the one at hand gets a record before that. */
TEST(last_words_before_the_next_file)
{
	struct at a = make(100, 50);
	uint8_t *b = bytes_of(&a, 50);
	int fd = file_of(&a, 50, O_WRONLY);

	ASSERT_OK(renameat(a.dirfd, "log/00000000000000000051.seg", a.dirfd,
			   "away"));
	cut(&a, 50, 0);
	for (uint64_t i = 1; i < 50; i++)
		ASSERT_EQ(next(&a), i);
	ASSERT_EQ(next(&a), 0);
	append(fd, b, a.log.place[49].size);
	ASSERT_OK(renameat(a.dirfd, "away", a.dirfd,
			   "log/00000000000000000051.seg"));
	for (uint64_t i = 50; i <= a.log.n; i++)
		ASSERT_EQ(next(&a), i);
	close(fd);
	free(b);
	done(&a);
}

TEST(cut_and_written_again)
{
	struct at a = make(60, 0);
	uint8_t *b = bytes_of(&a, 60);
	int fd = file_of(&a, 60, O_WRONLY);
	struct record r;

	while (next(&a))
		;
	cut(&a, 59, 0);
	ASSERT_ERR(reader_next(a.r, &r, &a.e), -ESTALE);
	ASSERT_STRSTR(a.e.text, "was read already");
	ASSERT_OK(reader_seek(a.r, 59, &a.e));
	ASSERT_EQ(next(&a), 0);
	/* garbage, then cut and replaced by a record */
	append(fd, "garbage!", 8);
	ASSERT_ERR(reader_next(a.r, &r, &a.e), -EBADMSG);
	cut(&a, 59, 0);
	append(fd, b, a.log.place[59].size);
	ASSERT_EQ(next(&a), 60);
	close(fd);
	free(b);
	done(&a);
}

/* Files that go while we are in them or on the way to them. */
TEST(expired_under_us)
{
	struct at a = make(100, 20);

	ASSERT_EQ(next(&a), 1);
	ASSERT_OK(unlinkat(a.dirfd, "log/00000000000000000001.seg", 0));
	ASSERT_OK(unlinkat(a.dirfd, "log/00000000000000000021.seg", 0));
	for (uint64_t i = 2; i <= 20; i++)
		ASSERT_EQ(next(&a), i);
	ASSERT_EQ(next(&a), 41);
	ASSERT_OK(reader_seek(a.r, 3, &a.e));
	ASSERT_EQ(next(&a), 41);
	done(&a);
}

TEST(damage_is_named_and_skipped)
{
	struct at a = make(100, 50);
	const struct audit_log_place *p = &a.log.place[29];
	int fd = file_of(&a, 30, O_WRONLY);
	char want[64];
	struct record r;
	uint64_t n;

	ASSERT_EQ(pwrite(fd, "X", 1, (off_t)p->offset), 1);
	ASSERT_OK(ftruncate(fd, (off_t)a.log.place[49].offset + 100));
	for (uint64_t i = 1; i < 30; i++)
		ASSERT_EQ(next(&a), i);
	ASSERT_ERR(reader_next(a.r, &r, &a.e), -EBADMSG);
	snprintf(want, sizeof(want), "00000000000000000001.seg: offset %llu: ",
		 (unsigned long long)p->offset);
	ASSERT_STRSTR(a.e.text, want);
	ASSERT_EQ(reader_skip(a.r, &n), 1);
	ASSERT_EQ(n, p->size);
	for (uint64_t i = 31; i < 50; i++)
		ASSERT_EQ(next(&a), i);
	/* the last of the file is cut, and another file follows */
	ASSERT_ERR(reader_next(a.r, &r, &a.e), -EBADMSG);
	ASSERT_STRSTR(a.e.text, "in the middle of a record");
	ASSERT_EQ(reader_skip(a.r, &n), 1);
	ASSERT_EQ(n, 100);
	for (uint64_t i = 51; i <= a.log.n; i++)
		ASSERT_EQ(next(&a), i);
	close(fd);
	done(&a);
}

TEST(zeros_at_the_end)
{
	static const uint8_t zeros[5000];
	struct at a = make(40, 0);
	int fd = file_of(&a, 40, O_WRONLY);
	struct record r;
	uint64_t n;

	append(fd, zeros, sizeof(zeros));
	while (reader_next(a.r, &r, &a.e) > 0)
		;
	ASSERT_EQ(r.seq, a.log.n);
	ASSERT_EQ(a.e.code, -EBADMSG);
	ASSERT_EQ(reader_rest(a.r), sizeof(zeros));
	ASSERT_EQ(reader_skip(a.r, &n), 0);
	ASSERT_EQ(n, sizeof(zeros));
	ASSERT_EQ(next(&a), 0);
	close(fd);
	done(&a);
}

/* What may stand in place of a file. */
TEST(no_files_but_files)
{
	struct at a = make(40, 0);
	struct record r;

	ASSERT_OK(renameat(a.dirfd, "log/00000000000000000001.seg", a.dirfd,
			   "secret"));
	ASSERT_OK(symlinkat("../secret", a.dirfd,
			    "log/00000000000000000001.seg"));
	ASSERT_ERR(reader_next(a.r, &r, &a.e), -ELOOP);
	ASSERT_OK(unlinkat(a.dirfd, "log/00000000000000000001.seg", 0));
	ASSERT_OK(mkfifoat(a.dirfd, "log/00000000000000000001.seg", 0600));
	ASSERT_ERR(reader_next(a.r, &r, &a.e), -EBADMSG);
	ASSERT_STRSTR(a.e.text, "is no file");
	done(&a);
}
