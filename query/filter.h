#pragma once
/*
 * Which records are asked for. The words of one option are alternatives
 * (--effect deny --effect ask), different options must all hold. What says who
 * speaks (agent, run, box, owner, parent, handoff) is looked up in the channel
 * record, everything else in the record itself.
 */
#include "audit/record.h"
#include "lib/err.h"

#define FILTER_WORDS_MAX 16
#define FILTER_LIMIT 1000u /* of `agentbox audit query` */

/* FILTER_KEY(ID, "option", FIELD, of the channel) */
#define FILTER_KEYS(KEY)                                                       \
	KEY(AGENT, "agent", FIELD_AGENT, true)                                 \
	KEY(RUN, "run", FIELD_RUN, true)                                       \
	KEY(BOX, "box", FIELD_INSTANCE, true)                                  \
	KEY(OWNER, "owner", FIELD_OWNER, true)                                 \
	KEY(PARENT, "parent", FIELD_PARENT, true)                              \
	KEY(HANDOFF, "handoff", FIELD_HANDOFF, true)                           \
	KEY(RULE, "rule", FIELD_RULE, false)                                   \
	KEY(EFFECT, "effect", FIELD_EFFECT, false)                             \
	KEY(SURFACE, "surface", FIELD_SURFACE, false)                          \
	KEY(WHAT, "what", FIELD_WHAT, false)                                   \
	KEY(STATUS, "status", FIELD_STATUS, false)

enum filter_key {
#define KEY(id, name, field, who) FILTER_##id,
	FILTER_KEYS(KEY)
#undef KEY
		FILTER_KEY_MAX
};

struct filter_words {
	const char *v[FILTER_WORDS_MAX]; /* borrowed */
	size_t n;			 /* 0: any */
};

struct filter {
	struct filter_words key[FILTER_KEY_MAX];
	uint64_t types;		     /* bit n: RECORD type n; 0: any */
	uint64_t since_us, until_us; /* the writer's time; both included */
	uint64_t seq_first, seq_last;
	uint64_t ref;	/* 0: any */
	uint64_t limit; /* the newest so many; 0: all */
};

/* Everything, without a limit. */
void filter_init(struct filter *f);
/* One more word for a key or a type; the text stays the caller's. */
int filter_add(struct filter *f, enum filter_key key, const char *word,
	       struct err *e);
void filter_type(struct filter *f, enum record_type type);
int filter_type_name(struct filter *f, const char *name, struct err *e);

/* Options of the command line: rows for getopt_long(3) and their numbers. */
#define FILTER_OPTION 512 /* the first number; no other option is above it */
struct option;
#define FILTER_OPTIONS_MAX 20
/* Writes the rows of filters and then own (up to its zero row) to ret, which
 * has room for FILTER_OPTIONS_MAX + own ones + 1. */
void filter_options(const struct option *own, struct option *ret);
/* Takes one. now_us: what "10m" is before. */
int filter_take(struct filter *f, int option, const char *value,
		uint64_t now_us, struct err *e);
/* The lines of a usage text. */
extern const char filter_usage[];

/* RFC 3339 ("2026-11-25T13:00:00Z", with fraction and offset; a date alone is
 * its first moment in UTC), or how long ago ("10m"): microseconds since 1970.
 * Pure; fuzzed. */
int filter_time(const char *s, uint64_t now_us, uint64_t *ret);
/* "17", "17..", "..20", "17..20". Fuzzed. */
int filter_range(const char *s, uint64_t *ret_first, uint64_t *ret_last);

/* who: the channel record, or NULL where nobody speaks (the writer) or it is
 * not known. */
bool filter_match(const struct filter *f, const struct record *r,
		  const struct record *who);
