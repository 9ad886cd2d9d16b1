#pragma once
/*
 * The keys of a profile as one table. The loader, the shipped JSON Schema (by
 * a test), and the errors are all made from it: a key that is not here does
 * not exist.
 */
#include "profiles/jsonc.h"
#include "profiles/profile.h"

enum key_type {
	KEY_OBJECT,  /* sub */
	KEY_BOOL,    /* bool */
	KEY_INT,     /* uint32_t, int32_t or uint64_t by width; min..max */
	KEY_SIZE,    /* uint64_t bytes: 4096, "512M"; min..max */
	KEY_TIME,    /* uint64_t microseconds: 90, "90s"; min..max seconds */
	KEY_PERCENT, /* uint64_t: "150%"; min..max */
	KEY_WORD,    /* int: index into words */
	KEY_BITS,    /* uint32_t: list of words, a bit per layer */
	KEY_TEXT,    /* char *: min..max bytes; check */
	KEY_LIST,    /* struct strv: strings, at most max items; check each */
	KEY_MAP, /* struct strv of "K=V": object of strings; check the keys */
	KEY_TYPE_MAX
};

#define KEY_REQUIRED 0x1u
#define KEY_UNLIMITED 0x2u /* the string "unlimited" is CGROUP_UNLIMITED */

struct profile_key {
	const char *name;
	enum key_type type;
	uint32_t flags;
	size_t off, width; /* of the member of struct profile */
	uint64_t min, max;
	const char *def; /* default as it would be written, without quotes */
	const char *const *words;
	const struct profile_key *sub; /* ends with a NULL name */
	/* NULL when s is good, else the reason: "PATH is not ...". */
	const char *(*check)(const char *s);
	const char *pattern; /* of the strings, as the schema has it */
};

/* The top level, as the children of a nameless object. */
extern const struct profile_key profile_root;

/* Fills p from doc by the table: defaults first. p must be zeroed. */
int loader_fill(const struct jsonc *doc, struct profile *p, struct err *e);
/* Releases what loader_fill() put into p (not p itself). */
void loader_clear(struct profile *p);
