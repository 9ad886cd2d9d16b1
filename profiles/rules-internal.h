#pragma once
/*
 * The part of the loader that reads rules: what the table of keys cannot say,
 * since what may stand beside what depends on the surface and the effect. All
 * functions read at l->at, and leave it as it was when they succeed.
 */
#include "policy/policy_build.h"
#include "profiles/loader-internal.h"

#define RULES_MAX 16384 /* in one list */
#define BROKERED                                                               \
	(ON(NETWORK) | ON(TOOLS) | ON(MEMORY) | ON(CREDENTIALS) |              \
	 ON(HANDOFFS) | ON(ADMIN))

/* Sections, for keys.c */
int load_section(struct load *l, const struct profile_key *k, json_t *j);
/* One list of "network": allow, ask, deny. */
int load_network(struct load *l, const struct profile_key *k, json_t *j);
int load_sources(struct load *l, const struct profile_key *k, json_t *j);
int load_rules(struct load *l, const struct profile_key *k, json_t *j);
int load_freeze(struct load *l, const struct profile_key *k, json_t *j);
int load_expect(struct load *l, const struct profile_key *k, json_t *j);

/* hand.c: pieces that all of them use */

struct hand_key {
	const char *name;
	bool required;
	int (*read)(struct load *l, json_t *j, void *arg);
};

typedef int hand_fn(struct load *l, json_t *j, void *arg);

/* Each member of the object j by its key; keys end with a NULL name. */
int hand_object(struct load *l, json_t *j, const struct hand_key *keys,
		void *arg);
/* fn for every item of the list j, which has 1 to max. */
int hand_list(struct load *l, json_t *j, size_t max, hand_fn *fn, void *arg);
/* The same, or fn for j itself when it is no list. */
int hand_some(struct load *l, json_t *j, size_t max, hand_fn *fn, void *arg);
/* A string that check (or NULL) lets pass; *ret was NULL and is owned. */
int hand_text(struct load *l, const json_t *j, size_t max,
	      const char *(*check)(const char *), char **ret);
/* A string or a list of them, each once. */
int hand_texts(struct load *l, json_t *j, size_t max,
	       const char *(*check)(const char *), struct strv *ret);
int hand_u64(struct load *l, const json_t *j, uint64_t min, uint64_t max,
	     uint64_t *ret);
/* "90s" or a number of seconds: a second to a year, in microseconds. */
int hand_usec(struct load *l, const json_t *j, uint64_t *ret);
int hand_time(struct load *l, const json_t *j, int64_t *ret);
/* The number of the word in the list, which ends with NULL. */
int hand_word(struct load *l, const json_t *j, const char *const *words,
	      int *ret);
int hand_bool(struct load *l, const json_t *j, bool *ret);
/* A surface, a list of them or "any", brokered ones only. */
int hand_surfaces(struct load *l, json_t *j, unsigned int *ret);
int hand_no_memory(struct load *l);

/* rules.c */

/* A new rule of the profile, or NULL (e is set). */
struct rule *rule_push(struct load *l);
/* What a rule and a grant have in common. Attributes of r->on beside them are
 * its match if grant. on, effect, match and id are not read here. */
int rule_body(struct load *l, struct rule *r, json_t *j, bool grant);
/* file, at; what fits together and what does not. */
int rule_finish(struct load *l, struct rule *r);
/* A new zeroed element at the end of *v, or NULL (e is set). */
void *hand_push(struct load *l, void *v, size_t *n, size_t size);

/* rules_match.c */

/* ATTR_MAX when no attribute has that key. */
enum attr match_attr(const char *key);
/* The attribute's condition from j, as a match of r. */
int match_read(struct load *l, struct rule *r, enum attr a, json_t *j);
int match_object(struct load *l, json_t *j, struct rule *r);
/* Names of the attributes that all surfaces of on have; from n on, NULL at
 * the end. */
#define MATCH_NAMES_MAX 64
void match_names(unsigned int on, const char *names[MATCH_NAMES_MAX + 1],
		 size_t n);
/* An error unless all surfaces of on have a. shown: as it was written. */
int match_known(struct load *l, enum attr a, unsigned int on,
		const char *shown);
struct rule_cond *match_push(struct load *l, struct rule *r, enum cond_op op,
			     const char *pointer);
struct rule_value *cond_push(struct load *l, struct rule_cond *c,
			     enum rule_value_type type);
int cond_string(struct load *l, struct rule_cond *c, const char *s);
/* "8000-8999", "443", 443 as RULE_RANGE; 1: "*". */
int cond_range(struct load *l, const json_t *j, struct rule_value *ret);

/* rules_when.c */
int when_read(struct load *l, json_t *j, struct rule *r);

/* time_text.c */
int time_from_text(const char *s, int64_t *ret_us);
