/*
 * Finding and making the folders of the log. What always holds: a folder that
 * is handed out is a real one (no symbolic link), belongs to who it should, and
 * is closed to everybody else.
 */
#include "audit/layout.h"
#include "lib/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define ROOT_STATE "/var/lib/agentbox"

static int
join(char *buf, const char *dir, const char *rest)
{
	int n = snprintf(buf, PATH_MAX, "%s%s", dir, rest);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* XDG_STATE_HOME of the base directory specification, 0.8. */
static int
own_state(char *buf, struct err *e)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state && state[0] == '/')
		return join(buf, state, "/agentbox");
	if (home && home[0] == '/')
		return join(buf, home, "/.local/state/agentbox");
	err_set(e, -ENOENT,
		"there is no place for the audit log: HOME is not set");
	return err_cure(e, "set HOME, XDG_STATE_HOME or AGENTBOX_STATE_DIR to "
			   "an absolute path");
}

int
layout_state(char *buf, struct err *e)
{
	const char *said = getenv("AGENTBOX_STATE_DIR");
	int r;

	if (said && *said) {
		if (said[0] != '/') {
			err_set(e, -EINVAL, "AGENTBOX_STATE_DIR is \"%s\"",
				said);
			return err_cure(e, "give it an absolute path");
		}
		r = join(buf, said, "");
	} else if (geteuid() == 0) {
		r = join(buf, ROOT_STATE, "");
	} else {
		r = own_state(buf, e);
		if (r == -ENOENT)
			return r;
	}
	return r < 0 ? err_sys(e, r, "the folder of the audit log") : 0;
}

/* Whether a map (user_namespaces(7)) of /proc/self has the id. */
static bool
is_mapped(const char *map, uint64_t id)
{
	_cleanup_fclose_ FILE *f = fopen(map, "re");
	char line[128];

	while (f && fgets(line, sizeof(line), f)) {
		uint64_t first = strtoull(line, NULL, 10), count;
		const char *last = strrchr(line, ' ');

		count = last ? strtoull(last, NULL, 10) : 0;
		if (id >= first && id - first < count)
			return true;
	}
	return !f; /* no /proc: nothing is known of a namespace */
}

uid_t
layout_writer_uid(void)
{
	if (geteuid() != 0 ||
	    !is_mapped("/proc/self/uid_map", LAYOUT_WRITER_UID) ||
	    !is_mapped("/proc/self/gid_map", LAYOUT_WRITER_UID))
		return geteuid();
	return LAYOUT_WRITER_UID;
}

static int
check_folder(int fd, const char *path, bool audit, struct err *e)
{
	uid_t me = geteuid();
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "%s", path);
	if (st.st_uid != me &&
	    !(audit && me == 0 && st.st_uid == LAYOUT_WRITER_UID)) {
		err_set(e, -EPERM, "%s belongs to uid %u", path, st.st_uid);
		return err_cure(e, "the audit log is only kept in a folder of "
				   "one's own; set AGENTBOX_STATE_DIR to "
				   "another, or give this one back");
	}
	if (st.st_mode & (audit ? 077 : 022)) {
		err_set(e, -EPERM, "%s is open to others (mode %04o)", path,
			st.st_mode & 07777);
		return err_cure(e, "chmod %s %s", audit ? "0700" : "go-w",
				path);
	}
	return 0;
}

static int
make_folder(const char *path, struct err *e)
{
	int r = fd_mkdir_p(AT_FDCWD, path, 0700);

	if (r >= 0)
		return 0;
	err_sys(e, r, "%s: the folder of the audit log cannot be made", path);
	return err_cure(e, "no agent starts without a record; make the folder "
			   "writable, or set AGENTBOX_STATE_DIR to another");
}

static int
open_folder(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return err_sys(e, -ENOENT, "%s: there is no audit log", path);
	return err_sys(e, -errno, "%s: the folder of the audit log", path);
}

int
layout_open(bool audit, bool create, struct err *e)
{
	char path[PATH_MAX], sub[PATH_MAX + sizeof("/" LAYOUT_AUDIT)];
	_cleanup_close_ int fd = -EBADF, in = -EBADF;
	int r = layout_state(path, e);

	if (r < 0 || (create && (r = make_folder(path, e)) < 0))
		return r;
	fd = open_folder(path, e);
	if (fd < 0)
		return fd;
	r = check_folder(fd, path, false, e);
	if (r < 0 || !audit)
		return r < 0 ? r : TAKE_FD(fd);
	snprintf(sub, sizeof(sub), "%s/" LAYOUT_AUDIT, path);
	if (create && mkdirat(fd, LAYOUT_AUDIT, 0700) < 0 && errno != EEXIST)
		return err_sys(e, -errno, "%s", sub);
	in = openat(fd, LAYOUT_AUDIT,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0)
		return errno == ENOENT
			       ? err_sys(e, -ENOENT,
					 "%s: there is no audit log", sub)
			       : err_sys(e, -errno, "%s", sub);
	r = check_folder(in, sub, true, e);
	return r < 0 ? r : TAKE_FD(in);
}
