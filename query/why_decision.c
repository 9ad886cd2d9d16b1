/*
 * A decision explained from its own record, and, where the policy is still
 * there, by what came nearest. What always holds: an agent is not told what a
 * rule of the host looks at, and a rule of which the level is not known counts
 * as the host's.
 */
#include "query/why-internal.h"

#include "lib/str.h"
#include "policy/decide.h"
#include "policy/inputs.h"
#include "query/inputs_read.h"
#include "query/replay-internal.h"

#include <string.h>

#define VALUE_SHOWN 200

static const char *
string_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static bool
is(const json_t *o, const char *name, const char *value)
{
	return strcmp(string_of(o, name), value) == 0;
}

static void
copy(json_t *to, const char *name, const json_t *from)
{
	json_t *v = json_object_get(from, name);

	if (v && !json_is_null(v))
		(void)json_object_set(to, name, v);
}

static void
say(json_t *list, char *text)
{
	if (text)
		(void)json_array_append_new(list, json_string(text));
	free(text);
}

/* The policy of the decision, if the log still has it */

struct opened {
	struct replay_policies policies;
	const struct policy *p; /* or NULL */
};

static void
open_policy(struct why *w, struct opened *ret)
{
	struct replay_epochs es = { NULL, 0, 0 };
	const struct replay_epoch *ep;
	struct err e = ERR_INIT;
	char run[256];

	memset(ret, 0, sizeof(*ret));
	render_get(w->has_who ? &w->who : NULL, FIELD_RUN, run, sizeof(run));
	if (*run && replay_epochs_find(w->t, run, &es, &e) >= 0) {
		ep = replay_epoch_get(&es, record_get_uint(&w->r, FIELD_EPOCH));
		if (!ep || replay_policy_get(&ret->policies, trail_audit(w->t),
					     ep->blob, &ret->p, &e) < 0)
			ret->p = NULL;
	}
	free(es.v);
}

static bool
is_hosts(const struct opened *op, enum surface s, const char *id)
{
	struct policy_rule_view v;

	for (size_t i = 0; op->p && i < policy_rules(op->p); i++) {
		policy_rule(op->p, i, &v);
		if (v.surface == s && strcmp(v.id, id) == 0)
			return policy_rule_is_hosts(op->p, i);
	}
	return true;
}

/* Rules */

static json_t *
hosts_rule(void)
{
	return json_pack("{ss ss}", "level", "host", "text",
			 "a rule of this host");
}

static void
add_rule(const struct why *w, json_t *o)
{
	static const char *const names[] = { "because", "level", "profile",
					     "file", "line" };
	const json_t *d = w->decision;
	json_t *rule;

	if (!json_is_string(json_object_get(d, "rule")))
		return;
	if (w->o->as_agent && is(d, "level", "host")) {
		(void)json_object_set_new(o, "rule", hosts_rule());
		return;
	}
	rule = json_object();
	(void)json_object_set(rule, "id", json_object_get(d, "rule"));
	for (size_t i = 0; i < (w->o->as_agent ? 3 : ARRAY_SIZE(names)); i++)
		if (*string_of(d, names[i]) ||
		    json_is_integer(json_object_get(d, names[i])))
			copy(rule, names[i], d);
	(void)json_object_set_new(o, "rule", rule);
}

/* Which condition was not true, and what was there. */
static void
add_failed(struct why *w, json_t *o, const struct opened *op)
{
	static const char *const names[] = { "rule", "condition", "at",
					     "expected", "unknown" };
	const json_t *f = json_object_get(w->decision, "failed");
	int s = surface_from_name(string_of(o, "surface"));
	char shown[VALUE_SHOWN];
	json_t *failed;

	if (!json_is_object(f))
		return;
	if (w->o->as_agent &&
	    (s < 0 || is_hosts(op, (enum surface)s, string_of(f, "rule")))) {
		(void)json_object_set_new(o, "failed", hosts_rule());
		return;
	}
	failed = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		copy(failed, names[i], f);
	if (*string_of(f, "at")) {
		why_value(why_pointer(w->inputs, string_of(f, "at")), shown,
			  sizeof(shown));
		(void)json_object_set_new(failed, "actual", json_string(shown));
	}
	(void)json_object_set_new(o, "failed", failed);
}

static void
add_matched(const struct why *w, json_t *o)
{
	json_t *all = json_object_get(w->decision, "matched");
	json_t *others = json_array(), *m;
	size_t i;

	json_array_foreach(all, i, m)
	{
		if (!is(m, "rule", string_of(w->decision, "rule")))
			(void)json_array_append(others, m);
	}
	if (json_array_size(others) && !w->o->as_agent)
		(void)json_object_set(o, "matched", others);
	json_decref(others);
}

/* Where no rule grants: the one that is nearest. */

static void
put_nearest(const struct opened *op, const struct request *rq,
	    const struct decision *d, json_t *o)
{
	char want[VALUE_SHOWN], got[VALUE_SHOWN];
	struct policy_rule_view v;
	const char *at = cond_pointer(op->p, d->failed_rule, d->failed_cond);

	policy_rule(op->p, (size_t)d->failed_rule, &v);
	cond_expected(op->p, d->failed_rule, d->failed_cond, want,
		      sizeof(want));
	cond_actual(op->p, rq, d->failed_rule, d->failed_cond, got,
		    sizeof(got));
	if (strstr(got, INPUTS_WITHHELD))
		snprintf(got, sizeof(got), "withheld");
	(void)json_object_set_new(o, "nearest",
				  json_pack("{ss ss ss ss}", "rule", v.id, "at",
					    at ? at : "", "expected", want,
					    "actual", got));
}

static void
add_nearest(struct why *w, json_t *o, const struct opened *op)
{
	const struct decide_time at = {
		.wall_us = (int64_t)record_get_uint(&w->r, FIELD_WALL_US),
		.boot_us = record_get_uint(&w->r, FIELD_BOOT_US),
	};
	struct decision d = { .failed_rule = -1, .failed_cond = -1 };
	struct field in, truths;
	struct inputs_doc *doc;
	bool has;

	if (!op->p || !is(o, "reason", "no_rule") ||
	    !record_get(&w->r, FIELD_INPUTS, &in))
		return;
	has = record_get(&w->r, FIELD_TRUTHS, &truths);
	if (inputs_read((const char *)in.bytes, in.len,
			has ? (const char *)truths.bytes : NULL,
			has ? truths.len : 0, &doc, NULL) < 0)
		return;
	if (policy_nearest(op->p, inputs_request(doc), NULL, &at, &d) &&
	    !(w->o->as_agent &&
	      policy_rule_is_hosts(op->p, (size_t)d.failed_rule)))
		put_nearest(op, inputs_request(doc), &d, o);
	inputs_free(doc);
}

/* Words */

static const struct {
	const char *reason, *text;
} reasons[] = {
	{ "allowed", "a rule grants it" },
	{ "no_rule", "no rule grants it" },
	{ "rule", "a rule says so" },
	{ "unknown_input", "the rule could not tell: what it looks at is "
			   "missing or of another type, so it holds" },
	{ "class_above_role", "its class is above what the role may do" },
	{ "condition", "a rule would grant it, but for a condition" },
	{ "grant_expired", "the rule that granted it has expired" },
	{ "uses_exhausted", "the rule that grants it is used up" },
	{ "rate_limited", "it came too often" },
	{ "budget_exhausted", "the budget of the rule does not suffice" },
	{ "observed", "it would not be allowed, but the profile only "
		      "observes" },
	{ "bad_request", "the request itself is wrong" },
};

static void
add_because(json_t *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (is(o, "reason", reasons[i].reason))
			(void)json_object_set_new(o, "because",
						  json_string(reasons[i].text));
}

/* What to change */

/* "profiles/dev.json:41: rule x" */
static char *
place_of(const struct why *w, const json_t *rule)
{
	const char *file = string_of(rule, "file");
	long long line = json_integer_value(json_object_get(rule, "line"));

	if (!*string_of(rule, "id"))
		return strdup("a rule of this host");
	if (*file && !w->o->as_agent)
		return str_printf("rule %s, %s:%lld", string_of(rule, "id"),
				  file, line);
	return str_printf("rule %s", string_of(rule, "id"));
}

/* Another value would do. */
static void
change_value(json_t *list, const json_t *f)
{
	if (*string_of(f, "at") && *string_of(f, "expected"))
		say(list, str_printf("ask for what rule %s grants: %s: %s",
				     string_of(f, "rule"), string_of(f, "at"),
				     string_of(f, "expected")));
}

static void
change_rule(const struct why *w, const json_t *o, json_t *list)
{
	const json_t *rule = json_object_get(o, "rule");
	_cleanup_free_ char *place = place_of(w, rule);

	if (!rule || !place)
		return;
	if (is(o, "effect", "ask"))
		say(list,
		    str_printf("have it approved: %s asks a person", place));
	else if (w->o->as_agent)
		say(list,
		    str_printf("ask your owner: %s does not let you", place));
	else if (is(rule, "level", "host"))
		say(list, str_printf("only who answers for this host can: %s",
				     place));
	else
		say(list, str_printf("change %s, then agentbox reload", place));
}

static void
change_grant(const struct why *w, const json_t *o, json_t *list)
{
	const char *profile = string_of(json_object_get(o, "policy"), "name");

	if (w->o->as_agent)
		say(list, strdup("ask your owner for a rule that grants it"));
	else
		say(list,
		    str_printf("add a rule on %s to the profile %s (agentbox "
			       "profile explain tries one), then agentbox "
			       "reload",
			       string_of(o, "surface"), profile));
}

static void
change_cond(const struct why *w, const json_t *o, json_t *list)
{
	const char *id = string_of(json_object_get(o, "failed"), "rule");

	if (!*id || w->o->as_agent)
		change_grant(w, o, list);
	else
		say(list, str_printf("change that condition of rule %s, then "
				     "agentbox reload",
				     id));
}

static void
change_spent(const json_t *o, json_t *list)
{
	const json_t *retry = json_object_get(o, "retry_us");
	const char *rule = string_of(json_object_get(o, "failed"), "rule");

	if (retry)
		say(list, str_printf("wait: it is granted again in %.1f s",
				     (double)json_integer_value(retry) / 1e6));
	if (*rule)
		say(list, str_printf("raise what rule %s grants, or begin a "
				     "new run, which counts anew",
				     rule));
}

static void
add_change(const struct why *w, json_t *o)
{
	json_t *list = json_array();

	change_value(list, json_object_get(o, "failed"));
	change_value(list, json_object_get(o, "nearest"));
	if (is(o, "reason", "class_above_role"))
		say(list, str_printf("a role with a higher ceiling than that "
				     "of level %s",
				     string_of(w->decision, "profile")));
	else if (is(o, "reason", "condition"))
		change_cond(w, o, list);
	else if (is(o, "reason", "no_rule"))
		change_grant(w, o, list);
	else if (is(o, "reason", "rule") || is(o, "reason", "unknown_input"))
		change_rule(w, o, list);
	else
		change_spent(o, list);
	if (json_array_size(list))
		(void)json_object_set(o, "change", list);
	json_decref(list);
}

static void
add_policy(const struct why *w, json_t *o)
{
	json_t *p = json_object();

	(void)json_object_set(p, "name",
			      json_object_get(w->decision, "policy"));
	copy(p, "epoch", w->decision);
	if (!w->o->as_agent)
		copy(p, "hash", w->decision);
	(void)json_object_set_new(o, "policy", p);
}

void
why_decision(struct why *w, json_t *o)
{
	static const char *const names[] = { "would", "retry_us" };
	static const char *const lists[] = { "redact", "labels_add",
					     "labels_clear" };
	bool allowed = json_is_true(json_object_get(w->decision, "allowed"));
	struct opened op;

	if (!json_is_object(w->decision))
		return;
	open_policy(w, &op);
	add_because(o);
	add_rule(w, o);
	add_failed(w, o, &op);
	add_nearest(w, o, &op);
	add_matched(w, o);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		copy(o, names[i], w->decision);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (json_array_size(json_object_get(w->decision, lists[i])))
			copy(o, lists[i], w->decision);
	add_policy(w, o);
	if (!allowed)
		add_change(w, o);
	replay_policies_done(&op.policies);
}
