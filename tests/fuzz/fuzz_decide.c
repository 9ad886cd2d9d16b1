/* links: policy lib */
/*
 * Bytes become a policy and requests (tests/tools/random_policy.h). Each
 * decision must be the one of the plain reference, must not be loosened by one
 * more denial, must make a record that is one line of plain ASCII, and must be
 * taken down without harm, however much was used before.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/tools/decide_ref.h"
#include "tests/tools/random_policy.h"

#include <string.h>

#define RULES 12
#define REQUESTS 6
#define RECORD_MAX 65536

static void
expect(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static const char *
rule_id(const struct policy *p, int32_t rule)
{
	struct policy_rule_view v;

	if (rule < 0)
		return "-";
	policy_rule(p, (size_t)rule, &v);
	return v.id;
}

static void
check_reference(const struct policy_spec *s, const struct policy *p,
		const struct request *rq, const struct decide_time *now)
{
	struct ref_decision r;
	struct decision d;

	decide(p, rq, NULL, now, &d);
	ref_decide(s, rq, now, &r);
	expect(d.effect == r.effect && d.would == r.would,
	       "another effect than the reference");
	expect(!strcmp(rule_id(p, d.rule), r.rule),
	       "another rule than the reference");
	expect(d.n_matched == r.matched, "other matches than the reference");
	expect(d.labels_add == r.labels_add && d.labels_clear == r.labels_clear,
	       "other labels than the reference");
}

static void
check_record(const struct policy *p, const struct request *rq,
	     const struct decision *d)
{
	static char text[RECORD_MAX];
	int n = decision_json(p, rq, d, 1, true, text, sizeof(text));

	expect(n > 2 && text[0] == '{' && text[n - 1] == '}',
	       "no whole record");
	for (int i = 0; i < n; i++)
		expect(text[i] >= 0x20 && text[i] < 0x7f,
		       "a record that is no plain text");
	/* whatever the size, nothing is written behind it */
	for (int size = 0; size <= n; size += n / 7 + 1) {
		char *small = malloc((size_t)size + 1);

		if (!small)
			return;
		expect(decision_json(p, rq, d, 1, true, small, (size_t)size) ==
			       -ENOSPC,
		       "a record that does not fit");
		free(small);
	}
}

static void
use(const struct policy *p, struct usage *u, const struct request *rq,
    struct decide_time *now, struct choices *c)
{
	char text[128];
	struct decision d;
	int fired;

	decide(p, rq, u, now, &d);
	check_record(p, rq, &d);
	fired = usage_commit(p, u, rq, &d, now,
			     decision_allows(&d) || chance(c, 10));
	if (fired >= 0)
		expect(policy_trigger_text(p, fired, text, sizeof(text))[0],
		       "a trigger without a text");
	now->boot_us += choose(c, 256) * UINT64_C(1000003);
}

/* With one more rule that denies. */
static void
check_denial(struct choices *c, struct policy_spec *s, const struct policy *p,
	     const struct random_request *r, size_t n,
	     const struct decide_time *now)
{
	struct rule *more =
		reallocarray(s->rule, s->n_rules + 1, sizeof(*s->rule));
	struct policy *q;

	if (!more)
		return;
	s->rule = more;
	random_rule(c, 9999, 0, &more[s->n_rules]);
	more[s->n_rules++].effect = EFFECT_DENY;
	q = random_make(s); /* leaves it out when a denial may not be so */
	for (size_t i = 0; i < n; i++) {
		struct decision a, b;

		decide(p, &r[i].rq, NULL, now, &b);
		decide(q, &r[i].rq, NULL, now, &a);
		expect(!decision_allows(&a) || decision_allows(&b),
		       "a denial allows something");
	}
	policy_free(q);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct random_request r[REQUESTS];
	struct decide_time now = { .wall_us = INT64_C(1764064800000000),
				   .boot_us = 3600000000 };
	struct choices c = choices_from_bytes(data, size);
	struct policy_spec s;
	struct policy *p;
	struct usage *u;

	random_spec(&c, RULES, &s);
	p = random_make(&s);
	u = calloc(1, usage_size(p));
	for (size_t i = 0; i < REQUESTS; i++) {
		random_request(&c, &r[i]);
		check_reference(&s, p, &r[i].rq, &now);
	}
	for (size_t i = 0; u && i < 4 * (size_t)REQUESTS; i++)
		use(p, u, &r[i % REQUESTS].rq, &now, &c);
	check_denial(&c, &s, p, r, REQUESTS, &now);
	free(u);
	policy_free(p);
	policy_spec_done(&s);
	return 0;
}
