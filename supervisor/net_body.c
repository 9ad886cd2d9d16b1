/*
 * What an agent is told when something of its network does not go ahead: one
 * JSON object. What always holds: it has the agent's own words and the words of
 * its profile's author; of a rule of the host it has nothing, of secrets and
 * other agents neither.
 */
#include "supervisor/net-internal.h"

#include "shim/reasons.h"

#include <jansson.h>
#include <string.h>

static const struct {
	const char *word, *what, *cure;
	int status;
} reasons[NET_REASON_MAX] = {
#define NET_REASON(id, word, status, what, cure)                               \
	[NET_REASON_##id] = { word, what, cure, status },
	NET_REASONS(NET_REASON)
#undef NET_REASON
};

static const struct {
	const char *word, *what, *cure;
} found[] = {
#define REASON(id, word, what, cure) { word, what, cure },
	SHIM_REASONS(REASON)
#undef REASON
};

const char *
net_reason_word(enum net_reason why)
{
	return reasons[why].word;
}

int
net_reason_status(enum net_reason why)
{
	return reasons[why].status;
}

/* Everything that is not about the action itself. */
struct say {
	const char *effect, *rule, *reason, *because, *explanation, *cure;
	uint64_t decision;
	bool failed; /* it was allowed */
};

static void
put(json_t *o, const char *key, const char *text)
{
	json_t *v = text && *text ? json_string(text) : json_null();

	if (!v) /* no UTF-8: the agent knows it */
		v = json_null();
	(void)json_object_set_new(o, key, v);
}

static void
put_number(json_t *o, const char *key, uint64_t v)
{
	(void)json_object_set_new(
		o, key, v ? json_integer((json_int_t)v) : json_null());
}

static char *
body(const struct net_ask *a, const struct say *s)
{
	char why[64] = "";
	json_t *o = json_object();
	char *text;

	if (s->decision)
		snprintf(why, sizeof(why), "agentbox why %llu",
			 (unsigned long long)s->decision);
	put(o, "error", s->failed ? "failed" : "blocked");
	put(o, "by", "agentbox");
	put(o, "host", a->host.text);
	put_number(o, "port", a->port);
	put(o, "method", a->method);
	put(o, "path", a->path);
	put(o, "effect", s->effect);
	put(o, "rule", s->rule);
	put(o, "reason", s->reason);
	put(o, "because", s->because);
	put(o, "explanation", s->explanation);
	put(o, "cure", s->cure);
	put_number(o, "decision", s->decision);
	put(o, "why", why);
	text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(o);
	return text;
}

/* Decisions */

static enum net_reason
reason_of(const struct decision *d)
{
	static const enum net_reason of[REASON_MAX] = {
		[REASON_ALLOWED] = NET_REASON_NO_RECORD,
		[REASON_NO_RULE] = NET_REASON_NO_RULE,
		[REASON_RULE] = NET_REASON_RULE,
		[REASON_UNKNOWN_INPUT] = NET_REASON_UNKNOWN_INPUT,
		[REASON_CLASS_ABOVE_ROLE] = NET_REASON_CLASS,
		[REASON_CONDITION] = NET_REASON_CONDITION,
		[REASON_GRANT_EXPIRED] = NET_REASON_EXPIRED,
		[REASON_USES_EXHAUSTED] = NET_REASON_USES,
		[REASON_RATE_LIMITED] = NET_REASON_RATE,
		[REASON_BUDGET_EXHAUSTED] = NET_REASON_BUDGET,
		[REASON_OBSERVED] = NET_REASON_NO_RULE,
		[REASON_BAD_REQUEST] = NET_REASON_UNKNOWN_INPUT,
	};

	return d->effect == EFFECT_ASK ? NET_REASON_APPROVAL : of[d->reason];
}

/* The rule that the agent may hear of, or -1. */
static int32_t
shown_rule(const struct policy *p, int32_t rule)
{
	return rule >= 0 && !policy_rule_is_hosts(p, (size_t)rule) ? rule : -1;
}

static void
explain(const struct net_ask *a, const struct gate_action *act,
	enum net_reason why, char *buf, size_t size)
{
	const struct decide_time now = { .boot_us = net_now_us() };
	const struct policy *p = act->policy;
	struct decision d = *act->decision;
	char expected[192];
	int32_t rule;

	if (why == NET_REASON_NO_RULE) /* what came nearest */
		(void)policy_nearest(p, &a->rq, NULL, &now, &d);
	rule = shown_rule(p, d.failed_rule);
	if (rule < 0 || d.failed_cond < 0) {
		snprintf(buf, size, "%s", reasons[why].what);
		return;
	}
	cond_expected(p, rule, d.failed_cond, expected, sizeof(expected));
	snprintf(buf, size, "%s: %s: expected %s", reasons[why].what,
		 cond_pointer(p, rule, d.failed_cond), expected);
}

static void
cure(const struct decision *d, enum net_reason why, char *buf, size_t size)
{
	unsigned long long s = (d->retry_us + 999999) / 1000000;

	if (why == NET_REASON_RATE && s)
		snprintf(buf, size, "wait for %llu s and try again", s);
	else
		snprintf(buf, size, "%s", reasons[why].cure);
}

static char *
body_decided(const struct net_ask *a, const struct gate_action *act,
	     enum net_reason why)
{
	const struct decision *d = act->decision;
	int32_t rule = shown_rule(act->policy, d->rule);
	struct policy_rule_view v = { .id = NULL };
	char explanation[512], wait[160];
	struct say s = { .effect = effect_name(d->effect),
			 .reason = reasons[why].word,
			 .explanation = explanation,
			 .cure = wait,
			 .decision = act->id };

	if (rule >= 0)
		policy_rule(act->policy, (size_t)rule, &v);
	s.rule = v.id;
	s.because = v.because;
	explain(a, act, why, explanation, sizeof(explanation));
	cure(d, why, wait, sizeof(wait));
	return body(a, &s);
}

char *
net_body_decision(const struct net_ask *a, const struct gate_action *act,
		  int *ret_status)
{
	enum net_reason why = reason_of(act->decision);

	if (act->refused) {
		why = act->refused == -EBUSY || act->refused == -ENOBUFS
			      ? NET_REASON_BUSY
			      : NET_REASON_NO_RECORD;
		return net_body_reason(a, why, 0, ret_status);
	}
	*ret_status = reasons[why].status;
	return body_decided(a, act, why);
}

char *
net_body_reason(const struct net_ask *a, enum net_reason why, uint64_t decision,
		int *ret_status)
{
	const struct say s = {
		.effect = reasons[why].status >= 500 ? "allow" : "deny",
		.reason = reasons[why].word,
		.explanation = reasons[why].what,
		.cure = reasons[why].cure,
		.decision = decision,
		.failed = reasons[why].status >= 500,
	};

	*ret_status = reasons[why].status;
	return body(a, &s);
}

/* Of the shim's */

static size_t
find(const struct net_bytes *b)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(found) && !net_text_is(b, found[i].word))
		i++;
	return i;
}

const char *
net_found_word(const struct net_bytes *b)
{
	size_t i = find(b);

	return i < ARRAY_SIZE(found) ? found[i].word : NULL;
}

char *
net_body_found(const struct net_ask *a, const char *word, uint64_t decision)
{
	const struct net_bytes b = { (const uint8_t *)word, strlen(word) };
	size_t i = find(&b);
	const struct say s = {
		.effect = "deny",
		.reason = found[i].word,
		.explanation = found[i].what,
		.cure = found[i].cure,
		.decision = decision,
	};

	return body(a, &s);
}
