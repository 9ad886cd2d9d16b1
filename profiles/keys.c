/*
 * The table of keys. What always holds: the shipped schema says the same
 * (tests/unit/test_schema.c), and a profile that names only what is required
 * gives an agent nothing but an empty, bounded box.
 */
#include "profiles/checks.h"
#include "profiles/loader.h"

#define MEMBER(m)                                                              \
	.off = offsetof(struct profile, m),                                    \
	.width = sizeof(((struct profile *)NULL)->m)

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

#define NAME_PATTERN "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"
#define SIZE_PATTERN "^([0-9]{1,20}[KMGT]?|unlimited)$"
#define SIZE_ONLY_PATTERN "^[0-9]{1,20}[KMGT]?$"
#define GRANT_PATTERN "^(@[A-Za-z0-9_][A-Za-z0-9._-]{0,63}|~?/.*[^/])$"

static const char *const roles[] = {
	[ROLE_RETRIEVE] = "retrieve", [ROLE_REASON] = "reason",
	[ROLE_EXECUTE] = "execute",   [ROLE_APPROVE] = "approve",
	[ROLE_MONITOR] = "monitor",   NULL,
};

static const char *const accesses[] = {
	[ACCESS_NONE] = "none",
	[ACCESS_READ] = "read",
	[ACCESS_WRITE] = "write",
	NULL,
};

/* Layers that a box can be without: those that depend on the host's set-up or
 * on a newer kernel. The others are what confinement is. */
static const char *const optional_layers[] = {
	"cgroupns", "time", "landlock", "oom", "memory", "swap",
	"pids",	    "cpu",  "io",	"freeze", "disk",	NULL,
};

static const struct profile_key requires_keys[] = {
	{ .name = "kernel", .type = KEY_TEXT, MEMBER(requires.kernel),
	  .min = 3, .max = 7, .check = check_kernel,
	  .pattern = "^[0-9]{1,3}\\.[0-9]{1,3}$" },
	{ .name = "landlock", .type = KEY_INT, MEMBER(requires.landlock_abi),
	  .min = 0, .max = 64, .def = "0" },
	{ .name = "optional", .type = KEY_BITS, MEMBER(requires.optional),
	  .max = 32, .words = optional_layers },
	{ .name = NULL },
};

static const struct profile_key env_keys[] = {
	{ .name = "pass", .type = KEY_LIST, MEMBER(process.env_pass),
	  .max = 256, .check = check_env_pass,
	  .pattern = "^[A-Za-z_][A-Za-z0-9_]{0,127}\\*?$" },
	{ .name = "set", .type = KEY_MAP, MEMBER(process.env_set), .max = 256,
	  .check = check_env_set,
	  .pattern = "^[A-Za-z_][A-Za-z0-9_]{0,127}$" },
	{ .name = NULL },
};

static const struct profile_key io_keys[] = {
	{ .name = "weight", .type = KEY_INT,
	  MEMBER(process.cgroup.io_weight), .min = 1, .max = 10000 },
	{ .name = "bandwidth", .type = KEY_SIZE,
	  MEMBER(process.cgroup.io_bps), .min = 64 * KIB, .max = TIB,
	  .pattern = SIZE_ONLY_PATTERN },
	{ .name = NULL },
};

static const struct profile_key limit_keys[] = {
	{ .name = "memory", .type = KEY_SIZE, .flags = KEY_UNLIMITED,
	  MEMBER(process.cgroup.memory), .min = 4 * MIB, .max = 64 * TIB,
	  .def = "4G", .pattern = SIZE_PATTERN },
	{ .name = "swap", .type = KEY_SIZE, .flags = KEY_UNLIMITED,
	  MEMBER(process.cgroup.swap), .min = 0, .max = 64 * TIB, .def = "0",
	  .pattern = SIZE_PATTERN },
	{ .name = "pids", .type = KEY_INT, .flags = KEY_UNLIMITED,
	  MEMBER(process.cgroup.pids), .min = 4, .max = 4194304,
	  .def = "512", .pattern = "^unlimited$" },
	{ .name = "cpu", .type = KEY_PERCENT, .flags = KEY_UNLIMITED,
	  MEMBER(process.cgroup.cpu_percent), .min = 1, .max = 409600,
	  .def = "unlimited", .pattern = "^([0-9]{1,6}%|unlimited)$" },
	{ .name = "io", .type = KEY_OBJECT, .sub = io_keys },
	{ .name = "nofile", .type = KEY_INT, MEMBER(process.nofile),
	  .min = 16, .max = 1048576, .def = "4096" },
	{ .name = "nproc", .type = KEY_INT, .flags = KEY_UNLIMITED,
	  MEMBER(process.nproc), .min = 4, .max = 4194304,
	  .pattern = "^unlimited$" },
	{ .name = "fsize", .type = KEY_SIZE, .flags = KEY_UNLIMITED,
	  MEMBER(process.fsize), .min = 0, .max = 64 * TIB, .def = "8G",
	  .pattern = SIZE_PATTERN },
	{ .name = "stack", .type = KEY_SIZE, .flags = KEY_UNLIMITED,
	  MEMBER(process.stack), .min = 128 * KIB, .max = 16 * GIB,
	  .def = "64M", .pattern = SIZE_PATTERN },
	{ .name = "core", .type = KEY_SIZE, .flags = KEY_UNLIMITED,
	  MEMBER(process.core), .min = 0, .max = 64 * TIB, .def = "0",
	  .pattern = SIZE_PATTERN },
	{ .name = "data", .type = KEY_SIZE, .flags = KEY_UNLIMITED,
	  MEMBER(process.data), .min = MIB, .max = 64 * TIB,
	  .def = "unlimited", .pattern = SIZE_PATTERN },
	{ .name = "memlock", .type = KEY_SIZE, .flags = KEY_UNLIMITED,
	  MEMBER(process.memlock), .min = 0, .max = 64 * TIB, .def = "8M",
	  .pattern = SIZE_PATTERN },
	{ .name = "oom_score", .type = KEY_INT, MEMBER(process.oom_score_adj),
	  .min = 0, .max = 1000, .def = "500" },
	{ .name = NULL },
};

static const struct profile_key process_keys[] = {
	{ .name = "env", .type = KEY_OBJECT, .sub = env_keys },
	{ .name = "limits", .type = KEY_OBJECT, .sub = limit_keys },
	{ .name = "syscalls", .type = KEY_LIST, MEMBER(process.syscalls),
	  .max = 32, .def = "base", .check = check_name,
	  .pattern = NAME_PATTERN },
	{ .name = "syscalls_deny", .type = KEY_LIST,
	  MEMBER(process.syscalls_deny), .max = 256, .check = check_call,
	  .pattern = "^[a-z][a-z0-9_]{0,63}$" },
	{ .name = "timeout", .type = KEY_TIME, MEMBER(process.timeout_us),
	  .min = 1, .max = 31536000,
	  .pattern = "^[0-9]{1,12}(ms|s|m|h|d)?$" },
	{ .name = "loopback", .type = KEY_BOOL, MEMBER(process.loopback),
	  .def = "false" },
	{ .name = "time_namespace", .type = KEY_BOOL, MEMBER(process.timens),
	  .def = "false" },
	{ .name = "hostname", .type = KEY_TEXT, MEMBER(process.hostname),
	  .min = 1, .max = 63, .check = check_hostname,
	  .pattern = "^[A-Za-z0-9][A-Za-z0-9-]{0,62}$" },
	{ .name = NULL },
};

static const struct profile_key workspace_keys[] = {
	{ .name = "access", .type = KEY_WORD, .flags = KEY_REQUIRED,
	  MEMBER(files.workspace), .words = accesses },
	{ .name = "exec", .type = KEY_BOOL, MEMBER(files.workspace_exec),
	  .def = "false" },
	{ .name = "max_growth", .type = KEY_SIZE, .flags = KEY_UNLIMITED,
	  MEMBER(files.workspace_max), .min = MIB, .max = 64 * TIB,
	  .def = "10G", .pattern = SIZE_PATTERN },
	{ .name = NULL },
};

static const struct profile_key files_keys[] = {
	{ .name = "read", .type = KEY_LIST, MEMBER(files.read), .max = 128,
	  .check = check_path_grant, .pattern = GRANT_PATTERN },
	{ .name = "exec", .type = KEY_LIST, MEMBER(files.exec), .max = 128,
	  .check = check_path_grant, .pattern = GRANT_PATTERN },
	{ .name = "write", .type = KEY_LIST, MEMBER(files.write), .max = 128,
	  .check = check_path_write, .pattern = "^~?/.*[^/]$" },
	{ .name = "deny", .type = KEY_LIST, MEMBER(files.deny), .max = 128,
	  .check = check_path_deny, .pattern = GRANT_PATTERN },
	{ .name = "workspace", .type = KEY_OBJECT, .sub = workspace_keys },
	{ .name = "tmp", .type = KEY_SIZE, MEMBER(files.tmp_size),
	  .min = MIB, .max = TIB, .def = "512M",
	  .pattern = SIZE_ONLY_PATTERN },
	{ .name = NULL },
};

static const struct profile_key top_keys[] = {
	{ .name = "version", .type = KEY_INT, .flags = KEY_REQUIRED,
	  MEMBER(version), .min = PROFILE_VERSION, .max = PROFILE_VERSION },
	{ .name = "name", .type = KEY_TEXT, .flags = KEY_REQUIRED,
	  MEMBER(name), .min = 1, .max = 64, .check = check_name,
	  .pattern = NAME_PATTERN },
	{ .name = "role", .type = KEY_WORD, .flags = KEY_REQUIRED,
	  MEMBER(role), .words = roles },
	{ .name = "owner", .type = KEY_TEXT, MEMBER(owner), .min = 1,
	  .max = 256, .check = check_text },
	{ .name = "purpose", .type = KEY_TEXT, MEMBER(purpose), .min = 1,
	  .max = 1024, .check = check_text },
	{ .name = "requires", .type = KEY_OBJECT, .sub = requires_keys },
	{ .name = "process", .type = KEY_OBJECT, .sub = process_keys },
	{ .name = "files", .type = KEY_OBJECT, .sub = files_keys },
	{ .name = NULL },
};

const struct profile_key profile_root = {
	.type = KEY_OBJECT,
	.sub = top_keys,
};

const char *
profile_role_name(enum profile_role r)
{
	return r <= ROLE_MONITOR ? roles[r] : "?";
}
