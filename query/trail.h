#pragma once
/*
 * The log of this state folder as questions see it: reader, index and who
 * speaks, in one. Never writes to the log's folder. Nothing that the index
 * says is believed: each record comes from its file and must match again.
 */
#include "audit/record.h"
#include "lib/err.h"
#include "query/filter.h"

struct trail;
struct reader;

struct trail_options {
	bool no_index; /* read all files instead */
	bool rebuild;  /* throw the index away first */
};

/* Opens the log and brings its index up to date. o NULL: defaults. -ENOENT:
 * there is no log. */
int trail_open(const struct trail_options *o, struct trail **ret,
	       struct err *e);
/* The folder audit/ of the state folder: a descriptor. */
int trail_folder(struct err *e);
/* The same with folders given (borrowed): audit/ or one of .seg files, and the
 * path of the index (NULL: in memory). */
int trail_open_at(int audit, const char *index, const struct trail_options *o,
		  struct trail **ret, struct err *e);
void trail_own(struct trail *t, int audit); /* closed with the trail */
void trail_free(struct trail *t);	    /* accepts NULL */
/* What was recorded since is seen from now on. */
int trail_update(struct trail *t, struct err *e);

/* 1: the record, valid until the next trail_get(). 0: there is none (not yet,
 * or no more). */
int trail_get(struct trail *t, uint64_t seq, struct record *ret, struct err *e);
/* 1: the channel record of who made r (a copy of r if it is one), valid until
 * the next trail_who(). 0: the writer, or the record is gone. */
int trail_who(struct trail *t, const struct record *r, struct record *ret,
	      struct err *e);
/* 1: the outcome of that intent, valid until the next trail_get(). 0: none. */
int trail_outcome(struct trail *t, uint64_t intent, struct record *ret,
		  struct err *e);

/* Calls fn with each record that matches, oldest first; of more than f->limit
 * the newest ones. who is NULL or its channel record. A negative value of fn
 * ends it and is returned, else the number of records. fn may call trail_get(),
 * trail_who() and trail_outcome(), but not trail_find(). */
typedef int trail_fn(void *arg, const struct record *r,
		     const struct record *who, struct err *e);
int64_t trail_find(struct trail *t, const struct filter *f, trail_fn *fn,
		   void *arg, struct err *e);

/* The last record that was there at the last trail_update(); 0: none. */
int trail_last(struct trail *t, uint64_t *ret, struct err *e);
int trail_audit(const struct trail *t); /* the folder audit/; borrowed */
/* What whoever reads the answer must know of it, one sentence each: bytes that
 * are no records, an index that could not be used. "" if nothing. */
const char *trail_note(const struct trail *t);
