#pragma once
/* The compiler's own: one builder that the parts of the compiler fill. */
#include "profiles/compile.h"
#include "profiles/paths.h"
#include "sandbox/seccomp.h"

#include <limits.h>

/* A growing array; what it held moves, so it is pointed to only at the end. */
struct vec {
	void *data;
	size_t n, cap;
};

#define GRANT_READ 0x01u
#define GRANT_EXEC 0x02u
#define GRANT_WRITE 0x04u
#define GRANT_ACCESS 0x07u
#define GRANT_GROUP 0x08u /* from a path group: the host's own files */
#define GRANT_WORKSPACE 0x10u
#define GRANT_DIR 0x20u	 /* not known to be a file */
#define GRANT_COPY 0x40u /* if it is a small file, a copy will do */

/* A tree of the host that the box sees. */
struct grant {
	const char *src, *dst;
	unsigned int flags;
};

struct arena_chunk;

struct builder {
	const struct profile *p;
	const struct compile_request *r;
	struct err *e;
	struct compiled *out;
	struct arena_chunk *arena;
	struct vec fs, rules, rlimits, args, env; /* of the plan */
	struct vec grants;			  /* struct grant, by dst */
	struct vec links;  /* struct plan_fs: links that paths met */
	struct vec known;  /* const char *: folders that are no links */
	const char *shell; /* in the box */
	const char *home;  /* of the caller, without links; or NULL */
	struct seccomp_prog prog;
};

/* compile.c: memory that lives as long as the result; NULL: out of memory,
 * e is set. */
void *build_alloc(struct builder *b, size_t n);
const char *build_copy(struct builder *b, const char *s, size_t n);
const char *build_printf(struct builder *b, const char *fmt, ...)
	_printf_(2, 3);
/* A new zeroed last element; more than max of them is an error that says what
 * there is too much of. */
void *build_push(struct builder *b, struct vec *v, size_t size, size_t max,
		 const char *what);

/* compile_grants.c: what the profile's lists mean on this host. Fills grants
 * (sorted, merged) and links. */
int build_grants(struct builder *b);
/* The grant whose tree dst lies in, or NULL; the innermost one. */
const struct grant *build_grant_of(const struct builder *b, const char *dst);

/* compile_narrow.c: the grants against those of the profile's parents. */
int build_narrow(struct builder *b);

/* compile_fs.c: the steps that build the root, from the grants. */
int build_fs(struct builder *b);
int build_step(struct builder *b, struct plan_fs f);
/* compile_hide.c: masks over what is never inside, and over what the profile
 * denies. After all else. */
int build_masks(struct builder *b);
/* Hides the path dst + rest of the box, once. */
int build_mask(struct builder *b, const char *dst, const char *rest);
/* compile_socket.c: masks over sockets of the host. */
int build_socket_masks(struct builder *b);
/* compile_rules.c: Landlock. */
int build_rules(struct builder *b);
int build_rule(struct builder *b, const char *path, uint64_t access);
/* compile_env.c */
int build_env(struct builder *b);
int build_env_set(struct builder *b, const char *name, const char *value);
int build_env_pair(struct builder *b, const char *pair); /* K=V */
/* compile_net.c: variables that a profile may change, and those that are
 * agentbox's; contents of files in /etc; certificates. */
int build_net_env(struct builder *b);
int build_net_own_env(struct builder *b);
const char *build_net_resolv(const struct builder *b);
const char *build_net_hosts_order(const struct builder *b);
int build_net_files(struct builder *b);
int build_net_rules(struct builder *b);
