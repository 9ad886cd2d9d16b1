/* agentbox audit replay: is each decision of the log the one that its policy
 * makes of its inputs? */
#include "query/cmd.h"
#include "query/render.h"
#include "query/replay.h"

#include <getopt.h>
#include <string.h>

#define SHOWN_MAX 10u

static const char usage[] =
	"Usage: agentbox audit replay [--run R | --agent A | --box B | "
	"--owner O]\n"
	"                             [--all] [--json]\n"
	"\n"
	"Decides again what was decided, from the inputs, policies, times and "
	"counters\n"
	"that the log has, and compares.\n"
	"\n"
	"      --run R     only this run; or runs of an --agent A, --box B, "
	"--owner O\n"
	"      --all       show all differences, not only the first 10\n"
	"      --json      one object per difference, and one at the end\n"
	"      --no-index  read all files and do not use the index\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0 when every decision is the same; 1 when one is not; "
	"125 when\n"
	"it cannot be answered.\n";

enum { OPT_ALL = 1, OPT_RUN, OPT_AGENT, OPT_BOX, OPT_OWNER };

struct replaying {
	struct render rd;
	struct cmd *c;
	bool all;
	uint64_t shown;
	struct replay_count count;
	char why_text[256]; /* of the first that could not be checked */
};

static int
take(void *arg, int option, const char *value, struct err *e)
{
	static const enum filter_key keys[] = { [OPT_RUN] = FILTER_RUN,
						[OPT_AGENT] = FILTER_AGENT,
						[OPT_BOX] = FILTER_BOX,
						[OPT_OWNER] = FILTER_OWNER };
	struct replaying *y = arg;

	if (option == OPT_ALL) {
		y->all = true;
		return 0;
	}
	return filter_add(&y->c->f, keys[option], value, e);
}

/* Differences */

/* The decision as it stands in the log: JSON, if nobody changed it. */
static void
print_record(const struct replaying *y, const char *head, const char *json)
{
	if (!json)
		return;
	fprintf(y->rd.f, "  %-9s ", head);
	render_safe(y->rd.f, json, strlen(json));
	putc('\n', y->rd.f);
}

static void
print_finding(const struct replaying *y, const struct replay_finding *f)
{
	fputs("record ", y->rd.f);
	fprintf(y->rd.f, "%llu", (unsigned long long)f->seq);
	fputs(", run ", y->rd.f);
	render_safe(y->rd.f, f->run, strlen(f->run));
	fputs(": ", y->rd.f);
	render_on(&y->rd, COLOUR_BAD);
	render_safe(y->rd.f, f->what, strlen(f->what));
	render_off(&y->rd);
	putc('\n', y->rd.f);
	print_record(y, "recorded", f->recorded);
	print_record(y, "again", f->again);
}

static void
json_string(FILE *f, const char *name, const char *s)
{
	fprintf(f, ",\"%s\":", name);
	if (s)
		render_json_string(f, s, strlen(s));
	else
		fputs("null", f);
}

static void
print_finding_json(const struct replaying *y, const struct replay_finding *f)
{
	FILE *o = y->rd.f;

	fprintf(o, "{\"seq\":%llu,\"result\":\"%s\"",
		(unsigned long long)f->seq,
		f->kind == REPLAY_DIFFERENT ? "different" : "unchecked");
	json_string(o, "run", f->run);
	json_string(o, "what", f->what);
	json_string(o, "recorded", f->recorded);
	json_string(o, "again", f->again);
	fputs("}\n", o);
}

static void
found(void *arg, const struct replay_finding *f)
{
	struct replaying *y = arg;

	if (f->kind == REPLAY_UNCHECKED && !y->why_text[0])
		snprintf(y->why_text, sizeof(y->why_text), "%s", f->what);
	if (y->c->json) {
		print_finding_json(y, f);
		return;
	}
	if (f->kind != REPLAY_DIFFERENT)
		return;
	if (y->all || y->shown < SHOWN_MAX)
		print_finding(y, f);
	y->shown++;
}

/* The end */

static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void
print_end(const struct replaying *y, size_t runs)
{
	const struct replay_count *n = &y->count;
	FILE *f = y->rd.f;

	if (y->shown > SHOWN_MAX && !y->all)
		fprintf(f, "and %llu more: --all shows them\n",
			(unsigned long long)(y->shown - SHOWN_MAX));
	if (y->shown)
		putc('\n', f);
	fprintf(f,
		"%llu decision%s of %zu run%s, under %llu epoch%s of "
		"policies: ",
		(unsigned long long)n->decisions, plural(n->decisions), runs,
		plural(runs), (unsigned long long)n->policies,
		plural(n->policies));
	render_on(&y->rd, n->different ? COLOUR_BAD : COLOUR_GOOD);
	if (n->same == n->decisions)
		fputs("all the same again", f);
	else
		fprintf(f, "%llu the same again, %llu not",
			(unsigned long long)n->same,
			(unsigned long long)n->different);
	render_off(&y->rd);
	putc('\n', f);
	if (n->unchecked)
		fprintf(f, "%llu could not be checked: %s\n",
			(unsigned long long)n->unchecked, y->why_text);
}

static void
print_end_json(const struct replaying *y, size_t runs)
{
	const struct replay_count *n = &y->count;

	fprintf(y->rd.f,
		"{\"runs\":%zu,\"epochs\":%llu,\"decisions\":%llu,"
		"\"same\":%llu,\"different\":%llu,\"unchecked\":%llu}\n",
		runs, (unsigned long long)n->policies,
		(unsigned long long)n->decisions, (unsigned long long)n->same,
		(unsigned long long)n->different,
		(unsigned long long)n->unchecked);
}

static int
replay_all(struct replaying *y, struct trail *t, const struct runs *runs,
	   struct err *e)
{
	struct replay *r;
	int res = replay_new(t, &r, e);

	if (res < 0)
		return res;
	for (size_t i = 0; i < runs->n && res >= 0; i++)
		res = replay_run(r, &runs->v[i], found, y, &y->count, e);
	replay_free(r);
	if (res < 0)
		return res;
	if (y->c->json)
		print_end_json(y, runs->n);
	else
		print_end(y, runs->n);
	return y->count.different ? QUERY_NO : QUERY_OK;
}

int
cmd_replay(int argc, char **argv)
{
	static const struct option own[] = {
		{ "all", no_argument, NULL, OPT_ALL },
		{ "run", required_argument, NULL, OPT_RUN },
		{ "agent", required_argument, NULL, OPT_AGENT },
		{ "box", required_argument, NULL, OPT_BOX },
		{ "owner", required_argument, NULL, OPT_OWNER },
		{ 0 }
	};
	struct replaying y = { .all = false };
	struct cmd c = { .usage = usage,
			 .own = own,
			 .take = take,
			 .arg = &y,
			 .no_filters = true };
	struct runs runs = { NULL, 0 };
	struct err e = ERR_INIT;
	struct trail *t;
	int r;

	y.c = &c;
	filter_init(&c.f);
	r = cmd_options(&c, argc, argv);
	if (r <= 0 || cmd_no_operands(&c, argc, argv) < 0)
		return r ? QUERY_FAILED : QUERY_OK;
	render_init(&y.rd, stdout, c.utc);
	if (cmd_open(&c, &t, &e) < 0)
		return cmd_complain(&e);
	r = runs_find(t, &c.f, &runs, &e);
	if (r >= 0)
		r = replay_all(&y, t, &runs, &e);
	runs_done(&runs);
	if (r < 0)
		r = cmd_complain(&e);
	return cmd_done(t, r);
}
