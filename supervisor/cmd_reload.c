/* agentbox reload: boxes go on under what their profiles say now. */
#include "lib/str.h"
#include "supervisor/cmd_act.h"
#include "supervisor/cmd_boxes.h"

static const char usage[] =
	"Usage: agentbox reload [OPTIONS] BOX...\n"
	"       agentbox reload [OPTIONS] --all | --label K=V\n"
	"\n"
	"Each box reads its profile again, with its parents and groups, what "
	"narrowed\n"
	"it, and the host's policy, and decides by it from then on: all of the "
	"new\n"
	"rules or, where anything is wrong with them, all of the old ones. "
	"What the\n"
	"kernel holds since the start (files, process, limits) cannot change, "
	"so a\n"
	"reload that would change it is refused; so is one of a file that the "
	"box can\n"
	"write. BOX is a name, an id, or the beginning of an id.\n"
	"\n"
	"  -a, --all         every running box of this user\n"
	"  -l, --label K=V   boxes that were started with this label\n"
	"  -w, --why TEXT    for the box's event log\n"
	"      --json        the result as an array of objects\n"
	"  -h, --help        this text\n"
	"\n"
	"Exit status: 0 when all are done; 1 when a box refused or failed;\n"
	"125 when agentbox itself failed or there is no such box.\n";

static void
tell(const char *id, const json_t *answer)
{
	const char *hash =
		json_string_value(json_object_get(answer, "policy_hash"));
	json_int_t epoch = json_integer_value(json_object_get(answer, "epoch"));
	char shown[80];

	str_escape(hash ? hash : "-", shown, sizeof(shown));
	printf("%s: epoch %lld, policy %.16s%s\n", id, (long long)epoch, shown,
	       json_is_true(json_object_get(answer, "changed"))
		       ? ""
		       : ", as before");
}

int
cmd_reload(int argc, char **argv)
{
	struct act a = {
		.op = CONTROL_RELOAD,
		.done = "reloaded",
		.tell = tell,
	};

	return act_main(&a, usage, argc, argv);
}
