/*
 * From an errno to a cause and a cure. The kernel says "Operation not
 * permitted" for a dozen different reasons; what tells them apart is known
 * about the machine and gathered once. Reading the machine and drawing the
 * conclusion are two functions, so that the conclusions are tested as a table.
 */
#include "lib/fd.h"
#include "lib/str.h"
#include "sandbox/probe-internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SYSCTL_FILE "keep it in /etc/sysctl.d/80-agentbox.conf"

static bool
refused(int code)
{
	return code == -EPERM || code == -EACCES;
}

/* A filter that is in force already: that of a container, or of a service. */
static int
why_filter(const struct probe_machine *m, const char *what, struct err *e)
{
	err_set(e, EPERM, "a seccomp filter that is already in force (%s) %s",
		m->container[0] ? m->container : "of whoever started us", what);
	if (!strcmp(m->container, "docker") || !strcmp(m->container, "podman"))
		return err_cure(e, "start the container with --security-opt "
				   "seccomp=unconfined, or with a filter that "
				   "allows namespaces and mounts");
	return err_cure(e, "allow it in the filter of the container or of the "
			   "systemd unit (SystemCallFilter=, "
			   "RestrictNamespaces=)");
}

static int
why_apparmor(struct err *e)
{
	err_set(e, EACCES,
		"AppArmor takes the capabilities of user namespaces away from "
		"programs without a profile "
		"(kernel.apparmor_restrict_unprivileged_userns is 1)");
	return err_cure(e,
			"load our profile: sudo install -m 644 "
			"packaging/apparmor/agentbox /etc/apparmor.d/agentbox "
			"&& sudo apparmor_parser -r /etc/apparmor.d/agentbox; "
			"or, for every program of this host: sudo sysctl -w "
			"kernel.apparmor_restrict_unprivileged_userns=0");
}

static int
why_max_userns(const struct probe_machine *m, struct err *e)
{
	if (m->max_userns == 0) {
		err_set(e, ENOSPC,
			"user namespaces are switched off "
			"(user.max_user_namespaces is 0)");
		return err_cure(e,
				"sudo sysctl -w "
				"user.max_user_namespaces=15000; " SYSCTL_FILE);
	}
	err_set(e, ENOSPC,
		"no more user namespaces: %" PRId64 " are in use "
		"(user.max_user_namespaces), or they are nested too deep",
		m->max_userns);
	return err_cure(e, "raise user.max_user_namespaces with sysctl -w, or "
			   "start agentbox outside of other sandboxes");
}

int
probe_why_userns(const struct probe_machine *m, int code, struct err *e)
{
	code = -abs(code);
	if (!m->userns_file) {
		err_set(e, code, "this kernel has no user namespaces");
		return err_cure(e, "boot a kernel with CONFIG_USER_NS=y");
	}
	if (!m->root && m->userns_clone == 0) {
		err_set(e, code,
			"user namespaces are closed to ordinary users "
			"(kernel.unprivileged_userns_clone is 0)");
		return err_cure(
			e, "sudo sysctl -w "
			   "kernel.unprivileged_userns_clone=1; " SYSCTL_FILE
			   "; or run agentbox as root");
	}
	if (m->max_userns == 0 || code == -ENOSPC)
		return why_max_userns(m, e);
	if (!m->root && m->apparmor_userns == 1 && refused(code))
		return why_apparmor(e);
	if (m->own_seccomp == 2 && (refused(code) || code == -ENOSYS))
		return why_filter(m, "refuses user namespaces", e);
	if (m->chrooted && refused(code)) {
		err_set(e, code, "user namespaces cannot be made in a chroot");
		return err_cure(e, "start agentbox outside of the chroot, or "
				   "enter that tree with pivot_root "
				   "(systemd-nspawn, unshare -R)");
	}
	err_sys(e, code, "user namespaces are refused");
	return err_cure(e,
			"a security module refuses them (%s): the reason is in "
			"the kernel or audit log (journalctl -k)",
			m->lsms[0] ? m->lsms : "its name is not readable");
}

int
probe_why_landlock(const struct probe_machine *m, int code, struct err *e)
{
	code = -abs(code);
	if (code == -EOPNOTSUPP) {
		err_set(e, code,
			"Landlock is built into this kernel and not "
			"enabled at boot");
		return err_cure(e,
				"boot with lsm=landlock,%s (GRUB_CMDLINE_LINUX "
				"in /etc/default/grub, then update-grub)",
				m->lsms[0] ? m->lsms : "...");
	}
	if (m->own_seccomp == 2 && (code == -ENOSYS || refused(code)))
		return why_filter(m, "hides Landlock", e);
	if (code == -ENOSYS) {
		err_set(e, code, "this kernel (%s) has no Landlock",
			m->kernel.release);
		return err_cure(e,
				"boot Linux 5.13 or newer with "
				"CONFIG_SECURITY_LANDLOCK=y and landlock in "
				"CONFIG_LSM or lsm=; or, for less protection, "
				"list \"landlock\" in the profile's "
				"requires.optional");
	}
	if (code == -EBADE) {
		err_set(e, code, "Landlock was accepted and does not hold");
		return err_cure(e, "this kernel is broken or emulated "
				   "(gVisor?): run agentbox on Linux itself");
	}
	return err_sys(e, code, "Landlock is refused");
}

int
probe_why_seccomp(const struct probe_machine *m, int code, struct err *e)
{
	code = -abs(code);
	if (m->own_seccomp == 2 && (refused(code) || code == -ENOSYS))
		return why_filter(m, "refuses further filters", e);
	if (code == -EINVAL || code == -ENOSYS || code == -EOPNOTSUPP) {
		err_set(e, code, "this kernel has no seccomp filters");
		return err_cure(e, "boot a kernel with CONFIG_SECCOMP=y and "
				   "CONFIG_SECCOMP_FILTER=y, 4.14 or newer");
	}
	if (code == -EBADE) {
		err_set(e, code,
			"a seccomp filter was accepted and does not "
			"hold");
		return err_cure(e, "this kernel is broken or emulated: run "
				   "agentbox on Linux itself");
	}
	return err_sys(e, code, "seccomp filters are refused");
}

int
probe_why_call(const struct probe_machine *m, enum probe_call c, int code,
	       struct err *e)
{
	code = -abs(code);
	if (code == -ENOSYS) {
		err_set(e, code, "%s is missing: needs Linux %s, this is %s%s",
			probe_call_name(c), probe_call_since(c),
			m->kernel.release,
			m->own_seccomp == 2 ? " under a seccomp filter" : "");
		return err_cure(e, "boot Linux %s or newer%s",
				probe_call_since(c),
				m->own_seccomp == 2
					? ", or allow the call in the filter "
					  "that is in force"
					: "");
	}
	if (m->own_seccomp == 2) {
		char what[64];

		snprintf(what, sizeof(what), "refuses %s", probe_call_name(c));
		return why_filter(m, what, e);
	}
	return err_sys(e, code, "%s is refused", probe_call_name(c));
}

static int
why_proc(const struct probe_machine *m, int code, struct err *e)
{
	err_set(e, code,
		"a fresh procfs is refused, because /proc is partly hidden "
		"here (%zu mounts over it%s%s)",
		m->proc_masks, m->container[0] ? "; " : "", m->container);
	if (!strcmp(m->container, "podman"))
		return err_cure(e, "start the container with --security-opt "
				   "unmask=ALL");
	if (!strcmp(m->container, "kubernetes"))
		return err_cure(e, "set procMount: Unmasked in the container's "
				   "securityContext");
	return err_cure(e, "start the container with --security-opt "
			   "systempaths=unconfined, or run agentbox outside");
}

/* Steps that go through the new mount calls: the one that is missing. */
static int
missing_mount_call(const struct probe_machine *m, enum probe_step s)
{
	static const enum probe_call need[] = {
		PROBE_CALL_FSOPEN,
		PROBE_CALL_OPEN_TREE,
		PROBE_CALL_MOVE_MOUNT,
		PROBE_CALL_MOUNT_SETATTR,
	};

	if (s != PROBE_STEP_TMPFS && s != PROBE_STEP_BIND &&
	    s != PROBE_STEP_RDONLY && s != PROBE_STEP_IDMAP)
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(need); i++)
		if (m->call[need[i]] < 0)
			return (int)need[i];
	return -ENOENT;
}

static int
why_idmap(int code, struct err *e)
{
	err_set(e, code, "the filesystem of the workspace cannot be id-mapped");
	return err_cure(e, "keep the workspace on ext4, xfs, btrfs, tmpfs or "
			   "overlay (Linux 5.12, 5.15, 5.19), or run agentbox "
			   "as the owner of the workspace instead of as root");
}

static int
why_maps(const struct probe_machine *m, int code, struct err *e)
{
	err_sys(e, code, "ids cannot be mapped into a user namespace");
	if (m->root)
		return err_cure(e,
				"the uids of boxes must exist where agentbox "
				"runs: give this container a full id range, or "
				"set AGENTBOX_UID_BASE to one that it has "
				"(/proc/self/uid_map)");
	return err_cure(e, "run agentbox outside of other sandboxes");
}

int
probe_why_step(const struct probe_machine *m, enum probe_step s, int code,
	       struct err *e)
{
	int call = missing_mount_call(m, s);

	code = -abs(code);
	if (s == PROBE_STEP_CLONE)
		return probe_why_userns(m, code, e);
	if (!m->root && m->apparmor_userns == 1 && refused(code))
		return why_apparmor(e);
	if (s == PROBE_STEP_FDS && code == -ENOSYS)
		return probe_why_call(m, PROBE_CALL_CLOSE_RANGE, code, e);
	if (call >= 0 && code == -ENOSYS)
		return probe_why_call(m, (enum probe_call)call, code, e);
	if (s == PROBE_STEP_MAPS)
		return why_maps(m, code, e);
	if (s == PROBE_STEP_IDMAP && code == -EINVAL)
		return why_idmap(code, e);
	if (s == PROBE_STEP_PROC && refused(code) && m->proc_masks)
		return why_proc(m, code, e);
	if (m->own_seccomp == 2 && refused(code)) {
		char what[96];

		snprintf(what, sizeof(what), "may be why we cannot %s",
			 probe_step_text(s));
		return why_filter(m, what, e);
	}
	err_sys(e, code, "cannot %s", probe_step_text(s));
	if (refused(code))
		return err_cure(e,
				"a security module refuses it (%s): see the "
				"kernel or audit log (journalctl -k)",
				m->lsms[0] ? m->lsms
					   : "its name is not readable");
	return code;
}

int
probe_explain(enum probe_step s, int code, struct err *e)
{
	struct probe_machine m;

	probe_machine(&m);
	return probe_why_step(&m, s, code, e);
}

/* The trial's step that does what the stage's step does; of MOUNTS, the part
 * that fails in that way. */
static int
trial_step(const struct probe_machine *m, enum step s, int code)
{
	switch (s) {
	case STEP_ROOT:
		return PROBE_STEP_TMPFS;
	case STEP_MOUNTS:
		if (code == -ENOSYS)
			return PROBE_STEP_BIND;
		return m->proc_masks ? PROBE_STEP_PROC : -ENOENT;
	case STEP_PIVOT:
		return PROBE_STEP_PIVOT;
	case STEP_LOOPBACK:
		return PROBE_STEP_LOOPBACK;
	case STEP_HOSTNAME:
		return PROBE_STEP_HOSTNAME;
	case STEP_NAMESPACES:
	case STEP_CLONE:
		return PROBE_STEP_CLONE;
	case STEP_UNSHARE:
		return PROBE_STEP_CGROUPNS;
	case STEP_STDIO:
		return code == -ENOSYS ? PROBE_STEP_FDS : -ENOENT;
	default:
		return -ENOENT;
	}
}

void
probe_why_stage(const struct probe_machine *m, enum step s, int code,
		struct err *e)
{
	struct err why = ERR_INIT;
	int step;
	size_t n;

	code = -abs(code);
	step = trial_step(m, s, code);
	if (e->cure[0] ||
	    (code != -ENOSYS && code != -ENOSPC && !refused(code)))
		return;
	if (step >= 0)
		probe_why_step(m, (enum probe_step)step, code, &why);
	else if (s == STEP_LANDLOCK)
		probe_why_landlock(m, code, &why);
	else if (s == STEP_SECCOMP || s == STEP_FORK)
		probe_why_seccomp(m, code, &why);
	if (!why.cure[0])
		return;
	n = strlen(e->text);
	snprintf(e->text + n, sizeof(e->text) - n, "; %s", why.text);
	err_cure(e, "%s", why.cure);
}

void
probe_explain_stage(enum step s, int code, struct err *e)
{
	struct probe_machine m;

	probe_machine(&m);
	probe_why_stage(&m, s, code, e);
}
