/*
 * pid 1 of the box is the launcher's: it must not be read, traced, stopped or
 * taken over. In the self-test a process of the host stands in for it.
 */
#include "tests/escape/probe.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const char *
init_path(const struct params *p, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "/proc/%ld/%s", p->init, name);
	return path;
}

static void
init_trace(const struct params *p, _unused_ long arg)
{
	judge(ptrace(PTRACE_SEIZE, (pid_t)p->init, 0, 0), "PTRACE_SEIZE");
}

static void
init_open(const struct params *p, long arg)
{
	static const char *const names[] = { "mem", "environ", "maps", "auxv",
					     "syscall" };
	_cleanup_close_ int fd = open(init_path(p, names[arg]),
				      (arg ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	char c;

	if (fd < 0)
		refused("open");
	if (arg == 0)
		escaped("/proc/PID/mem is open for writing");
	if (read(fd, &c, 1) == 1)
		escaped("read /proc/PID/%s", names[arg]);
	refused("read");
}

static bool
open_entry(const char *name, void *arg)
{
	int fd = open(path_join(arg, name), O_PATH | O_CLOEXEC);

	return isdigit((unsigned char)name[0]) && fd >= 0;
}

static void
init_fds(const struct params *p, _unused_ long arg)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "/proc/%ld/fd", p->init);
	if (each_entry(dir, open_entry, dir))
		escaped("opened its descriptors");
	refused("open");
}

static void
init_getfd(const struct params *p, _unused_ long arg)
{
	int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)p->init, 0);

	if (pidfd < 0)
		refused("pidfd_open");
	for (int i = 0; i < 64; i++)
		if (syscall(SYS_pidfd_getfd, pidfd, i, 0) >= 0)
			escaped("took its descriptor %d", i);
	refused("pidfd_getfd");
}

/* The program of pid 1 is a file of the host: whoever can write it runs
 * outside the next time. ETXTBSY means that only the run was in the way. */
static void
init_exe(const struct params *p, _unused_ long arg)
{
	int fd = open(init_path(p, "exe"), O_WRONLY | O_CLOEXEC);

	if (fd >= 0 || errno == ETXTBSY)
		escaped("its program can be written");
	refused("open");
}

static char
init_state(const struct params *p)
{
	char buf[512] = "";
	_cleanup_close_ int fd =
		open(init_path(p, "stat"), O_RDONLY | O_CLOEXEC);
	const char *c;

	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) <= 0)
		return 0;
	c = strrchr(buf, ')');
	return c && c[1] ? c[2] : 0;
}

static void
init_stop(const struct params *p, _unused_ long arg)
{
	static const int stops[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };

	for (size_t i = 0; i < ARRAY_SIZE(stops); i++) {
		kill((pid_t)p->init, stops[i]);
		sleep_ms(20);
		if (init_state(p) == 'T') {
			kill((pid_t)p->init, SIGCONT);
			escaped("stopped by SIG%s", sigabbrev_np(stops[i]));
		}
	}
	blocked("still running");
}

static void
init_affinity(const struct params *p, _unused_ long arg)
{
	struct rlimit l = { 0, 0 };

	judge(prlimit((pid_t)p->init, RLIMIT_FSIZE, &l, NULL),
	      "lowering its limits");
}

/* Every signal; the box must live on. Comes late: it may end the box. */
static void
init_signals(const struct params *p, _unused_ long arg)
{
	char state;

	for (int s = 1; s < NSIG; s++)
		if (s != SIGCONT)
			kill((pid_t)p->init, s);
	sleep_ms(100);
	state = init_state(p);
	if (state == 0 || state == 'Z' || state == 'X' || state == 'T')
		escaped("it is gone or stopped");
	blocked("it still runs after %d signals", NSIG - 1);
}

const struct probe probes_init[] = {
	{ "init-ptrace", OPEN_USER, 0, "PTRACE_SEIZE of pid 1",
	  "Landlock, not dumpable, seccomp", init_trace, 0 },
	{ "init-mem", OPEN_USER, 0, "/proc/1/mem", "Landlock, not dumpable",
	  init_open, 0 },
	{ "init-environ", OPEN_USER, 0, "/proc/1/environ",
	  "Landlock, not dumpable", init_open, 1 },
	{ "init-maps", OPEN_USER, 0, "/proc/1/maps", "Landlock, not dumpable",
	  init_open, 2 },
	{ "init-auxv", OPEN_USER, 0, "/proc/1/auxv", "Landlock, not dumpable",
	  init_open, 3 },
	{ "init-syscall", OPEN_USER, 0, "/proc/1/syscall",
	  "Landlock, not dumpable", init_open, 4 },
	{ "init-fd", OPEN_USER, 0, "/proc/1/fd/*", "Landlock, not dumpable",
	  init_fds, 0 },
	{ "init-pidfd-getfd", OPEN_USER, 0, "pidfd_getfd of pid 1",
	  "Landlock, not dumpable, seccomp", init_getfd, 0 },
	{ "init-exe", OPEN_USER, 0, "writing the program of pid 1",
	  "Landlock, not dumpable", init_exe, 0 },
	{ "init-stop", OPEN_USER, 0, "SIGSTOP and friends to pid 1",
	  "pid namespace", init_stop, 0 },
	{ "init-prlimit", OPEN_USER, 0, "prlimit of pid 1", "seccomp",
	  init_affinity, 0 },
	{ "init-signals", OPEN_USER, PROBE_SIGNALS, "every signal to pid 1",
	  "pid namespace", init_signals, 0 },
	{ 0 },
};
