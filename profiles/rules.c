/*
 * Rules, and what grants and sources have in common with them. What always
 * holds: a rule is added to the profile before it is filled, so whatever was
 * read is released with the profile; what does not fit its effect is refused
 * rather than left without one.
 */
#include "profiles/checks.h"
#include "profiles/rules-internal.h"

#include "lib/str.h"

#include <string.h>

struct rule *
rule_push(struct load *l)
{
	return hand_push(l, &l->p->own.rule, &l->p->own.n_rules,
			 sizeof(struct rule));
}

/* Keys that rules and grants share */

static int
read_because(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;

	return hand_text(l, j, 1024, check_text, &r->because);
}

static bool
is_kernels(const char *id)
{
	return str_starts(id, "files.") || str_starts(id, "process.");
}

static int
read_id(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;
	int ret = hand_text(l, j, 128, check_rule_id, &r->id);

	if (ret >= 0 && is_kernels(r->id))
		return load_fail(l, "ids that begin with \"files.\" or "
				    "\"process.\" are those of what the "
				    "kernel holds");
	return ret;
}

static int
read_when(struct load *l, json_t *j, void *arg)
{
	return when_read(l, j, arg);
}

static int
read_not_after(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;

	return hand_time(l, j, &r->not_after_us);
}

static int
read_max_uses(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;

	return hand_u64(l, j, 1, 1000000000, &r->max_uses);
}

/* "30/m", "100/10s" */
static int
rate_of(const char *s, struct rule_rate *ret)
{
	const char *slash = strchr(s, '/');
	char n[24], t[24];
	size_t len;

	if (!slash || (size_t)(slash - s) >= sizeof(n) || !slash[1])
		return -EINVAL;
	len = (size_t)(slash - s);
	memcpy(n, s, len);
	n[len] = '\0';
	if (snprintf(t, sizeof(t), "%s%s", strchr("smhd", slash[1]) ? "1" : "",
		     slash + 1) >= (int)sizeof(t) ||
	    !strchr("smhd", t[strlen(t) - 1]) || strstr(t, "ms"))
		return -EINVAL;
	if (str_to_u64(n, &ret->max) < 0 || str_to_usec(t, &ret->window_us) < 0)
		return -EINVAL;
	return ret->max && ret->max <= 1000000000 &&
			       ret->window_us >= 1000000 &&
			       ret->window_us <= UINT64_C(31536000000000)
		       ? 0
		       : -ERANGE;
}

static int
read_rate(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;
	const char *s = json_string_value(j);
	char shown[64];

	if (!s)
		return load_expected(l, "a rate such as \"30/m\"", j);
	if (rate_of(s, &r->rate) < 0)
		return load_fail(l,
				 "\"%s\" is not a rate such as \"30/m\" or "
				 "\"100/10s\"",
				 str_escape(s, shown, sizeof(shown)));
	return 0;
}

static int
budget_at(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;
	const char *rest;
	int a, ret = hand_text(l, j, 512, check_pointer, &r->budget.pointer);

	if (ret < 0)
		return ret;
	a = attr_from_pointer(r->budget.pointer, &rest);
	if (a < 0 || (attr_kind((enum attr)a) != KIND_INT &&
		      attr_kind((enum attr)a) != KIND_TREE))
		return load_fail(l, "\"%s\" is no number of the input document",
				 r->budget.pointer);
	return match_known(l, (enum attr)a, r->on, r->budget.pointer);
}

static int
budget_max(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;

	return hand_u64(l, j, 1, UINT64_C(1) << 53, &r->budget.max);
}

static int
budget_window(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;

	return hand_usec(l, j, &r->budget.window_us);
}

static int
read_budget(struct load *l, json_t *j, void *arg)
{
	static const struct hand_key keys[] = {
		{ "at", true, budget_at },
		{ "max", true, budget_max },
		{ "window", false, budget_window },
		{ NULL, false, NULL },
	};

	return hand_object(l, j, keys, arg);
}

static int
read_redact(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;
	const char *rest;
	int ret = hand_texts(l, j, 64, check_pointer, &r->redact);

	for (size_t i = 0; i < r->redact.n && ret >= 0; i++) {
		const char *s = r->redact.v[i];
		int a = attr_from_pointer(s, &rest);

		if (a < 0 || attr_kind((enum attr)a) != KIND_TREE)
			return load_fail(l,
					 "\"%s\" cannot be redacted: only "
					 "the inside of query, headers, "
					 "args, result and value can",
					 s);
		ret = match_known(l, (enum attr)a, r->on, s);
	}
	return ret;
}

static int
labels_add(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;

	return hand_texts(l, j, POLICY_LABELS_MAX, check_label, &r->labels_add);
}

static int
labels_clear(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;

	return hand_texts(l, j, POLICY_LABELS_MAX, check_label,
			  &r->labels_clear);
}

static int
read_labels(struct load *l, json_t *j, void *arg)
{
	static const struct hand_key keys[] = {
		{ "add", false, labels_add },
		{ "clear", false, labels_clear },
		{ NULL, false, NULL },
	};

	if (json_is_object(j) && !json_object_size(j))
		return load_fail(l, "neither \"add\" nor \"clear\"");
	return hand_object(l, j, keys, arg);
}

static int
read_step(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;

	return hand_text(l, j, 64, check_name, &r->step);
}

static int
read_mode(struct load *l, json_t *j, void *arg)
{
	static const char *const words[] = { "enforce", "observe", NULL };
	struct rule *r = arg;
	int i = 0, ret = hand_word(l, j, words, &i);

	r->mode = (enum policy_mode)i;
	return ret;
}

static bool
is_denial(const struct rule *r)
{
	return r->effect == EFFECT_DENY || r->effect == EFFECT_PROHIBIT;
}

static int
read_tls(struct load *l, json_t *j, void *arg)
{
	static const char *const words[] = { "intercept", "pass", NULL };
	struct rule *r = arg;
	int i = 0, ret = hand_word(l, j, words, &i);

	if (ret >= 0 && r->on != ON(NETWORK))
		return load_fail(l, "only rules of the network, and of nothing "
				    "else, can say how TLS is treated");
	if (ret >= 0 && is_denial(r))
		return load_fail(l, "\"tls\" has no place here: what is "
				    "denied has no bytes");
	r->tls_pass = i == 1;
	return ret;
}

static int
read_grants(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;
	bool grants = true;
	int ret = hand_bool(l, j, &grants);

	r->restricts = !grants;
	return ret;
}

/* Those of "rules" only come first. */
static const struct hand_key body_keys[] = {
	{ "on", true, NULL },
	{ "match", false, NULL },
	{ "effect", true, NULL },
	{ "grants", false, read_grants },
#define GRANT_KEYS 4
	{ "id", true, read_id },
	{ "when", false, read_when },
	{ "because", false, read_because },
	{ "not_after", false, read_not_after },
	{ "max_uses", false, read_max_uses },
	{ "rate", false, read_rate },
	{ "budget", false, read_budget },
	{ "redact", false, read_redact },
	{ "labels", false, read_labels },
	{ "step", false, read_step },
	{ "tls", false, read_tls },
	{ "mode", false, read_mode },
	{ NULL, false, NULL },
};

static int
unknown_body_key(struct load *l, const struct rule *r, const char *name,
		 const struct hand_key *keys, bool grant)
{
	const char *names[MATCH_NAMES_MAX + 1];
	size_t n = 0;

	for (; keys->name; keys++)
		names[n++] = keys->name;
	names[n] = NULL;
	if (grant)
		match_names(r->on, names, n);
	return load_unknown_key(l, name, names);
}

static int
read_member(struct load *l, struct rule *r, const char *name, json_t *value,
	    bool grant)
{
	const struct hand_key *keys = body_keys + (grant ? GRANT_KEYS : 0);
	enum attr a;

	for (const struct hand_key *k = keys; k->name; k++) {
		if (strcmp(k->name, name))
			continue;
		load_enter(l, name);
		return k->read ? k->read(l, value, r) : 0;
	}
	a = grant ? match_attr(name) : ATTR_MAX;
	if (a == ATTR_MAX)
		return unknown_body_key(l, r, name, keys, grant);
	load_enter(l, name);
	return match_read(l, r, a, value);
}

int
rule_body(struct load *l, struct rule *r, json_t *j, bool grant)
{
	size_t back = strlen(l->at);
	const char *name;
	json_t *value;

	json_object_foreach(j, name, value)
	{
		int ret = read_member(l, r, name, value, grant);

		if (ret < 0)
			return ret;
		l->at[back] = '\0';
	}
	return 0;
}

/* What goes together */

/* A key that a denial cannot have, or NULL. */
static const char *
runs_out(const struct rule *r)
{
	if (r->not_after_us)
		return "not_after";
	if (r->max_uses)
		return "max_uses";
	if (r->rate.max)
		return "rate";
	return r->budget.pointer ? "budget" : NULL;
}

static int
check_denial(struct load *l, const struct rule *r)
{
	const char *key = runs_out(r);

	if (key)
		return load_fail(l,
				 "\"%s\" has no place here: a prohibition may "
				 "not run out",
				 key);
	if (r->labels_add.n || r->labels_clear.n)
		return load_fail(l, "\"labels\" has no place here: what is "
				    "denied is not done");
	if (r->step)
		return load_fail(l, "\"step\" has no place here: what is "
				    "denied is not done");
	return 0;
}

static int
check_effect(struct load *l, const struct rule *r)
{
	if (is_denial(r))
		return check_denial(l, r);
	if (r->effect == EFFECT_REDACT && !r->redact.n)
		return load_fail(l, "the key \"redact\" is missing: what is to "
				    "be taken out");
	if (r->effect == EFFECT_LIMIT && !r->rate.max && !r->max_uses &&
	    !r->budget.pointer)
		return load_fail(l, "a limit needs \"rate\", \"max_uses\" or "
				    "\"budget\"");
	return 0;
}

int
rule_finish(struct load *l, struct rule *r)
{
	int ret = check_effect(l, r);

	if (ret < 0)
		return ret;
	if (r->restricts && (is_denial(r) || r->effect == EFFECT_ALLOW))
		return load_fail(l,
				 "\"grants\" has no place here: it goes with "
				 "ask, redact and limit");
	if (r->tls_pass && r->restricts)
		return load_fail(l, "tls \"pass\" goes with what grants");
	if (rule_hidden(r))
		return load_fail(l,
				 "\"%s\" is never known where TLS passes "
				 "through: leave it out, or tls \"pass\"",
				 rule_hidden(r) + 1);
	if (r->redact.n && r->effect != EFFECT_REDACT)
		return load_fail(l, "\"redact\" goes with the effect "
				    "\"redact\" only");
	if (r->mode == MODE_OBSERVE &&
	    (r->effect == EFFECT_ALLOW || r->effect == EFFECT_PROHIBIT))
		return load_fail(l, "%s cannot only be observed",
				 r->effect == EFFECT_ALLOW ? "an \"allow\""
							   : "a \"prohibit\"");
	r->file = strdup(l->doc->label);
	r->at = strdup(l->at);
	return r->file && r->at ? 0 : hand_no_memory(l);
}

/* The section "rules" */

static int
read_effect(struct load *l, const json_t *j, struct rule *r)
{
	static const char *const words[] = { "allow", "ask",  "redact",
					     "limit", "deny", "prohibit",
					     NULL };
	static const enum effect effects[] = { EFFECT_ALLOW,  EFFECT_ASK,
					       EFFECT_REDACT, EFFECT_LIMIT,
					       EFFECT_DENY,   EFFECT_PROHIBIT };
	size_t back;
	int i = 0, ret;

	if (!j)
		return load_fail(l, "the key \"effect\" is missing");
	back = load_enter(l, "effect");
	ret = hand_word(l, j, words, &i);
	if (ret < 0)
		return ret;
	r->effect = effects[i];
	if (r->effect == EFFECT_PROHIBIT && l->p->kind != PROFILE_HOST)
		return load_fail(l, "only the host's policy can prohibit; use "
				    "\"deny\"");
	l->at[back] = '\0';
	return 0;
}

static int
read_on(struct load *l, json_t *j, struct rule *r)
{
	size_t back;
	int ret;

	if (!j)
		return load_fail(l, "the key \"on\" is missing");
	back = load_enter(l, "on");
	ret = hand_surfaces(l, j, &r->on);
	if (ret >= 0)
		l->at[back] = '\0';
	return ret;
}

static int
read_rule(struct load *l, json_t *j, void *arg)
{
	struct rule *r;
	json_t *match;
	int ret;

	(void)arg;
	if (!json_is_object(j))
		return load_expected(l, "an object", j);
	r = rule_push(l);
	if (!r)
		return -ENOMEM;
	ret = read_on(l, json_object_get(j, "on"), r);
	if (ret >= 0)
		ret = read_effect(l, json_object_get(j, "effect"), r);
	if (ret >= 0 && !json_object_get(j, "id"))
		ret = load_fail(l, "the key \"id\" is missing");
	match = json_object_get(j, "match");
	if (ret >= 0 && match) {
		size_t back = load_enter(l, "match");

		ret = match_object(l, match, r);
		if (ret >= 0)
			l->at[back] = '\0';
	}
	if (ret >= 0)
		ret = rule_body(l, r, j, false);
	return ret < 0 ? ret : rule_finish(l, r);
}

int
load_rules(struct load *l, const struct profile_key *k, json_t *j)
{
	return hand_list(l, j, k->max, read_rule, NULL);
}
