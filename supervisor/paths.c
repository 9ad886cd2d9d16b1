/* Finding our own files. Nothing but the binary's place and HOME is asked. */
#include "supervisor/paths.h"

#include <string.h>

#define ETC_PROFILES "/etc/agentbox/profiles"

static int
join(char *buf, const char *dir, const char *rest)
{
	int n = snprintf(buf, PATH_MAX, "%s%s", dir, rest);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int
here(char *buf)
{
	ssize_t n = readlink("/proc/self/exe", buf, PATH_MAX - 1);
	char *slash;

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

/* The folder some levels above dir, and rest: people read these paths. dir has
 * no links in it, so ".." is what stands before the last slash. */
static int
join_above(char *buf, const char *dir, int levels, const char *rest)
{
	size_t n = strlen(dir);
	int len;

	for (; levels > 0; levels--) {
		const char *slash = memrchr(dir, '/', n);

		n = slash ? (size_t)(slash - dir) : 0;
	}
	len = snprintf(buf, PATH_MAX, "%.*s%s", (int)n, dir, rest);
	return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* build/bin and build/CONFIG/bin lie two and three folders below the tree. */
static int
find_in_place(struct paths *p, const char *dir)
{
	for (int levels = 2; levels <= 3; levels++) {
		if (join_above(p->profiles, dir, levels, "/profiles") < 0 ||
		    join(p->sets, p->profiles, "/sets") < 0)
			return -ENAMETOOLONG;
		if (access(p->sets, F_OK) == 0)
			return join(p->libexec, dir, "");
	}
	return -ENOENT;
}

static int
find_installed(struct paths *p, const char *dir)
{
	if (join_above(p->libexec, dir, 1, "/libexec/agentbox") < 0 ||
	    join_above(p->profiles, dir, 1, "/share/agentbox/profiles") < 0 ||
	    join(p->sets, p->profiles, "/sets") < 0)
		return -ENAMETOOLONG;
	return access(p->sets, F_OK) < 0 ? -errno : 0;
}

/* XDG_CONFIG_HOME and XDG_CACHE_HOME of the base directory specification. */
static void
find_own(struct paths *p)
{
	const char *home = getenv("HOME"), *config = getenv("XDG_CONFIG_HOME");
	const char *cache = getenv("XDG_CACHE_HOME");

	p->user[0] = p->cache[0] = '\0';
	if (config && config[0] == '/')
		(void)join(p->user, config, "/agentbox/profiles");
	else if (home && home[0] == '/')
		(void)join(p->user, home, "/.config/agentbox/profiles");
	if (geteuid() == 0)
		(void)join(p->cache, "/var/cache/agentbox", "");
	else if (cache && cache[0] == '/')
		(void)join(p->cache, cache, "/agentbox");
	else if (home && home[0] == '/')
		(void)join(p->cache, home, "/.cache/agentbox");
}

int
paths_find(struct paths *ret, struct err *e)
{
	char dir[PATH_MAX], stage[PATH_MAX];
	size_t n = 0;
	int r = here(dir);

	if (r < 0)
		return err_sys(e, r, "/proc/self/exe");
	r = join(stage, dir, "/agentbox-stage");
	if (r >= 0 && access(stage, X_OK) == 0)
		r = find_in_place(ret, dir);
	else if (r >= 0)
		r = find_installed(ret, dir);
	if (r < 0) {
		err_sys(e, r, "the files that belong to %s/agentbox", dir);
		return err_cure(e, "run `make` in the source tree, or `make "
				   "install`; the binary finds the rest from "
				   "where it lies");
	}
	find_own(ret);
	if (ret->user[0])
		ret->search[n++] = ret->user;
	ret->search[n++] = ETC_PROFILES;
	ret->search[n++] = ret->profiles;
	ret->search[n] = NULL;
	return 0;
}
