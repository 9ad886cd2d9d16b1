/*
 * Finds the files of network settings. What always holds: they can name
 * commands and say where names lead, so a file that others could have written
 * is refused; root reads no user's file; only a file that is not there is
 * passed over.
 */
#include "lib/fd.h"
#include "net/config.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static int
check_owner(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%s: is no regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		err_set(e, -EPERM,
			"%s: belongs to user %u, who is neither you nor root",
			path, st.st_uid);
		return err_cure(e, "chown it: it says which commands give "
				   "secrets");
	}
	if (st.st_mode & 022) {
		err_set(e, -EPERM, "%s: others can write to it (mode %04o)",
			path, st.st_mode & 07777u);
		return err_cure(e, "chmod go-w %s", path);
	}
	return 0;
}

static int
load_file(struct net_config *c, const char *path, bool must, bool hosts,
	  struct err *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n;
	int r;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR) && !must)
		return 0;
	if (fd < 0)
		return err_sys(e, -errno, "%s", path);
	r = check_owner(fd, path, e);
	if (r < 0)
		return r;
	n = fd_read_all(fd, NET_CONFIG_SIZE_MAX, &text);
	if (n < 0)
		return err_sys(e, (int)n, "%s", path);
	return net_config_parse(c, path, text, (size_t)n, hosts, e);
}

static bool
own_file(char *buf)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n = -1;

	if (geteuid() == 0)
		return false;
	if (config && config[0] == '/')
		n = snprintf(buf, PATH_MAX, "%s/agentbox/network.json", config);
	else if (home && home[0] == '/')
		n = snprintf(buf, PATH_MAX, "%s/.config/agentbox/network.json",
			     home);
	return n > 0 && n < PATH_MAX;
}

static int
load_own(struct net_config *c, struct err *e)
{
	const char *named = getenv("AGENTBOX_NETWORK_CONFIG");
	char own[PATH_MAX];

	if (named && *named && named[0] != '/') {
		err_set(e, -EINVAL,
			"AGENTBOX_NETWORK_CONFIG: is no absolute "
			"path");
		return err_cure(e, "name the file from \"/\" on");
	}
	if (named && *named)
		return load_file(c, named, true, false, e);
	return own_file(own) ? load_file(c, own, false, false, e) : 0;
}

int
net_config_load(struct net_config *c, struct err *e)
{
	int r;

	net_config_default(c);
	r = load_own(c, e);
	if (r >= 0)
		r = load_file(c, NET_CONFIG_HOST, false, true, e);
	if (r < 0)
		net_config_done(c);
	return r;
}
