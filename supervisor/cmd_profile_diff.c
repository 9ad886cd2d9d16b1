/* agentbox profile diff: what B may do that A may not, and the other way. */
#include "supervisor/cmd_profile-internal.h"

#include "profiles/diff.h"

#include <getopt.h>

static const char usage[] =
	"Usage: agentbox profile diff [--json] A B\n"
	"\n"
	"Compares what two profiles grant, not how they are written. Each line "
	"is\n"
	"    +  B may do what A may not\n"
	"    -  A may do what B may not\n"
	"    ~  the same with another limit or condition\n"
	"followed by the surface or section, what it is, and where it is "
	"said.\n"
	"\n"
	"  -j, --json   an array of objects\n"
	"  -h, --help   this text\n"
	"\n"
	"Exit status: 0 equal; 1 different; 125 when a profile does not load "
	"or\n"
	"agentbox itself failed.\n";

static json_t *
diff_json(const struct diff *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->n; i++) {
		const struct diff_line *l = &d->v[i];
		const char sign[2] = { l->sign, '\0' };
		json_t *o = json_object();

		json_object_set_new(o, "sign", json_string(sign));
		json_object_set_new(o, "surface", json_string(l->surface));
		json_object_set_new(o, "text", pc_string(l->text));
		json_object_set_new(o, "file",
				    l->file ? pc_string(l->file) : json_null());
		json_object_set_new(o, "line", json_integer(l->line));
		json_array_append_new(list, o);
	}
	return list;
}

static void
print_diff(const struct diff *d)
{
	char text[1024], file[512];

	for (size_t i = 0; i < d->n; i++) {
		const struct diff_line *l = &d->v[i];

		printf("%c %-11s %s", l->sign, l->surface,
		       pc_shown(l->text, text, sizeof(text)));
		if (l->file && l->line)
			printf("  (%s:%u)",
			       pc_shown(l->file, file, sizeof(file)), l->line);
		putchar('\n');
	}
}

static int
compare(const struct pc *pc, char *const names[2])
{
	struct pc_profile v[2] = { 0 };
	struct diff d = { 0 };
	struct err e = ERR_INIT;
	int r = pc_open(pc, names[0], &v[0], &e), status = PC_FAILED;

	if (r >= 0)
		r = pc_open(pc, names[1], &v[1], &e);
	if (r >= 0) {
		r = profile_diff(v[0].p, &v[0].spec, v[1].p, &v[1].spec, &d);
		if (r < 0)
			err_sys(&e, r, "comparing");
	}
	if (r < 0) {
		status = pc_fail(pc, &e);
	} else {
		status = d.n ? PC_NO : PC_DONE;
		if (pc->json)
			status = pc_print(diff_json(&d)) == PC_DONE ? status
								    : PC_FAILED;
		else
			print_diff(&d);
	}
	diff_done(&d);
	pc_close(&v[0]);
	pc_close(&v[1]);
	return pc_end(status);
}

int
cmd_profile_diff(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct pc pc = { .json = false };
	struct err e = ERR_INIT;
	int c;

	while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout), PC_DONE;
		if (c != 'j')
			return pc_usage("diff");
		pc.json = true;
	}
	if (argc - optind != 2)
		return pc_usage("diff");
	if (paths_find(&pc.paths, &e) < 0)
		return pc_fail(&pc, &e);
	return compare(&pc, argv + optind);
}
