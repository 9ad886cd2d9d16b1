/*
 * Raw mode and the ways back. A signal handler and atexit() reach only static
 * data; that is why this is the one module of the supervisor that has some.
 * Both only use calls that are safe in a signal handler (tcsetattr is, see
 * signal-safety(7)).
 */
#include "supervisor/tty-raw.h"

#include "lib/macro.h"
#include "supervisor/tty.h"

#include <signal.h>
#include <termios.h>

static struct termios raw_saved;
static volatile sig_atomic_t raw_fd = -1;

void
tty_raw_enter(int fd, const struct termios *saved)
{
	struct termios tio = *saved;

	if (raw_fd >= 0)
		return;
	cfmakeraw(&tio);
	raw_saved = *saved;
	/* before the change: a signal between the two restores too much */
	raw_fd = fd;
	(void)tcsetattr(fd, TCSANOW, &tio);
}

bool
tty_raw_active(void)
{
	return raw_fd >= 0;
}

void
tty_raw_forget(void)
{
	raw_fd = -1;
}

void
tty_restore(void)
{
	int saved = errno, fd = raw_fd;

	if (fd >= 0) {
		raw_fd = -1;
		(void)tcsetattr(fd, TCSANOW, &raw_saved);
	}
	errno = saved;
}

bool
tty_raw_foreground(int fd)
{
	pid_t pgrp = tcgetpgrp(fd);

	/* not our controlling terminal: no job control applies */
	return pgrp < 0 || pgrp == getpgrp();
}

/* SA_RESETHAND: the signal then does what it does by default. */
static void
on_fatal(int sig)
{
	tty_restore();
	(void)raise(sig);
}

void
tty_raw_guard(void)
{
	static const int fatal[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGILL,
				     SIGTRAP, SIGABRT, SIGBUS,	SIGFPE,
				     SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE,
				     SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ,
				     SIGSYS };
	static bool done;
	struct sigaction sa = { .sa_handler = on_fatal,
				.sa_flags = SA_RESETHAND | SA_NODEFER };
	struct sigaction old;

	if (done)
		return;
	done = true;
	(void)atexit(tty_restore);
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		if (sigaction(fatal[i], NULL, &old) == 0 &&
		    old.sa_handler == SIG_DFL)
			(void)sigaction(fatal[i], &sa, NULL);
}
