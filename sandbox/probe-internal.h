#pragma once
/* Shared by the probe's own files. */
#include "sandbox/probe.h"

#include <sys/types.h>

/* clone3(2) without a stack of its own, as fork(2) with flags; clone(2) where
 * clone3 is missing. Returns like fork, or a negative errno. */
pid_t probe_fork(uint64_t flags);
/* Waits for a child, at most PROBE_TIMEOUT_MS, then kills it. Returns the
 * negative of its exit status, which children use for an errno; -ETIMEDOUT;
 * -EPERM when it died of SIGSYS, -EIO of another signal. */
int probe_wait(pid_t pid);
