/* links: sandbox lib */
/*
 * The finder against recorded texts of hosts of each kind, the parsers of
 * cgroup files, and the backends on the host itself: a group is made, a process
 * joins it, and limits, freeze, kill and removal are seen to work.
 */
#include "sandbox/cgroup-internal.h"
#include "tests/tap.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

/* ---- recorded hosts */

#define V2_MOUNT                                                              \
	"22 1 254:0 / / rw,noatime shared:1 - ext4 /dev/vda rw\n"             \
	"25 22 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"             \
	"27 25 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime "        \
	"shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"     \
	"28 25 0:27 / /sys/fs/pstore rw shared:10 - pstore pstore rw\n"

#define HYBRID_MOUNTS                                                         \
	"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n" \
	"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup "         \
	"rw,cpu,cpuacct\n"                                                    \
	"34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"   \
	"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"   \
	"38 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n"     \
	"39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"       \
	"40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup "             \
	"rw,xattr,name=systemd\n"

#define UNIFIED_MOUNT                                                         \
	"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 "  \
	"rw,nsdelegate\n"

#define RO_MOUNT                                                              \
	"700 690 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - "    \
	"cgroup2 cgroup rw,nsdelegate\n"

#define SESSION "0::/user.slice/user-1000.slice/session-3.scope\n"
#define USER_SERVICE "/user.slice/user-1000.slice/user@1000.service"
#define TERMINAL "0::" USER_SERVICE "/app.slice/app-term-77.scope\n"

/* arg: a NULL-terminated list of directories whose subtrees are writable;
 * one that starts with '=' is alone so. */
static bool
may_write(const char *dir, bool v2 _unused_, void *arg)
{
	for (const char *const *p = arg; *p; p++) {
		size_t n = strlen(*p);

		if (**p == '=' ? !strcmp(*p + 1, dir)
			       : !strncmp(dir, *p, n) &&
					 (!dir[n] || dir[n] == '/'))
			return true;
	}
	return false;
}

static const char *const all[] = { "/sys/fs/cgroup", NULL };
static const char *const nothing[] = { NULL };
static const char *const user_service[] = { "/sys/fs/cgroup" USER_SERVICE,
					    NULL };

static struct cgroup_host
find(uid_t uid, const char *mounts, const char *self,
     const char *const *writable)
{
	struct cgroup_host h;
	struct cgroup_view v = {
		.mountinfo = mounts,
		.self = self,
		.uid = uid,
		.writable = may_write,
		.arg = (void *)(uintptr_t)writable,
	};

	cgroup_find(&h, &v);
	return h;
}

TEST(v2_root)
{
	struct cgroup_host h = find(0, V2_MOUNT, SESSION, all);

	ASSERT_EQ(h.backend, CGROUP_V2);
	ASSERT_STREQ(h.v2_top, "/sys/fs/cgroup");
	ASSERT_STREQ(h.v2_dir, "/sys/fs/cgroup/agentbox");
	ASSERT_STREQ(h.v2_rel, "/agentbox");
	ASSERT_STREQ(h.v1_dir[CGROUP_V1_MEMORY], "");
	ASSERT_STREQ(cgroup_host_parent(&h), "/sys/fs/cgroup/agentbox");
}

TEST(v2_user_in_a_session_asks_for_a_scope)
{
	struct cgroup_host h;
	struct cgroup_view v = {
		.mountinfo = V2_MOUNT,
		.self = SESSION,
		.uid = 1000,
		.systemd = true,
		.writable = may_write,
		.arg = (void *)(uintptr_t)user_service,
	};

	cgroup_find(&h, &v);
	ASSERT_EQ(h.backend, CGROUP_SCOPE);
	ASSERT_STREQ(h.v2_dir, "");
	ASSERT_STREQ(h.v2_top, "/sys/fs/cgroup" USER_SERVICE);
	v.systemd = false;
	cgroup_find(&h, &v);
	ASSERT_EQ(h.backend, CGROUP_NONE);
	ASSERT_STRSTR(h.why, "delegated");
	ASSERT_STRSTR(h.cure, "enable-linger");
}

TEST(v2_user_below_its_manager)
{
	struct cgroup_host h = find(1000, V2_MOUNT, TERMINAL, user_service);

	ASSERT_EQ(h.backend, CGROUP_V2);
	ASSERT_STREQ(h.v2_top, "/sys/fs/cgroup" USER_SERVICE);
	ASSERT_STREQ(h.v2_dir, "/sys/fs/cgroup" USER_SERVICE "/agentbox");
	ASSERT_STREQ(h.v2_rel, USER_SERVICE "/agentbox");
}

/* A group of that name elsewhere is not on our way: the kernel would refuse. */
TEST(v2_user_only_what_is_on_the_way)
{
	static const char *const other[] = { "/sys/fs/cgroup/user.slice/x",
					     NULL };
	struct cgroup_host h = find(1000, V2_MOUNT, SESSION, other);

	ASSERT_EQ(h.backend, CGROUP_NONE);
}

TEST(v2_user_in_a_group_of_its_own)
{
	static const char *const own[] = { "/sys/fs/cgroup/svc.service", NULL };
	struct cgroup_host h =
		find(1000, V2_MOUNT, "0::/svc.service\n", own);

	ASSERT_EQ(h.backend, CGROUP_V2);
	ASSERT_STREQ(h.v2_top, "/sys/fs/cgroup/svc.service");
	ASSERT_STREQ(h.v2_dir, "/sys/fs/cgroup/svc.service");
	ASSERT_STREQ(h.v2_rel, "/svc.service");
	ASSERT_NULL(cgroup_host_parent(&h));
}

TEST(v2_in_the_scope_that_we_were_given)
{
	struct cgroup_host h;
	struct cgroup_view v = {
		.mountinfo = V2_MOUNT,
		.self = "0::" USER_SERVICE "/app.slice/agentbox-x.scope\n",
		.uid = 1000,
		.own = true,
		.writable = may_write,
		.arg = (void *)(uintptr_t)user_service,
	};

	cgroup_find(&h, &v);
	ASSERT_EQ(h.backend, CGROUP_V2);
	ASSERT_STREQ(h.v2_dir, "/sys/fs/cgroup" USER_SERVICE
			       "/app.slice/agentbox-x.scope");
	ASSERT_STREQ(h.v2_top, h.v2_dir);
	ASSERT_STREQ(h.v2_rel, USER_SERVICE "/app.slice/agentbox-x.scope");
}

TEST(hybrid_root)
{
	struct cgroup_host h =
		find(0, HYBRID_MOUNTS UNIFIED_MOUNT, "0::/\n", all);

	ASSERT_EQ(h.backend, CGROUP_HYBRID);
	ASSERT_STREQ(h.v2_dir, "/sys/fs/cgroup/unified");
	ASSERT_STREQ(h.v2_rel, "");
	ASSERT_STREQ(h.v1_dir[CGROUP_V1_MEMORY], "/sys/fs/cgroup/memory");
	ASSERT_STREQ(h.v1_dir[CGROUP_V1_PIDS], "/sys/fs/cgroup/pids");
	ASSERT_STREQ(h.v1_dir[CGROUP_V1_CPU], "/sys/fs/cgroup/cpu,cpuacct");
	ASSERT_STREQ(h.v1_dir[CGROUP_V1_BLKIO], "/sys/fs/cgroup/blkio");
	ASSERT_NULL(cgroup_host_parent(&h));
}

TEST(hybrid_user_freezes_at_least)
{
	static const char *const own[] = {
		"/sys/fs/cgroup/unified" USER_SERVICE, NULL
	};
	struct cgroup_host h = find(1000, HYBRID_MOUNTS UNIFIED_MOUNT,
				    "5:memory:/user.slice\n" TERMINAL, own);

	ASSERT_EQ(h.backend, CGROUP_HYBRID);
	ASSERT_STREQ(h.v2_dir, "/sys/fs/cgroup/unified" USER_SERVICE);
	for (int i = 0; i < CGROUP_V1_MAX; i++)
		ASSERT_STREQ(h.v1_dir[i], "");
}

TEST(hybrid_user_without_delegation)
{
	struct cgroup_host h = find(1000, HYBRID_MOUNTS UNIFIED_MOUNT,
				    "0::/\n", nothing);

	ASSERT_EQ(h.backend, CGROUP_NONE);
	ASSERT_STRSTR(h.why, "only root");
}

TEST(v1_only)
{
	struct cgroup_host h = find(0, HYBRID_MOUNTS, "5:memory:/\n", all);
	struct err e = ERR_INIT;

	ASSERT_EQ(h.backend, CGROUP_HYBRID);
	ASSERT_STREQ(h.v2_dir, "");
	ASSERT_STREQ(h.v1_dir[CGROUP_V1_PIDS], "/sys/fs/cgroup/pids");
	ASSERT_FALSE(cgroup_host_layers(&h) & LAYER_BIT(LAYER_FREEZE));
	ASSERT_ERR(cgroup_host_missing(&h, LAYER_FREEZE, &e), -EOPNOTSUPP);
	ASSERT_STRSTR(e.cure, "cgroup2");
}

TEST(container_read_only)
{
	struct cgroup_host h = find(0, RO_MOUNT, "0::/\n", nothing);

	ASSERT_EQ(h.backend, CGROUP_NONE);
	ASSERT_STRSTR(h.why, "read-only");
	ASSERT_STRSTR(h.cure, "container");
}

/* Without a cgroup namespace the container's group is what is mounted. */
TEST(container_without_cgroup_namespace)
{
	static const char mounts[] =
		"900 890 0:26 /docker/abc /sys/fs/cgroup rw,relatime - "
		"cgroup2 cgroup rw\n";
	struct cgroup_host h = find(0, mounts, "0::/docker/abc\n", all);

	ASSERT_EQ(h.backend, CGROUP_V2);
	ASSERT_STREQ(h.v2_dir, "/sys/fs/cgroup/agentbox");
	ASSERT_STREQ(h.v2_rel, "/docker/abc/agentbox");
	h = find(7, mounts, "0::/docker/abc/job\n", all);
	ASSERT_STREQ(h.v2_dir, "/sys/fs/cgroup/agentbox");
	ASSERT_STREQ(h.v2_rel, "/docker/abc/agentbox");
	h = find(7, mounts, "0::/docker/abc\n", all);
	ASSERT_STREQ(h.v2_dir, "/sys/fs/cgroup");
	ASSERT_STREQ(h.v2_rel, "/docker/abc");
	/* our group is not in what is mounted, whatever its name starts with */
	h = find(7, mounts, "0::/docker/abcd\n", all);
	ASSERT_EQ(h.backend, CGROUP_NONE);
}

TEST(no_mount)
{
	struct cgroup_host h =
		find(0, "22 1 254:0 / / rw - ext4 /dev/vda rw\n", "", all);

	ASSERT_EQ(h.backend, CGROUP_NONE);
	ASSERT_STRSTR(h.why, "no cgroup file system");
}

TEST(parent_by_name)
{
	struct cgroup_host h;
	struct cgroup_view v = {
		.mountinfo = V2_MOUNT,
		.self = SESSION,
		.uid = 1000,
		.parent = "/srv.slice/x.service",
		.writable = may_write,
		.arg = (void *)(uintptr_t) (const char *const[]){
			"/sys/fs/cgroup/srv.slice/x.service", NULL },
	};

	cgroup_find(&h, &v);
	ASSERT_EQ(h.backend, CGROUP_V2);
	ASSERT_STREQ(h.v2_top, "/sys/fs/cgroup/srv.slice/x.service");
	ASSERT_STREQ(h.v2_rel, "/srv.slice/x.service/agentbox");
	v.mountinfo = HYBRID_MOUNTS UNIFIED_MOUNT;
	v.uid = 0;
	v.arg = (void *)(uintptr_t)all;
	cgroup_find(&h, &v);
	ASSERT_STREQ(h.v1_dir[CGROUP_V1_PIDS],
		     "/sys/fs/cgroup/pids/srv.slice/x.service");
	ASSERT_STREQ(h.v1_rel[CGROUP_V1_PIDS], "/srv.slice/x.service");
	ASSERT_STREQ(h.v2_dir, "/sys/fs/cgroup/unified/srv.slice/x.service");
}

TEST(parent_must_be_a_clean_path)
{
	struct cgroup_host h;

	setenv("AGENTBOX_CGROUP_PARENT", "/a/../..", 1);
	cgroup_host_find(&h, false);
	ASSERT_EQ(h.backend, CGROUP_NONE);
	ASSERT_STRSTR(h.why, "AGENTBOX_CGROUP_PARENT");
	setenv("AGENTBOX_CGROUP_PARENT", "/", 1);
	cgroup_host_find(&h, false);
	ASSERT_EQ(h.backend, CGROUP_NONE);
}

TEST(mountinfo_escapes_and_order)
{
	struct cgroup_host h =
		find(0,
		     "7 1 0:26 / /my\\040groups\\134 rw master:1 prop:2 - "
		     "cgroup2 none rw\n"
		     "garbage\n"
		     "8 1 0:26 / /sys/fs/cgroup rw - cgroup2 none rw\n"
		     "9 1 0:26 / /mnt rw - cgroup2 none rw",
		     "", all);

	ASSERT_STREQ(h.v2_dir, "/sys/fs/cgroup/agentbox");
	h = find(0,
		 "7 1 0:26 / /my\\040groups\\134 rw master:1 prop:2 - "
		 "cgroup2 none rw\n",
		 "", (const char *const[]){ "/my groups\\", NULL });
	ASSERT_STREQ(h.v2_dir, "/my groups\\/agentbox");
}

TEST(mountinfo_too_long)
{
	char text[2000];
	size_t n = (size_t)snprintf(text, sizeof(text), "7 1 0:26 / /");
	struct cgroup_host h;

	memset(text + n, 'x', 600);
	snprintf(text + n + 600, 100, " rw - cgroup2 none rw\n");
	h = find(0, text, "0::/\n", all);
	ASSERT_EQ(h.backend, CGROUP_NONE);
}

/* ---- parsers */

TEST(membership)
{
	static const char text[] = "9:name=systemd:/\n"
				   "8:pids:/agentbox-a\n"
				   "2:cpu,cpuacct:/agentbox-a\n"
				   "0::/agentbox/agentbox-a\n";

	ASSERT_TRUE(cgroup_is_member(text, "pids", "/agentbox-a"));
	ASSERT_FALSE(cgroup_is_member(text, "pids", "/agentbox"));
	ASSERT_FALSE(cgroup_is_member(text, "pids", "/agentbox-a/b"));
	ASSERT_TRUE(cgroup_is_member(text, "cpu", "/agentbox-a"));
	ASSERT_TRUE(cgroup_is_member(text, "cpuacct", "/agentbox-a"));
	ASSERT_FALSE(cgroup_is_member(text, "acct", "/agentbox-a"));
	ASSERT_FALSE(cgroup_is_member(text, "memory", "/"));
	ASSERT_TRUE(cgroup_is_member(text, NULL, "/agentbox/agentbox-a"));
	ASSERT_FALSE(cgroup_is_member(text, NULL, "/agentbox-a"));
	/* a named hierarchy without controllers is not the v2 line */
	ASSERT_FALSE(cgroup_is_member("7::/x\n", NULL, "/x"));
	ASSERT_FALSE(cgroup_is_member("", NULL, ""));
}

TEST(own_path)
{
	char p[32] = "kept";

	ASSERT_OK(cgroup_own_path("1:cpu:/c\n0::/a/b\n", p, sizeof(p)));
	ASSERT_STREQ(p, "/a/b");
	ASSERT_ERR(cgroup_own_path("1:cpu:/c\n", p, sizeof(p)), -ENOENT);
	ASSERT_ERR(cgroup_own_path("0::/aaaa\n", p, 4), -ENAMETOOLONG);
	ASSERT_STREQ(p, "/a/b");
}

TEST(keys)
{
	static const char text[] = "populated 1\nfrozen 0\noom 2\noom_kill 3";
	uint64_t v = 77;

	ASSERT_OK(cgroup_key(text, "frozen", &v));
	ASSERT_EQ(v, 0);
	ASSERT_OK(cgroup_key(text, "oom_kill", &v));
	ASSERT_EQ(v, 3);
	ASSERT_OK(cgroup_key(text, "oom", &v));
	ASSERT_EQ(v, 2);
	ASSERT_ERR(cgroup_key(text, "popul", &v), -ENOENT);
	ASSERT_ERR(cgroup_key("", "frozen", &v), -ENOENT);
	ASSERT_TRUE(cgroup_key("frozen x\n", "frozen", &v) < 0);
	ASSERT_EQ(v, 2);
}

TEST(io_values)
{
	static const char text[] =
		"8:16 rbps=max wbps=5 riops=max wiops=max\n"
		"8:1 rbps=10 wbps=20 riops=max wiops=max\n";
	uint64_t v = 0;

	ASSERT_OK(cgroup_io_value(text, makedev(8, 1), "wbps", &v));
	ASSERT_EQ(v, 20);
	ASSERT_OK(cgroup_io_value(text, makedev(8, 16), "rbps", &v));
	ASSERT_EQ(v, CGROUP_UNLIMITED);
	ASSERT_ERR(cgroup_io_value(text, makedev(8, 2), "rbps", &v), -ENOENT);
	ASSERT_ERR(cgroup_io_value(text, makedev(8, 1), "bps", &v), -ENOENT);
	ASSERT_OK(cgroup_io_value("8:0 4096\n", makedev(8, 0), NULL, &v));
	ASSERT_EQ(v, 4096);
}

TEST(wanted_layers)
{
	struct cgroup_limits lim = {
		.memory = CGROUP_UNLIMITED,
		.swap = CGROUP_UNLIMITED,
		.pids = CGROUP_UNLIMITED,
		.cpu_percent = CGROUP_UNLIMITED,
		.io_weight = CGROUP_UNLIMITED,
		.io_bps = CGROUP_UNLIMITED,
	};

	ASSERT_EQ(cgroup_wanted(&lim), 0);
	lim.cpu_percent = lim.io_bps = 0;
	ASSERT_EQ(cgroup_wanted(&lim), 0);
	lim.swap = 0; /* no swap is a limit */
	ASSERT_EQ(cgroup_wanted(&lim), LAYER_BIT(LAYER_SWAP));
	lim.io_bps = 1;
	ASSERT_EQ(cgroup_wanted(&lim),
		  LAYER_BIT(LAYER_SWAP) | LAYER_BIT(LAYER_IO));
}

TEST(disks)
{
	dev_t d = 0;

	ASSERT_ERR(cgroup_disk(makedev(0, 44), &d), -ENOTBLK);
	ASSERT_EQ(d, 0);
	ASSERT_OK(cgroup_disk(makedev(7, 0), &d));
	ASSERT_EQ(d, makedev(7, 0));
}

TEST(nothing_without_a_backend)
{
	struct cgroup_host h = { .backend = CGROUP_NONE, .why = "because" };
	struct cgroup_limits lim = { .memory = 1 << 20 };
	struct layer_table t = { 0 };
	struct cgroup *cg = (struct cgroup *)&t;
	struct err e = ERR_INIT;
	uint32_t set = 1;

	ASSERT_OK(cgroup_create(&h, "x", &lim, &cg, &set, &e));
	ASSERT_NULL(cg);
	ASSERT_EQ(set, 0);
	ASSERT_EQ(cgroup_clone_fd(cg), -EBADF);
	ASSERT_FALSE(cgroup_can_freeze(cg));
	ASSERT_ERR(cgroup_freeze(cg, true, 0), -EOPNOTSUPP);
	ASSERT_ERR(cgroup_kill(cg), -EOPNOTSUPP);
	ASSERT_OK(cgroup_remove(cg));
	ASSERT_OK(cgroup_readback(cg, 1, &lim, &t));
	ASSERT_EQ(t.row[LAYER_MEMORY].state, LAYER_ABSENT);
	ASSERT_EQ(t.row[LAYER_FREEZE].state, LAYER_ABSENT);
	ASSERT_ERR(cgroup_host_missing(&h, LAYER_MEMORY, &e), -EOPNOTSUPP);
	ASSERT_STREQ(e.text, "because");
}

/* ---- on this host */

static struct cgroup_host
real_host(void)
{
	struct cgroup_host h;

	cgroup_host_find(&h, false);
	if (h.backend == CGROUP_NONE)
		SKIP("cgroups: %s", h.why);
	return h;
}

static struct cgroup_limits
some_limits(const struct cgroup_host *h)
{
	uint32_t can = cgroup_host_layers(h);
	struct cgroup_limits lim = {
		.memory = 64 << 20,
		.swap = 0,
		.pids = 200,
		.cpu_percent = 150,
		.io_weight = CGROUP_UNLIMITED,
		.io_bps = CGROUP_UNLIMITED,
	};

	if (!(can & LAYER_BIT(LAYER_MEMORY)))
		lim.memory = lim.swap = CGROUP_UNLIMITED;
	if (!(can & LAYER_BIT(LAYER_PIDS)))
		lim.pids = CGROUP_UNLIMITED;
	if (!(can & LAYER_BIT(LAYER_CPU)))
		lim.cpu_percent = 0;
	return lim;
}

static struct cgroup *
make(const struct cgroup_host *h, const struct cgroup_limits *lim, char *id)
{
	struct err e = ERR_INIT;
	struct cgroup *cg = NULL;
	uint32_t set = 0;

	snprintf(id, 64, "abx-test-%d", (int)getpid());
	if (cgroup_create(h, id, lim, &cg, &set, &e) < 0)
		FAIL("%s", e.text);
	for (int l = 0; l < LAYER_MAX; l++)
		if (cgroup_wanted(lim) & ~set & LAYER_BIT(l)) {
			cgroup_host_missing(h, (enum layer)l, &e);
			FAIL("%s: %s", layer_name((enum layer)l), e.text);
		}
	return cg;
}

static void
die_with_parent(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTERM, SIG_DFL);
}

/* A child in the group, in the way in which a box gets there. */
static pid_t
spawn_in(const struct cgroup *cg, bool busy)
{
	int fds[CGROUP_V1_MAX], fd = cgroup_clone_fd(cg);
	size_t n = cgroup_join_fds(cg, fds, CGROUP_V1_MAX);
	struct clone_args a = { .exit_signal = SIGCHLD };
	pid_t pid;

	if (fd >= 0) {
		a.flags = CLONE_INTO_CGROUP;
		a.cgroup = (uint64_t)fd;
	}
	pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	if (pid < 0)
		FAIL("clone3: %s", strerror(errno));
	if (pid)
		return pid;
	die_with_parent();
	for (size_t i = 0; i < n; i++)
		if (write(fds[i], "0", 1) != 1)
			_exit(1);
	for (;;)
		if (!busy)
			pause();
}

static void
wait_members(struct cgroup *cg, pid_t pid, const struct cgroup_limits *lim,
	     struct layer_table *t)
{
	struct timespec ms = { 0, 1000000 };

	for (int i = 0; i < 500; i++) {
		bool all_in = true;

		memset(t, 0, sizeof(*t));
		ASSERT_OK(cgroup_readback(cg, pid, lim, t));
		for (int l = 0; l < LAYER_MAX; l++)
			if (t->row[l].state == LAYER_ABSENT &&
			    strstr(t->row[l].enforced, "process is not in"))
				all_in = false;
		if (all_in)
			return;
		nanosleep(&ms, NULL);
	}
}

static void
reap_and_remove(struct cgroup *cg, const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int status = 0;

		ASSERT_EQ(waitpid(pids[i], &status, 0), pids[i]);
		ASSERT_TRUE(WIFSIGNALED(status));
	}
	ASSERT_EQ(cgroup_populated(cg), 0);
	ASSERT_OK(cgroup_remove(cg));
	cgroup_free(cg);
}

TEST(real_limits_are_read_back)
{
	struct cgroup_host h = real_host();
	struct cgroup_limits lim = some_limits(&h), other;
	struct layer_table t;
	struct cgroup_usage u = { 0 };
	const char *paths[CGROUP_GROUPS_MAX];
	char id[64], told[CGROUP_GROUPS_MAX][CGROUP_PATH_MAX];
	struct cgroup *cg = make(&h, &lim, id);
	size_t n = cgroup_paths(cg, paths, CGROUP_GROUPS_MAX);
	pid_t pid = spawn_in(cg, false);

	/* the guard is told of every one of them before they are made */
	for (size_t i = 0, k; i < n; i++) {
		size_t m = cgroup_host_paths(&h, id, told, CGROUP_GROUPS_MAX);

		for (k = 0; k < m && strcmp(told[k], paths[i]) != 0; k++)
			;
		ASSERT_TRUE(k < m);
	}
	wait_members(cg, pid, &lim, &t);
	for (int l = 0; l < LAYER_MAX; l++)
		if (cgroup_wanted(&lim) & LAYER_BIT(l) &&
		    t.row[l].state != LAYER_HELD)
			FAIL("%s: %s", layer_name((enum layer)l),
			     t.row[l].enforced);
	ASSERT_EQ(cgroup_populated(cg), 1);
	ASSERT_OK(cgroup_usage(cg, &u));
	if (lim.pids != CGROUP_UNLIMITED)
		ASSERT_EQ(u.pids, 1);

	/* another number than the kernel's is not held */
	other = lim;
	if (lim.memory != CGROUP_UNLIMITED) {
		other.memory += 1; /* less than a page: the same to the kernel */
		ASSERT_OK(cgroup_readback(cg, pid, &other, &t));
		ASSERT_EQ(t.row[LAYER_MEMORY].state, LAYER_HELD);
		other.memory += 1 << 20;
		ASSERT_OK(cgroup_readback(cg, pid, &other, &t));
		ASSERT_EQ(t.row[LAYER_MEMORY].state, LAYER_ABSENT);
	}
	/* nor is any of it for a process outside */
	ASSERT_OK(cgroup_readback(cg, getpid(), &lim, &t));
	for (int l = 0; l < LAYER_MAX; l++)
		if (cgroup_wanted(&lim) & LAYER_BIT(l))
			ASSERT_EQ(t.row[l].state, LAYER_ABSENT);
	ASSERT_EQ(t.row[LAYER_FREEZE].state, LAYER_ABSENT);
	kill(pid, SIGKILL);
	reap_and_remove(cg, &pid, 1);
	for (size_t i = 0; i < n; i++)
		ASSERT_TRUE(access(paths[i], F_OK) < 0);
}

TEST(real_same_id_twice)
{
	struct cgroup_host h = real_host();
	struct cgroup_limits lim = some_limits(&h);
	struct cgroup *cg, *again = NULL;
	struct err e = ERR_INIT;
	uint32_t set = 0;
	char id[64];

	cg = make(&h, &lim, id);
	ASSERT_ERR(cgroup_create(&h, id, &lim, &again, &set, &e), -EEXIST);
	ASSERT_NULL(again);
	ASSERT_STRSTR(e.text, id);
	/* the failure removed nothing of the first one */
	ASSERT_EQ(cgroup_populated(cg), 0);
	ASSERT_OK(cgroup_remove(cg));
	cgroup_free(cg);
}

/* The cpu time of a process, to see whether it runs. */
static uint64_t
cpu_time(struct cgroup *cg)
{
	struct cgroup_usage u;

	ASSERT_OK(cgroup_usage(cg, &u));
	return u.cpu_usec;
}

TEST(real_freeze_thaw_kill)
{
	struct cgroup_host h = real_host();
	struct cgroup_limits lim = some_limits(&h);
	struct timespec ms50 = { 0, 50000000 };
	pid_t pids[8];
	char id[64];
	struct cgroup *cg = make(&h, &lim, id);
	uint64_t t;

	if (!cgroup_can_freeze(cg)) {
		cgroup_remove(cg);
		cgroup_free(cg);
		SKIP("no cgroup2 group on this host");
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		pids[i] = spawn_in(cg, true);
	nanosleep(&ms50, NULL);
	ASSERT_OK(cgroup_freeze(cg, true, 5000000));
	t = cpu_time(cg);
	ASSERT_TRUE(t > 0);
	nanosleep(&ms50, NULL);
	ASSERT_EQ(cpu_time(cg), t);
	ASSERT_OK(cgroup_freeze(cg, false, 5000000));
	nanosleep(&ms50, NULL);
	ASSERT_TRUE(cpu_time(cg) > t);
	ASSERT_EQ(sched_getscheduler(0), SCHED_OTHER);
	/* a frozen group dies like any other */
	ASSERT_OK(cgroup_freeze(cg, true, 5000000));
	ASSERT_OK(cgroup_kill(cg));
	reap_and_remove(cg, pids, ARRAY_SIZE(pids));
}

TEST(real_kill_without_cgroup_kill)
{
	struct cgroup_host h = real_host();
	struct cgroup_limits lim = some_limits(&h);
	pid_t pids[8];
	char id[64];
	struct cgroup *cg = make(&h, &lim, id);

	if (!cgroup_can_freeze(cg)) {
		cgroup_remove(cg);
		cgroup_free(cg);
		SKIP("no cgroup2 group on this host");
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		pids[i] = spawn_in(cg, i & 1);
	/* they are children of ours and not reaped yet: zombies are listed */
	signal(SIGCHLD, SIG_IGN);
	ASSERT_OK(cgroup_kill_each(cg));
	signal(SIGCHLD, SIG_DFL);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		ASSERT_ERR(kill(pids[i], 0) < 0 ? -errno : 0, -ESRCH);
	ASSERT_EQ(cgroup_populated(cg), 0);
	ASSERT_OK(cgroup_remove(cg));
	cgroup_free(cg);
}

static bool
is_alive(const char *id, void *arg)
{
	/* whoever else has a box on this host keeps it */
	return strcmp(id, arg) != 0;
}

TEST(real_sweep)
{
	struct cgroup_host h = real_host();
	struct cgroup_limits lim = some_limits(&h);
	const char *paths[CGROUP_GROUPS_MAX];
	char id[64], none[] = "none";
	struct cgroup *cg = make(&h, &lim, id);
	size_t n = cgroup_paths(cg, paths, CGROUP_GROUPS_MAX);
	bool kills = cgroup_can_freeze(cg);
	pid_t pid = kills ? spawn_in(cg, false) : 0;

	ASSERT_EQ(cgroup_sweep(&h, is_alive, none), 0);
	ASSERT_EQ(access(paths[0], F_OK), 0);
	ASSERT_EQ(cgroup_sweep(&h, is_alive, id), n);
	for (size_t i = 0; i < n; i++)
		ASSERT_TRUE(access(paths[i], F_OK) < 0);
	if (kills) {
		int status = 0;

		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT_TRUE(WIFSIGNALED(status));
	}
	ASSERT_OK(cgroup_remove(cg)); /* of what is gone: no error */
	cgroup_free(cg);
}
