/* Where the log of this state folder and its index are. */
#include "audit/layout.h"
#include "lib/fd.h"
#include "query/trail.h"

#include <fcntl.h>
#include <limits.h>

static int
cache_folder(char *buf, size_t size)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (cache && cache[0] == '/')
		n = snprintf(buf, size, "%s/agentbox", cache);
	else if (home && home[0] == '/')
		n = snprintf(buf, size, "%s/.cache/agentbox", home);
	else
		return -ENOENT;
	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	return fd_mkdir_p(AT_FDCWD, buf, 0700);
}

/* Where the index goes: beside the log, else into the user's cache. NULL: there
 * is no such place. */
static const char *
index_path(char *buf, size_t size)
{
	char folder[PATH_MAX];

	if (layout_state(folder, NULL) < 0 ||
	    (access(folder, W_OK) < 0 &&
	     cache_folder(folder, sizeof(folder)) < 0))
		return NULL;
	snprintf(buf, size, "%s/" LAYOUT_INDEX, folder);
	return buf;
}

int
trail_folder(struct err *e)
{
	int audit = layout_open(true, false, e);

	if (audit != -ENOENT)
		return audit;
	err_set(e, ENOENT, "there is no audit log yet");
	return err_cure(e, "it begins with the first `agentbox run`; "
			   "$AGENTBOX_STATE_DIR names another folder");
}

int
trail_open(const struct trail_options *o, struct trail **ret, struct err *e)
{
	_cleanup_close_ int audit = trail_folder(e);
	char path[PATH_MAX + 64];
	int r;

	if (audit < 0)
		return audit;
	r = trail_open_at(audit, index_path(path, sizeof(path)), o, ret, e);
	if (r >= 0)
		trail_own(*ret, TAKE_FD(audit));
	return r;
}
