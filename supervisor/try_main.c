/*
 * agentbox-try: the inside half of `agentbox profile test --live` (try.h). It
 * is confined like any agent and as little trusted: whatever it answers only
 * decides whether a test passes.
 *
 * No attempt leaves anything behind that outlives the box: files are opened
 * and never written; those that had to be made are removed; a program that was
 * executed dies at its first system call where seccomp(2) can be had, else as
 * soon as its start is seen; a system call is made only after a filter of ours
 * in front of it has shown that the box's lets it through, and with arguments
 * that the kernel refuses.
 */
#include "supervisor/try.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SECONDS 2 /* for one attempt */
#define CALL_ARGS 6
/* No errno: */
#define DIED 1000   /* the child was ended by what it did */
#define UNSEEN 1001 /* there can be no filter of ours in front */

/* Files */

static void
make_folders(const char *path)
{
	char dir[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(dir))
		return;
	for (size_t i = 1; i < n; i++) {
		if (path[i] != '/')
			continue;
		memcpy(dir, path, i);
		dir[i] = '\0';
		(void)mkdir(dir, 0755);
	}
}

static int
try_make(const char *path)
{
	int fd;

	make_folders(path);
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0755);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int
try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* A file that was not there before, and is not afterwards. */
static int
try_new(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return unlink(path) < 0 ? errno : 0;
}

/* The name of a file in dir that nobody has. */
static int
name_in(const char *dir, size_t n, char *buf, size_t size)
{
	int len = snprintf(buf, size, "%.*s/.agentbox-try-%d", (int)n, dir,
			   (int)getpid());

	return len > 0 && (size_t)len < size ? 0 : ENAMETOOLONG;
}

static int
try_write(const char *path)
{
	char name[PATH_MAX];
	int r = try_open(path, O_WRONLY);

	if (r == EISDIR) {
		r = name_in(path, strlen(path), name, sizeof(name));
		return r ? r : try_new(name);
	}
	return r == ENOENT ? try_new(path) : r;
}

static int
try_delete(const char *path)
{
	const char *slash = strrchr(path, '/');
	char name[PATH_MAX];
	int r = slash ? name_in(path, (size_t)(slash - path), name,
				sizeof(name))
		      : EINVAL;

	return r ? r : try_new(name);
}

/* Programs and system calls */

#define NR (offsetof(struct seccomp_data, nr))

static int
load_filter(struct sock_filter *f, size_t n)
{
	const struct sock_fprog prog = { .len = (unsigned short)n,
					 .filter = f };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0
		       ? errno
		       : 0;
}

/* From here on only what exec(2) needs, and what says that it failed. */
static void
filter_exec(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	(void)load_filter(f, ARRAY_SIZE(f));
}

/* In front of the box's filter: what that one lets through becomes ENOSYS
 * (nobody traces us), what it refuses stays refused, seccomp(2). Nothing is
 * done either way. */
static int
filter_trace(uint32_t nr)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return load_filter(f, ARRAY_SIZE(f));
}

static void
say(int fd, int r)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", r);

	(void)!write(fd, text, (size_t)n);
}

/* ENOEXEC: it was opened to be executed, which is what was asked about. */
static int
exec_error(int r)
{
	return r == ENOEXEC ? 0 : r;
}

static void
do_exec(const char *path)
{
	char *const args[] = { (char *)(uintptr_t)path, NULL };
	char *const env[] = { NULL };

	filter_exec();
	execve(path, args, env);
}

struct call {
	uint64_t nr, arg[CALL_ARGS];
};

static int
do_call(const struct call *c)
{
	return syscall((long)c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3],
		       c->arg[4], c->arg[5]) < 0
		       ? errno
		       : 0;
}

static int
call_error(int r)
{
	return r == EPERM || r == EACCES || r == ENOSYS ? r : 0;
}

/* What a filter may answer (docs/syscall-sets.md) but ENOSYS, which is what
 * ours makes of a call that passed. Anything else came from the kernel. */
static bool
is_refusal(int r)
{
	return r == EPERM || r == EACCES || r == EINVAL || r == EOPNOTSUPP ||
	       r == EAFNOSUPPORT;
}

/* No argument matters to the filter. */
static bool
is_free(const struct call *c)
{
	for (size_t i = 0; i < CALL_ARGS; i++)
		if (c->arg[i] != UINT64_MAX)
			return false;
	return true;
}

static int
parse_call(const char *s, struct call *ret)
{
	char word[24];
	uint64_t *at = &ret->nr;
	size_t i = 0;

	for (; i <= CALL_ARGS; i++) {
		size_t n = strcspn(s, " ");

		if (n >= sizeof(word))
			return EINVAL;
		memcpy(word, s, n);
		word[n] = '\0';
		if (str_to_u64(word, at) < 0)
			return EINVAL;
		at = &ret->arg[i < CALL_ARGS ? i : 0];
		s += n + (s[n] == ' ');
	}
	return 0;
}

/* In a child: what it finds goes to the pipe; what ends the child ends the
 * pipe. */
struct attempt {
	enum try_kind kind;
	const char *path;
	struct call call;
	bool first; /* the look with a filter of ours in front */
};

static _noreturn_ void
child(const struct attempt *a, int out)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int r;

	alarm(SECONDS);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		(void)dup3(null, fd, 0);
	if (a->kind == TRY_EXEC) {
		do_exec(a->path);
		say(out, exec_error(errno));
		_exit(0);
	}
	if (a->first && filter_trace((uint32_t)a->call.nr)) {
		say(out, UNSEEN);
		_exit(0);
	}
	r = do_call(&a->call);
	say(out, r);
	_exit(0);
}

/* An errno, DIED, or -1 when there can be no child. */
static int
in_child(const struct attempt *a)
{
	char text[16];
	int p[2], r = DIED;
	uint64_t v;
	ssize_t n;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		child(a, p[1]);
	close(p[1]);
	if (pid < 0) {
		close(p[0]);
		return -1;
	}
	n = read(p[0], text, sizeof(text) - 1);
	close(p[0]);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	if (n > 1 && text[n - 1] == '\n') {
		text[n - 1] = '\0';
		if (str_to_u64(text, &v) == 0)
			r = (int)v;
	}
	return r;
}

/* Where no child can be made: whoever started us sees that we end. */
static int
in_person(const struct attempt *a)
{
	for (int fd = 0; fd <= 2; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	alarm(SECONDS);
	if (a->kind == TRY_EXEC) {
		char *const args[] = { (char *)(uintptr_t)a->path, NULL };
		char *const env[] = { NULL };

		execve(a->path, args, env);
		alarm(0);
		return exec_error(errno);
	}
	return call_error(do_call(&a->call));
}

static int
try_exec(const char *path)
{
	const struct attempt a = { .kind = TRY_EXEC, .path = path };
	int r = in_child(&a);

	if (r < 0)
		return in_person(&a);
	return r == DIED ? 0 : r;
}

/* passed: the box's filter lets it through, or answers ENOSYS itself. */
static int
real_call(struct attempt *a, bool passed)
{
	int r;

	a->first = false;
	r = in_child(a);
	if (r == ENOSYS && is_free(&a->call)) {
		/* futex(2) and others answer so for bad arguments */
		memset(a->call.arg, 0, sizeof(a->call.arg));
		r = in_child(a);
	}
	if (r < 0)
		return EAGAIN;
	if (passed)
		return r == ENOSYS ? r : 0;
	return r == DIED ? 0 : call_error(r);
}

static int
try_call(const char *text)
{
	struct attempt a = { .kind = TRY_CALL, .first = true };
	int r = parse_call(text, &a.call);

	if (r)
		return r;
	r = in_child(&a);
	if (r < 0)
		return in_person(&a);
	if (r != ENOSYS && r != UNSEEN)
		return is_refusal(r) ? r : 0; /* the box's filter said so */
	return real_call(&a, r == ENOSYS);
}

static int
try_one(char kind, const char *what)
{
	switch (kind) {
	case TRY_READ:
		return try_open(what, O_RDONLY);
	case TRY_WRITE:
		return try_write(what);
	case TRY_EXEC:
		return try_exec(what);
	case TRY_DELETE:
		return try_delete(what);
	case TRY_MAKE:
		return try_make(what);
	case TRY_CALL:
		return try_call(what);
	default:
		return EINVAL;
	}
}

int
main(void)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_all(0, TRY_INPUT_MAX, &text);
	const char *p = text, *end = text + MAX(n, 0);

	if (n < 0)
		return TRY_EXIT_INPUT;
	while (p < end) {
		const char *what = p + strlen(p) + 1;

		if (what >= end)
			return TRY_EXIT_INPUT;
		say(1, try_one(*p, what));
		p = what + strlen(what) + 1;
	}
	return 0;
}
