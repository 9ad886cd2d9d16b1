/* links: policy lib */
/*
 * policy_open() on any bytes. What it opens must be safe to ask everything of:
 * names, rules, labels, decisions, records, usage.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/tools/random_policy.h"

#include <string.h>

#define REQUESTS 8
#define RECORD_MAX 65536
#define RULES_LOOKED_AT 256

static size_t
look(const struct policy *p)
{
	char hash[2 * POLICY_HASH_LEN + 1];
	size_t n = strlen(policy_name(p)) + policy_levels(p);

	policy_hash_text(p, hash);
	n += strlen(hash);
	for (size_t i = 0; i < policy_rules(p) && i < RULES_LOOKED_AT; i++) {
		struct policy_rule_view v;

		policy_rule(p, i, &v);
		n += strlen(v.id) + strlen(v.because) + strlen(v.file) +
		     strlen(v.level_name) + strlen(effect_name(v.effect)) +
		     strlen(surface_name(v.surface));
	}
	for (unsigned int i = 0; i < POLICY_LABELS_MAX; i++)
		n += strlen(policy_label_name(p, i));
	n += policy_observes(p) + policy_has_surface(p, SURFACE_TOOLS);
	return n;
}

static void
describe(const struct policy *p, const struct request *rq,
	 const struct decision *d)
{
	static char text[RECORD_MAX];
	size_t rules = policy_rules(p);

	if (decision_json(p, rq, d, 1, true, text, sizeof(text)) == 0)
		abort();
	for (size_t i = 0; i < rules && i < RULES_LOOKED_AT; i++)
		for (int32_t k = 0; k < 4; k++) {
			cond_expected(p, (int32_t)i, k, text, 64);
			cond_actual(p, rq, (int32_t)i, k, text, 64);
			(void)cond_pointer(p, (int32_t)i, k);
		}
}

static void
ask(const struct policy *p)
{
	struct decide_time now = { .wall_us = INT64_C(1764064800000000),
				   .boot_us = 3600000000 };
	struct usage *u = calloc(1, usage_size(p));

	for (uint64_t i = 0; u && i < REQUESTS; i++) {
		struct choices c = choices_from_seed(i);
		struct random_request r;
		struct decision d;
		char text[64];
		int fired;

		random_request(&c, &r);
		decide(p, &r.rq, u, &now, &d);
		if (d.rule >= (int64_t)policy_rules(p))
			abort();
		describe(p, &r.rq, &d);
		fired = usage_commit(p, u, &r.rq, &d, &now, i % 2);
		if (fired >= 0)
			policy_trigger_text(p, fired, text, sizeof(text));
		now.boot_us += UINT64_C(1000003) << i;
	}
	free(u);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	volatile size_t sink = 0;
	struct policy *p = NULL;
	struct err e = ERR_INIT;

	if (policy_open(data, size, &p, &e) < 0) {
		if (!e.text[0])
			abort();
		return 0;
	}
	sink = look(p);
	(void)sink;
	ask(p);
	policy_free(p);
	return 0;
}
