/*
 * The box's own terminal: a pty, and the relay between it and the terminal
 * that we were started on.
 *
 * What always holds: the outer terminal's descriptor never goes to the box. The
 * relay never blocks: it works on descriptions of the outer terminal that it
 * opened itself (so that O_NONBLOCK does not reach the shell), with one bounded
 * buffer per direction; a full buffer stops reading. We keep the slave open, so
 * that the master does not hang up while the box runs; tty_drain() closes it
 * and then reads to the end.
 */
#include "supervisor/tty.h"

#include "lib/fd.h"
#include "supervisor/tty-raw.h"

#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>

#define RELAY_SIZE (16u * 1024)
#define BACKGROUND_MS 500 /* how often a background job looks */

/* One direction: from -> buf -> to. */
struct relay {
	int from, to;
	struct event *read, *write;
	size_t start, len;
	bool eof, broken; /* nothing more comes; nobody takes it */
	bool paused;	  /* do not read now */
	uint64_t traffic; /* bytes read */
	char buf[RELAY_SIZE];
};

struct tty {
	struct event_base *base;
	int master, slave;
	int outer;	      /* the terminal itself, one of 0, 1, 2 */
	int outer_r, outer_w; /* ours, non-blocking */
	bool reads, raw_wanted;
	bool started;
	int sigfd;
	sigset_t old_mask;
	struct termios saved;
	struct event *signals, *background;
	struct relay in, out;
};

bool
tty_wanted(void)
{
	return isatty(0) || isatty(1) || isatty(2);
}

/* ---- making it --------------------------------------------------------- */

/* The slave is reached through the master (since Linux 4.13), wherever its
 * devpts is mounted. */
static int
take_master(struct tty *t, int master, struct err *e)
{
	int flags = fcntl(master, F_GETFL);

	t->master = master;
	if (flags < 0 || fcntl(master, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_sys(e, errno, "the box's terminal");
	t->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t->slave < 0)
		return err_sys(e, errno, "the slave of the box's terminal");
	return 0;
}

static void
copy_size(const struct tty *t)
{
	struct winsize ws;

	if (ioctl(t->outer, TIOCGWINSZ, &ws) == 0)
		(void)ioctl(t->master, TIOCSWINSZ, &ws);
}

/* If the outer terminal stays cooked, it echoes and translates already. */
static void
copy_modes(struct tty *t)
{
	struct termios tio = t->saved;

	if (!t->raw_wanted) {
		tio.c_lflag &= (tcflag_t) ~(ECHO | ECHONL);
		tio.c_oflag &= (tcflag_t)~OPOST;
	}
	(void)tcsetattr(t->slave, TCSANOW, &tio);
}

/* A description of our own, so that O_NONBLOCK stays with us. A terminal that
 * belongs to another user (after su) cannot be opened anew: then the shared
 * description serves as it is. We read and write only what poll offers, and
 * accept that a competing reader could make one read wait. */
static int
reopen(int fd, int mode)
{
	char path[40];
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, mode | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (own < 0)
		own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return own < 0 ? -errno : own;
}

static void
init(struct tty *t)
{
	t->master = t->slave = t->sigfd = -EBADF;
	t->outer_r = t->outer_w = -EBADF;
	t->outer = isatty(0) ? 0 : isatty(1) ? 1 : 2;
	t->reads = isatty(0);
	t->raw_wanted = isatty(0) && isatty(1);
}

static int
open_outer(struct tty *t, struct err *e)
{
	if (tcgetattr(t->outer, &t->saved) < 0)
		return err_sys(e, errno, "cannot read the terminal's modes");
	if (t->reads) {
		t->outer_r = reopen(0, O_RDONLY);
		if (t->outer_r < 0)
			return err_sys(e, t->outer_r,
				       "cannot open the terminal for reading");
	}
	t->outer_w = reopen(isatty(1) ? 1 : isatty(2) ? 2 : 0, O_WRONLY);
	if (t->outer_w < 0)
		return err_sys(e, t->outer_w,
			       "cannot open the terminal for writing");
	return 0;
}

int
tty_open(int master, struct tty **ret, struct err *e)
{
	struct tty *t = calloc(1, sizeof(*t));
	int r;

	if (!t) {
		close(master);
		return err_sys(e, ENOMEM, "terminal");
	}
	init(t);
	r = take_master(t, master, e);
	if (r == 0)
		r = open_outer(t, e);
	if (r < 0) {
		tty_free(t);
		return r;
	}
	copy_modes(t);
	copy_size(t);
	*ret = t;
	return 0;
}

/* ---- relay ------------------------------------------------------------- */

/* Which of its two events a direction needs now. */
static void
relay_arm(struct relay *r)
{
	if (r->read && !r->eof && !r->paused && r->len < RELAY_SIZE)
		event_add(r->read, NULL);
	else if (r->read)
		event_del(r->read);
	if (r->write && r->len > 0)
		event_add(r->write, NULL);
	else if (r->write)
		event_del(r->write);
}

static void
relay_write(struct relay *r)
{
	ssize_t n;

	if (r->broken)
		r->len = 0;
	if (r->len == 0)
		return;
	n = write(r->to, r->buf + r->start, r->len);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			r->broken = true;
			r->len = 0;
		}
		return;
	}
	r->start += (size_t)n;
	r->len -= (size_t)n;
	if (r->len == 0)
		r->start = 0;
}

/* Bytes read; 0 at the end; -EAGAIN. */
static ssize_t
relay_read(struct relay *r)
{
	ssize_t n;

	if (r->start > 0) {
		memmove(r->buf, r->buf + r->start, r->len);
		r->start = 0;
	}
	if (r->len == RELAY_SIZE)
		return -EAGAIN;
	n = read(r->from, r->buf + r->len, RELAY_SIZE - r->len);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	r->len += (size_t)n;
	r->traffic += (uint64_t)n;
	return n;
}

uint64_t
tty_traffic(const struct tty *t)
{
	return t ? t->in.traffic + t->out.traffic : 0;
}

static void
on_out(int fd, short what, void *arg)
{
	struct tty *t = arg;
	ssize_t n;

	(void)fd;
	if (what & EV_READ) {
		n = relay_read(&t->out);
		if (n == 0 || (n < 0 && n != -EAGAIN))
			t->out.eof = true;
	}
	relay_write(&t->out);
	relay_arm(&t->out);
}

static void update_foreground(struct tty *t);

/* ^D on a terminal that stayed cooked: the box's terminal gets its own. */
static void
input_end(struct tty *t)
{
	if (tty_raw_active() || t->in.len == RELAY_SIZE) {
		t->in.eof = true;
		return;
	}
	t->in.buf[t->in.start + t->in.len++] = (char)t->saved.c_cc[VEOF];
}

static void
on_in(int fd, short what, void *arg)
{
	struct tty *t = arg;
	ssize_t n;

	(void)fd;
	if (what & EV_READ) {
		n = relay_read(&t->in);
		if (n == 0)
			input_end(t);
		else if (n == -EIO && !tty_raw_foreground(t->outer))
			update_foreground(t); /* a background job now */
		else if (n < 0 && n != -EAGAIN)
			t->in.eof = true;
	}
	relay_write(&t->in);
	relay_arm(&t->in);
}

/* ---- foreground, background, signals ----------------------------------- */

/* A background job neither reads the terminal nor changes its modes; no signal
 * tells us when the shell brings us back, so we look. */
static void
update_foreground(struct tty *t)
{
	const struct timeval tv = { .tv_usec = BACKGROUND_MS * 1000 };

	if (!t->reads)
		return;
	t->in.paused = !tty_raw_foreground(t->outer);
	if (t->in.paused)
		event_add(t->background, &tv);
	else if (t->raw_wanted)
		tty_raw_enter(t->outer, &t->saved);
	relay_arm(&t->in);
}

static void
on_background(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	update_foreground(arg);
}

static void
on_signal(int fd, short what, void *arg)
{
	struct signalfd_siginfo si;
	struct tty *t = arg;

	(void)what;
	while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGWINCH) {
			copy_size(t);
		} else if (si.ssi_signo == SIGTSTP) {
			/* only ourselves: the box runs on */
			tty_restore();
			(void)raise(SIGSTOP);
		} else if (si.ssi_signo == SIGCONT) {
			tty_raw_forget();
			copy_size(t);
			update_foreground(t);
		}
	}
}

/* SIGTTIN and SIGTTOU are blocked only: then a background job's read fails
 * with EIO instead of stopping the supervisor, and its writes go through. */
static int
start_signals(struct tty *t, struct err *e)
{
	sigset_t handled, blocked;

	sigemptyset(&handled);
	sigaddset(&handled, SIGWINCH);
	sigaddset(&handled, SIGTSTP);
	sigaddset(&handled, SIGCONT);
	blocked = handled;
	sigaddset(&blocked, SIGTTIN);
	sigaddset(&blocked, SIGTTOU);
	if (sigprocmask(SIG_BLOCK, &blocked, &t->old_mask) < 0)
		return err_sys(e, errno, "cannot block signals");
	t->started = true;
	t->sigfd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	if (t->sigfd < 0)
		return err_sys(e, errno, "cannot open a signalfd");
	return 0;
}

static struct event *
watch_fd(struct tty *t, int fd, short what, event_callback_fn fn)
{
	return event_new(t->base, fd, what, fn, t);
}

static int
start_events(struct tty *t, struct err *e)
{
	t->out.from = t->master;
	t->out.to = t->outer_w;
	t->in.from = t->outer_r;
	t->in.to = t->master;
	t->out.read = watch_fd(t, t->master, EV_READ, on_out);
	t->out.write = watch_fd(t, t->outer_w, EV_WRITE, on_out);
	t->signals = watch_fd(t, t->sigfd, EV_READ | EV_PERSIST, on_signal);
	t->background = watch_fd(t, -1, 0, on_background);
	if (t->reads) {
		t->in.read = watch_fd(t, t->outer_r, EV_READ, on_in);
		t->in.write = watch_fd(t, t->master, EV_WRITE, on_in);
	}
	if (!t->out.read || !t->out.write || !t->signals || !t->background ||
	    (t->reads && (!t->in.read || !t->in.write)) ||
	    event_add(t->signals, NULL) < 0)
		return err_sys(e, ENOMEM, "terminal relay");
	return 0;
}

int
tty_start(struct tty *t, struct event_base *base, struct err *e)
{
	int r;

	t->base = base;
	r = start_signals(t, e);
	if (r == 0)
		r = start_events(t, e);
	if (r < 0)
		return r;
	tty_raw_guard();
	relay_arm(&t->out);
	update_foreground(t);
	return 0;
}

/* ---- the end ----------------------------------------------------------- */

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Once no slave is open the kernel hands over what is under way and then says
 * EIO, so reading to that point loses nothing. */
void
tty_drain(struct tty *t, unsigned int ms)
{
	struct relay *r = &t->out;
	int64_t end = now_ms() + ms, left;

	close_ptr(&t->slave);
	t->slave = -EBADF;
	while ((!r->eof || r->len) && !r->broken &&
	       (left = end - now_ms()) > 0) {
		struct pollfd p[2] = {
			{ .fd = r->eof || r->len == RELAY_SIZE ? -1 : t->master,
			  .events = POLLIN },
			{ .fd = r->len ? t->outer_w : -1, .events = POLLOUT },
		};
		ssize_t n;

		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return;
		if (p[0].revents) {
			r->from = t->master;
			n = relay_read(r);
			r->eof = n <= 0 && n != -EAGAIN;
		}
		if (p[1].revents) {
			r->to = t->outer_w;
			relay_write(r);
		}
	}
}

static void
free_event(struct event **ev)
{
	if (*ev)
		event_free(*ev);
	*ev = NULL;
}

void
tty_free(struct tty *t)
{
	if (!t)
		return;
	tty_restore();
	free_event(&t->in.read);
	free_event(&t->in.write);
	free_event(&t->out.read);
	free_event(&t->out.write);
	free_event(&t->signals);
	free_event(&t->background);
	close_ptr(&t->slave);
	close_ptr(&t->master);
	close_ptr(&t->outer_r);
	close_ptr(&t->outer_w);
	close_ptr(&t->sigfd);
	if (t->started)
		sigprocmask(SIG_SETMASK, &t->old_mask, NULL);
	free(t);
}
