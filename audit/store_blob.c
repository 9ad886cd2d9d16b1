/*
 * Data that records name by its SHA-256: policies, counters. What always
 * holds: a file in blobs/ is whole, on the disk, and what its name says.
 */
#include "audit/store-internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void
blob_name(const uint8_t digest[RECORD_HASH_LEN],
	  char ret[2 * RECORD_HASH_LEN + 1])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < RECORD_HASH_LEN; i++) {
		ret[2 * i] = hex[digest[i] >> 4];
		ret[2 * i + 1] = hex[digest[i] & 15];
	}
	ret[2 * RECORD_HASH_LEN] = '\0';
}

static int
blobs_open(const struct store *s)
{
	int fd = openat(s->dirfd, LAYOUT_BLOBS,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

static int
blob_there(int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return S_ISREG(st.st_mode) ? 1 : -EUCLEAN;
}

int
store_blob_has(struct store *s, const uint8_t digest[RECORD_HASH_LEN])
{
	_cleanup_close_ int dirfd = blobs_open(s);
	char name[2 * RECORD_HASH_LEN + 1];

	blob_name(digest, name);
	return dirfd < 0 ? dirfd : blob_there(dirfd, name);
}

int
store_blob_put(struct store *s, const uint8_t digest[RECORD_HASH_LEN],
	       const void *data, size_t len)
{
	_cleanup_close_ int dirfd = blobs_open(s);
	char name[2 * RECORD_HASH_LEN + 1];
	uint8_t have[RECORD_HASH_LEN];
	int r;

	if (dirfd < 0)
		return dirfd;
	if (len > STORE_BLOB_MAX)
		return -EFBIG;
	chain_sha256(s->hash, data, len, have);
	if (memcmp(have, digest, sizeof(have)) != 0)
		return -EBADMSG;
	blob_name(digest, name);
	r = blob_there(dirfd, name);
	if (r)
		return MIN(r, 0);
	if (s->config->max_bytes && s->total + len > s->config->max_bytes)
		return -EFBIG;
	r = io_replace(&s->io, dirfd, name, data, len);
	if (r >= 0)
		r = io_sync_folder(&s->io, dirfd);
	if (r >= 0)
		s->total += len;
	return r;
}
