/*
 * The runtime folder. It is on the launch path, so a launch makes six system
 * calls here: open, fstat, getrandom, socket, bind, listen, symlink.
 *
 * What always holds: a name is made only after its socket listens. So a name
 * whose socket refuses belongs to a dead supervisor and may be replaced. A
 * socket alone may belong to a supervisor that is between bind and listen; it
 * is swept only when it is older than SOCK_AGE_S. Whatever is removed on behalf
 * of the dead is removed under a lock on the folder, after looking again.
 */
#include "supervisor/runtime.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define NAME_PREFIX "@"
#define BACKLOG 16
#define ID_TRIES 8
#define LOCK_TRIES 200 /* of 5 ms */

struct runtime {
	int dirfd;
	char path[256];
};

/* The folder is the caller's and nobody else gets in. */
static int
dir_check(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "cannot inspect %s", path);
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
		err_set(e, EPERM,
			"the runtime folder %s is not safe: owner uid %u, "
			"mode %04o",
			path, st.st_uid, st.st_mode & 07777u);
		err_cure(e,
			 "it must belong to uid %u with mode 0700: remove it "
			 "or correct it",
			 geteuid());
		return -EPERM;
	}
	return 0;
}

/* Opens parent/leaf; parent is a folder that is trusted or sticky. */
static int
dir_open_at(int parent, const char *leaf, bool create, const char *path,
	    struct err *e)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int fd = openat(parent, leaf, flags);
	int r;

	if (fd < 0 && errno == ENOENT && create) {
		if (mkdirat(parent, leaf, 0700) < 0 && errno != EEXIST)
			return err_sys(e, errno, "cannot make %s", path);
		fd = openat(parent, leaf, flags);
	}
	if (fd < 0)
		return err_sys(e, errno, "cannot open the runtime folder %s",
			       path);
	r = dir_check(fd, path, e);
	return r < 0 ? r : TAKE_FD(fd);
}

/* The parent must be the user's own and 0700 (as the XDG base directory
 * specification demands), otherwise it does not count. */
static int
dir_open_private(const char *parent, bool create, char *path, size_t size,
		 struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (parent[0] != '/')
		return -ENXIO;
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -ENXIO;
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return -ENXIO;
	if ((size_t)snprintf(path, size, "%s/agentbox", parent) >= size)
		return -ENXIO;
	return dir_open_at(fd, "agentbox", create, path, e);
}

static int
dir_open_user(bool create, char *path, size_t size, struct err *e)
{
	const char *xdg = secure_getenv("XDG_RUNTIME_DIR");
	const char *home;
	char run[64];
	int r;

	r = xdg ? dir_open_private(xdg, create, path, size, e) : -ENXIO;
	if (r != -ENXIO)
		return r;
	snprintf(run, sizeof(run), "/run/user/%u", geteuid());
	r = dir_open_private(run, create, path, size, e);
	if (r != -ENXIO)
		return r;
	snprintf(path, size, "/tmp/agentbox-%u", geteuid());
	home = path;
	return dir_open_at(AT_FDCWD, home, create, path, e);
}

static int
dir_open(bool create, char *path, size_t size, struct err *e)
{
	const char *own = secure_getenv("AGENTBOX_RUNTIME_DIR");
	int r;

	if (own && own[0]) {
		if (own[0] != '/' || strlen(own) >= size)
			return err_set(e, EINVAL,
				       "AGENTBOX_RUNTIME_DIR is no absolute "
				       "path of at most %zu bytes",
				       size - 1);
		snprintf(path, size, "%s", own);
		return dir_open_at(AT_FDCWD, own, create, path, e);
	}
	if (geteuid() != 0)
		return dir_open_user(create, path, size, e);
	snprintf(path, size, "/run/agentbox");
	r = dir_open_at(AT_FDCWD, path, create, path, e);
	/* uid 0 of a user namespace need not be able to write to /run */
	if (r == -EACCES || r == -EROFS)
		r = dir_open_user(create, path, size, e);
	return r;
}

int
runtime_open(bool create, struct runtime **ret, struct err *e)
{
	struct runtime *rt = calloc(1, sizeof(*rt));
	int r;

	if (!rt)
		return err_sys(e, ENOMEM, "runtime folder");
	r = dir_open(create, rt->path, sizeof(rt->path), e);
	if (r < 0) {
		free(rt);
		return r;
	}
	rt->dirfd = r;
	*ret = rt;
	return 0;
}

void
runtime_close(struct runtime *rt)
{
	if (!rt)
		return;
	close(rt->dirfd);
	free(rt);
}

int
runtime_dirfd(const struct runtime *rt)
{
	return rt->dirfd;
}

const char *
runtime_path(const struct runtime *rt)
{
	return rt->path;
}

bool
runtime_is_id(const char *s)
{
	return strspn(s, "0123456789abcdef") == RUNTIME_ID_LEN &&
	       s[RUNTIME_ID_LEN] == '\0';
}

static void
hex(const unsigned char *in, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[2 * n] = '\0';
}

/* sun_path holds 107 bytes, folders may be longer: through /proc/self/fd. */
static void
sock_addr(const struct runtime *rt, const char *id, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(ret->sun_path, sizeof(ret->sun_path),
		 "/proc/self/fd/%d/%.*s.sock", rt->dirfd, RUNTIME_ID_LEN, id);
}

int
runtime_connect_now(struct runtime *rt, const char *id)
{
	struct sockaddr_un sa;
	_cleanup_close_ int fd = socket(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	sock_addr(rt, id, &sa);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int
runtime_connect(struct runtime *rt, const char *id)
{
	const struct timeval tv = { .tv_sec = 5 };
	struct sockaddr_un sa;
	_cleanup_close_ int fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* bounds connect(2) too, when the backlog is full */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
		return -errno;
	sock_addr(rt, id, &sa);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

bool
runtime_alive(struct runtime *rt, const char *id)
{
	int fd = runtime_connect_now(rt, id);

	if (fd >= 0)
		close(fd);
	/* EAGAIN: it listens, and its backlog is full */
	return fd >= 0 || fd == -EAGAIN;
}

int
runtime_lookup(struct runtime *rt, const char *name,
	       char ret_id[RUNTIME_ID_LEN + 1])
{
	char link[RUNTIME_NAME_MAX + 2], id[RUNTIME_ID_LEN + 2];
	ssize_t n;

	if (!str_is_name(name))
		return -ENOENT;
	snprintf(link, sizeof(link), NAME_PREFIX "%.*s", RUNTIME_NAME_MAX,
		 name);
	n = readlinkat(rt->dirfd, link, id, sizeof(id) - 1);
	if (n < 0)
		return -errno;
	id[n] = '\0';
	if (!runtime_is_id(id))
		return -ENOENT;
	memcpy(ret_id, id, RUNTIME_ID_LEN + 1);
	return 0;
}

/* Serialises those who remove what others left behind; the lock goes when the
 * returned descriptor is closed. */
static int
dir_lock(struct runtime *rt)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	_cleanup_close_ int fd =
		openat(rt->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return TAKE_FD(fd);
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

/* Removes the name if its supervisor is dead. -EEXIST if it lives. */
static int
name_remove_stale(struct runtime *rt, const char *name, const char *link)
{
	char id[RUNTIME_ID_LEN + 1];
	_cleanup_close_ int lock = dir_lock(rt);
	int r;

	if (lock < 0)
		return lock;
	r = runtime_lookup(rt, name, id);
	if (r == 0 && runtime_alive(rt, id))
		return -EEXIST;
	if (unlinkat(rt->dirfd, link, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int
name_claim(struct runtime *rt, const char *name, const char *id)
{
	char link[RUNTIME_NAME_MAX + 2];
	int r;

	snprintf(link, sizeof(link), NAME_PREFIX "%.*s", RUNTIME_NAME_MAX,
		 name);
	for (int i = 0; i < 3; i++) {
		if (symlinkat(id, rt->dirfd, link) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
		r = name_remove_stale(rt, name, link);
		if (r < 0)
			return r;
	}
	return -EEXIST;
}

static int
name_register(struct runtime *rt, const char *name, struct runtime_box *box,
	      struct err *e)
{
	int r = name_claim(rt, name, box->id);

	if (r == -EEXIST) {
		err_set(e, EEXIST, "a box named \"%s\" is already running",
			name);
		err_cure(e,
			 "choose another --name, or end that one with: "
			 "agentbox kill %s",
			 name);
		return -EEXIST;
	}
	if (r < 0)
		return err_sys(e, r, "cannot register the name \"%s\" in %s",
			       name, rt->path);
	snprintf(box->name, sizeof(box->name), "%s", name);
	return 0;
}

/* prefix-1a2b; longer numbers when that is taken. */
static int
name_generate(struct runtime *rt, const char *prefix, const unsigned char *rnd,
	      struct runtime_box *box, struct err *e)
{
	char digits[2 * RUNTIME_ID_LEN + 1], name[RUNTIME_NAME_MAX + 1];
	int r = -EEXIST;

	hex(rnd, 4, digits);
	for (int n = 4; r == -EEXIST && n <= 8; n += 2) {
		snprintf(name, sizeof(name), "%.*s-%.*s", RUNTIME_NAME_MAX - 9,
			 prefix, n, digits);
		r = name_register(rt, name, box, e);
	}
	return r;
}

static int
sock_listen(struct runtime *rt, const char *id, int *ret_fd)
{
	const int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
	_cleanup_close_ int fd = socket(AF_UNIX, type, 0);
	struct sockaddr_un sa;

	if (fd < 0)
		return -errno;
	sock_addr(rt, id, &sa);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	if (listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int
sock_register(struct runtime *rt, struct runtime_box *box,
	      unsigned char rnd[10], struct err *e)
{
	int r = -EADDRINUSE;

	for (int i = 0; r == -EADDRINUSE && i < ID_TRIES; i++) {
		if (getrandom(rnd, 10, 0) != 10)
			return err_sys(e, errno, "no random numbers");
		hex(rnd, RUNTIME_ID_LEN / 2, box->id);
		r = sock_listen(rt, box->id, &box->listen_fd);
	}
	if (r < 0)
		return err_sys(e, r, "cannot make a control socket in %s",
			       rt->path);
	return 0;
}

int
runtime_register(struct runtime *rt, const char *name, const char *prefix,
		 struct runtime_box *ret, struct err *e)
{
	struct runtime_box box = RUNTIME_BOX_INIT;
	unsigned char rnd[10];
	int r;

	if (name && !str_is_name(name))
		return err_set(e, EINVAL,
			       "\"%s\" is no name for a box: letters, digits "
			       "and . _ - only, at most %d, not starting with "
			       "\".\" or \"-\"",
			       name, RUNTIME_NAME_MAX);
	/* a name goes before an id, so it must never look like one */
	if (name && runtime_is_id(name))
		return err_set(e, EINVAL,
			       "\"%s\" is no name for a box: it looks like "
			       "an id",
			       name);
	r = sock_register(rt, &box, rnd, e);
	if (r < 0)
		return r;
	if (name)
		r = name_register(rt, name, &box, e);
	else
		r = name_generate(rt, prefix, rnd + 6, &box, e);
	if (r < 0) {
		runtime_unregister(rt, &box);
		return r;
	}
	*ret = box;
	return 0;
}

static void
unlink_id(struct runtime *rt, const char *id, const char *suffix)
{
	char file[RUNTIME_ID_LEN + 8];

	snprintf(file, sizeof(file), "%.*s%s", RUNTIME_ID_LEN, id, suffix);
	unlinkat(rt->dirfd, file, 0);
}

void
runtime_unregister(struct runtime *rt, struct runtime_box *box)
{
	char link[RUNTIME_NAME_MAX + 2];

	if (box->listen_fd < 0)
		return;
	/* our socket listens still, so nobody took the name over */
	if (box->name[0]) {
		snprintf(link, sizeof(link), NAME_PREFIX "%s", box->name);
		unlinkat(rt->dirfd, link, 0);
	}
	unlink_id(rt, box->id, ".sock");
	close(box->listen_fd);
	box->listen_fd = -EBADF;
}
