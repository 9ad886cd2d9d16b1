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
	KEY_MAP,  /* struct strv of "K=V": object of strings; check the keys */
	KEY_HAND, /* hand() reads it; the schema's part is $defs */
	KEY_TYPE_MAX
};

/* How a child may differ from its parents. */
enum key_narrow {
	NARROW_OWN,	/* each profile's own; not inherited */
	NARROW_FIRST,	/* the first parent's that says it */
	NARROW_CHOICE,	/* bool that is no authority: the file's word, else
			   true where a parent's is */
	NARROW_DOWN,	/* not above the parents'; the least of them */
	NARROW_UP,	/* not below the parents'; the greatest */
	NARROW_BOOL,	/* true only where every parent's is */
	NARROW_WORD,	/* as NARROW_DOWN, for KEY_WORD */
	NARROW_BITS,	/* within the parents' */
	NARROW_VERSION, /* as NARROW_UP, for "5.13" */
	NARROW_NAMES,	/* list: within the parents'; what all of them have */
	NARROW_CALLS,	/* the same for sets of system calls */
	NARROW_FILES,	/* the same for paths: all lists of files together */
	NARROW_UNION,	/* list: whatever the parents have is added */
	NARROW_MAP	/* the child's word; parents must agree */
};

struct load;

/* Kinds of documents that know a key; none given: profiles and runs. */
#define IN(kind) (1u << PROFILE_##kind)
#define IN_MOST (IN(AGENT) | IN(RUN) | IN(GROUP))
#define IN_ALL (IN_MOST | IN(HOST))

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
	enum key_narrow narrow;
	uint32_t kinds;	   /* IN() bits; 0: AGENT and RUN */
	uint32_t optional; /* IN() bits where KEY_REQUIRED does not hold */
	int (*hand)(struct load *l, const struct profile_key *k, json_t *j);
};

/* The top level, as the children of a nameless object. */
extern const struct profile_key profile_root;

/* Fills p from doc by the table: defaults first. p must be zeroed but for kind
 * and path. loader_derive() comes after the parents had their say. */
int loader_fill(const struct jsonc *doc, struct profile *p, struct err *e);
void loader_derive(struct profile *p);
/* Does the file itself say the key? */
bool loader_said(const struct profile *p, const struct profile_key *k);
/* Releases what loader_fill() put into p (not p itself). */
void loader_clear(struct profile *p);
