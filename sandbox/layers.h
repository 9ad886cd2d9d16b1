#pragma once
/*
 * The layers of a box: what a profile may ask for and what the kernel was seen
 * to hold. One row per layer, in the order in which they are printed.
 *
 *   LAYER(ID, "name", "what it is")
 *
 * The names are used in profiles (requires.optional), in `agentbox inspect`,
 * `agentbox doctor` and in the man pages.
 */
#include <stdbool.h>
#include <stdint.h>

#define LAYERS(LAYER)                                                          \
	LAYER(USER, "user", "user namespace and id mapping")                   \
	LAYER(OWNUID, "own-uid", "host uid used by no one else")               \
	LAYER(PID, "pid", "pid namespace")                                     \
	LAYER(MOUNT, "mount", "mount namespace and new root")                  \
	LAYER(NET, "net", "network namespace with loopback only")              \
	LAYER(IPC, "ipc", "ipc namespace")                                     \
	LAYER(UTS, "uts", "uts namespace")                                     \
	LAYER(CGROUPNS, "cgroupns", "cgroup namespace")                        \
	LAYER(TIME, "time", "time namespace")                                  \
	LAYER(FILES, "files", "read-only and masked mounts")                   \
	LAYER(CAPS, "capabilities", "every capability set empty")              \
	LAYER(SECUREBITS, "securebits", "uid 0 gives nothing, locked")         \
	LAYER(NNP, "no-new-privs", "exec never gains privilege")               \
	LAYER(LANDLOCK, "landlock", "Landlock domain")                         \
	LAYER(SECCOMP, "seccomp", "system call allowlist")                     \
	LAYER(RLIMITS, "rlimits", "resource limits of each process")           \
	LAYER(OOM, "oom", "first victim when memory runs out")                 \
	LAYER(MEMORY, "memory", "cgroup memory limit")                         \
	LAYER(SWAP, "swap", "cgroup swap limit")                               \
	LAYER(PIDS, "pids", "cgroup process limit")                            \
	LAYER(CPU, "cpu", "cgroup cpu limit")                                  \
	LAYER(IO, "io", "cgroup io limit")                                     \
	LAYER(FREEZE, "freeze", "freeze and kill through the cgroup")          \
	LAYER(FDS, "descriptors", "stdin, stdout, stderr and nothing else")    \
	LAYER(DISK, "disk", "bounded /tmp and HOME, watched workspace")        \
	LAYER(BROKER, "broker", "what is dialled lands on the broker")

enum layer {
#define LAYER(id, name, text) LAYER_##id,
	LAYERS(LAYER)
#undef LAYER
		LAYER_MAX
};

#define LAYER_BIT(l) (1u << (unsigned int)(l))

enum layer_state {
	LAYER_OFF,	/* not asked for */
	LAYER_HELD,	/* asked for and seen to hold */
	LAYER_DEGRADED, /* asked for, optional; a weaker means is in place */
	LAYER_ABSENT,	/* asked for, not there (only if optional) */
};

#define LAYER_TEXT_MAX 160

/* One row of requested against enforced. */
struct layer_row {
	enum layer_state state;
	bool optional;
	char requested[LAYER_TEXT_MAX]; /* "512.0M" */
	char enforced[LAYER_TEXT_MAX];	/* "512.0M (cgroup v1 memory)" */
};

struct layer_table {
	struct layer_row row[LAYER_MAX];
};

const char *layer_name(enum layer l);
const char *layer_text(enum layer l);
const char *layer_state_name(enum layer_state s);
/* The layer of that name, or -EINVAL. */
int layer_from_name(const char *name);
