/*
 * The agent ends without any capability in any set; the stage has those of its
 * own user namespace only, and only until the file tree is built. By plain
 * calls, for the stage has no library for it; tests/unit/test_caps.c asks
 * libcap whether it agrees.
 */
#include "sandbox/caps.h"

#include "sandbox/sys.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

int
caps_drop_bounding(struct err *e)
{
	/* Up to the last that this kernel has; it may know more than we do. */
	for (int c = 0; prctl(PR_CAPBSET_DROP, c, 0, 0, 0) >= 0; c++)
		;
	if (errno != EINVAL)
		return err_sys(e, -errno, "cannot empty the bounding set");
	return 0;
}

int
caps_drop_all(struct err *e)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct none[2] = { 0 };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &head, none) < 0)
		return err_sys(e, -errno, "cannot drop the capabilities");
	return 0;
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
