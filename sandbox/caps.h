#pragma once
/* Capabilities and securebits, through libcap. */
#include "lib/err.h"

/* Empties the bounding set of the calling thread. */
int caps_drop_bounding(struct err *e);
/* Empties effective, permitted, inheritable and ambient. */
int caps_drop_all(struct err *e);
/* uid 0 gives nothing, capabilities cannot be kept or raised, all locked.
 * Needs CAP_SETPCAP, so it comes before caps_drop_all(). */
int caps_lock_securebits(struct err *e);
/* What caps_lock_securebits() sets: SECBIT_* of linux/securebits.h. */
unsigned int caps_securebits(void);

/* Between clone and exec: makes what the stage needs survive the exec although
 * its uid is not 0 (ambient). Async-signal-safe. Returns -errno. */
int caps_keep_over_exec(void);
