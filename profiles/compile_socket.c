/*
 * Sockets of the host that lie in a granted tree: a database's in a project, an
 * editor's, an agent's. Neither a read-only mount nor Landlock (before its ABI
 * 9) keeps a program from connecting to what it can name, so each is masked.
 *
 * The kernel lists the names that sockets of this network namespace were bound
 * to, as their owners wrote them. Out of reach: names relative to a folder
 * that we do not know, second names (link(2)), sockets of other network
 * namespaces, and whatever is made after the start.
 */
#include "profiles/compile-internal.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

#define LIST_MAX                                                               \
	(4u << 20)	  /* bytes that are looked at: some 40,000 sockets     \
			   */
#define LINE_MAX_UNIX 320 /* the columns, and 108 bytes of name */

/* net/unix/af_unix.c, unix_seq_show(): flags, type, state, inode, name */
#define COLUMN_TYPE 4
#define COLUMN_STATE 5
#define COLUMN_NAME 7

/* Links in these lead to granted trees at most by somebody's intent, and on a
 * desktop most of the names are here. */
static bool
is_elsewhere(const struct builder *b, const char *name)
{
	const struct grant *g = b->grants.data;

	/* Of the process that wrote it: "/proc/self/fd/5/name", as agentbox
	 * itself does for its control sockets. */
	if (str_starts(name, "/proc/"))
		return true;
	if (!str_starts(name, "/run/") && !str_starts(name, "/var/run/"))
		return false;
	for (size_t i = 0; i < b->grants.n; i++)
		if (path_within(g[i].src, "/run"))
			return false;
	return true;
}

/* The real path of a name that is a socket now, in buf; NULL: it is not. */
static const char *
real_socket(const char *name, char buf[PATH_MAX])
{
	_cleanup_close_ int fd = fd_openat2(AT_FDCWD, name, O_PATH | O_CLOEXEC,
					    0, RESOLVE_NO_SYMLINKS);
	const char *real = name;
	struct stat st;

	if (fd == -ELOOP || !str_is_clean_path(name)) {
		close_ptr(&fd);
		real = realpath(name, buf);
		fd = real ? open(real, O_PATH | O_CLOEXEC | O_NOFOLLOW)
			  : -EBADF;
	}
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) ? real
								      : NULL;
}

static int
hide_socket(struct builder *b, const char *name)
{
	const struct grant *g = b->grants.data;
	char buf[PATH_MAX];
	const char *real;
	int r = 0;

	if (is_elsewhere(b, name))
		return 0;
	real = real_socket(name, buf);
	for (size_t i = 0; real && i < b->grants.n && r >= 0; i++)
		if (path_within(real, g[i].src))
			r = build_mask(b, g[i].dst, real + strlen(g[i].src));
	return r;
}

/* The start of a column, counted from 0; NULL: there are not so many. */
static const char *
column(const char *line, unsigned int n)
{
	while (n && *line) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
		n--;
	}
	return *line ? line : NULL;
}

/* One end of a connection cannot be connected to; it has the listener's name.
 */
static bool
is_one_end(const char *line)
{
	return str_starts(column(line, COLUMN_STATE), "03") &&
	       !str_starts(column(line, COLUMN_TYPE), "0002");
}

static int
take_line(struct builder *b, const char *line)
{
	const char *name = column(line, COLUMN_NAME);

	if (!name || *name != '/' || is_one_end(line))
		return 0;
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return 0;
	return hide_socket(b, name);
}

/* Takes the whole lines of buf; *n is what stays. */
static int
take_lines(struct builder *b, char *buf, size_t *n)
{
	char *line = buf, *end;
	int r = 0;

	while (r >= 0 &&
	       (end = memchr(line, '\n', *n - (size_t)(line - buf)))) {
		*end = '\0';
		r = take_line(b, line);
		line = end + 1;
	}
	*n -= (size_t)(line - buf);
	memmove(buf, line, *n);
	/* a line that never ends is none of the kernel's */
	*n = *n > LINE_MAX_UNIX ? 0 : *n;
	return r;
}

int
build_socket_masks(struct builder *b)
{
	_cleanup_close_ int fd =
		open("/proc/net/unix", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char buf[16384];
	size_t all = 0, n = 0;
	ssize_t got = 1;
	int r = 0;

	/* Without the file there are no Unix sockets, or no /proc; the launch
	 * will say so. */
	while (fd >= 0 && got > 0 && all < LIST_MAX && r >= 0) {
		got = read(fd, buf + n, sizeof(buf) - n);
		if (got <= 0)
			break;
		all += (size_t)got;
		n += (size_t)got;
		r = take_lines(b, buf, &n);
	}
	if (got < 0)
		return err_sys(b->e, -errno, "/proc/net/unix");
	return r;
}
