/* links: audit lib */
/*
 * Proofs as text. Nobody who has not the signing key can make one that passes,
 * so what passes must be one of the corpus: it is written again and compared.
 */
#include "audit/proof.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* The key of tests/tools/make_audit_log, seed 0. */
static const char key[] =
	"agentbox-audit/aff44fec9beae13cc3a609f67b2f19ab+"
	"b396cab3+AW8O6s0+yfwRdFIG1zTYwKogjijkUT7oEPiF3hPVEnbh";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t log[NOTE_LOG_LEN], public[NOTE_KEY_LEN];
	struct err e = ERR_INIT;
	struct proof p;
	size_t used = 0;
	int k;

	if (note_key_parse(key, sizeof(key) - 1, log, public, &e) < 0)
		abort();
	k = proof_parse((const char *)data, size, public, &p, &used, &e);
	if (k < 0) {
		if (!e.text[0])
			abort();
		return 0;
	}
	if (used > size || p.record.seq > p.note.size ||
	    memcmp(p.note.log, log, sizeof(log)) != 0)
		abort();
	proof_done(&p);
	return 0;
}
