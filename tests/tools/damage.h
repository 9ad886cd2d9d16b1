#pragma once
/*
 * Logs that are damaged at random: bytes, records, files. The files are held in
 * memory, as they were and as they are, so that what was done can be seen. Each
 * function fails the test where it cannot do its work.
 */
#include "tests/tools/audit_log.h"

#include <limits.h>

#define FILES_MAX 64

/* A file in memory. */
struct file {
	uint64_t first; /* its name */
	uint8_t *p;
	size_t n;
	bool changed, shared; /* shared: the bytes are those of another */
};
struct files {
	struct file f[FILES_MAX];
	size_t n;
};

struct world {
	char dir[PATH_MAX];
	int dirfd, logfd;
	struct audit_log log;
	struct files was, is;
	struct world *other; /* a log of the same shape and another content */
	uint64_t random;
	bool appended; /* nothing was changed, something added at the end */
};

void world_make(struct world *w, const struct audit_log_spec *s);
void world_done(struct world *w);
/* Does one of some twenty things to w->is, a copy of w->was that files_free()
 * releases. Returns which; the same random makes the same. */
size_t world_damage(struct world *w);
uint64_t world_number(struct world *w, uint64_t below);
/* Makes the folder hold b where it held a. */
void world_write(const struct world *w, const struct files *a,
		 const struct files *b);
/* The bytes of record seq, as they were. */
const uint8_t *world_record(const struct world *w, uint64_t seq);
void files_free(struct files *f);
