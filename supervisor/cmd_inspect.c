/* agentbox inspect: one box, with requested against enforced. */
#include "lib/str.h"
#include "supervisor/client.h"
#include "supervisor/cmd_boxes.h"
#include "supervisor/report.h"

#include <getopt.h>
#include <string.h>

static const char usage[] =
	"Usage: agentbox inspect [--json] BOX\n"
	"\n"
	"Shows what a running box is and, for each layer, what was requested\n"
	"and what the kernel was seen to enforce. BOX is a name, an id, or "
	"the\n"
	"beginning of an id.\n"
	"\n"
	"      --json   an object\n"
	"  -h, --help   this text\n"
	"\n"
	"Exit status: 0; 1 when the box did not answer; 125 when agentbox\n"
	"itself failed or there is no such box.\n";

static void
print_value(const char *key, const json_t *v)
{
	char shown[512];
	char *text;

	if (json_is_string(v)) {
		str_escape(json_string_value(v), shown, sizeof(shown));
		printf("%-12s %s\n", key, shown);
		return;
	}
	text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	if (text) {
		str_escape(text, shown, sizeof(shown));
		printf("%-12s %s\n", key, shown);
	}
	free(text);
}

static void
print_text(json_t *j)
{
	struct layer_table t;
	const char *key;
	json_t *v;

	json_object_foreach(j, key, v)
	{
		if (strcmp(key, "layers") != 0 &&
		    strcmp(key, "started_us") != 0)
			print_value(key, v);
	}
	if (report_layers_parse(json_object_get(j, "layers"), &t) == 0) {
		printf("\n");
		report_layers(stdout, &t, false);
	}
}

static int
inspect(struct runtime *rt, char *const *names, bool as_json, struct err *e)
{
	const struct client_select sel = { .names = names, .n = 1 };
	struct client_set set = { 0 };
	json_t *j = NULL;
	int r = client_find(rt, &sel, &set, e);

	if (r < 0)
		return CLIENT_FAILED;
	r = client_call(set.v[0].fd, CONTROL_INSPECT, &j, e);
	client_set_done(&set);
	if (r < 0)
		return CLIENT_SOME_FAILED;
	if (as_json) {
		json_dumpf(j, stdout, JSON_INDENT(2));
		printf("\n");
	} else {
		print_text(j);
	}
	json_decref(j);
	return CLIENT_DONE;
}

int
cmd_inspect(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct runtime *rt = NULL;
	struct err e = ERR_INIT;
	bool as_json = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			as_json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return CLIENT_DONE;
		default:
			return client_usage("inspect");
		}
	}
	if (argc - optind != 1)
		return client_usage("inspect");
	r = CLIENT_FAILED;
	if (client_runtime(argv[optind], &rt, &e) == 0)
		r = inspect(rt, argv + optind, as_json, &e);
	runtime_close(rt);
	if (r != CLIENT_DONE)
		client_complain(&e);
	return r;
}
