/*
 * Facts about kernel and machine, each found by asking for the thing itself:
 * version numbers lie in both directions (backports, switches, filters of
 * containers), so the version is only ever printed. Calls are asked with
 * arguments that no kernel accepts; what acts on the caller is tried in a
 * child that ends at once.
 */
#include "sandbox/probe.h"

#include "sandbox/landlock.h"
#include "sandbox/probe-internal.h"
#include "sandbox/sys.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

int
probe_version(const char *s, unsigned int *ret_major, unsigned int *ret_minor)
{
	unsigned long major, minor;
	char *end;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	major = strtoul(s, &end, 10);
	if (*end != '.' || end[1] < '0' || end[1] > '9')
		return -EINVAL;
	minor = strtoul(end + 1, NULL, 10);
	if (major > UINT16_MAX || minor > UINT16_MAX)
		return -ERANGE;
	*ret_major = (unsigned int)major;
	*ret_minor = (unsigned int)minor;
	return 0;
}

int
probe_kernel(struct probe_kernel *ret)
{
	struct probe_kernel k = { 0 };
	struct utsname u;
	int r;

	if (uname(&u) < 0)
		return -errno;
	r = probe_version(u.release, &k.major, &k.minor);
	if (r < 0)
		return r;
	snprintf(k.release, sizeof(k.release), "%s", u.release);
	snprintf(k.machine, sizeof(k.machine), "%s", u.machine);
	*ret = k;
	return 0;
}

bool
probe_kernel_at_least(unsigned int major, unsigned int minor)
{
	struct probe_kernel k = { 0 };

	if (probe_kernel(&k) < 0)
		return false;
	return k.major > major || (k.major == major && k.minor >= minor);
}

/* The mount calls are used together, and the last one came with 5.12. */
static const struct {
	const char *name, *since;
} calls[PROBE_CALL_MAX] = {
	[PROBE_CALL_CLONE3] = { "clone3", "5.3" },
	[PROBE_CALL_OPENAT2] = { "openat2", "5.6" },
	[PROBE_CALL_CLOSE_RANGE] = { "close_range", "5.9" },
	[PROBE_CALL_PIDFD_OPEN] = { "pidfd_open", "5.3" },
	[PROBE_CALL_OPEN_TREE] = { "open_tree", "5.12" },
	[PROBE_CALL_MOVE_MOUNT] = { "move_mount", "5.12" },
	[PROBE_CALL_MOUNT_SETATTR] = { "mount_setattr", "5.12" },
	[PROBE_CALL_FSOPEN] = { "fsopen", "5.12" },
	[PROBE_CALL_MEMFD] = { "memfd_create", "3.17" },
};

const char *
probe_call_name(enum probe_call c)
{
	return c < PROBE_CALL_MAX ? calls[c].name : "?";
}

const char *
probe_call_since(enum probe_call c)
{
	return c < PROBE_CALL_MAX ? calls[c].since : "?";
}

/* Each with arguments that are refused before anything is done. */
static long
call_nothing(enum probe_call c)
{
	switch (c) {
	case PROBE_CALL_CLONE3:
		return syscall(SYS_clone3, NULL, 0);
	case PROBE_CALL_OPENAT2:
		return syscall(SYS_openat2, -1, NULL, NULL, 0);
	case PROBE_CALL_CLOSE_RANGE:
		return syscall(SYS_close_range, ~0u, 0u, 0u);
	case PROBE_CALL_PIDFD_OPEN:
		return syscall(SYS_pidfd_open, -1, 0u);
	case PROBE_CALL_OPEN_TREE:
		return syscall(SYS_open_tree, -1, NULL, ~0u);
	case PROBE_CALL_MOVE_MOUNT:
		return syscall(SYS_move_mount, -1, NULL, -1, NULL, ~0u);
	case PROBE_CALL_MOUNT_SETATTR:
		return syscall(SYS_mount_setattr, -1, NULL, ~0u, NULL, 0);
	case PROBE_CALL_FSOPEN:
		return syscall(SYS_fsopen, NULL, ~0u);
	case PROBE_CALL_MEMFD:
		return syscall(SYS_memfd_create, NULL, ~0u);
	case PROBE_CALL_MAX:
		break;
	}
	errno = EINVAL;
	return -1;
}

int
probe_call(enum probe_call c)
{
	if (call_nothing(c) >= 0)
		return 0;
	if (errno == ENOSYS)
		return -ENOSYS;
	/* The kernel asks for privilege before it looks at the flags of these
	 * two: EPERM says that the call is there. */
	if (c == PROBE_CALL_MOVE_MOUNT || c == PROBE_CALL_FSOPEN)
		return 0;
	return errno == EPERM ? -EPERM : 0;
}

pid_t
probe_fork(uint64_t flags)
{
	struct clone_args a = { .flags = flags, .exit_signal = SIGCHLD };
	/* CLONE_ARGS_SIZE_VER0: known to every kernel that has the call. */
	pid_t pid = (pid_t)syscall(SYS_clone3, &a, 64);

	/* Old kernels, and containers that hide clone3 because a filter cannot
	 * look into its arguments. CLONE_NEWTIME is not for clone(2). */
	if (pid < 0 && errno == ENOSYS) {
		if (flags & CLONE_NEWTIME)
			return -ENOSYS;
		pid = (pid_t)syscall(SYS_clone, (unsigned long)flags | SIGCHLD,
				     0ul, 0ul, 0ul, 0ul);
	}
	return pid < 0 ? -errno : pid;
}

static int
status_to_code(int status)
{
	if (WIFEXITED(status))
		return -WEXITSTATUS(status);
	return WTERMSIG(status) == SIGSYS ? -EPERM : -EIO;
}

int
probe_wait(pid_t pid)
{
	/* Sleeping a little at a time needs no pidfd, which may be missing. */
	const struct timespec nap = { .tv_nsec = 200 * 1000 };
	struct timespec start, now;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		pid_t r = waitpid(pid, &status, WNOHANG);

		if (r == pid)
			return status_to_code(status);
		if (r < 0 && errno != EINTR)
			return -errno;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - start.tv_sec) * 1000 +
			    (now.tv_nsec - start.tv_nsec) / 1000000 >
		    PROBE_TIMEOUT_MS)
			break;
		nanosleep(&nap, NULL);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return -ETIMEDOUT;
}

int
probe_in_child(int (*fn)(void *arg), void *arg)
{
	pid_t pid = probe_fork(0);

	if (pid < 0)
		return pid;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(-fn(arg));
	}
	return probe_wait(pid);
}

int
probe_clone(uint64_t flags)
{
	pid_t pid = probe_fork(flags);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? pid : probe_wait(pid);
}

/* With a plan that has no rule, so that nothing may be opened afterwards. */
static int
landlock_child(_unused_ void *arg)
{
	const struct plan none = { 0 };
	int fd, abi;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	abi = landlock_enter(&none, true, NULL);
	if (abi < 0)
		return abi;
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return -EBADE; /* accepted and not enforced */
	return errno == EACCES ? 0 : -errno;
}

int
probe_landlock(void)
{
	return probe_in_child(landlock_child, NULL);
}

static int
seccomp_child(_unused_ void *arg)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(insns), insns };
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return -errno;
	return syscall(SYS_getppid) == -1 && errno == EXDEV ? 0 : -EBADE;
}

int
probe_seccomp(void)
{
	return probe_in_child(seccomp_child, NULL);
}

int
probe_pty(void)
{
	_cleanup_close_ int master = -EBADF, slave = -EBADF;
	char name[64];

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		return -errno;
	if (grantpt(master) < 0 || unlockpt(master) < 0)
		return -errno;
	if (ptsname_r(master, name, sizeof(name)) != 0)
		return -ENODEV;
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return slave < 0 ? -errno : 0;
}
