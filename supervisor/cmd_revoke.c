/* agentbox revoke: a credential is not lent any more. */
#include "supervisor/cmd_act.h"
#include "supervisor/cmd_boxes.h"

#include <getopt.h>

static const char usage[] =
	"Usage: agentbox revoke [OPTIONS] BOX... CREDENTIAL\n"
	"       agentbox revoke [OPTIONS] --all | --label K=V CREDENTIAL\n"
	"\n"
	"The boxes are not lent the credential any more, from the next "
	"request\n"
	"on; what the supervisor still had of it in memory is wiped. It does "
	"not\n"
	"come back: start a new box for that. CREDENTIAL is a name of\n"
	"network.json; BOX is a name, an id, or the beginning of an id.\n"
	"\n"
	"  -a, --all         every running box of this user\n"
	"  -l, --label K=V   boxes that were started with this label\n"
	"      --json        the result as an array of objects\n"
	"  -h, --help        this text\n"
	"\n"
	"Exit status: 0 when all are done; 1 when a box refused or failed, or\n"
	"has no such credential; 125 when agentbox itself failed or there is "
	"no\n"
	"such box.\n";

int
cmd_revoke(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "label", required_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct act a = { .op = CONTROL_REVOKE, .done = "revoked" };
	struct err e = ERR_INIT;
	int c;

	while ((c = getopt_long(argc, argv, "al:h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return CLIENT_DONE;
		}
		if (!act_option(&a, c, optarg))
			return client_usage(argv[0]);
	}
	if (optind == argc || !*argv[argc - 1]) {
		err_set(&e, EINVAL,
			"revoke: name a credential, after the "
			"boxes");
		client_complain(&e);
		return CLIENT_FAILED;
	}
	a.why = argv[argc - 1]; /* what goes along with the request */
	return act_run(&a, argv[0], argc - 1, argv);
}
