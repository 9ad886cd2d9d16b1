#pragma once
/*
 * What became of an action, as JSON: {"action": 17, "status": "ok", "error":
 * ..., "detail": ..., "result": ..., "bytes_in": ..., "bytes_out": ...,
 * "labels": [...]}. Strict: a key that is not known is an error. Fuzzed.
 */
#include "profiles/jsonc.h"
#include "supervisor/gate.h"

struct outcome_doc {
	struct jsonc json;
	uint64_t action;
	struct gate_outcome outcome; /* its strings are the document's */
	const char *labels[POLICY_LABELS_MAX];
};

/* On failure there is nothing to release. */
int outcome_doc_read(const char *text, size_t len, struct outcome_doc *ret,
		     struct err *e);
void outcome_doc_done(struct outcome_doc *d);
