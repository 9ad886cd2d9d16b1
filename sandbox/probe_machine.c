/*
 * What is known about the machine: switches of the kernel, security modules,
 * the container that we may be in. Only read, never written; a fact that
 * nobody may read is "unknown", not an error.
 */
#include "lib/fd.h"
#include "lib/str.h"
#include "sandbox/probe-internal.h"
#include "sandbox/sys.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define MOUNTINFO_MAX (4u << 20)

int
probe_sysctl(const char *name, int64_t *ret)
{
	char path[128], buf[64], *end;
	long long v;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	n = fd_read_small(AT_FDCWD, path, buf, sizeof(buf));
	if (n < 0)
		return (int)n;
	errno = 0;
	v = strtoll(buf, &end, 10);
	if (errno || end == buf || !(*end == '\n' || *end == '\0'))
		return -EINVAL;
	*ret = v;
	return 0;
}

static void
chomp(char *s)
{
	s[strcspn(s, "\n")] = '\0';
}

/* securityfs by a mount that is attached nowhere: root may, and on machines
 * without systemd nobody has mounted it. */
static int
lsms_detached(char *buf, size_t size)
{
	_cleanup_close_ int fs = -EBADF, mnt = -EBADF;
	int k;

	fs = sys_fsopen("securityfs");
	if (fs < 0)
		return fs;
	k = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (k < 0)
		return k;
	mnt = sys_fsmount(fs, 0);
	if (mnt < 0)
		return mnt;
	return (int)fd_read_small(mnt, "lsm", buf, size);
}

int
probe_lsms(char *buf, size_t size)
{
	ssize_t n =
		fd_read_small(AT_FDCWD, "/sys/kernel/security/lsm", buf, size);

	if (n < 0)
		n = lsms_detached(buf, size);
	if (n < 0)
		return -ENOENT;
	chomp(buf);
	return 0;
}

int
probe_own_seccomp(void)
{
	_cleanup_free_ char *text = NULL;
	const char *p;

	if (fd_read_file(AT_FDCWD, "/proc/self/status", 65536, &text) < 0)
		return 0;
	p = strstr(text, "\nSeccomp:");
	if (!p)
		return 0;
	p += strlen("\nSeccomp:");
	while (*p == ' ' || *p == '\t')
		p++;
	return *p >= '0' && *p <= '2' ? *p - '0' : 0;
}

const char *
probe_container(char *buf, size_t size)
{
	const char *env = getenv("container");

	/* systemd's own note, which names the kind */
	if (fd_read_small(AT_FDCWD, "/run/systemd/container", buf, size) > 0)
		chomp(buf);
	else if (getenv("KUBERNETES_SERVICE_HOST"))
		snprintf(buf, size, "kubernetes");
	else if (access("/run/.containerenv", F_OK) == 0)
		snprintf(buf, size, "podman");
	else if (access("/.dockerenv", F_OK) == 0)
		snprintf(buf, size, "docker");
	else if (env && env[0])
		snprintf(buf, size, "%s", str_is_name(env) ? env : "container");
	else
		buf[0] = '\0';
	return buf;
}

/* The mount point of one line of mountinfo (proc(5)): its fifth field. */
static const char *
mount_point(const char *line, size_t *ret_len)
{
	for (int i = 0; i < 4; i++) {
		line += strcspn(line, " \n");
		if (*line == ' ')
			line++;
	}
	*ret_len = strcspn(line, " \n");
	return line;
}

static bool
is_mask(const char *point, size_t len)
{
	/* Mount points that the kernel itself keeps for others; they hide
	 * nothing (fs/namespace.c, mnt_already_visible()). */
	static const char *const harmless[] = {
		"/proc/sys/fs/binfmt_misc",
		"/proc/fs/nfsd",
	};

	if (len < 6 || strncmp(point, "/proc/", 6) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (strlen(harmless[i]) == len &&
		    !strncmp(point, harmless[i], len))
			return false;
	return true;
}

size_t
probe_proc_masks(const char *mountinfo)
{
	size_t n = 0;

	while (*mountinfo) {
		size_t len;
		const char *point = mount_point(mountinfo, &len);

		n += is_mask(point, len);
		mountinfo += strcspn(mountinfo, "\n");
		mountinfo += *mountinfo == '\n';
	}
	return n;
}

bool
probe_chrooted(const char *mountinfo)
{
	while (*mountinfo) {
		size_t len;
		const char *point = mount_point(mountinfo, &len);

		if (len == 1 && *point == '/')
			return false;
		mountinfo += strcspn(mountinfo, "\n");
		mountinfo += *mountinfo == '\n';
	}
	return true;
}

static int64_t
sysctl_or(const char *name, int64_t other)
{
	int64_t v;

	return probe_sysctl(name, &v) < 0 ? other : v;
}

void
probe_machine(struct probe_machine *ret)
{
	_cleanup_free_ char *mounts = NULL;
	struct probe_machine m = { 0 };

	if (probe_kernel(&m.kernel) < 0)
		snprintf(m.kernel.release, sizeof(m.kernel.release), "?");
	m.root = geteuid() == 0;
	m.userns_file = access("/proc/self/ns/user", F_OK) == 0;
	m.userns_clone = sysctl_or("kernel/unprivileged_userns_clone", -1);
	m.max_userns = sysctl_or("user/max_user_namespaces", -1);
	m.apparmor_userns =
		sysctl_or("kernel/apparmor_restrict_unprivileged_userns", -1);
	m.own_seccomp = probe_own_seccomp();
	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX,
			 &mounts) >= 0) {
		m.chrooted = probe_chrooted(mounts);
		m.proc_masks = probe_proc_masks(mounts);
	}
	for (int i = 0; i < PROBE_CALL_MAX; i++)
		m.call[i] = probe_call((enum probe_call)i);
	probe_container(m.container, sizeof(m.container));
	if (probe_lsms(m.lsms, sizeof(m.lsms)) < 0)
		m.lsms[0] = '\0';
	*ret = m;
}
