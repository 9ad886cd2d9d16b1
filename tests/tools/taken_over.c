/*
 * The attempts of tests/tools/taken_over.h. What always holds: nothing here
 * depends on the filter that is tried; without it most of them get what they
 * want, which test_shim_confine shows.
 */
#include "tests/tools/taken_over.h"

#include "lib/macro.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

static struct sockaddr_in
server(const struct taken *t)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(t->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* ---- dialling ------------------------------------------------------------ */

static int
inet_socket(struct taken *t _unused_)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int
unix_socket(struct taken *t _unused_)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int
pair_of_sockets(struct taken *t _unused_)
{
	int fds[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0;
}

static int
connect_anew(struct taken *t)
{
	struct sockaddr_in a = server(t);

	for (int i = 0; i < 2; i++)
		if (connect(t->gone, (struct sockaddr *)&a, sizeof(a)) == 0)
			return 1;
	return 0;
}

static int
disconnect(struct taken *t)
{
	struct sockaddr a = { .sa_family = AF_UNSPEC };

	return connect(t->upstream, &a, sizeof(a)) == 0;
}

/* tcp(7): it dials. */
static int
fast_open_sendto(struct taken *t)
{
	struct sockaddr_in a = server(t);

	for (int i = 0; i < 2; i++)
		if (sendto(t->gone, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
			   (struct sockaddr *)&a, sizeof(a)) >= 0)
			return 1;
	return 0;
}

static int
fast_open_sendmsg(struct taken *t)
{
	struct sockaddr_in a = server(t);
	struct iovec iov = { (char[]){ "x" }, 1 };
	struct msghdr m = { .msg_name = &a,
			    .msg_namelen = sizeof(a),
			    .msg_iov = &iov,
			    .msg_iovlen = 1 };

	for (int i = 0; i < 2; i++)
		if (sendmsg(t->gone, &m, MSG_FASTOPEN | MSG_NOSIGNAL) >= 0)
			return 1;
	return 0;
}

static int
address_for_sendto(struct taken *t)
{
	struct sockaddr_in a = server(t);

	return sendto(t->udp, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)) >= 0;
}

static int
send_many(struct taken *t)
{
	struct iovec iov = { (char[]){ "x" }, 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } };

	return sendmmsg(t->upstream, &m, 1, MSG_FASTOPEN) >= 0;
}

static int
fast_open_option(struct taken *t)
{
	int one = 1;

	return setsockopt(t->gone, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one,
			  sizeof(one)) == 0;
}

static int
bind_upstream(struct taken *t)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	return bind(t->gone, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static int
listen_upstream(struct taken *t)
{
	return listen(t->gone, 1) == 0;
}

static int
mark_packets(struct taken *t)
{
	int mark = 1;

	return setsockopt(t->upstream, SOL_SOCKET, SO_MARK, &mark,
			  sizeof(mark)) == 0;
}

static int
uring(struct taken *t _unused_)
{
	char params[120] = { 0 };

	return (int)syscall(SYS_io_uring_setup, 8, params);
}

/* ---- files --------------------------------------------------------------- */

static int
open_file(struct taken *t _unused_)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int
open_proc(struct taken *t _unused_)
{
	return open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

static int
open_victim(struct taken *t)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", t->victim);
	return open(path, O_RDWR | O_CLOEXEC);
}

static int
make_file(struct taken *t _unused_)
{
	return (int)syscall(SYS_openat, AT_FDCWD, "/tmp/x", O_CREAT | O_WRONLY,
			    0600);
}

static int
open_how(struct taken *t _unused_)
{
	uint64_t how[3] = { O_RDONLY };

	return (int)syscall(SYS_openat2, AT_FDCWD, "/", how, sizeof(how));
}

static int
look_at_names(struct taken *t _unused_)
{
	char buf[256];

	return (int)readlink("/proc/self/exe", buf, sizeof(buf));
}

static int
memory_file(struct taken *t _unused_)
{
	return (int)syscall(SYS_memfd_create, "x", 0);
}

static int
mount_it(struct taken *t _unused_)
{
	return mount("x", "/", "tmpfs", 0, NULL) == 0;
}

static int
new_namespace(struct taken *t _unused_)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static int
join_namespace(struct taken *t)
{
	return setns(t->upstream, 0) == 0;
}

/* ---- programs and processes ---------------------------------------------- */

static int
exec_program(struct taken *t _unused_)
{
	return execl("/bin/true", "true", NULL);
}

static int
exec_descriptor(struct taken *t)
{
	char *none[] = { NULL };

	return (int)syscall(SYS_execveat, t->chan, "", none, none,
			    AT_EMPTY_PATH);
}

static int
fork_it(struct taken *t _unused_)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0;
}

static int
clone_it(struct taken *t _unused_)
{
	struct clone_args a = { .exit_signal = SIGCHLD };

	return (int)syscall(SYS_clone3, &a, sizeof(a)) >= 0;
}

static int
signal_victim(struct taken *t)
{
	return kill(t->victim, SIGTERM) == 0;
}

static int
signal_thread(struct taken *t)
{
	return syscall(SYS_tgkill, t->victim, t->victim, SIGTERM) == 0;
}

static int
signal_pidfd(struct taken *t)
{
	return (int)syscall(SYS_pidfd_open, t->victim, 0);
}

/* fcntl(2): "somebody is told by a signal when there is data". */
static int
signal_by_owner(struct taken *t)
{
	return fcntl(t->upstream, F_SETOWN, t->victim) == 0;
}

static int
signal_number(struct taken *t)
{
	return fcntl(t->upstream, F_SETSIG, SIGKILL) == 0;
}

static int
signal_async(struct taken *t)
{
	return fcntl(t->upstream, F_SETFL, O_ASYNC) == 0;
}

static int
signal_by_ioctl(struct taken *t)
{
	int pid = t->victim;

	return ioctl(t->upstream, FIOSETOWN, &pid) == 0;
}

static int
trace_victim(struct taken *t)
{
	return ptrace(PTRACE_ATTACH, t->victim, 0, 0) == 0;
}

static int
read_victim(struct taken *t)
{
	char buf[8];
	struct iovec l = { buf, sizeof(buf) },
		     r = { (void *)(uintptr_t)attempts, 8 };

	return process_vm_readv(t->victim, &l, 1, &r, 1, 0) > 0;
}

static int
take_from_victim(struct taken *t)
{
	return (int)syscall(SYS_pidfd_getfd, t->chan, 0, 0) >= 0;
}

static int
limit_victim(struct taken *t)
{
	struct rlimit none = { 0, 0 };

	return syscall(SYS_prlimit64, t->victim, RLIMIT_NOFILE, &none, NULL) ==
	       0;
}

/* ---- itself -------------------------------------------------------------- */

static int
become_root(struct taken *t _unused_)
{
	return setuid(0) == 0;
}

static int
be_dumpable(struct taken *t _unused_)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

static int
new_filter(struct taken *t _unused_)
{
	return syscall(SYS_seccomp, 0, 0, NULL) == 0;
}

static int
run_memory(struct taken *t _unused_)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static int
run_memory_later(struct taken *t _unused_)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

static int
bpf_program(struct taken *t _unused_)
{
	return syscall(SYS_bpf, 0, NULL, 0) >= 0;
}

static int
keys(struct taken *t _unused_)
{
	return syscall(SYS_keyctl, 0, -3, 0) >= 0;
}

static int
options_of_peers(struct taken *t)
{
	struct {
		int pid, uid, gid;
	} who;
	socklen_t len = sizeof(who);

	return getsockopt(t->chan, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0;
}

/* What it may: a datagram within the box leads to the box, and says so. */
static int
what_is_left(struct taken *t)
{
	struct iovec iov = { (char[]){ "x" }, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[2];

	/* the address is the peer's, or none */
	if (sendmsg(t->gone, &m, MSG_NOSIGNAL) >= 0)
		return 1;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return 2;
	return 0;
}

#define DIES(fn)                                                               \
	{                                                                      \
#fn, fn, true                                                  \
	}
const struct attempt attempts[] = {
	DIES(inet_socket),	 DIES(unix_socket),
	DIES(pair_of_sockets),	 DIES(connect_anew),
	DIES(disconnect),	 DIES(fast_open_sendto),
	DIES(fast_open_sendmsg), DIES(address_for_sendto),
	DIES(send_many),	 DIES(fast_open_option),
	DIES(bind_upstream),	 DIES(listen_upstream),
	DIES(mark_packets),	 DIES(uring),
	DIES(open_file),	 DIES(open_proc),
	DIES(open_victim),	 DIES(make_file),
	DIES(open_how),		 DIES(look_at_names),
	DIES(memory_file),	 DIES(mount_it),
	DIES(new_namespace),	 DIES(join_namespace),
	DIES(exec_program),	 DIES(exec_descriptor),
	DIES(fork_it),		 DIES(clone_it),
	DIES(signal_victim),	 DIES(signal_thread),
	DIES(signal_pidfd),	 DIES(signal_by_owner),
	DIES(signal_number),	 DIES(signal_async),
	DIES(signal_by_ioctl),	 DIES(trace_victim),
	DIES(read_victim),	 DIES(take_from_victim),
	DIES(limit_victim),	 DIES(become_root),
	DIES(be_dumpable),	 DIES(new_filter),
	DIES(run_memory),	 DIES(run_memory_later),
	DIES(bpf_program),	 DIES(keys),
	DIES(options_of_peers),	 { "what_is_left", what_is_left, false },
};
const size_t n_attempts = ARRAY_SIZE(attempts);
