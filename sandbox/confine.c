/*
 * Confinement of the agent's process as a list of steps. Order matters: the
 * limits first (lowering needs nothing), securebits while CAP_SETPCAP is
 * there, capabilities, no_new_privs (which Landlock and seccomp need), and the
 * filter last, because the steps before it use calls that it refuses.
 */
#include "sandbox/confine.h"

#include "sandbox/caps.h"
#include "sandbox/landlock.h"
#include "sandbox/sys.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static bool
asked(const struct plan *p, enum layer l)
{
	return p->layers & LAYER_BIT(l);
}

static int
set_rlimits(const struct plan *p, struct err *e)
{
	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct plan_rlimit *l = &p->rlimits[i];
		struct rlimit now, want = { l->soft, l->hard };

		/* A caller with lower limits than the profile keeps them. */
		if (getrlimit((int)l->resource, &now) < 0)
			return err_sys(e, -errno, "limit %u", l->resource);
		want.rlim_max = MIN(want.rlim_max, now.rlim_max);
		want.rlim_cur = MIN(want.rlim_cur, want.rlim_max);
		if (setrlimit((int)l->resource, &want) < 0)
			return err_sys(e, -errno, "limit %u", l->resource);
	}
	return 0;
}

static int
no_new_privs(struct err *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, -errno, "no_new_privs");
	return 0;
}

static int
drop_caps(const struct plan *p, struct err *e)
{
	int r = 0;

	if (asked(p, LAYER_SECUREBITS))
		r = caps_lock_securebits(e);
	return r < 0 ? r : caps_drop_all(e);
}

static int
enter_landlock(const struct plan *p, struct err *e)
{
	int r;

	if (!asked(p, LAYER_LANDLOCK))
		return 0;
	r = landlock_enter(p, !(p->flags & PLAN_LOOPBACK), e);
	if ((r == -ENOSYS || r == -EOPNOTSUPP) &&
	    p->optional & LAYER_BIT(LAYER_LANDLOCK))
		return 0;
	if (r == -ENOSYS || r == -EOPNOTSUPP)
		return err_cure(e, "boot with \"landlock\" in lsm=... (kernel "
				   "option CONFIG_SECURITY_LANDLOCK), or list "
				   "\"landlock\" in requires.optional");
	if (r >= 0 && (uint32_t)r < p->landlock_min)
		return err_set(e, -EOPNOTSUPP,
			       "the kernel has Landlock ABI %d, the profile "
			       "requires %u",
			       r, p->landlock_min);
	return r;
}

/* Everything but Landlock would let this file be read. */
static int
try_canary(const struct plan *p, struct err *e)
{
	int fd = open(p->canary, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return err_set(e, -EBADE,
			       "Landlock was entered, yet %s can be "
			       "read",
			       p->canary);
	}
	if (errno != EACCES)
		return err_sys(e, -errno, "%s", p->canary);
	return 0;
}

static int
load_filter(struct sock_filter *insns, size_t n, struct err *e)
{
	struct sock_fprog prog = { .len = (unsigned short)n, .filter = insns };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return err_sys(e, -errno, "cannot load the filter");
	return 0;
}

int
confine_agent(const struct plan *p, enum step *ret_step, struct err *e)
{
	int r, abi;

	*ret_step = STEP_RLIMITS;
	r = set_rlimits(p, e);
	if (r < 0)
		return r;
	*ret_step = STEP_CAPS;
	r = drop_caps(p, e);
	if (r < 0)
		return r;
	*ret_step = STEP_NNP;
	r = no_new_privs(e);
	if (r < 0)
		return r;
	*ret_step = STEP_LANDLOCK;
	abi = enter_landlock(p, e);
	if (abi < 0)
		return abi;
	*ret_step = STEP_CANARY;
	r = abi ? try_canary(p, e) : 0;
	if (r < 0)
		return r;
	*ret_step = STEP_SECCOMP;
	if (asked(p, LAYER_SECCOMP))
		r = load_filter(p->insns, p->n_insns, e);
	return r < 0 ? r : abi;
}

#if defined(__x86_64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_AARCH64
#else
#error "agentbox runs on x86-64 and aarch64"
#endif

#define LOAD(field)                                                            \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(v) BPF_STMT(BPF_RET | BPF_K, v)
#define ALLOW(name)                                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                 \
		RETURN(SECCOMP_RET_ALLOW)

int
confine_init(struct err *e)
{
	/* The loop of init.c and nothing else. Twelve calls by hand: building
	 * this with libseccomp would put that library into every pid 1. */
	static struct sock_filter filter[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_HERE, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		ALLOW(rt_sigtimedwait),
		ALLOW(wait4),
		ALLOW(kill),
		ALLOW(sendmsg),
		ALLOW(madvise), /* trim_code() */
		ALLOW(exit_group),
		ALLOW(rt_sigreturn),
		ALLOW(restart_syscall),
		RETURN(SECCOMP_RET_KILL_PROCESS),
	};
	int r;

	/* First of all: the agent has our uid, and only our capabilities keep
	 * it from tracing us until this is set. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(e, -errno, "PR_SET_DUMPABLE");
	r = caps_lock_securebits(e);
	if (r >= 0)
		r = caps_drop_all(e);
	if (r >= 0)
		r = no_new_privs(e);
	return r < 0 ? r : load_filter(filter, ARRAY_SIZE(filter), e);
}
