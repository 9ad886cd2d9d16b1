#pragma once
/*
 * Landlock: rights, scopes and rules, cut to what the running kernel has.
 * Numbers from include/uapi/linux/landlock.h (ABI 1 to 7); the distribution's
 * header is older than the kernels we meet.
 */
#include "lib/err.h"
#include "sandbox/plan.h"

#include <stdint.h>

#define LANDLOCK_ABI_KNOWN 7

#define LL_EXECUTE (1ull << 0)
#define LL_WRITE_FILE (1ull << 1)
#define LL_READ_FILE (1ull << 2)
#define LL_READ_DIR (1ull << 3)
#define LL_REMOVE_DIR (1ull << 4)
#define LL_REMOVE_FILE (1ull << 5)
#define LL_MAKE_CHAR (1ull << 6)
#define LL_MAKE_DIR (1ull << 7)
#define LL_MAKE_REG (1ull << 8)
#define LL_MAKE_SOCK (1ull << 9)
#define LL_MAKE_FIFO (1ull << 10)
#define LL_MAKE_BLOCK (1ull << 11)
#define LL_MAKE_SYM (1ull << 12)
#define LL_REFER (1ull << 13)	  /* ABI 2 */
#define LL_TRUNCATE (1ull << 14)  /* ABI 3 */
#define LL_IOCTL_DEV (1ull << 15) /* ABI 5 */

#define LL_FILE_RIGHTS                                                         \
	(LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE | LL_IOCTL_DEV)

/* The kernel's ABI: 1 and up; -ENOSYS not built in, -EOPNOTSUPP switched off.
 */
int landlock_abi(void);

/* Restricts the calling thread to the rules of the plan; no_new_privs must be
 * set. Handles every right that the ABI has; TCP bind and connect (ABI 4) only
 * if tcp is true, since Landlock has no rule for "any port". Paths that are
 * missing are skipped. Returns the ABI used. */
int landlock_enter(const struct plan *p, bool tcp, struct err *e);
