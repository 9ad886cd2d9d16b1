#pragma once
/*
 * Proofs that single records are in the log: Merkle proofs to the newest
 * checkpoint, in the form of audit/proof.h. Reads the whole log once and keeps
 * one hash for each PROVER_BLOCK records.
 */
#include "audit/reader.h"
#include "lib/err.h"

#include <stdio.h>

#define PROVER_BLOCK 1024u /* a power of two */

struct prover;

/* Reads the log. dirfd: the folder audit/ (borrowed). -ENODATA: no checkpoint
 * in it. */
int prover_new(int dirfd, struct prover **ret, struct err *e);
void prover_free(struct prover *p); /* accepts NULL */
/* Records up to this number are covered. */
uint64_t prover_size(const struct prover *p);

/* Writes one. -ERANGE: the checkpoint does not cover it. */
int prover_write(struct prover *p, FILE *f, const struct record *r,
		 struct err *e);
