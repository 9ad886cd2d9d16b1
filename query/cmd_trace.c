/* agentbox trace: the story of a run. */
#include "lib/str.h"
#include "query/cmd.h"
#include "query/trace.h"

#include <getopt.h>
#include <string.h>

static const char usage[] =
	"Usage: agentbox trace RUN|BOX|last [--limit N] [--json] [--utc]\n"
	"\n"
	"Tells the story of a run from the audit log: how it began, what held "
	"it, its\n"
	"policies, each decision with its outcome, what operators did, its "
	"end, and the\n"
	"runs that it started. BOX is an id or a name: its newest run.\n"
	"\n"
	"      --limit N    decisions of a run (1000); 0: all\n"
	"      --json       one object per event; agentbox-trace(1) has the "
	"form\n"
	"      --utc        times in UTC\n"
	"      --no-index   read all files and do not use the index\n"
	"  -h, --help       this text\n"
	"\n"
	"Exit status: 0; 1 when there is no such run; 125 when it cannot be "
	"answered.\n";

struct tracing {
	struct render rd;
	struct cmd *c;
	struct trace_options o;
};

static int
take(void *arg, int option, const char *value, struct err *e)
{
	struct tracing *g = arg;

	(void)option;
	if (str_to_u64(value, &g->o.limit) < 0)
		return err_set(e, EINVAL, "--limit: \"%.40s\" is no number",
			       value);
	return 0;
}

static int
show(void *arg, const json_t *event, struct err *e)
{
	struct tracing *g = arg;

	if (!g->c->json) {
		trace_print(&g->rd, event);
	} else {
		json_dumpf(event, g->rd.f, JSON_COMPACT | JSON_ENSURE_ASCII);
		putc('\n', g->rd.f);
	}
	if (ferror(g->rd.f))
		return err_sys(e, errno, "cannot write the answer");
	return 0;
}

/* The newest that is called so, by run, box or name. */
static const struct run_row *
pick(const struct runs *runs, const char *word)
{
	bool last = !strcmp(word, "last");

	for (size_t i = runs->n; i > 0; i--) {
		const struct run_row *r = &runs->v[i - 1];

		if (last || !strcmp(r->run, word) || !strcmp(r->box, word) ||
		    !strcmp(r->name, word))
			return r;
	}
	return NULL;
}

/* By its run or box, which the index finds; else by its name. */
static int
find_runs(struct trail *t, const char *word, struct runs *ret, struct err *e)
{
	static const enum filter_key keys[] = { FILTER_RUN, FILTER_BOX };
	struct filter f;
	int k = 0;

	*ret = (struct runs){ NULL, 0 };
	for (size_t i = 0; k >= 0 && !ret->n && i < ARRAY_SIZE(keys); i++) {
		filter_init(&f);
		f.key[keys[i]] = (struct filter_words){ { word }, 1 };
		k = runs_find(t, &f, ret, e);
	}
	if (k < 0 || ret->n)
		return k;
	filter_init(&f);
	return runs_find(t, &f, ret, e);
}

static int
answer(struct trail *t, struct tracing *g, const char *word, struct err *e)
{
	struct runs runs;
	const struct run_row *run;
	int k = find_runs(t, word, &runs, e);

	if (k < 0)
		return k;
	run = pick(&runs, word);
	k = run ? trace_run(t, run, &g->o, show, g, e) : 0;
	runs_done(&runs);
	return k < 0 ? k : run != NULL;
}

int
cmd_trace(int argc, char **argv)
{
	static const struct option own[] = {
		{ "limit", required_argument, NULL, 1 }, { 0 }
	};
	struct tracing g = { .o = { .limit = TRACE_LIMIT } };
	struct cmd c = { .usage = usage,
			 .own = own,
			 .take = take,
			 .arg = &g,
			 .no_filters = true,
			 .alone = true };
	struct err e = ERR_INIT;
	struct trail *t;
	int r;

	g.c = &c;
	filter_init(&c.f);
	r = cmd_options(&c, argc, argv);
	if (r > 0 && optind + 1 != argc) {
		fputs("agentbox: trace: of which run?\n"
		      "agentbox: cure: agentbox trace last, or a run or box "
		      "that agentbox audit query shows\n",
		      stderr);
		r = -EINVAL;
	}
	if (r <= 0)
		return r ? QUERY_FAILED : QUERY_OK;
	render_init(&g.rd, stdout, c.utc);
	if (cmd_open(&c, &t, &e) < 0)
		return cmd_complain(&e);
	r = answer(t, &g, argv[optind], &e);
	if (r < 0)
		return cmd_done(t, cmd_complain(&e));
	if (!r)
		fputs("agentbox: trace: there is no such run\n", stderr);
	return cmd_done(t, r ? QUERY_OK : QUERY_NO);
}
