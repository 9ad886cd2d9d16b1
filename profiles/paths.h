#pragma once
/*
 * Paths: what is never inside a box, what a box has of its own, and the named
 * groups of host paths (profiles/sets/NAME.paths).
 */
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Never inside */

#define NEVER_IN_WORKSPACE 0x1u /* hidden at the top of a workspace too */

struct never {
	const char *path; /* "~/x", or absolute; the last component may end
			     with "*" */
	unsigned int flags;
	const char *why; /* "holds SSH keys" */
};

/* The table; ends with a NULL path. */
extern const struct never paths_never[];

/* NULL if path ("/x" or "~/x", clean) may be granted, else the rest of a
 * sentence that begins with it. Any user's home is meant by "~". */
const char *paths_refused(const char *path);

/* The same as paths_refused() for the caller's real home (may be NULL), which
 * need not be below /home. Also refuses the home itself and what is above. */
const char *paths_refused_home(const char *path, const char *home);

/* NULL if dir may be a workspace, else as above. */
const char *paths_refused_workspace(const char *dir, const char *home);

/* Is path equal to tree or below it? tree "/" holds everything. */
bool path_within(const char *path, const char *tree);

/* Calls fn for each path of the table that lies strictly below tree: pattern
 * is absolute, made with home, and may end with "*". Stops at a negative
 * return. */
int paths_never_below(const char *tree, const char *home,
		      int (*fn)(const char *pattern, void *arg), void *arg);

/* Groups */

#define GROUP_SIZE_MAX (64u * 1024)
#define GROUP_LINES_MAX 256

struct path_group {
	char *text; /* owns the paths */
	size_t n;
	struct {
		const char *path; /* absolute; may end with "*" */
		bool exec;
		bool copy; /* a small file: its contents are enough */
	} line[GROUP_LINES_MAX];
};

/* Reads DIR/NAME.paths. Errors name file and line; an unknown name gives
 * -ENOENT and e the nearest name that there is. */
int path_group_read(const char *dir, const char *name, struct path_group *ret,
		    struct err *e);
void path_group_done(struct path_group *g);
