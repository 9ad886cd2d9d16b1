/* agentbox audit checkpoint, rotate and anew: what only the writer can do. */
#include "audit/client.h"
#include "query/cmd.h"

#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#define ANSWER_US (30u * 1000 * 1000) /* it waits for the disk */

static const char usage_checkpoint[] =
	"Usage: agentbox audit checkpoint\n"
	"\n"
	"Signs what was recorded so far, now; returns when it is on the disk.\n"
	"The checkpoint goes to the places that agentbox-audit.json(5) names.\n"
	"\n"
	"Exit status: 0; 125 it failed.\n";
static const char usage_rotate[] = "Usage: agentbox audit rotate\n"
				   "\n"
				   "Begins a new file of the log, now.\n"
				   "\n"
				   "Exit status: 0; 125 it failed.\n";
static const char usage_anew[] =
	"Usage: agentbox audit anew\n"
	"\n"
	"Begins a new log beside one that was damaged, which is kept under\n"
	"another name; the new one says which it follows. For when the writer\n"
	"refuses to go on with a log that was changed: find out why first.\n"
	"\n"
	"Exit status: 0; 125 it failed.\n";

/* agentbox-audit lies beside us. */
static int
writer_path(char buf[PATH_MAX], struct err *e)
{
	static const char name[] = "agentbox-audit";
	ssize_t n = readlink("/proc/self/exe", buf, PATH_MAX - sizeof(name));
	char *slash;

	if (n <= 0 || n == PATH_MAX - (ssize_t)sizeof(name))
		return err_sys(e, n < 0 ? errno : ENAMETOOLONG,
			       "cannot find my own folder");
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	memcpy(slash + 1, name, sizeof(name));
	return 0;
}

/* Starts the writer where none runs: it opens the log and ends when nobody
 * speaks to it. */
static int
command(enum wire_op op, struct err *e)
{
	char path[PATH_MAX];
	struct client_options o = { .writer = path, .start = true };
	struct client *c = NULL;
	int r = writer_path(path, e);

	if (r >= 0)
		r = client_new(&o, &c, e);
	if (r >= 0)
		r = client_command(c, op, ANSWER_US, e);
	client_free(c);
	return r;
}

static int
writer_command(int argc, char **argv, enum wire_op op, const char *usage)
{
	struct cmd c = { .usage = usage, .no_filters = true };
	struct err e = ERR_INIT;
	int audit, r = cmd_options(&c, argc, argv);

	if (r <= 0 || cmd_no_operands(&c, argc, argv) < 0)
		return r ? QUERY_FAILED : QUERY_OK;
	/* not a first log only to sign that it is empty */
	r = audit = trail_folder(&e);
	close_ptr(&audit);
	if (r >= 0)
		r = command(op, &e);
	return cmd_done(NULL, r < 0 ? cmd_complain(&e) : QUERY_OK);
}

int
cmd_checkpoint(int argc, char **argv)
{
	return writer_command(argc, argv, WIRE_CHECKPOINT, usage_checkpoint);
}

int
cmd_rotate(int argc, char **argv)
{
	return writer_command(argc, argv, WIRE_ROTATE, usage_rotate);
}

/* Runs the writer with that option; it says itself what is wrong. */
static int
run_writer(char *path, char *option, struct err *e)
{
	char *args[] = { path, option, NULL };
	int status, r;
	pid_t pid;

	r = posix_spawn(&pid, path, NULL, NULL, args, environ);
	if (r)
		return err_sys(e, r, "cannot run %s", path);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "cannot wait for %s", path);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? QUERY_OK
							     : QUERY_FAILED;
}

int
cmd_anew(int argc, char **argv)
{
	char option[] = "--anew";
	struct cmd c = { .usage = usage_anew, .no_filters = true };
	struct err e = ERR_INIT;
	char path[PATH_MAX];
	int r = cmd_options(&c, argc, argv);

	if (r <= 0 || cmd_no_operands(&c, argc, argv) < 0)
		return r ? QUERY_FAILED : QUERY_OK;
	r = writer_path(path, &e);
	if (r >= 0)
		r = run_writer(path, option, &e);
	return r < 0 ? cmd_complain(&e) : r;
}
