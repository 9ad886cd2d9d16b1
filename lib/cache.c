/*
 * The rules of caches on disk, once for all of them. What always holds: no
 * link, pipe or second name is ever read; a file appears under its name when it
 * is complete; a folder has a bound.
 */
#include "lib/cache.h"

#include "lib/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t
hash_word(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

/* Eight bytes at a time. */
uint64_t
cache_hash(const void *data, size_t len)
{
	const char *p = data;
	uint64_t h = len, word;

	for (; len >= sizeof(word); len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		p += sizeof(word);
		h = hash_word(h, word);
	}
	word = 0;
	memcpy(&word, p, len);
	return hash_word(h, word);
}

/* Ours, and closed to group and others. */
static bool
is_private(const struct stat *st)
{
	return st->st_uid == geteuid() && (st->st_mode & 077) == 0;
}

int
cache_open(const char *path)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	int r;

	fd = open(path, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		r = fd_mkdir_p(AT_FDCWD, path, 0700);
		if (r < 0)
			return r;
		fd = open(path,
			  O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return is_private(&st) ? TAKE_FD(fd) : -EPERM;
}

int
cache_find(int dirfd, const char *name, uint64_t *ret_size)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	/* O_NONBLOCK: a pipe in the place of the file does not hang us */
	fd = fd_openat2(
		dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0,
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || !is_private(&st))
		return -EPERM;
	*ret_size = (uint64_t)st.st_size;
	return TAKE_FD(fd);
}

void
cache_drop(int dirfd, const char *name)
{
	(void)unlinkat(dirfd, name, 0);
}

static void
make_room(int dirfd, const char *suffix, size_t max)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t n = 0;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(d)))
		n += strstr(entry->d_name, suffix) != NULL;
	rewinddir(d);
	while (n >= max && (entry = readdir(d))) {
		if (strstr(entry->d_name, suffix))
			unlinkat(dirfd, entry->d_name, 0);
	}
	closedir(d);
}

void
cache_put(int dirfd, const char *name, const char *suffix, size_t max,
	  const struct iovec *part, int n)
{
	_cleanup_close_ int fd = -EBADF;
	char fresh[64];
	int r = 0;

	make_room(dirfd, suffix, max);
	snprintf(fresh, sizeof(fresh), "%s.%d", name, (int)getpid());
	unlinkat(dirfd, fresh, 0); /* of a namesake that was killed */
	fd = openat(dirfd, fresh,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	for (int i = 0; i < n && r >= 0; i++)
		r = fd_write_all(fd, part[i].iov_base, part[i].iov_len);
	if (r < 0 || renameat(dirfd, fresh, dirfd, name) < 0)
		unlinkat(dirfd, fresh, 0);
}
