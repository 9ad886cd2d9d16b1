#pragma once
/*
 * Where the other files of agentbox are, found from the running binary, so
 * that a build tree works without install:
 *   in place   DIR/agentbox, DIR/agentbox-stage, and profiles/ above DIR
 *   installed  PREFIX/bin, PREFIX/libexec/agentbox, PREFIX/share/agentbox
 */
#include "lib/err.h"

#include <limits.h>

struct paths {
	char libexec[PATH_MAX];	 /* folder of agentbox-stage and friends */
	char profiles[PATH_MAX]; /* shipped profiles */
	char sets[PATH_MAX];	 /* *.set, *.paths */
	char user[PATH_MAX];	 /* the user's profiles; may be "" */
	char cache[PATH_MAX];	 /* compiled filters; may be "" */
	const char *search[4];	 /* profile folders in order, NULL at the end */
};

int paths_find(struct paths *ret, struct err *e);
