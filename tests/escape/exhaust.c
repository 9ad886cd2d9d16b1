/*
 * Taking more than the box's share. Every probe stops by itself a little above
 * the limit that it was told, so that nothing suffers where no limit holds.
 */
#include "tests/escape/probe.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MIB (1L << 20)
#define MAX_FORKS 600
#define MAX_MEMORY (1536 * MIB)
#define SLACK (64 * MIB)

static void
forks(const struct params *p, _unused_ long arg)
{
	static pid_t pids[MAX_FORKS];
	long want = MIN(p->pids * 4, (long)MAX_FORKS), n;
	int e = 0;

	for (n = 0; n < want; n++) {
		pids[n] = fork();
		if (pids[n] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
			_exit(0);
		}
		if (pids[n] < 0) {
			e = errno;
			break;
		}
	}
	for (long i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (long i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
	if (n > p->pids)
		escaped("%ld processes with a limit of %ld", n, p->pids);
	blocked("%s after %ld processes", strerrorname_np(e), n);
}

static void *
wait_forever(void *arg)
{
	pause();
	return arg;
}

static void
threads(const struct params *p, _unused_ long arg)
{
	long want = MIN(p->pids * 4, (long)MAX_FORKS), n;
	pthread_attr_t a;
	pthread_t t;
	int e = 0;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 65536);
	for (n = 0; n < want && !e; n++)
		e = pthread_create(&t, &a, wait_forever, NULL);
	if (n > p->pids)
		escaped("%ld threads with a limit of %ld", n, p->pids);
	blocked("%s after %ld threads", strerrorname_np(e), n);
}

static long
memory_goal(const struct params *p)
{
	return MIN(p->mem * 2, MAX_MEMORY);
}

_noreturn_ static void
judge_memory(const struct params *p, long got)
{
	if (got > p->mem + SLACK)
		escaped("%ld MiB with a limit of %ld", got / MIB, p->mem / MIB);
	blocked("stopped at %ld MiB: %s", got / MIB, strerrorname_np(errno));
}

/* The child touches; its death or its shared counter tell how far it got. */
static void
touch_in_child(const struct params *p, void (*touch)(long *done, long goal))
{
	long *done = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = spawn();
	int status;

	if (pid == 0) {
		touch(done, memory_goal(p));
		if (*done > p->mem)
			sleep_ms(2000); /* a watch looks now and then */
		_exit(0);
	}
	status = reap(pid, 50000);
	errno = ENOMEM;
	if (*done <= p->mem + SLACK && status >= 0 && WIFSIGNALED(status))
		blocked("killed by SIG%s at %ld MiB",
			sigabbrev_np(WTERMSIG(status)), *done / MIB);
	judge_memory(p, *done);
}

static void
touch_private(long *done, long goal)
{
	for (; *done < goal; *done += MIB) {
		char *m = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (m == MAP_FAILED)
			return;
		memset(m, 1, MIB);
	}
}

static void
touch_memfd(long *done, long goal)
{
	static char block[MIB];
	int fd = memfd_create("abx", MFD_CLOEXEC);

	memset(block, 1, sizeof(block));
	for (; *done < goal; *done += MIB) {
		if (*done % (32 * MIB) == 0) /* each below the file size */
			fd = memfd_create("abx", MFD_CLOEXEC);
		if (fd < 0 || write(fd, block, MIB) != MIB)
			return;
	}
}

static void
touch_sysv(long *done, long goal)
{
	for (; *done < goal; *done += 8 * MIB) {
		int id = shmget(IPC_PRIVATE, 8 * MIB, IPC_CREAT | 0600);
		char *m = id < 0 ? NULL : shmat(id, NULL, 0);

		if (!m || m == (void *)-1)
			return;
		shmctl(id, IPC_RMID, NULL);
		memset(m, 1, 8 * MIB);
	}
}

static void
memory_private(const struct params *p, _unused_ long arg)
{
	touch_in_child(p, touch_private);
}

static void
memory_memfd(const struct params *p, _unused_ long arg)
{
	touch_in_child(p, touch_memfd);
}

static void
memory_sysv(const struct params *p, _unused_ long arg)
{
	touch_in_child(p, touch_sysv);
}

static void
descriptors(const struct params *p, _unused_ long arg)
{
	struct rlimit l;
	long n = 3;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
	while (n <= p->nofile && open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
		n++;
	if (n > p->nofile)
		escaped("%ld descriptors with a limit of %ld", n, p->nofile);
	blocked("%s after %ld descriptors", strerrorname_np(errno), n);
}

/* Many nameless files, each below the file size limit. */
static long
fill_dir(const char *dir, long goal, long each)
{
	static char block[MIB];
	long total = 0;
	int fd = -1;

	memset(block, 1, sizeof(block));
	for (; total < goal; total += MIB) {
		if (total % each == 0)
			fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		errno = ENOSPC; /* for a write that is cut short */
		if (fd < 0 || write(fd, block, MIB) != MIB)
			break;
	}
	return total;
}

static void
fill_tmp(const struct params *p, long arg)
{
	const char *const dirs[] = {
		"/tmp",	    getenv("HOME"), "/dev/shm",
		"/var/tmp", "/run",	    "/run/agentbox"
	};
	long goal = p->tmp + 2 * MIB, got;

	if (!dirs[arg])
		absent("no such folder");
	/* memory may be the tighter bound, and killing is how it shows */
	got = fill_dir(dirs[arg], goal, MIN(p->fsize, 16 * MIB));
	if (got >= goal)
		escaped("%ld MiB in %s with a limit of %ld", got / MIB,
			dirs[arg], p->tmp / MIB);
	blocked("%s after %ld MiB", strerrorname_np(errno), got / MIB);
}

static const char *
inode_name(long i)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/abx-inodes/%ld", i);
	return path;
}

/* An empty file costs a kilobyte of the kernel that no size limit counts. */
static void
fill_inodes(const struct params *p, _unused_ long arg)
{
	long n, limit = p->tmp / 1024 + 4096;
	int fd = 0, e;

	if (p->selftest) /* a real disk takes its time */
		limit = 4096;
	if (mkdir("/tmp/abx-inodes", 0700) < 0)
		refused("mkdir");
	for (n = 0; n < limit && fd >= 0; n++) {
		fd = open(inode_name(n), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		if (fd >= 0)
			close(fd);
	}
	e = errno;
	for (long i = 0; i < n; i++)
		unlink(inode_name(i));
	rmdir("/tmp/abx-inodes");
	if (fd >= 0)
		escaped("%ld files where %ld MiB are allowed", n, p->tmp / MIB);
	blocked("%s after %ld files", strerrorname_np(e), n - 1);
}

static void
big_file(const struct params *p, long arg)
{
	int fd = ws_file(p, "big");
	char c = 'x';
	long r;

	unlink(ws_path(p, "big"));
	signal(SIGXFSZ, SIG_IGN);
	r = arg ? ftruncate(fd, p->fsize + MIB)
		: pwrite(fd, &c, 1, p->fsize + MIB);
	judge(r, "a file above the limit");
}

/* Named files, since they are what is left behind; the watch stops the box. */
static void
fill_workspace(const struct params *p, _unused_ long arg)
{
	static char block[MIB];
	char name[64];
	long total = 0;
	int fd = -1;

	memset(block, 1, sizeof(block));
	for (; total < p->growth * 2; total += MIB) {
		if (total % (32 * MIB) == 0) {
			close(fd);
			snprintf(name, sizeof(name), "grow-%ld", total / MIB);
			fd = ws_file(p, name);
		}
		if (write(fd, block, MIB) != MIB)
			refused("write");
	}
	sleep_ms(20000); /* the watch looks now and then */
	escaped("%ld MiB written with a limit of %ld", total / MIB,
		p->growth / MIB);
}

#define TMPFS "bounded tmpfs"
#define MAY (PROBE_MAY_DIE | PROBE_SLOW | PROBE_END_BOX)
const struct probe probes_exhaust[] = {
	{ "exhaust-forks", OPEN_USER, PROBE_SLOW, "four times the processes",
	  "cgroup pids, RLIMIT_NPROC", forks, 0 },
	{ "exhaust-threads", OPEN_USER, PROBE_SLOW, "four times the threads",
	  "cgroup pids, RLIMIT_NPROC", threads, 0 },
	{ "exhaust-descriptors", OPEN_HOST, 0, "more descriptors",
	  "RLIMIT_NOFILE", descriptors, 0 },
	{ "exhaust-tmp", OPEN_USER, MAY, "more in /tmp", TMPFS, fill_tmp, 0 },
	{ "exhaust-home", OPEN_USER, MAY, "more in HOME", TMPFS, fill_tmp, 1 },
	{ "exhaust-dev-shm", OPEN_USER, MAY, "more in /dev/shm", TMPFS,
	  fill_tmp, 2 },
	{ "exhaust-var-tmp", OPEN_USER, MAY, "more in /var/tmp", TMPFS,
	  fill_tmp, 3 },
	{ "exhaust-run", OPEN_ROOT, MAY, "more in /run", TMPFS, fill_tmp, 4 },
	{ "exhaust-inodes", OPEN_USER, MAY, "empty files in /tmp",
	  "bounded tmpfs, cgroup memory", fill_inodes, 0 },
	{ "exhaust-file-write", OPEN_USER, 0, "a big file in the workspace",
	  "RLIMIT_FSIZE", big_file, 0 },
	{ "exhaust-file-truncate", OPEN_USER, 0, "a big sparse file",
	  "RLIMIT_FSIZE", big_file, 1 },
	{ "exhaust-memory", OPEN_USER, MAY, "twice the memory",
	  "cgroup memory, or the memory watch", memory_private, 0 },
	{ "exhaust-memfd", OPEN_USER, MAY, "the same in memfds",
	  "cgroup memory, or the memory watch", memory_memfd, 0 },
	{ "exhaust-sysv", OPEN_HOST, MAY, "the same in SysV segments",
	  "cgroup memory, or the memory watch", memory_sysv, 0 },
	{ "exhaust-workspace", OPEN_USER, MAY | PROBE_ASKED,
	  "twice the growth of the workspace", "the workspace watch",
	  fill_workspace, 0 },
	{ 0 },
};
