/*
 * The section "labels": what is known of data and runs, and where it comes
 * from. A source is a rule that grants nothing and only adds labels. The names
 * are read along the table of keys.
 */
#include "profiles/checks.h"
#include "profiles/rules-internal.h"

static int
source_id(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;

	return hand_text(l, j, 128, check_rule_id, &r->id);
}

static int
source_match(struct load *l, json_t *j, void *arg)
{
	return match_object(l, j, arg);
}

static int
source_when(struct load *l, json_t *j, void *arg)
{
	return when_read(l, j, arg);
}

static int
source_add(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;

	return hand_texts(l, j, POLICY_LABELS_MAX, check_label, &r->labels_add);
}

static int
source_because(struct load *l, json_t *j, void *arg)
{
	struct rule *r = arg;

	return hand_text(l, j, 1024, check_text, &r->because);
}

static int
read_source(struct load *l, json_t *j, void *arg)
{
	static const struct hand_key keys[] = {
		{ "on", true, NULL },
		{ "id", true, source_id },
		{ "match", false, source_match },
		{ "when", false, source_when },
		{ "add", true, source_add },
		{ "because", false, source_because },
		{ NULL, false, NULL },
	};
	struct rule *r;
	json_t *on;
	int ret;

	(void)arg;
	if (!json_is_object(j))
		return load_expected(l, "an object", j);
	on = json_object_get(j, "on");
	if (!on)
		return load_fail(l, "the key \"on\" is missing");
	r = rule_push(l);
	if (!r)
		return -ENOMEM;
	r->effect = EFFECT_LABEL;
	{
		size_t back = load_enter(l, "on");

		ret = hand_surfaces(l, on, &r->on);
		if (ret < 0)
			return ret;
		l->at[back] = '\0';
	}
	ret = hand_object(l, j, keys, r);
	return ret < 0 ? ret : rule_finish(l, r);
}

int
load_sources(struct load *l, const struct profile_key *k, json_t *j)
{
	return hand_list(l, j, k->max, read_source, NULL);
}
