/* links: sandbox lib */
/*
 * The probe: facts are tested by making them untrue (a filter in the test's
 * own process plays the old kernel or the strict container), conclusions as a
 * table over machines that were made up.
 */
#include "sandbox/probe.h"

#include "lib/fd.h"
#include "sandbox/landlock.h"
#include "sandbox/sys.h"
#include "tests/tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* From now on nr answers err, in this test and its children. */
static void
refuse(uint32_t nr, uint32_t err)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(insns), insns };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		SKIP("seccomp filters");
}

static void
need_userns(void)
{
	if (probe_clone(CLONE_NEWUSER) < 0)
		SKIP("user namespaces for this user");
}

static void
request(struct probe_box_request *r)
{
	bool root = geteuid() == 0;

	memset(r, 0, sizeof(*r));
	r->outside_uid = root ? 1879113727u : geteuid();
	r->outside_gid = root ? 1879113727u : getegid();
	r->inside_uid = r->inside_gid = 1000;
	r->idmap = root;
	r->dir = tap_tmpdir();
}

TEST(kernel_version)
{
	struct probe_kernel k;

	ASSERT_OK(probe_kernel(&k));
	ASSERT_TRUE(k.release[0] && k.machine[0]);
	ASSERT_TRUE(probe_kernel_at_least(k.major, k.minor));
	ASSERT_TRUE(probe_kernel_at_least(k.major - 1, 99));
	ASSERT_FALSE(probe_kernel_at_least(k.major, k.minor + 1));
	ASSERT_FALSE(probe_kernel_at_least(k.major + 1, 0));
}

TEST(version_numbers)
{
	unsigned int a = 7, b = 8;

	ASSERT_OK(probe_version("6.1.0-13-amd64", &a, &b));
	ASSERT_EQ(a, 6);
	ASSERT_EQ(b, 1);
	ASSERT_OK(probe_version("5.15", &a, &b));
	ASSERT_EQ(b, 15);
	ASSERT_ERR(probe_version("", &a, &b), -EINVAL);
	ASSERT_ERR(probe_version("6", &a, &b), -EINVAL);
	ASSERT_ERR(probe_version("6.x", &a, &b), -EINVAL);
	ASSERT_ERR(probe_version("-6.1", &a, &b), -EINVAL);
	ASSERT_ERR(probe_version("99999999999999999999.1", &a, &b), -ERANGE);
	ASSERT_EQ(a, 5);
}

TEST(calls_are_there_or_not)
{
	for (int i = 0; i < PROBE_CALL_MAX; i++) {
		int code = probe_call((enum probe_call)i);

		if (code != 0 && code != -ENOSYS && code != -EPERM)
			FAIL("%s: %d", probe_call_name((enum probe_call)i),
			     code);
	}
	ASSERT_EQ(probe_call(PROBE_CALL_MAX), 0);
	ASSERT_STREQ(probe_call_since(PROBE_CALL_MOVE_MOUNT), "5.12");
}

TEST(a_missing_call_is_seen)
{
	static const struct {
		enum probe_call c;
		uint32_t nr;
	} row[] = {
		{ PROBE_CALL_CLONE3, SYS_clone3 },
		{ PROBE_CALL_OPENAT2, SYS_openat2 },
		{ PROBE_CALL_CLOSE_RANGE, SYS_close_range },
		{ PROBE_CALL_PIDFD_OPEN, SYS_pidfd_open },
		{ PROBE_CALL_OPEN_TREE, SYS_open_tree },
		{ PROBE_CALL_MOVE_MOUNT, SYS_move_mount },
		{ PROBE_CALL_MOUNT_SETATTR, SYS_mount_setattr },
		{ PROBE_CALL_FSOPEN, SYS_fsopen },
		{ PROBE_CALL_MEMFD, SYS_memfd_create },
	};

	_Static_assert(ARRAY_SIZE(row) == PROBE_CALL_MAX, "a row per call");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		refuse(row[i].nr, ENOSYS);
		ASSERT_EQ(probe_call(row[i].c), -ENOSYS);
	}
}

TEST(a_refused_call_is_seen)
{
	refuse(SYS_mount_setattr, EPERM);
	ASSERT_EQ(probe_call(PROBE_CALL_MOUNT_SETATTR), -EPERM);
	ASSERT_EQ(probe_own_seccomp(), 2);
}

TEST(landlock_holds_in_the_child_only)
{
	int fd;

	if (landlock_abi() < 0)
		SKIP("Landlock");
	ASSERT_EQ(probe_landlock(), 0);
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_OK(fd);
	close(fd);
	ASSERT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

TEST(landlock_missing_or_off)
{
	refuse(SYS_landlock_create_ruleset, EOPNOTSUPP);
	ASSERT_EQ(probe_landlock(), -EOPNOTSUPP);
	refuse(SYS_landlock_create_ruleset, ENOSYS);
	/* the newest filter's answer wins only if the kernel says so: both
	 * are errors, and either is reported as it is */
	ASSERT_TRUE(probe_landlock() < 0);
}

TEST(landlock_that_does_nothing)
{
	if (landlock_abi() < 0)
		SKIP("Landlock");
	refuse(SYS_landlock_restrict_self, 0);
	ASSERT_EQ(probe_landlock(), -EBADE);
}

TEST(seccomp_holds_in_the_child_only)
{
	ASSERT_EQ(probe_seccomp(), 0);
	ASSERT_EQ(syscall(SYS_getppid), (long)getppid());
	ASSERT_EQ(prctl(PR_GET_SECCOMP), 0);
	refuse(SYS_seccomp, EINVAL);
	ASSERT_EQ(probe_seccomp(), -EINVAL);
}

TEST(pty)
{
	if (access("/dev/ptmx", F_OK) < 0)
		SKIP("/dev/ptmx");
	ASSERT_EQ(probe_pty(), 0);
}

static int
child_says(void *arg)
{
	return *(int *)arg;
}

static int
child_aborts(void *arg)
{
	(void)arg;
	raise(SIGKILL);
	return 0;
}

static int
child_hangs(void *arg)
{
	(void)arg;
	while (pause() < 0)
		;
	return 0;
}

TEST(children_report_and_end)
{
	int code = -EACCES;

	ASSERT_EQ(probe_in_child(child_says, &code), -EACCES);
	code = 0;
	ASSERT_EQ(probe_in_child(child_says, &code), 0);
	ASSERT_EQ(probe_in_child(child_aborts, NULL), -EIO);
	ASSERT_EQ(probe_in_child(child_hangs, NULL), -ETIMEDOUT);
	ASSERT_EQ(waitpid(-1, NULL, WNOHANG), -1);
	ASSERT_EQ(errno, ECHILD);
}

TEST(clone_falls_back)
{
	need_userns();
	refuse(SYS_clone3, ENOSYS);
	ASSERT_EQ(probe_clone(0), 0);
	ASSERT_EQ(probe_clone(CLONE_NEWUSER | CLONE_NEWNS), 0);
}

/* clone3 and clone both refused: what a strict container does. */
TEST(box_without_namespaces)
{
	struct probe_box_request r;
	struct probe_box b;

	request(&r);
	refuse(SYS_clone3, EPERM);
	ASSERT_EQ(probe_box(&r, &b), -EPERM);
	ASSERT_EQ(b.step[PROBE_STEP_CLONE], -EPERM);
	ASSERT_EQ(b.step[PROBE_STEP_TMPFS], PROBE_NOT_REACHED);
	ASSERT_EQ(b.ns[LAYER_USER], -EPERM);
	ASSERT_EQ(b.ns[LAYER_UTS], -EPERM);
}

static bool
box_has(const struct probe_box *b)
{
	for (int i = 0; i < PROBE_STEP_MAX; i++)
		if (b->step[i] != 0 && b->step[i] != PROBE_NOT_NEEDED)
			return false;
	return true;
}

TEST(box_works_and_leaves_nothing)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct probe_box_request r;
	struct probe_box b;

	need_userns();
	request(&r);
	ASSERT_OK(fd_read_file(AT_FDCWD, "/proc/self/mountinfo", 1u << 22,
			       &before));
	if (probe_box(&r, &b) < 0)
		for (int i = 0; i < PROBE_STEP_MAX; i++)
			if (b.step[i] < 0)
				tap_note("%s: %s",
					 probe_step_text((enum probe_step)i),
					 strerror(-b.step[i]));
	if (!box_has(&b) && (geteuid() != 0 || probe_own_seccomp() == 2))
		SKIP("what the notes above name");
	ASSERT_TRUE(box_has(&b));
	ASSERT_EQ(b.step[PROBE_STEP_IDMAP],
		  geteuid() == 0 ? 0 : PROBE_NOT_NEEDED);
	ASSERT_EQ(waitpid(-1, NULL, WNOHANG), -1);
	ASSERT_OK(fd_read_file(AT_FDCWD, "/proc/self/mountinfo", 1u << 22,
			       &after));
	/* other tests may mount meanwhile: only our own must not be there */
	if (strcmp(before, after) != 0)
		ASSERT_NULL(strstr(after, "/tmp/bind"));
	ASSERT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

TEST(box_names_the_step_and_goes_on)
{
	struct probe_box_request r;
	struct probe_box b;

	need_userns();
	request(&r);
	refuse(SYS_mount_setattr, ENOSYS);
	ASSERT_EQ(probe_box(&r, &b), -ENOSYS);
	ASSERT_EQ(b.step[PROBE_STEP_BIND], 0);
	ASSERT_EQ(b.step[PROBE_STEP_RDONLY], -ENOSYS);
	ASSERT_EQ(b.step[PROBE_STEP_PIVOT], 0);
	ASSERT_EQ(b.step[PROBE_STEP_CAPS], 0);
	refuse(SYS_move_mount, EPERM);
	ASSERT_TRUE(probe_box(&r, &b) < 0);
	ASSERT_EQ(b.step[PROBE_STEP_TMPFS], -EPERM);
	ASSERT_EQ(b.step[PROBE_STEP_BIND], PROBE_NOT_REACHED);
	ASSERT_EQ(b.step[PROBE_STEP_PIVOT], PROBE_NOT_REACHED);
	ASSERT_EQ(b.step[PROBE_STEP_LOOPBACK], 0);
}

TEST(box_as_another_user)
{
	struct probe_box b;

	if (geteuid() != 0)
		SKIP("root");
	need_userns();
	probe_box_as(65534, 65534, &b);
	ASSERT_EQ(b.step[PROBE_STEP_IDMAP], PROBE_NOT_NEEDED);
	ASSERT_TRUE(b.step[PROBE_STEP_CLONE] != PROBE_NOT_REACHED);
	ASSERT_EQ((int)geteuid(), 0);
	refuse(SYS_clone3, EPERM);
	/* the fork itself goes through clone3, so the child is never there */
	ASSERT_TRUE(probe_box_as(65534, 65534, &b) < 0);
	ASSERT_EQ(b.step[PROBE_STEP_CLONE], -EPERM);
}

TEST(sysctl)
{
	int64_t v = 0;

	ASSERT_OK(probe_sysctl("kernel/pid_max", &v));
	ASSERT_TRUE(v > 0);
	ASSERT_ERR(probe_sysctl("kernel/no_such_switch", &v), -ENOENT);
	ASSERT_ERR(probe_sysctl("kernel/ostype", &v), -EINVAL);
}

/* docker run debian cat /proc/self/mountinfo, shortened. */
static const char docker_mounts[] =
	"630 522 0:55 / / rw,relatime master:200 - overlay overlay rw\n"
	"631 630 0:58 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw\n"
	"632 630 0:59 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k\n"
	"523 631 0:58 /bus /proc/bus ro,nosuid - proc proc rw\n"
	"525 631 0:58 /sys /proc/sys ro,nosuid - proc proc rw\n"
	"529 631 0:61 / /proc/acpi ro,relatime - tmpfs tmpfs ro\n"
	"530 631 0:59 /null /proc/kcore rw,nosuid - tmpfs tmpfs rw\n";

TEST(masks_over_proc)
{
	ASSERT_EQ(probe_proc_masks(docker_mounts), 4);
	ASSERT_EQ(probe_proc_masks(""), 0);
	ASSERT_EQ(probe_proc_masks("22 1 0:5 / /proc rw - proc proc rw\n"), 0);
	ASSERT_EQ(probe_proc_masks("9 8 0:5 / /proc/sys/fs/binfmt_misc rw - "
				   "binfmt_misc b rw\n"),
		  0);
	ASSERT_EQ(probe_proc_masks("9 8 0:5 / /process rw - tmpfs t rw\n"), 0);
	ASSERT_EQ(probe_proc_masks("9 8\n\n9 8 0:5 / /proc/x"), 1);
}

TEST(chroot_is_seen)
{
	ASSERT_FALSE(probe_chrooted(docker_mounts));
	ASSERT_TRUE(probe_chrooted("31 27 0:21 / /proc rw - proc proc rw\n"));
	ASSERT_TRUE(probe_chrooted("31 27 0:21 / /home rw - ext4 x rw"));
}

static struct probe_machine
plain(void)
{
	struct probe_machine m = {
		.kernel = { 6, 1, "6.1.0-13-amd64", "x86_64" },
		.userns_file = true,
		.userns_clone = -1,
		.max_userns = 15000,
		.apparmor_userns = -1,
		.lsms = "lockdown,capability,yama",
	};

	return m;
}

static void
expect(const struct err *e, int code, const char *text, const char *cure)
{
	ASSERT_EQ(e->code, code);
	ASSERT_STRSTR(e->text, text);
	ASSERT_STRSTR(e->cure, cure);
}

TEST(why_no_user_namespace)
{
	struct probe_machine m = plain();
	struct err e = ERR_INIT;

	probe_why_userns(&m, -EPERM, &e);
	expect(&e, -EPERM, "user namespaces are refused", "yama");
	m.chrooted = true;
	probe_why_userns(&m, EPERM, &e);
	expect(&e, -EPERM, "chroot", "outside");
	m.own_seccomp = 2;
	snprintf(m.container, sizeof(m.container), "docker");
	probe_why_userns(&m, -EPERM, &e);
	expect(&e, -EPERM, "docker", "seccomp=unconfined");
	m.apparmor_userns = 1;
	probe_why_userns(&m, -EACCES, &e);
	expect(&e, -EACCES, "AppArmor", "apparmor_parser -r");
	probe_why_userns(&m, -ENOSPC, &e);
	expect(&e, -ENOSPC, "15000", "max_user_namespaces");
	m.max_userns = 0;
	probe_why_userns(&m, -EPERM, &e);
	expect(&e, -ENOSPC, "is 0", "sysctl -w user.max_user_namespaces");
	m.userns_clone = 0;
	probe_why_userns(&m, -EPERM, &e);
	expect(&e, -EPERM, "ordinary users", "unprivileged_userns_clone=1");
	m.userns_file = false;
	probe_why_userns(&m, -EINVAL, &e);
	expect(&e, -EINVAL, "no user namespaces", "CONFIG_USER_NS");
}

TEST(switches_for_users_do_not_concern_root)
{
	struct probe_machine m = plain();
	struct err e = ERR_INIT;

	m.root = true;
	m.userns_clone = 0;
	m.apparmor_userns = 1;
	probe_why_userns(&m, -EPERM, &e);
	expect(&e, -EPERM, "refused", "security module");
	probe_why_step(&m, PROBE_STEP_MAPS, -EPERM, &e);
	expect(&e, -EPERM, "map", "AGENTBOX_UID_BASE");
}

TEST(why_no_landlock)
{
	struct probe_machine m = plain();
	struct err e = ERR_INIT;

	probe_why_landlock(&m, -EOPNOTSUPP, &e);
	expect(&e, -EOPNOTSUPP, "not enabled",
	       "lsm=landlock,lockdown,capability,yama");
	probe_why_landlock(&m, -ENOSYS, &e);
	expect(&e, -ENOSYS, "no Landlock", "CONFIG_SECURITY_LANDLOCK");
	probe_why_landlock(&m, -EBADE, &e);
	expect(&e, -EBADE, "does not hold", "Linux itself");
	m.own_seccomp = 2;
	probe_why_landlock(&m, -ENOSYS, &e);
	expect(&e, -EPERM, "filter", "SystemCallFilter");
}

TEST(why_no_seccomp)
{
	struct probe_machine m = plain();
	struct err e = ERR_INIT;

	probe_why_seccomp(&m, -EINVAL, &e);
	expect(&e, -EINVAL, "no seccomp", "CONFIG_SECCOMP_FILTER");
	probe_why_seccomp(&m, -EBADE, &e);
	expect(&e, -EBADE, "does not", "Linux itself");
	m.own_seccomp = 2;
	probe_why_seccomp(&m, -EPERM, &e);
	expect(&e, -EPERM, "already in force", "SystemCallFilter");
}

TEST(why_a_step_failed)
{
	struct probe_machine m = plain();
	struct err e = ERR_INIT;

	m.call[PROBE_CALL_MOUNT_SETATTR] = -ENOSYS;
	probe_why_step(&m, PROBE_STEP_RDONLY, -ENOSYS, &e);
	expect(&e, -ENOSYS, "mount_setattr is missing: needs Linux 5.12",
	       "5.12");
	m.call[PROBE_CALL_OPEN_TREE] = -ENOSYS;
	probe_why_step(&m, PROBE_STEP_BIND, -ENOSYS, &e);
	expect(&e, -ENOSYS, "open_tree is missing: needs Linux 5.12", "5.12");
	probe_why_step(&m, PROBE_STEP_IDMAP, -EINVAL, &e);
	expect(&e, -EINVAL, "id-mapped", "as the owner of the workspace");
	probe_why_step(&m, PROBE_STEP_HOSTNAME, -EPERM, &e);
	expect(&e, -EPERM, "cannot set the host name", "security module");
	m.proc_masks = 7;
	probe_why_step(&m, PROBE_STEP_PROC, -EPERM, &e);
	expect(&e, -EPERM, "7 mounts", "systempaths=unconfined");
	snprintf(m.container, sizeof(m.container), "podman");
	probe_why_step(&m, PROBE_STEP_PROC, -EPERM, &e);
	expect(&e, -EPERM, "podman", "unmask=ALL");
	m.own_seccomp = 2;
	probe_why_step(&m, PROBE_STEP_PIVOT, -EPERM, &e);
	expect(&e, -EPERM, "cannot change the root", "seccomp=unconfined");
	m.apparmor_userns = 1;
	probe_why_step(&m, PROBE_STEP_PRIVATE, -EACCES, &e);
	expect(&e, -EACCES, "AppArmor", "apparmor_parser");
}

TEST(why_a_call_is_missing)
{
	struct probe_machine m = plain();
	struct err e = ERR_INIT;

	probe_why_call(&m, PROBE_CALL_MEMFD, -ENOSYS, &e);
	expect(&e, -ENOSYS, "memfd_create is missing: needs Linux 3.17",
	       "3.17");
	m.own_seccomp = 2;
	probe_why_call(&m, PROBE_CALL_CLONE3, -EPERM, &e);
	expect(&e, -EPERM, "refuses clone3", "allow");
}

TEST(why_the_stage_failed)
{
	struct probe_machine m = plain();
	struct err e = ERR_INIT;

	m.call[PROBE_CALL_FSOPEN] = -ENOSYS;
	err_set(&e, ENOSYS, "step root: mount tmpfs");
	probe_why_stage(&m, STEP_ROOT, ENOSYS, &e);
	expect(&e, -ENOSYS,
	       "step root: mount tmpfs; fsopen is missing: needs Linux 5.12",
	       "boot Linux 5.12");
	err_set(&e, EPERM, "step mounts: mount proc");
	probe_why_stage(&m, STEP_MOUNTS, -EPERM, &e);
	ASSERT_STREQ(e.text, "step mounts: mount proc");
	m.proc_masks = 3;
	probe_why_stage(&m, STEP_MOUNTS, -EPERM, &e);
	expect(&e, -EPERM, "mount proc; a fresh procfs", "systempaths");
	/* what has a cure keeps it, what has another cause too */
	err_set(&e, EPERM, "step pivot");
	err_cure(&e, "mine");
	probe_why_stage(&m, STEP_PIVOT, -EPERM, &e);
	ASSERT_STREQ(e.cure, "mine");
	err_set(&e, ENOENT, "step workdir");
	probe_why_stage(&m, STEP_WORKDIR, -ENOENT, &e);
	ASSERT_STREQ(e.text, "step workdir");
	err_set(&e, ENOSYS, "step landlock");
	probe_why_stage(&m, STEP_LANDLOCK, -ENOSYS, &e);
	expect(&e, -ENOSYS, "no Landlock", "CONFIG_SECURITY_LANDLOCK");
}

TEST(machine_is_read)
{
	struct probe_machine m;
	struct err e = ERR_INIT;

	probe_machine(&m);
	ASSERT_EQ(m.root, geteuid() == 0);
	ASSERT_TRUE(m.kernel.major >= 3);
	ASSERT_EQ(m.own_seccomp, probe_own_seccomp());
	ASSERT_EQ(probe_explain(PROBE_STEP_HOSTNAME, ENOMEM, &e), -ENOMEM);
	ASSERT_STRSTR(e.text, "host name");
}
