/*
 * The decision as one line of JSON, and what must be redacted under it. What
 * always holds: the same policy, request and decision give the same bytes; the
 * line is valid JSON in plain ASCII, whatever an agent or an author wrote.
 */
#include "policy/policy-internal.h"
#include "policy/text.h"

#include <string.h>

#define SHOWN_MAX 512

static void
put_string(struct text *t, const char *key, const char *s)
{
	text_add(t, "\"%s\":", key);
	text_json(t, s, strlen(s));
}

static void
put_comma(struct text *t)
{
	text_put(t, ",", 1);
}

static void
put_rule(struct text *t, const struct policy *p, int32_t rule)
{
	struct policy_rule_view v;

	if (rule < 0) {
		text_add(t, "\"rule\":null");
		return;
	}
	policy_rule(p, (size_t)rule, &v);
	put_string(t, "rule", v.id);
	put_comma(t);
	put_string(t, "because", v.because);
	if (!*v.file)
		return;
	put_comma(t);
	put_string(t, "file", v.file);
	text_add(t, ",\"line\":%u", v.line);
}

static void
put_level(struct text *t, const struct policy *p, uint32_t level)
{
	static const char *const kinds[] = {
		[LEVEL_HOST] = "host",
		[LEVEL_PROFILE] = "profile",
		[LEVEL_RUN] = "run",
		[LEVEL_HANDOFF] = "handoff",
	};
	const struct flat_level *l;

	if (level >= p->h->levels.n) {
		text_add(t, "\"level\":null");
		return;
	}
	l = flat_levels(p) + level;
	put_string(t, "level",
		   l->kind < ARRAY_SIZE(kinds) ? kinds[l->kind] : "?");
	put_comma(t);
	put_string(t, "profile", flat_str(p, l->name));
}

static void
put_policy(struct text *t, const struct policy *p, uint64_t epoch)
{
	char hash[2 * POLICY_HASH_LEN + 1];

	policy_hash_text(p, hash);
	put_string(t, "policy", policy_name(p));
	text_add(t, ",\"hash\":\"%s\",\"epoch\":%llu", hash,
		 (unsigned long long)epoch);
}

static void
put_failed(struct text *t, const struct policy *p, const struct request *rq,
	   const struct decision *d, bool show_actual)
{
	const char *pointer = cond_pointer(p, d->failed_rule, d->failed_cond);
	struct policy_rule_view v;
	char shown[SHOWN_MAX];

	if (d->failed_rule < 0) {
		text_add(t, "\"failed\":null");
		return;
	}
	policy_rule(p, (size_t)d->failed_rule, &v);
	text_add(t, "\"failed\":{");
	put_string(t, "rule", v.id);
	if (pointer) {
		text_add(t, ",\"condition\":%d,", d->failed_cond);
		put_string(t, "at", pointer);
		cond_expected(p, d->failed_rule, d->failed_cond, shown,
			      sizeof(shown));
		put_comma(t);
		put_string(t, "expected", shown);
	}
	if (pointer && show_actual) {
		cond_actual(p, rq, d->failed_rule, d->failed_cond, shown,
			    sizeof(shown));
		put_comma(t);
		put_string(t, "actual", shown);
	}
	text_add(t, ",\"unknown\":%s}", d->failed_unknown ? "true" : "false");
}

static void
put_matched(struct text *t, const struct policy *p, const struct decision *d)
{
	static const char *const how[] = {
		[HOW_TRUE] = "true",
		[HOW_UNKNOWN] = "unknown",
		[HOW_SPENT] = "spent",
	};

	text_add(t, "\"matches\":%u,\"matched\":[", d->n_matched);
	for (uint32_t i = 0; i < d->n_matched && i < DECISION_MATCHED_MAX;
	     i++) {
		const struct decision_match *m = &d->matched[i];
		struct policy_rule_view v;

		policy_rule(p, m->rule, &v);
		text_add(t, "%s{", i ? "," : "");
		put_string(t, "rule", v.id);
		text_add(t, ",\"effect\":\"%s\",\"how\":\"%s\"",
			 effect_name(v.effect), how[m->how]);
		if (m->observe)
			text_add(t, ",\"observe\":true");
		text_put(t, "}", 1);
	}
	text_put(t, "]", 1);
}

static void
put_labels(struct text *t, const struct policy *p, const char *key,
	   uint64_t bits)
{
	bool some = false;

	text_add(t, "\"%s\":[", key);
	for (unsigned int i = 0; i < POLICY_LABELS_MAX; i++) {
		const char *name;

		if (!(bits >> i & 1))
			continue;
		name = policy_label_name(p, i);
		if (some)
			put_comma(t);
		text_json(t, name, strlen(name));
		some = true;
	}
	text_put(t, "]", 1);
}

static void
put_redact(struct text *t, const struct policy *p, const struct decision *d)
{
	const char *pointer;

	text_add(t, "\"redact\":[");
	for (size_t i = 0; (pointer = decision_redact(p, d, i)) && !t->full;
	     i++) {
		if (i)
			put_comma(t);
		text_json(t, pointer, strlen(pointer));
	}
	text_put(t, "]", 1);
}

static void
put_verdict(struct text *t, const struct request *rq, const struct decision *d)
{
	text_add(t, "\"surface\":\"%s\",\"effect\":\"%s\"",
		 surface_name(rq->surface), effect_name(d->effect));
	text_add(t, ",\"allowed\":%s", decision_allows(d) ? "true" : "false");
	if (d->would != d->effect)
		text_add(t, ",\"would\":\"%s\"", effect_name(d->would));
	text_add(t, ",\"reason\":\"%s\"", reason_name(d->reason));
}

int
decision_json(const struct policy *p, const struct request *rq,
	      const struct decision *d, uint64_t epoch, bool show_actual,
	      char *buf, size_t size)
{
	struct text t = text_into(buf, size);

	text_put(&t, "{", 1);
	put_verdict(&t, rq, d);
	put_comma(&t);
	put_rule(&t, p, d->rule);
	put_comma(&t);
	put_level(&t, p, d->level);
	put_comma(&t);
	put_policy(&t, p, epoch);
	put_comma(&t);
	put_failed(&t, p, rq, d, show_actual);
	put_comma(&t);
	put_matched(&t, p, d);
	put_comma(&t);
	put_labels(&t, p, "labels_add", d->labels_add);
	put_comma(&t);
	put_labels(&t, p, "labels_clear", d->labels_clear);
	put_comma(&t);
	put_redact(&t, p, d);
	if (d->retry_us)
		text_add(&t, ",\"retry_us\":%llu",
			 (unsigned long long)d->retry_us);
	text_put(&t, "}", 1);
	return t.full ? -ENOSPC : (int)t.len;
}

/* The i-th pointer of the rule, or NULL with *i less those that it has. */
static const char *
redact_of(const struct policy *p, const struct flat_rule *r, size_t *i)
{
	const uint32_t *redact = FLAT(p, redacts, uint32_t);

	if (r->effect != EFFECT_REDACT)
		return NULL;
	if (*i < r->n_redact)
		return flat_str(p, redact[r->redact + *i]);
	*i -= r->n_redact;
	return NULL;
}

/* More matched than are listed: whatever is redacted on that surface. */
static const char *
redact_all(const struct policy *p, uint8_t surface, size_t i)
{
	for (uint32_t k = 0; k < p->h->rules.n; k++) {
		const struct flat_rule *r = flat_rules(p) + k;
		const char *pointer;

		if (r->surface != surface || r->mode == MODE_OBSERVE)
			continue;
		pointer = redact_of(p, r, &i);
		if (pointer)
			return pointer;
	}
	return NULL;
}

const char *
decision_redact(const struct policy *p, const struct decision *d, size_t i)
{
	if (d->n_matched > DECISION_MATCHED_MAX)
		return redact_all(p, flat_rules(p)[d->matched[0].rule].surface,
				  i);
	for (uint32_t k = 0; k < d->n_matched; k++) {
		const char *pointer;

		if (d->matched[k].observe)
			continue;
		pointer = redact_of(p, flat_rules(p) + d->matched[k].rule, &i);
		if (pointer)
			return pointer;
	}
	return NULL;
}
