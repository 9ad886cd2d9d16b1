/*
 * Processes below a process. Inside a pid namespace orphans become children of
 * its pid 1, so everything that lives in a box is below its pid 1. While we
 * look, processes fork and end: a process that was reparented behind our back
 * shows up among the children of pid 1, which are read again until nothing new
 * comes (a bounded number of times: what hides once does not hide at the next
 * look).
 */
#include "supervisor/procs.h"

#include "lib/fd.h"
#include "lib/macro.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define ROUNDS 4
#define CHILDREN_MAX (1u << 20) /* bytes of one children file */
#define FDS_MAX 65536		/* of one process */

struct procs {
	pid_t *pids;
	size_t n, cap;
	uint64_t *seen; /* bitmap, by pid */
	size_t seen_bits;
};

struct inode {
	dev_t dev;
	ino_t ino;
};

/* Open addressing; grows. */
struct inode_set {
	struct inode *v;
	size_t n, cap;
};

/* ---- the set of processes ---------------------------------------------- */

static bool
seen_add(struct procs *p, pid_t pid)
{
	size_t i = (size_t)pid, bits = p->seen_bits ? p->seen_bits : 65536;
	uint64_t *v, bit = 1ull << (i % 64);

	while (bits <= i)
		bits *= 2;
	if (bits != p->seen_bits) {
		v = realloc(p->seen, bits / 8);
		if (!v)
			return false;
		memset((char *)v + p->seen_bits / 8, 0,
		       (bits - p->seen_bits) / 8);
		p->seen = v;
		p->seen_bits = bits;
	}
	if (p->seen[i / 64] & bit)
		return false;
	p->seen[i / 64] |= bit;
	return true;
}

static int
add(struct procs *p, pid_t pid)
{
	pid_t *v;

	if (pid <= 0 || p->n >= PROCS_MAX || !seen_add(p, pid))
		return 0;
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		v = reallocarray(p->pids, p->cap, sizeof(*v));
		if (!v)
			return -ENOMEM;
		p->pids = v;
	}
	p->pids[p->n++] = pid;
	return 0;
}

/* "12 345 " */
static int
add_list(struct procs *p, const char *s)
{
	char *end;
	int r = 0;

	while (r == 0) {
		long pid = strtol(s, &end, 10);

		if (end == s)
			break;
		r = add(p, (pid_t)pid);
		s = end;
	}
	return r;
}

static int
add_children_of_thread(struct procs *p, int task, const char *tid)
{
	_cleanup_free_ char *big = NULL;
	char path[64], buf[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "%.20s/children", tid);
	n = fd_read_small(task, path, buf, sizeof(buf));
	if (n == -EOVERFLOW)
		n = fd_read_file(task, path, CHILDREN_MAX, &big);
	if (n < 0)
		return n == -ENOENT || n == -ESRCH ? 0 : (int)n;
	return add_list(p, big ? big : buf);
}

static int
add_children(struct procs *p, pid_t pid)
{
	char path[64];
	struct dirent *de;
	DIR *d;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	while (r == 0 && (de = readdir(d)))
		if (de->d_name[0] != '.')
			r = add_children_of_thread(p, dirfd(d), de->d_name);
	closedir(d);
	return r;
}

static int
check_root(pid_t root)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", root, root);
	if (access(path, R_OK) == 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d", root);
	return access(path, F_OK) == 0 ? -ENOTSUP : -ESRCH;
}

int
procs_find(pid_t root, struct procs **ret)
{
	struct procs *p;
	size_t done = 0;
	int r = check_root(root);

	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	r = add(p, root);
	for (int round = 0; r == 0 && round < ROUNDS; round++) {
		size_t before = p->n;

		while (r == 0 && done < p->n)
			r = add_children(p, p->pids[done++]);
		if (r == 0)
			r = add_children(p, root);
		if (p->n == before)
			break;
	}
	if (r < 0) {
		procs_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void
procs_free(struct procs *p)
{
	if (!p)
		return;
	free(p->pids);
	free(p->seen);
	free(p);
}

/* ---- memory ------------------------------------------------------------ */

/* The sum of "Key:   123 kB" lines, in bytes. */
static uint64_t
field(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) * 1024 : 0;
}

void
procs_sum(const struct procs *p, struct procs_sum *ret)
{
	struct procs_sum s = { 0 };
	char path[64], buf[8192];

	for (size_t i = 0; i < p->n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/status", p->pids[i]);
		if (fd_read_small(AT_FDCWD, path, buf, sizeof(buf)) < 0)
			continue;
		s.n++;
		s.anon += field(buf, "\nRssAnon:") + field(buf, "\nVmSwap:");
		s.shmem += field(buf, "\nRssShmem:");
	}
	*ret = s;
}

void
procs_sum_exact(const struct procs *p, struct procs_sum *ret)
{
	struct procs_sum s = { 0 };
	char path[64], buf[4096];

	for (size_t i = 0; i < p->n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/smaps_rollup",
			 p->pids[i]);
		if (fd_read_small(AT_FDCWD, path, buf, sizeof(buf)) < 0)
			continue;
		s.n++;
		s.anon += field(buf, "\nPss_Anon:") + field(buf, "\nSwapPss:");
		s.shmem += field(buf, "\nPss_Shmem:");
	}
	*ret = s;
}

/* utime, stime, cutime, cstime: the 14th field of /proc/PID/stat and what
 * follows, proc(5); the 2nd may hold anything, so from its ")" on. */
static uint64_t
ticks(const char *stat)
{
	const char *at = strrchr(stat, ')');
	uint64_t sum = 0;

	for (int field_nr = 2; at && field_nr < 14; field_nr++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	for (int i = 0; at && i < 4; i++) {
		char *end;

		sum += strtoull(at, &end, 10);
		at = end;
	}
	return sum;
}

uint64_t
procs_cpu(const struct procs *p)
{
	long hz = sysconf(_SC_CLK_TCK);
	char path[64], buf[4096];
	uint64_t sum = 0;

	for (size_t i = 0; i < p->n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/stat", p->pids[i]);
		if (fd_read_small(AT_FDCWD, path, buf, sizeof(buf)) > 0)
			sum += ticks(buf);
	}
	return sum * 1000000 / (uint64_t)(hz > 0 ? hz : 100);
}

/* ---- files ------------------------------------------------------------- */

static struct inode *
slot(struct inode *v, size_t cap, dev_t dev, ino_t ino)
{
	size_t i = ((size_t)ino * 0x9E3779B97F4A7C15ull + dev) % cap;

	while (v[i].ino && (v[i].ino != ino || v[i].dev != dev))
		i = (i + 1) % cap;
	return &v[i];
}

/* True if it was not there. Out of memory: true, counted twice. */
static bool
set_add(struct inode_set *set, dev_t dev, ino_t ino)
{
	struct inode *e, *v;
	size_t cap;

	if (set->n * 2 >= set->cap) {
		cap = set->cap ? 2 * set->cap : 256;
		v = calloc(cap, sizeof(*v));
		if (!v)
			return true;
		for (size_t i = 0; i < set->cap; i++)
			if (set->v[i].ino)
				*slot(v, cap, set->v[i].dev, set->v[i].ino) =
					set->v[i];
		free(set->v);
		set->v = v;
		set->cap = cap;
	}
	e = slot(set->v, set->cap, dev, ino);
	if (e->ino)
		return false;
	*e = (struct inode){ dev, ino };
	set->n++;
	return true;
}

/* The kernel's internal shmem mount, on which memfds live: the device of any
 * memfd of ours. 0 when that cannot be found out. */
static dev_t
memfd_dev(void)
{
	_cleanup_close_ int fd = fd_sealed("look", "", 0);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_dev : 0;
}

struct file_look {
	dev_t dev, memfd;
	struct inode_set set;
	struct procs_files sum;
};

static void
look_at_file(struct file_look *l, int fds, const char *name)
{
	struct stat st;

	if (fstatat(fds, name, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_nlink != 0 || (st.st_dev != l->dev && st.st_dev != l->memfd))
		return;
	if (!set_add(&l->set, st.st_dev, st.st_ino))
		return;
	if (st.st_dev == l->memfd)
		l->sum.memfd += (uint64_t)st.st_blocks * 512;
	else
		l->sum.deleted += (uint64_t)st.st_blocks * 512;
}

void
procs_files(const struct procs *p, dev_t dev, struct procs_files *ret)
{
	struct file_look l = { .dev = dev, .memfd = memfd_dev() };
	struct dirent *de;
	char path[64];

	for (size_t i = 0; i < p->n; i++) {
		size_t n = 0;
		DIR *d;

		snprintf(path, sizeof(path), "/proc/%d/fd", p->pids[i]);
		d = opendir(path);
		if (!d)
			continue;
		while (n++ < FDS_MAX && (de = readdir(d)))
			if (de->d_name[0] != '.')
				look_at_file(&l, dirfd(d), de->d_name);
		closedir(d);
	}
	free(l.set.v);
	*ret = l.sum;
}
