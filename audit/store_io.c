/*
 * The system calls of the store, each through a hook, so that tests can make
 * every one of them fail. What always holds: a write is whole or an error; a
 * file that is replaced is whole in its old or its new form.
 */
#include "audit/store-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static ssize_t
real_writev(void *arg _unused_, int fd, const struct iovec *v, int n)
{
	return writev(fd, v, n);
}

static int
real_datasync(void *arg _unused_, int fd)
{
	return fdatasync(fd);
}

static int
real_sync(void *arg _unused_, int fd)
{
	return fsync(fd);
}

static int
real_truncate(void *arg _unused_, int fd, off_t size)
{
	return ftruncate(fd, size);
}

static int
real_openat(void *arg _unused_, int dirfd, const char *name, int flags,
	    mode_t mode)
{
	return openat(dirfd, name, flags,
		      mode); // NOLINT: flags are the caller's
}

static int
real_allocate(void *arg _unused_, int fd, off_t size)
{
	return fallocate(fd, 0, 0, size);
}

static int
real_renameat(void *arg _unused_, int dirfd, const char *from, const char *to)
{
	return renameat(dirfd, from, dirfd, to);
}

static int
real_unlinkat(void *arg _unused_, int dirfd, const char *name)
{
	return unlinkat(dirfd, name, 0);
}

void
io_init(struct store_io *ret, const struct store_io *io)
{
	static const struct store_io none;

	*ret = io ? *io : none;
	if (!ret->writev)
		ret->writev = real_writev;
	if (!ret->datasync)
		ret->datasync = real_datasync;
	if (!ret->sync)
		ret->sync = real_sync;
	if (!ret->truncate)
		ret->truncate = real_truncate;
	if (!ret->openat)
		ret->openat = real_openat;
	if (!ret->allocate)
		ret->allocate = real_allocate;
	if (!ret->renameat)
		ret->renameat = real_renameat;
	if (!ret->unlinkat)
		ret->unlinkat = real_unlinkat;
}

int
io_open(const struct store_io *io, int dirfd, const char *name, int flags)
{
	int fd = io->openat(io->arg, dirfd, name,
			    flags | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? -errno : fd;
}

int
io_write(const struct store_io *io, int fd, const void *p, size_t n)
{
	struct iovec v = { .iov_len = n };

	/* writev(2) does not write to it */
	memcpy(&v.iov_base, &p, sizeof(p));
	while (v.iov_len) {
		ssize_t k = io->writev(io->arg, fd, &v, 1);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (!k || (size_t)k > v.iov_len)
			return -EIO;
		v.iov_base = (uint8_t *)v.iov_base + k;
		v.iov_len -= (size_t)k;
	}
	return 0;
}

int
io_sync(const struct store_io *io, int fd)
{
	return io->datasync(io->arg, fd) < 0 ? -errno : 0;
}

/* fdatasync(2) of a folder may leave out a new name. */
int
io_sync_folder(const struct store_io *io, int fd)
{
	return io->sync(io->arg, fd) < 0 ? -errno : 0;
}

int
io_truncate(const struct store_io *io, int fd, uint64_t size)
{
	return io->truncate(io->arg, fd, (off_t)size) < 0 ? -errno : 0;
}

/* Where the file system cannot allocate, zeros are written. */
int
io_allocate(const struct store_io *io, int fd, uint64_t size)
{
	static const uint8_t zeros[4096];
	int r = io->allocate(io->arg, fd, (off_t)size) < 0 ? -errno : 0;

	if (r != -EOPNOTSUPP && r != -ENOSYS)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	for (uint64_t at = 0; at < size; at += sizeof(zeros)) {
		r = io_write(io, fd, zeros, sizeof(zeros));
		if (r < 0)
			return r;
	}
	return 0;
}

int
io_rename(const struct store_io *io, int dirfd, const char *from,
	  const char *to)
{
	return io->renameat(io->arg, dirfd, from, to) < 0 ? -errno : 0;
}

int
io_unlink(const struct store_io *io, int dirfd, const char *name)
{
	return io->unlinkat(io->arg, dirfd, name) < 0 ? -errno : 0;
}

int
io_replace(const struct store_io *io, int dirfd, const char *name,
	   const void *p, size_t n)
{
	_cleanup_close_ int fd = -EBADF;
	char temp[NAME_MAX + 1];
	int r;

	(void)snprintf(temp, sizeof(temp), "%s.new", name);
	fd = io_open(io, dirfd, temp, O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0)
		return fd;
	r = io_write(io, fd, p, n);
	if (r >= 0)
		r = io_sync(io, fd);
	if (r >= 0)
		r = io_rename(io, dirfd, temp, name);
	if (r < 0) /* the temporary file is in nobody's way but the disk's */
		(void)io_unlink(io, dirfd, temp);
	return r;
}
