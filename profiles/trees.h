#pragma once
/*
 * What files.read, exec and write mean together. Of two entries, one inside the
 * other, the inner one says what holds for its tree, so access is a function of
 * the path that changes only at the entries. Nothing is asked of the host but
 * the files of path groups.
 */
#include "profiles/profile.h"

#define TREE_READ 1u
#define TREE_EXEC 2u
#define TREE_WRITE 4u

struct tree {
	char *path; /* as written; "@group" when the group cannot be read */
	unsigned int access;
	bool group;
	const char *list; /* where it is written: "exec", NULL for own trees */
	size_t index;
};

struct trees {
	struct tree *v; /* what encloses comes before what it encloses */
	size_t n, cap;
};

void trees_done(struct trees *t);
int trees_add(struct trees *t, const char *path, struct tree like);
/* The paths of a group. sets: folder of *.paths, or NULL. */
int trees_add_group(struct trees *t, const char *sets, const char *name,
		    struct tree like);
int trees_read(const struct profile *p, const char *sets, struct trees *t);
void trees_sort(struct trees *t);
/* *ret_from (may be NULL): the entry that says so. */
unsigned int trees_access(const struct trees *t, const char *path,
			  const struct tree **ret_from);
