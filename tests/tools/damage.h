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

struct damaged {
	char dir[PATH_MAX];
	int dirfd, logfd;
	struct audit_log log;
	struct files was, is;
	struct damaged *other; /* a log of the same shape and another content */
	uint64_t random;
	bool appended; /* nothing was changed, something added at the end */
};

void damaged_make(struct damaged *w, const struct audit_log_spec *s);
void damaged_done(struct damaged *w);
/* Does one of some twenty things to w->is, a copy of w->was that files_free()
 * releases. Returns which; the same random makes the same. */
size_t damaged_hurt(struct damaged *w);
uint64_t damaged_number(struct damaged *w, uint64_t below);
/* Makes the folder hold b where it held a. */
void damaged_write(const struct damaged *w, const struct files *a,
		   const struct files *b);
/* The bytes of record seq, as they were. */
const uint8_t *damaged_record(const struct damaged *w, uint64_t seq);
void files_free(struct files *f);
