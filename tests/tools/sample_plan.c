/* One entry of every kind, so that each decoder path has a valid example. */
#include "tests/tools/sample_plan.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/resource.h>

void
sample_plan(struct plan *ret)
{
	static struct plan_fs fs[] = {
		{ PLAN_FS_BIND, PLAN_FS_RDONLY, 0, 0, "/usr", "/usr", NULL },
		{ PLAN_FS_SYMLINK, 0, 0, 0, "usr/bin", "/bin", NULL },
		{ PLAN_FS_DIR, 0, 0755, 0, NULL, "/etc", NULL },
		{ PLAN_FS_FILE, 0, 0644, 0, NULL, "/etc/hostname", "box\n" },
		{ PLAN_FS_PROC, PLAN_FS_RDONLY, 0, 0, NULL, "/proc", NULL },
		{ PLAN_FS_MASK, 0, 0, 0, NULL, "/proc/kcore", NULL },
		{ PLAN_FS_TMPFS, 0, 01777, 1 << 20, NULL, "/tmp", NULL },
		{ PLAN_FS_REBIND, 0, 0, 0, "/tmp", "/var/tmp", NULL },
		{ PLAN_FS_DEVPTS, 0, 0, 0, NULL, "/dev/pts", NULL },
	};
	static struct plan_rule rules[] = { { 13, "/usr" }, { 8, "/" } };
	static struct plan_rlimit rlimits[] = {
		{ RLIMIT_NOFILE, 1024, 4096 },
	};
	static const char *args[] = { "true", "", NULL };
	static const char *env[] = { "PATH=/usr/bin", NULL };
	static struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, arch)),
#if defined(__x86_64__)
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
#else
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_AARCH64, 1, 0),
#endif
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	*ret = (struct plan){
		.flags = PLAN_LOOPBACK,
		.layers = LAYER_BIT(LAYER_SECCOMP) | LAYER_BIT(LAYER_LANDLOCK),
		.optional = LAYER_BIT(LAYER_MEMORY),
		.uid = 1000,
		.gid = 1000,
		.oom_score_adj = 500,
		.umask = 022,
		.hostname = "box",
		.workdir = "/tmp",
		.canary = "/run/agentbox/canary",
		.fs = fs,
		.n_fs = ARRAY_SIZE(fs),
		.rules = rules,
		.n_rules = ARRAY_SIZE(rules),
		.rlimits = rlimits,
		.n_rlimits = ARRAY_SIZE(rlimits),
		.args = args,
		.n_args = ARRAY_SIZE(args) - 1,
		.env = env,
		.n_env = ARRAY_SIZE(env) - 1,
		.insns = insns,
		.n_insns = ARRAY_SIZE(insns),
	};
}
