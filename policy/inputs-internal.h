#pragma once
/* Between the halves of inputs.h: the document and its truths. */
#include "policy/inputs.h"

/* What the conditions say that look at one of attrs. */
int inputs_truths(const struct policy *p, const struct request *rq,
		  uint64_t attrs, char *buf, size_t size, size_t *ret_len);
