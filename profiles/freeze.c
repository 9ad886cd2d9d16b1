/*
 * The section "freeze": what a run must do to be stopped at once. What always
 * holds: a trigger says how often within which time, but for one on labels,
 * which is a state and not an event.
 */
#include "profiles/checks.h"
#include "profiles/rules-internal.h"

static int
read_on(struct load *l, json_t *j, void *arg)
{
	static const char *const words[] = {
		[TRIGGER_DENY] = "deny",     [TRIGGER_ASK] = "ask",
		[TRIGGER_RULE] = "rule",     [TRIGGER_LABEL] = "label",
		[TRIGGER_REPEAT] = "repeat", NULL,
	};
	struct trigger *t = arg;
	int i = 0, r = hand_word(l, j, words, &i);

	t->on = (enum trigger_on)i;
	return r;
}

static int
read_surface(struct load *l, json_t *j, void *arg)
{
	struct trigger *t = arg;

	return hand_surfaces(l, j, &t->surfaces);
}

static int
read_rule(struct load *l, json_t *j, void *arg)
{
	struct trigger *t = arg;

	return hand_text(l, j, 256, check_rule_name, &t->rule);
}

static int
read_labels(struct load *l, json_t *j, void *arg)
{
	struct trigger *t = arg;

	return hand_texts(l, j, POLICY_LABELS_MAX, check_label, &t->labels);
}

static int
read_count(struct load *l, json_t *j, void *arg)
{
	struct trigger *t = arg;

	return hand_u64(l, j, 1, 1000000, &t->count);
}

static int
read_window(struct load *l, json_t *j, void *arg)
{
	struct trigger *t = arg;

	return hand_usec(l, j, &t->window_us);
}

static int
read_because(struct load *l, json_t *j, void *arg)
{
	struct trigger *t = arg;

	return hand_text(l, j, 1024, check_text, &t->because);
}

static int
missing(struct load *l, const char *key, const char *on)
{
	return load_fail(l,
			 "the key \"%s\" is missing: a trigger on %s needs "
			 "it",
			 key, on);
}

static int
misplaced(struct load *l, const char *key, const char *on)
{
	return load_fail(l, "\"%s\" has no place in a trigger on %s", key, on);
}

static int
check_trigger(struct load *l, const struct trigger *t, const char *on)
{
	bool label = t->on == TRIGGER_LABEL;

	if (t->on == TRIGGER_RULE && !t->rule)
		return missing(l, "rule", on);
	if (t->on != TRIGGER_RULE && t->rule)
		return misplaced(l, "rule", on);
	if (label && !t->labels.n)
		return missing(l, "labels", on);
	if (!label && t->labels.n)
		return misplaced(l, "labels", on);
	if (label && t->surfaces)
		return misplaced(l, "surface", on);
	if (label && (t->count || t->window_us))
		return misplaced(l, t->count ? "count" : "window", on);
	if (!label && !t->count)
		return missing(l, "count", on);
	if (!label && !t->window_us)
		return missing(l, "window", on);
	return 0;
}

static int
read_trigger(struct load *l, json_t *j, void *arg)
{
	static const struct hand_key keys[] = {
		{ "on", true, read_on },
		{ "surface", false, read_surface },
		{ "rule", false, read_rule },
		{ "labels", false, read_labels },
		{ "count", false, read_count },
		{ "window", false, read_window },
		{ "because", false, read_because },
		{ NULL, false, NULL },
	};
	struct trigger *t;
	int r;

	(void)arg;
	t = hand_push(l, &l->p->own.trigger, &l->p->own.n_triggers, sizeof(*t));
	if (!t)
		return -ENOMEM;
	r = hand_object(l, j, keys, t);
	if (r >= 0)
		r = check_trigger(l, t,
				  json_string_value(json_object_get(j, "on")));
	if (r < 0)
		return r;
	if (!t->surfaces)
		t->surfaces = BROKERED;
	if (t->on == TRIGGER_LABEL)
		t->count = 1;
	return 0;
}

int
load_freeze(struct load *l, const struct profile_key *k, json_t *j)
{
	return hand_list(l, j, k->max, read_trigger, NULL);
}
