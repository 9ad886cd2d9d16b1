/* agentbox kill. */
#include "lib/str.h"
#include "supervisor/cmd_act.h"
#include "supervisor/cmd_boxes.h"

#include <getopt.h>
#include <signal.h>
#include <string.h>

static const char usage[] =
	"Usage: agentbox kill [OPTIONS] BOX...\n"
	"       agentbox kill [OPTIONS] --all | --label K=V\n"
	"\n"
	"Kills every process of the boxes at once and returns when all are\n"
	"dead. With -s the signal goes to the command instead, which may do\n"
	"with it what it likes. BOX is a name, an id, or the beginning of an\n"
	"id.\n"
	"\n"
	"  -s, --signal SIG  TERM, SIGTERM or 15: to the command only\n"
	"  -a, --all         every running box of this user\n"
	"  -l, --label K=V   boxes that were started with this label\n"
	"  -w, --why TEXT    for the box's event log\n"
	"      --json        the result as an array of objects\n"
	"  -h, --help        this text\n"
	"\n"
	"Exit status: 0 when all are done; 1 when a box refused or failed;\n"
	"125 when agentbox itself failed or there is no such box.\n";

static int
parse_signal(const char *s, uint32_t *ret)
{
	const char *name = strncasecmp(s, "SIG", 3) == 0 ? s + 3 : s;
	uint64_t n;

	if (str_to_u64(s, &n) == 0) {
		if (n < 1 || n > (uint64_t)SIGRTMAX)
			return -EINVAL;
		*ret = (uint32_t)n;
		return 0;
	}
	for (int i = 1; i < NSIG; i++) {
		const char *abbrev = sigabbrev_np(i);

		if (abbrev && strcasecmp(abbrev, name) == 0) {
			*ret = (uint32_t)i;
			return 0;
		}
	}
	return -EINVAL;
}

int
cmd_kill(int argc, char **argv)
{
	static const struct option options[] = {
		{ "signal", required_argument, NULL, 's' }, ACT_OPTIONS
	};
	struct act a = { .op = CONTROL_KILL, .done = "dead" };
	struct err e = ERR_INIT;
	int c;

	while ((c = getopt_long(argc, argv, "s:" ACT_SHORT, options, NULL)) !=
	       -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return CLIENT_DONE;
		}
		if (c == 's') {
			a.done = "signalled";
			if (parse_signal(optarg, &a.arg) == 0)
				continue;
			err_set(&e, EINVAL, "kill: \"%s\" is no signal",
				optarg);
			client_complain(&e);
			return CLIENT_FAILED;
		}
		if (!act_option(&a, c, optarg))
			return client_usage(argv[0]);
	}
	return act_run(&a, argv[0], argc, argv);
}
