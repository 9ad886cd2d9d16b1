/*
 * The confinement of the shim. What always holds: after it there is no file, no
 * network but in descriptors, no other process that it could reach, and only
 * the system calls of its loop (confine_calls.c).
 */
#include "shim/confine.h"

#include "sandbox/jail.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Two for each connection and two for its pipes, if it can be had. */
#define NOFILE_WANTED (4u * 65536)

/* Another uid takes back the signal that the supervisor's end would be
 * (prctl(2)); a process that is stopped would not see the end of its channel.
 */
static int
last_steps(struct err *e)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_sys(e, -errno, "ending with the supervisor");
	return shim_seccomp(e);
}

void
shim_raise_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return;
	if (lim.rlim_max < NOFILE_WANTED) {
		const struct rlimit more = { lim.rlim_cur, NOFILE_WANTED };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			lim.rlim_max = NOFILE_WANTED;
	}
	lim.rlim_cur = MIN(lim.rlim_max, (rlim_t)NOFILE_WANTED);
	(void)setrlimit(RLIMIT_NOFILE, &lim);
}

int
shim_confine(const struct confine_options *o, struct err *e)
{
	_cleanup_close_ int proc =
		open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct jail j = {
		.who = "the shim",
		.name = "agentbox-shim",
		.proc = proc,
		.own_users = !o->become,
		.uid = o->become ? o->uid : geteuid(),
		.nofile = NOFILE_WANTED,
		.seccomp = last_steps,
	};
	char text[JAIL_TEXT_MAX];
	uid_t overflow = 0;

	if (proc < 0)
		return err_sys(e, -errno, "/proc");
	(void)clearenv();
	return jail_enter(&j, text, sizeof(text), &overflow, e);
}
