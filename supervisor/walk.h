#pragma once
/*
 * How many bytes lie in a tree, in slices, so that a loop can do other things
 * between them. The tree is hostile: it changes under us, it is deep, it holds
 * links and foreign mounts. No path is ever followed twice; nothing outside the
 * tree is reached; files on other file systems do not count.
 */
#include "lib/macro.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define WALK_DEPTH_MAX 128 /* directories below the top */

struct walk;

struct walk_sum {
	uint64_t all;	  /* bytes of blocks of everything */
	uint64_t old;	  /* of these: with a ctime before since */
	uint64_t touched; /* of the others, if asked: born before since */
	uint64_t entries;
	bool deep;     /* something lies deeper than we look */
	bool deep_new; /* and its directory changed since */
};

/* dirfds are borrowed until the walk is freed. touched: add that up too, where
 * the file system knows when a file was born. */
int walk_new(const int *dirfds, size_t n, struct timespec since, bool touched,
	     struct walk **ret);
void walk_free(struct walk *w);
/* Works for about budget_us. 1: more to do; 0: done, *ret is set; or a
 * negative errno. */
int walk_step(struct walk *w, uint64_t budget_us, struct walk_sum *ret);
