/*
 * The command line of doctor. The work is in doctor_*.c; here it is only
 * decided what is asked and how the answer is printed.
 */
#include "supervisor/cmd_doctor.h"

#include "supervisor/doctor.h"

#include <getopt.h>
#include <string.h>

#define EXIT_USAGE 125
#define EXIT_OWN 125

static const char usage[] =
	"usage: agentbox doctor [--json] [--profile P] [--workspace DIR]\n";

static const char help[] =
	"Tries every layer of a box on this machine, as this user, and says "
	"what would help\nwhere one cannot be had. Changes nothing and leaves "
	"nothing behind.\n\n"
	"  -j, --json           machine-readable\n"
	"  -p, --profile P      judge by what this profile needs (default: "
	"default)\n"
	"  -w, --workspace DIR  folder to try id-mapped mounts on (default: "
	".)\n"
	"  -h, --help           this text\n\n"
	"Exit status: 0 if `agentbox run` would start, 1 if it would refuse, "
	"2 for wrong usage.\n";

static int
print_json(const struct doctor *d)
{
	json_t *j = doctor_json(d);
	int r;

	if (!j) {
		fprintf(stderr, "agentbox: out of memory\n");
		return -ENOMEM;
	}
	r = json_dumpf(j, stdout, JSON_INDENT(2));
	json_decref(j);
	return r < 0 || putchar('\n') == EOF ? -EIO : 0;
}

static bool
want_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term &&
	       strcmp(term, "dumb") != 0;
}

static int
answer(struct doctor *d, bool json)
{
	int r = 0;

	doctor_look(d);
	if (json)
		r = print_json(d);
	else
		doctor_print(d, stdout, want_colour());
	if (r < 0 || fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "agentbox: cannot write the answer\n");
		return EXIT_OWN;
	}
	return d->can_run ? 0 : 1;
}

int
cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "profile", required_argument, NULL, 'p' },
		{ "workspace", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct doctor d = { .profile = "default", .workspace = "." };
	bool json = false;
	int c;

	optind = 0; /* the caller may have used getopt before */
	while ((c = getopt_long(argc, argv, "jp:w:h", options, NULL)) >= 0) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'p':
			d.profile = optarg;
			break;
		case 'w':
			d.workspace = optarg;
			break;
		case 'h':
			printf("%s\n%s", usage, help);
			return 0;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr,
			"agentbox doctor: unexpected argument \"%s\"\n%s",
			argv[optind], usage);
		return EXIT_USAGE;
	}
	return answer(&d, json);
}
