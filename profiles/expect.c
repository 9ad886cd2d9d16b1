/*
 * The section "expect". What always holds: a case is judged as if nothing had
 * been used before, at a time that is said, so it comes out the same each time.
 */
#include "profiles/expect.h"

#include "profiles/checks.h"
#include "profiles/rules-internal.h"

#include <string.h>

static int
case_name(struct load *l, json_t *j, void *arg)
{
	struct expect_case *c = arg;

	return hand_text(l, j, 256, check_text, &c->name);
}

static int
case_at(struct load *l, json_t *j, void *arg)
{
	struct expect_case *c = arg;

	c->has_now = true;
	return hand_time(l, j, &c->now_us);
}

static int
case_verdict(struct load *l, json_t *j, void *arg)
{
	static const char *const words[] = { "deny",   "allow", "ask",
					     "redact", "limit", NULL };
	static const enum effect effects[] = { EFFECT_NONE, EFFECT_ALLOW,
					       EFFECT_ASK, EFFECT_REDACT,
					       EFFECT_LIMIT };
	struct expect_case *c = arg;
	int i = 0, r = hand_word(l, j, words, &i);

	c->verdict = effects[i];
	return r;
}

static int
case_rule(struct load *l, json_t *j, void *arg)
{
	struct expect_case *c = arg;

	return hand_text(l, j, 256, check_rule_name, &c->rule);
}

static int
case_reason(struct load *l, json_t *j, void *arg)
{
	const char *names[REASON_MAX + 1];
	struct expect_case *c = arg;

	for (int i = 0; i < REASON_MAX; i++)
		names[i] = reason_name((enum reason)i);
	names[REASON_MAX] = NULL;
	if (!json_is_string(j))
		return load_expected(l, "a string", j);
	c->reason = load_word_index(l, names, j);
	return c->reason < 0 ? -EINVAL : 0;
}

static int
case_live(struct load *l, json_t *j, void *arg)
{
	struct expect_case *c = arg;

	return hand_bool(l, j, &c->live);
}

static int
case_surface(struct load *l, json_t *j, enum surface *ret)
{
	const char *names[SURFACE_MAX + 1];
	int i;

	for (int s = 0; s < SURFACE_MAX; s++)
		names[s] = surface_name((enum surface)s);
	names[SURFACE_MAX] = NULL;
	load_enter(l, "on");
	if (!json_is_string(j))
		return load_expected(l, "the name of a surface", j);
	i = load_word_index(l, names, j);
	*ret = (enum surface)i;
	return i;
}

/* "on", and the request that is read by it. */
static int
case_request(struct load *l, json_t *j, struct expect_case *c)
{
	json_t *on = json_object_get(j, "on");
	json_t *request = json_object_get(j, "request");
	size_t back = strlen(l->at);
	enum surface s = SURFACE_MAX;
	int r;

	if (!on || !request)
		return load_fail(l, "the key \"%s\" is missing",
				 on ? "request" : "on");
	r = case_surface(l, on, &s);
	if (r < 0)
		return r;
	l->at[back] = '\0';
	if (!json_is_object(request)) {
		load_enter(l, "request");
		return load_expected(l, "an object", request);
	}
	return request_doc_make(l, s, request, j, &c->request);
}

static int
read_case(struct load *l, json_t *j, void *arg)
{
	static const struct hand_key keys[] = {
		{ "name", false, case_name }, { "on", true, NULL },
		{ "request", true, NULL },    { "run", false, NULL },
		{ "data", false, NULL },      { "approvers", false, NULL },
		{ "at", false, case_at },     { "verdict", true, case_verdict },
		{ "rule", false, case_rule }, { "reason", false, case_reason },
		{ "live", false, case_live }, { NULL, false, NULL },
	};
	struct expect_case *c;
	int r;

	(void)arg;
	if (!json_is_object(j))
		return load_expected(l, "an object", j);
	c = hand_push(l, &l->p->expect, &l->p->n_expect, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->reason = -1;
	c->live = true;
	r = hand_object(l, j, keys, c);
	if (r >= 0)
		r = case_request(l, j, c);
	if (r < 0)
		return r;
	c->file = strdup(l->doc->label);
	c->at = strdup(l->at);
	return c->file && c->at ? 0 : hand_no_memory(l);
}

int
load_expect(struct load *l, const struct profile_key *k, json_t *j)
{
	return hand_list(l, j, k->max, read_case, NULL);
}

void
expect_cases_done(struct expect_case *c, size_t n)
{
	for (size_t i = 0; c && i < n; i++) {
		free(c[i].name);
		free(c[i].at);
		free(c[i].file);
		free(c[i].rule);
		request_doc_free(c[i].request);
	}
	free(c);
}

/* Judging */

static bool
as_expected(const struct policy *p, const struct expect_case *c,
	    const struct decision *d)
{
	struct policy_rule_view v;

	if (c->verdict == EFFECT_NONE
		    ? decision_allows(d) || d->effect == EFFECT_ASK
		    : d->effect != c->verdict)
		return false;
	if (c->reason >= 0 && d->reason != (enum reason)c->reason)
		return false;
	if (!c->rule)
		return true;
	if (d->rule < 0)
		return false;
	policy_rule(p, (size_t)d->rule, &v);
	return !strcmp(v.id, c->rule);
}

int
expect_judge(const struct policy *p, const struct expect_case *c,
	     int64_t wall_us, struct decision *ret, char *why, size_t size)
{
	struct decide_time now = { .wall_us =
					   c->has_now ? c->now_us : wall_us };
	struct policy_rule_view v = { .id = "no rule" };

	decide(p, request_doc_request(c->request), NULL, &now, ret);
	if (as_expected(p, c, ret)) {
		snprintf(why, size, "%s", "");
		return 1;
	}
	if (ret->rule >= 0)
		policy_rule(p, (size_t)ret->rule, &v);
	snprintf(why, size, "expected %s%s%s%s%s, got %s by %s (%s)",
		 effect_name(c->verdict), c->rule ? " by " : "",
		 c->rule ? c->rule : "", c->reason >= 0 ? ", " : "",
		 c->reason >= 0 ? reason_name((enum reason)c->reason) : "",
		 effect_name(ret->effect), v.id, reason_name(ret->reason));
	return 0;
}
