/*
 * New namespaces, which give capabilities over fresh kernel objects, and the
 * host's namespaces, entered by setns. Every flag through every call.
 */
#include "tests/escape/probe.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define HIGH_BIT 0x100000000L

static void
try_unshare(_unused_ const struct params *p, long arg)
{
	judge(syscall(SYS_unshare, arg), "unshare");
}

static void
child_or_judge(long pid, const char *what)
{
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, __WALL);
	judge(pid, what);
}

static void
try_clone(_unused_ const struct params *p, long arg)
{
	child_or_judge(syscall(SYS_clone, arg | SIGCHLD, 0, 0, 0, 0), "clone");
}

static void
try_clone3(_unused_ const struct params *p, long arg)
{
	struct clone_args a = { .flags = (unsigned long)arg,
				.exit_signal = SIGCHLD };

	child_or_judge(syscall(SYS_clone3, &a, sizeof(a)), "clone3");
}

static int
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = -1;

	if (fd >= 0) {
		r = (int)write(fd, text, strlen(text));
		close(fd);
	}
	return r;
}

/* The whole way to a mount: user namespace, id map, mount namespace. */
static void
user_root(_unused_ const struct params *p, _unused_ long arg)
{
	char map[64];

	snprintf(map, sizeof(map), "0 %u 1\n", geteuid());
	if (unshare(CLONE_NEWUSER) < 0)
		refused("unshare");
	write_file("/proc/self/setgroups", "deny");
	if (write_file("/proc/self/uid_map", map) < 0)
		refused("writing uid_map");
	if (unshare(CLONE_NEWNS) < 0)
		refused("unshare of mounts");
	judge(mount("abx", "/tmp", "tmpfs", 0, NULL), "mount as its own root");
}

static void
set_map(_unused_ const struct params *p, _unused_ long arg)
{
	static const char *const files[] = { "/proc/self/uid_map",
					     "/proc/self/gid_map",
					     "/proc/self/projid_map" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (write_file(files[i], "0 0 4294967295\n") > 0)
			escaped("wrote %s", files[i]);
	refused("write");
}

static const char *const ns_names[] = { "user", "mnt", "pid",	 "net",
					"ipc",	"uts", "cgroup", "time" };

static void
setns_proc(const struct params *p, long arg)
{
	char path[64];
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(ns_names); i++) {
		snprintf(path, sizeof(path), "/proc/%ld/ns/%s",
			 arg ? p->victim : p->init, ns_names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && setns(fd, 0) == 0)
			escaped("entered the %s namespace", ns_names[i]);
	}
	refused("setns");
}

static void
setns_pidfd(const struct params *p, _unused_ long arg)
{
	static const int flags[] = { CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS,
				     CLONE_NEWPID };
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)p->init, 0);

	if (fd < 0)
		refused("pidfd_open");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (setns(fd, flags[i]) == 0)
			escaped("entered a namespace through a pidfd");
	refused("setns");
}

/* The owner of a namespace one level up: a way to the host's objects. */
static void
ns_parent(_unused_ const struct params *p, _unused_ long arg)
{
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(ns_names); i++) {
		int fd, parent;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", ns_names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		for (int cmd = 0xb701; cmd <= 0xb702; cmd++) {
			parent = (int)syscall(SYS_ioctl, fd, cmd, 0);
			if (parent >= 0 && setns(parent, 0) == 0)
				escaped("entered the owner of %s", ns_names[i]);
		}
	}
	refused("NS_GET_USERNS, NS_GET_PARENT");
}

#define LAYER "seccomp, no capability"
#define FLAG(suffix, flag, open)                                               \
	{ "ns-unshare-" suffix, open, 0, "unshare(" #flag ")", LAYER,          \
	  try_unshare,		flag },                                        \
		{ "ns-clone-" suffix, open, 0, "clone(" #flag ")", LAYER,      \
		  try_clone,	      flag },                                  \
	{                                                                      \
		"ns-clone3-" suffix, open, 0, "clone3(" #flag ")", LAYER,      \
			try_clone3, flag                                       \
	}

const struct probe probes_namespace[] = {
	FLAG("user", CLONE_NEWUSER, OPEN_USER),
	FLAG("mount", CLONE_NEWNS, OPEN_ROOT),
	FLAG("pid", CLONE_NEWPID, OPEN_ROOT),
	FLAG("net", CLONE_NEWNET, OPEN_ROOT),
	FLAG("ipc", CLONE_NEWIPC, OPEN_ROOT),
	FLAG("uts", CLONE_NEWUTS, OPEN_ROOT),
	FLAG("cgroup", CLONE_NEWCGROUP, OPEN_ROOT),
	{ "ns-unshare-time", OPEN_ROOT, 0, "unshare(CLONE_NEWTIME)", LAYER,
	  try_unshare, CLONE_NEWTIME },
	{ "ns-clone3-time", OPEN_ROOT, 0, "clone3(CLONE_NEWTIME)", LAYER,
	  try_clone3, CLONE_NEWTIME },
	{ "ns-clone-highbits", OPEN_USER, 0,
	  "clone with bits above 32, which the kernel drops", LAYER, try_clone,
	  CLONE_NEWUSER | HIGH_BIT },
	{ "ns-clone-mixed", OPEN_USER, 0, "CLONE_NEWUSER among harmless flags",
	  LAYER, try_clone, CLONE_NEWUSER | CLONE_PARENT_SETTID },
	{ "ns-user-root", OPEN_USER, 0, "its own root, then a mount", LAYER,
	  user_root, 0 },
	{ "ns-id-map", OPEN_NONE, 0, "a wider uid_map",
	  "map written once, read-only /proc", set_map, 0 },
	{ "ns-setns-init", OPEN_ROOT, 0, "setns to /proc/1/ns/*",
	  "seccomp, not dumpable, no capability", setns_proc, 0 },
	{ "ns-setns-victim", OPEN_ROOT, 0, "setns to a host process's ns/*",
	  "seccomp, pid namespace, no capability", setns_proc, 1 },
	{ "ns-setns-pidfd", OPEN_ROOT, 0, "setns through a pidfd", LAYER,
	  setns_pidfd, 0 },
	{ "ns-get-owner", OPEN_HOST, 0, "NS_GET_USERNS and NS_GET_PARENT",
	  "seccomp, namespaces of the kernel", ns_parent, 0 },
	{ 0 },
};
