#pragma once
/*
 * One box and its supervisor, in the foreground: `agentbox run` without a
 * daemon. box_run() acquires in order, launches, checks, serves the control
 * socket until the command is done, and gives everything back in reverse.
 */
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses of agentbox itself; see agentbox-run(1). */
#define EXIT_TIMEOUT 124
#define EXIT_AGENTBOX 125
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127

struct box_options {
	const char *profile;   /* name or path */
	const char *workspace; /* NULL: the current directory */
	const char *name;      /* NULL: made up */
	uint64_t timeout_us;   /* with timeout_set; 0: none */
	bool timeout_set;
	bool json;		 /* what agentbox says is JSON, on stderr */
	bool show_enforced;	 /* print the table before the command starts */
	bool timing;		 /* print how long each phase took */
	struct strv env;	 /* K=V */
	struct strv labels;	 /* k=v */
	const char *const *args; /* command, NULL at the end */
	const char *helper;	 /* a program that the box has at BOX_HELPER
				    beside all that the profile says; or NULL */
	const char *narrow;	 /* a file that narrows this run; or NULL */
	bool observe;		 /* the profile may observe only */
};

/* Returns the exit status for the shell. */
int box_run(const struct box_options *o);
