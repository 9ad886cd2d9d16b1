/*
 * Pid 1 of the box. All signals are blocked and taken one by one; a signal
 * that was sent from inside the box is dropped (its sender has a pid here),
 * one from outside is for the command. Kept so small that its own filter can
 * list what it does.
 */
#include "sandbox/init.h"

#include "lib/trim.h"
#include "sandbox/stage.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static void
reap(pid_t command, int chan)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct stage_msg m = { .type = STAGE_EXITED, .code = status };

		if (pid != command)
			continue;
		/* Nobody to tell: the supervisor is gone, and so are we. */
		(void)stage_send(chan, &m, NULL, 0);
		_exit(0);
	}
}

static void
take_signal(int sig, pid_t command)
{
	if (sig == INIT_SIG_FREEZE)
		kill(-1, SIGSTOP);
	else if (sig == INIT_SIG_THAW)
		kill(-1, SIGCONT);
	else
		kill(command, sig);
}

void
init_loop(pid_t command, int chan)
{
	const struct timespec settle = { .tv_nsec = 300 * 1000 * 1000 };
	const struct timespec *wait = &settle;
	sigset_t all;
	siginfo_t si;

	sigfillset(&all);
	reap(command, chan);
	for (;;) {
		int sig = sigtimedwait(&all, &si, wait);

		/* A box that lives longer than a moment lives in little. */
		if (sig < 0 && errno == EAGAIN && wait) {
			wait = NULL;
			trim_code();
		}
		if (sig == SIGCHLD)
			reap(command, chan);
		else if (sig > 0 && si.si_pid == 0)
			take_signal(sig, command);
	}
}
