/* agentbox freeze and agentbox thaw. */
#include "supervisor/cmd_act.h"
#include "supervisor/cmd_boxes.h"

#include <string.h>

static const char usage[] =
	"Usage: agentbox freeze|thaw [OPTIONS] BOX...\n"
	"       agentbox freeze|thaw [OPTIONS] --all | --label K=V\n"
	"\n"
	"freeze stops every process of the boxes at once; they keep their\n"
	"memory and do not run until thaw. Returns when the kernel says that\n"
	"it is so. BOX is a name, an id, or the beginning of an id.\n"
	"\n"
	"  -a, --all         every running box of this user\n"
	"  -l, --label K=V   boxes that were started with this label\n"
	"  -w, --why TEXT    for the box's event log\n"
	"      --json        the result as an array of objects\n"
	"  -h, --help        this text\n"
	"\n"
	"Exit status: 0 when all are done; 1 when a box refused or failed;\n"
	"125 when agentbox itself failed or there is no such box.\n";

int
cmd_freeze(int argc, char **argv)
{
	bool thaw = strcmp(argv[0], "thaw") == 0;
	struct act a = {
		.op = thaw ? CONTROL_THAW : CONTROL_FREEZE,
		.done = thaw ? "running" : "frozen",
	};
	return act_main(&a, usage, argc, argv);
}
