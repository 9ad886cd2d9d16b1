/*
 * agentbox-audit: the writer of the audit log. One for each state folder; it
 * holds the lock of the log and nobody else writes there. Started by `agentbox
 * run` when there is none, or by systemd. See agentbox-audit(8).
 */
#include "audit/layout.h"
#include "audit/sink.h"
#include "audit/writer.h"
#include "audit/writer_confine.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct args {
	bool foreground, anew;
	const char *state;
	bool sink; /* be the helper; its other sockets: */
	const char *journal, *syslog;
	int ready; /* where the starter waits, or -EBADF */
};

static const char usage[] =
	"agentbox-audit [--foreground] [--state DIR] [--ready-fd N] [--anew]\n"
	"The writer of the audit log; see agentbox-audit(8).\n";

/* ---- the command line ---------------------------------------------------- */

static int
ready_fd(const char *s, int *ret, struct err *e)
{
	uint64_t n;

	if (str_to_u64(s, &n) < 0 || n < 3 || n > INT32_MAX ||
	    fcntl((int)n, F_GETFD) < 0)
		return err_set(e, EINVAL, "--ready-fd %s: no open descriptor",
			       s);
	*ret = (int)n;
	return 0;
}

/* A value of "--name VALUE"; false: it is another option. */
static bool
takes(const char *name, char ***av, const char **ret)
{
	if (strcmp(**av, name) != 0 || !(*av)[1])
		return false;
	*ret = *++*av;
	return true;
}

/* 1: done already. */
static int
parse(char **av, struct args *a, struct err *e)
{
	const char *ready = NULL;

	for (av++; *av; av++) {
		if (strcmp(*av, "--foreground") == 0) {
			a->foreground = true;
		} else if (strcmp(*av, "--anew") == 0) {
			a->anew = true;
		} else if (strcmp(*av, "--sink") == 0) {
			a->sink = true;
		} else if (strcmp(*av, "--help") == 0) {
			fputs(usage, stdout);
			return 1;
		} else if (strcmp(*av, "--version") == 0) {
			puts("agentbox-audit " AGENTBOX_VERSION);
			return 1;
		} else if (!takes("--state", &av, &a->state) &&
			   !takes("--journal", &av, &a->journal) &&
			   !takes("--syslog", &av, &a->syslog) &&
			   !takes("--ready-fd", &av, &ready)) {
			err_set(e, EINVAL,
				"%s: not known, or its value is "
				"missing",
				*av);
			return err_cure(e, "see agentbox-audit --help");
		}
	}
	return ready ? ready_fd(ready, &a->ready, e) : 0;
}

/* ---- telling those who wait ---------------------------------------------- */

/* One line, to the starter and to the process that was started. */
static void
report(const struct args *a, int parent, const char *text)
{
	const int to[] = { a->ready, parent };
	size_t len = strlen(text);

	for (size_t i = 0; i < ARRAY_SIZE(to); i++)
		if (to[i] >= 0)
			(void)fd_write_all(to[i], text, len);
}

static void
report_error(const struct args *a, int parent, const struct err *e)
{
	char line[sizeof(e->text) + sizeof(e->cure) + 8];

	snprintf(line, sizeof(line), "%s%s%s\n", e->text, *e->cure ? "; " : "",
		 e->cure);
	report(a, parent, line);
	if (parent < 0)
		fprintf(stderr, "agentbox-audit: %s", line);
}

/* ---- the process --------------------------------------------------------- */

/* Nothing of what the starter had open comes along. */
static void
close_others(int a, int b)
{
	int low = MIN(a, b), high = MAX(a, b);
	unsigned int from = 3;

	for (int i = 0; i < 2; i++) {
		int keep = i ? high : low;

		if (keep < (int)from)
			continue;
		if (keep > (int)from)
			fd_close_range(from, (unsigned int)keep - 1, 0);
		from = (unsigned int)keep + 1;
	}
	fd_close_range(from, ~0u, 0);
}

static int
no_stdio(struct err *e)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i < 3; i++)
		if (dup2(fd, i) < 0)
			fd = -1;
	if (fd < 0)
		return err_sys(e, -errno, "/dev/null");
	if (fd > 2)
		close(fd);
	return 0;
}

/* The parent: waits for what the child has to say. */
static int
wait_for(int fd)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_all(fd, 4096, &text);

	if (n > 0 && (strcmp(text, "ok\n") == 0 || str_starts(text, "another")))
		return 0;
	fprintf(stderr, "agentbox-audit: %s",
		n > 0 ? text : "it ended at its start\n");
	return 1;
}

/* Returns 1 in the parent, which is done with *ret_status; else 0, with the
 * descriptor to report to. */
static int
daemonize(int *ret_report, int *ret_status, struct err *e)
{
	int p[2];
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, -errno, "a pipe");
	pid = fork();
	if (pid < 0)
		return err_sys(e, -errno, "a process for the audit writer");
	close(p[pid ? 1 : 0]);
	if (pid) {
		*ret_status = wait_for(p[0]);
		close(p[0]);
		return 1;
	}
	*ret_report = p[1];
	return setsid() < 0 ? err_sys(e, -errno, "setsid") : 0;
}

/* The helper: descriptor 0 is the writer's. */
static int
be_sink(const struct args *a, struct err *e)
{
	struct audit_config config;
	struct sink_options o = {
		.config = &config,
		.fd = 0,
		.journal = a->journal,
		.syslog = a->syslog,
		.drop = layout_writer_uid(),
	};
	int r = audit_config_load(&config, e);

	if (r == 0)
		r = sink_run(&o, e);
	audit_config_done(&config);
	return r;
}

static int
sink(const struct args *a)
{
	struct err e = ERR_INIT;

	if (be_sink(a, &e) == 0)
		return 0;
	fprintf(stderr, "agentbox-audit --sink: %s\n", e.text);
	return 1;
}

/* From here on the process can do what its loop does, and no more. */
static int
confine(struct writer *w, char text[CONFINED_MAX], struct err *e)
{
	const struct confine_options o = {
		.dir = w->dir,
		.proc = w->proc,
		.own_users = geteuid() != 0 && w->peers.ns_whole,
		.uid = layout_writer_uid(),
	};

	return writer_confine(&o, text, CONFINED_MAX, &w->peers.overflow, e);
}

static int
serve(const struct args *a, int parent, struct writer *w, const char *confined,
      struct err *e)
{
	struct server_options o = {
		.config = &w->config,
		.peers = w->peers,
		.listener = w->listener,
		.signals = w->signals,
		.lock = w->lock,
		.sink = w->sink,
	};
	struct store_now now;
	struct server *s = NULL;
	int r;

	server_now(&now);
	r = store_open(w->dir, &w->config, NULL, &now, confined, &o.store, e);
	if (r < 0)
		return r;
	r = server_new(&o, &s, e);
	if (r == 0) {
		report(a, parent, "ok\n");
		close_ptr(&a->ready);
		close_ptr(&parent);
		r = server_run(s);
		(void)server_stop(s); /* what fails now, the next start tells */
	}
	server_free(s);
	store_free(o.store);
	return r;
}

/* 1: it serves, and that is well. */
static int
other(const struct args *a, int parent, struct err *e)
{
	if (!a->anew) {
		report(a, parent, "another one is there\n");
		return 1;
	}
	err_set(e, EBUSY, "a writer serves this log, so it is whole");
	return err_cure(e, "end that agentbox-audit first if you want a new "
			   "log all the same");
}

static int
prepare(const struct args *a, struct writer *w, char *confined, struct err *e)
{
	int r = a->anew ? writer_anew(w, e) : 0;

	if (r < 0)
		return r;
	w->sink = sink_start(&w->config, e);
	if (w->sink < 0 && e->code)
		return e->code;
	if (!a->foreground)
		r = no_stdio(e);
	return r < 0 ? r : confine(w, confined, e);
}

static int
run(const struct args *a, int parent, int listener)
{
	struct writer w = WRITER_INIT;
	char confined[CONFINED_MAX];
	struct err e = ERR_INIT;
	int r;

	umask(077);
	r = writer_open(&w, listener, &e);
	if (r == 1)
		r = other(a, parent, &e);
	else if (r == 0)
		r = prepare(a, &w, confined, &e);
	if (r == 0)
		r = serve(a, parent, &w, confined, &e);
	if (r < 0 && e.code)
		report_error(a, parent, &e);
	writer_done(&w);
	return r < 0;
}

int
main(int argc, char **argv)
{
	struct args a = { .ready = -EBADF };
	struct err e = ERR_INIT;
	int parent = -EBADF, status = 1, listener, r;

	(void)argc;
	r = parse(argv, &a, &e);
	if (r == 1)
		return 0;
	if (r == 0 && a.state && setenv("AGENTBOX_STATE_DIR", a.state, 1) < 0)
		r = err_sys(&e, -errno, "the environment");
	if (r == 0 && a.sink)
		return sink(&a);
	listener = r == 0 ? writer_passed(&e) : -EBADF;
	if (e.code == 0) {
		close_others(a.ready, listener);
		r = a.foreground ? 0 : daemonize(&parent, &status, &e);
	}
	if (r == 1)
		return status;
	if (e.code) {
		report_error(&a, parent, &e);
		return 1;
	}
	return run(&a, parent, listener);
}
