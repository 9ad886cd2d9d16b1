#pragma once
/*
 * Descriptors: opened CLOEXEC, relative to a directory descriptor, without
 * following what an attacker may have planted.
 */
#include "lib/macro.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* resolve: RESOLVE_* of openat2(2). Falls back to a walk with O_NOFOLLOW,
 * component by component, where the kernel has no openat2 and resolve holds
 * RESOLVE_NO_SYMLINKS (".." below BENEATH or IN_ROOT is then -EXDEV) or is 0;
 * otherwise -ENOSYS. Returns a descriptor. */
int fd_openat2(int dirfd, const char *path, int flags, unsigned int mode,
	       uint64_t resolve);

/* Whole small file, NUL terminated, at most max bytes (-EFBIG above that).
 * Returns the length; *ret_data is the caller's to free. */
ssize_t fd_read_file(int dirfd, const char *path, size_t max, char **ret_data);
/* Same from an open descriptor, from its current offset. */
ssize_t fd_read_all(int fd, size_t max, char **ret_data);

/* Reads into a fixed buffer, NUL terminates; for /proc and cgroup files.
 * Returns the length, -EOVERFLOW if it does not fit. */
ssize_t fd_read_small(int dirfd, const char *path, char *buf, size_t size);

/* Writes all of it or fails. */
int fd_write_all(int fd, const void *data, size_t len);
/* open(O_WRONLY) + one write(2) + close; for /proc and cgroup files. */
int fd_write_string(int dirfd, const char *path, const char *s);

/* A memfd holding data, sealed against every change. Returns a descriptor. */
int fd_sealed(const char *name, const void *data, size_t len);
/* Maps a sealed memfd read-only after checking the seals and size <= max. */
int fd_map_sealed(int fd, size_t max, const void **ret_data, size_t *ret_len);

/* mkdir -p of path with mode; existing directories are left as they are. */
int fd_mkdir_p(int dirfd, const char *path, unsigned int mode);
/* The id of the mount that fd lies on; -ENOSYS before Linux 5.8. */
int fd_mount_id(int fd, uint64_t *ret);
/* close_range(2), which not every C library has: -errno on failure. */
int fd_close_range(unsigned int first, unsigned int last, unsigned int flags);
