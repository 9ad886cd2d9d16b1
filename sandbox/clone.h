#pragma once
/*
 * clone3(2) the way that a small launcher wants it: the child runs fn(arg) on
 * a stack of its own and never returns into the caller's frames.
 */
#include <stdint.h>
#include <sys/types.h>

struct clone_request {
	uint64_t flags;	 /* CLONE_*; CLONE_PIDFD fills pidfd */
	int cgroup;	 /* with CLONE_INTO_CGROUP */
	int exit_signal; /* usually SIGCHLD */
	int pidfd;
};

#define CLONE_STACK (64u * 1024)

/* stack: CLONE_STACK bytes, 16-aligned, for the child; with CLONE_VFORK it can
 * be reused at return. fn returns the exit status and may call only what is
 * async-signal-safe. Falls back to clone(2) where clone3 is ENOSYS, unless
 * CLONE_INTO_CGROUP or CLONE_CLEAR_SIGHAND is asked for (-ENOSYS then). Returns
 * the pid or -errno. */
pid_t clone_call(struct clone_request *rq, void *stack, int (*fn)(void *),
		 void *arg);
