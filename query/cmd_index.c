/* agentbox audit index: the cache that makes questions fast. */
#include "query/cmd.h"
#include "query/jw.h"

#include <getopt.h>

static const char usage[] =
	"Usage: agentbox audit index [--rebuild] [--json]\n"
	"\n"
	"Brings the index up to date, as each question does; --rebuild makes "
	"it\n"
	"anew from the log. It may be removed at any time.\n"
	"\n"
	"Exit status: 0; 125 it failed.\n";

static int
take(void *arg, int option, const char *value, struct err *e)
{
	struct trail_options *o = arg;

	(void)option;
	(void)value;
	(void)e;
	o->rebuild = true;
	return 0;
}

int
cmd_index(int argc, char **argv)
{
	static const struct option own[] = {
		{ "rebuild", no_argument, NULL, 'R' }, { 0 }
	};
	struct trail_options o = { .rebuild = false };
	struct cmd c = { .usage = usage,
			 .own = own,
			 .take = take,
			 .arg = &o,
			 .no_filters = true };
	struct jw w = { .f = stdout };
	struct err e = ERR_INIT;
	struct trail *t = NULL;
	uint64_t last = 0;
	int r = cmd_options(&c, argc, argv);

	if (r <= 0 || cmd_no_operands(&c, argc, argv) < 0)
		return r ? QUERY_FAILED : QUERY_OK;
	r = trail_open(&o, &t, &e);
	if (r >= 0 && trail_note(t)[0])
		r = err_set(&e, EIO, "%s", trail_note(t));
	if (r >= 0)
		r = trail_last(t, &last, &e);
	if (r >= 0 && c.json) {
		jw_open(&w, NULL, '{');
		jw_uint(&w, "last", last);
		jw_close(&w, '}');
		putchar('\n');
	} else if (r >= 0) {
		printf("up to record %llu\n", (unsigned long long)last);
	}
	if (r < 0) {
		cmd_complain(&e);
		trail_free(t);
		t = NULL;
	}
	return cmd_done(t, r < 0 ? QUERY_FAILED : QUERY_OK);
}
