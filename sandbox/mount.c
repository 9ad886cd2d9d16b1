/*
 * The box's file tree. What always holds: a path of the host is resolved
 * without symbolic links (the compiler gave real paths, so a link is somebody
 * racing us); a path inside is resolved beneath the new root; nothing is
 * created below a bound host tree; a tree is attached only after its
 * attributes are set; every tree is private, so nothing propagates either way.
 */
#include "sandbox/mount.h"

#include "lib/fd.h"
#include "lib/str.h"
#include "sandbox/sys.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

#define SRC_RESOLVE (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
#define DST_RESOLVE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
#define ROOT_SIZE (4u << 20)
#define EMPTY "/run/agentbox/.empty"

struct build {
	int root;
	const struct plan *plan;
	const int *fds;
	size_t n_fds, next_fd;
	bool have_empty[2]; /* the file, the folder */
	struct err *e;
};

/* dst without its leading slash: relative to the root descriptor. */
static const char *
rel(const char *dst)
{
	return dst[1] ? dst + 1 : ".";
}

static uint64_t
attrs_of(const struct plan_fs *f)
{
	uint64_t a = MOUNT_ATTR_NOSUID;

	if (f->flags & PLAN_FS_RDONLY)
		a |= MOUNT_ATTR_RDONLY;
	if (f->flags & PLAN_FS_NOEXEC)
		a |= MOUNT_ATTR_NOEXEC;
	if (!(f->flags & PLAN_FS_DEV))
		a |= MOUNT_ATTR_NODEV;
	return a;
}

static int
clone_failed(struct err *e, int r, const struct plan_fs *f)
{
	if (r == -ENOSYS) {
		err_set(e, r,
			"the kernel has no open_tree, move_mount or "
			"mount_setattr");
		return err_cure(e, "agentbox needs Linux 5.12 or newer; in a "
				   "container, its seccomp profile must allow "
				   "these calls");
	}
	if (r == -ELOOP) {
		err_set(e, r, "%s: a symbolic link appeared in the path",
			f->src);
		return err_cure(e, "another process changed the path while the "
				   "box started; run again");
	}
	return err_sys(e, r, "%s: cannot bind it into the box", f->src);
}

static int
set_attrs(int fd, const struct plan_fs *f, int idmap_fd, struct err *e)
{
	struct mount_attr a = { .attr_set = attrs_of(f),
				.propagation = MS_PRIVATE };
	int r;

	if (f->flags & PLAN_FS_IDMAP && idmap_fd >= 0) {
		a.attr_set |= MOUNT_ATTR_IDMAP;
		a.userns_fd = (uint64_t)idmap_fd;
	}
	r = sys_mount_setattr(fd, AT_RECURSIVE, &a);
	if (r == -EINVAL && a.attr_set & MOUNT_ATTR_IDMAP) {
		err_set(e, -EMEDIUMTYPE, "%s: its file system cannot map ids",
			f->src);
		return err_cure(e,
				"use a workspace on ext4, xfs, btrfs or (from "
				"Linux 6.3) tmpfs, or run agentbox as the "
				"owner of the files instead of root");
	}
	return r < 0 ? clone_failed(e, r, f) : 0;
}

/* A device by its fixed name below /dev: nobody who could change that folder
 * needs a box to get further. */
static int
clone_device(const struct plan_fs *f, struct err *e)
{
	_cleanup_close_ int fd = sys_open_tree(
		AT_FDCWD, f->src,
		AT_SYMLINK_NOFOLLOW | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int r;

	if (fd < 0)
		return fd == -ENOENT && f->flags & PLAN_FS_OPTIONAL
			       ? fd
			       : clone_failed(e, fd, f);
	r = set_attrs(fd, f, -EBADF, e);
	return r < 0 ? r : TAKE_FD(fd);
}

int
mount_clone(const struct plan_fs *f, int idmap_fd, struct err *e)
{
	_cleanup_close_ int at = -EBADF, fd = -EBADF;
	int r;

	if (f->flags & PLAN_FS_DEV && !strncmp(f->src, "/dev/", 5) &&
	    !strchr(f->src + 5, '/'))
		return clone_device(f, e);
	at = fd_openat2(AT_FDCWD, f->src, O_PATH | O_CLOEXEC, 0, SRC_RESOLVE);
	if (at == -ENOENT && f->flags & PLAN_FS_OPTIONAL)
		return at;
	if (at < 0)
		return clone_failed(e, at, f);
	fd = sys_open_tree(at, "",
			   AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				   AT_RECURSIVE);
	if (fd < 0)
		return clone_failed(e, fd, f);
	r = set_attrs(fd, f, idmap_fd, e);
	return r < 0 ? r : TAKE_FD(fd);
}

/* A file system of its own, configured by "key", "value" pairs. */
static int
mount_new(const char *type, const char *const *opts, uint64_t attrs,
	  struct err *e)
{
	_cleanup_close_ int fs = sys_fsopen(type);
	int r = fs < 0 ? fs : 0;

	for (; r >= 0 && opts && *opts; opts += 2)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, opts[0], opts[1]);
	if (r >= 0)
		r = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (r >= 0)
		r = sys_fsmount(fs, (unsigned int)attrs);
	if (r < 0)
		return err_sys(e, r, "mount %s", type);
	return r;
}

int
mount_tmpfs(uint64_t size, uint32_t mode, struct err *e)
{
	char size_text[24], mode_text[12], inodes[24];
	const char *const opts[] = { "size",	  size_text, "mode", mode_text,
				     "nr_inodes", inodes,    NULL };

	snprintf(size_text, sizeof(size_text), "%" PRIu64, size);
	snprintf(mode_text, sizeof(mode_text), "%o", mode);
	/* One inode per 4 KiB: bounded, and never the first limit met. */
	snprintf(inodes, sizeof(inodes), "%" PRIu64, size / 4096 + 1024);
	return mount_new("tmpfs", opts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
			 e);
}

/* True if an earlier bind of the host covers dst: create nothing there. */
static bool
below_bind(const struct build *b, const struct plan_fs *f)
{
	for (const struct plan_fs *i = b->plan->fs; i < f; i++) {
		size_t n = strlen(i->dst);

		if (i->kind == PLAN_FS_BIND && !strncmp(i->dst, f->dst, n) &&
		    (f->dst[n] == '/' || !f->dst[n]))
			return true;
	}
	return false;
}

static int
make_dir(struct build *b, const struct plan_fs *f, const char *dst,
	 uint32_t mode)
{
	char parent[PATH_MAX];
	const char *slash;
	int r;

	if (!dst[1])
		return 0;
	if (mkdirat(b->root, rel(dst), mode) == 0 || errno == EEXIST)
		return 0;
	if (errno != ENOENT)
		return -errno;
	slash = strrchr(dst, '/');
	if (slash == dst)
		return -ENOENT;
	memcpy(parent, dst, (size_t)(slash - dst));
	parent[slash - dst] = '\0';
	r = make_dir(b, f, parent, 0755);
	if (r < 0)
		return r;
	return mkdirat(b->root, rel(dst), mode) < 0 ? -errno : 0;
}

static int
make_parent(struct build *b, const struct plan_fs *f)
{
	char parent[PATH_MAX];
	size_t n = (size_t)(strrchr(f->dst, '/') - f->dst);

	if (!n)
		return 0;
	memcpy(parent, f->dst, n);
	parent[n] = '\0';
	return make_dir(b, f, parent, 0755);
}

static int
make_file(struct build *b, const struct plan_fs *f, const char *data,
	  uint32_t mode)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int fd = openat(b->root, rel(f->dst), flags, mode);
	int r;

	if (fd < 0 && errno == ENOENT) {
		r = make_parent(b, f);
		if (r < 0)
			return r;
		fd = openat(b->root, rel(f->dst), flags, mode);
	}
	if (fd < 0)
		return -errno;
	return fd_write_all(fd, data, strlen(data));
}

static int
make_symlink(struct build *b, const struct plan_fs *f)
{
	int r;

	if (symlinkat(f->src, b->root, rel(f->dst)) == 0)
		return 0;
	if (errno != ENOENT)
		return -errno;
	r = make_parent(b, f);
	if (r < 0)
		return r;
	return symlinkat(f->src, b->root, rel(f->dst)) < 0 ? -errno : 0;
}

static int
make_point(struct build *b, const struct plan_fs *f, bool is_dir)
{
	int r;

	if (is_dir)
		return make_dir(b, f, f->dst, 0755);
	if (mknodat(b->root, rel(f->dst), S_IFREG | 0644, 0) == 0 ||
	    errno == EEXIST)
		return 0;
	if (errno != ENOENT)
		return -errno;
	r = make_parent(b, f);
	if (r < 0)
		return r;
	return mknodat(b->root, rel(f->dst), S_IFREG | 0644, 0) < 0 ? -errno
								    : 0;
}

/* Attaches the mount fd at dst, making the mount point if it may. On our own
 * tmpfs there is nobody who could have put a link in the way. */
static int
attach(struct build *b, const struct plan_fs *f, int fd, bool is_dir)
{
	_cleanup_close_ int at = -EBADF;
	int r;

	if (!below_bind(b, f)) {
		r = make_point(b, f, is_dir);
		return r < 0 ? r : sys_move_mount(fd, b->root, rel(f->dst), 0);
	}
	at = fd_openat2(b->root, rel(f->dst), O_PATH | O_CLOEXEC, 0,
			DST_RESOLVE);
	if (at < 0)
		return at;
	return sys_move_mount(fd, at, "", MOVE_MOUNT_T_EMPTY_PATH);
}

static int
attach_checked(struct build *b, const struct plan_fs *f, int fd, bool is_dir)
{
	int r = attach(b, f, fd, is_dir);

	if (r < 0)
		return err_sys(b->e, r, "%s: cannot mount there", f->dst);
	return 0;
}

static int
is_directory(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode);
}

static int
do_bind(struct build *b, const struct plan_fs *f)
{
	_cleanup_close_ int own = -EBADF;
	int fd, dir;

	if (f->flags & PLAN_FS_FD) {
		if (b->next_fd >= b->n_fds)
			return err_set(b->e, -EBADMSG,
				       "fewer mounts came than planned");
		fd = b->fds[b->next_fd++];
	} else {
		fd = own = mount_clone(f, -EBADF, b->e);
		if (fd == -ENOENT && f->flags & PLAN_FS_OPTIONAL)
			return 0;
		if (fd < 0)
			return fd;
	}
	dir = f->flags & PLAN_FS_DEV ? 0 : is_directory(fd);
	return dir < 0 ? dir : attach_checked(b, f, fd, dir);
}

/* A folder of our own tmpfs onto itself: nobody else has been there, so there
 * is no link to be afraid of. */
static int
do_rebind(struct build *b, const struct plan_fs *f)
{
	struct mount_attr a = { .attr_set = attrs_of(f),
				.propagation = MS_PRIVATE };
	_cleanup_close_ int fd = sys_open_tree(
		b->root, rel(f->src),
		AT_SYMLINK_NOFOLLOW | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int r;

	if (fd < 0)
		return clone_failed(b->e, fd, f);
	r = sys_mount_setattr(fd, 0, &a);
	if (r < 0)
		return clone_failed(b->e, r, f);
	r = sys_move_mount(fd, b->root, rel(f->dst), 0);
	return r < 0 ? err_sys(b->e, r, "%s: cannot mount there", f->dst) : 0;
}

static int
do_new(struct build *b, const struct plan_fs *f)
{
	static const char *const pts[] = { "mode", "0620", "ptmxmode", "0666",
					   NULL };
	_cleanup_close_ int fd = -EBADF;
	struct mount_attr a = { .attr_set = attrs_of(f) };
	int r;

	if (f->kind == PLAN_FS_TMPFS) {
		fd = mount_tmpfs(f->size, f->mode, b->e);
		r = fd < 0 ? fd : sys_mount_setattr(fd, 0, &a);
	} else if (f->kind == PLAN_FS_PROC) {
		r = fd = mount_new("proc", NULL, a.attr_set, b->e);
		if (r == -EPERM)
			err_cure(b->e,
				 "this container hides parts of /proc, so "
				 "the kernel refuses a fresh one: run it "
				 "with an unmasked /proc");
	} else {
		r = fd = mount_new("devpts", pts,
				   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, b->e);
	}
	return r < 0 ? r : attach_checked(b, f, fd, true);
}

/* What masks show: an empty file or folder, of which each mask is a read-only
 * clone. */
static int
empty_of(struct build *b, bool is_dir)
{
	struct mount_attr a = { .attr_set =
					MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
	const struct plan_fs f = { .dst = is_dir ? EMPTY "-dir"
						 : EMPTY "-file" };
	_cleanup_close_ int fd = -EBADF;
	int r = b->have_empty[is_dir] ? 0 : make_point(b, &f, is_dir);

	if (r < 0)
		return r;
	b->have_empty[is_dir] = true;
	r = fd = sys_open_tree(b->root, rel(f.dst),
			       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (r >= 0)
		r = sys_mount_setattr(fd, 0, &a);
	return r < 0 ? r : TAKE_FD(fd);
}

static int
do_mask(struct build *b, const struct plan_fs *f)
{
	_cleanup_close_ int at = -EBADF, fd = -EBADF;
	int r;

	at = fd_openat2(
		b->root, rel(f->dst), O_PATH | O_CLOEXEC | O_NOFOLLOW, 0,
		RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);
	/* Not there, or a link (which leads nowhere outside the box). */
	if (at == -ENOENT || at == -ELOOP || at == -ENOTDIR)
		return 0;
	r = at < 0 ? at : is_directory(at);
	if (r >= 0)
		r = fd = empty_of(b, r);
	if (r >= 0)
		r = sys_move_mount(fd, at, "", MOVE_MOUNT_T_EMPTY_PATH);
	if (r < 0)
		return err_sys(b->e, r, "%s: cannot hide it", f->dst);
	return 0;
}

static int
do_make(struct build *b, const struct plan_fs *f)
{
	int r;

	if (below_bind(b, f))
		return err_set(b->e, -EBADMSG,
			       "%s: the plan would create it in a host tree",
			       f->dst);
	if (f->kind == PLAN_FS_DIR)
		r = make_dir(b, f, f->dst, f->mode);
	else if (f->kind == PLAN_FS_FILE)
		r = make_file(b, f, f->data, f->mode);
	else
		r = make_symlink(b, f);
	if (r < 0)
		return err_sys(b->e, r, "%s: cannot create it", f->dst);
	return 0;
}

static int
do_one(struct build *b, const struct plan_fs *f)
{
	switch (f->kind) {
	case PLAN_FS_BIND:
		return do_bind(b, f);
	case PLAN_FS_REBIND:
		return do_rebind(b, f);
	case PLAN_FS_TMPFS:
	case PLAN_FS_PROC:
	case PLAN_FS_DEVPTS:
		return do_new(b, f);
	case PLAN_FS_MASK:
		return do_mask(b, f);
	default:
		return do_make(b, f);
	}
}

/* The root itself: only its size is planned. */
static bool
is_root(const struct plan_fs *f)
{
	return f->kind == PLAN_FS_TMPFS && !f->dst[1];
}

int
mount_build(int root, const struct plan *p, const int *fds, size_t n_fds,
	    struct err *e)
{
	struct build b = {
		.root = root, .plan = p, .fds = fds, .n_fds = n_fds, .e = e
	};
	mode_t old = umask(0);
	int r = 0;

	for (size_t i = 0; i < p->n_fs && r >= 0; i++)
		r = is_root(&p->fs[i]) ? 0 : do_one(&b, &p->fs[i]);
	umask(old);
	if (r >= 0 && b.next_fd != n_fds)
		return err_set(e, -EBADMSG, "more mounts came than planned");
	return r;
}

static uint64_t
root_size(const struct plan *p)
{
	for (size_t i = 0; i < p->n_fs; i++)
		if (is_root(&p->fs[i]))
			return p->fs[i].size;
	return ROOT_SIZE;
}

int
mount_root(const struct plan *p, struct err *e)
{
	_cleanup_close_ int fd = mount_tmpfs(root_size(p), 0755, e);
	int r;

	if (fd < 0)
		return fd;
	/* On top of "/": that hides nothing from us, since lookups begin at
	 * our root below it, and this mount namespace is ours alone. */
	r = sys_move_mount(fd, AT_FDCWD, "/", 0);
	if (r < 0)
		return err_sys(e, r, "cannot attach the new root");
	return TAKE_FD(fd);
}

int
mount_pivot(int root, struct err *e)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	int r;

	/* "." twice: the old root ends up above the new one and is detached at
	 * once (pivot_root(2), NOTES). */
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(e, -errno, "cannot enter the new root");
	r = sys_mount_setattr(root, 0, &ro);
	if (r < 0)
		return err_sys(e, r, "cannot make the new root read-only");
	return 0;
}
