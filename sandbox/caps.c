/*
 * The agent ends without any capability in any set; the stage has those of its
 * own user namespace only, and only until the file tree is built.
 */
#include "sandbox/caps.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/capability.h>
#include <sys/prctl.h>

int
caps_drop_bounding(struct err *e)
{
	for (cap_value_t c = 0; c < cap_max_bits(); c++)
		if (cap_drop_bound(c) < 0)
			return err_sys(e, -errno,
				       "capability %d stays in the bounding "
				       "set",
				       (int)c);
	return 0;
}

int
caps_drop_all(struct err *e)
{
	cap_t none = cap_init();
	int r = 0;

	if (!none)
		return err_sys(e, -ENOMEM, "capabilities");
	/* One call; libcap's cap_reset_ambient() makes one per capability. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    cap_set_proc(none) < 0)
		r = err_sys(e, -errno, "cannot drop the capabilities");
	cap_free(none);
	return r;
}

unsigned int
caps_securebits(void)
{
	return SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
	       SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
	       SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
}

int
caps_lock_securebits(struct err *e)
{
	if (prctl(PR_SET_SECUREBITS, caps_securebits(), 0, 0, 0) < 0)
		return err_sys(e, -errno, "cannot lock the securebits");
	return 0;
}
