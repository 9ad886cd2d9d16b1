/*
 * The audit settings: defaults, and the files that are read over them. What
 * always holds: what cannot be read or is wrong is an error; only a file that
 * is not there is passed over.
 */
#include "audit/config.h"
#include "lib/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define FILE_MAX (64u * 1024)
#define DAY_US (86400ull * 1000000)

void
audit_config_default(struct audit_config *c)
{
	*c = (struct audit_config){
		.mode = AUDIT_REQUIRED,
		.durable = DURABLE_EFFECTS,
		.sync_us = 1000000,
		.retention_days = AUDIT_RETENTION_FLOOR_DAYS,
		.segment_bytes = 64ull << 20,
		.segment_age_us = DAY_US,
		.checkpoint_records = 4096,
		.checkpoint_us = 1000000,
		.idle_us = 30 * 1000000ull,
		.agent_rate = 20000,
		.agent_day_bytes = 1ull << 30,
		.open_actions = 1024,
		.journal = true,
	};
}

void
audit_config_done(struct audit_config *c)
{
	for (size_t i = 0; i < c->n_sinks; i++) {
		free(c->sink[i].path);
		strv_done(&c->sink[i].argv);
	}
	c->n_sinks = 0;
}

static int
load_file(struct audit_config *c, const char *path, bool host, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(AT_FDCWD, path, FILE_MAX, &text);

	if (n == -ENOENT || n == -ENOTDIR)
		return 0;
	if (n < 0)
		return err_sys(e, (int)n, "%s", path);
	return audit_config_parse(c, path, text, (size_t)n, host, e);
}

static bool
own_file(char *buf)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	const char *state = getenv("AGENTBOX_STATE_DIR");
	int n = -1;

	if (state && state[0] == '/')
		n = snprintf(buf, PATH_MAX, "%s/audit.json", state);
	else if (geteuid() == 0)
		return false;
	else if (config && config[0] == '/')
		n = snprintf(buf, PATH_MAX, "%s/agentbox/audit.json", config);
	else if (home && home[0] == '/')
		n = snprintf(buf, PATH_MAX, "%s/.config/agentbox/audit.json",
			     home);
	return n > 0 && n < PATH_MAX;
}

int
audit_config_load(struct audit_config *c, struct err *e)
{
	char own[PATH_MAX];
	int r = 0;

	audit_config_default(c);
	if (own_file(own))
		r = load_file(c, own, false, e);
	if (r >= 0)
		r = load_file(c, AUDIT_CONFIG_HOST, true, e);
	if (r < 0)
		audit_config_done(c);
	return r;
}
