/* links: lib policy query */
/*
 * An input document of the log on any bytes, its truths behind the first
 * newline: reading must neither crash, nor leak, nor outgrow its bounds. What
 * is read is decided on and written again; where nothing is withheld, the
 * second writing is that of the first.
 */
#include "tests/fuzz/fuzz.h"

#include "policy/inputs.h"
#include "query/inputs_read.h"
#include "tests/tools/random_policy.h"
#include "tests/tools/some_digest.h"

#include <stdlib.h>
#include <string.h>

static const struct decide_time at = { .wall_us = 1764064800000000,
				       .boot_us = 3600000000 };

struct again {
	char doc[INPUTS_SIZE_MAX], truths[INPUTS_SIZE_MAX];
	struct inputs in;
};

/* False: it does not fit. */
static bool
write_again(const struct policy *p, const struct request *rq, struct again *w)
{
	struct request plain = *rq;
	struct decision d;

	plain.truths = NULL;
	decide(p, &plain, NULL, &at, &d);
	return inputs_write(p, &plain, &d, some_digest, NULL, w->doc,
			    sizeof(w->doc), w->truths, sizeof(w->truths),
			    &w->in) == 0;
}

static void
twice(const struct policy *p, const struct request *rq)
{
	static struct again one, two;
	struct inputs_doc *doc;

	if (!write_again(p, rq, &one))
		return;
	for (size_t i = 0; i < one.in.len; i++)
		if (one.doc[i] < ' ' || one.doc[i] > '~')
			abort();
	if (inputs_read(one.doc, one.in.len,
			one.in.truths_len ? one.truths : NULL,
			one.in.truths_len, &doc, NULL) < 0)
		abort();
	if (!one.in.withheld && (!write_again(p, inputs_request(doc), &two) ||
				 one.in.len != two.in.len ||
				 memcmp(one.doc, two.doc, one.in.len) != 0))
		abort();
	inputs_free(doc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct policy *p;
	const char *s = (const char *)data;
	const char *nl = memchr(data, '\n', size);
	size_t len = nl ? (size_t)(nl - s) : size;
	struct err e = ERR_INIT;
	struct inputs_doc *doc;
	struct decision d;

	if (!p) {
		struct choices c = choices_from_seed(5);
		struct policy_spec spec;

		random_spec(&c, 80, &spec);
		p = random_make(&spec);
		policy_spec_done(&spec);
	}
	if (inputs_read(s, len, nl ? nl + 1 : NULL, nl ? size - len - 1 : 0,
			&doc, &e) < 0) {
		if (!e.code || !e.text[0])
			abort();
		return 0;
	}
	decide(p, inputs_request(doc), NULL, &at, &d);
	twice(p, inputs_request(doc));
	inputs_free(doc);
	return 0;
}
