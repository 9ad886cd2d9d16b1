/*
 * Calls that reach deep into the kernel or change the whole machine. Where
 * success would do harm, arguments are wrong in a way that the kernel notices
 * only after it has checked the permission: the later error means "allowed".
 */
#include "tests/escape/probe.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#define KEY_SESSION (-3)
#define KEY_USER (-4)
#define KEY_USER_SESSION (-5)
#define KEYCTL_JOIN 1
#define KEYCTL_SEARCH 10
#define KEYCTL_READ 11
#define KEYCTL_PERSISTENT 22

/* The call is allowed when it works or fails with `late`. */
_noreturn_ static void
judge_late(long r, int late, const char *what)
{
	if (r >= 0 || errno == late)
		escaped("%s is allowed", what);
	refused(what);
}

static void
key_read(const struct params *p, long arg)
{
	char buf[256];
	long key = syscall(SYS_keyctl, KEYCTL_SEARCH, arg, "user", p->key, 0);
	long n = key < 0 ? -1
			 : syscall(SYS_keyctl, KEYCTL_READ, key, buf,
				   sizeof(buf));

	if (n > 0 && has_token(p, buf, MIN((size_t)n, sizeof(buf))))
		escaped("read the host's key");
	refused("keyctl");
}

static void
key_add(_unused_ const struct params *p, long arg)
{
	judge(syscall(SYS_add_key, "user", "abx-planted", "x", 1UL, arg),
	      "add_key");
}

/* ENOKEY: the kernel looked, and with a fourth argument it would have run
 * /sbin/request-key on the host. */
static void
key_request(_unused_ const struct params *p, _unused_ long arg)
{
	judge_late(syscall(SYS_request_key, "user", "abx-none", NULL, 0),
		   ENOKEY, "request_key");
}

static void
key_join(_unused_ const struct params *p, _unused_ long arg)
{
	judge(syscall(SYS_keyctl, KEYCTL_JOIN, NULL), "a new session keyring");
}

static void
key_persistent(_unused_ const struct params *p, _unused_ long arg)
{
	judge(syscall(SYS_keyctl, KEYCTL_PERSISTENT, -1, KEY_SESSION),
	      "the persistent keyring");
}

static void
bpf_map(_unused_ const struct params *p, _unused_ long arg)
{
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY,
			     .key_size = 4,
			     .value_size = 8,
			     .max_entries = 1 };

	judge(syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a)),
	      "BPF_MAP_CREATE");
}

static void
bpf_prog(_unused_ const struct params *p, _unused_ long arg)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr a = { .prog_type = arg ? BPF_PROG_TYPE_KPROBE
					      : BPF_PROG_TYPE_SOCKET_FILTER,
			     .insns = (uintptr_t)insns,
			     .insn_cnt = 2,
			     .license = (uintptr_t) "GPL" };

	judge(syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof(a)), "BPF_PROG_LOAD");
}

static void
perf_open(_unused_ const struct params *p, long arg)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE,
				     .size = sizeof(a),
				     .config = PERF_COUNT_SW_CPU_CLOCK };

	a.exclude_kernel = arg == 0;
	judge(syscall(SYS_perf_event_open, &a, arg ? -1 : 0, arg ? 0 : -1, -1,
		      0),
	      "perf_event_open");
}

static void
uring(_unused_ const struct params *p, _unused_ long arg)
{
	struct io_uring_params q = { 0 };

	judge(syscall(SYS_io_uring_setup, 2, &q), "io_uring_setup");
}

static void
uring_late(_unused_ const struct params *p, long arg)
{
	if (arg && syscall(SYS_io_uring_register, -1, 0, NULL, 0) < 0)
		judge_late(errno == EBADF ? 0 : -1, EINVAL,
			   "io_uring_register");
	judge_late(syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0), EBADF,
		   "io_uring_enter");
}

static void
userfault(_unused_ const struct params *p, long arg)
{
	int fd;

	if (!arg)
		judge(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY),
		      "userfaultfd");
	fd = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		refused("open /dev/userfaultfd");
	judge(ioctl(fd, _IO(0xAA, 0), O_CLOEXEC), "USERFAULTFD_IOC_NEW");
}

static void
fanotify(_unused_ const struct params *p, long arg)
{
	unsigned int flags =
		arg ? FAN_CLASS_NOTIF | FAN_REPORT_FID : FAN_CLASS_CONTENT;

	judge(fanotify_init(flags | FAN_CLOEXEC, O_RDONLY), "fanotify_init");
}

static void
modules(_unused_ const struct params *p, long arg)
{
	switch (arg) {
	case 0:
		judge_late(syscall(SYS_init_module, NULL, 0UL, ""), ENOEXEC,
			   "init_module");
	case 1:
		judge_late(syscall(SYS_finit_module, -1, "", 0), EBADF,
			   "finit_module");
	default:
		judge_late(syscall(SYS_delete_module, "abx_none", O_NONBLOCK),
			   ENOENT, "delete_module");
	}
}

static void
kexec(_unused_ const struct params *p, long arg)
{
	if (arg)
		judge_late(syscall(SYS_kexec_file_load, -1, -1, 0UL, "",
				   0xfffffUL),
			   EINVAL, "kexec_file_load");
	judge_late(syscall(SYS_kexec_load, 0UL, 0UL, NULL, 0xffUL), EINVAL,
		   "kexec_load");
}

static void
try_reboot(_unused_ const struct params *p, _unused_ long arg)
{
	judge_late(syscall(SYS_reboot, 0x1, 0x2, 0x3, NULL), EINVAL, "reboot");
}

static void
swap(_unused_ const struct params *p, long arg)
{
	if (arg)
		judge_late(swapoff("/abx-none"), ENOENT, "swapoff");
	judge_late(swapon("/abx-none", 0), ENOENT, "swapon");
}

static void
quota(const struct params *p, _unused_ long arg)
{
	int fd = open(p->ws, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long r = syscall(SYS_quotactl_fd, fd, 0x80000300u /* Q_QUOTAOFF */, 0,
			 NULL);

	if (r >= 0 || errno == ESRCH || errno == EINVAL)
		escaped("quotactl_fd is allowed");
	refused("quotactl_fd");
}

static void
accounting(_unused_ const struct params *p, _unused_ long arg)
{
	judge_late(syscall(SYS_acct, "/abx-none"), ENOENT, "acct");
}

/* The level that is set already, so that nothing changes. */
static int
console_level(void)
{
	FILE *f = fopen("/proc/sys/kernel/printk", "re");
	int level = 7;

	if (f && fscanf(f, "%d", &level) != 1)
		level = 7;
	if (f)
		fclose(f);
	return level;
}

static void
read_log(_unused_ const struct params *p, long arg)
{
	static char buf[4096];

	if (arg)
		judge(klogctl(8, NULL, console_level()),
		      "setting the console's log level");
	judge(klogctl(3, buf, sizeof(buf)), "reading the kernel's log");
}

static void
set_names(_unused_ const struct params *p, long arg)
{
	char name[65] = "x";

	if (arg)
		judge(setdomainname("(none)", 6), "setdomainname");
	gethostname(name, sizeof(name) - 1);
	judge(sethostname(name, strlen(name)), "sethostname");
}

static void
set_time(_unused_ const struct params *p, long arg)
{
	struct timezone bad = { .tz_minuteswest = 100000 };
	struct timespec now;
	struct timex t = { 0 };

	switch (arg) {
	case 0:
		judge_late(syscall(SYS_settimeofday, NULL, &bad), EINVAL,
			   "settimeofday");
	case 1:
		if (adjtimex(&t) < 0)
			refused("adjtimex");
		t.modes = ADJ_STATUS;
		judge(adjtimex(&t), "adjtimex");
	case 2:
		if (clock_adjtime(CLOCK_REALTIME, &t) < 0)
			refused("clock_adjtime");
		t.modes = ADJ_STATUS;
		judge(clock_adjtime(CLOCK_REALTIME, &t), "clock_adjtime");
	default: /* the same time again */
		clock_gettime(CLOCK_REALTIME, &now);
		judge(clock_settime(CLOCK_REALTIME, &now), "clock_settime");
	}
}

static void
map_null(_unused_ const struct params *p, _unused_ long arg)
{
	void *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	judge(m == MAP_FAILED ? -1 : 0, "mapping address 0");
}

static void
hang_up(_unused_ const struct params *p, _unused_ long arg)
{
	setsid(); /* no terminal of its own: nothing to hang up */
	judge(syscall(SYS_vhangup), "vhangup");
}

static void
misc(_unused_ const struct params *p, long arg)
{
	switch (arg) {
	case 0:
		judge(syscall(SYS_move_pages, 1, 0UL, NULL, NULL, NULL, 0),
		      "move_pages of pid 1");
	case 1:
		judge(syscall(SYS_migrate_pages, 1, 64UL, &(unsigned long){ 1 },
			      &(unsigned long){ 1 }),
		      "migrate_pages of pid 1");
	default:
		judge_late(syscall(SYS_lookup_dcookie, 0UL, NULL, 0UL), EINVAL,
			   "lookup_dcookie");
	}
}

#define SECCOMP "seccomp"
#define BOTH "seccomp, no capability"
const struct probe probes_kernel[] = {
	{ "key-session", OPEN_USER, 0, "reading the caller's session keyring",
	  SECCOMP, key_read, KEY_SESSION },
	{ "key-user", OPEN_USER, 0, "reading the caller's user keyring",
	  "seccomp, user namespace", key_read, KEY_USER },
	{ "key-add-session", OPEN_USER, 0, "a key in the session keyring",
	  SECCOMP, key_add, KEY_SESSION },
	{ "key-add-user", OPEN_USER, 0, "a key in the user keyring", SECCOMP,
	  key_add, KEY_USER },
	{ "key-request", OPEN_USER, 0, "request_key", SECCOMP, key_request, 0 },
	{ "key-join", OPEN_USER, 0, "a new session keyring", SECCOMP, key_join,
	  0 },
	{ "key-persistent", OPEN_HOST, 0, "the persistent keyring", SECCOMP,
	  key_persistent, 0 },
	{ "bpf-map", OPEN_HOST, 0, "BPF_MAP_CREATE", BOTH, bpf_map, 0 },
	{ "bpf-socket-filter", OPEN_HOST, 0, "BPF_PROG_LOAD", BOTH, bpf_prog,
	  0 },
	{ "bpf-kprobe", OPEN_HOST, 0, "BPF_PROG_LOAD of a kprobe", BOTH,
	  bpf_prog, 1 },
	{ "perf-self", OPEN_HOST, 0, "perf_event_open of itself", SECCOMP,
	  perf_open, 0 },
	{ "perf-cpu", OPEN_ROOT, 0, "perf_event_open of a whole cpu", BOTH,
	  perf_open, 1 },
	{ "uring-setup", OPEN_HOST, 0, "io_uring_setup", SECCOMP, uring, 0 },
	{ "uring-enter", OPEN_USER, 0, "io_uring_enter", SECCOMP, uring_late,
	  0 },
	{ "uring-register", OPEN_USER, 0, "io_uring_register", SECCOMP,
	  uring_late, 1 },
	{ "userfaultfd", OPEN_USER, 0, "userfaultfd", SECCOMP, userfault, 0 },
	{ "userfaultfd-dev", OPEN_HOST, 0, "/dev/userfaultfd", "minimal /dev",
	  userfault, 1 },
	{ "fanotify-content", OPEN_ROOT, 0, "fanotify with permission events",
	  BOTH, fanotify, 0 },
	{ "fanotify-fid", OPEN_HOST, 0, "fanotify that reports handles",
	  SECCOMP, fanotify, 1 },
	{ "module-init", OPEN_HOST, 0, "init_module", BOTH, modules, 0 },
	{ "module-finit", OPEN_HOST, 0, "finit_module", BOTH, modules, 1 },
	{ "module-delete", OPEN_HOST, 0, "delete_module", BOTH, modules, 2 },
	{ "kexec-load", OPEN_HOST, 0, "kexec_load", BOTH, kexec, 0 },
	{ "kexec-file-load", OPEN_HOST, 0, "kexec_file_load", BOTH, kexec, 1 },
	{ "reboot", OPEN_ROOT, 0, "reboot (with a wrong magic)", BOTH,
	  try_reboot, 0 },
	{ "swapon", OPEN_ROOT, 0, "swapon", BOTH, swap, 0 },
	{ "swapoff", OPEN_ROOT, 0, "swapoff", BOTH, swap, 1 },
	{ "quotactl", OPEN_HOST, 0, "quotactl_fd of the workspace", BOTH, quota,
	  0 },
	{ "acct", OPEN_HOST, 0, "acct", BOTH, accounting, 0 },
	{ "syslog-read", OPEN_ROOT, 0, "the kernel's log by syslog", BOTH,
	  read_log, 0 },
	{ "syslog-level", OPEN_ROOT, 0, "the console's log level", BOTH,
	  read_log, 1 },
	{ "set-hostname", OPEN_ROOT, 0, "sethostname",
	  "seccomp, no capability, uts namespace", set_names, 0 },
	{ "set-domainname", OPEN_ROOT, 0, "setdomainname",
	  "seccomp, no capability, uts namespace", set_names, 1 },
	{ "time-settimeofday", OPEN_ROOT, 0, "settimeofday", BOTH, set_time,
	  0 },
	{ "time-adjtimex", OPEN_ROOT, 0, "adjtimex", BOTH, set_time, 1 },
	{ "time-clock-adjtime", OPEN_ROOT, 0, "clock_adjtime", BOTH, set_time,
	  2 },
	{ "time-clock-settime", OPEN_ROOT, 0, "clock_settime", BOTH, set_time,
	  3 },
	{ "map-null", OPEN_HOST, 0, "a mapping at address 0",
	  "mmap_min_addr, no capability", map_null, 0 },
	{ "vhangup", OPEN_ROOT, 0, "vhangup", BOTH, hang_up, 0 },
	{ "move-pages", OPEN_HOST, 0, "move_pages of pid 1", BOTH, misc, 0 },
	{ "migrate-pages", OPEN_HOST, 0, "migrate_pages of pid 1", BOTH, misc,
	  1 },
	{ "lookup-dcookie", OPEN_HOST, 0, "lookup_dcookie", BOTH, misc, 2 },
	{ 0 },
};
