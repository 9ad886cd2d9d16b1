#pragma once
/* The maker of rules: one policy_spec that grows level by level. */
#include "profiles/authority.h"
#include "profiles/inherit.h"

struct maker {
	const struct authority_env *env;
	struct policy_spec *s;
	struct err *e;
	const struct profile *p; /* of the level that is made now */
	unsigned int level;
	bool innermost_first; /* no level of a profile was made before */
};

/* A new rule of the level with a copy of id and because (may be NULL). NULL:
 * out of memory, e is set. */
struct rule *make_rule(struct maker *m, enum effect effect, unsigned int on,
		       const char *because, const char *fmt, ...)
	_printf_(5, 6);
/* A condition of r; false: out of memory. */
struct rule_cond *make_cond(struct maker *m, struct rule *r, enum cond_op op,
			    const char *pointer);
int make_string(struct maker *m, struct rule_cond *c, const char *s);
/* Where the item of a list of files is written. */
int make_place(struct maker *m, struct rule *r, const char *list, size_t index);

/* authority_files.c, authority_process.c */
int make_files(struct maker *m);
int make_process(struct maker *m);

/* The globs for path and all below it. Paths of a home are the agent's, or
 * with any_home everybody's; a "*" at the end stays one. */
int make_path(struct maker *m, struct rule_cond *c, const char *path,
	      bool any_home);
/* Own trees of every box, and what the profile's lists mean beside them. */
struct trees;
int make_trees(struct maker *m, struct trees *t);

/* lines.c: the line of every rule that has a place; reads files again where
 * their text was let go. */
int authority_lines(const struct profile *p, const struct profile *host,
		    struct policy_spec *s);
