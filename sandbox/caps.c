/*
 * The agent ends without any capability in any set; the stage has those of its
 * own user namespace only, and only until the file tree is built.
 */
#include "sandbox/caps.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* What the stage uses: mounts, namespaces, hostname, devpts (SYS_ADMIN), ids
 * (SETUID, SETGID), loopback (NET_ADMIN), bounding set and securebits
 * (SETPCAP). Its own user namespace only. */
static const int stage_caps[] = { CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID,
				  CAP_NET_ADMIN, CAP_SETPCAP };

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
	if (cap_reset_ambient() < 0 || cap_set_proc(none) < 0)
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

int
caps_keep_over_exec(void)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct d[2] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(stage_caps); i++)
		d[CAP_TO_INDEX(stage_caps[i])].permitted |=
			CAP_TO_MASK(stage_caps[i]);
	for (int i = 0; i < 2; i++)
		d[i].effective = d[i].inheritable = d[i].permitted;
	if (syscall(SYS_capset, &h, d) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(stage_caps); i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, stage_caps[i],
			  0, 0) < 0)
			return -errno;
	return 0;
}
