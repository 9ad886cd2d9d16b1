/*
 * Conditions that look at nothing in the input document: the clock, what the
 * run did before, who approved. What always holds: a window of time says when
 * it is, and is not always.
 */
#include "profiles/checks.h"
#include "profiles/when-internal.h"

#include "lib/str.h"

#include <string.h>

int
when_refuse(struct load *l, const char *s, const char *why)
{
	char shown[128];

	return load_fail(l, "\"%s\" %s", str_escape(s, shown, sizeof(shown)),
			 why);
}

/* Time */

static const char *const days[] = { "mon", "tue", "wed", "thu",
				    "fri", "sat", "sun", NULL };

static int
read_day(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;
	int i;

	if (!json_is_string(j))
		return load_expected(l, "a day such as \"mon\"", j);
	i = load_word_index(l, days, j);
	if (i < 0)
		return i;
	if (w->c->time.days & 1u << i)
		return load_fail(l, "\"%s\" is in this list already", days[i]);
	w->c->time.days |= 1u << i;
	return 0;
}

static int
read_days(struct load *l, json_t *j, void *arg)
{
	return hand_list(l, j, 7, read_day, arg);
}

/* "08:00" */
static int
clock_minutes(const char *s, unsigned int hours_max, uint32_t *ret)
{
	uint64_t h, m;
	char hours[3], minutes[3];

	if (strlen(s) != 5 || s[2] != ':')
		return -EINVAL;
	memcpy(hours, s, 2);
	memcpy(minutes, s + 3, 2);
	hours[2] = minutes[2] = '\0';
	if (str_to_u64(hours, &h) < 0 || str_to_u64(minutes, &m) < 0 ||
	    h > hours_max || m > 59 || (h == 24 && m))
		return -EINVAL;
	*ret = (uint32_t)(60 * h + m);
	return 0;
}

static int
read_clock(struct load *l, const json_t *j, uint32_t *ret)
{
	const char *s = json_string_value(j);

	if (!s)
		return load_expected(l, "a time of the day such as \"08:00\"",
				     j);
	if (clock_minutes(s, 24, ret) < 0)
		return when_refuse(l, s,
				   "is not a time of the day such as "
				   "\"08:00\"");
	return 0;
}

static int
read_from(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;

	return read_clock(l, j, &w->c->time.from_min);
}

static int
read_to(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;

	return read_clock(l, j, &w->c->time.to_min);
}

static int
read_zone(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;
	const char *s = json_string_value(j);
	uint32_t m;

	if (!s)
		return load_expected(l, "an offset such as \"+01:00\"", j);
	if (!strcmp(s, "UTC") || !strcmp(s, "Z"))
		return 0;
	if ((*s != '+' && *s != '-') || clock_minutes(s + 1, 14, &m) < 0)
		return when_refuse(
			l, s,
			"is not an offset from UTC such as \"+01:00\"; "
			"names of zones are not known here, since what "
			"they mean changes");
	w->c->time.offset_min = *s == '-' ? -(int32_t)m : (int32_t)m;
	return 0;
}

int
when_time(struct load *l, json_t *j, void *arg)
{
	static const struct hand_key keys[] = {
		{ "days", false, read_days }, { "from", false, read_from },
		{ "to", false, read_to },     { "zone", false, read_zone },
		{ NULL, false, NULL },
	};
	struct when *w = arg;
	bool from = json_object_get(j, "from"), to = json_object_get(j, "to");
	int r;

	w->c->time.to_min = 24 * 60;
	r = hand_object(l, j, keys, w);
	if (r < 0)
		return r;
	if (from != to)
		return load_fail(l, "\"from\" and \"to\" go together");
	if (!from && !w->c->time.days)
		return load_fail(l, "neither days nor times: that is always");
	if (from && w->c->time.from_min == w->c->time.to_min)
		return load_fail(l, "\"from\" and \"to\" are the same");
	if (!w->c->time.days)
		w->c->time.days = 0x7f;
	return 0;
}

static int
count_rule(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;

	return hand_text(l, j, 256, check_rule_name, &w->c->name);
}

static int
count_below(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;

	return hand_u64(l, j, 1, 1000000, &w->c->max);
}

static int
count_window(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;

	return hand_usec(l, j, &w->c->window_us);
}

int
when_count(struct load *l, json_t *j, void *arg)
{
	static const struct hand_key keys[] = {
		{ "rule", true, count_rule },
		{ "below", true, count_below },
		{ "window", true, count_window },
		{ NULL, false, NULL },
	};

	return hand_object(l, j, keys, arg);
}

int
when_seen(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;

	return hand_text(l, j, 64, check_name, &w->c->name);
}

int
when_approvers(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;

	return hand_u64(l, j, 1, 16, &w->c->max);
}
