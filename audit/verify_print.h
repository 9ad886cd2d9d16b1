#pragma once
/* What agentbox-verify says: for people, and as one JSON object a line. */
#include "audit/proof.h"
#include "audit/verify.h"

/* Where the keys came from, beside the report. */
struct verify_source {
	const char *folder;  /* as it was named */
	bool key_beside_log; /* the public key lay there too */
};

void verify_print(FILE *f, const struct verify_report *r,
		  const struct verify_source *s);
/* The first bad place, one line. */
void verify_print_fault(FILE *f, const struct verify_report *r);
void verify_print_json(FILE *f, const struct verify_report *r,
		       const struct verify_source *s);
void verify_print_proof(FILE *f, const struct proof *p);
void verify_print_proof_json(FILE *f, const struct proof *p);
