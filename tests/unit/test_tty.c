/* links: lib supervisor */
/* The relay and the outer terminal: raw while it runs, restored on every way
 * out, resized, nothing lost. */
#include "lib/fd.h"
#include "supervisor/tty.h"
#include "tests/tap.h"

#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum how { RETURNS, EXITS, TERMS, ABORTS, HANGS };

struct setup {
	enum how how;
	void (*box)(void); /* what runs in the box; NULL: nothing but cat */
	bool stdout_is_pipe;
	int pipe_w;
};

static int
open_pair(int *ret_slave)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	ASSERT_TRUE(m >= 0 && grantpt(m) == 0 && unlockpt(m) == 0);
	*ret_slave = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	ASSERT_OK(*ret_slave);
	return m;
}

static void
box_child(const struct setup *su, int slave, int pipe_w)
{
	setsid();
	ioctl(slave, TIOCSCTTY, 0);
	dup2(slave, 0);
	dup2(pipe_w >= 0 ? pipe_w : slave, 1);
	dup2(slave, 2);
	su->box();
	_exit(0);
}

static void
on_exit_fd(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

/* The supervisor: its terminal is fd 0. */
static void
supervise(const struct setup *su)
{
	struct event_base *base = event_base_new();
	struct tty *t = NULL;
	int slave, master = open_pair(&slave), alive[2], pidfd;
	struct event *ev;
	pid_t pid;

	if (pipe2(alive, O_CLOEXEC) < 0)
		_exit(90);
	pid = fork();
	if (pid == 0) {
		char c;

		/* starts when the relay is there */
		(void)!read(alive[0], &c, 1);
		box_child(su, slave, su->stdout_is_pipe ? su->pipe_w : -1);
	}
	close(slave);
	if (tty_open(master, &t, NULL) < 0 || tty_start(t, base, NULL) < 0)
		_exit(91);
	(void)!write(alive[1], "x", 1);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	ev = event_new(base, pidfd, EV_READ, on_exit_fd, base);
	event_add(ev, NULL);
	if (su->how == TERMS)
		raise(SIGTERM);
	if (su->how == ABORTS)
		raise(SIGABRT);
	if (su->how == EXITS)
		exit(42);
	event_base_dispatch(base);
	tty_drain(t, 2000);
	waitpid(pid, NULL, 0);
	tty_free(t);
	event_free(ev);
	event_base_free(base);
	_exit(0);
}

struct outer {
	int master, slave, pipe_r;
	pid_t pid;
};

static struct outer
start(struct setup su)
{
	const struct winsize ws = { .ws_row = 33, .ws_col = 101 };
	struct outer o = { .pipe_r = -1 };
	int p[2] = { -1, -1 };

	o.master = open_pair(&o.slave);
	ioctl(o.master, TIOCSWINSZ, &ws);
	if (su.stdout_is_pipe)
		ASSERT_EQ(pipe2(p, O_CLOEXEC), 0);
	su.pipe_w = p[1];
	o.pipe_r = p[0];
	o.pid = fork();
	if (o.pid == 0) {
		alarm(15);
		setsid();
		ioctl(o.slave, TIOCSCTTY, 0);
		dup2(o.slave, 0);
		dup2(p[1] >= 0 ? p[1] : o.slave, 1);
		dup2(o.slave, 2);
		close(o.master);
		supervise(&su);
	}
	if (p[1] >= 0)
		close(p[1]);
	return o;
}

static tcflag_t
lflag(const struct outer *o)
{
	struct termios tio;

	ASSERT_EQ(tcgetattr(o->slave, &tio), 0);
	return tio.c_lflag;
}

/* Waits until the outer terminal is (not) raw. */
static bool
becomes_raw(const struct outer *o, bool raw)
{
	for (int i = 0; i < 1500; i++) {
		if (!(lflag(o) & ICANON) == raw)
			return true;
		usleep(10000);
	}
	return false;
}

/* Reads what is shown until part is in it, or 15 s are over. */
static bool
shows(int fd, const char *part, char *all, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = strlen(all);
	ssize_t got;

	while (!strstr(all, part)) {
		if (n + 1 >= size || poll(&p, 1, 15000) <= 0)
			return false;
		got = read(fd, all + n, size - 1 - n);
		if (got <= 0)
			return false;
		n += (size_t)got;
		all[n] = '\0';
	}
	return true;
}

static int
finish(struct outer *o)
{
	int status;

	ASSERT_EQ(waitpid(o->pid, &status, 0), o->pid);
	ASSERT_TRUE(lflag(o) & ICANON);
	ASSERT_TRUE(lflag(o) & ECHO);
	close(o->master);
	close(o->slave);
	if (o->pipe_r >= 0)
		close(o->pipe_r);
	return status;
}

static void
box_upper(void)
{
	char line[128];
	ssize_t n;

	dprintf(1, "ready\n");
	n = read(0, line, sizeof(line));
	for (ssize_t i = 0; i < n; i++)
		if (line[i] >= 'a' && line[i] <= 'z')
			line[i] = (char)(line[i] - 32);
	(void)!write(1, line, (size_t)(n < 0 ? 0 : n));
}

TEST(a_line_goes_in_and_comes_out)
{
	struct outer o = start((struct setup){ .box = box_upper });
	char all[1024] = "";

	ASSERT_TRUE(shows(o.master, "ready", all, sizeof(all)));
	ASSERT_TRUE(becomes_raw(&o, true));
	ASSERT_EQ(write(o.master, "hello\r", 6), 6);
	/* the inner terminal echoes, then the box answers */
	ASSERT_TRUE(shows(o.master, "hello\r\nHELLO\r\n", all, sizeof(all)));
	ASSERT_EQ(finish(&o), 0);
}

static void
box_idle(void)
{
	dprintf(1, "ready\n");
	pause();
}

TEST(control_c_interrupts_the_box_and_not_the_supervisor)
{
	struct outer o = start((struct setup){ .box = box_idle });
	char all[1024] = "";

	ASSERT_TRUE(shows(o.master, "ready", all, sizeof(all)));
	ASSERT_TRUE(becomes_raw(&o, true));
	ASSERT_EQ(write(o.master, "\x03", 1), 1);
	ASSERT_EQ(finish(&o), 0);
}

static void
box_flood(void)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 256; i++)
		(void)!write(1, block, sizeof(block));
	dprintf(1, "THE END\n");
}

TEST(nothing_is_lost_when_the_box_ends_after_much_output)
{
	struct outer o = start((struct setup){ .box = box_flood });
	struct pollfd p = { .fd = o.master, .events = POLLIN };
	static char buf[65536];
	size_t n = 0;
	bool end = false;

	usleep(200000); /* a slow reader: everything is full */
	while (!end && poll(&p, 1, 15000) > 0) {
		ssize_t got = read(o.master, buf, sizeof(buf));

		if (got <= 0)
			break;
		for (ssize_t i = 0; i < got; i++)
			n += buf[i] == 'x';
		end = memchr(buf, 'D', (size_t)got) != NULL;
	}
	ASSERT_TRUE(end);
	ASSERT_EQ(n, 256 * 4096);
	ASSERT_EQ(finish(&o), 0);
}

static volatile sig_atomic_t resized;

static void
on_winch(int sig)
{
	(void)sig;
	resized = 1;
}

static void
box_size(void)
{
	struct winsize ws;

	signal(SIGWINCH, on_winch);
	ioctl(0, TIOCGWINSZ, &ws);
	dprintf(1, "size %d %d\n", ws.ws_row, ws.ws_col);
	while (!resized)
		usleep(1000);
	ioctl(0, TIOCGWINSZ, &ws);
	dprintf(1, "size %d %d\n", ws.ws_row, ws.ws_col);
}

TEST(the_size_is_taken_over_and_follows)
{
	const struct winsize ws = { .ws_row = 12, .ws_col = 77 };
	struct outer o = start((struct setup){ .box = box_size });
	char all[1024] = "";

	ASSERT_TRUE(shows(o.master, "size 33 101", all, sizeof(all)));
	ioctl(o.master, TIOCSWINSZ, &ws);
	ASSERT_TRUE(shows(o.master, "size 12 77", all, sizeof(all)));
	ASSERT_EQ(finish(&o), 0);
}

TEST(exit_restores)
{
	struct outer o = start((struct setup){ EXITS, box_idle, false, -1 });
	int status = finish(&o);

	ASSERT_TRUE(WIFEXITED(status));
	ASSERT_EQ(WEXITSTATUS(status), 42);
}

TEST(fatal_signals_restore_and_still_kill)
{
	static const struct {
		enum how how;
		int sig;
	} rows[] = { { TERMS, SIGTERM }, { ABORTS, SIGABRT } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct outer o = start(
			(struct setup){ rows[i].how, box_idle, false, -1 });
		int status = finish(&o);

		ASSERT_TRUE(WIFSIGNALED(status));
		ASSERT_EQ(WTERMSIG(status), rows[i].sig);
	}
}

TEST(stopping_restores_and_continuing_is_raw_again)
{
	struct outer o = start((struct setup){ .box = box_idle });
	char all[1024] = "";
	int status;

	ASSERT_TRUE(shows(o.master, "ready", all, sizeof(all)));
	ASSERT_TRUE(becomes_raw(&o, true));
	ASSERT_EQ(kill(o.pid, SIGTSTP), 0);
	ASSERT_EQ(waitpid(o.pid, &status, WUNTRACED), o.pid);
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_TRUE(lflag(&o) & ICANON);
	ASSERT_EQ(kill(o.pid, SIGCONT), 0);
	ASSERT_TRUE(becomes_raw(&o, true));
	ASSERT_EQ(write(o.master, "\x03", 1), 1);
	ASSERT_EQ(finish(&o), 0);
}

TEST(with_stdout_elsewhere_the_terminal_stays_cooked)
{
	struct outer o = start(
		(struct setup){ .box = box_upper, .stdout_is_pipe = true });
	char out[1024] = "", shown[1024] = "";

	ASSERT_TRUE(shows(o.pipe_r, "ready\n", out, sizeof(out)));
	ASSERT_TRUE(lflag(&o) & ICANON);
	ASSERT_EQ(write(o.master, "hello\r", 6), 6);
	ASSERT_TRUE(shows(o.pipe_r, "HELLO\n", out, sizeof(out)));
	/* echoed once, by the outer terminal */
	ASSERT_TRUE(shows(o.master, "hello\r\n", shown, sizeof(shown)));
	ASSERT_NULL(strstr(strstr(shown, "hello") + 1, "hello"));
	ASSERT_EQ(finish(&o), 0);
}

static void
box_eof(void)
{
	char c;

	dprintf(1, "ready\n");
	while (read(0, &c, 1) > 0)
		;
	dprintf(1, "end of file\n");
}

TEST(control_d_reaches_the_box_cooked_and_raw)
{
	for (int piped = 0; piped < 2; piped++) {
		struct outer o = start((struct setup){
			.box = box_eof, .stdout_is_pipe = piped == 1 });
		int fd = piped ? o.pipe_r : o.master;
		char all[1024] = "";

		ASSERT_TRUE(shows(fd, "ready", all, sizeof(all)));
		ASSERT_TRUE(becomes_raw(&o, !piped));
		ASSERT_EQ(write(o.master, "\x04", 1), 1);
		ASSERT_TRUE(shows(fd, "end of file", all, sizeof(all)));
		ASSERT_EQ(finish(&o), 0);
	}
}

/* The box never gets the outer terminal: what it pushes back as input with
 * TIOCSTI, if its kernel lets it, ends up in its own. */
TEST(outer_flags_are_untouched)
{
	struct outer o = start((struct setup){ .box = box_upper });
	char all[1024] = "";

	ASSERT_TRUE(shows(o.master, "ready", all, sizeof(all)));
	/* the shell's description did not become non-blocking */
	ASSERT_FALSE(fcntl(o.slave, F_GETFL) & O_NONBLOCK);
	ASSERT_EQ(write(o.master, "x\r", 2), 2);
	ASSERT_EQ(finish(&o), 0);
}
