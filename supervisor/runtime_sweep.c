/*
 * Looking through the runtime folder: what is there, and what dead supervisors
 * left there. Not on the launch path.
 */
#include "lib/fd.h"
#include "lib/str.h"
#include "supervisor/runtime.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define SOCK_AGE_S 10 /* between bind and listen at most */
#define LOG_AGE_S (24 * 3600)
#define LOG_KEEP 256
#define ENTRIES_MAX 65536 /* looked at in one go */

enum entry_kind { ENTRY_OTHER, ENTRY_SOCK, ENTRY_LOG, ENTRY_CA, ENTRY_NAME };

struct entry {
	enum entry_kind kind;
	char id[RUNTIME_ID_LEN + 1]; /* of SOCK, LOG and CA */
	time_t time;
};

static void
closedir_ptr(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define _cleanup_closedir_ _cleanup_(closedir_ptr)

static DIR *
dir_read(const struct runtime *rt)
{
	int fd = openat(runtime_dirfd(rt), ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

static struct entry
entry_parse(const char *file)
{
	struct entry en = { .kind = ENTRY_OTHER };

	if (file[0] == '@') {
		en.kind = ENTRY_NAME;
		return en;
	}
	if (strlen(file) < RUNTIME_ID_LEN + 3)
		return en;
	memcpy(en.id, file, RUNTIME_ID_LEN);
	if (!runtime_is_id(en.id))
		return en;
	if (strcmp(file + RUNTIME_ID_LEN, ".sock") == 0)
		en.kind = ENTRY_SOCK;
	else if (strcmp(file + RUNTIME_ID_LEN, ".log") == 0)
		en.kind = ENTRY_LOG;
	else if (strcmp(file + RUNTIME_ID_LEN, ".ca") == 0)
		en.kind = ENTRY_CA;
	return en;
}

static int
id_compare(const void *a, const void *b)
{
	return memcmp(a, b, RUNTIME_ID_LEN);
}

int
runtime_list(struct runtime *rt, char (**ret)[RUNTIME_ID_LEN + 1],
	     size_t *ret_n)
{
	_cleanup_closedir_ DIR *d = dir_read(rt);
	char(*v)[RUNTIME_ID_LEN + 1] = NULL, (*bigger)[RUNTIME_ID_LEN + 1];
	size_t n = 0, cap = 0;
	struct dirent *de;

	if (!d)
		return -errno;
	while (n < ENTRIES_MAX && (de = readdir(d))) {
		struct entry en = entry_parse(de->d_name);

		if (en.kind != ENTRY_SOCK)
			continue;
		if (n == cap) {
			cap = cap ? 2 * cap : 16;
			bigger = reallocarray(v, cap, sizeof(*v));
			if (!bigger) {
				free(v);
				return -ENOMEM;
			}
			v = bigger;
		}
		memcpy(v[n++], en.id, sizeof(en.id));
	}
	if (n)
		qsort(v, n, sizeof(*v), id_compare);
	*ret = v;
	*ret_n = n;
	return 0;
}

static bool
older_than(const struct stat *st, time_t now, time_t s)
{
	return now - st->st_ctim.tv_sec > s;
}

/* One entry that is no log; true if it was removed. */
static bool
sweep_entry(struct runtime *rt, const struct entry *en, const char *file,
	    time_t now)
{
	int dirfd = runtime_dirfd(rt);
	char id[RUNTIME_ID_LEN + 1];
	struct stat st;

	if (en->kind == ENTRY_NAME) {
		if (runtime_lookup(rt, file + 1, id) == 0 &&
		    runtime_alive(rt, id))
			return false;
		return unlinkat(dirfd, file, 0) == 0;
	}
	if ((en->kind != ENTRY_SOCK && en->kind != ENTRY_CA) ||
	    runtime_alive(rt, en->id))
		return false;
	/* certificates come after their box's socket, and go before it */
	if (en->kind == ENTRY_SOCK &&
	    (fstatat(dirfd, file, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	     !older_than(&st, now, SOCK_AGE_S)))
		return false;
	return unlinkat(dirfd, file, 0) == 0;
}

static int
log_compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->time < y->time) - (x->time > y->time);
}

/* Newest first in v; keeps LOG_KEEP of the last day. */
static int
sweep_logs(struct runtime *rt, struct entry *v, size_t n, time_t now)
{
	char file[RUNTIME_ID_LEN + 8];
	int removed = 0;

	if (n)
		qsort(v, n, sizeof(*v), log_compare);
	for (size_t i = 0; i < n; i++) {
		if (i < LOG_KEEP && now - v[i].time <= LOG_AGE_S)
			continue;
		if (runtime_alive(rt, v[i].id))
			continue;
		snprintf(file, sizeof(file), "%s.log", v[i].id);
		removed += unlinkat(runtime_dirfd(rt), file, 0) == 0;
	}
	return removed;
}

int
runtime_sweep(struct runtime *rt)
{
	_cleanup_close_ int lock = -EBADF;
	_cleanup_closedir_ DIR *d = dir_read(rt);
	_cleanup_free_ struct entry *logs = NULL;
	size_t n_logs = 0, seen = 0;
	time_t now = time(NULL);
	int removed = 0;
	struct dirent *de;
	struct stat st;

	if (!d)
		return -errno;
	/* somebody else is at it: then it is being done */
	lock = openat(runtime_dirfd(rt), ".",
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return 0;
	logs = calloc(ENTRIES_MAX / 16, sizeof(*logs));
	if (!logs)
		return -ENOMEM;
	while (seen++ < ENTRIES_MAX && (de = readdir(d))) {
		struct entry en = entry_parse(de->d_name);

		if (en.kind != ENTRY_LOG) {
			removed += sweep_entry(rt, &en, de->d_name, now);
			continue;
		}
		if (n_logs == ENTRIES_MAX / 16 ||
		    fstatat(runtime_dirfd(rt), de->d_name, &st,
			    AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		en.time = st.st_ctim.tv_sec;
		logs[n_logs++] = en;
	}
	return removed + sweep_logs(rt, logs, n_logs, now);
}
