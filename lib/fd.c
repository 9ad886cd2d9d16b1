/*
 * Opening, reading and writing. Everything is CLOEXEC from birth and relative
 * to a directory descriptor. fd_openat2() asks the kernel to refuse links and
 * escapes; on kernels without openat2(2) (before 5.6, or hidden by an outer
 * filter) it walks the path one component at a time, which gives the same
 * refusals, never weaker ones.
 */
#include "lib/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define OPENAT2_TRIES 32
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

#define WALK_KNOWN                                                             \
	(RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH |       \
	 RESOLVE_IN_ROOT | RESOLVE_NO_XDEV)

/* Which mount fd lies on: the mount id where statx has it (5.8), otherwise the
 * device. */
static int
mount_of(int fd, uint64_t *ret)
{
	struct stat st;

	if (fd_mount_id(fd, ret) == 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = st.st_dev;
	return 0;
}

static bool
is_link(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISLNK(st.st_mode);
}

/* Opens one component without following it. */
static int
walk_open(int dirfd, const char *name, bool last, int flags, unsigned int mode)
{
	int fd, f = O_NOFOLLOW | O_CLOEXEC;

	f |= last ? flags : O_PATH | O_DIRECTORY;
	fd = openat(dirfd, name, f, mode);
	if (fd < 0)
		/* O_DIRECTORY on a link says ENOTDIR, openat2 says ELOOP */
		return errno == ENOTDIR && is_link(dirfd, name) ? -ELOOP
								: -errno;
	if (last && flags & O_PATH && !(flags & O_NOFOLLOW)) {
		struct stat st;

		if (fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
			close(fd);
			return -ELOOP;
		}
	}
	return fd;
}

/* The walk: path is ours to cut up. Every ".." is refused where the caller
 * asked to stay beneath, which is stricter than openat2 and needs no check of
 * where we are. */
static int
walk_path(int dirfd, char *path, int flags, unsigned int mode, uint64_t resolve)
{
	_cleanup_close_ int held = -EBADF;
	bool stay = resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT);
	uint64_t first = 0, mnt = 0;
	int cur = dirfd, r;
	char *p = path;

	if (*p == '/' && resolve & RESOLVE_BENEATH)
		return -EXDEV;
	if (*p == '/' && !(resolve & RESOLVE_IN_ROOT)) {
		held = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (held < 0)
			return -errno;
		cur = held;
	}
	if (resolve & RESOLVE_NO_XDEV) {
		r = mount_of(cur, &first);
		if (r < 0)
			return r;
	}
	for (;;) {
		char *name = p + strspn(p, "/"),
		     *end = name + strcspn(name, "/");
		bool last = !end[strspn(end, "/")];
		int fd, f = flags;

		if (last && *end) /* a trailing slash asks for a directory */
			f |= O_DIRECTORY;
		p = *end ? end + 1 : end;
		*end = '\0';
		if (stay && !strcmp(name, ".."))
			return -EXDEV;
		fd = walk_open(cur, *name ? name : ".", last, f, mode);
		if (fd < 0)
			return fd;
		if (held >= 0)
			close(held);
		held = cur = fd;
		if (resolve & RESOLVE_NO_XDEV) {
			r = mount_of(cur, &mnt);
			if (r < 0)
				return r;
			if (mnt != first)
				return -EXDEV;
		}
		if (last)
			return TAKE_FD(held);
	}
}

static int
openat2_fallback(int dirfd, const char *path, int flags, unsigned int mode,
		 uint64_t resolve)
{
	char copy[PATH_MAX];
	size_t n = strnlen(path, sizeof(copy));
	int fd;

	if (!resolve) {
		fd = openat(dirfd, path, flags | O_CLOEXEC, mode);
		return fd < 0 ? -errno : fd;
	}
	if (!(resolve & RESOLVE_NO_SYMLINKS) || resolve & ~(uint64_t)WALK_KNOWN)
		return -ENOSYS;
	if (!n)
		return -ENOENT;
	if (n == sizeof(copy))
		return -ENAMETOOLONG;
	memcpy(copy, path, n + 1);
	return walk_path(dirfd, copy, flags, mode, resolve);
}

static bool
creates(int flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

int
fd_openat2(int dirfd, const char *path, int flags, unsigned int mode,
	   uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.mode = creates(flags) ? mode : 0,
		.resolve = resolve,
	};

	/* EAGAIN: a rename happened while the kernel looked at ".." */
	for (int i = 0; i < OPENAT2_TRIES; i++) {
		long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno == ENOSYS)
			return openat2_fallback(dirfd, path, flags,
						(unsigned int)how.mode,
						resolve);
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

/* The first guess of a file's size; files in /proc say 0. */
static size_t
size_hint(int fd, size_t max)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return MIN(max, 4096u);
	return (uint64_t)st.st_size > max ? max : (size_t)st.st_size;
}

ssize_t
fd_read_all(int fd, size_t max, char **ret_data)
{
	_cleanup_free_ char *buf = NULL;
	size_t len = 0, cap;

	if (max > SSIZE_MAX - 2)
		return -EINVAL;
	cap = size_hint(fd, max) + 2; /* one to see the end, one for the NUL */
	buf = malloc(cap);
	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, buf + len, cap - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
		if (len == cap - 1) {
			size_t more = cap > max / 2 ? max + 2 : cap * 2;
			char *b = realloc(buf, more);

			if (!b)
				return -ENOMEM;
			buf = b;
			cap = more;
		}
	}
	buf[len] = '\0';
	*ret_data = TAKE_PTR(buf);
	return (ssize_t)len;
}

ssize_t
fd_read_file(int dirfd, const char *path, size_t max, char **ret_data)
{
	_cleanup_close_ int fd =
		openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return fd_read_all(fd, max, ret_data);
}

ssize_t
fd_read_small(int dirfd, const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = -EBADF;
	size_t len = 0;

	if (!size)
		return -EOVERFLOW;
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	/* files in /proc give a page at a time: read until the end is seen */
	for (;;) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
		if (len == size)
			return -EOVERFLOW;
	}
	buf[len] = '\0';
	return (ssize_t)len;
}

int
fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
fd_write_string(int dirfd, const char *path, const char *s)
{
	_cleanup_close_ int fd = -EBADF;
	size_t len = strlen(s);
	ssize_t n;

	fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	n = write(fd, s, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int
fd_sealed(const char *name, const void *data, size_t len)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	_cleanup_close_ int fd = -EBADF;
	const char *p = data;
	size_t done = 0;

	/* not executable, where the kernel knows that (6.3) */
	fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, flags);
	if (fd < 0)
		return -errno;
	while (done < len) { /* pwrite: the reader starts at offset 0 */
		ssize_t n = pwrite(fd, p + done, len - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int
fd_map_sealed(int fd, size_t max, const void **ret_data, size_t *ret_len)
{
	struct stat st;
	int seals;
	void *p;

	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0)
		return -errno;
	if ((seals & SEALS) != SEALS)
		return -EPERM;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0)
		return -ENODATA;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret_data = p;
	*ret_len = (size_t)st.st_size;
	return 0;
}

/* 0 when name is there as a directory afterwards. */
static int
mkdir_one(int dirfd, const char *path, unsigned int mode)
{
	struct stat st;

	if (mkdirat(dirfd, path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (fstatat(dirfd, path, &st, 0) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int
fd_mkdir_p(int dirfd, const char *path, unsigned int mode)
{
	char copy[PATH_MAX];
	size_t n = strnlen(path, sizeof(copy));
	int r;

	if (!n)
		return -ENOENT;
	if (n == sizeof(copy))
		return -ENAMETOOLONG;
	r = mkdir_one(dirfd, path, mode); /* most often only the last lacks */
	if (r != -ENOENT)
		return r;
	memcpy(copy, path, n + 1);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		r = mkdir_one(dirfd, copy, mode);
		if (r < 0)
			return r;
		*p = '/';
	}
	return mkdir_one(dirfd, path, mode);
}

int
fd_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	return syscall(SYS_close_range, first, last, flags) < 0 ? -errno : 0;
}
