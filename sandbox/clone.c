/*
 * glibc has no wrapper for clone3 with a stack, and CLONE_INTO_CGROUP exists
 * only there; and a child that shares our memory must never return through a
 * frame of ours. So the call and the child's first steps are assembly.
 */
#include "sandbox/clone.h"

#include <errno.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* clone(2) and clone3(2) alike: the child calls fn on the stack that it was
 * given, and ends with what fn returns. */
#if defined(__x86_64__)
static long
clone_raw(long nr, long first, long second, long third, int (*fn)(void *),
	  void *arg)
{
	register int (*f)(void *) __asm__("r12") = fn;
	register void *a __asm__("r13") = arg;
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
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
			 : "a"(nr), "D"(first), "S"(second), "d"(third),
			   "r"(r10), "r"(r8), "r"(f),
			   "r"(a), [exit] "i"(SYS_exit)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static long
clone_raw(long nr, long first, long second, long third, int (*fn)(void *),
	  void *arg)
{
	register int (*f)(void *) __asm__("x20") = fn;
	register void *a __asm__("x21") = arg;
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = first;
	register long x1 __asm__("x1") = second;
	register long x2 __asm__("x2") = third;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = 0;

	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "mov x0, x21\n\t"
			 "blr x20\n\t"
			 "mov x8, %[exit]\n\t"
			 "svc #0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x8), "r"(f),
			   "r"(a), [exit] "i"(SYS_exit)
			 : "x30", "memory");
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
	return (pid_t)clone_raw(SYS_clone, (long)rq->flags | rq->exit_signal,
				(long)((uintptr_t)stack + CLONE_STACK),
				(long)(uintptr_t)&rq->pidfd, fn, arg);
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
	r = clone_raw(SYS_clone3, (long)(uintptr_t)&ca, sizeof(ca), 0, fn, arg);
	if (r == -ENOSYS)
		return clone_old(rq, stack, fn, arg);
	return (pid_t)r;
}
