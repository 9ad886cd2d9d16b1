/*
 * Secrets out of files and the environment. What always holds: a file is judged
 * by what was opened, and refused where others than its owner could read it; a
 * text about a failure has nothing of what was read.
 */
#include "lib/fd.h"
#include "net/secrets-internal.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

const char *
secret_env(const char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

/* systemd gives its credentials to one user by an ACL, whose mask shows as the
 * mode of the group; what root owns there, root wrote. */
static int
check_file(const struct credential *c, int fd, const char *path, struct err *e)
{
	bool given = c->source == SECRET_SYSTEMD;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "credential \"%s\": %s", c->name,
			       path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL,
			       "credential \"%s\": %s is no regular file",
			       c->name, path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(e, -EPERM,
			       "credential \"%s\": %s belongs to user %u, who "
			       "is neither you nor root",
			       c->name, path, st.st_uid);
	if (!(st.st_mode & 077) ||
	    (given && st.st_uid == 0 && !(st.st_mode & 027)))
		return 0;
	err_set(e, -EPERM,
		"credential \"%s\": %s is open to others (mode %04o)", c->name,
		path, st.st_mode & 07777u);
	return err_cure(e, "chmod go= %s", path);
}

static ssize_t
read_into(int fd, char *buf)
{
	size_t n = 0;

	while (n < SECRET_ROOM) {
		ssize_t r = read(fd, buf + n, SECRET_ROOM - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

static ssize_t
read_file(const struct credential *c, int dir, const char *path, char *buf,
	  struct err *e)
{
	uint64_t resolve =
		dir == AT_FDCWD ? 0 : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
	_cleanup_close_ int fd = fd_openat2(
		dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0,
		resolve);
	ssize_t n;
	int r;

	if (fd < 0)
		return err_sys(e, fd, "credential \"%s\": %s", c->name, path);
	r = check_file(c, fd, path, e);
	if (r < 0)
		return r;
	n = read_into(fd, buf);
	if (n < 0)
		return err_sys(e, (int)n, "credential \"%s\": %s", c->name,
			       path);
	return n;
}

static ssize_t
read_systemd(const struct credential *c, const char *const *env, char *buf,
	     struct err *e)
{
	const char *folder = secret_env(env, "CREDENTIALS_DIRECTORY");
	_cleanup_close_ int dir = -EBADF;

	if (!folder || folder[0] != '/') {
		err_set(e, -ENOENT,
			"credential \"%s\": there is no "
			"$CREDENTIALS_DIRECTORY",
			c->name);
		return err_cure(e,
				"run it as a service of systemd with "
				"LoadCredential=%s",
				c->from);
	}
	dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, -errno, "credential \"%s\": %s", c->name,
			       folder);
	return read_file(c, dir, c->from, buf, e);
}

static ssize_t
read_env(const struct credential *c, const char *const *env, char *buf,
	 struct err *e)
{
	const char *s = secret_env(env, c->from);
	size_t n = s ? strlen(s) : 0;

	if (!s) {
		err_set(e, -ENOENT, "credential \"%s\": $%s is not set",
			c->name, c->from);
		return err_cure(e, "export it before \"agentbox run\"");
	}
	n = MIN(n, SECRET_ROOM);
	memcpy(buf, s, n);
	return (ssize_t)n;
}

ssize_t
secret_read(const struct credential *c, const char *const *env, char *buf,
	    struct err *e)
{
	if (c->source == SECRET_FILE)
		return read_file(c, AT_FDCWD, c->from, buf, e);
	if (c->source == SECRET_SYSTEMD)
		return read_systemd(c, env, buf, e);
	return read_env(c, env, buf, e);
}

ssize_t
secret_check(const struct credential *c, const char *buf, size_t n,
	     struct err *e)
{
	if (n && buf[n - 1] == '\n')
		n--;
	if (!n)
		return err_set(e, -ENODATA, "credential \"%s\": it is empty",
			       c->name);
	if (n > SECRET_MAX)
		return err_set(e, -EFBIG,
			       "credential \"%s\": it has more than %u bytes",
			       c->name, SECRET_MAX);
	for (size_t i = 0; i < n; i++) {
		unsigned char b = (unsigned char)buf[i];

		if (b >= ' ' && b != 0x7f)
			continue;
		err_set(e, -EINVAL,
			"credential \"%s\": it has a control character or more "
			"than one line",
			c->name);
		return err_cure(e, "it must be one line, as it is sent");
	}
	return (ssize_t)n;
}
