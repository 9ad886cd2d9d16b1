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
