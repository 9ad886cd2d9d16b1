/*
 * Everything that a box must not reach, each harmless to lose: files that hold
 * a token, sockets, IPC objects, a key, a control group, victims.
 */
#include "tests/escape/host.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#define KEY_SESSION (-3)
#define KEY_USER (-4)
#define KEYCTL_JOIN 1
#define KEYCTL_SETPERM 5
#define KEYCTL_LINK 8
#define KEYCTL_UNLINK 9

static int
put_file(const char *path, const char *text, mode_t mode)
{
	_cleanup_close_ int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0 ||
	    fchmod(fd, mode) < 0) {
		perror(path);
		return -1;
	}
	return 0;
}

static int
copy_file(const char *from, const char *to, mode_t mode)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out =
		open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	char buf[65536];
	ssize_t n;

	if (in < 0 || out < 0) {
		perror(in < 0 ? from : to);
		return -1;
	}
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			return -1;
	return n < 0 ? -1 : fchmod(out, mode);
}

static void
make_names(struct host *h)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	unsigned char r[12];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		memset(r, 1, sizeof(r));
	for (size_t i = 0; i < sizeof(r); i++)
		snprintf(h->token + 2 * i, 3, "%02x", r[i]);
	h->sysv_key = 0x0ab00000 | r[0] << 8 | r[1];
#define NAME(f, ...) snprintf(h->f, sizeof(h->f), __VA_ARGS__)
	NAME(ws, "%s/ws", h->base);
	NAME(outside, "%s/outside", h->base);
	NAME(secret, "%s/outside/secret", h->base);
	NAME(fifo, "%s/outside/fifo", h->base);
	NAME(exec, "%s/outside/program", h->base);
	NAME(victim_exe, "%s/outside/victim", h->base);
	NAME(home_secret, "%s/home/.ssh/id_test", h->base);
	NAME(tmp_secret, "/tmp/abx-escape-%.8s", h->token);
	NAME(abstract, "abx-escape-%.8s", h->token);
	NAME(mq, "abx-mq-%.8s", h->token);
	NAME(shm, "abx-shm-%.8s", h->token);
	NAME(key, "abx-key-%.8s", h->token);
	NAME(sock[0], "/tmp/abx-escape-%.8s.sock", h->token);
	if (geteuid() == 0)
		run = "/run";
	NAME(sock[1], "%.80s/abx-escape-%.8s.sock", run ? run : h->base,
	     h->token);
	NAME(sock[2], "%.90s/host.sock", h->ws);
#undef NAME
}

static int
make_files(struct host *h)
{
	char path[256];
	int bad = 0;

	for (int i = 0; i < 5; i++) {
		static const char *const dirs[] = { "ws", "outside", "home",
						    "home/.ssh", "ws/.ssh" };

		snprintf(path, sizeof(path), "%s/%s", h->base, dirs[i]);
		bad |= mkdir(path, 0755);
		/* open to all, so that no mode hides a missing layer */
		bad |= chmod(path, i == 1 ? 0777 : 0755);
	}
	bad |= put_file(h->secret, h->token, 0666);
	bad |= put_file(h->home_secret, h->token, 0644);
	bad |= put_file(h->tmp_secret, h->token, 0644);
	snprintf(path, sizeof(path), "%s/.ssh/id_test", h->ws);
	bad |= put_file(path, h->token, 0644);
	snprintf(path, sizeof(path), "%s/canary", h->outside);
	bad |= put_file(path, "untouched\n", 0666);
	snprintf(path, sizeof(path), "%s/stdin", h->outside);
	bad |= put_file(path, "nothing\n", 0644);
	h->stdin_file = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/leak", h->outside);
	bad |= put_file(path, "untouched\n", 0644);
	h->leak_write = open(path, O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/link-secret", h->ws);
	bad |= symlink(h->secret, path);
	snprintf(path, sizeof(path), "%s/link-dir", h->ws);
	bad |= symlink(h->outside, path);
	bad |= mkfifo(h->fifo, 0666) | chmod(h->fifo, 0666);
	return bad;
}

static int
make_programs(struct host *h)
{
	char path[256];
	int bad;

	snprintf(path, sizeof(path), "%s/escape", h->ws);
	bad = copy_file(h->escape, path, 0755);
	bad |= copy_file(h->escape, h->exec, 0755);
	bad |= copy_file("/proc/self/exe", h->victim_exe, 0755);
	if (geteuid() == 0) {
		snprintf(path, sizeof(path), "%s/suid", h->ws);
		bad |= copy_file(h->escape, path, 04755);
	}
	return bad;
}

static int
listen_unix(const char *name, bool is_abstract, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(a);

	snprintf(a.sun_path + is_abstract, sizeof(a.sun_path) - 1, "%s", name);
	if (is_abstract)
		len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				  strlen(name));
	if (s < 0 || bind(s, (struct sockaddr *)&a, len) < 0 ||
	    (type == SOCK_STREAM && listen(s, 16) < 0)) {
		perror(name);
		return -1;
	}
	if (!is_abstract)
		chmod(name, 0777);
	return s;
}

static int
listen_inet(int family, int type, unsigned short want, unsigned short *ret_port)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT,
				   .sin6_port = htons(want) };
	struct sockaddr_in a4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bool six = family == AF_INET6;
	struct sockaddr *a = six ? (void *)&a6 : (void *)&a4;
	socklen_t len = six ? sizeof(a6) : sizeof(a4);
	int s = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (s < 0 || bind(s, a, len) < 0 ||
	    (type == SOCK_STREAM && listen(s, 16) < 0) ||
	    getsockname(s, a, &len) < 0)
		return -1;
	*ret_port = ntohs(six ? a6.sin6_port : a4.sin_port);
	return s;
}

static int
make_listeners(struct host *h)
{
	char dgram[80];
	unsigned short unused;

	snprintf(dgram, sizeof(dgram), "%s-dgram", h->abstract);
	h->fds[C_ABSTRACT] = listen_unix(h->abstract, true, SOCK_STREAM);
	h->fds[C_ABSTRACT_DGRAM] = listen_unix(dgram, true, SOCK_DGRAM);
	for (int i = 0; i < 3; i++)
		h->fds[C_TMP + i] = listen_unix(h->sock[i], false, SOCK_STREAM);
	h->fds[C_TCP] = listen_inet(AF_INET, SOCK_STREAM, 0, &h->port);
	h->fds[C_TCP6] = listen_inet(AF_INET6, SOCK_STREAM, h->port, &unused);
	h->fds[C_UDP] = listen_inet(AF_INET, SOCK_DGRAM, 0, &h->uport);
	h->fds[C_FIFO] = open(h->fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	for (int i = 0; i < C_SOCKETPAIR; i++)
		if (h->fds[i] < 0 && i != C_TCP6)
			return -1;
	return 0;
}

static int
make_ipc(struct host *h)
{
	struct {
		long type;
		char text[32];
	} m = { 1, "" };
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 64 };
	char name[80];
	char *p;
	mqd_t q;
	int fd;

	h->shm_id = shmget(h->sysv_key, 4096, IPC_CREAT | IPC_EXCL | 0666);
	h->sem_id = semget(h->sysv_key, 1, IPC_CREAT | IPC_EXCL | 0666);
	h->msg_id = msgget(h->sysv_key, IPC_CREAT | IPC_EXCL | 0666);
	p = h->shm_id < 0 ? (void *)-1 : shmat(h->shm_id, NULL, 0);
	if (p == (void *)-1 || h->sem_id < 0 || h->msg_id < 0)
		return -1;
	snprintf(p, 4096, "%s", h->token);
	shmdt(p);
	snprintf(m.text, sizeof(m.text), "%s", h->token);
	if (msgsnd(h->msg_id, &m, sizeof(m.text), IPC_NOWAIT) < 0)
		return -1;
	snprintf(name, sizeof(name), "/%s", h->mq);
	q = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0666, &attr);
	if (q == (mqd_t)-1 || mq_send(q, h->token, strlen(h->token), 0) < 0)
		return -1;
	mq_close(q);
	snprintf(name, sizeof(name), "/%s", h->shm);
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0644);
	if (fd < 0 || write(fd, h->token, strlen(h->token)) < 0)
		return -1;
	return close(fd);
}

/* A session keyring of our own, so that nothing of the caller's is touched. */
static void
make_keys(struct host *h)
{
	syscall(SYS_keyctl, KEYCTL_JOIN, NULL);
	h->key_session = syscall(SYS_add_key, "user", h->key, h->token,
				 strlen(h->token), KEY_SESSION);
	/* linked, as pam_keyinit does: only a possessor may set the mode */
	syscall(SYS_keyctl, KEYCTL_LINK, KEY_USER, KEY_SESSION);
	h->key_user = syscall(SYS_add_key, "user", h->key, h->token,
			      strlen(h->token), KEY_USER);
	syscall(SYS_keyctl, KEYCTL_SETPERM, h->key_user, 0x3f3f0000);
}

static void
make_cgroup(struct host *h)
{
	static const char *const roots[] = { "/sys/fs/cgroup/unified",
					     "/sys/fs/cgroup",
					     "/sys/fs/cgroup/pids" };
	char procs[256];

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", roots[i]);
		snprintf(h->cgroup, sizeof(h->cgroup), "%s/abx-escape-%.8s",
			 roots[i], h->token);
		if (access(procs, F_OK) == 0 && mkdir(h->cgroup, 0755) == 0)
			return;
	}
	h->cgroup[0] = '\0';
}

static void
make_handle(struct host *h)
{
	_Alignas(struct file_handle) char buf[sizeof(struct file_handle) + 128];
	struct file_handle *f = (struct file_handle *)(void *)buf;
	int mount, at;

	f->handle_bytes = 128;
	if (name_to_handle_at(AT_FDCWD, h->secret, f, &mount, 0) < 0)
		return;
	at = snprintf(h->handle, sizeof(h->handle), "%02x",
		      (unsigned int)f->handle_type & 0xff);
	for (unsigned int i = 0; i < f->handle_bytes; i++)
		at += snprintf(h->handle + at, sizeof(h->handle) - (size_t)at,
			       "%02x", f->f_handle[i]);
}

static int
make_leaks(struct host *h)
{
	int pair[2];

	h->leak_dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	h->leak_secret = open(h->secret, O_RDONLY | O_CLOEXEC);
	h->leak_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       pair) < 0)
		return -1;
	h->fds[C_SOCKETPAIR] = pair[0];
	h->leak_sock = pair[1];
	if (openpty(&h->master, &h->slave, NULL, NULL, NULL) < 0)
		return -1;
	fcntl(h->master, F_SETFD, FD_CLOEXEC);
	fcntl(h->slave, F_SETFD, FD_CLOEXEC);
	fcntl(h->master, F_SETFL, O_NONBLOCK);
	return ttyname_r(h->slave, h->tty, sizeof(h->tty));
}

static int
make_base(struct host *h)
{
	const char *dir = getenv("TMPDIR");

	/* /var/tmp is not /tmp, which every box has of its own */
	if (!dir || !strcmp(dir, "/tmp"))
		dir = "/var/tmp";
	snprintf(h->base, sizeof(h->base), "%.60s/abx-escape-XXXXXX", dir);
	if (!mkdtemp(h->base) || chmod(h->base, 0755) < 0) {
		perror(h->base);
		return -1;
	}
	return 0;
}

/* The writer of the audit log that the boxes of this run are recorded in. */
static void
find_writer(struct host *h)
{
	const char *state = getenv("AGENTBOX_STATE_DIR");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct ucred uc = { .pid = 0 };
	socklen_t len = sizeof(uc);

	snprintf(h->state, sizeof(h->state), "%s", state ? state : "");
	if (fd < 0 ||
	    (size_t)snprintf(a.sun_path, sizeof(a.sun_path), "%s/audit/socket",
			     h->state) >= sizeof(a.sun_path) ||
	    connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) < 0)
		return;
	h->writer = uc.pid;
}

int
host_setup(struct host *h)
{
	for (int i = 0; i < C_MAX; i++)
		h->fds[i] = -EBADF;
	umask(022);
	if (make_base(h) < 0)
		return -EIO;
	make_names(h);
	if (make_files(h) || make_programs(h) || make_listeners(h) ||
	    make_ipc(h) || make_leaks(h)) {
		perror("escape-host: preparing");
		return -EIO;
	}
	make_keys(h);
	make_handle(h);
	if (geteuid() == 0)
		make_cgroup(h);
	if (pipe2(h->signal_pipe, O_NONBLOCK | O_CLOEXEC) < 0 ||
	    pipe2(h->group_pipe, O_NONBLOCK | O_CLOEXEC) < 0 ||
	    victim_start(h, &h->victim, &h->victim_addr) < 0)
		return -EIO;
	find_writer(h);
	h->init = 1;
	if (h->selftest && victim_start(h, &h->init, NULL) < 0)
		return -EIO;
	gethostname(h->hostname, sizeof(h->hostname) - 1);
	clock_gettime(CLOCK_REALTIME, &h->real);
	clock_gettime(CLOCK_BOOTTIME, &h->boot);
	h->mounts = count_mounts();
	return 0;
}

static int
remove_entry(const char *path, _unused_ const struct stat *st,
	     _unused_ int type, _unused_ struct FTW *f)
{
	return remove(path) < 0 ? 0 : 0;
}

static void
end_process(pid_t pid)
{
	if (pid <= 1)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

void
host_cleanup(struct host *h)
{
	char name[80];

	end_process(h->victim);
	end_process(h->init);
	end_process(h->member);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (h->base[0])
		nftw(h->base, remove_entry, 32,
		     FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	unlink(h->tmp_secret);
	for (int i = 0; i < 3; i++)
		unlink(h->sock[i]);
	shmctl(h->shm_id, IPC_RMID, NULL);
	semctl(h->sem_id, 0, IPC_RMID);
	msgctl(h->msg_id, IPC_RMID, NULL);
	snprintf(name, sizeof(name), "/%s", h->mq);
	mq_unlink(name);
	snprintf(name, sizeof(name), "/%s", h->shm);
	shm_unlink(name);
	if (h->key_user > 0)
		syscall(SYS_keyctl, KEYCTL_UNLINK, h->key_user, KEY_USER);
	if (h->cgroup[0])
		rmdir(h->cgroup);
}
