/*
 * A tree walk that stops in the middle. The state is a stack of open
 * directories, one for each level, so a directory that is moved while we are in
 * it is finished where it is and nothing is looked up by path.
 *
 * A file with several names counts at each with its share of the blocks. Names
 * outside of the tree cannot be added by the box (link(2) does not cross
 * mounts), so the shares add up to no less than before.
 */
#include "supervisor/walk.h"

#include "lib/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

#define CLOCK_EVERY 32 /* entries between looks at the clock */

struct walk {
	const int *tops;
	size_t n_tops, next_top;
	dev_t dev;
	struct timespec since;
	bool touched;
	struct walk_sum sum;
	DIR *stack[WALK_DEPTH_MAX + 1];
	size_t depth; /* open directories */
};

int
walk_new(const int *dirfds, size_t n, struct timespec since, bool touched,
	 struct walk **ret)
{
	struct walk *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->tops = dirfds;
	w->n_tops = n;
	w->since = since;
	w->touched = touched;
	*ret = w;
	return 0;
}

void
walk_free(struct walk *w)
{
	if (!w)
		return;
	while (w->depth > 0)
		closedir(w->stack[--w->depth]);
	free(w);
}

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static bool
is_before(const struct walk *w, int64_t sec, int64_t nsec)
{
	if (sec != w->since.tv_sec)
		return sec < w->since.tv_sec;
	return nsec < w->since.tv_nsec;
}

static bool
is_old(const struct walk *w, const struct stat *st)
{
	return is_before(w, st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static bool
is_born_before(const struct walk *w, int dir, const char *name)
{
	struct statx sx;

	return statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
		     STATX_BTIME, &sx) == 0 &&
	       (sx.stx_mask & STATX_BTIME) &&
	       is_before(w, sx.stx_btime.tv_sec, sx.stx_btime.tv_nsec);
}

static void
count(struct walk *w, int dir, const char *name, const struct stat *st)
{
	uint64_t bytes = (uint64_t)st->st_blocks * 512;

	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1)
		bytes /= st->st_nlink;
	w->sum.entries++;
	w->sum.all += bytes;
	if (is_old(w, st))
		w->sum.old += bytes;
	else if (w->touched && bytes && is_born_before(w, dir, name))
		w->sum.touched += bytes;
}

/* Takes fd. */
static int
push(struct walk *w, int fd)
{
	DIR *d = fdopendir(fd);

	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	w->stack[w->depth++] = d;
	return 0;
}

static int
next_top(struct walk *w)
{
	int fd = openat(w->tops[w->next_top++], ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return -errno;
	}
	w->dev = st.st_dev;
	return push(w, fd);
}

static int
descend(struct walk *w, const char *name, const struct stat *st)
{
	int fd;

	if (w->depth > WALK_DEPTH_MAX) {
		w->sum.deep = true;
		w->sum.deep_new |= !is_old(w, st);
		return 0;
	}
	fd = fd_openat2(dirfd(w->stack[w->depth - 1]), name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC |
				O_NONBLOCK | O_NOATIME,
			0,
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
				RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
	if (fd == -EPERM) /* O_NOATIME is for the owner */
		fd = fd_openat2(dirfd(w->stack[w->depth - 1]), name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					O_CLOEXEC | O_NONBLOCK,
				0,
				RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
					RESOLVE_NO_MAGICLINKS |
					RESOLVE_NO_XDEV);
	/* gone, replaced, a mount, or not ours to read */
	if (fd < 0)
		return fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ? fd : 0;
	return push(w, fd);
}

static bool
is_dots(const char *s)
{
	return s[0] == '.' && (!s[1] || (s[1] == '.' && !s[2]));
}

static int
one_entry(struct walk *w)
{
	DIR *d = w->stack[w->depth - 1];
	struct dirent *de = readdir(d);
	struct stat st;

	if (!de) {
		closedir(d);
		w->depth--;
		return 0;
	}
	if (is_dots(de->d_name) ||
	    fstatat(dirfd(d), de->d_name, &st,
		    AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0 ||
	    st.st_dev != w->dev)
		return 0;
	count(w, dirfd(d), de->d_name, &st);
	return S_ISDIR(st.st_mode) ? descend(w, de->d_name, &st) : 0;
}

int
walk_step(struct walk *w, uint64_t budget_us, struct walk_sum *ret)
{
	uint64_t end = now_us() + budget_us;
	int r;

	for (unsigned int i = 1;; i++) {
		if (w->depth > 0)
			r = one_entry(w);
		else if (w->next_top < w->n_tops)
			r = next_top(w);
		else
			break;
		if (r < 0)
			return r;
		if (i % CLOCK_EVERY == 0 && now_us() >= end)
			return 1;
	}
	*ret = w->sum;
	return 0;
}
