#pragma once
/*
 * A record's input document (policy/inputs.h) as a request that decide() takes
 * again. What is withheld becomes a text "$withheld:" and its digest, so that
 * equal ones stay equal, and what conditions say of it comes from the truths.
 */
#include "lib/err.h"
#include "policy/request.h"

struct inputs_doc;

/* Takes what inputs_write() makes and nothing else: -EBADMSG. truths: NULL or
 * the list. Both are borrowed for the call only. Fuzzed. */
int inputs_read(const char *inputs, size_t len, const char *truths,
		size_t truths_len, struct inputs_doc **ret, struct err *e);
void inputs_free(struct inputs_doc *d);	  /* accepts NULL */
void inputs_freep(struct inputs_doc **d); /* for _cleanup_ */

const struct request *inputs_request(const struct inputs_doc *d);
