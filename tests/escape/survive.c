/*
 * Processes that mean to outlive the box: daemonised, deaf to every signal.
 * The host half looks for them by name after the box has ended and reports
 * host-survivors. They end by themselves after a minute in any case.
 */
#include "tests/escape/probe.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Named after the token, so that the host half knows its own. */
static void
become_deaf(const struct params *p)
{
	char comm[16];

	snprintf(comm, sizeof(comm), "abxs%.11s", p->token);
	prctl(PR_SET_NAME, comm);
	for (int s = 1; s < NSIG; s++)
		if (s != SIGCHLD)
			signal(s, SIG_IGN);
}

static void
daemonise(const struct params *p)
{
	if (setsid() < 0 || fork() != 0)
		_exit(0);
	become_deaf(p);
	prctl(PR_SET_PDEATHSIG, 0);
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	for (int i = 0; i < 600; i++)
		sleep_ms(100);
	_exit(0);
}

static void
leave_daemon(const struct params *p, _unused_ long arg)
{
	pid_t pid = fork();

	if (pid < 0)
		refused("fork");
	if (pid == 0)
		daemonise(p);
	waitpid(pid, NULL, 0);
	sleep_ms(50);
	blocked("left one behind; see host-survivors");
}

/* A new pid ten times a second. */
static void
keep_moving(void)
{
	for (int i = 0; i < 300; i++) {
		pid_t pid = fork();

		if (pid > 0)
			_exit(0);
		sleep_ms(100);
	}
	_exit(0);
}

/* Needs a run of its own: the host half ends it with the launcher's means. */
static void
stay(const struct params *p, long arg)
{
	close(ws_file(p, "stubborn"));
	become_deaf(p);
	if (arg && fork() == 0)
		keep_moving();
	sleep_ms(30000);
	escaped("nothing stopped it in 30 s");
}

const struct probe probes_survive[] = {
	{ "survive-daemon", OPEN_NONE, PROBE_DAEMON,
	  "a daemon that ignores every signal", "pid namespace, cgroup",
	  leave_daemon, 0 },
	{ "stay-deaf", OPEN_NONE, PROBE_ASKED | PROBE_SLOW | PROBE_END_BOX,
	  "ignoring every signal", "cgroup kill, pid namespace", stay, 0 },
	{ "stay-moving", OPEN_NONE, PROBE_ASKED | PROBE_SLOW | PROBE_END_BOX,
	  "a new pid ten times a second", "cgroup kill, pid namespace", stay,
	  1 },
	{ 0 },
};
