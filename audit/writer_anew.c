/*
 * After damage: the log that cannot be continued is put aside, whole, into
 * audit.damaged-<time> beside the folder, and the next one says in its first
 * record which it follows. What always holds: nothing is removed; the id of the
 * old log is on the disk before anything moves; what an interrupted attempt
 * left in place, the next one moves.
 */
#include "audit/layout.h"
#include "audit/note.h"
#include "audit/writer.h"

#include "lib/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FORMER "former" /* read by the store when it begins a log */

static const char *const moved[] = {
	LAYOUT_TORN, LAYOUT_BLOBS, LAYOUT_HEAD,	  LAYOUT_DIGEST, LAYOUT_START,
	LAYOUT_MAC,  LAYOUT_SIGN,  LAYOUT_PUBLIC, LAYOUT_LOG,
};

/* The id of the old log, if its public key can be read still. */
static int
keep_id(int dir, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -EBADF;
	uint8_t log[NOTE_LOG_LEN], key[NOTE_KEY_LEN];
	ssize_t n = fd_read_file(dir, LAYOUT_PUBLIC, NOTE_MAX, &text);
	struct err bad = ERR_INIT;
	int r;

	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n <= 0 || note_key_parse(text, (size_t)n, log, key, &bad) < 0)
		return 0;
	fd = openat(dir, FORMER,
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	r = fd < 0 ? -errno : fd_write_all(fd, log, sizeof(log));
	if (r == 0 && (fsync(fd) < 0 || fsync(dir) < 0))
		r = -errno;
	return r < 0 ? err_sys(e, r, "the id of the old log") : 0;
}

static int
make_aside(int state, char *name, size_t size, struct err *e)
{
	time_t now = time(NULL);
	char when[32];
	struct tm tm;
	int fd;

	if (!gmtime_r(&now, &tm) ||
	    !strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm))
		return err_set(e, EINVAL, "the time cannot be read");
	snprintf(name, size, LAYOUT_AUDIT ".damaged-%s", when);
	if (mkdirat(state, name, 0700) < 0)
		return err_sys(e, -errno, "cannot make the folder %s", name);
	fd = openat(state, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(e, -errno, "%s", name) : fd;
}

static bool
is_there(int dir)
{
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(moved); i++)
		if (fstatat(dir, moved[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	return false;
}

int
writer_anew(const struct writer *w, struct err *e)
{
	_cleanup_close_ int state = -EBADF, aside = -EBADF;
	char name[64];
	int r;

	if (!is_there(w->dir))
		return 0;
	state = layout_open(false, false, e);
	if (state < 0)
		return state;
	r = keep_id(w->dir, e);
	if (r < 0)
		return r;
	aside = make_aside(state, name, sizeof(name), e);
	if (aside < 0)
		return aside;
	for (size_t i = 0; i < ARRAY_SIZE(moved); i++)
		if (renameat(w->dir, moved[i], aside, moved[i]) < 0 &&
		    errno != ENOENT)
			return err_sys(e, -errno, "cannot put %s aside",
				       moved[i]);
	if (fsync(aside) < 0 || fsync(w->dir) < 0 || fsync(state) < 0)
		return err_sys(e, -errno, "the old log");
	return 0;
}
