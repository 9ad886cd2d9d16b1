/* links: lib sandbox */
/*
 * The shipped sets, loaded into the kernel: programs that must run do, and what
 * is refused is refused by the kernel as the simulator says.
 */
#include "lib/fd.h"
#include "lib/str.h"
#include "sandbox/sysset.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void
build(const char *set, struct seccomp_prog *ret)
{
	_cleanup_free_ char *dir = str_printf("%s/profiles/sets", tap_srcdir());
	struct seccomp_spec spec = { .sets_dir = dir,
				     .sets = { set },
				     .n_sets = 1 };
	struct err e = ERR_INIT;

	if (seccomp_build(&spec, ret, &e) < 0)
		FAIL("%s", e.text);
}

static int
install(const struct seccomp_prog *p)
{
	struct sock_fprog prog = { (unsigned short)p->n, p->insns };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		return -errno;
	return 0;
}

/* Runs it confined, in a folder of its own; the exit status, 128 + signal. */
static int
run(const char *set, const char *const *argv, char **ret_out)
{
	struct seccomp_prog p;
	int status, out[2];
	pid_t pid;

	build(set, &p);
	ASSERT_OK(pipe2(out, O_CLOEXEC));
	pid = ASSERT_OK(fork());
	if (!pid) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (null < 0 || dup2(null, 0) < 0 || dup2(out[1], 1) < 0 ||
		    dup2(out[1], 2) < 0 || chdir(tap_tmpdir()) < 0 ||
		    install(&p) < 0)
			_exit(121);
		/* NOLINTNEXTLINE: execvp() does not write to them */
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(122);
	}
	close(out[1]);
	ASSERT_OK(fd_read_all(out[0], 1 << 20, ret_out));
	close(out[0]);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	seccomp_prog_done(&p);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

static bool
has(const char *program)
{
	_cleanup_free_ char *path = strdup(getenv("PATH") ?: "/usr/bin:/bin");
	char *pos = path, *dir;

	while ((dir = strsep(&pos, ":"))) {
		_cleanup_free_ char *file = str_printf("%s/%s", dir, program);

		if (access(file, X_OK) == 0)
			return true;
	}
	return false;
}

#define RUN(set, want, ...)                                                    \
	do {                                                                   \
		const char *const _argv[] = { __VA_ARGS__, NULL };             \
		_cleanup_free_ char *_out = NULL;                              \
		int _r = run(set, _argv, &_out);                               \
		if (_r != (want))                                              \
			FAIL("%s under %s: status %d: %.600s", _argv[0], set,  \
			     _r, _out);                                        \
	} while (0)

#define NEED(program)                                                          \
	do {                                                                   \
		if (!has(program))                                             \
			SKIP("%s is not installed", program);                  \
	} while (0)

static const char *const sets[] = { "minimal", "net-none", "base", "default",
				    "dev" };

TEST(true_runs)
{
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		RUN(sets[i], 0, "/bin/true");
}

/* --norc: a bash that cannot ask what its input is takes it for a connection
 * of rshd's and reads ~/.bashrc. */
TEST(bash_alone)
{
	RUN("minimal", 3, "bash", "--norc", "-c", "x=$((1 + 2)); exit $x");
	/* no children: fork is refused, the shell says so */
	RUN("minimal", 254, "bash", "--norc", "-c", "/bin/true; exit $?");
}

TEST(bash)
{
	RUN("net-none", 0, "bash", "-ec",
	    "ls -l / | sort | wc -l; mkdir -p d/e; echo hi > d/e/f; "
	    "cp -a d g; mv g h; ln -s d l; chmod 700 d/e/f; touch -d @0 d/e/f;"
	    "mkfifo p; (echo x > p &); read y < p; [ $y = x ]; "
	    "cat <(echo one) <(echo two); sleep 0.01 & wait; find . -name f; "
	    "tar cf t.tar d; tar tf t.tar; rm -r d; kill -0 $$; date; id");
	RUN("default", 0, "bash", "-ec", "! chmod 4755 . && ! chmod g+s .");
}

TEST_LIMIT(python, 60)
{
	static const char script[] =
		"import threading, subprocess, socket, os, tempfile, mmap\n"
		"import multiprocessing, asyncio, select, json, sqlite3\n"
		"r = []\n"
		"ts = [threading.Thread(target=r.append, args=(i,))"
		" for i in range(16)]\n"
		"[t.start() for t in ts]; [t.join() for t in ts]\n"
		"assert len(r) == 16\n"
		"assert subprocess.check_output(['echo', 'hi']) == b'hi\\n'\n"
		"a, b = socket.socketpair(); a.send(b'x')\n"
		"assert b.recv(1) == b'x'\n"
		"s = socket.create_server(('127.0.0.1', 0))\n"
		"c = socket.create_connection(s.getsockname())\n"
		"s.accept()[0].send(b'y'); assert c.recv(1) == b'y'\n"
		"u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
		"u.bind(('127.0.0.1', 0)); u.sendto(b'z', u.getsockname())\n"
		"socket.getaddrinfo('localhost', 80); socket.if_nameindex()\n"
		"os.mkfifo('fifo'); mmap.mmap(-1, 4096)[0]\n"
		"with multiprocessing.Pool(2) as p:\n"
		"    assert p.map(abs, [-1, -2]) == [1, 2]\n"
		"asyncio.run(asyncio.sleep(0.01))\n"
		"sqlite3.connect('x.db').execute('create table t (a)')\n"
		"os.memfd_create('m'); os.openpty(); os.sched_getaffinity(0)\n";
	/* the program itself: python3 may be a script that starts it */
	const char *const which[] = { "python3", "-c",
				      "import sys; print(end=sys.executable)",
				      NULL };
	_cleanup_free_ char *exe = NULL;

	NEED("python3");
	ASSERT_EQ(run("default", which, &exe), 0);
	RUN("default", 0, "python3", "-c", script);
	RUN("minimal", 0, exe, "-c",
	    "import threading; t = threading.Thread(target=print); "
	    "t.start(); t.join()");
	RUN("net-none", 0, "python3", "-c",
	    "import socket\n"
	    "try: socket.socket(); raise SystemExit(1)\n"
	    "except PermissionError: pass\n"
	    "socket.socket(socket.AF_UNIX)\n");
}

TEST_LIMIT(node, 60)
{
	NEED("node");
	RUN("default", 0, "node", "-e",
	    "const {Worker} = require('worker_threads');"
	    "const http = require('http'), fs = require('fs');"
	    "fs.watch('.').close();"
	    "require('child_process').execFileSync('true');"
	    "new Worker('0', {eval: true});"
	    "const s = http.createServer((q, r) => r.end('ok'))"
	    ".listen(0, '127.0.0.1', () => http.get({port: s.address().port, "
	    "host: '127.0.0.1'}, r => { r.resume(); s.close(); }));");
}

TEST_LIMIT(git, 60)
{
	NEED("git");
	RUN("default", 0, "bash", "-ec",
	    "export HOME=$PWD GIT_CONFIG_NOSYSTEM=1; git init -q r; cd r; "
	    "git config user.email a@b; git config user.name a; echo 1 > f; "
	    "git add f; git commit -qm one; git worktree add -q ../w; "
	    "git clone -q . ../c; git gc -q; git log --oneline");
}

TEST_LIMIT(compiler, 60)
{
	NEED("cc");
	RUN("dev", 0, "bash", "-ec",
	    "echo 'int main(void) { return 0; }' > a.c; cc -O2 a.c -o a; ./a");
}

TEST_LIMIT(leak_checker, 60)
{
	_cleanup_free_ char *out = NULL;
	const char *const try[] = {
		"bash", "-c",
		"echo 'int main(void) { return 0; }' > a.c; "
		"cc -fsanitize=address a.c -o a",
		NULL
	};

	NEED("cc");
	if (run("dev", try, &out) != 0)
		SKIP("no libasan");
	RUN("dev", 23, "bash", "-ec",
	    "echo '#include <stdlib.h>\n"
	    "int main(int c, char **v) { char *volatile p = malloc(9); "
	    "p = 0; (void)v; return c - 1; }' > a.c; "
	    "cc -fsanitize=address a.c -o a; ASAN_OPTIONS=exitcode=23 ./a");
}

TEST_LIMIT(tracer, 60)
{
	NEED("strace");
	RUN("dev", 0, "strace", "-f", "-o", "log", "bash", "-c",
	    "/bin/true; /bin/true");
	RUN("default", 1, "strace", "-o", "log", "/bin/true");
}

TEST_LIMIT(debugger, 60)
{
	NEED("gdb");
	RUN("dev", 0, "bash", "-c",
	    "gdb -nx -batch -ex 'break main' -ex run -ex 'info registers rip' "
	    "-ex continue -ex quit /bin/true 2>&1 | tee /dev/stderr | "
	    "grep -q 'exited normally'");
}

TEST_LIMIT(java, 120)
{
	NEED("java");
	RUN("dev", 0, "java", "-Xmx64m", "-version");
	RUN("default", 0, "java", "-Xmx64m", "-version");
}

/* ---- refused by the kernel ---------------------------------------------- */

static int
errno_of(long r)
{
	return r < 0 ? errno : 0;
}

static int
attack(void)
{
	struct stat st;

	/* openat and the like must not have been touched by all this */
	if (stat("/", &st) < 0 || errno_of(syscall(SYS_getpid)) != 0)
		return 1;
	if (errno_of(syscall(SYS_bpf, 0, 0, 0)) != EPERM)
		return 2;
	if (errno_of(unshare(CLONE_NEWUSER)) != EPERM)
		return 3;
	if (errno_of(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)) !=
	    EPERM)
		return 4;
	if (errno_of(syscall(SYS_clone3, NULL, 0)) != ENOSYS)
		return 5;
	/* the high half is not looked at by the kernel */
	if (errno_of(syscall(SYS_ioctl, 0, 0xdeadbeef00000000ul | TIOCSTI,
			     "x")) != EPERM)
		return 6;
	if (errno_of(socket(AF_VSOCK, SOCK_STREAM, 0)) != EPERM)
		return 7;
	if (errno_of(syscall(SYS_keyctl, 0, -3, 0)) != EPERM)
		return 8;
	if (errno_of(syscall(SYS_io_uring_setup, 1, NULL)) != EPERM)
		return 9;
	if (errno_of(syscall(1000)) != ENOSYS)
		return 10;
	if (errno_of(ptrace(PTRACE_TRACEME, 0, 0, 0)) != EPERM)
		return 11;
	if (errno_of(chmod(".", 04755)) != EPERM)
		return 12;
	if (errno_of(mknod("dev", S_IFCHR | 0600, 0x103)) != EPERM)
		return 13;
	return 0;
}

static int
child_status(const struct seccomp_prog *p, int (*fn)(void))
{
	pid_t pid = ASSERT_OK(fork());
	int status;

	if (!pid) {
		if (chdir(tap_tmpdir()) < 0 || install(p) < 0)
			_exit(121);
		_exit(fn());
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

TEST(attacks)
{
	struct seccomp_prog p;

	build("default", &p);
	ASSERT_EQ(child_status(&p, attack), 0);
	seccomp_prog_done(&p);
}

#if defined(__x86_64__)
static int
call_x32(void)
{
	return (int)syscall(SYS_getpid | SYSSET_X32_BIT) != 0;
}

/* getpid by the 32-bit gate: number 20 there, writev by our table. */
static int
call_i386(void)
{
	long r = 20;

	__asm__ volatile("int $0x80"
			 : "+a"(r)
			 :
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)r != 0;
}

TEST(foreign)
{
	struct seccomp_prog p;

	build("dev", &p);
	ASSERT_EQ(child_status(&p, call_x32), 128 + SIGSYS);
	ASSERT_EQ(child_status(&p, call_i386), 128 + SIGSYS);
	seccomp_prog_done(&p);
}
#endif
