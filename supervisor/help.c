/* Help texts: data, and two ways to print it. */
#include "supervisor/help.h"

#include <string.h>

static const struct {
	const char *name, *line, *text;
} commands[] = {
	{ "run", "run a command in a box",
	  "usage: agentbox run [options] [--] COMMAND [ARG...]\n"
	  "\n"
	  "Runs COMMAND as an untrusted agent: own namespaces, own file tree,\n"
	  "no capability, Landlock, a system call allowlist, limits.\n"
	  "\n"
	  "  -p, --profile P      profile name or path (default: default)\n"
	  "  -w, --workspace DIR  directory that the agent works in (default: "
	  ".)\n"
	  "  -n, --name N         name of the box (default: made up)\n"
	  "  -t, --timeout D      stop after 90s, 5m, 2h, 1d; 0: never\n"
	  "      --env K=V        set a variable inside (may be repeated)\n"
	  "      --label K=V      label the box (may be repeated)\n"
	  "      --narrow FILE    rules that narrow the profile for this run\n"
	  "      --observe        let a profile that only observes run: it "
	  "records\n"
	  "                       what it would refuse, and does not refuse "
	  "it\n"
	  "      --show-enforced  print requested against enforced first\n"
	  "  -j, --json           what agentbox itself says is JSON, on "
	  "stderr\n"
	  "      --timing         print how long each phase took\n"
	  "\n"
	  "exit status: the command's; 128+N when killed by signal N; 124 the\n"
	  "time was over; 125 agentbox failed or refused; 126 the command "
	  "cannot\n"
	  "be executed; 127 it was not found\n" },
	{ "ps", "list running boxes",
	  "usage: agentbox ps [--label K=V] [--json]\n" },
	{ "inspect", "show one box: requested against enforced",
	  "usage: agentbox inspect BOX [--json]\n" },
	{ "freeze", "stop every process of a box where it is",
	  "usage: agentbox freeze BOX...|--all|--label K=V [--why TEXT] "
	  "[--json]\n" },
	{ "thaw", "let a frozen box go on",
	  "usage: agentbox thaw BOX...|--all|--label K=V [--why TEXT] "
	  "[--json]\n" },
	{ "kill", "end a box at once",
	  "usage: agentbox kill [-s SIGNAL] BOX...|--all|--label K=V "
	  "[--why TEXT] [--json]\n"
	  "\n"
	  "Without -s every process of the box is killed at once. With -s the\n"
	  "signal goes to the command.\n" },
	{ "reload", "read the profile of a running box again",
	  "usage: agentbox reload BOX...|--all|--label K=V [--why TEXT] "
	  "[--json]\n"
	  "\n"
	  "The box goes on under the new rules, or, if they cannot be had, "
	  "under\n"
	  "the old ones; what the kernel holds cannot change. SIGHUP to a\n"
	  "supervisor without a terminal does the same.\n" },
	{ "revoke", "lend a box a credential no more",
	  "usage: agentbox revoke BOX...|--all|--label K=V CREDENTIAL "
	  "[--json]\n"
	  "\n"
	  "From the next request on. It does not come back: start a new "
	  "box.\n" },
	{ "logs", "what happened to a box",
	  "usage: agentbox logs BOX [-f] [--json]\n" },
	{ "decide", "ask for a decision of a box, or say what became of it",
	  "usage: agentbox decide BOX [REQUEST.json|-]\n"
	  "       agentbox decide BOX --outcome ACTION STATUS [--error KIND]\n"
	  "                       [--detail TEXT] [--label LABEL]... "
	  "[--bytes-in N]\n"
	  "                       [--bytes-out N]\n"
	  "\n"
	  "For brokers outside: decides on an action of the box as its policy "
	  "says,\n"
	  "records it, prints the answer as JSON. What was allowed is owed an "
	  "outcome.\n"
	  "Exit status: 0 allowed, 1 denied, 125 no decision.\n" },
	{ "doctor", "what this machine can enforce, and how to fix it",
	  "usage: agentbox doctor [-j] [-p PROFILE] [-w DIR]\n"
	  "\n"
	  "Tries each layer in a child. Exit status: 0 `agentbox run` would\n"
	  "start, 1 it would refuse, 125 doctor itself failed.\n" },
	{ "profile", "write, check, test and compare profiles",
	  "usage: agentbox profile list [--json]\n"
	  "       agentbox profile show PROFILE [--resolved] [--json]\n"
	  "       agentbox profile check [PROFILE...] [--strict] [--json]\n"
	  "       agentbox profile test PROFILE... [--live] [--case NAME] "
	  "[--json]\n"
	  "       agentbox profile explain PROFILE REQUEST.json [--json]\n"
	  "       agentbox profile explain PROFILE --on SURFACE KEY=VALUE...\n"
	  "       agentbox profile diff A B [--json]\n"
	  "       agentbox profile init NAME [--role R] [--from P] "
	  "[--output FILE] [--json]\n"
	  "\n"
	  "  list     every profile that can be named, and where it lies\n"
	  "  show     the file; --resolved: all that it grants in the end\n"
	  "  check    mistakes, and what is probably not meant\n"
	  "  test     the cases of its section \"expect\"\n"
	  "  explain  what is decided on one request, and why\n"
	  "  diff     what B may do that A may not, and the other way\n"
	  "  init     a new profile to begin with\n"
	  "\n"
	  "`agentbox profile COMMAND --help` says more.\n" },
	{ "audit", "ask, verify and export the audit log",
	  "usage: agentbox audit tail|query|verify|export|stats|replay|keys|\n"
	  "                      checkpoint|rotate|index|schema|anew "
	  "[options]\n"
	  "\n"
	  "  tail        the newest records; -f: and those to come\n"
	  "  query       the records that match\n"
	  "  verify      is the log whole and unchanged?\n"
	  "  export      records for other programs; proofs\n"
	  "  stats       how much of what, how large, how far\n"
	  "  replay      decide again on what was recorded, and compare\n"
	  "  keys        the keys that others need to verify\n"
	  "  checkpoint  sign what is there, now\n"
	  "  rotate      begin a new file\n"
	  "  index       what makes questions fast\n"
	  "  schema      JSON Schema of the records\n"
	  "  anew        begin a new log after damage\n"
	  "\n"
	  "`agentbox audit COMMAND --help` says more.\n" },
	{ "why", "explain a decision",
	  "usage: agentbox why SEQ|last [--agent A|--run R] [--json] "
	  "[--as-agent]\n" },
	{ "trace", "tell what a run did, from its records",
	  "usage: agentbox trace RUN|BOX|last [--json]\n" },
	{ "version", "print the version", "usage: agentbox version\n" },
	{ "help", "print help", "usage: agentbox help [COMMAND]\n" },
};

void
help_main(FILE *f)
{
	fputs("usage: agentbox COMMAND [options]\n"
	      "\n"
	      "Runs untrusted AI agents in confinement.\n"
	      "\n",
	      f);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(f, "  %-8s %s\n", commands[i].name, commands[i].line);
	fputs("\n`agentbox help COMMAND` says more; so do the man pages.\n", f);
}

int
help_command(FILE *f, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name)) {
			fputs(commands[i].text, f);
			return 0;
		}
	return -ENOENT;
}

void
help_complain(const struct err *e)
{
	fprintf(stderr, "agentbox: %s\n", e->text);
	if (e->cure[0])
		fprintf(stderr, "agentbox: cure: %s\n", e->cure);
}
