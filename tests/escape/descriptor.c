/*
 * Descriptors that the launcher forgot to close. The host half starts the box
 * with these open: 7 the root directory, 8 the secret for reading, 9 a file
 * for writing, 10 its network namespace, 11 one end of a socket pair; stdin is
 * a file of the host, open for reading only.
 */
#include "tests/escape/probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

static void
leaked_any(_unused_ const struct params *p, _unused_ long arg)
{
	for (int fd = 3; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			escaped("descriptor %d is open", fd);
	blocked("only 0, 1, 2 of 4096");
}

static void
leaked_dir(const struct params *p, _unused_ long arg)
{
	for (int fd = 3; fd < 64; fd++)
		if (path_has_token(p, fd, p->secret + 1))
			escaped("read the secret below descriptor %d", fd);
	refused("openat");
}

static void
leaked_file(const struct params *p, _unused_ long arg)
{
	for (int fd = 3; fd < 64; fd++) {
		char buf[4096];
		ssize_t n = pread(fd, buf, sizeof(buf), 0);

		if (n > 0 && has_token(p, buf, (size_t)n))
			escaped("read the secret from descriptor %d", fd);
	}
	refused("pread");
}

static void
leaked_write(_unused_ const struct params *p, _unused_ long arg)
{
	judge(pwrite(9, "escaped\n", 8, 0), "pwrite to descriptor 9");
}

static void
leaked_socket(_unused_ const struct params *p, _unused_ long arg)
{
	judge(send(11, "escaped\n", 8, MSG_NOSIGNAL | MSG_DONTWAIT),
	      "send on descriptor 11");
}

static void
leaked_ns(_unused_ const struct params *p, _unused_ long arg)
{
	judge(setns(10, 0), "setns to descriptor 10");
}

/* The host half gives a file of the caller. Whether that one changed is looked
 * at there, too. */
static void
need_file(void)
{
	struct stat st;

	if (fstat(0, &st) < 0)
		refused("fstat of stdin");
	if (!S_ISREG(st.st_mode))
		blocked("stdin is not the file");
}

static void
stdin_reopen(_unused_ const struct params *p, _unused_ long arg)
{
	need_file();
	judge(open("/proc/self/fd/0", O_RDWR | O_CLOEXEC),
	      "opening stdin again for writing");
}

static void
stdin_chmod(_unused_ const struct params *p, _unused_ long arg)
{
	need_file();
	judge(fchmod(0, 0666), "fchmod of stdin's file");
}

static void
stdin_dir(const struct params *p, _unused_ long arg)
{
	if (path_has_token(p, 0, p->secret + 1))
		escaped("read the secret below stdin");
	refused("openat below stdin");
}

/* Behind a directory descriptor of the workspace nothing but it is found. */
static void
dotdot_walk(const struct params *p, _unused_ long arg)
{
	_cleanup_close_ int fd = open(p->ws, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < 64 && fd >= 0; i++) {
		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (path_has_token(p, fd, p->secret + 1))
			escaped("read the secret %d levels up", i);
		close(fd);
		fd = up;
	}
	refused("walking up");
}

const struct probe probes_descriptor[] = {
	{ "fd-leak-any", OPEN_USER, 0, "an inherited descriptor above 2",
	  "close_range in the stage", leaked_any, 0 },
	{ "fd-leak-dir", OPEN_USER, 0, "openat below an inherited directory",
	  "close_range in the stage", leaked_dir, 0 },
	{ "fd-leak-file", OPEN_USER, 0, "read of an inherited file",
	  "close_range in the stage", leaked_file, 0 },
	{ "fd-leak-write", OPEN_USER, 0, "write to an inherited file",
	  "close_range in the stage", leaked_write, 0 },
	{ "fd-leak-socket", OPEN_USER, 0, "send on an inherited socket",
	  "close_range in the stage", leaked_socket, 0 },
	{ "fd-leak-namespace", OPEN_ROOT, 0, "setns to an inherited namespace",
	  "close_range, seccomp, no capability", leaked_ns, 0 },
	{ "fd-stdin-reopen", OPEN_USER, 0,
	  "stdin's file opened again for writing",
	  "Landlock, own uid, a pipe in its place", stdin_reopen, 0 },
	{ "fd-stdin-chmod", OPEN_USER, 0, "fchmod of stdin's file",
	  "own uid; a pipe in its place", stdin_chmod, 0 },
	{ "fd-stdin-dir", OPEN_NONE, PROBE_ASKED,
	  "openat below a directory given as stdin",
	  "refusal by the supervisor", stdin_dir, 0 },
	{ "fd-dotdot-walk", OPEN_USER, 0,
	  "openat(\"..\") up from the workspace", "mount namespace, own root",
	  dotdot_walk, 0 },
	{ 0 },
};
