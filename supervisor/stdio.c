/*
 * Copying between the caller's files and the box's pipes. What always holds: no
 * descriptor of such a file is in the box; bytes are taken from a file only to
 * be put into the pipe, and what is still in the pipe at the end goes back.
 *
 * Plain read(2) and write(2): splice(2) would put pages of the caller's file
 * itself into a pipe that the box holds, cannot write to a file in append mode,
 * and saves little.
 */
#include "supervisor/stdio.h"

#include <event2/event.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define CHUNK 65536 /* in one turn of the loop; what a pipe holds, pipe(7) */

struct relay {
	struct stdio *s;
	struct event *ev;
	int file;    /* 0, 1 or 2 of ours */
	int pipe;    /* our end; negative once there is nothing more to copy */
	int box_end; /* the box's; of input it stays, to see what is unread */
	bool input;
	size_t at, len; /* of buf: input that is not in the pipe yet */
	uint64_t pushed;
	char buf[CHUNK];
};

struct stdio {
	struct relay *relay[3];
	size_t n;
	struct rlimit own; /* RLIMIT_FSIZE */
	uint64_t file_max, traffic;
	int error; /* the first one that lost data */
	int error_fd;
};

static const char *const names[] = { "stdin", "stdout", "stderr" };

/* Could the box change more than the contents? */
static bool
is_exposed(int fd, uid_t box)
{
	struct stat st;

	if (!box || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (st.st_uid == box)
		return true;
	/* Times and user attributes are for whoever may write. */
	return faccessat(fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0 ||
	       (errno != EACCES && errno != EROFS);
}

static bool
is_input(int fd)
{
	int mode = fcntl(fd, F_GETFL) & O_ACCMODE;

	return mode == O_RDONLY || (mode == O_RDWR && fd == 0);
}

/* Do two descriptors share one offset? */
static bool
is_same(int a, int b)
{
	pid_t self = getpid();
	struct stat sa, sb;
	long r;

	if (fstat(a, &sa) < 0 || fstat(b, &sb) < 0 || sa.st_dev != sb.st_dev ||
	    sa.st_ino != sb.st_ino)
		return false;
	r = syscall(SYS_kcmp, self, self, KCMP_FILE, a, b);
	if (r >= 0)
		return r == 0;
	/* A kernel without kcmp: as good as surely. */
	return fcntl(a, F_GETFL) == fcntl(b, F_GETFL) &&
	       lseek(a, 0, SEEK_CUR) == lseek(b, 0, SEEK_CUR);
}

static struct relay *
find_same(const struct stdio *s, int fd, bool input)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->relay[i]->input == input &&
		    is_same(s->relay[i]->file, fd))
			return s->relay[i];
	return NULL;
}

static int
make_pipe(struct relay *r)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	r->pipe = p[r->input];
	r->box_end = p[!r->input];
	return fcntl(r->pipe, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int
add_relay(struct stdio *s, int fd, struct relay **ret)
{
	bool input = is_input(fd);
	struct relay *r = find_same(s, fd, input);
	int error = 0;

	if (!r) {
		r = malloc(sizeof(*r));
		if (!r)
			return -ENOMEM;
		/* not the buffer, which is memory only once it is used */
		memset(r, 0, offsetof(struct relay, buf));
		r->s = s;
		r->file = fd;
		r->input = input;
		r->pipe = r->box_end = -EBADF;
		s->relay[s->n++] = r;
		error = make_pipe(r);
	}
	*ret = r;
	return error;
}

int
stdio_new(uid_t box, int ret_fds[3], struct stdio **ret, struct err *e)
{
	struct stdio *s = NULL;
	struct relay *at;
	int r = 0;

	for (int fd = 0; fd < 3 && r >= 0; fd++) {
		ret_fds[fd] = fd;
		if (!is_exposed(fd, box))
			continue;
		if (!s)
			s = calloc(1, sizeof(*s));
		r = s ? add_relay(s, fd, &at) : -ENOMEM;
		if (r >= 0)
			ret_fds[fd] = at->box_end;
	}
	if (r < 0) {
		stdio_free(s);
		return err_sys(e, r, "pipes in place of files");
	}
	*ret = s;
	return 0;
}

static void
close_fd(int *fd)
{
	close_ptr(fd);
	*fd = -EBADF;
}

void
stdio_given(struct stdio *s)
{
	for (size_t i = 0; s && i < s->n; i++)
		if (!s->relay[i]->input)
			close_fd(&s->relay[i]->box_end);
}

/* Nothing more goes through it; its pipe shows that to the box. */
static void
end_relay(struct relay *r, int error)
{
	if (error && !r->s->error) {
		r->s->error = error;
		r->s->error_fd = r->file;
	}
	if (r->ev)
		event_free(r->ev);
	r->ev = NULL;
	close_fd(&r->pipe);
}

/* Output */

static void
limit_files(const struct stdio *s, bool on)
{
	struct rlimit l = s->own;

	if (s->file_max >= s->own.rlim_cur)
		return;
	if (on)
		l.rlim_cur = s->file_max;
	(void)setrlimit(RLIMIT_FSIZE, &l);
}

static int
write_all(const struct relay *r, const char *data, size_t n)
{
	while (n) {
		ssize_t done = write(r->file, data, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		data += MAX(done, 0);
		n -= (size_t)MAX(done, 0);
	}
	return 0;
}

/* True if there may be more. */
static bool
copy_output(struct relay *r)
{
	ssize_t n = read(r->pipe, r->buf, CHUNK);
	int error;

	if (n < 0)
		return errno == EINTR;
	if (!n) {
		end_relay(r, 0);
		return false;
	}
	r->s->traffic += (uint64_t)n;
	limit_files(r->s, true);
	error = write_all(r, r->buf, (size_t)n);
	limit_files(r->s, false);
	if (error)
		end_relay(r, error);
	return !error;
}

/* Input */

static void
copy_input(struct relay *r)
{
	ssize_t n;

	if (r->at == r->len) {
		n = read(r->file, r->buf, CHUNK);
		if (n <= 0) {
			if (n == 0 || errno != EINTR)
				end_relay(r, n < 0 ? -errno : 0);
			return;
		}
		r->at = 0;
		r->len = (size_t)n;
	}
	n = write(r->pipe, r->buf + r->at, r->len - r->at);
	if (n > 0) {
		r->at += (size_t)n;
		r->pushed += (uint64_t)n;
		r->s->traffic += (uint64_t)n;
	}
}

uint64_t
stdio_traffic(const struct stdio *s)
{
	return s ? s->traffic : 0;
}

/* The box is dead: what it left in the pipe was not read. It can have put bytes
 * of its own there; they are its own loss. */
static void
give_back(struct relay *r)
{
	uint64_t unread;
	int n = 0;

	if (r->box_end < 0 || ioctl(r->box_end, FIONREAD, &n) < 0)
		return;
	unread = MIN((uint64_t)n, r->pushed) + (r->len - r->at);
	if (unread)
		(void)lseek(r->file, -(off_t)unread, SEEK_CUR);
	end_relay(r, 0);
	close_fd(&r->box_end);
}

/* The loop */

static void
on_pipe(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;

	(void)fd;
	(void)what;
	if (r->input)
		copy_input(r);
	else
		(void)copy_output(r);
}

int
stdio_start(struct stdio *s, struct event_base *base, uint64_t file_max,
	    struct err *e)
{
	if (!s)
		return 0;
	if (getrlimit(RLIMIT_FSIZE, &s->own) < 0)
		return err_sys(e, -errno, "limit of files");
	s->file_max = file_max;
	/* the limit is an error of write(2) for us, not our end */
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < s->n; i++) {
		struct relay *r = s->relay[i];

		r->ev = event_new(base, r->pipe,
				  (r->input ? EV_WRITE : EV_READ) | EV_PERSIST,
				  on_pipe, r);
		if (!r->ev || event_add(r->ev, NULL) < 0)
			return err_sys(e, -ENOMEM, "pipes in place of files");
	}
	return 0;
}

int
stdio_drain(struct stdio *s, struct err *e)
{
	for (size_t i = 0; s && i < s->n; i++) {
		struct relay *r = s->relay[i];

		if (r->input)
			give_back(r);
		while (r->pipe >= 0 && copy_output(r))
			;
	}
	if (!s || !s->error)
		return 0;
	return err_sys(e, s->error, "cannot copy %s", names[s->error_fd]);
}

void
stdio_free(struct stdio *s)
{
	for (size_t i = 0; s && i < s->n; i++) {
		if (s->relay[i]->input)
			give_back(s->relay[i]);
		end_relay(s->relay[i], 0);
		close_fd(&s->relay[i]->box_end);
		free(s->relay[i]);
	}
	free(s);
}
