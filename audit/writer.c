/*
 * The start of the writer. What always holds: who has the lock of a folder is
 * the only one that binds, unlinks or serves its socket, so a socket that
 * somebody finds is that of the living writer, or left by a dead one.
 */
#include "audit/writer.h"

#include "audit/layout.h"
#include "lib/fd.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define BACKLOG 512
#define LOCK_TRIES 1000
#define LOCK_WAIT_US 10000

/* ---- the lock ------------------------------------------------------------ */

/* Where the writer becomes another one, what it needs becomes its own. */
static int
own_by_writer(int fd)
{
	uid_t uid = layout_writer_uid();

	return uid == geteuid() ? 0 : fchown(fd, uid, uid);
}

static int
try_lock(int dir, struct err *e)
{
	struct flock lk = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_cleanup_close_ int fd =
		openat(dir, LAYOUT_LOCK,
		       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0)
		return err_sys(e, -errno, "the lock of the audit log");
	if (own_by_writer(fd) < 0)
		return err_sys(e, -errno, "the owner of the lock");
	if (fcntl(fd, F_OFD_SETLK, &lk) < 0)
		return errno == EAGAIN || errno == EACCES
			       ? -EAGAIN
			       : err_sys(e, -errno,
					 "the lock of the audit log");
	if (fstat(fd, &st) < 0 || !st.st_nlink)
		return -EAGAIN; /* removed meanwhile */
	return TAKE_FD(fd);
}

static struct sockaddr_un
address(void)
{
	return (struct sockaddr_un){ .sun_family = AF_UNIX,
				     .sun_path = LAYOUT_SOCKET };
}

/* Whether somebody listens. The working directory is the folder. */
static bool
answers(void)
{
	_cleanup_close_ int fd = socket(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = address();

	return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

/* The lock; or 1 in *ret_other: its holder serves. A holder that does not
 * listen is beginning or ending, which does not take long. */
static int
get_lock(int dir, bool *ret_other, struct err *e)
{
	const struct timespec t = { .tv_nsec = LOCK_WAIT_US * 1000 };

	for (int i = 0; i < LOCK_TRIES; i++) {
		int fd = try_lock(dir, e);

		if (fd != -EAGAIN)
			return fd;
		if (answers()) {
			*ret_other = true;
			return -EBUSY;
		}
		nanosleep(&t, NULL);
	}
	err_set(e, EBUSY,
		"the lock of the audit log is held by a process that does not "
		"serve it");
	return err_cure(e, "see `fuser %s` in the folder audit, and end it",
			LAYOUT_LOCK);
}

/* ---- the socket ---------------------------------------------------------- */

static int
check_listener(int fd, struct err *e)
{
	int type = 0, listens = 0, domain = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    type != SOCK_SEQPACKET || !listens || domain != AF_UNIX)
		return err_set(e, EINVAL,
			       "descriptor %d from systemd is no listening "
			       "SOCK_SEQPACKET socket",
			       fd);
	/* nobody else's: the loop must not wait in accept() */
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_sys(e, -errno, "the socket from systemd");
	return 0;
}

int
writer_passed(struct err *e)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	uint64_t n, p;

	if (!fds || !pid || str_to_u64(pid, &p) < 0 || p != (uint64_t)getpid())
		return -EBADF;
	if (str_to_u64(fds, &n) < 0 || n != 1)
		return err_set(e, EINVAL, "LISTEN_FDS=%s: one socket is taken",
			       fds);
	return check_listener(3, e) < 0 ? -EINVAL : 3;
}

static int
listen_here(struct err *e)
{
	_cleanup_close_ int fd = socket(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = address();

	if (fd < 0)
		return err_sys(e, -errno, "the socket of the audit log");
	if (unlink(LAYOUT_SOCKET) < 0 && errno != ENOENT)
		return err_sys(e, -errno, "the old socket of the audit log");
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    chmod(LAYOUT_SOCKET, 0600) < 0 || listen(fd, BACKLOG) < 0)
		return err_sys(e, -errno, "the socket of the audit log");
	return TAKE_FD(fd);
}

/* ---- the rest ------------------------------------------------------------ */

static int
open_signals(struct err *e)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (signal(SIGHUP, SIG_IGN) == SIG_ERR ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    signal(SIGXFSZ, SIG_IGN) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(e, -errno, "signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(e, -errno, "signals") : fd;
}

static int
open_peers(struct writer *w, struct err *e)
{
	struct server_peers *p = &w->peers;
	char text[4096];

	w->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*p = (struct server_peers){
		.uid = geteuid(),
		.proc = w->proc,
		.overflow = (uid_t)-1,
	};
	if (w->proc < 0 ||
	    fd_read_small(w->proc, "self/uid_map", p->ns_map,
			  sizeof(p->ns_map)) <= 0 ||
	    fd_read_small(w->proc, "self/status", text, sizeof(text)) <= 0)
		return err_sys(e, -errno, "/proc");
	p->ns_depth = peer_depth(text);
	p->ns_whole = peer_map_is_whole(p->ns_map);
	return 0;
}

static int
open_folder(struct writer *w, struct err *e)
{
	int r = audit_config_load(&w->config, e);

	if (r < 0)
		return r;
	w->dir = layout_open(true, true, e);
	if (w->dir < 0)
		return w->dir;
	if (own_by_writer(w->dir) < 0)
		return err_sys(e, -errno, "the owner of the audit log");
	if (fchdir(w->dir) < 0)
		return err_sys(e, -errno, "the folder of the audit log");
	return 0;
}

int
writer_anew(const struct writer *w, struct err *e)
{
	_cleanup_close_ int state = layout_open(false, false, e);
	char folder[STORE_ANEW_NAME];
	struct store_now now;

	if (state < 0)
		return state;
	server_now(&now);
	return store_anew(state, w->dir, now.wall_us, folder, e);
}

int
writer_open(struct writer *w, int listener, struct err *e)
{
	bool other = false;
	int r = open_folder(w, e);

	w->listener = listener;
	w->passed = listener >= 0;
	if (r < 0)
		return r;
	w->lock = get_lock(w->dir, &other, e);
	if (w->lock < 0)
		return other ? 1 : w->lock;
	w->signals = open_signals(e);
	if (w->signals < 0)
		return w->signals;
	r = open_peers(w, e);
	if (r == 0 && !w->passed)
		r = w->listener = listen_here(e);
	if (r < 0)
		return r;
	return chdir("/") < 0 ? err_sys(e, -errno, "/") : 0;
}

void
writer_done(struct writer *w)
{
	if (w->lock >= 0 && w->listener >= 0 && !w->passed)
		unlinkat(w->dir, LAYOUT_SOCKET, 0);
	close_ptr(&w->listener);
	close_ptr(&w->signals);
	close_ptr(&w->proc);
	close_ptr(&w->sink);
	close_ptr(&w->dir);
	close_ptr(&w->lock);
	audit_config_done(&w->config);
}
