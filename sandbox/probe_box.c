/*
 * A box in small: one child goes through what agentbox-stage does, each step
 * noted in memory that is shared with the parent. All that it makes lies in
 * its own namespaces and ends with it. Always holds: a step that was not tried
 * says so and is never taken for one that worked.
 */
#include "lib/fd.h"
#include "sandbox/caps.h"
#include "sandbox/probe-internal.h"
#include "sandbox/sys.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define NAMESPACES                                                             \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |           \
	 CLONE_NEWIPC | CLONE_NEWUTS)

/* Any directory will do to mount over: the mount namespace is the child's. */
#define ROOT "/tmp"
#define TMPFS_SIZE (1u << 20)

static const struct {
	const char *name, *text;
} steps[PROBE_STEP_MAX] = {
#define STEP(id, t) [PROBE_STEP_##id] = { #id, t },
	PROBE_STEPS(STEP)
#undef STEP
};

const char *
probe_step_name(enum probe_step s)
{
	return s < PROBE_STEP_MAX ? steps[s].name : "?";
}

const char *
probe_step_text(enum probe_step s)
{
	return s < PROBE_STEP_MAX ? steps[s].text : "?";
}

/* What the two sides share. */
struct trial {
	const struct probe_box_request *req;
	struct probe_box *box; /* MAP_SHARED */
	int go[2];	       /* parent to child: a byte, then end of file */
	int tree;	       /* the bound directory */
};

static int
neg(long r)
{
	return r < 0 ? -errno : 0;
}

static int
step_private(_unused_ struct trial *t)
{
	return neg(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

/* Through the new mount calls, as the stage does it. */
static int
step_tmpfs(_unused_ struct trial *t)
{
	_cleanup_close_ int fs = -EBADF, mnt = -EBADF;
	struct statvfs st;
	int k;

	fs = sys_fsopen("tmpfs");
	if (fs < 0)
		return fs;
	k = sys_fsconfig(fs, FSCONFIG_SET_STRING, "size", "1048576");
	if (k == 0)
		k = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (k < 0)
		return k;
	mnt = sys_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mnt < 0)
		return mnt;
	k = sys_move_mount(mnt, AT_FDCWD, ROOT, 0);
	if (k < 0)
		return k;
	if (statvfs(ROOT, &st) < 0)
		return -errno;
	/* -EBADE, here and below: accepted, and without effect */
	return st.f_blocks * st.f_frsize == TMPFS_SIZE ? 0 : -EBADE;
}

static int
step_bind(struct trial *t)
{
	if (mkdir(ROOT "/bind", 0755) < 0)
		return -errno;
	t->tree = sys_open_tree(AT_FDCWD, "/usr",
				OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE);
	if (t->tree < 0)
		return t->tree;
	return sys_move_mount(t->tree, AT_FDCWD, ROOT "/bind", 0);
}

static int
step_rdonly(struct trial *t)
{
	struct mount_attr a = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
			    MOUNT_ATTR_NODEV,
	};
	struct statvfs st;
	int k = sys_mount_setattr(t->tree, AT_RECURSIVE, &a);

	if (k < 0)
		return k;
	if (statvfs(ROOT "/bind", &st) < 0)
		return -errno;
	return st.f_flag & ST_RDONLY ? 0 : -EBADE;
}

static int
step_proc(_unused_ struct trial *t)
{
	if (mkdir(ROOT "/proc", 0755) < 0)
		return -errno;
	return neg(mount("proc", ROOT "/proc", "proc",
			 MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL));
}

static int
step_devpts(_unused_ struct trial *t)
{
	if (mkdir(ROOT "/pts", 0755) < 0)
		return -errno;
	return neg(mount("devpts", ROOT "/pts", "devpts", MS_NOSUID | MS_NOEXEC,
			 "newinstance,ptmxmode=0666,mode=0620"));
}

static int
step_pivot(_unused_ struct trial *t)
{
	if (chdir(ROOT) < 0)
		return -errno;
	/* The old root ends up over the new one and is taken off at once
	 * (pivot_root(2), "pivot_root(".", ".")"). */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return -errno;
	return neg(umount2(".", MNT_DETACH));
}

static int
step_loopback(_unused_ struct trial *t)
{
	_cleanup_close_ int fd = -EBADF;
	struct ifreq ifr = { .ifr_name = "lo" };

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ifr.ifr_flags = IFF_UP;
	return neg(ioctl(fd, SIOCSIFFLAGS, &ifr));
}

static int
step_hostname(_unused_ struct trial *t)
{
	return neg(sethostname("probe", 5));
}

static int
step_cgroupns(_unused_ struct trial *t)
{
	return neg(unshare(CLONE_NEWCGROUP));
}

static int
step_timens(_unused_ struct trial *t)
{
	return neg(unshare(CLONE_NEWTIME));
}

static int
step_rlimits(_unused_ struct trial *t)
{
	struct rlimit none = { 0, 0 };

	return neg(setrlimit(RLIMIT_CORE, &none));
}

static int
step_oom(_unused_ struct trial *t)
{
	return fd_write_string(AT_FDCWD, "/proc/self/oom_score_adj", "1000");
}

static int
step_fds(_unused_ struct trial *t)
{
	if (syscall(SYS_close_range, 3u, ~0u, 0u) < 0)
		return -errno;
	return fcntl(3, F_GETFD) < 0 && errno == EBADF ? 0 : -EBADE;
}

static int
step_securebits(_unused_ struct trial *t)
{
	int r = caps_drop_bounding(NULL);

	if (r == 0)
		r = caps_lock_securebits(NULL);
	if (r < 0)
		return r;
	r = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
	return r == (int)caps_securebits() ? 0 : -EBADE;
}

static int
step_caps(_unused_ struct trial *t)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct d[2] = { 0 };
	int r = caps_drop_all(NULL);

	if (r < 0)
		return r;
	if (syscall(SYS_capget, &h, d) < 0)
		return -errno;
	return d[0].permitted | d[1].permitted ? -EBADE : 0;
}

static int
step_nnp(_unused_ struct trial *t)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -EBADE;
}

/* In the order in which they are done; after: the step without which this one
 * cannot be tried. /proc of the host is used before the root changes. */
static const struct {
	enum probe_step step, after;
	int (*fn)(struct trial *t);
} todo[] = {
	{ PROBE_STEP_RLIMITS, PROBE_STEP_MAPS, step_rlimits },
	{ PROBE_STEP_OOM, PROBE_STEP_MAPS, step_oom },
	{ PROBE_STEP_PRIVATE, PROBE_STEP_MAPS, step_private },
	{ PROBE_STEP_TMPFS, PROBE_STEP_PRIVATE, step_tmpfs },
	{ PROBE_STEP_BIND, PROBE_STEP_TMPFS, step_bind },
	{ PROBE_STEP_RDONLY, PROBE_STEP_BIND, step_rdonly },
	{ PROBE_STEP_PROC, PROBE_STEP_TMPFS, step_proc },
	{ PROBE_STEP_DEVPTS, PROBE_STEP_TMPFS, step_devpts },
	{ PROBE_STEP_PIVOT, PROBE_STEP_TMPFS, step_pivot },
	{ PROBE_STEP_LOOPBACK, PROBE_STEP_MAPS, step_loopback },
	{ PROBE_STEP_HOSTNAME, PROBE_STEP_MAPS, step_hostname },
	{ PROBE_STEP_CGROUPNS, PROBE_STEP_MAPS, step_cgroupns },
	{ PROBE_STEP_TIMENS, PROBE_STEP_MAPS, step_timens },
	{ PROBE_STEP_FDS, PROBE_STEP_CLONE, step_fds },
	{ PROBE_STEP_SECUREBITS, PROBE_STEP_MAPS, step_securebits },
	{ PROBE_STEP_CAPS, PROBE_STEP_MAPS, step_caps },
	{ PROBE_STEP_NNP, PROBE_STEP_CLONE, step_nnp },
};

/* Pid 1 of the trial. Becomes the mapped user (nobody maps to uid 0 inside, so
 * the capabilities stay) and readable to itself again. */
static _noreturn_ void
trial_child(struct trial *t)
{
	const struct probe_box_request *r = t->req;
	struct probe_box *b = t->box;
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(t->go[1]);
	if (read(t->go[0], &c, 1) != 1)
		_exit(1);
	if (b->step[PROBE_STEP_MAPS] == 0 &&
	    (setresgid(r->inside_gid, r->inside_gid, r->inside_gid) < 0 ||
	     setresuid(r->inside_uid, r->inside_uid, r->inside_uid) < 0))
		b->step[PROBE_STEP_MAPS] = -errno;
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(todo); i++)
		if (b->step[todo[i].after] == 0)
			b->step[todo[i].step] = todo[i].fn(t);
	_exit(0);
}

static int
write_map(pid_t pid, const char *file, unsigned int inside,
	  unsigned int outside)
{
	char path[64], line[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	snprintf(line, sizeof(line), "%u %u 1\n", inside, outside);
	return fd_write_string(AT_FDCWD, path, line);
}

static int
write_maps(pid_t pid, const struct probe_box_request *r)
{
	char path[64];
	int k;

	/* Without privilege the kernel wants setgroups closed first
	 * (user_namespaces(7)); with it, closing does no harm. */
	snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	k = fd_write_string(AT_FDCWD, path, "deny");
	if (k < 0)
		return k;
	k = write_map(pid, "uid_map", r->inside_uid, r->outside_uid);
	if (k < 0)
		return k;
	return write_map(pid, "gid_map", r->inside_gid, r->outside_gid);
}

/* A clone of dir whose owners are mapped; never attached anywhere. */
static int
try_idmap(pid_t pid, const struct probe_box_request *r)
{
	_cleanup_close_ int ns = -EBADF, tree = -EBADF;
	struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return -errno;
	tree = sys_open_tree(AT_FDCWD, r->dir, OPEN_TREE_CLONE | O_CLOEXEC);
	if (tree < 0)
		return tree;
	a.userns_fd = (uint64_t)ns;
	return sys_mount_setattr(tree, 0, &a);
}

static void
trial_parent(struct trial *t, pid_t pid)
{
	struct probe_box *b = t->box;
	int k;

	b->step[PROBE_STEP_CLONE] = 0;
	b->step[PROBE_STEP_MAPS] = write_maps(pid, t->req);
	if (!t->req->idmap)
		b->step[PROBE_STEP_IDMAP] = PROBE_NOT_NEEDED;
	else if (b->step[PROBE_STEP_MAPS] == 0)
		b->step[PROBE_STEP_IDMAP] = try_idmap(pid, t->req);
	if (write(t->go[1], "", 1) != 1)
		kill(pid, SIGKILL);
	k = probe_wait(pid);
	if (k < 0)
		b->step[PROBE_STEP_CLONE] = k;
}

/* Which of them it was: each alone, with a user namespace around it. */
static void
try_each_namespace(struct probe_box *b)
{
	static const uint64_t flag[] = {
		[LAYER_USER] = 0,
		[LAYER_PID] = CLONE_NEWPID,
		[LAYER_MOUNT] = CLONE_NEWNS,
		[LAYER_NET] = CLONE_NEWNET,
		[LAYER_IPC] = CLONE_NEWIPC,
		[LAYER_UTS] = CLONE_NEWUTS,
	};

	for (size_t i = 0; i < ARRAY_SIZE(flag); i++)
		if (i == LAYER_USER || flag[i])
			b->ns[i] = probe_clone(CLONE_NEWUSER | flag[i]);
}

static int
first_failure(const struct probe_box *b)
{
	for (int i = 0; i < PROBE_STEP_MAX; i++)
		if (b->step[i] < 0)
			return b->step[i];
	return 0;
}

static int
trial_run(struct trial *t)
{
	pid_t pid;

	for (int i = 0; i < PROBE_STEP_MAX; i++)
		t->box->step[i] = PROBE_NOT_REACHED;
	if (pipe2(t->go, O_CLOEXEC) < 0)
		return -errno;
	pid = probe_fork(NAMESPACES);
	if (pid == 0)
		trial_child(t);
	if (pid > 0)
		trial_parent(t, pid);
	else
		t->box->step[PROBE_STEP_CLONE] = pid;
	if (t->box->step[PROBE_STEP_CLONE] < 0)
		try_each_namespace(t->box);
	close(t->go[0]);
	close(t->go[1]);
	return first_failure(t->box);
}

static struct probe_box *
box_shared(void)
{
	void *p = mmap(NULL, sizeof(struct probe_box), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int
probe_box(const struct probe_box_request *r, struct probe_box *ret)
{
	struct trial t = { .req = r, .go = { -EBADF, -EBADF }, .tree = -EBADF };
	int k;

	t.box = box_shared();
	if (!t.box)
		return -ENOMEM;
	k = trial_run(&t);
	*ret = *t.box;
	munmap(t.box, sizeof(*t.box));
	return k;
}

struct as_user {
	struct probe_box_request req;
	struct probe_box *box;
};

/* Not dumpable after the change of ids, /proc/self would belong to root. */
static int
as_user_child(void *arg)
{
	struct as_user *a = arg;
	uid_t uid = a->req.outside_uid;
	gid_t gid = a->req.outside_gid;

	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0 ||
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return -errno;
	return probe_box(&a->req, a->box);
}

int
probe_box_as(uid_t uid, gid_t gid, struct probe_box *ret)
{
	struct as_user a = {
		.req = { .outside_uid = uid,
			 .outside_gid = gid,
			 .inside_uid = 1000,
			 .inside_gid = 1000 },
	};
	int k;

	a.box = box_shared();
	if (!a.box)
		return -ENOMEM;
	/* Until the child says more. */
	for (int i = 0; i < PROBE_STEP_MAX; i++)
		a.box->step[i] = PROBE_NOT_REACHED;
	k = probe_in_child(as_user_child, &a);
	if (k < 0 && a.box->step[PROBE_STEP_CLONE] == PROBE_NOT_REACHED)
		a.box->step[PROBE_STEP_CLONE] = k;
	*ret = *a.box;
	munmap(a.box, sizeof(*a.box));
	return k;
}
