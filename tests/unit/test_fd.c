/* links: lib */
/* Opening, reading, writing, sealing; each openat2 row also by the fallback. */
#include "lib/fd.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* From here on openat2 does not exist for this process. */
static void
forbid_openat2(void)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(insns), insns };

	ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
	ASSERT_EQ(syscall(SYS_openat2, 0, "", NULL, 0), -1);
	ASSERT_EQ(errno, ENOSYS);
}

/* dir/file, dir/link -> file, dlink -> dir, up -> .., abs -> /etc/passwd */
static int
make_tree(void)
{
	int fd = open(tap_tmpdir(), O_PATH | O_DIRECTORY | O_CLOEXEC), f;

	ASSERT_TRUE(fd >= 0);
	ASSERT_EQ(mkdirat(fd, "dir", 0755), 0);
	f = openat(fd, "dir/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ASSERT_OK(fd_write_all(f, "text", 4));
	close(f);
	ASSERT_EQ(symlinkat("file", fd, "dir/link"), 0);
	ASSERT_EQ(symlinkat("dir", fd, "dlink"), 0);
	ASSERT_EQ(symlinkat("..", fd, "up"), 0);
	ASSERT_EQ(symlinkat("/etc/passwd", fd, "abs"), 0);
	return fd;
}

#define NOLINK RESOLVE_NO_SYMLINKS
#define STRICT_WALK                                                            \
	(RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)

static void
check_resolve(void)
{
	static const struct {
		const char *path;
		int flags;
		uint64_t resolve;
		int want; /* 0: opens */
	} rows[] = {
		{ "dir/file", O_RDONLY, STRICT_WALK, 0 },
		{ "dir//./file", O_RDONLY, STRICT_WALK, 0 },
		{ "dir", O_RDONLY | O_DIRECTORY, STRICT_WALK, 0 },
		{ "dir/", O_RDONLY, STRICT_WALK, 0 },
		{ ".", O_PATH, STRICT_WALK, 0 },
		{ "dir/link", O_RDONLY, STRICT_WALK, -ELOOP },
		{ "dir/link", O_PATH, STRICT_WALK, -ELOOP },
		{ "dir/link", O_PATH | O_NOFOLLOW, STRICT_WALK, 0 },
		{ "dlink/file", O_RDONLY, STRICT_WALK, -ELOOP },
		{ "abs", O_RDONLY, STRICT_WALK, -ELOOP },
		{ "up/x", O_RDONLY, NOLINK, -ELOOP },
		{ "../x", O_RDONLY, STRICT_WALK, -EXDEV },
		{ "/etc/passwd", O_RDONLY, STRICT_WALK, -EXDEV },
		{ "/etc/passwd", O_RDONLY, NOLINK, 0 },
		{ "/dir/file", O_RDONLY, NOLINK | RESOLVE_IN_ROOT, 0 },
		{ "dir/none", O_RDONLY, STRICT_WALK, -ENOENT },
		{ "none/file", O_RDONLY, STRICT_WALK, -ENOENT },
		{ "dir/file/x", O_RDONLY, STRICT_WALK, -ENOTDIR },
		{ "dir/file/", O_RDONLY, STRICT_WALK, -ENOTDIR },
		{ "", O_RDONLY, STRICT_WALK, -ENOENT },
		{ "/proc/self", O_PATH, NOLINK | RESOLVE_NO_XDEV, -EXDEV },
		{ "dir/file", O_RDONLY, NOLINK | RESOLVE_NO_XDEV, 0 },
		{ "dlink/link", O_RDONLY, 0, 0 },
	};
	_cleanup_close_ int dir = make_tree();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int fd = fd_openat2(dir, rows[i].path, rows[i].flags, 0,
				    rows[i].resolve);

		if (rows[i].want ? fd != rows[i].want : fd < 0)
			FAIL("row %zu \"%s\": got %d, want %d", i, rows[i].path,
			     fd, rows[i].want);
		if (fd < 0)
			continue;
		ASSERT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		close(fd);
	}
}

TEST(openat2_resolves)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS)
		SKIP("no openat2 here");
	close(fd);
	check_resolve();
}

TEST(openat2_fallback_resolves)
{
	forbid_openat2();
	check_resolve();
}

TEST(openat2_fallback_creates)
{
	_cleanup_close_ int dir = make_tree();
	int fd;

	forbid_openat2();
	umask(022);
	fd = ASSERT_OK(fd_openat2(dir, "dir/new", O_WRONLY | O_CREAT | O_EXCL,
				  0640, STRICT_WALK));
	close(fd);
	ASSERT_ERR(fd_openat2(dir, "dir/new", O_WRONLY | O_CREAT | O_EXCL, 0640,
			      STRICT_WALK),
		   -EEXIST);
	ASSERT_ERR(fd_openat2(dir, "dir/link", O_WRONLY | O_CREAT | O_TRUNC,
			      0640, STRICT_WALK),
		   -ELOOP);
	fd = ASSERT_OK(fd_openat2(dir, "dir/file", O_RDONLY, 0, STRICT_WALK));
	ASSERT_EQ(lseek(fd, 0, SEEK_END), 4); /* the link truncated nothing */
	close(fd);
}

TEST(openat2_fallback_refuses_what_it_cannot_promise)
{
	_cleanup_close_ int dir = make_tree();

	forbid_openat2();
	ASSERT_ERR(fd_openat2(dir, "dir/file", O_RDONLY, 0, RESOLVE_BENEATH),
		   -ENOSYS);
	ASSERT_ERR(fd_openat2(dir, "dir/file", O_RDONLY, 0, NOLINK | 1u << 30),
		   -ENOSYS);
	ASSERT_ERR(fd_openat2(dir, "dir/../dir/file", O_RDONLY, 0, STRICT_WALK),
		   -EXDEV);
}

TEST(read_file_bounds)
{
	_cleanup_close_ int dir = make_tree();
	_cleanup_free_ char *s = NULL;
	char *untouched = NULL;

	ASSERT_EQ(fd_read_file(dir, "dir/file", 4, &s), 4);
	ASSERT_STREQ(s, "text");
	ASSERT_ERR(fd_read_file(dir, "dir/file", 3, &untouched), -EFBIG);
	ASSERT_ERR(fd_read_file(dir, "dir/none", 3, &untouched), -ENOENT);
	ASSERT_NULL(untouched);
}

TEST(read_all_from_a_pipe_grows)
{
	_cleanup_free_ char *s = NULL;
	char chunk[1000];
	int p[2];
	pid_t pid;

	memset(chunk, 'q', sizeof(chunk));
	ASSERT_EQ(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		close(p[0]);
		for (int i = 0; i < 100; i++)
			fd_write_all(p[1], chunk, sizeof(chunk));
		_exit(0);
	}
	close(p[1]);
	ASSERT_EQ(fd_read_all(p[0], 100000, &s), 100000);
	ASSERT_EQ(s[99999], 'q');
	ASSERT_EQ(s[100000], '\0');
	close(p[0]);
	waitpid(pid, NULL, 0);
}

TEST(read_proc_file)
{
	_cleanup_free_ char *s = NULL;

	ASSERT_TRUE(fd_read_file(AT_FDCWD, "/proc/self/status", 65536, &s) > 9);
	ASSERT_STRSTR(s, "Seccomp:");
}

TEST(read_small_bounds)
{
	_cleanup_close_ int dir = make_tree();
	char b[8] = "before";

	ASSERT_EQ(fd_read_small(dir, "dir/file", b, 5), 4);
	ASSERT_STREQ(b, "text");
	ASSERT_ERR(fd_read_small(dir, "dir/file", b, 4), -EOVERFLOW);
	ASSERT_ERR(fd_read_small(dir, "dir/file", b, 0), -EOVERFLOW);
	ASSERT_ERR(fd_read_small(dir, "dir/none", b, 8), -ENOENT);
}

TEST(write_string)
{
	_cleanup_close_ int dir = make_tree();
	_cleanup_free_ char *s = NULL;

	ASSERT_OK(fd_write_string(dir, "dir/file", "abcdef"));
	ASSERT_EQ(fd_read_file(dir, "dir/file", 64, &s), 6);
	ASSERT_STREQ(s, "abcdef");
	ASSERT_ERR(fd_write_string(dir, "dir/none", "x"), -ENOENT);
	ASSERT_ERR(fd_write_string(dir, "dir", "x"), -EISDIR);
}

TEST(write_all_reports)
{
	_cleanup_close_ int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		SKIP("no /dev/full");
	ASSERT_ERR(fd_write_all(fd, "x", 1), -ENOSPC);
	ASSERT_ERR(fd_write_all(-EBADF, "x", 1), -EBADF);
	ASSERT_OK(fd_write_all(-EBADF, "", 0));
}

TEST(sealed_memfd_cannot_change)
{
	_cleanup_close_ int fd = fd_sealed("t", "content", 7);
	const void *data;
	size_t len;

	ASSERT_OK(fd);
	ASSERT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ASSERT_ERR(write(fd, "x", 1) < 0 ? -errno : 0, -EPERM);
	ASSERT_ERR(ftruncate(fd, 0) < 0 ? -errno : 0, -EPERM);
	ASSERT_ERR(ftruncate(fd, 99) < 0 ? -errno : 0, -EPERM);
	ASSERT_EQ(lseek(fd, 0, SEEK_CUR), 0);
	ASSERT_OK(fd_map_sealed(fd, 7, &data, &len));
	ASSERT_EQ(len, 7);
	ASSERT_MEMEQ(data, "content", 7);
	munmap((void *)(uintptr_t)data, len);
	ASSERT_ERR(fd_map_sealed(fd, 6, &data, &len), -EFBIG);
}

TEST(map_sealed_refuses_what_may_change)
{
	_cleanup_close_ int fd =
		memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	_cleanup_close_ int dir = make_tree();
	_cleanup_close_ int file =
		openat(dir, "dir/file", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int empty = fd_sealed("e", "", 0);
	const void *data = NULL;
	size_t len;

	ASSERT_OK(fd_write_all(fd, "content", 7));
	ASSERT_ERR(fd_map_sealed(fd, 99, &data, &len), -EPERM);
	ASSERT_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	ASSERT_ERR(fd_map_sealed(fd, 99, &data, &len), -EPERM);
	ASSERT_TRUE(fd_map_sealed(file, 99, &data, &len) < 0);
	ASSERT_ERR(fd_map_sealed(empty, 99, &data, &len), -ENODATA);
	ASSERT_NULL(data);
}

TEST(mkdir_p)
{
	_cleanup_close_ int dir = make_tree();
	struct stat st;

	umask(0);
	ASSERT_OK(fd_mkdir_p(dir, "a/b/c", 0700));
	ASSERT_EQ(fstatat(dir, "a/b/c", &st, 0), 0);
	ASSERT_EQ(st.st_mode & 07777, 0700);
	ASSERT_OK(fd_mkdir_p(dir, "a/b/c", 0755));
	ASSERT_EQ(fstatat(dir, "a/b/c", &st, 0), 0);
	ASSERT_EQ(st.st_mode & 07777, 0700); /* left as it was */
	ASSERT_OK(fd_mkdir_p(dir, "a/x/", 0700));
	ASSERT_OK(fd_mkdir_p(dir, "dlink/y", 0700));
	ASSERT_ERR(fd_mkdir_p(dir, "dir/file", 0700), -ENOTDIR);
	ASSERT_ERR(fd_mkdir_p(dir, "dir/file/x", 0700), -ENOTDIR);
	ASSERT_ERR(fd_mkdir_p(dir, "", 0700), -ENOENT);
}
