#pragma once
/*
 * The few calls of agentbox-guard without a C library. With one, each guard
 * would weigh 600 KiB when it is alone and 50 KiB among others; so it is less
 * than 30 KiB. Only guard_main.c includes this, and only where the Makefile
 * says GUARD_NOLIBC (x86-64 and aarch64, release and debug); everywhere else,
 * under the sanitizers too, the same source links with libc.
 *
 * The names are libc's own, so guard_main.c does not know the difference. No
 * function keeps a stack canary here, as there is no thread pointer to read it
 * from: the Makefile says -fno-stack-protector for this object.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
static inline long
sys4(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

/* The stack starts with argc, argv (x86-64 psABI 3.4.1). */
__asm__(".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call guard_start\n");
#elif defined(__aarch64__)
static inline long
sys4(long nr, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3)
			 : "memory");
	return x0;
}

__asm__(".globl _start\n"
	".type _start, %function\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	bl guard_start\n");
#else
#error "GUARD_NOLIBC is for x86-64 and aarch64"
#endif

static int guard_errno;

int *
__errno_location(void)
{
	return &guard_errno;
}

static long
call(long nr, long a, long b, long c, long d)
{
	long r = sys4(nr, a, b, c, d);

	if (r >= 0)
		return r;
	guard_errno = (int)-r;
	return -1;
}

ssize_t
read(int fd, void *buf, size_t n)
{
	return call(SYS_read, fd, (long)buf, (long)n, 0);
}

ssize_t
write(int fd, const void *buf, size_t n)
{
	return call(SYS_write, fd, (long)buf, (long)n, 0);
}

int
close(int fd)
{
	return (int)call(SYS_close, fd, 0, 0, 0);
}

int
close_range(unsigned int first, unsigned int last, int flags)
{
	return (int)call(SYS_close_range, first, last, flags, 0);
}

int
openat(int dir, const char *path, int flags, ...)
{
	return (int)call(SYS_openat, dir, (long)path, flags, 0);
}

int
unlinkat(int dir, const char *path, int flags)
{
	return (int)call(SYS_unlinkat, dir, (long)path, flags, 0);
}

int
chdir(const char *path)
{
	return (int)call(SYS_chdir, (long)path, 0, 0, 0);
}

pid_t
setsid(void)
{
	return (pid_t)call(SYS_setsid, 0, 0, 0, 0);
}

int
nanosleep(const struct timespec *t, struct timespec *rest)
{
	return (int)call(SYS_nanosleep, (long)t, (long)rest, 0, 0);
}

void
_exit(int status)
{
	for (;;)
		sys4(SYS_exit_group, status, 0, 0, 0);
}

int main(int argc, char **argv);
void guard_start(long *stack);

__attribute__((used, noreturn)) void
guard_start(long *stack)
{
	_exit(main((int)stack[0], (char **)(stack + 1)));
}
