#pragma once
/*
 * Proofs that single records are in the log: Merkle proofs to the newest
 * checkpoint, in the form of docs/AUDIT.md. Reads the whole log once and keeps
 * one hash for each PROOF_BLOCK records.
 */
#include "audit/reader.h"
#include "lib/err.h"

#include <stdio.h>

#define PROOF_BLOCK 1024u /* a power of two */

struct proof;

/* Reads the log. dirfd: the folder audit/ (borrowed). -ENODATA: no checkpoint
 * in it. */
int proof_new(int dirfd, struct proof **ret, struct err *e);
void proof_free(struct proof *p); /* accepts NULL */
/* Records up to this number are covered. */
uint64_t proof_size(const struct proof *p);

/* The first line and the note. */
void proof_begin(const struct proof *p, FILE *f);
/* -ERANGE: the checkpoint does not cover it. */
int proof_record(struct proof *p, FILE *f, const struct record *r,
		 struct err *e);
