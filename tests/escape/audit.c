/*
 * The audit trail: the writer's socket, its files, its process. Whoever reached
 * one of them could say things in another's name, or keep what it did out of
 * the log.
 */
#include "tests/escape/probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define WRITER_COMM "agentbox-audit"

static void
need_state(const struct params *p)
{
	if (!p->state || !p->state[0])
		absent("there is no audit log");
}

static int
try_connect(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		refused("socket");
	if ((size_t)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path) >=
	    sizeof(a.sun_path))
		absent("its path is too long");
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
}

static void
writer_socket(const struct params *p, _unused_ long arg)
{
	char path[512];
	int r;

	need_state(p);
	snprintf(path, sizeof(path), "%s/audit/socket", p->state);
	r = try_connect(path);
	if (r == 0)
		escaped("connected to the writer");
	errno = -r;
	refused("connect");
}

/* By whatever name the kernel lists, abstract ones too. */
static void
writer_unix(_unused_ const struct params *p, _unused_ long arg)
{
	FILE *f = fopen("/proc/net/unix", "re");
	char line[512];
	int n = 0;

	if (!f)
		refused("/proc/net/unix");
	while (fgets(line, sizeof(line), f)) {
		n++;
		if (strstr(line, "audit"))
			escaped("the writer's socket is listed");
	}
	fclose(f);
	blocked("%d lines, none of them the writer's", n);
}

static void
log_list(const struct params *p, _unused_ long arg)
{
	char path[512];
	DIR *d;

	need_state(p);
	snprintf(path, sizeof(path), "%s/audit/log", p->state);
	d = opendir(path);
	if (!d)
		refused("opendir");
	closedir(d);
	escaped("the files of the log can be listed");
}

/* flags of open(2); nothing is written or truncated. */
static void
log_file(const struct params *p, long flags)
{
	static const char *const names[] = { "lock", "head", "sign.key",
					     "log/00000000000000000001.seg" };
	char path[512];

	need_state(p);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_close_ int fd = -EBADF;

		snprintf(path, sizeof(path), "%s/audit/%s", p->state, names[i]);
		fd = open(path, (int)flags | O_CLOEXEC);
		if (fd >= 0)
			escaped("%s is open", names[i]);
	}
	refused("open");
}

/* O_TMPFILE: what comes of it has no name. */
static void
log_create(const struct params *p, _unused_ long arg)
{
	char path[512];

	need_state(p);
	snprintf(path, sizeof(path), "%s/audit", p->state);
	judge(open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), "open");
}

static bool
is_writer(long pid)
{
	char path[64], comm[32] = "";
	_cleanup_close_ int fd = -EBADF;

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, comm, sizeof(comm) - 1) > 0 &&
	       !strncmp(comm, WRITER_COMM, strlen(WRITER_COMM));
}

static void
need_writer(const struct params *p)
{
	if (p->writer <= 0)
		absent("the writer has no pid here");
}

/* By its number on the host. */
static void
writer_kill(const struct params *p, _unused_ long arg)
{
	need_writer(p);
	if (kill((pid_t)p->writer, SIGURG) < 0)
		refused("kill");
	if (!is_writer(p->writer))
		blocked("that pid is a process of the box");
	escaped("sent a signal to the writer");
}

static void
writer_trace(const struct params *p, _unused_ long arg)
{
	need_writer(p);
	if (ptrace(PTRACE_SEIZE, (pid_t)p->writer, NULL, NULL) < 0)
		refused("ptrace");
	if (!is_writer(p->writer))
		blocked("that pid is a process of the box");
	escaped("traces the writer");
}

/* By its name. */
static void
writer_find(_unused_ const struct params *p, _unused_ long arg)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;

	if (!d)
		refused("/proc");
	while ((e = readdir(d))) {
		long pid = strtol(e->d_name, NULL, 10);

		n += pid > 0;
		if (pid > 0 && is_writer(pid))
			escaped("the writer is seen as %ld", pid);
	}
	closedir(d);
	blocked("%d processes, none of them the writer", n);
}

static void
state_variable(_unused_ const struct params *p, _unused_ long arg)
{
	if (getenv("AGENTBOX_STATE_DIR"))
		escaped("AGENTBOX_STATE_DIR is set");
	blocked("where the log lies is not in the environment");
}

const struct probe probes_audit[] = {
	{ "audit-socket", OPEN_HOST, 0, "a connection to the audit writer",
	  "mount namespace", writer_socket, 0 },
	{ "audit-unix", OPEN_HOST, 0, "the writer's socket in /proc/net/unix",
	  "network namespace", writer_unix, 0 },
	{ "audit-list", OPEN_HOST, 0, "listing the files of the audit log",
	  "mount namespace, Landlock", log_list, 0 },
	{ "audit-read", OPEN_HOST, 0, "reading the audit log and its keys",
	  "mount namespace, Landlock", log_file, O_RDONLY },
	{ "audit-write", OPEN_HOST, 0, "writing to the audit log",
	  "mount namespace, Landlock", log_file, O_WRONLY | O_APPEND },
	{ "audit-create", OPEN_HOST, 0, "a file in the writer's folder",
	  "mount namespace, Landlock", log_create, 0 },
	{ "audit-kill", OPEN_HOST, 0, "a signal to the writer, by its pid",
	  "pid namespace, Landlock", writer_kill, 0 },
	{ "audit-trace", OPEN_HOST, 0, "tracing the writer, by its pid",
	  "pid namespace, seccomp", writer_trace, 0 },
	{ "audit-find", OPEN_HOST, 0, "the writer among the processes",
	  "pid namespace", writer_find, 0 },
	{ "audit-variable", OPEN_HOST, 0, "where the audit log lies",
	  "environment allowlist", state_variable, 0 },
	{ 0 },
};
