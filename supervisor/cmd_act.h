#pragma once
/* freeze, thaw, kill and reload: the same selection, request and report. */
#include "supervisor/client.h"

struct act {
	struct client_select sel;
	const char *why;
	bool json;
	enum control_op op;
	uint32_t arg;
	const char *done; /* the state when it worked: "frozen" */
	/* Says more from the box's answer, for people; or NULL. What it holds
	 * is part of --json. */
	void (*tell)(const char *id, const json_t *answer);
};

/* The options that they share; true if c was one of them. */
#define ACT_OPTIONS                                                            \
	{ "all", no_argument, NULL, 'a' },                                     \
		{ "label", required_argument, NULL, 'l' },                     \
		{ "why", required_argument, NULL, 'w' },                       \
		{ "json", no_argument, NULL, 'j' },                            \
		{ "help", no_argument, NULL, 'h' },                            \
	{                                                                      \
		NULL, 0, NULL, 0                                               \
	}
#define ACT_SHORT "al:w:h"
bool act_option(struct act *a, int c, const char *value);

/* Does it to all selected boxes at the same time; the exit status. command is
 * for messages; the rest of argv names boxes. */
int act_run(struct act *a, const char *command, int argc, char **argv);
/* All of a command that has no options of its own. */
int act_main(struct act *a, const char *usage, int argc, char **argv);
