/*
 * Gaining privilege: setuid programs, file capabilities, ids, capability sets,
 * device nodes; and leaving setuid files behind for the host, where the
 * workspace belongs to a human.
 */
#include "tests/escape/probe.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#define SUID 04755

static void
exec_suid(const struct params *p, _unused_ long arg)
{
	const char *helper = ws_path(p, "suid");
	struct stat st;
	pid_t pid;
	int status;

	if (stat(helper, &st) < 0 || !(st.st_mode & S_ISUID))
		absent("only root can prepare a setuid file");
	become_nobody();
	pid = fork();
	if (pid == 0) {
		execl(helper, "suid", "--uid-check", (char *)NULL);
		_exit(errno);
	}
	status = reap(pid, 3000);
	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 11)
		escaped("ran as the owner of the file");
	blocked("ran without gaining or not at all");
}

static bool
has_gained(pid_t pid)
{
	char path[64], line[256];
	unsigned int real, effective;
	bool gained = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Uid: %u %u", &real, &effective) == 2)
			gained = effective == 0 && getuid() != 0;
	if (f)
		fclose(f);
	return gained;
}

/* A program of the system that waits for a password: look at its uid. */
static void
exec_system_suid(_unused_ const struct params *p, _unused_ long arg)
{
	int fds[2], out;
	bool gained = false;
	pid_t pid;

	become_nobody();
	if (pipe2(fds, O_CLOEXEC) < 0)
		refused("pipe2");
	out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		dup2(fds[0], 0);
		dup2(out, 1);
		dup2(out, 2);
		setsid();
		execl("/usr/bin/su", "su", (char *)NULL);
		_exit(errno);
	}
	for (int i = 0; i < 100 && !gained; i++) {
		sleep_ms(5);
		gained = has_gained(pid);
	}
	kill(pid, SIGKILL);
	close(fds[1]);
	reap(pid, 2000);
	if (gained)
		escaped("su runs as uid 0");
	blocked("su does not run as uid 0");
}

static void
judge_mode(const char *path, long r, const char *what)
{
	int saved = errno;
	struct stat st;

	if (stat(path, &st) == 0 && st.st_mode & (S_ISUID | S_ISGID)) {
		chmod(path, 0644);
		escaped("%s left mode %o", what, st.st_mode & 07777u);
	}
	errno = saved;
	if (r >= 0)
		blocked("%s without effect", what);
	refused(what);
}

enum chmod_call { CHMOD, FCHMOD, FCHMODAT, FCHMODAT2, CHMOD_HIGH, CHMOD_GID };

static void
set_suid(const struct params *p, long arg)
{
	_cleanup_close_ int fd = ws_file(p, "suid-own");
	const char *path = ws_path(p, "suid-own");
	long r = -1;

	switch ((enum chmod_call)arg) {
	case CHMOD:
		r = chmod(path, SUID);
		break;
	case FCHMOD:
		r = fchmod(fd, SUID);
		break;
	case FCHMODAT:
		r = syscall(SYS_fchmodat, AT_FDCWD, path, SUID);
		break;
	case FCHMODAT2:
		r = syscall(SYS_fchmodat2, AT_FDCWD, path, SUID, 0);
		break;
	case CHMOD_HIGH: /* the kernel keeps 16 bits of it */
		r = syscall(SYS_fchmod, (long)fd, 0x7fff00010000L | SUID);
		break;
	case CHMOD_GID:
		r = chmod(path, 02755);
		break;
	}
	judge_mode(path, r, "chmod");
}

/* The mode of open and mknod may hold the bit too; a write takes it away, so
 * only a file with contents counts. */
static void
fill(int fd)
{
	char *m;

	if (write(fd, "#!", 2) < 0 || fallocate(fd, 0, 0, 4096) < 0)
		return;
	m = mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0);
	if (m != MAP_FAILED)
		memcpy(m,
		       "\x7f"
		       "ELF",
		       4);
}

static void
open_suid(const struct params *p, long arg)
{
	const char *path = ws_path(p, "suid-open");
	struct stat st;
	int fd;

	unlink(path);
	umask(0);
	if (arg)
		fd = mknod(path, S_IFREG | SUID, 0) < 0
			     ? -1
			     : open(path, O_RDWR | O_CLOEXEC);
	else
		fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, SUID);
	if (fd < 0)
		refused("making the file");
	if (arg && fstat(fd, &st) == 0 && st.st_mode & S_ISUID)
		judge_mode(path, 0, "mknod");
	fill(fd);
	if (fstat(fd, &st) < 0 || !(st.st_mode & S_ISUID) || !st.st_size)
		blocked("the bit is gone or the file is empty");
	judge_mode(path, 0, "open");
}

/* fallocate extends without a write on file systems that forget the bit. */
static void
fallocate_suid(const struct params *p, _unused_ long arg)
{
	const char *path = ws_path(p, "suid-fallocate");
	struct stat st;
	int fd;

	unlink(path);
	umask(0);
	fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, SUID);
	if (fd < 0)
		refused("making the file");
	if (fallocate(fd, 0, 0, 4096) < 0)
		refused("fallocate");
	if (fstat(fd, &st) == 0 && st.st_mode & S_ISUID)
		judge_mode(path, 0, "fallocate");
	unlink(path);
	blocked("the bit is gone");
}

static void
file_caps(const struct params *p, _unused_ long arg)
{
	_cleanup_close_ int fd = ws_file(p, "caps");
	struct vfs_cap_data d = { .magic_etc = VFS_CAP_REVISION_2 |
					       VFS_CAP_FLAGS_EFFECTIVE,
				  .data = { { .permitted = 1u << 10 } } };
	long r = fsetxattr(fd, "security.capability", &d, sizeof(d), 0);

	unlink(ws_path(p, "caps"));
	judge(r, "setting security.capability");
}

static void
other_xattr(const struct params *p, _unused_ long arg)
{
	_cleanup_close_ int fd = ws_file(p, "xattr");

	judge(fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0),
	      "setting a trusted attribute");
}

static void
make_device(const struct params *p, long arg)
{
	const char *path = ws_path(p, "device");
	mode_t type = arg ? S_IFBLK : S_IFCHR;
	long r;

	unlink(path);
	r = mknod(path, type | 0666, makedev(arg ? 254 : 1, 3));
	if (r == 0)
		unlink(path);
	judge(r, "mknod");
}

static void
make_device_tmp(_unused_ const struct params *p, _unused_ long arg)
{
	const char *path = "/tmp/abx-device";
	long r = mknod(path, S_IFCHR | 0666, makedev(1, 1));

	if (r == 0)
		unlink(path);
	judge(r, "mknod");
}

static void
chown_file(const struct params *p, _unused_ long arg)
{
	_cleanup_close_ int fd = ws_file(p, "chown");

	judge(fchown(fd, 12345, 12345), "fchown");
}

static void
set_ids(_unused_ const struct params *p, long arg)
{
	switch (arg) {
	case 0:
		judge(setresuid(12345, 12345, 12345), "setresuid");
	case 1:
		judge(setresgid(12345, 12345, 12345), "setresgid");
	default:
		judge(setgroups(1, (gid_t[]){ 0 }), "setgroups");
	}
}

static void
set_root(_unused_ const struct params *p, _unused_ long arg)
{
	if (syscall(SYS_setresuid, 0, 0, 0) == 0)
		escaped("became uid 0");
	refused("setresuid");
}

static void
hold_caps(_unused_ const struct params *p, _unused_ long arg)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct d[2] = { { 0 } };

	if (syscall(SYS_capget, &h, d) < 0)
		refused("capget");
	for (int i = 0; i < 2; i++)
		if (d[i].permitted || d[i].effective || d[i].inheritable)
			escaped("capabilities %08x are held", d[i].permitted);
	blocked("every set is empty");
}

static void
raise_caps(_unused_ const struct params *p, _unused_ long arg)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct d[2] = {
		{ .permitted = 1u << CAP_SYS_ADMIN,
		  .effective = 1u << CAP_SYS_ADMIN },
	};

	judge(syscall(SYS_capset, &h, d), "capset");
}

static void
ambient(_unused_ const struct params *p, _unused_ long arg)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct d[2] = { { 0 } };

	if (syscall(SYS_capget, &h, d) == 0) {
		d[0].inheritable = d[0].permitted;
		syscall(SYS_capset, &h, d);
	}
	judge(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0),
	      "PR_CAP_AMBIENT_RAISE");
}

static void
bounding(_unused_ const struct params *p, _unused_ long arg)
{
	for (int c = 0; c < 64; c++)
		if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 &&
		    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
			escaped("a program may still gain capability %d", c);
	blocked("no_new_privs, or an empty bounding set");
}

static void
no_new_privs(_unused_ const struct params *p, _unused_ long arg)
{
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		blocked("set");
	escaped("not set");
}

static void
seccomp_mode(_unused_ const struct params *p, _unused_ long arg)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "Seccomp:\t2", 10))
			blocked("a filter is loaded");
	escaped("no filter");
}

static void
nice_up(_unused_ const struct params *p, _unused_ long arg)
{
	judge(setpriority(PRIO_PROCESS, 0, -20), "setpriority");
}

static void
realtime(_unused_ const struct params *p, _unused_ long arg)
{
	struct sched_param s = { .sched_priority = 1 };

	judge(sched_setscheduler(0, SCHED_FIFO, &s), "SCHED_FIFO");
}

static void
raise_limit(_unused_ const struct params *p, long arg)
{
	struct rlimit l;

	if (getrlimit((__rlimit_resource_t)arg, &l) < 0)
		refused("getrlimit");
	if (l.rlim_max == RLIM_INFINITY)
		escaped("the hard limit is infinite");
	l.rlim_max++;
	judge(setrlimit((__rlimit_resource_t)arg, &l), "a higher hard limit");
}

/* A crash would start the host's handler with data from the box, whatever the
 * limit is, unless it is exactly 1 (core(5), fs/coredump.c). */
static void
core_helper(_unused_ const struct params *p, _unused_ long arg)
{
	char buf[256] = "";
	int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
	struct rlimit l = { 0 };

	if (fd >= 0 && read(fd, buf, sizeof(buf) - 1) < 0)
		buf[0] = '\0';
	getrlimit(RLIMIT_CORE, &l);
	if (l.rlim_max > 1)
		escaped("core files may be written");
	if (l.rlim_max == 0 && buf[0] == '|')
		escaped("a crash starts the host's %.60s", buf);
	blocked("hard limit %ld", (long)l.rlim_max);
}

/* At 0 the kernel would start the handler that at 1 it does not. */
static void
core_zero(_unused_ const struct params *p, _unused_ long arg)
{
	const struct rlimit none = { 0 };
	struct rlimit l = { 0 };
	int r = setrlimit(RLIMIT_CORE, &none);

	if (getrlimit(RLIMIT_CORE, &l) < 0)
		refused("getrlimit");
	if (l.rlim_cur == 0)
		escaped("the limit of core files is 0 now");
	blocked("setrlimit says %d, the limit is %ld", r, (long)l.rlim_cur);
}

#define CAP "no capability, user namespace"
const struct probe probes_privilege[] = {
	{ "suid-exec", OPEN_ROOT, 0, "a setuid-root program in the workspace",
	  "no_new_privs, nosuid", exec_suid, 0 },
	{ "suid-system", OPEN_USER, 0, "su of the system",
	  "no_new_privs, nosuid", exec_system_suid, 0 },
	{ "suid-chmod", OPEN_USER, 0, "chmod u+s in the workspace", "seccomp",
	  set_suid, CHMOD },
	{ "suid-fchmod", OPEN_USER, 0, "fchmod u+s", "seccomp", set_suid,
	  FCHMOD },
	{ "suid-fchmodat", OPEN_USER, 0, "fchmodat u+s", "seccomp", set_suid,
	  FCHMODAT },
	{ "suid-fchmodat2", OPEN_HOST, 0, "fchmodat2 u+s", "seccomp", set_suid,
	  FCHMODAT2 },
	{ "suid-chmod-highbits", OPEN_USER, 0,
	  "fchmod with bits that the kernel drops", "seccomp", set_suid,
	  CHMOD_HIGH },
	{ "suid-setgid", OPEN_USER, 0, "chmod g+s", "seccomp", set_suid,
	  CHMOD_GID },
	{ "suid-open", OPEN_NONE, 0, "open(O_CREAT, 04755) and contents",
	  "the kernel clears it on write", open_suid, 0 },
	{ "suid-fallocate", OPEN_NONE, 0, "open(O_CREAT, 04755) and fallocate",
	  "the kernel clears it", fallocate_suid, 0 },
	{ "suid-mknod", OPEN_USER, 0, "mknod of a regular file, 04755",
	  "seccomp", open_suid, 1 },
	{ "suid-filecaps", OPEN_ROOT, 0, "security.capability", CAP, file_caps,
	  0 },
	{ "xattr-trusted", OPEN_ROOT, 0, "a trusted.* attribute", CAP,
	  other_xattr, 0 },
	{ "mknod-char", OPEN_ROOT, 0, "a character device in the workspace",
	  "seccomp, nodev, no capability", make_device, 0 },
	{ "mknod-block", OPEN_ROOT, 0, "a block device in the workspace",
	  "seccomp, nodev, no capability", make_device, 1 },
	{ "mknod-tmp", OPEN_ROOT, 0, "/dev/mem made in /tmp",
	  "seccomp, nodev, no capability", make_device_tmp, 0 },
	{ "id-chown", OPEN_ROOT, 0, "fchown to another user", CAP, chown_file,
	  0 },
	{ "id-setuid", OPEN_ROOT, 0, "setresuid to another user", CAP, set_ids,
	  0 },
	{ "id-setgid", OPEN_ROOT, 0, "setresgid to another group", CAP, set_ids,
	  1 },
	{ "id-setgroups", OPEN_ROOT, 0, "setgroups", CAP, set_ids, 2 },
	{ "id-root", OPEN_ROOT, 0, "setresuid(0)", CAP, set_root, 0 },
	{ "caps-held", OPEN_ROOT, 0, "capabilities that are held",
	  "capset in the stage", hold_caps, 0 },
	{ "caps-raise", OPEN_ROOT, 0, "capset of CAP_SYS_ADMIN",
	  "empty permitted set", raise_caps, 0 },
	{ "caps-ambient", OPEN_ROOT, 0, "PR_CAP_AMBIENT_RAISE",
	  "empty permitted set, securebits", ambient, 0 },
	{ "caps-bounding", OPEN_USER, 0, "capabilities gained by exec",
	  "no_new_privs", bounding, 0 },
	{ "no-new-privs", OPEN_USER, 0, "is no_new_privs set", "no_new_privs",
	  no_new_privs, 0 },
	{ "seccomp-loaded", OPEN_USER, 0, "is a filter loaded", "seccomp",
	  seccomp_mode, 0 },
	{ "sched-nice", OPEN_ROOT, 0, "setpriority(-20)", CAP, nice_up, 0 },
	{ "sched-realtime", OPEN_ROOT, 0, "SCHED_FIFO", CAP, realtime, 0 },
	{ "rlimit-nofile", OPEN_HOST, 0, "a higher RLIMIT_NOFILE",
	  "rlimits, no capability", raise_limit, RLIMIT_NOFILE },
	{ "rlimit-fsize", OPEN_USER, 0, "a higher RLIMIT_FSIZE",
	  "rlimits, no capability", raise_limit, RLIMIT_FSIZE },
	{ "core-helper", OPEN_HOST, 0, "a crash that starts the host's handler",
	  "RLIMIT_CORE of 1", core_helper, 0 },
	{ "core-zero", OPEN_USER, 0, "RLIMIT_CORE set to 0", "seccomp",
	  core_zero, 0 },
	{ 0 },
};
