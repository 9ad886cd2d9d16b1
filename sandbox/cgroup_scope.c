/*
 * A user on a systemd host whose login session lies outside of everything that
 * was delegated to it (an ssh login is in session-N.scope, which is root's)
 * cannot move a process into a group of its own: the common ancestor is not
 * writable. systemd can, so we ask it for a scope. The helper that speaks D-Bus
 * is a binary of its own, because libsystemd would cost every launch a
 * millisecond of linking; it is run only here.
 */
#include "sandbox/cgroup-internal.h"

#include "lib/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#define HELPER_WAIT_MS 15000 /* the helper itself gives up before that */

extern char **environ;

/* Starts the helper with its stderr in a pipe. */
static int
helper_start(const char *helper, const char *id, pid_t *ret_pid, int *ret_fd)
{
	_cleanup_close_ int out = -EBADF, in = -EBADF;
	posix_spawn_file_actions_t fa;
	char pid[16];
	char *argv[] = { (char *)(uintptr_t)helper, (char *)(uintptr_t)id, pid,
			 NULL };
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	out = p[0];
	in = p[1];
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	r = posix_spawn_file_actions_init(&fa);
	if (r)
		return -r;
	r = posix_spawn_file_actions_adddup2(&fa, in, STDERR_FILENO);
	if (!r)
		r = posix_spawn(ret_pid, helper, &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	if (r)
		return -r;
	*ret_fd = TAKE_FD(out);
	return 0;
}

/* Collects what the helper says until it closes its end. */
static void
helper_listen(int fd, char *text, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	while (n + 1 < size && poll(&p, 1, HELPER_WAIT_MS) > 0) {
		ssize_t k = read(fd, text + n, size - 1 - n);

		if (k <= 0)
			break;
		n += (size_t)k;
	}
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static int
helper_run(const char *helper, const char *id, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	char text[400];
	int status = 0, r;
	pid_t pid = -1;

	r = helper_start(helper, id, &pid, &fd);
	if (r < 0)
		return err_sys(e, r, "cannot run %s", helper);
	helper_listen(fd, text, sizeof(text));
	while ((r = waitpid(pid, &status, WNOHANG)) == 0) {
		struct pollfd p = { .fd = fd, .events = 0 };

		/* It closed stderr or ran out of time: it has no more to do. */
		if (poll(&p, 1, 1000) <= 0)
			kill(pid, SIGKILL);
	}
	if (r == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(e, EOPNOTSUPP, "systemd gave no scope: %s",
		       text[0] ? text : "the helper failed");
}

int
cgroup_scope_enter(struct cgroup_host *h, const char *helper, const char *id,
		   struct err *e)
{
	struct err why = ERR_INIT;
	int r = helper_run(helper, id, &why);

	if (r == 0) {
		cgroup_host_view(h, false, true);
		if (h->backend != CGROUP_NONE) {
			h->backend = CGROUP_SCOPE;
			/* Now, while nobody else is in the scope: the guard
			 * comes next and must start in the leaf, or pids and
			 * cpu make the scope threaded and its children
			 * invalid (cgroups(7), "domain invalid"). */
			cgroup_v2_enable(h, LAYER_BIT(LAYER_MEMORY) |
						    LAYER_BIT(LAYER_PIDS) |
						    LAYER_BIT(LAYER_CPU) |
						    LAYER_BIT(LAYER_IO));
			return 0;
		}
		r = err_set(&why, EOPNOTSUPP,
			    "systemd's scope cannot be written");
	}
	memset(h, 0, sizeof(*h));
	snprintf(h->why, sizeof(h->why), "%.255s", why.text);
	snprintf(h->cure, sizeof(h->cure),
		 "see \"systemctl --user status\"; without a user manager let "
		 "root call \"loginctl enable-linger USER\"");
	err_set(e, r, "%s", h->why);
	return err_cure(e, "%s", h->cure);
}
