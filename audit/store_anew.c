/*
 * After damage: the old log goes aside as it is, the next store_open() begins
 * another that names it. What always holds: nothing is removed; blobs stay,
 * since their names say what they are.
 */
#include "audit/store-internal.h"
#include "lib/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* The log before its keys: a log without files and with its old key is known
 * for damaged, should this be interrupted. */
static const char *const moved[] = {
	LAYOUT_LOG,    LAYOUT_TORN, LAYOUT_HEAD,  LAYOUT_PUBLIC,
	LAYOUT_DIGEST, LAYOUT_SIGN, LAYOUT_START, LAYOUT_MAC,
};

/* What public.key calls the log. The key may be damaged as well: then nothing
 * is said. */
static bool
former_of(int dirfd, uint8_t ret[NOTE_LOG_LEN])
{
	_cleanup_free_ char *text = NULL;
	uint8_t public[NOTE_KEY_LEN];
	ssize_t n = fd_read_file(dirfd, LAYOUT_PUBLIC, NOTE_MAX, &text);

	return n >= 0 &&
	       note_key_parse(text, (size_t)n, ret, public, NULL) >= 0;
}

/* For the writer, who may be another user than the one who does this. */
static int
leave_former(int dirfd, const struct stat *owner)
{
	_cleanup_close_ int fd = -EBADF;
	uint8_t log[NOTE_LOG_LEN];
	struct store_io io;
	int r;

	if (!former_of(dirfd, log))
		return 0;
	io_init(&io, NULL);
	r = io_replace(&io, dirfd, STORE_FORMER, log, sizeof(log));
	if (r < 0)
		return r;
	fd = io_open(&io, dirfd, STORE_FORMER, O_RDONLY);
	if (fd < 0)
		return fd;
	return fchown(fd, owner->st_uid, owner->st_gid) < 0 ? -errno : 0;
}

/* A folder of its own, named for the time. */
static int
make_aside(int statefd, const struct stat *owner, uint64_t wall_us,
	   char name[STORE_ANEW_NAME])
{
	time_t t = (time_t)(wall_us / 1000000);
	struct tm tm;
	int fd;

	if (!gmtime_r(&t, &tm) ||
	    !strftime(name, STORE_ANEW_NAME,
		      LAYOUT_AUDIT ".damaged-%Y%m%dT%H%M%SZ", &tm))
		return -EINVAL;
	if (mkdirat(statefd, name, 0700) < 0)
		return -errno;
	fd = openat(statefd, name,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && fchown(fd, owner->st_uid, owner->st_gid) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -EPERM;
}

static int
move_all(int dirfd, int aside)
{
	for (size_t i = 0; i < ARRAY_SIZE(moved); i++)
		if (renameat(dirfd, moved[i], aside, moved[i]) < 0 &&
		    errno != ENOENT)
			return -errno;
	return fsync(aside) < 0 || fsync(dirfd) < 0 ? -errno : 0;
}

int
store_anew(int statefd, int dirfd, uint64_t wall_us,
	   char ret_folder[STORE_ANEW_NAME], struct err *e)
{
	_cleanup_close_ int aside = -EBADF;
	char name[STORE_ANEW_NAME];
	struct stat owner;
	int r = fstat(dirfd, &owner) < 0 ? -errno : 0;

	if (r >= 0)
		r = leave_former(dirfd, &owner);
	if (r < 0)
		return err_sys(e, r, "cannot note the id of the audit log");
	aside = make_aside(statefd, &owner, wall_us, name);
	if (aside < 0)
		return err_sys(e, aside, "cannot make a folder for the log");
	r = move_all(dirfd, aside);
	if (r >= 0 && fsync(statefd) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(e, r, "cannot move the audit log to %s", name);
	memcpy(ret_folder, name, sizeof(name));
	return 0;
}
