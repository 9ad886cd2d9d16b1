#pragma once
/*
 * The flat form: a head, then arrays at offsets, then a pool of strings. All
 * numbers are native; every string is an offset into the pool and ends with a
 * NUL there. policy_open() has checked every offset and count before anything
 * else reads them, so the accessors here do not.
 */
#include "policy/decide.h"
#include "policy/policy_build.h"

#define FLAT_MAGIC "abxpol1"
#define FLAT_NONE UINT32_MAX

/* ARRAY(member, element, most of them) */
#define FLAT_ARRAYS(ARRAY)                                                     \
	ARRAY(levels, struct flat_level, POLICY_LEVELS_MAX)                    \
	ARRAY(rules, struct flat_rule, POLICY_RULES_MAX)                       \
	ARRAY(conds, struct flat_cond, POLICY_RULES_MAX *POLICY_CONDS_MAX)     \
	ARRAY(values, struct flat_value, POLICY_SIZE_MAX / 64)                 \
	ARRAY(segments, struct flat_text, POLICY_SIZE_MAX / 16)                \
	ARRAY(labels, struct flat_text, POLICY_LABELS_MAX)                     \
	ARRAY(steps, struct flat_text, POLICY_STEPS_MAX)                       \
	ARRAY(redacts, uint32_t, POLICY_SIZE_MAX / 16)                         \
	ARRAY(triggers, struct flat_trigger, POLICY_TRIGGERS_MAX)              \
	ARRAY(slots, struct flat_slot, POLICY_SIZE_MAX / 64)                   \
	ARRAY(items, uint32_t, POLICY_SIZE_MAX / 16)                           \
	ARRAY(text, char, POLICY_SIZE_MAX)

struct flat_span {
	uint32_t off, n;
};

struct flat_head {
	char magic[8];
	uint32_t size, name;
	uint8_t hash[POLICY_HASH_LEN];
	uint64_t labels_start;
	uint32_t surfaces; /* ON() bits of surfaces with rules */
	uint32_t n_uses, n_windows, n_regexes;
	uint32_t slot_mask;   /* slots.n - 1, a power of two */
	uint32_t text_hashed; /* the pool from here on holds file names */
	/* rules that no key finds, as ranges of items, per surface */
	struct flat_span scan[SURFACE_MAX];
	/* all rules of a surface: a range of rules[] is not possible, since
	 * they are in order of id; a range of items for when a key is missing
	 */
	struct flat_span all[SURFACE_MAX];
#define ARRAY(name, type, max) struct flat_span name;
	FLAT_ARRAYS(ARRAY)
#undef ARRAY
};

struct flat_text {
	uint32_t off, len;
};

struct flat_level {
	uint32_t name;
	uint8_t kind, mode, ceiling, inherits;
	uint32_t grants; /* ON() bits of surfaces on which it grants */
};

struct flat_rule {
	uint32_t id, because, file, line;
	uint8_t effect, surface, level, mode;
	uint32_t cond; /* first */
	uint16_t n_cond, n_match;
	uint32_t use;	       /* counter of uses, or FLAT_NONE */
	uint32_t rate, budget; /* windows, or FLAT_NONE */
	uint32_t counted;      /* some OP_COUNT names it */
	uint32_t redact, n_redact;
	uint32_t step;	      /* or FLAT_NONE */
	uint32_t budget_cond; /* a condition that has the pointer's attribute */
	uint16_t restricts, tls_pass; /* 0 or 1 */
	int64_t not_after_us;
	uint64_t max_uses;
	uint64_t rate_max, rate_us, budget_max, budget_us;
	uint64_t labels_add, labels_clear;
};

struct flat_cond {
	uint8_t op, attr, unused[2];
	uint32_t pointer;    /* text */
	uint32_t seg, n_seg; /* inside a TREE */
	uint32_t value, n_value;
	uint32_t ref; /* COUNT: window; SEEN: step */
	int32_t offset_min;
	uint64_t set; /* label bits, for LABELS */
	uint64_t max, window_us;
	uint32_t days, from_min, to_min, name;
};

struct flat_value {
	uint8_t type, family, bits, unused;
	uint32_t text, len; /* STRING; hosts are in lower case */
	uint32_t regex;	    /* number of the compiled one */
	int64_t lo, hi;
	double r;
	uint8_t addr[16];
};

struct flat_trigger {
	uint32_t on, surfaces;
	uint32_t rule_id, because; /* text */
	uint64_t labels, count, window_us;
};

/* Open addressing: all rules of a surface that one key finds. */
struct flat_slot {
	uint64_t hash;	       /* of surface and key; 0: empty */
	uint32_t key, key_len; /* text */
	uint32_t item, n_item;
	uint32_t surface, unused;
};

struct policy {
	const struct flat_head *h;
	const char *base; /* of the bytes */
	void **regex;	  /* pcre2_code * */
	void *match_data, *match_context;
};

#define FLAT(p, member, type)                                                  \
	((const type *)(const void *)((p)->base + (p)->h->member.off))
#define flat_rules(p) FLAT(p, rules, struct flat_rule)
#define flat_conds(p) FLAT(p, conds, struct flat_cond)
#define flat_values(p) FLAT(p, values, struct flat_value)
#define flat_levels(p) FLAT(p, levels, struct flat_level)
#define flat_items(p) FLAT(p, items, uint32_t)

static inline const char *
flat_str(const struct policy *p, uint32_t off)
{
	return p->base + p->h->text.off + off;
}

/* s as an address, in the form of a cidr of one: 0 or -EINVAL. */
int addr_parse(const char *s, size_t len, struct rule_value *ret);
bool cidr_match(const struct flat_value *v, const struct rule_value *addr);
/* regex.c. The room is what matching needs besides patterns: match_data and
 * match_context of a policy. */
int regex_room(void **ret_data, void **ret_context);
void regex_room_free(void *data, void *context);
int regex_compile(const char *pattern, void **ret, struct err *e);
void regex_free(void *re);
enum truth regex_match(const struct policy *p, uint32_t regex, const char *s,
		       size_t len);

/* What is worked out once for a request and used by many conditions. */
struct eval {
	const struct policy *p;
	const struct request *rq;
	const struct usage *u;
	const struct decide_time *now;
	char host[256];
	int host_len; /* negative: missing, or no host */
	bool path_ok; /* there, a string and plain */
	/* A path of a URL that has "%XX": what it may mean to the server. */
	bool path_coded;
	size_t path_len;
	char path[REQUEST_STRING_MAX];
	uint64_t data, run;				 /* label bits */
	bool data_ok, run_ok, data_strange, run_strange; /* unknown labels */
};
void eval_init(struct eval *v, const struct policy *p, const struct request *rq,
	       const struct usage *u, const struct decide_time *now);

/* cond.c */
enum truth cond_eval(const struct eval *v, const struct flat_cond *c);
/* The attributes that a condition looks at, one bit each. */
uint64_t cond_attrs(const struct flat_cond *c);
/* The value that a condition looks at, or NULL. */
const struct value *cond_value(const struct policy *p,
			       const struct flat_cond *c,
			       const struct request *rq);

/* index.c: the items that may match; at most INDEX_SPANS_MAX ranges. */
#define INDEX_SPANS_MAX 136
size_t policy_index_find(const struct eval *v,
			 struct flat_span spans[INDEX_SPANS_MAX]);
/* By which the rules of a surface are found. */
enum attr index_attr(enum surface s);
uint64_t index_hash(unsigned int surface, const char *key, size_t len);

/* rule_eval.c: one rule on one request, before levels and precedence. */
struct outcome {
	enum effect effect; /* NONE: it does not match */
	enum match_how how;
	enum reason spent; /* with HOW_SPENT, or a grant that is spent */
	int32_t failed;	   /* first condition that is not true, or -1 */
	bool failed_unknown;
	bool near; /* a grant whose match is true, yet it does not grant */
};
void rule_eval(const struct eval *v, const struct flat_rule *r,
	       struct outcome *ret);
/* Its i-th condition; in a replay what the record says, where it says so. */
enum truth rule_truth(const struct eval *v, const struct flat_rule *r,
		      uint16_t i);

/* usage.c. All take NULL for a usage in which nothing happened. */
uint64_t usage_uses(const struct usage *u, uint32_t use);
/* Sum within the window that ends now; window_us 0: since the beginning. */
uint64_t usage_window(const struct usage *u, const struct policy *p,
		      uint32_t window, uint64_t window_us, uint64_t boot_us);
/* Time until less than max is left in it. */
uint64_t usage_retry(const struct usage *u, const struct policy *p,
		     uint32_t window, uint64_t window_us, uint64_t boot_us,
		     uint64_t max);
bool usage_step(const struct usage *u, uint32_t step);
/* The amount that a budget takes from the request: 0, or -ENODATA. */
int budget_amount(const struct eval *v, const struct flat_rule *r,
		  uint64_t *ret);
