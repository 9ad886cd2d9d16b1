/*
 * Other processes of the host: memory, descriptors, signals, scheduling. The
 * victim runs as the caller's user and keeps the token at a known address. A
 * pid of the host may by accident be one of the box's own processes, so
 * success counts only if the target is seen to be the victim.
 */
#include "tests/escape/probe.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

static void
attach(const struct params *p, _unused_ long arg)
{
	pid_t pid = (pid_t)p->victim;
	char word[sizeof(long)];
	long v;
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
		refused("PTRACE_SEIZE");
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	waitpid(pid, &status, __WALL);
	errno = 0;
	v = ptrace(PTRACE_PEEKDATA, pid, p->victim_addr, 0);
	memcpy(word, &v, sizeof(word));
	ptrace(PTRACE_DETACH, pid, 0, 0);
	if (!errno && !memcmp(word, p->token, sizeof(word)))
		escaped("attached to a host process");
	blocked("attached to a process of the box");
}

static void
vm_read(const struct params *p, _unused_ long arg)
{
	char buf[256];
	struct iovec l = { buf, sizeof(buf) };
	struct iovec r = { (char *)p->victim_addr, sizeof(buf) };
	ssize_t n = process_vm_readv((pid_t)p->victim, &l, 1, &r, 1, 0);

	if (n > 0 && has_token(p, buf, (size_t)n))
		escaped("read memory of a host process");
	refused("process_vm_readv");
}

static void
vm_write(const struct params *p, _unused_ long arg)
{
	char word[] = "escaped";
	struct iovec l = { word, sizeof(word) };
	/* the scratch area follows the token's page half */
	struct iovec r = { (char *)p->victim_addr + 2048, sizeof(word) };
	ssize_t n = process_vm_writev((pid_t)p->victim, &l, 1, &r, 1, 0);

	if (n > 0 && is_victim(p->victim))
		escaped("wrote memory of a host process");
	refused("process_vm_writev");
}

static void
proc_mem(const struct params *p, _unused_ long arg)
{
	char path[64], buf[256];
	_cleanup_close_ int fd = -EBADF;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%ld/mem", p->victim);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		refused("open");
	n = pread(fd, buf, sizeof(buf), p->victim_addr);
	if (n > 0 && has_token(p, buf, (size_t)n))
		escaped("read memory of a host process");
	refused("pread");
}

static int
victim_pidfd(const struct params *p)
{
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)p->victim, 0);

	if (fd < 0)
		refused("pidfd_open");
	if (!is_victim(p->victim))
		blocked("that pid is a process of the box");
	return fd;
}

static void
pidfd_steal(const struct params *p, _unused_ long arg)
{
	int pidfd = victim_pidfd(p);

	for (int i = 0; i < 64; i++) {
		char buf[4096];
		int fd = (int)syscall(SYS_pidfd_getfd, pidfd, i, 0);
		ssize_t n = fd < 0 ? -1 : pread(fd, buf, sizeof(buf), 0);

		if (n > 0 && has_token(p, buf, (size_t)n))
			escaped("took descriptor %d of a host process", i);
	}
	refused("pidfd_getfd");
}

static void
pidfd_signal(const struct params *p, _unused_ long arg)
{
	judge(syscall(SYS_pidfd_send_signal, victim_pidfd(p), SIGURG, NULL, 0),
	      "pidfd_send_signal");
}

/* SIGURG is ignored by whoever did not ask for it; the victim did. */
static void
signal_victim(const struct params *p, _unused_ long arg)
{
	if (kill((pid_t)p->victim, SIGURG) < 0)
		refused("kill");
	if (!is_victim(p->victim))
		blocked("that pid is a process of the box");
	escaped("signalled a host process");
}

static void
queue_victim(const struct params *p, _unused_ long arg)
{
	union sigval v = { .sival_int = 1 };

	if (sigqueue((pid_t)p->victim, SIGURG, v) < 0)
		refused("sigqueue");
	if (!is_victim(p->victim))
		blocked("that pid is a process of the box");
	escaped("signalled a host process");
}

/* The runner's own group: does it hold processes of the host? The host half
 * listens there and says so in host-signal-group. */
static void
signal_group(_unused_ const struct params *p, _unused_ long arg)
{
	kill(0, SIGURG);
	kill(-1, SIGURG);
	if (getpgrp() == 0 || getsid(0) == 0)
		escaped("the process group or session is the host's");
	blocked("group and session are the box's own");
}

static void
victim_limit(const struct params *p, _unused_ long arg)
{
	struct rlimit l;

	if (prlimit((pid_t)p->victim, RLIMIT_CORE, NULL, &l) < 0)
		refused("prlimit");
	if (!is_victim(p->victim))
		blocked("that pid is a process of the box");
	judge(prlimit((pid_t)p->victim, RLIMIT_CORE, &l, NULL), "prlimit");
}

static void
victim_nice(const struct params *p, _unused_ long arg)
{
	if (setpriority(PRIO_PROCESS, (id_t)p->victim, 19) < 0)
		refused("setpriority");
	if (!is_victim(p->victim))
		blocked("that pid is a process of the box");
	escaped("slowed down a host process");
}

static void
victim_affinity(const struct params *p, _unused_ long arg)
{
	cpu_set_t set;

	if (sched_getaffinity((pid_t)p->victim, sizeof(set), &set) < 0)
		refused("sched_getaffinity");
	if (!is_victim(p->victim))
		blocked("that pid is a process of the box");
	judge(sched_setaffinity((pid_t)p->victim, sizeof(set), &set),
	      "sched_setaffinity");
}

static void
victim_kcmp(const struct params *p, _unused_ long arg)
{
	long r = syscall(SYS_kcmp, getpid(), (pid_t)p->victim, 0, 0, 0);

	if (r >= 0 && !is_victim(p->victim))
		blocked("that pid is a process of the box");
	judge(r, "kcmp");
}

static void
victim_madvise(const struct params *p, _unused_ long arg)
{
	struct iovec v = { (char *)(p->victim_addr & ~4095L), 4096 };

	judge(syscall(SYS_process_madvise, victim_pidfd(p), &v, 1UL,
		      20 /* MADV_COLD */, 0),
	      "process_madvise");
}

static void
suspend_seccomp(_unused_ const struct params *p, _unused_ long arg)
{
	pid_t pid = spawn();
	long r;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	r = ptrace(PTRACE_SEIZE, pid, 0, 0x200000 /* O_SUSPEND_SECCOMP */);
	judge(r, "PTRACE_O_SUSPEND_SECCOMP");
}

const struct probe probes_process[] = {
	{ "process-ptrace", OPEN_USER, 0, "PTRACE_SEIZE of a host process",
	  "pid namespace, seccomp, Landlock", attach, 0 },
	{ "process-vm-readv", OPEN_USER, 0, "process_vm_readv",
	  "pid namespace, seccomp, Landlock", vm_read, 0 },
	{ "process-vm-writev", OPEN_USER, 0, "process_vm_writev",
	  "pid namespace, seccomp, Landlock", vm_write, 0 },
	{ "process-proc-mem", OPEN_USER, 0, "/proc/PID/mem", "pid namespace",
	  proc_mem, 0 },
	{ "process-pidfd-getfd", OPEN_USER, 0, "pidfd_getfd",
	  "pid namespace, seccomp", pidfd_steal, 0 },
	{ "process-pidfd-signal", OPEN_USER, 0, "pidfd_send_signal",
	  "pid namespace, Landlock scope", pidfd_signal, 0 },
	{ "process-kill", OPEN_USER, 0, "kill of a host process",
	  "pid namespace, Landlock scope", signal_victim, 0 },
	{ "process-sigqueue", OPEN_USER, 0, "sigqueue to a host process",
	  "pid namespace, Landlock scope", queue_victim, 0 },
	{ "process-group", OPEN_HOST, 0, "kill(0) and kill(-1)",
	  "own session, pid namespace, Landlock scope", signal_group, 0 },
	{ "process-prlimit", OPEN_USER, 0, "prlimit of a host process",
	  "pid namespace", victim_limit, 0 },
	{ "process-nice", OPEN_USER, 0, "setpriority of a host process",
	  "pid namespace", victim_nice, 0 },
	{ "process-affinity", OPEN_USER, 0, "sched_setaffinity of it",
	  "pid namespace", victim_affinity, 0 },
	{ "process-kcmp", OPEN_HOST, 0, "kcmp with a host process",
	  "pid namespace, seccomp", victim_kcmp, 0 },
	{ "process-madvise", OPEN_HOST, 0, "process_madvise",
	  "pid namespace, seccomp", victim_madvise, 0 },
	{ "process-suspend-seccomp", OPEN_HOST, 0,
	  "ptrace with PTRACE_O_SUSPEND_SECCOMP", "no capability, seccomp",
	  suspend_seccomp, 0 },
	{ 0 },
};
