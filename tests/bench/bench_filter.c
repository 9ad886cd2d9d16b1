/* links: lib sandbox */
/*
 * bench_filter FILE: a deny list such as people give to bwrap --seccomp, made
 * with libseccomp, as raw BPF.
 */
#include "tests/bench/bench.h"

#include "lib/macro.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define REFUSE SCMP_ACT_ERRNO(EPERM)

static const char *const refused[] = {
	"acct",
	"add_key",
	"adjtimex",
	"bpf",
	"clock_adjtime",
	"clock_settime",
	"delete_module",
	"finit_module",
	"fsconfig",
	"fsmount",
	"fsopen",
	"fspick",
	"init_module",
	"io_uring_enter",
	"io_uring_register",
	"io_uring_setup",
	"ioperm",
	"iopl",
	"kcmp",
	"kexec_file_load",
	"kexec_load",
	"keyctl",
	"lookup_dcookie",
	"mount",
	"mount_setattr",
	"move_mount",
	"name_to_handle_at",
	"nfsservctl",
	"open_by_handle_at",
	"open_tree",
	"perf_event_open",
	"personality",
	"pidfd_getfd",
	"pivot_root",
	"process_vm_readv",
	"process_vm_writev",
	"ptrace",
	"quotactl",
	"reboot",
	"request_key",
	"setdomainname",
	"sethostname",
	"setns",
	"settimeofday",
	"swapoff",
	"swapon",
	"syslog",
	"umount2",
	"unshare",
	"userfaultfd",
	"vhangup",
};

/* Refused when argument nr, masked, is value. */
static int
add_argument(scmp_filter_ctx c, int call, unsigned int nr, uint64_t mask,
	     uint64_t value)
{
	struct scmp_arg_cmp cmp = { .arg = nr,
				    .op = SCMP_CMP_MASKED_EQ,
				    .datum_a = mask,
				    .datum_b = value };

	return seccomp_rule_add_array(c, REFUSE, call, 1, &cmp);
}

static int
add_rules(scmp_filter_ctx c)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(refused) && r == 0; i++) {
		int nr = seccomp_syscall_resolve_name(refused[i]);

		if (nr >= 0)
			r = seccomp_rule_add(c, REFUSE, nr, 0);
	}
	if (r == 0)
		r = add_argument(c, SCMP_SYS(ioctl), 1, 0xffffffffu, TIOCSTI);
	if (r == 0)
		r = add_argument(c, SCMP_SYS(socket), 0, 0xffffffffu,
				 AF_PACKET);
	if (r == 0)
		r = add_argument(c, SCMP_SYS(clone), 0, CLONE_NEWUSER,
				 CLONE_NEWUSER);
	return r;
}

int
main(int argc, char **argv)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
	int fd, r;

	if (argc != 2 || !c)
		return 2;
	r = add_rules(c);
	fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		bench_die(argv[1]);
	if (r == 0)
		r = seccomp_export_bpf(c, fd);
	errno = -r;
	if (r < 0)
		bench_die("libseccomp");
	return 0;
}
