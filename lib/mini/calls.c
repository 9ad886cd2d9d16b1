/* The system calls of agentbox-stage and agentbox-guard, by the names that libc
 * gives them. See lib/mini/start.c. */
#include "lib/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* One for all processes of a launch, which share memory and never run at the
 * same time (sandbox/stage_main.c). */
static int mini_errno;

/* kernel/signal.c; libc's own sets are larger. */
#define KERNEL_SIGSET 8

int *
__errno_location(void)
{
	return &mini_errno;
}

static long
give(long r)
{
	if (r >= 0)
		return r;
	mini_errno = (int)-r;
	return -1;
}

/* Arguments are integers or pointers, as the kernel takes them. */
#define CALL(nr, a, b, c, d, e)                                                \
	give(raw_call(SYS_##nr, (long)(a), (long)(b), (long)(c), (long)(d),    \
		      (long)(e), 0))

long
syscall(long nr, ...)
{
	va_list ap;
	long v[6];

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		v[i] = va_arg(ap, long);
	va_end(ap);
	return give(raw_call(nr, v[0], v[1], v[2], v[3], v[4], v[5]));
}

void
_exit(int status)
{
	for (;;)
		raw_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

/* ---- descriptors and files */

ssize_t
read(int fd, void *buf, size_t n)
{
	return CALL(read, fd, buf, n, 0, 0);
}

ssize_t
write(int fd, const void *buf, size_t n)
{
	return CALL(write, fd, buf, n, 0, 0);
}

int
close(int fd)
{
	return (int)CALL(close, fd, 0, 0, 0, 0);
}

int
close_range(unsigned int first, unsigned int last, int flags)
{
	return (int)CALL(close_range, first, last, flags, 0, 0);
}

int
dup3(int from, int to, int flags)
{
	return (int)CALL(dup3, from, to, flags, 0, 0);
}

int
dup2(int from, int to)
{
	if (from == to)
		return fcntl(from, F_GETFD) < 0 ? -1 : to;
	return dup3(from, to, 0);
}

int
fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return (int)CALL(fcntl, fd, cmd, arg, 0, 0);
}

int
ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	long arg;

	va_start(ap, request);
	arg = va_arg(ap, long);
	va_end(ap);
	return (int)CALL(ioctl, fd, request, arg, 0, 0);
}

int
isatty(int fd)
{
	char kernel_termios[64]; /* 36 bytes, asm-generic/termbits.h */

	return ioctl(fd, TCGETS, kernel_termios) == 0;
}

int
poll(struct pollfd *v, nfds_t n, int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	return (int)CALL(ppoll, v, n, ms < 0 ? NULL : &t, NULL, KERNEL_SIGSET);
}

/* The mode is looked at by the kernel only if it is asked for. */
int
openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return (int)CALL(openat, dir, path, flags, mode, 0);
}

int
open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return openat(AT_FDCWD, path, flags, mode);
}

int
fstatat(int dir, const char *path, struct stat *st, int flags)
{
	return (int)CALL(newfstatat, dir, path, st, flags, 0);
}

int
fstat(int fd, struct stat *st)
{
	return fstatat(fd, "", st, AT_EMPTY_PATH);
}

int
statx(int dir, const char *path, int flags, unsigned int mask, struct statx *sx)
{
	return (int)CALL(statx, dir, path, flags, mask, sx);
}

int
unlinkat(int dir, const char *path, int flags)
{
	return (int)CALL(unlinkat, dir, path, flags, 0, 0);
}

int
mkdirat(int dir, const char *path, mode_t mode)
{
	return (int)CALL(mkdirat, dir, path, mode, 0, 0);
}

int
mknodat(int dir, const char *path, mode_t mode, dev_t dev)
{
	return (int)CALL(mknodat, dir, path, mode, dev, 0);
}

int
symlinkat(const char *target, int dir, const char *path)
{
	return (int)CALL(symlinkat, target, dir, path, 0, 0);
}

int
chdir(const char *path)
{
	return (int)CALL(chdir, path, 0, 0, 0, 0);
}

int
fchdir(int fd)
{
	return (int)CALL(fchdir, fd, 0, 0, 0, 0);
}

mode_t
umask(mode_t mask)
{
	return (mode_t)CALL(umask, mask, 0, 0, 0, 0);
}

int
umount2(const char *path, int flags)
{
	return (int)CALL(umount2, path, flags, 0, 0, 0);
}

/* ---- sockets */

int
socket(int domain, int type, int protocol)
{
	return (int)CALL(socket, domain, type, protocol, 0, 0);
}

int
bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	return (int)CALL(bind, fd, sa, len, 0, 0);
}

ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	return CALL(sendmsg, fd, m, flags, 0, 0);
}

ssize_t
recvmsg(int fd, struct msghdr *m, int flags)
{
	return CALL(recvmsg, fd, m, flags, 0, 0);
}

/* As CMSG_NXTHDR(3); an inline function of libc's headers, when optimising. */
struct cmsghdr *
__cmsg_nxthdr(struct msghdr *m, struct cmsghdr *c)
{
	const char *end = (char *)m->msg_control + m->msg_controllen;
	char *next = (char *)c + CMSG_ALIGN(c->cmsg_len);

	if (c->cmsg_len < sizeof(*c) || next + sizeof(*c) > end ||
	    next + CMSG_ALIGN(((struct cmsghdr *)(void *)next)->cmsg_len) > end)
		return NULL;
	return (struct cmsghdr *)(void *)next;
}

/* ---- memory */

void *
mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	/* MAP_FAILED is -1 */
	return (void *)give(
		raw_call(SYS_mmap, (long)at, (long)len, prot, flags, fd, off));
}

int
madvise(void *at, size_t len, int advice)
{
	return (int)CALL(madvise, at, len, advice, 0, 0);
}

/* ---- processes */

int
execve(const char *path, char *const argv[], char *const envp[])
{
	return (int)CALL(execve, path, argv, envp, 0, 0);
}

pid_t
waitpid(pid_t pid, int *status, int options)
{
	return (pid_t)CALL(wait4, pid, status, options, NULL, 0);
}

int
kill(pid_t pid, int sig)
{
	return (int)CALL(kill, pid, sig, 0, 0, 0);
}

pid_t
setsid(void)
{
	return (pid_t)CALL(setsid, 0, 0, 0, 0, 0);
}

int
prctl(int option, ...)
{
	va_list ap;
	long v[4];

	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		v[i] = va_arg(ap, long);
	va_end(ap);
	return (int)CALL(prctl, option, v[0], v[1], v[2], v[3]);
}

int
unshare(int flags)
{
	return (int)CALL(unshare, flags, 0, 0, 0, 0);
}

int
sethostname(const char *name, size_t len)
{
	return (int)CALL(sethostname, name, len, 0, 0, 0);
}

int
setgroups(size_t n, const gid_t *groups)
{
	return (int)CALL(setgroups, n, groups, 0, 0, 0);
}

int
setresuid(uid_t r, uid_t e, uid_t s)
{
	return (int)CALL(setresuid, r, e, s, 0, 0);
}

int
setresgid(gid_t r, gid_t e, gid_t s)
{
	return (int)CALL(setresgid, r, e, s, 0, 0);
}

int
getrlimit(__rlimit_resource_t what, struct rlimit *l)
{
	return (int)CALL(prlimit64, 0, what, NULL, l, 0);
}

int
setrlimit(__rlimit_resource_t what, const struct rlimit *l)
{
	return (int)CALL(prlimit64, 0, what, l, NULL, 0);
}

/* ---- time and signals */

int
nanosleep(const struct timespec *t, struct timespec *rest)
{
	return (int)CALL(nanosleep, t, rest, 0, 0, 0);
}

int
sigfillset(sigset_t *set)
{
	for (size_t i = 0; i < sizeof(set->__val) / sizeof(set->__val[0]); i++)
		set->__val[i] = ~0ul;
	return 0;
}

int
sigemptyset(sigset_t *set)
{
	*set = (sigset_t){ 0 };
	return 0;
}

int
sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return (int)CALL(rt_sigprocmask, how, set, old, KERNEL_SIGSET, 0);
}

int
sigtimedwait(const sigset_t *set, siginfo_t *si, const struct timespec *t)
{
	return (int)CALL(rt_sigtimedwait, set, si, t, KERNEL_SIGSET, 0);
}

int
__libc_current_sigrtmax(void)
{
	return 64;
}

/* Only back to the default: a handler would need a way back. */
int
sigaction(int sig, const struct sigaction *new, struct sigaction *old)
{
	const struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		unsigned long mask;
	} k = { .handler = SIG_DFL };

	if (!new || new->sa_handler != SIG_DFL || old) {
		mini_errno = EINVAL;
		return -1;
	}
	return (int)CALL(rt_sigaction, sig, &k, NULL, KERNEL_SIGSET, 0);
}
