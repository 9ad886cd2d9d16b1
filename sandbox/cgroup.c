/*
 * Control groups of a box: the choice of backend on this host, and what the
 * backends share. Directories are made relative to the top of each hierarchy
 * and held by descriptor from then on. Launch pays for every system call here,
 * so there is one mkdir and one open per hierarchy that is really needed, and
 * one write per limit.
 */
#include "sandbox/cgroup-internal.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <time.h>

#define MOUNTINFO_MAX (4u << 20)
#define MAKE_TRIES 8	       /* against someone who removes the parent */
#define REMOVE_WAIT_US 2000000 /* for the last process to leave */

/* ---- finding */

static bool
real_writable(const char *dir, bool v2, void *arg _unused_)
{
	char p[CGROUP_PATH_MAX];

	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0)
		return false;
	/* What was delegated to a user is these files too (cgroups(7)); to who
	 * may write to the folder as root, they are open like the folder. */
	if (!v2 || geteuid() == 0)
		return true;
	snprintf(p, sizeof(p), "%s/cgroup.procs", dir);
	if (faccessat(AT_FDCWD, p, W_OK, AT_EACCESS) < 0)
		return false;
	snprintf(p, sizeof(p), "%s/cgroup.subtree_control", dir);
	return faccessat(AT_FDCWD, p, W_OK, AT_EACCESS) == 0;
}

/* A user manager listens on one of these (systemd.exec(5), sd_bus_open). */
static bool
systemd_user_there(void)
{
	const char *run = secure_getenv("XDG_RUNTIME_DIR");
	char p[PATH_MAX];

	if (secure_getenv("DBUS_SESSION_BUS_ADDRESS"))
		return true;
	if (!run)
		return false;
	snprintf(p, sizeof(p), "%s/systemd/private", run);
	return access(p, F_OK) == 0;
}

/* A line of mountinfo for dir, if the whole hierarchy lies there (the top of
 * each has inode 1) and it is of that version. */
static int
guess_line(const char *dir, long type, const char *what, char *buf, size_t size)
{
	struct statfs fs;
	struct stat st;
	const char *rw;

	if (statfs(dir, &fs) < 0 || fs.f_type != type || stat(dir, &st) < 0 ||
	    st.st_ino != 1)
		return -ENOENT;
	rw = fs.f_flags & ST_RDONLY ? "ro" : "rw";
	return snprintf(buf, size, "1 1 0:1 / %s %s - %s none %s,%s\n", dir, rw,
			type == CGROUP_SUPER_MAGIC ? "cgroup" : "cgroup2", rw,
			what);
}

/*
 * Mountinfo as it reads on nearly all hosts, without the kernel writing down
 * every mount there is, which takes long where there are many: cgroup2 at
 * /sys/fs/cgroup, or below it with each controller of v1 beside it. False:
 * something is in another place, so look.
 */
static bool
guess_mounts(char *buf, size_t size)
{
	static const char *const v1[CGROUP_V1_MAX] = { "memory", "pids", "cpu",
						       "blkio" };
	int n = guess_line("/sys/fs/cgroup", CGROUP2_SUPER_MAGIC, "", buf,
			   size);
	int at;
	char dir[48];

	if (n > 0)
		return true;
	at = guess_line("/sys/fs/cgroup/unified", CGROUP2_SUPER_MAGIC, "", buf,
			size);
	for (size_t i = 0; i < CGROUP_V1_MAX && at > 0; i++) {
		snprintf(dir, sizeof(dir), "/sys/fs/cgroup/%s", v1[i]);
		n = guess_line(dir, CGROUP_SUPER_MAGIC, v1[i], buf + at,
			       size - (size_t)at);
		at = n > 0 ? at + n : n;
	}
	return at > 0;
}

/* Root, which needs its own place only where the top cannot be written. */
static bool
find_for_root(struct cgroup_host *h, struct cgroup_view *v)
{
	char text[1024];

	if (!guess_mounts(text, sizeof(text)))
		return false;
	v->mountinfo = text;
	cgroup_find(h, v);
	v->mountinfo = NULL;
	return h->backend != CGROUP_NONE;
}

void
cgroup_host_view(struct cgroup_host *h, bool allow_scope, bool own)
{
	_cleanup_free_ char *mountinfo = NULL;
	char self[4096] = "";
	struct cgroup_view v = {
		.self = self,
		.parent = secure_getenv("AGENTBOX_CGROUP_PARENT"),
		.uid = geteuid(),
		.own = own,
		.writable = real_writable,
	};

	memset(h, 0, sizeof(*h));
	if (v.parent && (!str_is_clean_path(v.parent) || !v.parent[1])) {
		snprintf(h->why, sizeof(h->why),
			 "AGENTBOX_CGROUP_PARENT is not a clean absolute path");
		snprintf(h->cure, sizeof(h->cure),
			 "write it as /proc/PID/cgroup does, or unset it");
		return;
	}
	if (v.uid == 0 && !own && find_for_root(h, &v))
		return;
	v.systemd = allow_scope && v.uid != 0 && systemd_user_there();
	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX,
			 &mountinfo) < 0) {
		snprintf(h->why, sizeof(h->why),
			 "/proc/self/mountinfo cannot be read");
		return;
	}
	v.mountinfo = mountinfo;
	if (v.uid == 0 && !own) {
		cgroup_find(h, &v);
		if (h->backend != CGROUP_NONE)
			return;
	}
	if (fd_read_small(AT_FDCWD, "/proc/self/cgroup", self, sizeof(self)) <
	    0)
		self[0] = '\0';
	cgroup_find(h, &v);
}

void
cgroup_host_find(struct cgroup_host *h, bool allow_scope)
{
	cgroup_host_view(h, allow_scope, false);
}

const char *
cgroup_backend_name(enum cgroup_backend b)
{
	static const char *const name[CGROUP_BACKEND_MAX] = {
		[CGROUP_NONE] = "none",
		[CGROUP_V2] = "v2",
		[CGROUP_HYBRID] = "hybrid",
		[CGROUP_SCOPE] = "scope",
	};

	return (unsigned int)b < CGROUP_BACKEND_MAX ? name[b] : "?";
}

size_t
cgroup_host_paths(const struct cgroup_host *h, const char *id,
		  char (*paths)[CGROUP_PATH_MAX], size_t max)
{
	size_t n = 0;

	for (int i = -1; i < CGROUP_V1_MAX && n < max; i++) {
		const char *dir = i < 0 ? h->v2_dir : h->v1_dir[i];

		if (*dir)
			snprintf(paths[n++], CGROUP_PATH_MAX,
				 "%s/" CGROUP_PREFIX "%s", dir, id);
	}
	return n;
}

const char *
cgroup_host_parent(const struct cgroup_host *h)
{
	return strcmp(h->v2_dir, h->v2_top) != 0 && h->v2_dir[0] ? h->v2_dir
								 : NULL;
}

/* ---- small files */

int
cgroup_write(int dir, const char *file, const char *fmt, ...)
{
	char buf[128];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(buf))
		return -EOVERFLOW;
	return fd_write_string(dir, file, buf);
}

int
cgroup_read_u64(int dir, const char *file, uint64_t *ret)
{
	char buf[64];
	ssize_t n = fd_read_small(dir, file, buf, sizeof(buf));

	if (n < 0)
		return (int)n;
	buf[strcspn(buf, "\n")] = '\0';
	if (!strcmp(buf, "max") || !strcmp(buf, "-1")) {
		*ret = CGROUP_UNLIMITED;
		return 0;
	}
	return str_to_u64(buf, ret);
}

int
cgroup_key(const char *text, const char *key, uint64_t *ret)
{
	size_t n = strlen(key);
	char num[32];

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		const char *p = text + n;

		if (strncmp(text, key, n) != 0 || *p != ' ')
			continue;
		n = strcspn(++p, "\n");
		if (n >= sizeof(num))
			return -ERANGE;
		memcpy(num, p, n);
		num[n] = '\0';
		return str_to_u64(num, ret);
	}
	return -ENOENT;
}

int
cgroup_read_key(int dir, const char *file, const char *key, uint64_t *ret)
{
	char buf[4096];
	ssize_t n = fd_read_small(dir, file, buf, sizeof(buf));

	return n < 0 ? (int)n : cgroup_key(buf, key, ret);
}

/* ---- making and removing */

uint32_t
cgroup_wanted(const struct cgroup_limits *lim)
{
	uint32_t w = 0;

	if (lim->memory != CGROUP_UNLIMITED)
		w |= LAYER_BIT(LAYER_MEMORY);
	if (lim->swap != CGROUP_UNLIMITED)
		w |= LAYER_BIT(LAYER_SWAP);
	if (lim->pids != CGROUP_UNLIMITED)
		w |= LAYER_BIT(LAYER_PIDS);
	if (lim->cpu_percent != CGROUP_UNLIMITED && lim->cpu_percent)
		w |= LAYER_BIT(LAYER_CPU);
	if (lim->io_weight != CGROUP_UNLIMITED ||
	    (lim->io_bps != CGROUP_UNLIMITED && lim->io_bps))
		w |= LAYER_BIT(LAYER_IO);
	return w;
}

int
cgroup_group_make(struct cgroup_group *g, const char *dir, const char *rel,
		  const char *name, struct err *e)
{
	int r = -ENOENT;

	snprintf(g->path, sizeof(g->path), "%s/%s", dir, name);
	snprintf(g->rel, sizeof(g->rel), "%s/%s", rel, name);
	for (int i = 0; i < MAKE_TRIES && r == -ENOENT; i++) {
		r = mkdir(g->path, 0755) < 0 ? -errno : 0;
		if (r == -ENOENT && fd_mkdir_p(AT_FDCWD, dir, 0755) < 0)
			break;
	}
	if (r < 0) {
		r = err_sys(e, r, "cannot make the cgroup %s", g->path);
		g->path[0] = '\0';
		return r;
	}
	g->dir = open(g->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (g->dir < 0)
		return err_sys(e, errno, "cannot open the cgroup %s", g->path);
	return 0;
}

static void
group_close(struct cgroup_group *g)
{
	close_ptr(&g->dir);
	close_ptr(&g->tasks);
	g->dir = g->tasks = -EBADF;
}

static struct cgroup *
cgroup_new(const struct cgroup_host *h, const char *id)
{
	struct cgroup *cg = calloc(1, sizeof(*cg));
	const char *parent = cgroup_host_parent(h);

	if (!cg)
		return NULL;
	cg->ops = h->backend == CGROUP_HYBRID ? &cgroup_hybrid_ops
					      : &cgroup_v2_ops;
	cg->freeze = cg->events = cg->kill = -EBADF;
	for (int i = 0; i < CGROUP_GROUPS_MAX; i++)
		cg->g[i].dir = cg->g[i].tasks = -EBADF;
	snprintf(cg->name, sizeof(cg->name), CGROUP_PREFIX "%s", id);
	if (parent)
		snprintf(cg->parent, sizeof(cg->parent), "%s", parent);
	return cg;
}

int
cgroup_create(const struct cgroup_host *h, const char *id,
	      const struct cgroup_limits *lim, struct cgroup **ret,
	      uint32_t *ret_set, struct err *e)
{
	struct cgroup *cg;
	uint32_t set = 0;
	int r;

	if (h->backend == CGROUP_NONE) {
		*ret = NULL;
		*ret_set = 0;
		return 0;
	}
	if (h->backend == CGROUP_SCOPE && !h->v2_dir[0])
		return err_set(e, EINVAL, "the cgroup scope was not entered");
	if (!str_is_name(id))
		return err_set(e, EINVAL, "\"%s\" cannot name a cgroup", id);
	cg = cgroup_new(h, id);
	if (!cg)
		return err_sys(e, ENOMEM, "cannot make a cgroup");
	r = cg->ops->create(cg, h, lim, cgroup_wanted(lim), &set, e);
	if (r < 0) {
		cgroup_remove(cg);
		cgroup_free(cg);
		return r;
	}
	if (cgroup_can_freeze(cg))
		set |= LAYER_BIT(LAYER_FREEZE);
	*ret = cg;
	*ret_set = set;
	return 0;
}

int
cgroup_clone_fd(const struct cgroup *cg)
{
	return cg ? cg->g[0].dir : -EBADF;
}

size_t
cgroup_join_fds(const struct cgroup *cg, int *fds, size_t max)
{
	size_t n = 0;

	for (int i = 0; cg && i < CGROUP_GROUPS_MAX && n < max; i++)
		if (cg->g[i].tasks >= 0)
			fds[n++] = cg->g[i].tasks;
	return n;
}

int
cgroup_attach(struct cgroup *cg, pid_t pid)
{
	for (int i = 0; cg && i < CGROUP_GROUPS_MAX; i++) {
		int r;

		if (cg->g[i].dir < 0)
			continue;
		r = cgroup_write(cg->g[i].dir, "cgroup.procs", "%d", (int)pid);
		if (r < 0)
			return r;
	}
	return 0;
}

size_t
cgroup_paths(const struct cgroup *cg, const char **paths, size_t max)
{
	size_t n = 0;

	for (int i = 0; cg && i < CGROUP_GROUPS_MAX && n < max; i++)
		if (cg->g[i].path[0])
			paths[n++] = cg->g[i].path;
	return n;
}

/* A process that was reaped has left its group, but a group that is still
 * being emptied says EBUSY for a moment. */
static int
remove_dir(const char *path)
{
	struct timespec t = { 0, 50000 };
	uint64_t waited = 0;

	while (rmdir(path) < 0) {
		if (errno == ENOENT)
			return 0;
		if (errno != EBUSY || waited > REMOVE_WAIT_US)
			return -errno;
		nanosleep(&t, NULL);
		waited += (uint64_t)t.tv_nsec / 1000;
		t.tv_nsec = MIN(t.tv_nsec * 2, 50000000);
	}
	return 0;
}

int
cgroup_remove(struct cgroup *cg)
{
	int ret = 0;

	for (int i = 0; cg && i < CGROUP_GROUPS_MAX; i++) {
		int r;

		if (!cg->g[i].path[0])
			continue;
		r = remove_dir(cg->g[i].path);
		if (r < 0)
			ret = r;
		else
			cg->g[i].path[0] = '\0';
	}
	/* Fails while others have a box in it: theirs to do then. */
	if (cg && cg->parent[0])
		rmdir(cg->parent);
	return ret;
}

void
cgroup_free(struct cgroup *cg)
{
	if (!cg)
		return;
	for (int i = 0; i < CGROUP_GROUPS_MAX; i++)
		group_close(&cg->g[i]);
	close_ptr(&cg->freeze);
	close_ptr(&cg->events);
	close_ptr(&cg->kill);
	free(cg);
}

/* ---- sweeping */

static bool
sweep_one(const char *dir, const char *name)
{
	_cleanup_close_ int fd = -EBADF;
	char path[CGROUP_DIR_MAX + NAME_MAX + 2];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	cgroup_write(fd, "cgroup.kill", "1"); /* not there on v1: fine */
	return remove_dir(path) == 0;
}

static int
sweep_dir(const char *dir, bool (*alive)(const char *, void *), void *arg)
{
	struct dirent *d;
	DIR *top;
	int n = 0;

	if (!*dir || !(top = opendir(dir)))
		return 0;
	while ((d = readdir(top))) {
		const char *id = d->d_name + strlen(CGROUP_PREFIX);

		if (str_starts(d->d_name, CGROUP_PREFIX) && str_is_name(id) &&
		    !alive(id, arg) && sweep_one(dir, d->d_name))
			n++;
	}
	closedir(top);
	return n;
}

int
cgroup_sweep(const struct cgroup_host *h,
	     bool (*alive)(const char *id, void *arg), void *arg)
{
	int n = sweep_dir(h->v2_dir, alive, arg);

	for (int i = 0; i < CGROUP_V1_MAX; i++)
		n += sweep_dir(h->v1_dir[i], alive, arg);
	if (cgroup_host_parent(h))
		rmdir(cgroup_host_parent(h));
	return n;
}

int
cgroup_spent(struct cgroup *cg, uint64_t *ret_cpu_usec,
	     uint64_t *ret_memory_peak)
{
	uint64_t cpu = 0;
	int r;

	if (!cg)
		return -EOPNOTSUPP;
	/* cgroup2 counts time on every backend, without any controller */
	r = cgroup_read_key(cg->g[0].dir, "cpu.stat", "usage_usec", &cpu);
	if (r < 0)
		return r;
	*ret_cpu_usec = cpu;
	*ret_memory_peak = cg->ops->memory_peak(cg);
	return 0;
}

int
cgroup_usage(struct cgroup *cg, struct cgroup_usage *ret)
{
	struct cgroup_usage u = { 0 };
	int r;

	if (!cg)
		return -EOPNOTSUPP;
	r = cg->ops->usage(cg, &u);
	if (r < 0)
		return r;
	*ret = u;
	return 0;
}
