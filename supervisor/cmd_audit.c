/* agentbox audit, why and trace: an exec, so that no launch pays for SQLite and
 * OpenSSL. */
#include "supervisor/cmd_audit.h"
#include "supervisor/help.h"
#include "supervisor/paths.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define EXIT_FAILED 125

int
cmd_audit(int argc, char **argv)
{
	char path[PATH_MAX + 32];
	struct err e = ERR_INIT;
	struct paths p;

	(void)argc;
	if (paths_find(&p, &e) >= 0) {
		snprintf(path, sizeof(path), "%s/agentbox-query", p.libexec);
		/* argv[0] is the command, as all of it that is ours to say */
		argv[-1] = path;
		execv(path, argv - 1);
		err_sys(&e, errno, "cannot run %s", path);
	}
	help_complain(&e);
	return EXIT_FAILED;
}
