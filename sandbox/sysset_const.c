/*
 * Names and numbers of the set files: constants for argument checks, and
 * system call numbers.
 *
 * The values are those of the headers that we are built with. Every one of
 * them is the same on x86-64 and aarch64 (asm-generic); constants that differ
 * (O_DIRECTORY, say) must not be added here, because filters of one
 * architecture are built on the other one in the tests.
 *
 * System call numbers come from libseccomp. The distribution's libseccomp is
 * older than the kernels that we meet, so the calls from 440 on, which have
 * one number on all architectures, are listed here too.
 */
#include "lib/str.h"
#include "sandbox/sysset.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* clone(2): every flag that makes a namespace. CLONE_NEWTIME lies within the
 * exit signal there and cannot be asked for. */
#define CLONE_NEW_ANY                                                          \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* include/linux/net.h: the type of socket(2) without its flags. */
#define SOCK_TYPE_MASK 0xf

#define ANY32 0xffffffffu
#define ANY64 0xffffffffffffffffull

struct sysset_value {
	const char *name;
	uint64_t value;
};

#define C(name)                                                                \
	{                                                                      \
#name, (uint64_t)(name)                                        \
	}

static const struct sysset_value values[] = {
	C(ANY32),
	C(ANY64),
	/* prlimit64 */
	C(RLIMIT_CORE),
	/* clone */
	C(CLONE_NEW_ANY),
	C(CLONE_THREAD),
	C(CLONE_VM),
	/* seccomp */
	C(SECCOMP_FILTER_FLAG_NEW_LISTENER),
	/* mode bits */
	C(S_IFMT),
	C(S_IFREG),
	C(S_IFIFO),
	C(S_IFSOCK),
	C(S_ISUID),
	C(S_ISGID),
	/* sockets */
	C(AF_UNIX),
	C(AF_INET),
	C(AF_INET6),
	C(AF_NETLINK),
	C(SOCK_STREAM),
	C(SOCK_DGRAM),
	C(SOCK_SEQPACKET),
	C(SOCK_RAW),
	C(IPPROTO_IP),
	C(IPPROTO_TCP),
	C(IPPROTO_UDP),
	C(NETLINK_ROUTE),
	/* errno */
	C(EPERM),
	C(EACCES),
	C(EINVAL),
	C(ENOSYS),
	C(EOPNOTSUPP),
	C(EAFNOSUPPORT),
	/* personality */
	C(PER_LINUX),
	C(ADDR_NO_RANDOMIZE),
	{ "PER_QUERY", 0xffffffffu },
	/* ioctl: terminals */
	C(TCGETS),
	C(TCSETS),
	C(TCSETSW),
	C(TCSETSF),
	C(TCGETS2),
	C(TCSETS2),
	C(TCSETSW2),
	C(TCSETSF2),
	C(TCGETA),
	C(TCSETA),
	C(TCSETAW),
	C(TCSETAF),
	C(TCSBRK),
	C(TCSBRKP),
	C(TCXONC),
	C(TCFLSH),
	C(TIOCEXCL),
	C(TIOCNXCL),
	C(TIOCGEXCL),
	C(TIOCSCTTY),
	C(TIOCNOTTY),
	C(TIOCGPGRP),
	C(TIOCSPGRP),
	C(TIOCGSID),
	C(TIOCOUTQ),
	C(TIOCGWINSZ),
	C(TIOCSWINSZ),
	C(TIOCGPTN),
	C(TIOCSPTLCK),
	C(TIOCGPTLCK),
	C(TIOCGPTPEER),
	C(TIOCPKT),
	C(TIOCGPKT),
	C(TIOCGETD),
	C(TIOCSTI),
	C(TIOCLINUX),
	C(TIOCSETD),
	C(TIOCCONS),
	/* ioctl: any descriptor, files */
	C(FIONREAD),
	C(FIONBIO),
	C(FIOASYNC),
	C(FIOCLEX),
	C(FIONCLEX),
	C(FIOQSIZE),
	C(FIGETBSZ),
	C(FICLONE),
	C(FICLONERANGE),
	C(FIDEDUPERANGE),
	C(FS_IOC_GETFLAGS),
	C(FS_IOC_SETFLAGS),
	C(FS_IOC_GETVERSION),
	C(FS_IOC_FSGETXATTR),
	{ "FS_IOC_FIEMAP", 0xc020660bu }, /* linux/fiemap.h */
	/* ioctl: sockets */
	C(SIOCATMARK),
	C(SIOCINQ),
	C(SIOCOUTQ),
	C(SIOCGIFCONF),
	C(SIOCGIFNAME),
	C(SIOCGIFINDEX),
	C(SIOCGIFFLAGS),
	C(SIOCGIFADDR),
	C(SIOCGIFBRDADDR),
	C(SIOCGIFNETMASK),
	C(SIOCGIFHWADDR),
	C(SIOCGIFMTU),
	C(SIOCGIFTXQLEN),
	/* prctl */
	C(PR_SET_PDEATHSIG),
	C(PR_GET_PDEATHSIG),
	C(PR_GET_DUMPABLE),
	C(PR_SET_DUMPABLE),
	C(PR_GET_KEEPCAPS),
	C(PR_GET_TIMING),
	C(PR_SET_NAME),
	C(PR_GET_NAME),
	C(PR_GET_ENDIAN),
	C(PR_GET_SECCOMP),
	C(PR_SET_SECCOMP),
	C(PR_CAPBSET_READ),
	C(PR_CAPBSET_DROP),
	C(PR_GET_TSC),
	C(PR_SET_TSC),
	C(PR_GET_SECUREBITS),
	C(PR_SET_TIMERSLACK),
	C(PR_GET_TIMERSLACK),
	C(PR_MCE_KILL_GET),
	C(PR_SET_MM),
	C(PR_SET_PTRACER),
	C(PR_SET_CHILD_SUBREAPER),
	C(PR_GET_CHILD_SUBREAPER),
	C(PR_SET_NO_NEW_PRIVS),
	C(PR_GET_NO_NEW_PRIVS),
	C(PR_GET_TID_ADDRESS),
	C(PR_SET_THP_DISABLE),
	C(PR_GET_THP_DISABLE),
	C(PR_CAP_AMBIENT),
	C(PR_SVE_SET_VL),
	C(PR_SVE_GET_VL),
	C(PR_SME_SET_VL),
	C(PR_SME_GET_VL),
	C(PR_GET_SPECULATION_CTRL),
	C(PR_PAC_RESET_KEYS),
	C(PR_PAC_SET_ENABLED_KEYS),
	C(PR_PAC_GET_ENABLED_KEYS),
	C(PR_SET_TAGGED_ADDR_CTRL),
	C(PR_GET_TAGGED_ADDR_CTRL),
	C(PR_SET_VMA),
	{ "PR_SET_MDWE", 65 }, /* linux/prctl.h from 6.3 on, as the next */
	{ "PR_GET_MDWE", 66 },
	{ "PR_GET_AUXV", 0x41555856u },
};

/* arch/x86/entry/syscalls/syscall_64.tbl, scripts/syscall.tbl */
static const struct {
	const char *name;
	unsigned int nr;
	bool x86_only;
} new_calls[] = {
	{ "uretprobe", 335, true },
	{ "uprobe", 336, true },
	{ "process_madvise", 440, false },
	{ "epoll_pwait2", 441, false },
	{ "mount_setattr", 442, false },
	{ "quotactl_fd", 443, false },
	{ "landlock_create_ruleset", 444, false },
	{ "landlock_add_rule", 445, false },
	{ "landlock_restrict_self", 446, false },
	{ "memfd_secret", 447, false },
	{ "process_mrelease", 448, false },
	{ "futex_waitv", 449, false },
	{ "set_mempolicy_home_node", 450, false },
	{ "cachestat", 451, false },
	{ "fchmodat2", 452, false },
	{ "map_shadow_stack", 453, false },
	{ "futex_wake", 454, false },
	{ "futex_wait", 455, false },
	{ "futex_requeue", 456, false },
	{ "statmount", 457, false },
	{ "listmount", 458, false },
	{ "lsm_get_self_attr", 459, false },
	{ "lsm_set_self_attr", 460, false },
	{ "lsm_list_modules", 461, false },
	{ "mseal", 462, false },
	{ "setxattrat", 463, false },
	{ "getxattrat", 464, false },
	{ "listxattrat", 465, false },
	{ "removexattrat", 466, false },
	{ "open_tree_attr", 467, false },
	{ "file_getattr", 468, false },
	{ "file_setattr", 469, false },
};

int
sysset_call(uint32_t arch, const char *name)
{
	int nr;

	for (size_t i = 0; i < ARRAY_SIZE(new_calls); i++) {
		if (strcmp(new_calls[i].name, name) != 0)
			continue;
		if (new_calls[i].x86_only && arch != AUDIT_ARCH_X86_64)
			return -ENOENT;
		return (int)new_calls[i].nr;
	}
	/* AUDIT_ARCH_* are libseccomp's architecture tokens */
	nr = seccomp_syscall_resolve_name_arch(arch, name);
	if (nr == __NR_SCMP_ERROR)
		return -ESRCH;
	if (nr < 0 || nr >= SYSSET_NR_MAX)
		return -ENOENT;
	return nr;
}

unsigned int
sysset_call_max(uint32_t arch)
{
	unsigned int max = 0;

	for (size_t i = 0; i < ARRAY_SIZE(new_calls); i++)
		max = MAX(max, new_calls[i].nr);
	for (unsigned int nr = SYSSET_NR_MAX - 1; nr > max; nr--) {
		_cleanup_free_ char *name =
			seccomp_syscall_resolve_num_arch(arch, (int)nr);

		if (name)
			return nr;
	}
	return max;
}

static const char *
suggestion(const char *found, char *buf, size_t size)
{
	buf[0] = '\0';
	if (found)
		snprintf(buf, size, "; did you mean \"%s\"?", found);
	return buf;
}

const char *
sysset_call_suggest(uint32_t arch, const char *name, char *buf, size_t size)
{
	struct strv names = { NULL, 0 };

	for (int nr = 0; nr < SYSSET_NR_MAX; nr++) {
		char *known = seccomp_syscall_resolve_num_arch(arch, nr);

		if (known && strv_take(&names, known) < 0)
			break;
	}
	for (size_t i = 0; i < ARRAY_SIZE(new_calls); i++) {
		if (strv_add(&names, new_calls[i].name) < 0)
			break;
	}
	suggestion(names.v ? str_suggest(name, (const char *const *)names.v)
			   : NULL,
		   buf, size);
	strv_done(&names);
	return buf;
}

static const char *
value_suggest(const char *name, char *buf, size_t size)
{
	const char *list[ARRAY_SIZE(values) + 1];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		list[i] = values[i].name;
	list[ARRAY_SIZE(values)] = NULL;
	return suggestion(str_suggest(name, list), buf, size);
}

static int
value_one(const char *word, uint64_t *ret)
{
	char *end;

	if (word[0] >= '0' && word[0] <= '9') {
		errno = 0;
		*ret = strtoull(word, &end, 0);
		return *end || errno ? -EINVAL : 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		if (strcmp(values[i].name, word) == 0) {
			*ret = values[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

int
sysset_const(const char *expr, uint64_t *ret, char *buf, size_t size)
{
	char word[SYSSET_NAME_MAX + 1], hint[128];
	uint64_t all = 0, one;

	for (;;) {
		size_t len = strcspn(expr, "|");

		if (!len || len >= sizeof(word)) {
			snprintf(buf, size, "empty or overlong constant");
			return -EINVAL;
		}
		memcpy(word, expr, len);
		word[len] = '\0';
		if (value_one(word, &one) < 0) {
			snprintf(buf, size, "unknown constant \"%s\"%s", word,
				 value_suggest(word, hint, sizeof(hint)));
			return -EINVAL;
		}
		all |= one;
		if (!expr[len])
			break;
		expr += len + 1;
	}
	*ret = all;
	return 0;
}
