/* agentbox ps: one line per live box, oldest first. */
#include "lib/str.h"
#include "supervisor/client.h"
#include "supervisor/cmd_boxes.h"
#include "supervisor/report.h"

#include <getopt.h>
#include <string.h>
#include <time.h>

static const char usage[] =
	"Usage: agentbox ps [--json] [--label K=V]\n"
	"\n"
	"Lists the running boxes of this user, the oldest first.\n"
	"\n"
	"      --json        an array of objects\n"
	"  -l, --label K=V   only boxes that were started with this label\n"
	"  -h, --help        this text\n"
	"\n"
	"Exit status: 0; 125 when agentbox itself failed.\n";

enum {
	COL_NAME,
	COL_ID,
	COL_STATE,
	COL_AGE,
	COL_PROFILE,
	COL_MODE,
	COL_COMMAND,
	COL_N
};

#define CELL_MAX 256

struct line {
	char cell[COL_N][CELL_MAX];
};

static const struct line head = { { "NAME", "ID", "STATE", "AGE", "PROFILE",
				    "MODE", "COMMAND" } };

static void
cell_string(char *cell, const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	str_escape(s ? s : "-", cell, CELL_MAX);
}

static void
cell_command(char *cell, const json_t *list)
{
	char text[4 * CELL_MAX];
	size_t i, n = 0;
	json_t *word;

	text[0] = '\0';
	json_array_foreach(list, i, word)
	{
		const char *s = json_string_value(word);

		if (s && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n,
					      "%s%s", n ? " " : "", s);
	}
	str_escape(text, cell, 60);
}

static json_int_t
started(const json_t *j)
{
	return json_integer_value(json_object_get(j, "started_us"));
}

static uint64_t
age_us(const json_t *j)
{
	struct timespec ts;
	json_int_t now;

	clock_gettime(CLOCK_REALTIME, &ts);
	now = (json_int_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
	return (uint64_t)MAX(now - started(j), 0);
}

static void
line_fill(const json_t *j, struct line *l)
{
	cell_string(l->cell[COL_NAME], j, "name");
	cell_string(l->cell[COL_ID], j, "id");
	cell_string(l->cell[COL_STATE], j, "state");
	cell_string(l->cell[COL_PROFILE], j, "profile");
	cell_string(l->cell[COL_MODE], j, "mode");
	report_duration(age_us(j), l->cell[COL_AGE], CELL_MAX);
	cell_command(l->cell[COL_COMMAND], json_object_get(j, "command"));
}

static void
line_print(const struct line *l, const int width[COL_N])
{
	for (int c = 0; c < COL_COMMAND; c++)
		printf("%-*s  ", width[c], l->cell[c]);
	printf("%s\n", l->cell[COL_COMMAND]);
}

static int
print_table(const json_t *list)
{
	size_t n = json_array_size(list);
	_cleanup_free_ struct line *v = calloc(n + 1, sizeof(*v));
	int width[COL_N] = { 0 };
	json_t *j;
	size_t i;

	if (!v)
		return -ENOMEM;
	v[0] = head;
	json_array_foreach(list, i, j)
	{
		line_fill(j, &v[i + 1]);
	}
	for (i = 0; i <= n; i++)
		for (int c = 0; c < COL_N; c++)
			width[c] = MAX(width[c], (int)strlen(v[i].cell[c]));
	for (i = 0; i <= n; i++)
		line_print(&v[i], width);
	return 0;
}

static int
compare_start(const void *a, const void *b)
{
	json_int_t x = started(*(json_t *const *)a);
	json_int_t y = started(*(json_t *const *)b);

	return (x > y) - (x < y);
}

/* The boxes that answer; one that ended meanwhile is left out. */
static json_t *
collect(const struct client_set *set)
{
	_cleanup_free_ json_t **v = calloc(set->n + 1, sizeof(json_t *));
	json_t *list = json_array();
	size_t n = 0;

	if (!v || !list) {
		json_decref(list);
		return NULL;
	}
	for (size_t i = 0; i < set->n; i++)
		(void)client_ask(set->v[i].fd, CONTROL_DESCRIBE, 0, NULL);
	for (size_t i = 0; i < set->n; i++)
		if (client_receive(set->v[i].fd, &v[n], NULL) == 0)
			n++;
	if (n)
		qsort(v, n, sizeof(json_t *), compare_start);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, v[i]);
	return list;
}

static int
show(struct runtime *rt, const struct client_select *sel, bool as_json,
     struct err *e)
{
	struct client_set set = { 0 };
	json_t *list;
	int r = 0;

	if (rt) {
		(void)runtime_sweep(rt);
		r = client_find(rt, sel, &set, e);
		if (r < 0)
			return r;
	}
	list = collect(&set);
	client_set_done(&set);
	if (!list)
		return err_sys(e, ENOMEM, "list of boxes");
	if (as_json) {
		json_dumpf(list, stdout, JSON_INDENT(2));
		printf("\n");
	} else {
		r = print_table(list);
	}
	json_decref(list);
	return r;
}

int
cmd_ps(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "label", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct client_select sel = { .all = true };
	struct runtime *rt = NULL;
	struct err e = ERR_INIT;
	bool as_json = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "l:h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			as_json = true;
			break;
		case 'l':
			sel.label = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return CLIENT_DONE;
		default:
			return client_usage("ps");
		}
	}
	if (optind < argc)
		return client_usage("ps");
	r = runtime_open(false, &rt, &e);
	if (r == 0 || r == -ENOENT)
		r = show(rt, &sel, as_json, &e);
	runtime_close(rt);
	if (r < 0)
		client_complain(&e);
	return r < 0 ? CLIENT_FAILED : CLIENT_DONE;
}
