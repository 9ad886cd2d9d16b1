/*
 * Requested against enforced, for people and for programs. The same table
 * comes from the supervisor's own memory (run --show-enforced) and over the
 * control socket (inspect), so it is printed here only.
 */
#include "supervisor/report.h"

#include "lib/macro.h"
#include "lib/str.h"

#include <inttypes.h>
#include <string.h>

enum { COL_LAYER, COL_STATE, COL_REQUESTED, COL_N };

static const char *const heads[COL_N + 1] = { "LAYER", "STATE", "REQUESTED",
					      "ENFORCED" };

static const char *
state_text(const struct layer_row *r)
{
	return layer_state_name(r->state);
}

static const char *
or_dash(const char *s)
{
	return s[0] ? s : "-";
}

static bool
shown(const struct layer_table *t, int i, bool all)
{
	return all || t->row[i].state != LAYER_OFF;
}

static void
measure(const struct layer_table *t, bool all, int width[COL_N])
{
	for (int c = 0; c < COL_N; c++)
		width[c] = (int)strlen(heads[c]);
	for (int i = 0; i < LAYER_MAX; i++) {
		const struct layer_row *r = &t->row[i];

		if (!shown(t, i, all))
			continue;
		width[COL_LAYER] =
			MAX(width[COL_LAYER], (int)strlen(layer_name(i)));
		width[COL_STATE] =
			MAX(width[COL_STATE], (int)strlen(state_text(r)));
		width[COL_REQUESTED] = MAX(width[COL_REQUESTED],
					   (int)strlen(or_dash(r->requested)));
	}
}

static void
print_row(FILE *f, const int width[COL_N], const char *layer, const char *state,
	  const char *requested, const char *enforced)
{
	fprintf(f, "%-*s  %-*s  %-*s  %s\n", width[COL_LAYER], layer,
		width[COL_STATE], state, width[COL_REQUESTED], requested,
		enforced);
}

void
report_layers(FILE *f, const struct layer_table *t, bool all)
{
	char requested[LAYER_TEXT_MAX], enforced[LAYER_TEXT_MAX];
	int width[COL_N];

	measure(t, all, width);
	print_row(f, width, heads[0], heads[1], heads[2], heads[3]);
	for (int i = 0; i < LAYER_MAX; i++) {
		const struct layer_row *r = &t->row[i];

		if (!shown(t, i, all))
			continue;
		str_escape(or_dash(r->requested), requested, sizeof(requested));
		str_escape(or_dash(r->enforced), enforced, sizeof(enforced));
		print_row(f, width, layer_name(i), state_text(r), requested,
			  enforced);
	}
}

json_t *
report_layers_json(const struct layer_table *t)
{
	char requested[LAYER_TEXT_MAX], enforced[LAYER_TEXT_MAX];
	json_t *list = json_array(), *o;

	for (int i = 0; i < LAYER_MAX; i++) {
		const struct layer_row *r = &t->row[i];

		/* JSON must be UTF-8 */
		str_escape(r->requested, requested, sizeof(requested));
		str_escape(r->enforced, enforced, sizeof(enforced));
		o = json_pack("{s:s, s:s, s:b, s:s, s:s}", "layer",
			      layer_name(i), "state", state_text(r), "optional",
			      r->optional, "requested", requested, "enforced",
			      enforced);
		if (!o || json_array_append_new(list, o) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int
parse_state(const char *s, enum layer_state *ret)
{
	for (int i = LAYER_OFF; i <= LAYER_ABSENT; i++) {
		if (strcmp(layer_state_name(i), s) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EPROTO;
}

static int
parse_row(json_t *o, struct layer_table *t)
{
	const char *layer, *state, *requested, *enforced;
	struct layer_row *r;
	int optional, l;

	if (json_unpack(o, "{s:s, s:s, s:b, s:s, s:s}", "layer", &layer,
			"state", &state, "optional", &optional, "requested",
			&requested, "enforced", &enforced) < 0)
		return -EPROTO;
	l = layer_from_name(layer);
	if (l < 0)
		return 0;
	r = &t->row[l];
	r->optional = optional;
	snprintf(r->requested, sizeof(r->requested), "%s", requested);
	snprintf(r->enforced, sizeof(r->enforced), "%s", enforced);
	return parse_state(state, &r->state);
}

int
report_layers_parse(const json_t *j, struct layer_table *ret)
{
	struct layer_table t = { 0 };
	json_t *o;
	size_t i;
	int r;

	if (!json_is_array(j))
		return -EPROTO;
	json_array_foreach(j, i, o)
	{
		r = parse_row(o, &t);
		if (r < 0)
			return r;
	}
	*ret = t;
	return 0;
}

const char *
report_duration(uint64_t usec, char *buf, size_t size)
{
	uint64_t s = usec / 1000000;

	if (s < 60)
		snprintf(buf, size, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(buf, size, "%" PRIu64 "m%02" PRIu64 "s", s / 60,
			 s % 60);
	else if (s < 86400)
		snprintf(buf, size, "%" PRIu64 "h%02" PRIu64 "m", s / 3600,
			 s % 3600 / 60);
	else
		snprintf(buf, size, "%" PRIu64 "d%02" PRIu64 "h", s / 86400,
			 s % 86400 / 3600);
	return buf;
}
