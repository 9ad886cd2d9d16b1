/*
 * The boxes of a live test: one for all attempts, and another for what is left
 * whenever an attempt ended agentbox-try (try.h). The box is run by a child,
 * since it takes the process over; what it says is read to the end.
 */
#include "supervisor/live-internal.h"

#include "lib/fd.h"
#include "lib/str.h"
#include "profiles/compile.h"
#include "profiles/held.h"
#include "supervisor/box.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define ANSWERS_MAX (256u * 1024)
#define TIMEOUT_US 240000000u /* of one box */

struct pipes {
	int in[2], out[2], err[2];
};

static void
close_fd(int *fd)
{
	close_ptr(fd);
	*fd = -EBADF;
}

static int
make_pipes(struct pipes *p)
{
	*p = (struct pipes){ { -EBADF, -EBADF },
			     { -EBADF, -EBADF },
			     { -EBADF, -EBADF } };
	return pipe2(p->in, O_CLOEXEC) < 0 || pipe2(p->out, O_CLOEXEC) < 0 ||
			       pipe2(p->err, O_CLOEXEC) < 0
		       ? -errno
		       : 0;
}

static void
close_pipes(struct pipes *p)
{
	int *const all[] = { p->in, p->out, p->err };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		close_fd(&all[i][0]);
		close_fd(&all[i][1]);
	}
}

static _noreturn_ void
run_child(const struct live *l, struct pipes *p)
{
	static const char *const args[] = { BOX_HELPER, NULL };
	char helper[PATH_MAX + 16];
	const struct box_options o = {
		.profile = l->p->path,
		.workspace = *l->workspace ? l->workspace : NULL,
		.timeout_set = true,
		.timeout_us = TIMEOUT_US,
		.args = args,
		.helper = helper,
		.observe = profile_observes(l->p),
	};

	snprintf(helper, sizeof(helper), "%s/agentbox-try", l->paths->libexec);
	if (dup3(p->in[0], 0, 0) < 0 || dup3(p->out[1], 1, 0) < 0 ||
	    dup3(p->err[1], 2, 0) < 0)
		_exit(EXIT_AGENTBOX);
	close_pipes(p);
	_exit(box_run(&o));
}

static size_t
first_pending(const struct live *l)
{
	size_t i = 0;

	while (i < l->n_attempts && l->attempt[i].result != LIVE_PENDING)
		i++;
	return i;
}

/* As many as agentbox-try takes at once; *ret_to is the first that is not
 * sent. */
static int
send_attempts(const struct live *l, size_t from, int fd, size_t *ret_to)
{
	size_t bytes = 0, i = from;
	int r = 0;

	for (; i < l->n_attempts && r >= 0; i++) {
		const struct live_attempt *a = &l->attempt[i];
		const char kind[2] = { (char)a->kind, '\0' };

		bytes += sizeof(kind) + strlen(a->what) + 1;
		if (bytes > TRY_INPUT_MAX)
			break;
		r = fd_write_all(fd, kind, sizeof(kind));
		if (r >= 0)
			r = fd_write_all(fd, a->what, strlen(a->what) + 1);
	}
	*ret_to = i;
	return r;
}

/* One line for each attempt; how many there were. */
static size_t
take_answers(struct live *l, size_t from, size_t to, char *text)
{
	size_t n = 0;

	for (char *line = text, *nl; from + n < to && (nl = strchr(line, '\n'));
	     line = nl + 1, n++) {
		uint64_t v;

		*nl = '\0';
		if (str_to_u64(line, &v) < 0 || v > 4096)
			break;
		l->attempt[from + n].result = (int)v;
	}
	return n;
}

static int
box_failed(int status, const char *said, struct err *e)
{
	size_t n = strcspn(said, "\n");

	err_set(e, -EIO, "the box of the live test ended with status %d%s%.*s",
		status, n ? ": " : "", (int)n, said);
	return err_cure(e, "see `agentbox doctor`; without --live the cases "
			   "are tried against the rules alone");
}

/* What agentbox-try said before it ended: 0 when more is to be done. */
static int
settle(struct live *l, size_t from, size_t to, char *answers, int status,
       const char *said, struct err *e)
{
	size_t n = from + take_answers(l, from, to, answers);

	if (n >= to)
		return 0;
	if (status == EXIT_AGENTBOX || status == EXIT_TIMEOUT ||
	    status == TRY_EXIT_INPUT || status == EXIT_NOT_FOUND ||
	    status == EXIT_CANNOT_EXECUTE ||
	    (l->attempt[n].kind != TRY_EXEC && l->attempt[n].kind != TRY_CALL))
		return box_failed(status, said, e);
	l->attempt[n].result = 0;
	return 0;
}

static int
status_of(pid_t pid)
{
	int st;

	while (waitpid(pid, &st, 0) < 0)
		if (errno != EINTR)
			return EXIT_AGENTBOX;
	return WIFEXITED(st) ? WEXITSTATUS(st) : EXIT_AGENTBOX;
}

static int
one_box(struct live *l, size_t from, struct err *e)
{
	_cleanup_free_ char *answers = NULL, *said = NULL;
	struct pipes p;
	size_t to;
	pid_t pid;
	int r = make_pipes(&p), status;

	pid = r < 0 ? -1 : fork();
	if (pid == 0)
		run_child(l, &p);
	if (pid < 0) {
		r = r < 0 ? r : -errno;
		close_pipes(&p);
		return err_sys(e, r, "live test");
	}
	close_fd(&p.in[0]);
	close_fd(&p.out[1]);
	close_fd(&p.err[1]);
	r = send_attempts(l, from, p.in[1], &to);
	close_fd(&p.in[1]);
	(void)!fd_read_all(p.out[0], ANSWERS_MAX, &answers);
	(void)!fd_read_all(p.err[0], ANSWERS_MAX, &said);
	close_pipes(&p);
	status = status_of(pid);
	if (!answers || !said)
		return err_sys(e, -ENOMEM, "live test");
	/* It may have ended before it read all. */
	if (r < 0 && r != -EPIPE)
		return err_sys(e, r, "live test");
	return settle(l, from, to, answers, status, said, e);
}

int
live_do(struct live *l, struct err *e)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, old;
	size_t from;
	int r = 0;

	fflush(stdout);
	sigaction(SIGPIPE, &ignore, &old);
	/* each box settles one attempt at least */
	while (r >= 0 && (from = first_pending(l)) < l->n_attempts)
		r = one_box(l, from, e);
	sigaction(SIGPIPE, &old, NULL);
	return r;
}
