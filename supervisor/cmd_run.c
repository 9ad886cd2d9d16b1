/* agentbox run: the command line, checked before anything is touched. */
#include "supervisor/cmd_run.h"

#include "supervisor/box.h"
#include "supervisor/help.h"

#include <getopt.h>
#include <string.h>

enum {
	OPT_TIMING = 256,
	OPT_SHOW,
	OPT_ENV,
	OPT_LABEL,
	OPT_NARROW,
	OPT_OBSERVE
};

static const struct option options[] = {
	{ "profile", required_argument, NULL, 'p' },
	{ "workspace", required_argument, NULL, 'w' },
	{ "name", required_argument, NULL, 'n' },
	{ "timeout", required_argument, NULL, 't' },
	{ "env", required_argument, NULL, OPT_ENV },
	{ "label", required_argument, NULL, OPT_LABEL },
	{ "narrow", required_argument, NULL, OPT_NARROW },
	{ "observe", no_argument, NULL, OPT_OBSERVE },
	{ "json", no_argument, NULL, 'j' },
	{ "show-enforced", no_argument, NULL, OPT_SHOW },
	{ "timing", no_argument, NULL, OPT_TIMING },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int
add_pair(struct strv *to, const char *s, const char *option, struct err *e)
{
	const char *eq = strchr(s, '=');

	if (!eq || eq == s) {
		err_set(e, -EINVAL, "%s %s: not of the form NAME=VALUE", option,
			s);
		return err_cure(e, "write %s NAME=VALUE", option);
	}
	return strv_add(to, s);
}

static int
take_option(struct box_options *o, int c, struct err *e)
{
	switch (c) {
	case 'p':
		o->profile = optarg;
		return 0;
	case 'w':
		o->workspace = optarg;
		return 0;
	case 'n':
		o->name = optarg;
		if (str_is_name(optarg))
			return 0;
		err_set(e, -EINVAL, "--name %s: not a name", optarg);
		return err_cure(e, "up to 64 of A-Z a-z 0-9 . _ -, not "
				   "beginning with . or -");
	case 't':
		o->timeout_set = true;
		if (str_to_usec(optarg, &o->timeout_us) == 0)
			return 0;
		err_set(e, -EINVAL, "--timeout %s: not a duration", optarg);
		return err_cure(e, "90s, 5m, 2h, 1d, 250ms, or 0 for none");
	case OPT_ENV:
		return add_pair(&o->env, optarg, "--env", e);
	case OPT_LABEL:
		return add_pair(&o->labels, optarg, "--label", e);
	case OPT_NARROW:
		o->narrow = optarg;
		return 0;
	case OPT_OBSERVE:
		o->observe = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case OPT_SHOW:
		o->show_enforced = true;
		return 0;
	default:
		o->timing = true;
		return 0;
	}
}

static int
parse(struct box_options *o, int argc, char **argv, struct err *e)
{
	int c, r = 0;

	while (r >= 0 && (c = getopt_long(argc, argv, "+p:w:n:t:jh", options,
					  NULL)) != -1) {
		if (c == 'h')
			return help_command(stdout, "run"), 1;
		if (c == '?')
			return err_set(e, -EINVAL, "see `agentbox run --help`");
		r = take_option(o, c, e);
	}
	if (r < 0)
		return r;
	if (optind >= argc) {
		err_set(e, -EINVAL, "no command to run");
		return err_cure(e,
				"agentbox run [options] -- COMMAND [ARG...]");
	}
	o->args = (const char *const *)&argv[optind];
	return 0;
}

int
cmd_run(int argc, char **argv)
{
	struct box_options o = { .profile = "default" };
	struct err e = ERR_INIT;
	int r = parse(&o, argc, argv, &e), status = EXIT_AGENTBOX;

	if (r == 1)
		status = 0;
	else if (r < 0)
		help_complain(&e);
	else
		status = box_run(&o);
	strv_done(&o.env);
	strv_done(&o.labels);
	return status;
}
