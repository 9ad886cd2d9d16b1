/* links: audit profiles sandbox lib */
/* What the writer cannot do when it is confined. Each try is a child. */
#include "audit/layout.h"
#include "audit/writer_confine.h"
#include "lib/fd.h"
#include "lib/macro.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct at {
	int dir, proc;
	pid_t test;
	char text[CONFINED_MAX];
};

typedef int try_fn(struct at *a);

static void
enter(struct at *a)
{
	bool root = geteuid() == 0;
	const struct confine_options o = {
		.dir = a->dir,
		.proc = a->proc,
		.own_users = !root,
		.uid = root ? LAYOUT_WRITER_UID : geteuid(),
	};
	struct err e = ERR_INIT;
	uid_t overflow = 0;

	if (writer_confine(&o, a->text, sizeof(a->text), &overflow, &e) < 0)
		FAIL("writer_confine: %s", e.text);
}

/* The status of a child that is confined and then tries. */
static int
try(try_fn *fn)
{
	struct at a = { 0 };
	int status;
	pid_t pid;

	a.dir = ASSERT_OK(
		open(tap_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	a.proc = ASSERT_OK(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (geteuid() == 0)
		ASSERT_OK(fchown(a.dir, LAYOUT_WRITER_UID, LAYOUT_WRITER_UID));
	a.test = getpid();
	pid = ASSERT_OK(fork());
	if (pid == 0) {
		enter(&a);
		_exit(fn(&a));
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	close(a.dir);
	close(a.proc);
	return status;
}

static void
dies(try_fn *fn)
{
	int status = try(fn);

	ASSERT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(WTERMSIG(status), SIGSYS);
}

static void
works(try_fn *fn)
{
	ASSERT_EQ(try(fn), 0);
}

/* ---- what it must be able to do ------------------------------------------ */

static int
do_log(struct at *a)
{
	int fd, log;

	if (mkdirat(a->dir, "log", 0700) < 0)
		return 1;
	log = openat(a->dir, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(log, "x.new", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (log < 0 || fd < 0 || write(fd, "abc", 3) != 3 || fdatasync(fd) < 0)
		return 2;
	if (ftruncate(fd, 1) < 0 || renameat(log, "x.new", a->dir, "x") < 0 ||
	    unlinkat(a->dir, "x", 0) < 0 || fsync(a->dir) < 0)
		return 3;
	return fallocate(fd, 0, 0, 8192) < 0 && errno != EOPNOTSUPP ? 4 : 0;
}

TEST(the_log_can_be_written)
{
	works(do_log);
}

static int
do_proc(struct at *a)
{
	char text[2048];

	return fd_read_small(a->proc, "self/stat", text, sizeof(text)) <= 0 ||
	       fd_read_small(a->proc, "1/uid_map", text, sizeof(text)) <= 0;
}

TEST(peers_can_be_looked_at)
{
	works(do_proc);
}

/* ---- what it must not ---------------------------------------------------- */

static int
do_socket(struct at *a _unused_)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int
do_exec(struct at *a _unused_)
{
	return execl("/bin/true", "true", NULL);
}

static int
do_fork(struct at *a _unused_)
{
	return fork();
}

static int
do_kill(struct at *a _unused_)
{
	return kill(1, SIGTERM);
}

static int
do_ptrace(struct at *a _unused_)
{
	return (int)ptrace(PTRACE_TRACEME, 0, 0, 0);
}

static int
do_mprotect(struct at *a _unused_)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int
do_mmap(struct at *a _unused_)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int
do_setns(struct at *a _unused_)
{
	return unshare(0);
}

static int
do_limits(struct at *a _unused_)
{
	struct rlimit lim = { 0 };

	return (int)syscall(SYS_prlimit64, 0, RLIMIT_CORE, &lim, NULL);
}

static int
do_chmod(struct at *a)
{
	return fchmodat(a->dir, "x", 04755, 0);
}

TEST(these_calls_end_it)
{
	static try_fn *const fns[] = { do_socket, do_exec,   do_fork,
				       do_kill,	  do_ptrace, do_mprotect,
				       do_mmap,	  do_setns,  do_limits,
				       do_chmod };

	for (size_t i = 0; i < ARRAY_SIZE(fns); i++)
		dies(fns[i]);
}

static int
do_outside(struct at *a)
{
	static const char *const paths[] = {
		"/etc/passwd", "/bin/sh", "/root",
		"/tmp",	       "../..",	  "/proc/self/status"
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (openat(a->dir, paths[i], O_RDONLY | O_CLOEXEC) >= 0)
			return (int)i + 1;
	return openat(AT_FDCWD, "/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >=
	       0;
}

/* By the empty root, or by Landlock; one of them is there wherever this runs.
 */
TEST(nothing_outside_can_be_opened)
{
	works(do_outside);
}

static int
do_others(struct at *a)
{
	/* the parent is the test itself, of the same uid */
	char path[64];

	snprintf(path, sizeof(path), "%d/environ", a->test);
	if (openat(a->proc, path, O_RDONLY | O_CLOEXEC) >= 0)
		return 1;
	snprintf(path, sizeof(path), "%d/mem", a->test);
	return openat(a->proc, path, O_RDWR | O_CLOEXEC) >= 0;
}

TEST(other_processes_keep_their_secrets)
{
	works(do_others);
}

static int
do_text(struct at *a)
{
	static const char *const must[] = { "no-capabilities", "limits",
					    "not-dumpable", "no-new-privileges",
					    "seccomp" };

	for (size_t i = 0; i < ARRAY_SIZE(must); i++)
		if (!strstr(a->text, must[i]))
			return (int)i + 1;
	if (geteuid() == 0 ||
	    (!strstr(a->text, "landlock") && !strstr(a->text, "empty-root")))
		return 50;
	return 0;
}

TEST(what_holds_is_said)
{
	works(do_text);
}
