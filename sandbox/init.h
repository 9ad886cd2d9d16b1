#pragma once
#include <signal.h>
#include <sys/types.h>

/* Signals from the supervisor that are for pid 1 itself: stop everything else
 * in the box, and let it go on. kill(2) with pid -1 takes the task list lock,
 * so no fork escapes it. Used where no cgroup can freeze. */
#define INIT_SIG_FREEZE SIGRTMAX
#define INIT_SIG_THAW (SIGRTMAX - 1)

/* Pid 1 of the box: reaps, forwards signals that come from outside the box to
 * the command, reports the command's wait status on chan, and exits, which
 * ends everything that is left in the pid namespace. */
_Noreturn void init_loop(pid_t command, int chan);
