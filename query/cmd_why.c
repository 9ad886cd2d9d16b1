/* agentbox why: a record of the log, explained. */
#include "lib/str.h"
#include "query/cmd.h"
#include "query/why.h"

#include <getopt.h>
#include <string.h>

static const char usage[] =
	"Usage: agentbox why SEQ|last [--agent A] [--run R] [--as-agent] "
	"[--json]\n"
	"\n"
	"Says why a decision was made, what became of it and what would "
	"change it.\n"
	"SEQ is the number of a record, `last` the newest decision that was "
	"not simply\n"
	"allowed.\n"
	"\n"
	"      --agent A    of this agent\n"
	"      --run R      of this run\n"
	"      --as-agent   only what the run itself may know; with --run\n"
	"      --json       one object; agentbox-why(1) has its form\n"
	"      --utc        times in UTC\n"
	"      --no-index   read all files and do not use the index\n"
	"  -h, --help       this text\n"
	"\n"
	"Exit status: 0; 1 when there is no such record; 125 when it cannot "
	"be answered.\n";

enum { OPT_AGENT = 1, OPT_RUN, OPT_AS_AGENT };

struct asking {
	struct cmd *c;
	struct why_options o;
};

static int
take(void *arg, int option, const char *value, struct err *e)
{
	struct asking *a = arg;

	if (option == OPT_AS_AGENT) {
		a->o.as_agent = true;
		return 0;
	}
	if (option == OPT_RUN)
		a->o.run = value;
	return filter_add(&a->c->f,
			  option == OPT_RUN ? FILTER_RUN : FILTER_AGENT, value,
			  e);
}

/* Which record: 1, 0: there is none. */
static int
find_seq(struct trail *t, const struct asking *a, const char *word,
	 uint64_t *ret, struct err *e)
{
	char safe[64];

	if (!strcmp(word, "last"))
		return why_last(t, &a->c->f, ret, e);
	if (str_to_u64(word, ret) == 0 && *ret)
		return 1;
	err_set(e, EINVAL, "\"%s\" is no number of a record",
		str_escape(word, safe, sizeof(safe)));
	return err_cure(e, "agentbox why last, or a number that agentbox audit "
			   "query shows");
}

static int
answer(struct trail *t, const struct asking *a, const char *word, struct err *e)
{
	struct render rd;
	uint64_t seq = 0;
	json_t *facts;
	int k = find_seq(t, a, word, &seq, e);

	if (k > 0)
		k = why_facts(t, &a->o, seq, &facts, e);
	if (k <= 0)
		return k;
	render_init(&rd, stdout, a->c->utc);
	if (a->c->json) {
		json_dumpf(facts, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	} else {
		why_print(&rd, facts);
	}
	json_decref(facts);
	return 1;
}

static int
check(const struct asking *a, int argc)
{
	if (optind + 1 != argc)
		fputs("agentbox: why: of which record?\n"
		      "agentbox: cure: agentbox why last, or agentbox why "
		      "SEQ\n",
		      stderr);
	else if (a->o.as_agent && !a->o.run)
		fputs("agentbox: why: --as-agent: as which run?\n"
		      "agentbox: cure: --run R\n",
		      stderr);
	else
		return 0;
	return -EINVAL;
}

int
cmd_why(int argc, char **argv)
{
	static const struct option own[] = {
		{ "agent", required_argument, NULL, OPT_AGENT },
		{ "run", required_argument, NULL, OPT_RUN },
		{ "as-agent", no_argument, NULL, OPT_AS_AGENT },
		{ 0 }
	};
	struct asking a = { .o = { .run = NULL } };
	struct cmd c = { .usage = usage,
			 .own = own,
			 .take = take,
			 .arg = &a,
			 .no_filters = true,
			 .alone = true };
	struct err e = ERR_INIT;
	struct trail *t;
	int r;

	a.c = &c;
	filter_init(&c.f);
	r = cmd_options(&c, argc, argv);
	if (r <= 0 || check(&a, argc) < 0)
		return r ? QUERY_FAILED : QUERY_OK;
	if (cmd_open(&c, &t, &e) < 0)
		return cmd_complain(&e);
	r = answer(t, &a, argv[optind], &e);
	if (r < 0)
		return cmd_done(t, cmd_complain(&e));
	if (!r)
		fputs(strcmp(argv[optind], "last") != 0
			      ? "agentbox: why: there is no such record\n"
			      : "agentbox: why: nothing was denied or asked\n",
		      stderr);
	return cmd_done(t, r ? QUERY_OK : QUERY_NO);
}
