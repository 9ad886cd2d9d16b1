/* links: lib sandbox */
/*
 * The least that the kernel asks for a launch with these layers: one static
 * program that checks nothing, reads no profile, talks to nobody, keeps
 * nothing. The yardstick for agentbox.
 *
 *	bench_floor FILTER WORKSPACE [GROUP...] -- COMMAND [ARG...]
 *
 * FILTER is raw BPF (bench_filter). Each GROUP is a folder of cgroupfs in which
 * a group of one process is made: of cgroup2, to be born in, or of v1.
 */
#include "tests/bench/bench.h"

#include "lib/macro.h"
#include "sandbox/clone.h"
#include "sandbox/landlock.h"
#include "sandbox/sys.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define GROUPS_MAX 8
#define NAMESPACES                                                             \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |           \
	 CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

static struct {
	char group[GROUPS_MAX][256];
	int tasks[GROUPS_MAX]; /* of v1 */
	size_t n_groups;
	int born_in;
	const char *workspace;
	char **argv;
	struct sock_fprog filter;
	uid_t uid;
	gid_t gid;
} run = { .born_in = -EBADF };

static char stack[CLONE_STACK] __attribute__((aligned(64)));

static void
put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		bench_die(file);
	close(fd);
}

static void
map_ids(void)
{
	char text[32];

	put("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "1000 %u 1", run.gid);
	put("/proc/self/gid_map", text);
	snprintf(text, sizeof(text), "1000 %u 1", run.uid);
	put("/proc/self/uid_map", text);
}

static void
bind_at(const char *from, const char *to, unsigned long flags)
{
	if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0)
		bench_die(from);
	if (flags &&
	    mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | flags, NULL) < 0)
		bench_die(to);
}

static void
make_dev(void)
{
	static const char *const names[] = { "null", "zero", "full", "urandom",
					     "tty" };
	char from[32], to[32];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(from, sizeof(from), "/dev/%s", names[i]);
		snprintf(to, sizeof(to), "dev/%s", names[i]);
		if (mknod(to, S_IFREG | 0666, 0) < 0)
			bench_die(to);
		bind_at(from, to, 0);
	}
}

static void
make_root(void)
{
	static const char *const dirs[] = { "usr", "etc", "proc",
					    "dev", "tmp", "ws" };
	static const char *const links[][2] = { { "usr/bin", "bin" },
						{ "usr/lib", "lib" },
						{ "usr/lib64", "lib64" } };
	unsigned long ro = MS_RDONLY | MS_NOSUID | MS_NODEV;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/mnt", "tmpfs", MS_NOSUID | MS_NODEV,
		  "mode=755,size=64m") < 0 ||
	    chdir("/mnt") < 0)
		bench_die("tmpfs");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdir(dirs[i], 0755) < 0)
			bench_die(dirs[i]);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i][0], links[i][1]) < 0)
			bench_die(links[i][1]);
	bind_at("/usr", "usr", ro);
	bind_at("/etc", "etc", ro);
	bind_at(run.workspace, "ws", 0);
	make_dev();
	if (mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") <
		    0 ||
	    mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL) < 0)
		bench_die("mount");
	if (syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/ws") < 0)
		bench_die("pivot_root");
}

static void
loopback(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		bench_die("lo");
	close(fd);
}

static void
drop_caps(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct none[2] = { { .effective = 0 } };

	for (int c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &head, none) < 0 ||
	    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		bench_die("capset");
}

static void
landlock(void)
{
	static const struct {
		const char *path;
		uint64_t access;
	} rules[] = {
		{ "/usr", 0xd }, { "/etc", 0xc },    { "/proc", 0xc },
		{ "/dev", 0xe }, { "/tmp", 0x1fff }, { "/ws", 0x1fff },
	};
	const uint64_t handled[1] = { 0x1fff };
	int set = (int)syscall(SYS_landlock_create_ruleset, handled,
			       sizeof(handled), 0);

	if (set < 0)
		return; /* an old kernel: the floor is lower there */
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct {
			uint64_t access;
			int32_t fd;
		} __attribute__((packed))
		rule = { rules[i].access,
			 open(rules[i].path, O_PATH | O_CLOEXEC) };

		if (syscall(SYS_landlock_add_rule, set, 1, &rule, 0) < 0)
			bench_die("landlock_add_rule");
		close(rule.fd);
	}
	if (syscall(SYS_landlock_restrict_self, set, 0) < 0)
		bench_die("landlock_restrict_self");
}

static int
child(void *arg)
{
	static char path[] = "PATH=/usr/bin:/bin";
	static char *const env[] = { path, NULL };

	(void)arg;
	for (size_t i = 0; i < run.n_groups; i++)
		if (run.tasks[i] >= 0 && write(run.tasks[i], "0", 1) != 1)
			bench_die("tasks");
	map_ids();
	make_root();
	loopback();
	drop_caps();
	landlock();
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &run.filter) < 0)
		bench_die("seccomp");
	execve(run.argv[0], run.argv, env);
	bench_die(run.argv[0]);
}

static void
make_group(const char *parent)
{
	size_t i = run.n_groups++;
	char *path = run.group[i];
	int dir;

	snprintf(path, sizeof(run.group[i]), "%s/abx-floor-%d", parent,
		 (int)getpid());
	if (mkdir(path, 0755) < 0)
		bench_die(path);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	run.tasks[i] = openat(dir, "tasks", O_WRONLY | O_CLOEXEC);
	if (run.tasks[i] < 0)
		run.born_in = dir;
}

static void
read_filter(const char *file)
{
	static struct sock_filter insns[4096];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, insns, sizeof(insns));

	if (n <= 0)
		bench_die(file);
	close(fd);
	run.filter.len = (unsigned short)((size_t)n / sizeof(insns[0]));
	run.filter.filter = insns;
}

int
main(int argc, char **argv)
{
	struct clone_request rq = { .flags =
					    NAMESPACES | CLONE_VM | CLONE_VFORK,
				    .exit_signal = SIGCHLD };
	int status, i = 3;
	pid_t pid;

	if (argc < 5)
		return 2;
	read_filter(argv[1]);
	run.workspace = argv[2];
	run.uid = geteuid();
	run.gid = getegid();
	for (; i < argc && strcmp(argv[i], "--") != 0; i++)
		make_group(argv[i]);
	run.argv = &argv[i + 1];
	if (run.born_in >= 0) {
		rq.flags |= CLONE_INTO_CGROUP;
		rq.cgroup = run.born_in;
	}
	pid = clone_call(&rq, stack, child, NULL);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		bench_die("clone3");
	for (size_t k = 0; k < run.n_groups; k++)
		if (rmdir(run.group[k]) < 0)
			bench_die(run.group[k]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
