/*
 * The helper of the writer that takes checkpoints away. What always holds: it
 * never makes the writer wait (it only reads what fits), commands are run
 * without a shell, with a clean environment and a time limit, and are killed by
 * the id of a child that was not waited for yet.
 *
 * As root it goes on as the writer's uid, unless the config names a file or a
 * command: those are root's own words in root's own file, and are done as root,
 * as cron would.
 */
#include "audit/sink.h"

#include "audit/sink-internal.h"
#include "lib/fd.h"
#include "sandbox/caps.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define END_US 10000000ull /* for what is under way when the writer ends */

uint64_t
sink_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static const char *
name_of(const struct sink_options *o, uint32_t i)
{
	const struct audit_sink *k;

	if (i == SINK_IS_JOURNAL)
		return "journal";
	k = &o->config->sink[i];
	return k->kind == SINK_FILE	 ? k->path
	       : k->kind == SINK_COMMAND ? k->argv.v[0]
					 : "syslog";
}

/* Each result of a checkpoint is told; the journal's only when it changes. */
static void
answer(struct sinks *s, uint32_t i, int status)
{
	struct sink_answer a = {
		.sink = i,
		.status = status,
		.missed = s->place[i].missed,
	};

	snprintf(a.text, sizeof(a.text), "%s%s%s", name_of(s->o, i),
		 status ? ": " : "", status ? strerror(-status) : "");
	(void)send(s->o->fd, &a, sizeof(a), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
to_journal(struct sinks *s, const struct sink_message *m)
{
	struct place *p = &s->place[SINK_IS_JOURNAL];
	int r = sink_datagram(s->journal, m->text, m->len);

	if (r < 0)
		p->missed++;
	if (r != p->last)
		answer(s, SINK_IS_JOURNAL, r);
	p->last = r;
}

/* Begins; what does not take long is done at once. */
static void
deliver(struct sinks *s, uint32_t i)
{
	const struct audit_sink *k = &s->o->config->sink[i];
	struct place *p = &s->place[i];
	int r;

	p->waits = false;
	switch (k->kind) {
	case SINK_FILE:
		r = sink_file(k->path, p->note, p->len);
		break;
	case SINK_SYSLOG:
		r = sink_syslog(s->syslog, p->note, p->len);
		break;
	default:
		r = sink_command_start(k, p);
		if (r == 0)
			return;
	}
	answer(s, i, r);
}

static void
to_sinks(struct sinks *s, const struct sink_message *m)
{
	for (uint32_t i = 0; i < s->o->config->n_sinks; i++) {
		struct place *p = &s->place[i];

		p->missed += p->waits;
		memcpy(p->note, m->text, m->len);
		p->len = m->len;
		p->waits = true;
		if (p->pid <= 0)
			deliver(s, i);
	}
}

/* False: the writer has gone. */
static bool
receive(struct sinks *s)
{
	struct sink_message m;
	ssize_t n = recv(s->o->fd, &m, sizeof(m), MSG_DONTWAIT);

	/* answers that nobody will read any more leave a reset before what
	 * the writer sent last (unix(7)) */
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNRESET;
	if (n < (ssize_t)SINK_HEAD || m.len != (size_t)n - SINK_HEAD)
		return false;
	if (m.what == SINK_NOTE && m.len <= NOTE_MAX)
		to_sinks(s, &m);
	else if (m.what == SINK_ENTRY)
		to_journal(s, &m);
	return true;
}

/* Looks at the commands that run; the time of the next limit. */
static uint64_t
look(struct sinks *s)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < s->o->config->n_sinks; i++) {
		struct place *p = &s->place[i];
		int status;

		if (p->pid <= 0)
			continue;
		if (sink_command_done(p, &status)) {
			answer(s, i, status);
			if (p->waits)
				deliver(s, i);
		}
		if (p->pid > 0)
			next = MIN(next, p->until_us);
	}
	return next;
}

static bool
busy(const struct sinks *s)
{
	for (uint32_t i = 0; i < s->o->config->n_sinks; i++)
		if (s->place[i].pid > 0)
			return true;
	return false;
}

/* Until a message, the end of a command, or a limit. */
static void
wait_for(struct sinks *s, bool open, uint64_t until_us)
{
	struct pollfd p[1 + AUDIT_SINKS_MAX];
	uint64_t now = sink_now();
	int ms = -1;
	nfds_t n = 0;

	if (open)
		p[n++] = (struct pollfd){ .fd = s->o->fd, .events = POLLIN };
	for (uint32_t i = 0; i < s->o->config->n_sinks; i++)
		if (s->place[i].pid > 0)
			p[n++] = (struct pollfd){ .fd = s->place[i].pidfd,
						  .events = POLLIN };
	if (until_us != UINT64_MAX)
		ms = until_us <= now
			     ? 0
			     : (int)MIN((until_us - now + 999) / 1000, 60000u);
	(void)poll(p, n, ms);
}

/* ---- the process --------------------------------------------------------- */

static bool
needs_root(const struct audit_config *c)
{
	for (size_t i = 0; i < c->n_sinks; i++)
		if (c->sink[i].kind != SINK_SYSLOG)
			return true;
	return false;
}

static bool
has_command(const struct audit_config *c)
{
	for (size_t i = 0; i < c->n_sinks; i++)
		if (c->sink[i].kind == SINK_COMMAND)
			return true;
	return false;
}

static int
drop(const struct sink_options *o, struct err *e)
{
	if (o->drop && geteuid() == 0 && !needs_root(o->config) &&
	    (setgroups(0, NULL) < 0 ||
	     setresgid(o->drop, o->drop, o->drop) < 0 ||
	     setresuid(o->drop, o->drop, o->drop) < 0))
		return err_sys(e, -errno, "the uid of the sink helper");
	/* a command may be one that needs them */
	if (has_command(o->config))
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, -errno, "no new privileges");
	return needs_root(o->config) ? 0 : caps_drop_all(e);
}

static void
loop(struct sinks *s)
{
	uint64_t end_us = UINT64_MAX;
	bool open = true;

	while (open || (busy(s) && sink_now() < end_us)) {
		wait_for(s, open, MIN(look(s), end_us));
		if (open && !receive(s)) {
			open = false;
			end_us = sink_now() + END_US;
		}
	}
}

/* A host that stops ends all at once; the writer still has a last checkpoint
 * then, and the end of its socket is the end here. */
static void
ignore_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
}

int
sink_run(const struct sink_options *o, struct err *e)
{
	struct sinks s = {
		.o = o,
		.journal = o->journal ? o->journal : SINK_JOURNAL_PATH,
		.syslog = o->syslog ? o->syslog : SINK_SYSLOG_PATH,
	};
	int r = drop(o, e);

	if (r < 0)
		return r;
	ignore_signals();
	loop(&s);
	sink_command_kill(&s);
	return 0;
}

bool
sink_wanted(const struct audit_config *c)
{
	struct stat st;

	return c->n_sinks || (c->journal && stat(SINK_JOURNAL_PATH, &st) == 0 &&
			      S_ISSOCK(st.st_mode));
}

/* In the child: descriptor 0 is the socket, and there is no other. */
static void
become(int fd)
{
	char self[] = "agentbox-audit", sink[] = "--sink";
	char *argv[] = { self, sink, NULL };

	if (dup2(fd, 0) < 0 || fd_close_range(3, ~0u, 0) < 0)
		_exit(127);
	execv("/proc/self/exe", argv);
	_exit(127);
}

int
sink_start(const struct audit_config *c, struct err *e)
{
	int pair[2];
	pid_t pid;

	e->code = 0;
	if (!sink_wanted(c))
		return -EBADF;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair) < 0)
		return err_sys(e, -errno, "a socket for the sink helper");
	pid = fork();
	if (pid == 0)
		become(pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return err_sys(e, -errno, "the sink helper");
	}
	return pair[0];
}
