#pragma once
/*
 * The loader's own: how a profile takes over from its parents and groups. All
 * of it runs after the file itself was read, and before anyone sees the
 * profile.
 */
#include "policy/sha256.h"
#include "profiles/expect.h"
#include "profiles/rules-internal.h"

/* A file that the profile was made of, its own first. The text is there only
 * as long as lines in it may be asked for. */
struct profile_source {
	char *label;
	uint8_t digest[SHA256_LEN]; /* of the file, comments and all */
	struct jsonc doc;
};

/* Where other documents are found, and which are being read. */
struct finder {
	const char *const *search; /* NULL: nothing can be found */
	struct strv chain;	   /* paths, from the outermost reader on */
	struct profile **seen;	   /* every parent once, with a reference */
	size_t n_seen;
};

/* find.c */
int find_document(const struct finder *f, const char *folder, const char *name,
		  char *path, size_t size);
/* "no WHAT named ...; did you mean ...?", with a cure; -ENOENT. */
int find_nothing(const struct finder *f, const char *folder, const char *what,
		 const char *name, struct err *e);
/* Reads a file of the given kind. */
int load_document(const char *path, enum profile_kind kind,
		  struct profile *base, struct finder *f, struct profile **ret,
		  struct err *e);
/* The file NAME of the folder "sets", or -ENOENT. Owned. */
int find_set(const struct finder *f, const char *name, const char *suffix,
	     char **ret_text);
/* The folder "sets" itself, or NULL; owned. */
char *find_sets_dir(const struct finder *f);

/* extends.c */
int extends_load(struct load *l, struct finder *f);

/* mixin.c: groups become part of the profile. */
int mixin_groups(struct load *l, struct finder *f);

/* inherit.c: keys of the table; inherit_lists.c, inherit_files.c: lists. */
int inherit_keys(struct load *l, struct finder *f);
int inherit_names(struct load *l, const struct profile_key *k);
int inherit_calls(struct load *l, const struct profile_key *k,
		  struct finder *f);
int inherit_union(struct load *l, const struct profile_key *k);
int inherit_map(struct load *l, const struct profile_key *k);
int inherit_files(struct load *l, struct finder *f);

/* widen.c: rules of the profile against those of its parents. */
int widen_check(struct load *l);

/* review.c: what can be said only of the whole. */
int review(struct load *l);
/* An error about a rule: "FILE:LINE: POINTER[MORE]: text"; -EINVAL. */
int rule_fail(struct load *l, const struct rule *r, const char *more,
	      const char *fmt, ...) _printf_(4, 5);

/* lineage.c: p and all above it, the outermost first, each once; -E2BIG when
 * there are more than max. Returns how many. */
int profile_lineage(const struct profile *p, const struct profile **ret,
		    size_t max);

/* rule_text.c: "network host "example.org" port 8443". Returns buf. */
const char *rule_text(const struct rule *r, enum surface s, char *buf,
		      size_t size);

static inline bool
grants(const struct rule *r)
{
	return r->effect >= EFFECT_ALLOW && r->effect <= EFFECT_ASK &&
	       !r->restricts;
}
