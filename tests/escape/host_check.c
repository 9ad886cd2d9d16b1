/*
 * After the box: what has changed on the host? Each check is a probe of its
 * own, and in the self-test each has to find something.
 */
#include "tests/escape/host.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define DETAIL 160

int
count_mounts(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n++;
	return n;
}

/* Does it have that comm, and is it alive? "12 (comm) S 1 ..." */
static bool
is_alive(const char *pid, const char *want)
{
	char path[300], stat[512] = "";
	const char *comm, *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, stat, sizeof(stat) - 1) < 0)
		stat[0] = '\0';
	close(fd);
	comm = strchr(stat, '(');
	end = strrchr(stat, ')');
	return comm && end && !strncmp(comm + 1, want, strlen(want)) &&
	       !strchr("ZX", end[2]);
}

/* The pid of a process with that comm, or 0. */
static pid_t
find_comm(const char *want)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	while (d && !found && (e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]) &&
		    is_alive(e->d_name, want))
			found = (pid_t)strtol(e->d_name, NULL, 10);
	if (d)
		closedir(d);
	return found;
}

static bool
survivors(struct host *h, char *detail)
{
	struct timespec wait = { 0, 20000000 };
	char comm[16];
	pid_t pid = 0;
	int n = 0;

	snprintf(comm, sizeof(comm), "abxs%.11s", h->token);
	for (int i = 0; i < 50 && (pid = find_comm(comm)); i++)
		nanosleep(&wait, NULL);
	for (; pid && n < 1000; pid = find_comm(comm), n++) {
		kill(pid, SIGKILL);
		nanosleep(&wait, NULL);
	}
	snprintf(detail, DETAIL, "%d processes outlived the box by 1 s", n);
	return n > 0;
}

static bool
got_signal(int fd, char *detail)
{
	char buf[256];
	ssize_t n = read(fd, buf, sizeof(buf));

	snprintf(detail, DETAIL, "%zd signals", n < 0 ? 0 : n);
	return n > 0;
}

static bool
victim_signals(struct host *h, char *detail)
{
	return got_signal(h->signal_pipe[0], detail);
}

static bool
group_signals(struct host *h, char *detail)
{
	return got_signal(h->group_pipe[0], detail);
}

static bool
has_text(const char *dir, const char *name, const char *want, mode_t mode)
{
	char path[256], buf[64] = "";
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) < 0 || fstat(fd, &st) < 0)
		buf[0] = '\0';
	if (fd >= 0)
		close(fd);
	return !strcmp(buf, want) && (st.st_mode & 07777) == mode;
}

static bool
files(struct host *h, char *detail)
{
	static const char *const known[] = { ".",      "..",	  "secret",
					     "canary", "stdin",	  "leak",
					     "fifo",   "program", "victim",
					     "moved" };
	DIR *d = opendir(h->outside);
	struct dirent *e;
	bool odd = false;

	while (d && !odd && (e = readdir(d))) {
		odd = true;
		for (size_t i = 0; i < ARRAY_SIZE(known); i++)
			odd = odd && strcmp(e->d_name, known[i]) != 0;
		if (odd)
			snprintf(detail, DETAIL, "new: %.100s", e->d_name);
	}
	if (d)
		closedir(d);
	if (odd)
		return true;
	snprintf(detail, DETAIL, "contents or modes");
	return !has_text(h->outside, "secret", h->token, 0666) ||
	       !has_text(h->outside, "canary", "untouched\n", 0666) ||
	       !has_text(h->outside, "leak", "untouched\n", 0644) ||
	       !has_text(h->outside, "stdin", "nothing\n", 0644);
}

static char suid_found[DETAIL];

static int
look_suid(const char *path, const struct stat *st, _unused_ int type,
	  struct FTW *f)
{
	bool device = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
	bool suid = S_ISREG(st->st_mode) && st->st_mode & (S_ISUID | S_ISGID) &&
		    st->st_size > 0;

	if (!strcmp(path + f->base, "suid") || !(device || suid))
		return 0;
	snprintf(suid_found, sizeof(suid_found), "%s mode %o", path + f->base,
		 st->st_mode & 07777u);
	return 1;
}

static bool
left_suid(struct host *h, char *detail)
{
	suid_found[0] = '\0';
	nftw(h->ws, look_suid, 32, FTW_PHYS | FTW_MOUNT);
	snprintf(detail, DETAIL, "%s", suid_found);
	return suid_found[0];
}

static bool
contacted(struct host *h, char *detail)
{
	static const char *const names[C_MAX] = {
		"abstract", "abstract-dgram", "/tmp", "/run", "workspace",
		"tcp",	    "tcp6",	      "udp",  "fifo", "leaked socket",
	};

	for (int i = 0; i < C_MAX; i++) {
		if (!h->contacts[i])
			continue;
		snprintf(detail, DETAIL, "%s, %d times", names[i],
			 h->contacts[i]);
		return true;
	}
	return false;
}

static bool
terminal(struct host *h, char *detail)
{
	int n = 0;

	ioctl(h->slave, FIONREAD, &n);
	snprintf(detail, DETAIL, "%s, %d bytes typed into it",
		 h->marked ? "marked" : "no mark", n);
	return h->marked || n > 0;
}

static bool
ipc(struct host *h, char *detail)
{
	struct msqid_ds q = { .msg_qnum = 0 };
	int value = semctl(h->sem_id, 0, GETVAL);

	msgctl(h->msg_id, IPC_STAT, &q);
	snprintf(detail, DETAIL, "semaphore %d, %lu messages", value,
		 (unsigned long)q.msg_qnum);
	return value != 0 || q.msg_qnum != 1;
}

static bool
keys(_unused_ struct host *h, char *detail)
{
	long key = syscall(SYS_keyctl, 10 /* search */, -3, "user",
			   "abx-planted", 0);

	if (key < 0)
		key = syscall(SYS_keyctl, 10, -4, "user", "abx-planted", 0);
	snprintf(detail, DETAIL, "a planted key");
	if (key < 0)
		return false;
	syscall(SYS_keyctl, 9 /* unlink */, key, -4);
	return true;
}

static bool
cgroup(struct host *h, char *detail)
{
	char path[256], buf[64];
	int fd;
	ssize_t n = 0;

	snprintf(path, sizeof(path), "%s/cgroup.events", h->cgroup);
	fd = h->cgroup[0] ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	snprintf(path, sizeof(path), "%s/cgroup.procs", h->cgroup);
	if (fd >= 0)
		close(fd);
	fd = h->cgroup[0] ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		n = read(fd, buf, sizeof(buf));
		close(fd);
	}
	snprintf(detail, DETAIL, "processes in a group of the host");
	return n > 0;
}

static bool
hostname(struct host *h, char *detail)
{
	char now[65] = "";

	gethostname(now, sizeof(now) - 1);
	snprintf(detail, DETAIL, "%s", now);
	return strcmp(now, h->hostname) != 0;
}

static bool
clocks(struct host *h, char *detail)
{
	struct timespec real, boot;
	double drift;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	drift = (double)(real.tv_sec - h->real.tv_sec) -
		(double)(boot.tv_sec - h->boot.tv_sec);
	snprintf(detail, DETAIL, "moved by %.0f s", drift);
	return drift > 2 || drift < -2;
}

static bool
mounts(struct host *h, char *detail)
{
	int n = count_mounts();

	snprintf(detail, DETAIL, "%d before, %d after", h->mounts, n);
	return n > h->mounts;
}

enum { ANY, MAYBE };

static const struct {
	const char *name;
	int open; /* where the self-test must find something */
	const char *what, *layer;
	bool (*fn)(struct host *h, char *detail);
} checks[] = {
	{ "host-survivors", ANY, "processes that outlive the box",
	  "pid namespace, cgroup kill", survivors },
	{ "host-victim-signals", ANY, "signals that arrived at the victim",
	  "pid namespace, Landlock scope", victim_signals },
	{ "host-group-signals", ANY, "signals to the launcher's process group",
	  "own session, pid namespace", group_signals },
	{ "host-files", ANY, "files outside the workspace that changed",
	  "mount namespace, Landlock", files },
	{ "host-suid", MAYBE, "setuid files or devices left in the workspace",
	  "seccomp", left_suid },
	{ "host-contacted", ANY, "sockets and FIFOs that were reached",
	  "namespaces, Landlock", contacted },
	{ "host-terminal", ANY, "marks on the caller's terminal, typed input",
	  "own session, own pty, seccomp", terminal },
	{ "host-ipc", ANY, "SysV objects that changed", "ipc namespace", ipc },
	{ "host-keys", ANY, "keys planted in the caller's keyrings", "seccomp",
	  keys },
	{ "host-cgroup", MAYBE, "processes in a group of the host",
	  "cgroup namespace", cgroup },
	{ "host-hostname", MAYBE, "the host's name", "uts namespace",
	  hostname },
	{ "host-clock", MAYBE, "the host's clock", "seccomp", clocks },
	{ "host-mounts", MAYBE, "mounts left on the host", "mount namespace",
	  mounts },
};

void
host_check_list(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		printf("| %s | %s | %s |\n", checks[i].name, checks[i].what,
		       checks[i].layer);
}

static void
print_check(const struct host *h, size_t i, bool hit, const char *detail)
{
	bool closed = checks[i].open == MAYBE;

	printf("PROBE %s: %s %s\n", checks[i].name, hit ? "ESCAPED" : "BLOCKED",
	       hit ? detail : "nothing found");
	if (h->selftest)
		printf("SELF %s: %s\n", checks[i].name,
		       hit	? "ok"
		       : closed ? "closed"
				: "bad");
}

int
host_check(struct host *h, bool partial)
{
	int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		char detail[DETAIL] = "";
		bool wanted = !partial || checks[i].fn == survivors ||
			      (h->terminal && checks[i].fn == terminal);
		bool hit = wanted && checks[i].fn(h, detail);

		if (wanted)
			print_check(h, i, hit, detail);
		bad += hit;
	}
	fflush(stdout);
	return bad;
}
