/* agentbox audit stats: how much of what there is, how large the log is, how
 * far checkpoints go, and what the writer says if one runs. */
#include "query/cmd.h"
#include "query/stats.h"

static const char usage[] =
	"Usage: agentbox audit stats [FILTERS] [--json] [--utc]\n"
	"\n"
	"Counts the records that match, by type, effect and agent; says how "
	"large\n"
	"the log is, how far checkpoints cover it and how the writer does.\n"
	"\n"
	"      --json  one JSON object\n"
	"      --utc   times in UTC\n"
	"  -h, --help  this text\n"
	"\n"
	"Exit status: 0; 125 when it cannot be answered.\n";

static int
count(void *arg, const struct record *r, const struct record *who,
      struct err *e)
{
	(void)e;
	stats_count(arg, r, who);
	return 0;
}

int
cmd_stats(int argc, char **argv)
{
	struct cmd c = { .usage = usage };
	struct stats *st = NULL;
	struct err e = ERR_INIT;
	struct trail *t = NULL;
	int64_t n;
	int r;

	filter_init(&c.f);
	r = cmd_options(&c, argc, argv);
	if (r <= 0 || cmd_no_operands(&c, argc, argv) < 0)
		return r ? QUERY_FAILED : QUERY_OK;
	if (cmd_open(&c, &t, &e) < 0)
		return cmd_complain(&e);
	n = stats_new(&st, &e);
	if (n >= 0)
		n = trail_find(t, &c.f, count, st, &e);
	if (n >= 0)
		n = stats_log(st, trail_audit(t), &e);
	if (n < 0)
		cmd_complain(&e);
	else if (c.json)
		stats_json(st, stdout);
	else
		stats_print(st, stdout, c.utc);
	stats_free(st);
	return cmd_done(t, n < 0 ? QUERY_FAILED : QUERY_OK);
}
