/*
 * The mount API, old and new, and what changes the root.
 */
#include "tests/escape/probe.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

/* sys/mount.h and linux/mount.h do not go together everywhere */
int mount(const char *source, const char *target, const char *type,
	  unsigned long flags, const void *data);
int umount2(const char *target, int flags);
#define MNT_DETACH 2

/* In the self-test, where it works, mounts stay in a copy. */
static void
stand_aside(void)
{
	if (unshare(CLONE_NEWNS) == 0)
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static const char *
point(const struct params *p)
{
	const char *d = ws_path(p, "mnt");

	mkdir(d, 0755);
	return d;
}

static void
mount_fs(const struct params *p, long arg)
{
	static const char *const types[] = { "tmpfs",	"proc",	     "sysfs",
					     "cgroup2", "devpts",    "mqueue",
					     "ramfs",	"bpf",	     "debugfs",
					     "tracefs", "securityfs" };

	stand_aside();
	judge(mount("abx", point(p), types[arg], 0, NULL), "mount");
}

static void
mount_overlay(const struct params *p, _unused_ long arg)
{
	char data[4096];

	stand_aside();
	snprintf(data, sizeof(data), "lowerdir=/usr:%s", p->ws);
	judge(mount("abx", point(p), "overlay", MS_RDONLY, data), "mount");
}

static void
mount_bind(const struct params *p, long arg)
{
	stand_aside();
	judge(mount("/", point(p), NULL,
		    MS_BIND | (unsigned long)(arg ? MS_REC : 0), NULL),
	      "bind mount of /");
}

static void
remount_rw(_unused_ const struct params *p, _unused_ long arg)
{
	static const char *const points[] = { "/", "/usr", "/proc", "/etc" };

	stand_aside();
	for (size_t i = 0; i < ARRAY_SIZE(points); i++)
		if (mount(NULL, points[i], NULL, MS_REMOUNT | MS_BIND, NULL) ==
		    0)
			escaped("%s is writable again", points[i]);
	refused("mount");
}

static void
propagate(_unused_ const struct params *p, _unused_ long arg)
{
	stand_aside();
	judge(mount(NULL, "/", NULL, MS_PRIVATE, NULL), "mount");
}

static void
try_umount(const struct params *p, long arg)
{
	static const char *const points[] = { "/proc", "/dev/pts", "/dev/shm",
					      "/tmp" };

	stand_aside();
	if (umount2(ws_path(p, ".ssh"), MNT_DETACH) == 0)
		escaped("took a mask away");
	for (size_t i = 0; i < ARRAY_SIZE(points); i++)
		if (umount2(points[i], (int)arg) == 0)
			escaped("unmounted %s", points[i]);
	refused("umount2");
}

static void
try_move(const struct params *p, _unused_ long arg)
{
	stand_aside();
	judge(mount("/proc", point(p), NULL, MS_MOVE, NULL), "mount(MS_MOVE)");
}

static void
try_fsopen(const struct params *p, _unused_ long arg)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", 0), mnt;

	stand_aside();
	if (fs < 0)
		refused("fsopen");
	syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	mnt = (int)syscall(SYS_fsmount, fs, 0, 0);
	if (mnt < 0)
		refused("fsmount");
	judge(syscall(SYS_move_mount, mnt, "", AT_FDCWD, point(p),
		      MOVE_MOUNT_F_EMPTY_PATH),
	      "move_mount");
}

static void
try_open_tree(_unused_ const struct params *p, _unused_ long arg)
{
	judge(syscall(SYS_open_tree, AT_FDCWD, "/",
		      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
	      "open_tree(OPEN_TREE_CLONE)");
}

static void
try_fspick(_unused_ const struct params *p, _unused_ long arg)
{
	judge(syscall(SYS_fspick, AT_FDCWD, "/", 0), "fspick");
}

static void
try_setattr(_unused_ const struct params *p, _unused_ long arg)
{
	struct mount_attr a = { .attr_clr = MOUNT_ATTR_RDONLY };
	static const char *const points[] = { "/", "/usr", "/proc" };

	stand_aside();
	for (size_t i = 0; i < ARRAY_SIZE(points); i++)
		if (syscall(SYS_mount_setattr, AT_FDCWD, points[i], 0, &a,
			    sizeof(a)) == 0)
			escaped("%s is writable again", points[i]);
	refused("mount_setattr");
}

/* Where pivot_root is allowed the kernel says EBUSY or EINVAL here: the new
 * root is no mount point, and nothing changes. */
static void
try_pivot(const struct params *p, _unused_ long arg)
{
	long r;

	stand_aside();
	r = syscall(SYS_pivot_root, point(p), point(p));
	if (r == 0 || errno == EINVAL || errno == EBUSY)
		escaped("pivot_root is allowed");
	refused("pivot_root");
}

static void
try_chroot(const struct params *p, _unused_ long arg)
{
	int here = open(p->ws, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (chroot(point(p)) < 0)
		refused("chroot");
	if (fchdir(here) < 0)
		refused("fchdir");
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			break;
	steal(p, p->secret + 1);
}

static void
write_root(_unused_ const struct params *p, _unused_ long arg)
{
	struct statvfs v;

	if (statvfs("/", &v) < 0)
		refused("statvfs");
	if (v.f_flag & ST_RDONLY)
		blocked("the root is read-only");
	judge(mkdir("/abx-escape", 0700) == 0 ? rmdir("/abx-escape") : -1,
	      "a folder in /");
}

#define LAYER "seccomp, no capability"
const struct probe probes_mount[] = {
	{ "mount-tmpfs", OPEN_ROOT, 0, "mount of tmpfs", LAYER, mount_fs, 0 },
	{ "mount-proc", OPEN_ROOT, 0, "mount of proc", LAYER, mount_fs, 1 },
	{ "mount-sysfs", OPEN_ROOT, 0, "mount of sysfs", LAYER, mount_fs, 2 },
	{ "mount-cgroup2", OPEN_ROOT, 0, "mount of cgroup2", LAYER, mount_fs,
	  3 },
	{ "mount-devpts", OPEN_ROOT, 0, "mount of devpts", LAYER, mount_fs, 4 },
	{ "mount-mqueue", OPEN_ROOT, 0, "mount of mqueue", LAYER, mount_fs, 5 },
	{ "mount-ramfs", OPEN_ROOT, 0, "mount of ramfs (no bound)", LAYER,
	  mount_fs, 6 },
	{ "mount-bpf", OPEN_HOST, 0, "mount of bpf", LAYER, mount_fs, 7 },
	{ "mount-debugfs", OPEN_HOST, 0, "mount of debugfs", LAYER, mount_fs,
	  8 },
	{ "mount-tracefs", OPEN_HOST, 0, "mount of tracefs", LAYER, mount_fs,
	  9 },
	{ "mount-securityfs", OPEN_HOST, 0, "mount of securityfs", LAYER,
	  mount_fs, 10 },
	{ "mount-overlay", OPEN_HOST, 0, "mount of overlay", LAYER,
	  mount_overlay, 0 },
	{ "mount-bind", OPEN_ROOT, 0, "bind mount", LAYER, mount_bind, 0 },
	{ "mount-rbind", OPEN_ROOT, 0, "recursive bind mount", LAYER,
	  mount_bind, 1 },
	{ "mount-remount", OPEN_ROOT, 0, "remounting / or /usr writable",
	  LAYER ", locked mounts", remount_rw, 0 },
	{ "mount-propagation", OPEN_ROOT, 0, "changing the propagation of /",
	  LAYER, propagate, 0 },
	{ "mount-umount", OPEN_ROOT, 0, "umount of a mask, /proc, /dev/pts",
	  LAYER ", locked mounts", try_umount, 0 },
	{ "mount-umount-detach", OPEN_ROOT, 0, "the same with MNT_DETACH",
	  LAYER ", locked mounts", try_umount, MNT_DETACH },
	{ "mount-move", OPEN_ROOT, 0, "mount(MS_MOVE)", LAYER, try_move, 0 },
	{ "mount-fsopen", OPEN_ROOT, 0, "fsopen, fsmount, move_mount", LAYER,
	  try_fsopen, 0 },
	{ "mount-open-tree", OPEN_ROOT, 0, "open_tree(OPEN_TREE_CLONE)", LAYER,
	  try_open_tree, 0 },
	{ "mount-fspick", OPEN_ROOT, 0, "fspick", LAYER, try_fspick, 0 },
	{ "mount-setattr", OPEN_ROOT, 0, "mount_setattr", LAYER, try_setattr,
	  0 },
	{ "mount-pivot-root", OPEN_ROOT, 0, "pivot_root", LAYER, try_pivot, 0 },
	{ "mount-chroot", OPEN_ROOT, 0, "chroot and out again",
	  LAYER ", mount namespace", try_chroot, 0 },
	{ "mount-root-write", OPEN_ROOT, 0, "a folder in the root",
	  "read-only root, Landlock", write_root, 0 },
	{ 0 },
};
