/*
 * agentbox-query: questions to the audit log. `agentbox audit`, `why` and
 * `trace` run it, so that agentbox itself does not carry SQLite and OpenSSL to
 * each launch.
 */
#include "lib/str.h"
#include "query/cmd.h"

#include <string.h>

struct command {
	const char *group, *name; /* group NULL: `agentbox NAME` */
	int (*fn)(int argc, char **argv);
	const char *line;
};

static const struct command commands[] = {
	{ NULL, "why", cmd_why, NULL },
	{ NULL, "trace", cmd_trace, NULL },
	{ "audit", "tail", cmd_tail,
	  "the newest records; -f: and those to come" },
	{ "audit", "query", cmd_query, "the records that match" },
	{ "audit", "replay", cmd_replay, "decide again, and compare" },
	{ "audit", "verify", cmd_verify, "is the log whole and unchanged?" },
	{ "audit", "replay", cmd_replay, "decide again, and compare" },
	{ "audit", "export", cmd_export, "records for other programs; proofs" },
	{ "audit", "stats", cmd_stats, "how much of what, how large, how far" },
	{ "audit", "keys", cmd_keys, "the keys that others need to verify" },
	{ "audit", "checkpoint", cmd_checkpoint, "sign what is there, now" },
	{ "audit", "rotate", cmd_rotate, "begin a new file" },
	{ "audit", "index", cmd_index, "what makes questions fast" },
	{ "audit", "schema", cmd_schema, "JSON Schema of the records" },
	{ "audit", "anew", cmd_anew, "begin a new log after damage" },
};

static void
help(FILE *f)
{
	fputs("usage: agentbox audit COMMAND [options]\n"
	      "\n"
	      "Asks the audit log of this user's boxes.\n"
	      "\n",
	      f);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].group)
			fprintf(f, "  %-10s %s\n", commands[i].name,
				commands[i].line);
	fputs("\n`agentbox audit COMMAND --help` says more.\n", f);
}

static const struct command *
find(const char *group, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];

		if (!strcmp(c->name, name) &&
		    (group ? c->group && !strcmp(c->group, group) : !c->group))
			return c;
	}
	return NULL;
}

static int
unknown(const char *name)
{
	const char *list[ARRAY_SIZE(commands) + 1] = { NULL };
	char safe[64];
	const char *near;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].group)
			list[n++] = commands[i].name;
	near = str_suggest(name, list);
	fprintf(stderr, "agentbox: audit: no command \"%s\"",
		str_escape(name, safe, sizeof(safe)));
	if (near)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fputs("\nagentbox: cure: `agentbox audit --help` lists them\n", stderr);
	return QUERY_FAILED;
}

int
main(int argc, char **argv)
{
	const char *group = argc > 1 ? argv[1] : "";
	const struct command *c = find(NULL, group);

	if (c)
		return c->fn(argc - 1, argv + 1);
	if (strcmp(group, "audit") != 0 || argc < 3) {
		help(stderr);
		return QUERY_FAILED;
	}
	if (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h")) {
		help(stdout);
		return cmd_done(NULL, QUERY_OK);
	}
	c = find("audit", argv[2]);
	return c ? c->fn(argc - 2, argv + 2) : unknown(argv[2]);
}
