/*
 * The only assembly of the project: glibc has no wrapper for clone3 with a
 * stack, and CLONE_INTO_CGROUP exists only there.
 */
#include "sandbox/clone.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
static long
clone3_raw(struct clone_args *ca, int (*fn)(void *), void *arg)
{
	register int (*f)(void *) __asm__("r12") = fn;
	register void *a __asm__("r13") = arg;
	long ret;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov %[exit], %%eax\n\t"
			 "syscall\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(ret)
			 : "a"((long)SYS_clone3), "D"(ca), "S"(sizeof(*ca)),
			   "r"(f), "r"(a), [exit] "i"(SYS_exit)
			 : "rcx", "r11", "memory");
	return ret;
}

long
clone_syscall(long nr, long a, long b, long c, long d, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static long
clone3_raw(struct clone_args *ca, int (*fn)(void *), void *arg)
{
	register int (*f)(void *) __asm__("x20") = fn;
	register void *a __asm__("x21") = arg;
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)ca;
	register long x1 __asm__("x1") = sizeof(*ca);

	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "mov x0, x21\n\t"
			 "blr x20\n\t"
			 "mov x8, %[exit]\n\t"
			 "svc #0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x1), "r"(x8), "r"(f),
			   "r"(a), [exit] "i"(SYS_exit)
			 : "x30", "memory");
	return x0;
}

long
clone_syscall(long nr, long a, long b, long c, long d, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}
#else
#error "agentbox runs on x86-64 and aarch64"
#endif

/* clone(2) takes the same flags in an int, and the pidfd by parent_tid. */
static pid_t
clone_old(struct clone_request *rq, void *stack, int (*fn)(void *), void *arg)
{
	if (rq->flags & (CLONE_INTO_CGROUP | CLONE_CLEAR_SIGHAND))
		return -ENOSYS;
	pid_t pid = clone(fn, (char *)stack + CLONE_STACK,
			  (int)rq->flags | rq->exit_signal, arg, &rq->pidfd);

	return pid < 0 ? -errno : pid;
}

pid_t
clone_call(struct clone_request *rq, void *stack, int (*fn)(void *), void *arg)
{
	struct clone_args ca = {
		.flags = rq->flags,
		.pidfd = (uint64_t)(uintptr_t)&rq->pidfd,
		.exit_signal = (uint64_t)rq->exit_signal,
		.stack = (uint64_t)(uintptr_t)stack,
		.stack_size = CLONE_STACK,
		.cgroup = (uint64_t)rq->cgroup,
	};
	long r;

	if (!(rq->flags & CLONE_INTO_CGROUP))
		ca.cgroup = 0;
	r = clone3_raw(&ca, fn, arg);
	if (r == -ENOSYS)
		return clone_old(rq, stack, fn, arg);
	return (pid_t)r;
}
