/*
 * Leaving the control group, or using it to run something on the host.
 */
#include "tests/escape/probe.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

static bool
join(const char *dir)
{
	static const char *const files[] = { "cgroup.procs", "tasks" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_close_ int fd =
			open(path_join(dir, files[i]), O_WRONLY | O_CLOEXEC);

		if (fd >= 0 && write(fd, "0", 1) == 1)
			return true;
	}
	return false;
}

static void
leave_group(const struct params *p, _unused_ long arg)
{
	if (!p->cgroup || !*p->cgroup)
		absent("only root can prepare a group");
	if (join(p->cgroup))
		escaped("moved to a group of the host");
	refused("cgroup.procs");
}

static int
try_join(const char *path, _unused_ const struct stat *st, int type,
	 _unused_ struct FTW *f)
{
	if (type == FTW_D && strstr(path, "/abx-escape") && join(path))
		escaped("moved to %s", path);
	return 0;
}

static void
search_groups(_unused_ const struct params *p, _unused_ long arg)
{
	if (access("/sys/fs/cgroup", F_OK) < 0)
		refused("/sys/fs/cgroup");
	nftw("/sys/fs/cgroup", try_join, 64, FTW_PHYS);
	blocked("no group may be joined");
}

/* The old way out: a v1 mount and its release_agent. Only opened. */
static void
release_agent(const struct params *p, long arg)
{
	static const char *const names[] = { "memory", "pids",	"devices",
					     "cpu",    "blkio", "rdma" };
	const char *dir = ws_path(p, "cgroup");
	char path[4096];

	mkdir(dir, 0755);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int fd;

		if (mount("abx", dir, "cgroup", 0, names[i]) < 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir,
			 arg ? "cgroup.procs" : "release_agent");
		fd = open(path, O_WRONLY | O_CLOEXEC);
		umount2(dir, MNT_DETACH);
		if (fd >= 0)
			escaped("%s is writable",
				arg ? "the root group" : "release_agent");
	}
	refused("mount");
}

static void
own_limits(_unused_ const struct params *p, _unused_ long arg)
{
	static const char *const files[] = {
		"/sys/fs/cgroup/memory.max",
		"/sys/fs/cgroup/pids.max",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes",
		"/sys/fs/cgroup/cgroup.freeze",
		"/sys/fs/cgroup/memory/cgroup.procs",
		"/sys/fs/cgroup/unified/cgroup.procs",
		"/sys/fs/cgroup/cgroup.procs",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (open(files[i], O_WRONLY | O_CLOEXEC) >= 0)
			escaped("%s is writable", files[i]);
	refused("open");
}

const struct probe probes_cgroup[] = {
	{ "cgroup-join", OPEN_ROOT, 0, "a group of the host, by its path",
	  "no /sys, cgroup namespace", leave_group, 0 },
	{ "cgroup-search", OPEN_ROOT, PROBE_SLOW, "any group of the host",
	  "no /sys, cgroup namespace", search_groups, 0 },
	{ "cgroup-release-agent", OPEN_HOST, 0, "a v1 mount's release_agent",
	  "seccomp, no capability", release_agent, 0 },
	{ "cgroup-v1-root", OPEN_HOST, 0, "a v1 mount's root group",
	  "seccomp, no capability", release_agent, 1 },
	{ "cgroup-limits", OPEN_ROOT, 0, "the limits of its own group",
	  "no /sys, cgroup namespace", own_limits, 0 },
	{ 0 },
};
