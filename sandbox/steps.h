#pragma once
/*
 * What agentbox-stage does, step by step, in this order. A failure names its
 * step: the supervisor prints "step landlock: ...". One row per step:
 *
 *   STEP(ID, "name", "what it does")
 */
#define STEPS(STEP)                                                            \
	STEP(START, "start", "becomes agentbox-stage")                         \
	STEP(NAMESPACES, "namespaces",                                         \
	     "makes user, network, ipc and uts namespaces")                    \
	STEP(LOOPBACK, "loopback", "lets the supervisor bring loopback up")    \
	STEP(BOUNDING, "bounding", "empties the capability bounding set")      \
	STEP(GO, "go", "waits until the supervisor mapped the ids")            \
	STEP(PLAN, "plan", "reads and checks the sealed plan")                 \
	STEP(NETWORK, "network", "opens the broker's sockets")                 \
	STEP(CLONE, "clone",                                                   \
	     "starts pid 1 in its cgroup, pid and mount "                      \
	     "namespaces")                                                     \
	STEP(SESSION, "session", "leaves the caller's session")                \
	STEP(HOSTNAME, "hostname", "names the box")                            \
	STEP(OOM, "oom", "makes the box the first victim")                     \
	STEP(IDS, "ids", "becomes the agent's uid and gid")                    \
	STEP(PARENT, "parent", "asks to die with the supervisor")              \
	STEP(ROOT, "root", "makes the new root")                               \
	STEP(MOUNTS, "mounts", "builds the file tree")                         \
	STEP(PIVOT, "pivot", "leaves the host's file tree")                    \
	STEP(TTY, "tty", "opens the box's own terminal")                       \
	STEP(UNSHARE, "unshare", "makes the cgroup and time namespaces")       \
	STEP(FORK, "fork", "starts the agent's process")                       \
	STEP(STDIO, "stdio", "keeps stdin, stdout, stderr and nothing else")   \
	STEP(WORKDIR, "workdir", "enters the working directory")               \
	STEP(RLIMITS, "rlimits", "sets the resource limits")                   \
	STEP(CAPS, "capabilities", "gives up every capability")                \
	STEP(NNP, "no-new-privs", "makes that final")                          \
	STEP(LANDLOCK, "landlock", "enters the Landlock domain")               \
	STEP(CANARY, "canary", "sees that Landlock holds")                     \
	STEP(SECCOMP, "seccomp", "loads the system call filter")               \
	STEP(ATTEST, "attest", "waits until the supervisor has checked it")    \
	STEP(EXEC, "exec", "becomes the command")

enum step {
#define STEP(id, name, text) STEP_##id,
	STEPS(STEP)
#undef STEP
		STEP_MAX
};

const char *step_name(enum step s);
const char *step_text(enum step s);
