/*
 * agentbox: the command line. Picks the command; everything else is in the
 * modules.
 */
#include "lib/str.h"
#include "supervisor/cmd_audit.h"
#include "supervisor/cmd_boxes.h"
#include "supervisor/cmd_decide.h"
#include "supervisor/cmd_doctor.h"
#include "supervisor/cmd_profile.h"
#include "supervisor/cmd_run.h"
#include "supervisor/help.h"

#include <fcntl.h>
#include <string.h>

#ifndef AGENTBOX_VERSION
#error "the Makefile defines AGENTBOX_VERSION"
#endif

#define EXIT_USAGE 125

static int
cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("agentbox " AGENTBOX_VERSION);
	return 0;
}

static int
cmd_help(int argc, char **argv)
{
	if (argc < 2) {
		help_main(stdout);
		return 0;
	}
	if (help_command(stdout, argv[1]) == 0)
		return 0;
	fprintf(stderr, "agentbox: no command \"%s\"\n", argv[1]);
	return EXIT_USAGE;
}

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
} commands[] = {
	{ "run", cmd_run },	    { "ps", cmd_ps },
	{ "inspect", cmd_inspect }, { "freeze", cmd_freeze },
	{ "thaw", cmd_freeze },	    { "kill", cmd_kill },
	{ "reload", cmd_reload },   { "revoke", cmd_revoke },
	{ "logs", cmd_logs },	    { "decide", cmd_decide },
	{ "profile", cmd_profile }, { "doctor", cmd_doctor },
	{ "audit", cmd_audit },	    { "why", cmd_audit },
	{ "trace", cmd_audit },	    { "version", cmd_version },
	{ "help", cmd_help },	    { "--version", cmd_version },
	{ "--help", cmd_help },	    { "-h", cmd_help },
};

static int
unknown(const char *name)
{
	const char *list[ARRAY_SIZE(commands) + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		list[i] = commands[i].name;
	near = str_suggest(name, list);
	fprintf(stderr, "agentbox: no command \"%s\"", name);
	if (near)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fputs("\nagentbox: cure: `agentbox help` lists them\n", stderr);
	return EXIT_USAGE;
}

/* A closed 0, 1 or 2 would be filled by the next file that we open. */
static int
open_stdio(void)
{
	int fd;

	/* Without O_CLOEXEC: these are to be inherited. */
	do
		fd = open("/dev/null", O_RDWR); /* NOLINT */
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
	return fd < 0 ? -errno : 0;
}

int
main(int argc, char **argv)
{
	if (open_stdio() < 0)
		return EXIT_USAGE;
	if (argc < 2) {
		help_main(stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].fn(argc - 1, argv + 1);
	return unknown(argv[1]);
}
