/* links: lib policy sandbox profiles audit supervisor */
/* Outcomes as brokers send them. */
#include "supervisor/outcome_json.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome_doc d;
	struct err e = ERR_INIT;

	if (outcome_doc_read((const char *)data, size, &d, &e) < 0)
		return 0;
	if (!d.action || !d.outcome.status ||
	    d.outcome.n_labels > POLICY_LABELS_MAX)
		abort();
	for (size_t i = 0; i < d.outcome.n_labels; i++)
		if (!d.outcome.labels[i] || strlen(d.outcome.labels[i]) > size)
			abort();
	outcome_doc_done(&d);
	return 0;
}
