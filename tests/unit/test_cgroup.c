/* links: sandbox lib */
/*
 * The finder against recorded texts of hosts of each kind, and the parsers of
 * cgroup files. What the host itself does is in test_cgroup_host.c.
 */
#include "sandbox/cgroup-internal.h"
#include "tests/tap.h"

#include <string.h>
#include <sys/sysmacros.h>

/* ---- recorded hosts */

#define V2_MOUNT                                                               \
	"22 1 254:0 / / rw,noatime shared:1 - ext4 /dev/vda rw\n"              \
	"25 22 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"              \
	"27 25 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime "         \
	"shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"      \
	"28 25 0:27 / /sys/fs/pstore rw shared:10 - pstore pstore rw\n"

#define HYBRID_MOUNTS                                                          \
	"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"  \
	"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup "          \
	"rw,cpu,cpuacct\n"                                                     \
	"34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"    \
	"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"    \
	"38 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n"      \
	"39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"        \
	"40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup "              \
	"rw,xattr,name=systemd\n"

#define UNIFIED_MOUNT                                                          \
	"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 "   \
	"rw,nsdelegate\n"

#define RO_MOUNT                                                               \
	"700 690 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - "     \
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
	struct cgroup_host h = find(1000, V2_MOUNT, "0::/svc.service\n", own);

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
	struct cgroup_host h =
		find(1000, HYBRID_MOUNTS UNIFIED_MOUNT, "0::/\n", nothing);

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
		.arg =
			(void *)(uintptr_t)(const char *const[]){
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
	static const char text[] = "8:16 rbps=max wbps=5 riops=max wiops=max\n"
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

TEST(pairs)
{
	uint64_t a = 0, b = 0;

	ASSERT_OK(cgroup_parse_pair("8:16\n", ':', &a, &b));
	ASSERT_EQ(a, 8);
	ASSERT_EQ(b, 16);
	ASSERT_OK(cgroup_parse_pair("6.1.0-9-amd64", '.', &a, &b));
	ASSERT_EQ(a, 6);
	ASSERT_EQ(b, 1);
	ASSERT_TRUE(cgroup_parse_pair("max 100000", ' ', &a, &b) < 0);
	ASSERT_TRUE(cgroup_parse_pair("1", ' ', &a, &b) < 0);
	ASSERT_TRUE(cgroup_parse_pair("", ' ', &a, &b) < 0);
	ASSERT_TRUE(cgroup_parse_pair("1 99999999999999999999999", ' ', &a,
				      &b) < 0);
	ASSERT_EQ(b, 1);
}
