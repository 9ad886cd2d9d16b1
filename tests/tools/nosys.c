/* links: lib */
/*
 * nosys CALL[:ERRNO][,CALL[:ERRNO]...] -- CMD [ARG...]
 *
 * Runs CMD on a kernel that seems to lack system calls: a filter answers
 * ENOSYS (or the named errno) to each of them. So a fallback is forced on the
 * kernel that the test happens to run on. "clone-ns" stands for clone(2) with
 * any namespace flag, since no program can start another without clone.
 *
 * Written without libseccomp, so that it does not share the code under test.
 */
#include "lib/macro.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_AARCH64
#else
#error "this architecture is not known here"
#endif

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define CLONE_NS                                                               \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |           \
	 CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

static const struct {
	const char *name;
	uint32_t nr;
	uint32_t arg0_mask; /* 0: whatever the arguments */
	bool exact;	    /* or only with these two */
	uint32_t arg0, arg1;
	bool third; /* arg1 is the third argument, not the second */
} calls[] = {
	{ "clone-ns", SYS_clone, CLONE_NS, false, 0, 0, false },
	{ "clone3", SYS_clone3, 0, false, 0, 0, false },
	{ "close_range", SYS_close_range, 0, false, 0, 0, false },
	{ "fsopen", SYS_fsopen, 0, false, 0, 0, false },
	{ "getrandom", SYS_getrandom, 0, false, 0, 0, false },
	{ "landlock_add_rule", SYS_landlock_add_rule, 0, false, 0, 0, false },
	{ "landlock_create_ruleset", SYS_landlock_create_ruleset, 0, false, 0,
	  0, false },
	{ "landlock_restrict_self", SYS_landlock_restrict_self, 0, false, 0, 0,
	  false },
	{ "memfd_create", SYS_memfd_create, 0, false, 0, 0, false },
	{ "mount", SYS_mount, 0, false, 0, 0, false },
	{ "mount_setattr", SYS_mount_setattr, 0, false, 0, 0, false },
	{ "move_mount", SYS_move_mount, 0, false, 0, 0, false },
	{ "open_tree", SYS_open_tree, 0, false, 0, 0, false },
	{ "openat2", SYS_openat2, 0, false, 0, 0, false },
	{ "pidfd_getfd", SYS_pidfd_getfd, 0, false, 0, 0, false },
	{ "pidfd_open", SYS_pidfd_open, 0, false, 0, 0, false },
	{ "pidfd_send_signal", SYS_pidfd_send_signal, 0, false, 0, 0, false },
	{ "pivot_root", SYS_pivot_root, 0, false, 0, 0, false },
	/* what pid 1 of a box does first once the command runs */
	{ "prctl-undumpable", SYS_prctl, 0, true, PR_SET_DUMPABLE, 0, false },
	{ "seccomp", SYS_seccomp, 0, false, 0, 0, false },
	{ "setns", SYS_setns, 0, false, 0, 0, false },
	{ "socket-nfnetlink", SYS_socket, 0, true, AF_NETLINK,
	  NETLINK_NETFILTER, true },
	{ "statx", SYS_statx, 0, false, 0, 0, false },
	{ "unshare", SYS_unshare, 0, false, 0, 0, false },
};

static const struct {
	const char *name;
	uint32_t value;
} errnos[] = {
	{ "EACCES", EACCES },
	{ "EINVAL", EINVAL },
	{ "ENOSPC", ENOSPC },
	{ "ENOSYS", ENOSYS },
	{ "EOPNOTSUPP", EOPNOTSUPP },
	{ "EPERM", EPERM },
	{ "OK", 0 }, /* says yes and does nothing */
};

#define RULES_MAX 32

struct filter {
	struct sock_filter insns[4 + RULES_MAX * 7];
	size_t n;
};

static void
emit(struct filter *f, struct sock_filter insn)
{
	f->insns[f->n++] = insn;
}

static void
emit_load(struct filter *f, size_t offset)
{
	emit(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     (uint32_t)offset));
}

/* Past the rest of its rule (so many instructions) unless it is v. */
static void
emit_unless(struct filter *f, size_t offset, uint32_t v, unsigned char skip)
{
	emit_load(f, offset);
	emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, v, 0,
					     skip));
}

static void
emit_rule(struct filter *f, size_t call, uint32_t err)
{
	uint32_t mask = calls[call].arg0_mask;

	if (calls[call].exact) {
		emit_unless(f, offsetof(struct seccomp_data, nr),
			    calls[call].nr, 5);
		emit_unless(f, offsetof(struct seccomp_data, args[0]),
			    calls[call].arg0, 3);
		emit_unless(f,
			    calls[call].third
				    ? offsetof(struct seccomp_data, args[2])
				    : offsetof(struct seccomp_data, args[1]),
			    calls[call].arg1, 1);
	} else if (mask) {
		emit_unless(f, offsetof(struct seccomp_data, nr),
			    calls[call].nr, 3);
		/* the low half: namespace flags lie there */
		emit_load(f, offsetof(struct seccomp_data, args[0]));
		emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
						     mask, 0, 1));
	} else {
		emit_unless(f, offsetof(struct seccomp_data, nr),
			    calls[call].nr, 1);
	}
	emit(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
					     SECCOMP_RET_ERRNO | err));
}

static int
find_call(const char *name, size_t *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (!strcmp(calls[i].name, name)) {
			*ret = i;
			return 0;
		}
	}
	fprintf(stderr, "nosys: unknown call %s; known:", name);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		fprintf(stderr, " %s", calls[i].name);
	fputc('\n', stderr);
	return -EINVAL;
}

static int
find_errno(const char *name, uint32_t *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(errnos); i++) {
		if (!strcmp(errnos[i].name, name)) {
			*ret = errnos[i].value;
			return 0;
		}
	}
	fprintf(stderr, "nosys: unknown errno %s\n", name);
	return -EINVAL;
}

static int
build(char *list, struct filter *f)
{
	char *item, *save = NULL;
	size_t rules = 0;

	emit_load(f, offsetof(struct seccomp_data, arch));
	emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
					     AUDIT_ARCH_HERE, 1, 0));
	emit(f,
	     (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	for (item = strtok_r(list, ",", &save); item;
	     item = strtok_r(NULL, ",", &save)) {
		char *colon = strchr(item, ':');
		uint32_t err = ENOSYS;
		size_t call;

		if (colon)
			*colon++ = '\0';
		if (find_call(item, &call) < 0 ||
		    (colon && find_errno(colon, &err) < 0) ||
		    ++rules > RULES_MAX)
			return -EINVAL;
		emit_rule(f, call, err);
	}
	emit(f,
	     (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	return rules ? 0 : -EINVAL;
}

/* Without no_new_privs where root makes that possible: so that nothing but the
 * named calls differs for the program under test. */
static int
load(const struct filter *f)
{
	struct sock_fprog prog = { .len = (unsigned short)f->n };

	prog.filter = (struct sock_filter *)(uintptr_t)f->insns;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		return -errno;
	return 0;
}

int
main(int argc, char **argv)
{
	struct filter f = { .n = 0 };

	if (argc < 4 || strcmp(argv[2], "--") != 0) {
		fprintf(stderr, "usage: nosys CALL[:ERRNO][,...] -- CMD "
				"[ARG...]\n");
		return 125;
	}
	if (build(argv[1], &f) < 0)
		return 125;
	if (load(&f) < 0) {
		perror("nosys: seccomp");
		return 125;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}
