#pragma once
/*
 * agentbox-guard: a tiny process that outlives its supervisor just long enough
 * to remove what a killed supervisor cannot: the cgroups (after killing what
 * is in them), the control socket, the name. It is started before any of that
 * is made and told the paths, so there is no moment without it.
 *
 * It holds the reading end of a pipe. One byte on it says that all is removed;
 * the end of file without that byte says that the supervisor died.
 */
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define GUARD_ITEMS_MAX 16

/* What is to be removed; in this order, groups before files. */
enum guard_kind {
	GUARD_CGROUP = 'g', /* kill what is in it, wait until empty, rmdir */
	GUARD_UNLINK = 'u', /* a file, socket or symbolic link */
	GUARD_RMDIR = 'd',  /* an empty directory */
};

/* Letters and paths, in one argument each: "g/sys/fs/cgroup/...". */
struct guard_items {
	char *arg[GUARD_ITEMS_MAX + 2]; /* [0] is the program's name */
	size_t n;
};

struct guard {
	pid_t pid;
	int fd; /* writing end; its closing without a byte starts the guard */
};

#define GUARD_INIT                                                             \
	{                                                                      \
		.fd = -EBADF                                                   \
	}

/* path is absolute. -ENOSPC when there are too many. */
int guard_add(struct guard_items *it, enum guard_kind kind, const char *path);
void guard_items_done(struct guard_items *it);

/* Starts the program at path. keep_fd (or -1) is a descriptor that the guard
 * holds as long as it lives: the lock of the uid slot. */
int guard_spawn(const char *path, const struct guard_items *it, int keep_fd,
		struct guard *ret, struct err *e);
/* All is removed: lets the guard go. It ends by itself, and whoever ends after
 * this need not wait for it; who lives on reaps a child. Accepts an empty
 * guard. */
void guard_release(struct guard *g);
/* False when something killed the guard. */
bool guard_alive(const struct guard *g);
