/* What the commands share: options, complaints, the end of an answer. */
#include "query/cmd.h"
#include "lib/str.h"

#include <getopt.h>
#include <string.h>
#include <time.h>

enum { OPT_JSON = 256, OPT_UTC, OPT_NO_INDEX };

static const struct option shared[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "utc", no_argument, NULL, OPT_UTC },
	{ "no-index", no_argument, NULL, OPT_NO_INDEX },
	{ "help", no_argument, NULL, 'h' },
};
#define OWN_MAX 16

uint64_t
cmd_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int
cmd_complain(const struct err *e)
{
	fprintf(stderr, "agentbox: %s\n", e->text);
	if (e->cure[0])
		fprintf(stderr, "agentbox: cure: %s\n", e->cure);
	return QUERY_FAILED;
}

int
cmd_done(struct trail *t, int status)
{
	if (t && trail_note(t)[0])
		fprintf(stderr, "agentbox: note: %s\n", trail_note(t));
	trail_free(t);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "agentbox: cannot write the answer: %s\n",
		strerror(errno));
	return QUERY_FAILED;
}

/* All rows: own, shared, and filters if there are any. */
static void
rows(const struct cmd *c, struct option *ret)
{
	struct option mine[OWN_MAX + ARRAY_SIZE(shared) + 1] = { 0 };
	size_t n = 0;

	while (c->own && c->own[n].name && n < OWN_MAX) {
		mine[n] = c->own[n];
		n++;
	}
	memcpy(mine + n, shared, sizeof(shared));
	n += ARRAY_SIZE(shared);
	if (c->no_filters)
		memcpy(ret, mine, (n + 1) * sizeof(*ret));
	else
		filter_options(mine, ret);
}

static int
take(struct cmd *c, int option, struct err *e)
{
	switch (option) {
	case OPT_JSON:
		c->json = true;
		return 0;
	case OPT_UTC:
		c->utc = true;
		return 0;
	case OPT_NO_INDEX:
		c->no_index = true;
		return 0;
	}
	if (option >= FILTER_OPTION)
		return filter_take(&c->f, option, optarg, cmd_now_us(), e);
	return c->take ? c->take(c->arg, option, optarg, e) : -EINVAL;
}

static void
help(const struct cmd *c)
{
	fputs(c->usage, stdout);
	if (!c->no_filters)
		printf("\nFilters:\n%s", filter_usage);
}

int
cmd_options(struct cmd *c, int argc, char **argv)
{
	struct option
		all[FILTER_OPTIONS_MAX + OWN_MAX + ARRAY_SIZE(shared) + 1];
	char letters[32], name[64], *own = argv[0];
	struct err e = ERR_INIT;
	int o, r = 1;

	rows(c, all);
	snprintf(letters, sizeof(letters), "h%s", c->letters ? c->letters : "");
	snprintf(name, sizeof(name), "agentbox %s%s", c->alone ? "" : "audit ",
		 own);
	argv[0] = name; /* as whom getopt(3) complains */
	optind = 1;
	while (r > 0 &&
	       (o = getopt_long(argc, argv, letters, all, NULL)) != -1) {
		if (o == 'h') {
			help(c);
			r = 0;
		} else if (o == '?') {
			fprintf(stderr, "agentbox: cure: `%s --help`\n", name);
			r = -EINVAL;
		} else if (take(c, o, &e) < 0) {
			cmd_complain(&e);
			r = -EINVAL;
		}
	}
	argv[0] = own;
	return r;
}

int
cmd_no_operands(const struct cmd *c, int argc, char **argv)
{
	char safe[128];

	(void)c;
	if (optind == argc)
		return 0;
	fprintf(stderr,
		"agentbox: what is \"%s\"? This command has options "
		"only\n",
		str_escape(argv[optind], safe, sizeof(safe)));
	return -EINVAL;
}

int
cmd_open(const struct cmd *c, struct trail **ret, struct err *e)
{
	const struct trail_options o = { .no_index = c->no_index };

	return trail_open(&o, ret, e);
}
