/*
 * /proc and /sys: files that steer the kernel, files that show the host.
 */
#include "tests/escape/probe.h"

#include <ctype.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

static const char *const write_roots[] = {
	"/proc/sys",	       "/proc/irq",
	"/proc/bus",	       "/proc/fs",
	"/proc/acpi",	       "/proc/driver",
	"/proc/sysrq-trigger", "/proc/mtrr",
	"/proc/timer_stats",   "/proc/scsi",
	"/proc/asound",	       "/proc/tty",
	"/proc/sysvipc",       "/proc/pressure",
};

/* Opening is enough: nothing is written. */
static int
try_write(const char *path, const struct stat *st, int type,
	  _unused_ struct FTW *ftw)
{
	int fd;

	if (type != FTW_F || !S_ISREG(st->st_mode) || !(st->st_mode & 0222))
		return 0;
	/* a pressure trigger is a poll, open to everybody by design */
	if (!strncmp(path, "/proc/pressure", 14))
		return 0;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	escaped("%s is writable", path);
}

static void
sweep_proc(_unused_ const struct params *p, _unused_ long arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(write_roots); i++)
		nftw(write_roots[i], try_write, 32, FTW_PHYS | FTW_MOUNT);
	blocked("no writable file");
}

static void
sweep_sys(_unused_ const struct params *p, _unused_ long arg)
{
	if (access("/sys/kernel", F_OK) < 0)
		refused("/sys/kernel");
	nftw("/sys/kernel", try_write, 32, FTW_PHYS | FTW_MOUNT);
	nftw("/sys/module", try_write, 32, FTW_PHYS | FTW_MOUNT);
	nftw("/sys/fs/cgroup", try_write, 32, FTW_PHYS);
	blocked("no writable file");
}

static bool
any_name(_unused_ const char *name, _unused_ void *arg)
{
	return true;
}

static void
sys_visible(_unused_ const struct params *p, _unused_ long arg)
{
	if (each_entry("/sys", any_name, NULL))
		escaped("/sys has entries");
	refused("opendir /sys");
}

static void
open_for(const char *path, int flags)
{
	judge(open(path, flags | O_CLOEXEC | O_NONBLOCK), path);
}

static void
core_pattern(_unused_ const struct params *p, _unused_ long arg)
{
	open_for("/proc/sys/kernel/core_pattern", O_WRONLY);
}

static void
last_pid(_unused_ const struct params *p, _unused_ long arg)
{
	open_for("/proc/sys/kernel/ns_last_pid", O_WRONLY);
}

static void
sysrq(_unused_ const struct params *p, _unused_ long arg)
{
	open_for("/proc/sysrq-trigger", O_WRONLY);
}

static void
kcore(_unused_ const struct params *p, _unused_ long arg)
{
	open_for("/proc/kcore", O_RDONLY);
}

static void
kmsg(_unused_ const struct params *p, _unused_ long arg)
{
	open_for("/proc/kmsg", O_RDONLY);
}

static void
kallsyms(_unused_ const struct params *p, _unused_ long arg)
{
	char buf[4096];
	_cleanup_close_ int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n < 0)
		refused("open");
	buf[n] = '\0';
	/* "ffffffff81000000 T name" against "0000000000000000 T name"; the
	 * first symbols of x86 are offsets, so all lines are looked at */
	for (char *l = buf; l; l = strchr(l, '\n'), l = l ? l + 1 : NULL)
		if (strspn(l, "0") < strcspn(l, " "))
			escaped("real addresses");
	blocked("no address in %zd bytes", n);
}

/* Kernel internals that help an attacker; root reads them on a host. */
static void
internals(_unused_ const struct params *p, _unused_ long arg)
{
	static const char *const files[] = {
		"/proc/slabinfo",    "/proc/vmallocinfo",
		"/proc/kpagecount",  "/proc/kpageflags",
		"/proc/timer_list",  "/proc/pagetypeinfo",
		"/proc/sched_debug", "/proc/latency_stats",
	};
	char c;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_close_ int fd = open(files[i], O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && read(fd, &c, 1) == 1)
			escaped("read %s", files[i]);
	}
	refused("open");
}

static void
proc_keys(const struct params *p, _unused_ long arg)
{
	char buf[65536];
	_cleanup_close_ int fd = open("/proc/keys", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	if (n > 0 && p->key && memmem(buf, (size_t)n, p->key, strlen(p->key)))
		escaped("the host's key is listed");
	if (n >= 0)
		blocked("%zd bytes, not the host's key", n);
	refused("/proc/keys");
}

static void
net_unix(const struct params *p, _unused_ long arg)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/net/unix", "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, p->abstract))
			escaped("the host's socket is listed");
	if (f)
		blocked("the host's socket is not listed");
	refused("/proc/net/unix");
}

static void
oom_lower(_unused_ const struct params *p, _unused_ long arg)
{
	char buf[32] = "";
	_cleanup_close_ int fd =
		open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);

	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) <= 0)
		refused("open");
	snprintf(buf, sizeof(buf), "%ld\n", strtol(buf, NULL, 10) - 1);
	judge(pwrite(fd, buf, strlen(buf), 0), "lowering oom_score_adj");
}

struct sight {
	const struct params *p;
	const char *file;
};

static bool
see_pid(const char *name, void *arg)
{
	const struct sight *s = arg;
	char path[320];

	if (!isdigit((unsigned char)name[0]) || atol(name) == getpid() ||
	    atol(name) == getppid())
		return false;
	if (!s->file)
		return is_victim(atol(name));
	snprintf(path, sizeof(path), "/proc/%s/%s", name, s->file);
	return path_has_token(s->p, AT_FDCWD, path);
}

static void
see_victim(const struct params *p, _unused_ long arg)
{
	struct sight s = { p, NULL };

	if (each_entry("/proc", see_pid, &s) || is_victim(p->victim))
		escaped("a host process is visible");
	blocked("no host process in /proc");
}

static void
see_environ(const struct params *p, _unused_ long arg)
{
	struct sight s = { p, "environ" };

	if (each_entry("/proc", see_pid, &s))
		escaped("read the secret in a host process's environment");
	refused("open");
}

const struct probe probes_proc[] = {
	{ "proc-write-sweep", OPEN_ROOT, PROBE_SLOW,
	  "any writable file of /proc outside the processes",
	  "read-only /proc, user namespace, Landlock", sweep_proc, 0 },
	{ "proc-core-pattern", OPEN_ROOT, 0, "/proc/sys/kernel/core_pattern",
	  "read-only /proc, user namespace, Landlock", core_pattern, 0 },
	{ "proc-ns-last-pid", OPEN_ROOT, 0, "/proc/sys/kernel/ns_last_pid",
	  "read-only /proc, user namespace, Landlock", last_pid, 0 },
	{ "proc-sysrq", OPEN_HOST, 0, "/proc/sysrq-trigger",
	  "masked, read-only /proc, Landlock", sysrq, 0 },
	{ "proc-kcore", OPEN_HOST, 0, "/proc/kcore", "masked, user namespace",
	  kcore, 0 },
	{ "proc-kmsg", OPEN_ROOT, 0, "/proc/kmsg", "masked, user namespace",
	  kmsg, 0 },
	{ "proc-kallsyms", OPEN_ROOT, 0, "addresses in /proc/kallsyms",
	  "masked, user namespace", kallsyms, 0 },
	{ "proc-internals", OPEN_ROOT, 0, "slabinfo, vmallocinfo, kpage*, ...",
	  "masked, user namespace", internals, 0 },
	{ "proc-keys", OPEN_HOST, 0, "keys of the host in /proc/keys",
	  "masked, user namespace", proc_keys, 0 },
	{ "proc-net-unix", OPEN_USER, 0, "host sockets in /proc/net/unix",
	  "network namespace", net_unix, 0 },
	{ "proc-oom-lower", OPEN_HOST, 0, "a lower oom_score_adj",
	  "read-only /proc, no capability", oom_lower, 0 },
	{ "proc-host-pids", OPEN_USER, 0, "host processes in /proc",
	  "pid namespace", see_victim, 0 },
	{ "proc-environ", OPEN_USER, 0, "environment of host processes",
	  "pid namespace", see_environ, 0 },
	{ "sys-visible", OPEN_USER, 0, "/sys", "no /sys in the box",
	  sys_visible, 0 },
	{ "sys-write-sweep", OPEN_ROOT, PROBE_SLOW,
	  "any writable file of /sys/kernel, module, cgroup",
	  "no /sys in the box", sweep_sys, 0 },
	{ 0 },
};
