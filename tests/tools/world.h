#pragma once
/*
 * A small host of its own to compile profiles on: a home, a workspace and
 * whatever files a test makes, in the test's folder.
 */
#include "profiles/compile.h"

#include <stdbool.h>

#define WORLD_HEAD "{\"version\": 1, \"name\": \"t\", \"role\": \"execute\""
#define WORLD_WS "\"workspace\": {\"access\": \"write\", \"exec\": true}"

struct world {
	char dir[128], home[160], ws[160], sets[160];
	struct compile_request r;
	struct profile *p;
	struct compiled *c;
	struct err e;
};

struct world world_new(void);
void world_done(struct world *w);
/* A file (text NULL: only its folder) or a link, by its path in dir. */
void world_make(const struct world *w, const char *name, const char *text);
void world_link(const struct world *w, const char *target, const char *name);
/* The full path; one of eight buffers that take turns. */
const char *world_path(const struct world *w, const char *name);

/* Compiles a profile of which body gives the members of "files", or, after a
 * "+", members beside it. The second fails the test on an error. */
int world_try(struct world *w, const char *body);
const struct plan *world_compile(struct world *w, const char *body);

const struct plan_fs *world_find(const struct plan *p, enum plan_fs_kind kind,
				 const char *dst);
uint64_t world_rights(const struct plan *p, const char *path);
const char *world_variable(const struct plan *p, const char *name);

/* The properties that every plan has. */
void world_check_plan(const struct plan *p);
void world_check_steps(const struct plan *p);
