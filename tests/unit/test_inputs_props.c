/* links: lib policy query */
/*
 * What must hold of every input document: what was decided is decided again,
 * byte for byte, from what was written, through a whole run with its rates,
 * budgets, counts and steps; and no secret is in it. Tried on thousands of
 * random policies and runs; PROPS_SEED and PROPS_CASES choose others.
 */
#include "policy/inputs.h"
#include "query/inputs_read.h"
#include "tests/tap.h"
#include "tests/tools/props.h"
#include "tests/tools/random_policy.h"
#include "tests/tools/some_digest.h"

#include <string.h>

#define STEPS 10
#define DECISION_MAX 65536
#define BIG 9000 /* longer than conditions judge */
#define SECRETS 6

struct written {
	char doc[INPUTS_SIZE_MAX], truths[INPUTS_SIZE_MAX];
	struct inputs in;
};

/* Requests with what must not be written */

struct secret {
	char text[32];
};

struct spoiled {
	struct random_request r;
	struct secret secret[SECRETS];
	char form[SECRETS][64];
	size_t n;
	const char *big; /* BIG bytes */
};

struct form {
	const char *before, *after;
};

/* A text that no other contains, in some form of a secret. */
static const char *
new_secret(struct choices *c, struct spoiled *s)
{
	static const struct form forms[] = {
		{ "sk-", "" },
		{ "ghp_0123", "" },
		{ "password=", "" },
		{ "https://a:", "@b/" },
		{ "Bearer ", "" },
		{ "x --api-key=", " y" },
		{ "{\"token\":\"", "\"}" },
	};
	const struct form *f = &forms[choose(c, ARRAY_SIZE(forms))];
	struct secret *secret = &s->secret[s->n];
	char *form = s->form[s->n++];
	unsigned int x = choose(c, 100000000), y = choose(c, 100000000);

	snprintf(secret->text, sizeof(secret->text), "Zq%08u%08u", x, y);
	snprintf(form, sizeof(s->form[0]), "%sZq%08u%08u%s", f->before, x, y,
		 f->after);
	return form;
}

static void
spoil_string(struct choices *c, struct spoiled *s, struct value *v)
{
	switch (choose(c, 4)) {
	case 0:
		v->s = s->big;
		v->len = INPUTS_STRING_MAX + choose(c, BIG - INPUTS_STRING_MAX);
		return;
	case 1:
		v->s = "a\xff";
		v->len = 2;
		return;
	default:
		if (s->n == SECRETS)
			return;
		v->s = new_secret(c, s);
		v->len = strlen(v->s);
	}
}

/* Known by its name alone. */
static void
spoil_member(struct choices *c, struct spoiled *s, struct value *v)
{
	if (s->n == SECRETS || v->type != VALUE_STRING)
		return;
	new_secret(c, s);
	v->key = "db_password";
	v->key_len = 11;
	v->s = s->secret[s->n - 1].text;
	v->len = strlen(v->s);
}

static void
spoil(struct choices *c, struct spoiled *s)
{
	for (int a = ATTR_SURFACE + 1; a < ATTR_MAX; a++)
		if (s->r.rq.attr[a].type == VALUE_STRING && chance(c, 10))
			spoil_string(c, s, &s->r.rq.attr[a]);
	for (size_t i = 0; i < s->r.n; i++) {
		struct value *v = &s->r.node[i];

		if (v->key && chance(c, 10))
			spoil_member(c, s, v);
		else if (v->type == VALUE_STRING && chance(c, 20))
			spoil_string(c, s, v);
	}
}

/* Runs */

struct run {
	uint64_t seed;
	const struct policy *p;
	struct usage *live, *again;
	struct decide_time at;
	size_t size; /* of the buffer for documents */
	char big[BIG];
	unsigned long steps, withheld, truths, whole;
};

static void
no_secrets(const struct run *y, const struct spoiled *s,
	   const struct written *w)
{
	for (size_t i = 0; i < s->n; i++)
		if (strstr(w->doc, s->secret[i].text) ||
		    strstr(w->truths, s->secret[i].text))
			WRONG(y->seed, "%s is in %s %s", s->secret[i].text,
			      w->doc, w->truths);
	for (size_t i = 0; i < w->in.len; i++)
		if (w->doc[i] < ' ' || w->doc[i] > '~')
			WRONG(y->seed, "no plain text: %s", w->doc);
}

static void
same(struct run *y, const struct request *rq, const struct decision *d,
     const struct request *back, const struct written *w)
{
	static char one[DECISION_MAX], two[DECISION_MAX];
	struct decision again;
	int n, m;

	decide(y->p, back, y->again, &y->at, &again);
	n = decision_json(y->p, rq, d, 1, false, one, sizeof(one));
	m = decision_json(y->p, back, &again, 1, false, two, sizeof(two));
	if (n > 0 && n == m && memcmp(one, two, (size_t)n) == 0) {
		usage_commit(y->p, y->again, back, &again, &y->at,
			     decision_allows(&again));
		return;
	}
	tap_note("inputs %s", w->doc);
	tap_note("truths %s", w->truths);
	WRONG(y->seed, "%s not %s", two, one);
}

static void
step(struct run *y, const struct spoiled *s)
{
	static struct written w;
	const struct request *rq = &s->r.rq;
	struct err e = ERR_INIT;
	struct inputs_doc *doc;
	struct decision d;

	decide(y->p, rq, y->live, &y->at, &d);
	ASSERT_OK(inputs_write(y->p, rq, &d, some_digest, NULL, w.doc, y->size,
			       w.truths, sizeof(w.truths), &w.in));
	usage_commit(y->p, y->live, rq, &d, &y->at, decision_allows(&d));
	no_secrets(y, s, &w);
	if (inputs_read(w.doc, w.in.len, w.in.truths_len ? w.truths : NULL,
			w.in.truths_len, &doc, &e) < 0)
		WRONG(y->seed, "%s: %s %s", e.text, w.doc, w.truths);
	same(y, rq, &d, inputs_request(doc), &w);
	inputs_free(doc);
	y->steps++;
	y->withheld += w.in.withheld != 0;
	y->truths += w.in.truths_len > 2;
	y->whole += strstr(w.doc, "\"list\"") || strstr(w.doc, "\"object\"");
}

static void
run(struct run *y, struct choices *c)
{
	struct spoiled q = { .big = y->big };

	y->live = calloc(1, usage_size(y->p));
	y->again = calloc(1, usage_size(y->p));
	y->at = now;
	for (int i = 0; i < STEPS; i++) {
		/* the same again now and then, so that rates run out */
		if (!i || chance(c, 60)) {
			random_request(c, &q.r);
			q.n = 0;
			if (chance(c, 60))
				spoil(c, &q);
		}
		step(y, &q);
		y->at.boot_us += choose(c, 20000000);
	}
	free(y->live);
	free(y->again);
}

static void
run_all(struct run *y)
{
	EACH_CASE(seed)
	{
		struct choices c = choices_from_seed(seed);
		struct policy_spec s;
		struct policy *p;

		random_spec(&c, seed % 8 ? 12 : 80, &s);
		p = random_make(&s);
		y->p = p;
		y->seed = seed;
		run(y, &c);
		policy_free(p);
		policy_spec_done(&s);
	}
}

static bool
many(void)
{
	return props_from_env("PROPS_CASES", CASES) >= CASES;
}

TEST_LIMIT(decides_the_same_again, 120)
{
	static struct run y = { .size = INPUTS_SIZE_MAX };

	memset(y.big, 'a', sizeof(y.big));
	run_all(&y);
	tap_note("%lu steps, %lu with something withheld, %lu with truths",
		 y.steps, y.withheld, y.truths);
	/* or the test says nothing */
	if (many()) {
		ASSERT_GE(y.withheld, y.steps / 10);
		ASSERT_GE(y.truths, y.steps / 50);
	}
}

/* Long texts that are in the document only if it is long enough. */
TEST_LIMIT(decides_the_same_without_the_largest, 120)
{
	static struct run y = { .size = INPUTS_MIN };

	/* one byte each, six in JSON; and more than fits */
	memset(y.big, 1, sizeof(y.big));
	run_all(&y);
	tap_note("%lu of %lu with a whole list or object withheld", y.whole,
		 y.steps);
	if (many())
		ASSERT_GE(y.whole, y.steps / 100);
}
