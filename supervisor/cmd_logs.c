/*
 * agentbox logs: what happened to a box. A live box is asked; of a dead one
 * its file is read, if something notable happened to it.
 */
#include "lib/fd.h"
#include "lib/str.h"
#include "supervisor/client.h"
#include "supervisor/cmd_boxes.h"
#include "supervisor/eventlog.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const char usage[] =
	"Usage: agentbox logs [-f] [--json] BOX\n"
	"\n"
	"Shows the events of a box: started, confined, frozen, thawed, "
	"signals,\n"
	"limits, exited. BOX is a name, an id, or the beginning of an id of a\n"
	"running box; or the name or id of one that has ended, if it was\n"
	"frozen, killed, signalled, refused or hit a limit (kept for a day).\n"
	"\n"
	"  -f, --follow  goes on until the box ends\n"
	"      --json    one object per line\n"
	"  -h, --help    this text\n"
	"\n"
	"Exit status: 0; 1 when the box did not answer to the end; 125 when\n"
	"agentbox itself failed or there is no such box.\n";

struct logs {
	bool follow, json;
};

static const char *
member(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "-";
}

static void
print_line(const struct logs *o, const char *line, size_t len)
{
	char when[64], event[32], detail[EVENTLOG_LINE_MAX];
	json_t *j;

	if (o->json) {
		fwrite(line, 1, len, stdout);
		return;
	}
	j = json_loadb(line, len, 0, NULL);
	if (!j)
		return;
	str_escape(member(j, "time"), when, sizeof(when));
	str_escape(member(j, "event"), event, sizeof(event));
	str_escape(member(j, "detail"), detail, sizeof(detail));
	printf("%s  %-9s %s\n", when, event, detail);
	json_decref(j);
}

/* A piece of whole lines. */
static void
print_lines(const struct logs *o, const char *text, size_t len)
{
	const char *end = text + len, *nl;

	while (text < end && (nl = memchr(text, '\n', (size_t)(end - text)))) {
		print_line(o, text, (size_t)(nl + 1 - text));
		text = nl + 1;
	}
	fflush(stdout);
}

static int
show_live(const struct logs *o, int fd, struct err *e)
{
	const struct timeval forever = { 0 };
	char *buf = malloc(CONTROL_REPLY_MAX + 1);
	ssize_t n;

	if (!buf)
		return err_sys(e, ENOMEM, "events");
	if (o->follow)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &forever,
				 sizeof(forever));
	n = client_ask(fd, CONTROL_EVENTS, o->follow, NULL);
	while (n >= 0 &&
	       (n = client_stream(fd, buf, CONTROL_REPLY_MAX + 1)) > 0)
		print_lines(o, buf, (size_t)n);
	free(buf);
	if (n == -EBUSY)
		return err_set(e, EBUSY, "too many others follow this box");
	if (n < 0)
		return err_sys(e, (int)n, "the box's events ended early");
	return 0;
}

static bool
log_is_of(int fd, const char *name)
{
	char first[EVENTLOG_LINE_MAX + 1], want[RUNTIME_NAME_MAX + 16];
	ssize_t n = pread(fd, first, sizeof(first) - 1, 0);
	const char *nl;

	if (n <= 0)
		return false;
	first[n] = '\0';
	nl = strchr(first, '\n');
	if (nl)
		first[nl - first] = '\0';
	snprintf(want, sizeof(want), "\"box\":\"%.*s\",", RUNTIME_NAME_MAX,
		 name);
	return strstr(first, want) != NULL;
}

static int
open_log(int dirfd, const char *file)
{
	return openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* The newest log of a box of that name: a descriptor, or -ENOENT. */
static int
find_by_name(struct runtime *rt, const char *name)
{
	int dirfd = runtime_dirfd(rt), best = -ENOENT;
	int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct timespec newest = { 0 };
	struct dirent *de;
	struct stat st;

	if (!d) {
		close_ptr(&copy);
		return -ENOENT;
	}
	while ((de = readdir(d))) {
		const char *dot = strrchr(de->d_name, '.');
		_cleanup_close_ int fd = -EBADF;

		if (!dot || strcmp(dot, ".log") != 0)
			continue;
		fd = open_log(dirfd, de->d_name);
		if (fd < 0 || fstat(fd, &st) < 0 || !log_is_of(fd, name))
			continue;
		if (best >= 0 && (st.st_mtim.tv_sec < newest.tv_sec ||
				  (st.st_mtim.tv_sec == newest.tv_sec &&
				   st.st_mtim.tv_nsec < newest.tv_nsec)))
			continue;
		newest = st.st_mtim;
		if (best >= 0)
			close(best);
		best = TAKE_FD(fd);
	}
	closedir(d);
	return best;
}

static int
show_dead(const struct logs *o, struct runtime *rt, const char *box)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -EBADF;
	char file[RUNTIME_ID_LEN + 8];
	ssize_t n;

	if (runtime_is_id(box)) {
		snprintf(file, sizeof(file), "%.*s.log", RUNTIME_ID_LEN, box);
		fd = open_log(runtime_dirfd(rt), file);
	} else if (str_is_name(box)) {
		fd = find_by_name(rt, box);
	}
	if (fd < 0)
		return -ENOENT;
	n = fd_read_all(fd, (size_t)2 * EVENTLOG_MAX, &text);
	if (n < 0)
		return (int)n;
	print_lines(o, text, (size_t)n);
	return 0;
}

static int
show(const struct logs *o, struct runtime *rt, char *const *names,
     struct err *e)
{
	const struct client_select sel = { .names = names, .n = 1 };
	struct client_set set = { 0 };
	int r = client_find(rt, &sel, &set, e);

	if (r == -ENOENT)
		return show_dead(o, rt, names[0]) < 0 ? CLIENT_FAILED
						      : CLIENT_DONE;
	if (r < 0)
		return CLIENT_FAILED;
	r = show_live(o, set.v[0].fd, e);
	client_set_done(&set);
	return r < 0 ? CLIENT_SOME_FAILED : CLIENT_DONE;
}

int
cmd_logs(int argc, char **argv)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct runtime *rt = NULL;
	struct err e = ERR_INIT;
	struct logs o = { 0 };
	int c, r = CLIENT_FAILED;

	while ((c = getopt_long(argc, argv, "fh", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			o.follow = true;
			break;
		case 'j':
			o.json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return CLIENT_DONE;
		default:
			return client_usage("logs");
		}
	}
	if (argc - optind != 1)
		return client_usage("logs");
	if (client_runtime(argv[optind], &rt, &e) == 0)
		r = show(&o, rt, argv + optind, &e);
	runtime_close(rt);
	if (r != CLIENT_DONE)
		client_complain(&e);
	return r;
}
