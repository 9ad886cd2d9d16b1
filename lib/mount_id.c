/*
 * The id of the mount that a descriptor lies on. Apart from fd.c, because the
 * kernel's header and the C library's define the same names, and not every C
 * library has statx(2).
 */
#include "lib/fd.h"

#include <linux/fcntl.h>
#include <linux/stat.h>
#include <sys/syscall.h>

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

int
fd_mount_id(int fd, uint64_t *ret)
{
	struct statx sx;

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) < 0)
		return -errno;
	if (!(sx.stx_mask & STATX_MNT_ID))
		return -ENOSYS;
	*ret = sx.stx_mnt_id;
	return 0;
}
