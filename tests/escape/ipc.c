/*
 * Talking to host processes without the network: Unix sockets by name and by
 * path, SysV and POSIX objects, and descriptors passed through them. The host
 * half hands its root directory to whoever connects.
 */
#include "tests/escape/probe.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Takes the descriptor that the host half sends; -1 if none comes. */
static int
receive_fd(int sock)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct pollfd f = { .fd = sock, .events = POLLIN };
	struct cmsghdr *c;
	int fd = -1;

	if (poll(&f, 1, 1000) != 1 || recvmsg(sock, &m, MSG_CMSG_CLOEXEC) < 0)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

_noreturn_ static void
talk(const struct params *p, const struct sockaddr_un *a, socklen_t len,
     int type)
{
	int s = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (s < 0)
		refused("socket");
	if (connect(s, (const struct sockaddr *)a, len) < 0)
		refused("connect");
	if (type == SOCK_DGRAM) {
		if (send(s, "escaped", 7, 0) < 0)
			refused("send");
		escaped("sent a datagram to a host process");
	}
	if (path_has_token(p, receive_fd(s), p->secret + 1))
		escaped("was handed the host's root directory");
	escaped("connected to a host process");
}

static void
unix_abstract(const struct params *p, long arg)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t n;

	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "%s%s", p->abstract,
		 arg == SOCK_DGRAM ? "-dgram" : "");
	n = strlen(a.sun_path + 1);
	talk(p, &a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n),
	     (int)arg);
}

static void
unix_path(const struct params *p, long arg)
{
	const char *const paths[] = { p->sock_tmp, p->sock_run, p->sock_ws };
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (!paths[arg] || !*paths[arg])
		absent("the host half has no such socket");
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", paths[arg]);
	talk(p, &a, sizeof(a), SOCK_STREAM);
}

/* Outwards: the host half is asked to connect to our socket by path. */
static void
unix_listen(const struct params *p, _unused_ long arg)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX,
				 .sun_path = "\0abx-inner" };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *answer;

	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "%s-inner",
		 p->abstract);
	if (s < 0 ||
	    bind(s, (struct sockaddr *)&a,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			     strlen(a.sun_path + 1))) < 0 ||
	    listen(s, 1) < 0)
		refused("listening");
	answer = ask_host(p, "connect-abstract");
	if (!answer)
		escaped("bad run: the host side did not answer");
	if (!strcmp(answer, "connected"))
		escaped("a host process reached our abstract socket");
	blocked("the host saw: %s", answer);
}

static void
sysv_shm(const struct params *p, _unused_ long arg)
{
	int id = shmget((key_t)p->sysv, 0, 0);
	const char *m = id < 0 ? NULL : shmat(id, NULL, SHM_RDONLY);

	if (!m || m == (void *)-1)
		refused("shmget");
	if (has_token(p, m, 4096))
		escaped("read the host's segment");
	blocked("another segment");
}

/* By number: an id needs no key. */
static void
sysv_shm_id(const struct params *p, _unused_ long arg)
{
	struct shmid_ds d;
	int last;

	last = shmctl(0, SHM_INFO, &d);
	for (int i = 0; i <= MIN(last, 4096); i++) {
		int id = shmctl(i, SHM_STAT, &d);
		const char *m = id < 0 ? NULL : shmat(id, NULL, SHM_RDONLY);

		if (m && m != (void *)-1 && has_token(p, m, 4096))
			escaped("found the host's segment by its number");
	}
	blocked("%d segments, none of the host", last < 0 ? 0 : last + 1);
}

static void
sysv_sem(const struct params *p, _unused_ long arg)
{
	int id = semget((key_t)p->sysv, 0, 0);

	if (id < 0)
		refused("semget");
	judge(semctl(id, 0, SETVAL, 7), "semctl");
}

static void
sysv_msg(const struct params *p, _unused_ long arg)
{
	struct {
		long type;
		char text[256];
	} m;
	int id = msgget((key_t)p->sysv, 0);
	ssize_t n;

	if (id < 0)
		refused("msgget");
	n = msgrcv(id, &m, sizeof(m.text), 0, IPC_NOWAIT);
	if (n > 0)
		escaped("took a message of the host");
	refused("msgrcv");
}

static void
posix_shm(const struct params *p, _unused_ long arg)
{
	if (fd_has_token(p, shm_open(path_join("", p->shm), O_RDONLY, 0)))
		escaped("read the host's object");
	refused("shm_open");
}

static void
posix_mq(const struct params *p, _unused_ long arg)
{
	char buf[8192];
	mqd_t q = mq_open(path_join("", p->mq), O_RDONLY | O_NONBLOCK);
	ssize_t n;

	if (q == (mqd_t)-1)
		refused("mq_open");
	n = mq_receive(q, buf, sizeof(buf), NULL);
	if (n > 0 && has_token(p, buf, (size_t)n))
		escaped("took a message of the host");
	refused("mq_receive");
}

const struct probe probes_ipc[] = {
	{ "unix-abstract", OPEN_USER, 0, "an abstract stream socket",
	  "network namespace, Landlock scope", unix_abstract, SOCK_STREAM },
	{ "unix-abstract-dgram", OPEN_USER, 0, "an abstract datagram socket",
	  "network namespace, Landlock scope", unix_abstract, SOCK_DGRAM },
	{ "unix-abstract-listen", OPEN_USER, 0,
	  "an abstract socket of the box, reached from the host",
	  "network namespace", unix_listen, 0 },
	{ "unix-path-tmp", OPEN_USER, 0, "a socket in the host's /tmp",
	  "private /tmp", unix_path, 0 },
	{ "unix-path-run", OPEN_USER, 0, "a socket in the host's /run",
	  "mount namespace", unix_path, 1 },
	{ "unix-path-workspace", OPEN_USER, 0,
	  "a host process's socket in the workspace", "Landlock ABI 9; masking",
	  unix_path, 2 },
	{ "sysv-shm", OPEN_USER, 0, "a SysV segment by key", "ipc namespace",
	  sysv_shm, 0 },
	{ "sysv-shm-id", OPEN_USER, 0, "a SysV segment by number",
	  "ipc namespace", sysv_shm_id, 0 },
	{ "sysv-sem", OPEN_USER, 0, "a SysV semaphore", "ipc namespace",
	  sysv_sem, 0 },
	{ "sysv-msg", OPEN_USER, 0, "a SysV message queue", "ipc namespace",
	  sysv_msg, 0 },
	{ "posix-shm", OPEN_USER, 0, "a POSIX shared memory object",
	  "private /dev/shm", posix_shm, 0 },
	{ "posix-mq", OPEN_USER, 0, "a POSIX message queue", "ipc namespace",
	  posix_mq, 0 },
	{ 0 },
};
