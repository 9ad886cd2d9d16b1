/*
 * agentbox-guard ITEM...: waits on descriptor 0 for the end of its supervisor.
 * A byte: all is removed, nothing to do. The end of file: the supervisor died,
 * so the guard kills what is left in the cgroups of the box, removes them, and
 * unlinks the files. See supervisor/guard.h for the items.
 *
 * One of these sits beside each box for its whole life, so it is made to weigh
 * nothing: no heap, no stdio. It reads one byte and never any data of an
 * agent, so there is nothing in it to attack; it holds
 * no descriptor but the pipe and the lock that keeps the box's uid taken until
 * all of its processes are gone.
 */
#include "supervisor/guard.h"

#include "lib/fd.h"

#include <fcntl.h>
#include <time.h>

#define WAIT_MAX_US 10000000
#define WAIT_FIRST_US 200
#define WAIT_LAST_US 50000

/* True: the supervisor is done; false: it died. */
static bool
wait_for_end(void)
{
	ssize_t n;
	char c;

	do
		n = read(0, &c, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* Where there is a cgroup.kill (cgroup2), all processes die at once. On v1
 * there is none, and pid 1 of the box has died with the supervisor. */
static void
kill_group(const char *path)
{
	int dir = openat(AT_FDCWD, path,
			 O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int fd;

	if (dir < 0)
		return;
	fd = openat(dir, "cgroup.kill", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, "1", 1);
		close(fd);
	}
	close(dir);
}

/* One round over the groups; true when none is left. */
static bool
remove_groups(char *const *items)
{
	bool done = true;

	for (; *items; items++) {
		const char *path = *items + 1;

		if (**items != GUARD_CGROUP)
			continue;
		if (unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0 ||
		    errno == ENOENT)
			continue;
		kill_group(path);
		done = false;
	}
	return done;
}

static void
remove_files(char *const *items)
{
	for (; *items; items++) {
		if (**items == GUARD_UNLINK)
			unlinkat(AT_FDCWD, *items + 1, 0);
		else if (**items == GUARD_RMDIR)
			unlinkat(AT_FDCWD, *items + 1, AT_REMOVEDIR);
	}
}

static void
clean(char *const *items)
{
	struct timespec t = { 0, WAIT_FIRST_US * 1000 };
	long waited = 0;

	while (!remove_groups(items) && waited < WAIT_MAX_US) {
		nanosleep(&t, NULL);
		waited += t.tv_nsec / 1000;
		if (t.tv_nsec < WAIT_LAST_US * 1000L)
			t.tv_nsec *= 2;
	}
	remove_files(items);
}

int
main(int argc, char **argv)
{
	if (argc < 1)
		return 2;
	fd_close_range(2, ~0u, 0);
	/* Out of the reach of the terminal and of the job; the signal mask came
	 * full from the supervisor. */
	setsid();
	if (chdir("/") < 0)
		return 1;
	if (!wait_for_end())
		clean(argv + 1);
	_exit(0);
}
