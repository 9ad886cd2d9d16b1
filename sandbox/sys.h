#pragma once
/*
 * System calls and constants that are newer than the distribution's headers.
 * Numbers are the same on every architecture from 424 up
 * (include/uapi/asm-generic/unistd.h); constants from include/uapi/linux.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

static inline int
sys_ret(long r)
{
	return r < 0 ? -errno : (int)r;
}

static inline int
sys_open_tree(int dirfd, const char *path, unsigned int flags)
{
	return sys_ret(syscall(SYS_open_tree, dirfd, path, flags));
}

static inline int
sys_move_mount(int from, int to, const char *to_path, unsigned int flags)
{
	return sys_ret(syscall(SYS_move_mount, from, "", to, to_path,
			       flags | MOVE_MOUNT_F_EMPTY_PATH));
}

static inline int
sys_fsopen(const char *type)
{
	return sys_ret(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}

static inline int
sys_fsconfig(int fd, unsigned int cmd, const char *key, const char *value)
{
	return sys_ret(syscall(SYS_fsconfig, fd, cmd, key, value, 0));
}

static inline int
sys_fsmount(int fd, unsigned int attrs)
{
	return sys_ret(syscall(SYS_fsmount, fd, FSMOUNT_CLOEXEC, attrs));
}

static inline int
sys_mount_setattr(int fd, unsigned int flags, struct mount_attr *attr)
{
	return sys_ret(syscall(SYS_mount_setattr, fd, "",
			       flags | 0x1000 /* AT_EMPTY_PATH */, attr,
			       sizeof(*attr)));
}

static inline int
sys_pidfd_send_signal(int pidfd, int sig)
{
	return sys_ret(syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}
