/*
 * Other ways into the kernel than the calls that the filter was written for:
 * 32-bit entry, x32 numbers, numbers and arguments with bits that the kernel
 * drops, personalities.
 */
#include "tests/escape/probe.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define HIGH_BIT 0x100000000L

#ifdef __x86_64__
/* i386: 20 is getpid, 102 socketcall, 310 unshare */
static long
int80(long nr, long a, long b)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(nr), "b"(a), "c"(b)
			 : "memory", "r8", "r9", "r10", "r11");
	return r;
}

static void
legacy_entry(_unused_ const struct params *p, long arg)
{
	long r = int80(arg, CLONE_NEWUSER, 0);

	if (r < 0) {
		errno = (int)-r;
		refused("int 0x80");
	}
	escaped("int 0x80 returned %ld", r);
}

static void
x32_entry(_unused_ const struct params *p, long arg)
{
	judge(syscall(0x40000000L | arg, CLONE_NEWUSER), "an x32 call");
}

static void
old_ldt(_unused_ const struct params *p, _unused_ long arg)
{
	unsigned int d[4] = { 0, 0, 0, 0x38 /* not present, read-only */ };

	judge(syscall(SYS_modify_ldt, 1, d, sizeof(d)), "modify_ldt");
}

static void
ports(_unused_ const struct params *p, long arg)
{
	if (arg)
		judge(syscall(SYS_iopl, 3), "iopl");
	judge(syscall(SYS_ioperm, 0x80UL, 1UL, 1), "ioperm");
}
#else
static void
foreign(_unused_ const struct params *p, _unused_ long arg)
{
	absent("only on x86-64");
}
#define legacy_entry foreign
#define x32_entry foreign
#define old_ldt foreign
#define ports foreign
#ifndef SYS_getpid
#define SYS_getpid 172
#endif
#endif

/* The kernel looks at 32 bits of the number. */
static void
high_number(_unused_ const struct params *p, _unused_ long arg)
{
	judge(syscall(HIGH_BIT | SYS_unshare, CLONE_NEWUSER),
	      "unshare by a wide number");
}

static void
negative_number(_unused_ const struct params *p, _unused_ long arg)
{
	judge(syscall(-1L), "call -1");
}

/* A number that no kernel knows must look as on an old kernel. */
static void
future_number(_unused_ const struct params *p, _unused_ long arg)
{
	long r = syscall(4000);

	if (r < 0 && errno == ENOSYS)
		blocked("ENOSYS");
	judge(r, "call 4000");
}

static void
set_personality(_unused_ const struct params *p, long arg)
{
	judge(syscall(SYS_personality, arg), "personality");
}

static void
high_socket(_unused_ const struct params *p, long arg)
{
	judge(syscall(SYS_socket, HIGH_BIT | arg, (long)SOCK_RAW | SOCK_CLOEXEC,
		      0L),
	      "socket by a wide family");
}

static void
high_ioctl(const struct params *p, _unused_ long arg)
{
	_cleanup_close_ int fd = ws_file(p, "ioctl");
	int flags = 0;

	/* FS_IOC_GETFLAGS is harmless; the point is the width */
	if (syscall(SYS_ioctl, (long)fd, 0x5412L | HIGH_BIT, &flags) < 0 &&
	    errno == ENOTTY)
		escaped("TIOCSTI with bits above 32 reached the file");
	refused("ioctl");
}

static void
exec_memory(_unused_ const struct params *p, _unused_ long arg)
{
	long r = syscall(SYS_memfd_create, "abx", 0x7fffffe0u);

	judge(r, "memfd_create with unknown flags");
}

const struct probe probes_abi[] = {
	{ "abi-int80-getpid", OPEN_HOST, 0, "int 0x80, getpid",
	  "seccomp: one ABI", legacy_entry, 20 },
	{ "abi-int80-unshare", OPEN_HOST, 0, "int 0x80, unshare",
	  "seccomp: one ABI", legacy_entry, 310 },
	{ "abi-x32-getpid", OPEN_HOST, 0, "an x32 number, getpid",
	  "seccomp: one ABI", x32_entry, SYS_getpid },
	{ "abi-x32-unshare", OPEN_HOST, 0, "an x32 number, unshare",
	  "seccomp: one ABI", x32_entry, SYS_unshare },
	{ "abi-wide-number", OPEN_USER, 0, "unshare with a 64-bit number",
	  "seccomp", high_number, 0 },
	{ "abi-negative", OPEN_NONE, 0, "call number -1", "the kernel",
	  negative_number, 0 },
	{ "abi-future", OPEN_NONE, 0, "a number of the future", "seccomp",
	  future_number, 0 },
	{ "abi-wide-socket", OPEN_ROOT, 0, "AF_PACKET with a 64-bit family",
	  "seccomp: 32-bit compare", high_socket, AF_PACKET },
	{ "abi-wide-ioctl", OPEN_USER, 0, "TIOCSTI with a 64-bit command",
	  "seccomp: 32-bit compare", high_ioctl, 0 },
	{ "abi-memfd-flags", OPEN_NONE, 0, "memfd_create, unknown flags",
	  "the kernel", exec_memory, 0 },
	{ "abi-ldt", OPEN_HOST, 0, "modify_ldt", "seccomp", old_ldt, 0 },
	{ "abi-ioperm", OPEN_HOST, 0, "ioperm", "seccomp, no capability", ports,
	  0 },
	{ "abi-iopl", OPEN_HOST, 0, "iopl", "seccomp, no capability", ports,
	  1 },
	{ "personality-exec", OPEN_USER, 0, "READ_IMPLIES_EXEC", "seccomp",
	  set_personality, READ_IMPLIES_EXEC },
	{ "personality-page-zero", OPEN_USER, 0, "MMAP_PAGE_ZERO", "seccomp",
	  set_personality, MMAP_PAGE_ZERO },
	{ "personality-linux32", OPEN_USER, 0, "PER_LINUX32", "seccomp",
	  set_personality, PER_LINUX32 },
	{ "personality-wide", OPEN_USER, 0,
	  "READ_IMPLIES_EXEC with bits above 32", "seccomp: 32-bit compare",
	  set_personality, HIGH_BIT | READ_IMPLIES_EXEC },
	{ 0 },
};
