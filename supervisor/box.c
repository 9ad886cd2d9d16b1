/*
 * The story of one box from request to exit status. What always holds: until
 * the kernel was read back and agreed with the plan, the command does not
 * start; whatever was acquired is given back in reverse, on every path.
 */
#include "supervisor/box-internal.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

uint64_t
box_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t
box_boot_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

void
box_phase(struct box *b, enum box_phase p)
{
	b->phase[p] = box_now_ns();
}

/* A directory as stdin, stdout or stderr is a way out of the box (openat
 * beneath it goes around every mount), so it is refused. */
static int
check_stdio(struct err *e)
{
	static const char *const names[] = { "stdin", "stdout", "stderr" };
	struct stat st;

	for (int fd = 0; fd <= 2; fd++) {
		int flags = fcntl(fd, F_GETFL);

		if (flags < 0 || fstat(fd, &st) < 0)
			return err_sys(e, -errno, "%s", names[fd]);
		if (!S_ISDIR(st.st_mode) && !S_ISBLK(st.st_mode) &&
		    !(flags & O_PATH))
			continue;
		err_set(e, -EBADF,
			"%s is a directory, a disk or a path descriptor, which "
			"would be a way out of the box",
			names[fd]);
		return err_cure(e, "redirect it from a file or /dev/null");
	}
	return 0;
}

static int
find_workspace(struct box *b, struct err *e)
{
	const char *dir = b->o->workspace ? b->o->workspace : ".";
	struct stat st;

	if (b->profile->files.workspace == ACCESS_NONE)
		return b->o->workspace
			       ? err_set(e, -EINVAL,
					 "--workspace %s: profile %s has no "
					 "workspace",
					 dir, b->profile->name)
			       : 0;
	b->workspace = realpath(dir, NULL);
	if (!b->workspace)
		return err_sys(e, -errno, "workspace %s", dir);
	if (stat(b->workspace, &st) < 0)
		return err_sys(e, -errno, "workspace %s", b->workspace);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, -ENOTDIR, "workspace %s: not a directory",
			       b->workspace);
	b->lp.owner_uid = st.st_uid;
	b->lp.owner_gid = st.st_gid;
	b->profile->process.cgroup.io_dev = st.st_dev;
	return 0;
}

static int
prepare(struct box *b, struct err *e)
{
	int r = check_stdio(e);

	if (r >= 0)
		r = paths_find(&b->paths, e);
	if (r >= 0)
		r = box_begin(b, e);
	box_phase(b, PHASE_BEGUN);
	if (r >= 0)
		r = box_load(b, e);
	if (r >= 0)
		r = find_workspace(b, e);
	box_phase(b, PHASE_LOADED);
	return r;
}

static int
status_of_exec(int r)
{
	return r == -ENOENT || r == -ENOTDIR ? EXIT_NOT_FOUND
					     : EXIT_CANNOT_EXECUTE;
}

static int
status_of_command(const struct box *b)
{
	if (b->end == END_TIMEOUT)
		return EXIT_TIMEOUT;
	if (!b->have_status)
		return 128 + SIGKILL;
	if (WIFEXITED(b->wait_status))
		return WEXITSTATUS(b->wait_status);
	return 128 + WTERMSIG(b->wait_status);
}

/* Launch, read back, exec, serve. Returns the exit status. */
static int
run(struct box *b, struct err *e)
{
	int r = box_acquire(b, e);

	box_phase(b, PHASE_ACQUIRED);
	if (r >= 0)
		r = box_launch(b, e);
	if (r < 0)
		return EXIT_AGENTBOX;
	if (b->o->observe)
		box_say_observing(b);
	r = launch_exec(&b->launch, e);
	box_phase(b, PHASE_EXECED);
	if (r < 0)
		return status_of_exec(r);
	box_audit_started(b);
	r = box_loop(b, e);
	box_phase(b, PHASE_ENDED);
	if (r < 0)
		return EXIT_AGENTBOX;
	e->code = 0; /* what was tried on the way does not count */
	return status_of_command(b);
}

int
box_run(const struct box_options *o)
{
	struct box b = { .o = o,
			 .entry = RUNTIME_BOX_INIT,
			 .slot = -EBADF,
			 .guard = GUARD_INIT,
			 .launch = LAUNCH_INIT,
			 .known = POLICY_FOUND_NONE,
			 .net = { .ca = BOX_CA_NONE, .roots = -EBADF } };
	struct err e = ERR_INIT;
	int status = EXIT_AGENTBOX;

	box_phase(&b, PHASE_START);
	if (prepare(&b, &e) >= 0)
		status = run(&b, &e);
	box_release(&b, status, &e);
	box_audit_close(&b);
	box_phase(&b, PHASE_RELEASED);
	if (e.code)
		box_complain(o, &e);
	box_last_word(&b, status);
	compiled_free(b.compiled);
	box_unload(&b);
	free(b.workspace);
	return status;
}
