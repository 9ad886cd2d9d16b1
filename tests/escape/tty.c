/*
 * The terminal of the caller: typing into it, opening it by other names,
 * changing its line discipline. Where the box has no terminal a pty of the
 * probe's own shows whether the filter lets the command through.
 */
#include "tests/escape/probe.h"

#include <ctype.h>
#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

/* A terminal that is the controlling one of a fresh session. */
static int
own_terminal(void)
{
	int master, slave;

	setsid();
	if (openpty(&master, &slave, NULL, NULL, NULL) < 0)
		absent("no pty: %s", strerrorname_np(errno));
	ioctl(slave, TIOCSCTTY, 0);
	return slave;
}

static void
push_input(_unused_ const struct params *p, long arg)
{
	int fd = own_terminal();
	char c = 'x';

	/* the kernel looks at 32 bits of the command */
	judge(syscall(SYS_ioctl, (long)fd,
		      (long)TIOCSTI | (arg ? arg << 32 : 0), &c),
	      "TIOCSTI");
}

static void
push_host(const struct params *p, long arg)
{
	int fd = open(arg ? p->tty : "/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	char c = 'x';

	if (fd < 0)
		refused("open");
	judge(ioctl(fd, TIOCSTI, &c), "TIOCSTI");
}

static void
line_discipline(_unused_ const struct params *p, _unused_ long arg)
{
	int n = 0; /* N_TTY: as it is already */

	judge(ioctl(own_terminal(), TIOCSETD, &n), "TIOCSETD");
}

/* Allowed where the error is not one of permission: TIOCLINUX is for virtual
 * consoles, TIOCCONS for root. */
static void
console_calls(_unused_ const struct params *p, long arg)
{
	int fd = own_terminal();
	char sub = 6; /* get the shift state: harmless */
	long r;

	if (arg == 0)
		r = ioctl(fd, TIOCLINUX, &sub);
	else
		r = ioctl(fd, TIOCCONS, 0);
	if (r < 0 && (errno == ENOTTY || errno == EINVAL))
		escaped("the command reaches the terminal");
	judge(r, "ioctl");
}

static void
steal_terminal(_unused_ const struct params *p, _unused_ long arg)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		refused("open /dev/tty");
	if (setsid() < 0)
		refused("setsid");
	judge(ioctl(fd, TIOCSCTTY, 1), "TIOCSCTTY with force");
}

/* Writes a mark; the host half sees it on the other end. */
static bool
write_mark(const struct params *p, const char *path)
{
	int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = -1;

	if (fd < 0)
		return false;
	n = write(fd, p->token, strlen(p->token));
	close(fd);
	return n > 0;
}

static void
write_host(const struct params *p, long arg)
{
	const char *path = arg ? p->tty : "/dev/tty";
	const char *answer;

	if (!write_mark(p, path))
		refused("open");
	answer = ask_host(p, "terminal");
	if (answer && !strcmp(answer, "marked"))
		escaped("wrote to the caller's terminal");
	blocked("the caller's terminal saw nothing");
}

static bool
write_entry(const char *name, void *arg)
{
	if (isdigit((unsigned char)name[0]))
		write_mark(arg, path_join("/dev/pts", name));
	return false;
}

static void
write_all(const struct params *p, _unused_ long arg)
{
	struct params copy = *p;
	const char *answer;

	each_entry("/dev/pts", write_entry, &copy);
	answer = ask_host(p, "terminal");
	if (answer && !strcmp(answer, "marked"))
		escaped("wrote to the caller's terminal");
	blocked("the caller's terminal saw nothing");
}

const struct probe probes_tty[] = {
	{ "tty-sti", OPEN_HOST, 0, "TIOCSTI", "seccomp", push_input, 0 },
	{ "tty-sti-bit32", OPEN_HOST, 0, "TIOCSTI with bit 32 set",
	  "seccomp: 32-bit compare", push_input, 1 },
	{ "tty-sti-highbits", OPEN_HOST, 0, "TIOCSTI with all upper bits set",
	  "seccomp: 32-bit compare", push_input, 0xffffffffL },
	{ "tty-sti-host", OPEN_HOST, 0, "TIOCSTI on the caller's terminal",
	  "own session, seccomp, own pty", push_host, 0 },
	{ "tty-sti-pts", OPEN_HOST, 0, "TIOCSTI on the caller's /dev/pts/N",
	  "own devpts, seccomp", push_host, 1 },
	{ "tty-setd", OPEN_USER, 0, "TIOCSETD", "seccomp", line_discipline, 0 },
	{ "tty-linux", OPEN_USER, 0, "TIOCLINUX", "seccomp", console_calls, 0 },
	{ "tty-cons", OPEN_ROOT, 0, "TIOCCONS", "seccomp, no capability",
	  console_calls, 1 },
	{ "tty-write-dev", OPEN_USER, 0, "/dev/tty is the caller's",
	  "own session, own pty", write_host, 0 },
	{ "tty-write-pts", OPEN_USER, 0, "the caller's /dev/pts/N",
	  "own devpts", write_host, 1 },
	{ "tty-write-all", OPEN_USER, 0, "every /dev/pts/*", "own devpts",
	  write_all, 0 },
	{ "tty-steal", OPEN_HOST, 0, "TIOCSCTTY with force",
	  "own session, no capability", steal_terminal, 0 },
	{ 0 },
};
