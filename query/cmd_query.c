/* agentbox audit query: the records that match, oldest first. */
#include "lib/str.h"
#include "query/cmd.h"
#include "query/render.h"

#include <getopt.h>

static const char usage[] =
	"Usage: agentbox audit query [FILTERS] [--count] [--json] [--utc]\n"
	"\n"
	"Shows the records of the audit log that match: the newest 1000, "
	"oldest "
	"first.\n"
	"\n"
	"      --count     only how many\n"
	"      --json      one object per line\n"
	"      --utc       times in UTC\n"
	"      --no-index  read all files and do not use the index\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0; 125 when it cannot be answered.\n";

struct query {
	struct render rd;
	bool count, json;
};

static int
take(void *arg, int option, const char *value, struct err *e)
{
	struct query *q = arg;

	(void)value;
	(void)e;
	q->count = option == 'c';
	return 0;
}

static int
show(void *arg, const struct record *r, const struct record *who, struct err *e)
{
	struct query *q = arg;

	if (q->count)
		return 0;
	if (q->json) {
		render_json(q->rd.f, r, who);
		putc('\n', q->rd.f);
	} else {
		render_line(&q->rd, r, who);
	}
	if (ferror(q->rd.f))
		return err_sys(e, errno, "cannot write the answer");
	return 0;
}

static void
print_count(const struct query *q, int64_t n)
{
	printf(q->json ? "{\"count\":%lld}\n" : "%lld\n", (long long)n);
}

int
cmd_query(int argc, char **argv)
{
	static const struct option own[] = {
		{ "count", no_argument, NULL, 'c' }, { 0 }
	};
	struct query q = { 0 };
	struct cmd c = { .usage = usage, .own = own, .take = take, .arg = &q };
	struct err e = ERR_INIT;
	bool by_default;
	struct trail *t;
	int64_t n;
	int r;

	filter_init(&c.f);
	c.f.limit = UINT64_MAX;
	r = cmd_options(&c, argc, argv);
	if (r <= 0 || cmd_no_operands(&c, argc, argv) < 0)
		return r ? QUERY_FAILED : QUERY_OK;
	by_default = c.f.limit == UINT64_MAX && !q.count;
	if (c.f.limit == UINT64_MAX)
		c.f.limit = q.count ? 0 : FILTER_LIMIT;
	q.json = c.json;
	render_init(&q.rd, stdout, c.utc);
	if (cmd_open(&c, &t, &e) < 0)
		return cmd_complain(&e);
	n = trail_find(t, &c.f, show, &q, &e);
	if (n < 0)
		cmd_complain(&e);
	else if (q.count)
		print_count(&q, n);
	else if (by_default && (uint64_t)n == c.f.limit)
		fprintf(stderr,
			"agentbox: note: the newest %lld; there may be more: "
			"--limit N, or 0 for all\n",
			(long long)n);
	return cmd_done(t, n < 0 ? QUERY_FAILED : QUERY_OK);
}
