/*
 * agentbox audit tail: the newest records, and with -f those that come. The
 * log's files are read, never the writer asked: whoever may read them sees all
 * that was written, acknowledged or not.
 */
#include "audit/layout.h"
#include "audit/reader.h"
#include "lib/str.h"
#include "query/cmd.h"
#include "query/render.h"

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sys/inotify.h>

#define TAIL_DEFAULT 10
#define LOOK_MS                                                                \
	1000 /* where inotify(7) does not say (NFS, no watches left)           \
	      */

static const char usage[] =
	"Usage: agentbox audit tail [-f] [-n N] [FILTERS] [--json] [--utc]\n"
	"\n"
	"Shows the newest records.\n"
	"\n"
	"  -f, --follow    goes on with those that come\n"
	"  -n, --lines N   how many (10)\n"
	"      --json      one object per line\n"
	"      --utc       times in UTC\n"
	"      --no-index  read all files and do not use the index\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0; 125 when it cannot be answered.\n";

struct tail {
	struct render rd;
	struct cmd *c;
	struct trail *t;
	bool follow;
	uint64_t lines;
};

static int
take(void *arg, int option, const char *value, struct err *e)
{
	struct tail *t = arg;

	if (option == 'f') {
		t->follow = true;
		return 0;
	}
	if (str_to_u64(value, &t->lines) < 0)
		return err_set(e, EINVAL, "-n: \"%.40s\" is no number", value);
	return 0;
}

static int
show(void *arg, const struct record *r, const struct record *who, struct err *e)
{
	struct tail *t = arg;

	if (t->c->json) {
		render_json(stdout, r, who);
		putchar('\n');
	} else {
		render_line(&t->rd, r, who);
	}
	if (ferror(stdout))
		return err_sys(e, errno, "cannot write the answer");
	return 0;
}

/* Shows what is there from here on. */
static int
show_new(struct tail *t, struct reader *rd, struct err *e)
{
	struct record r, who;
	uint64_t bytes;
	int k;

	while ((k = reader_next(rd, &r, e)) != 0) {
		if (k == -EBADMSG) {
			fprintf(stderr, "agentbox: note: %s\n", e->text);
			k = reader_skip(rd, &bytes);
			if (k == 0)
				break;
		}
		if (k < 0)
			return k;
		k = trail_who(t->t, &r, &who, e);
		if (k >= 0 && filter_match(&t->c->f, &r, k ? &who : NULL))
			k = show(t, &r, k ? &who : NULL, e);
		if (k < 0)
			return k;
	}
	return fflush(stdout) ? err_sys(e, errno, "cannot write the answer")
			      : 0;
}

/* Watches the folder of the files; -1 if the kernel will not. */
static int
watch(int audit)
{
	char path[64];
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	snprintf(path, sizeof(path), "/proc/self/fd/%d/" LAYOUT_LOG, audit);
	if (fd >= 0 &&
	    inotify_add_watch(fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) <
		    0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void
wait_for_more(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char events[4096];

	(void)poll(&p, 1, LOOK_MS);
	while (fd >= 0 && read(fd, events, sizeof(events)) > 0)
		;
}

static int
follow(struct tail *t, uint64_t after, struct err *e)
{
	_cleanup_close_ int fd = watch(trail_audit(t->t));
	struct reader *rd;
	int k = reader_new(trail_audit(t->t), &rd, e);

	if (k < 0)
		return k;
	k = reader_seek(rd, after + 1, e);
	while (k >= 0) {
		k = show_new(t, rd, e);
		if (k >= 0)
			wait_for_more(fd);
	}
	reader_free(rd);
	return k;
}

static int
run(struct tail *t, struct err *e)
{
	struct filter f = t->c->f;
	uint64_t last;
	int64_t n = 0;
	int k = trail_last(t->t, &last, e);

	if (k < 0)
		return k;
	f.seq_last = MIN(f.seq_last, last);
	f.limit = t->lines;
	if (f.limit)
		n = trail_find(t->t, &f, show, t, e);
	if (n < 0 || !t->follow)
		return n < 0 ? (int)n : 0;
	return follow(t, last, e);
}

int
cmd_tail(int argc, char **argv)
{
	static const struct option own[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "lines", required_argument, NULL, 'n' },
		{ 0 }
	};
	struct tail t = { .lines = TAIL_DEFAULT };
	struct cmd c = { .usage = usage,
			 .own = own,
			 .letters = "fn:",
			 .take = take,
			 .arg = &t };
	struct err e = ERR_INIT;
	int r;

	t.c = &c;
	filter_init(&c.f);
	r = cmd_options(&c, argc, argv);
	if (r <= 0 || cmd_no_operands(&c, argc, argv) < 0)
		return r ? QUERY_FAILED : QUERY_OK;
	render_init(&t.rd, stdout, c.utc);
	if (cmd_open(&c, &t.t, &e) < 0)
		return cmd_complain(&e);
	r = run(&t, &e);
	if (r < 0)
		cmd_complain(&e);
	return cmd_done(t.t, r < 0 ? QUERY_FAILED : QUERY_OK);
}
