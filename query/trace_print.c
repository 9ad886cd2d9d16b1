/* Events as lines: seconds since the beginning, kind, what, number of the
 * record; runs that a run started stand deeper. */
#include "query/row.h"
#include "query/trace.h"
#include "query/why-internal.h"

#include <string.h>

static void
indent(const struct render *rd, const json_t *o)
{
	for (long long i = row_int(o, "depth"); i > 0; i--)
		fputs("    ", rd->f);
}

static enum render_colour
colour_of(const json_t *o)
{
	const char *kind = row_string(o, "kind");

	if (!strcmp(kind, "decision"))
		return json_is_true(json_object_get(o, "goes_ahead"))
			       ? COLOUR_GOOD
			       : COLOUR_BAD;
	if (!strcmp(kind, "anomaly"))
		return COLOUR_WARN;
	if (!strcmp(kind, "end"))
		return strcmp(row_string(o, "status"), "ok") ? COLOUR_BAD
							     : COLOUR_GOOD;
	return COLOUR_NONE;
}

static void
print_line(const struct render *rd, const json_t *o, const char *head,
	   const struct row *w)
{
	double s = (double)row_int(o, "offset_us") / 1e6;

	indent(rd, o);
	render_on(rd, COLOUR_DIM);
	fprintf(rd->f, "%11.3f  ", s);
	render_off(rd);
	render_on(rd, colour_of(o));
	fprintf(rd->f, "%-9s", head);
	render_off(rd);
	putc(' ', rd->f);
	row_print(rd, w);
	render_on(rd, COLOUR_DIM);
	fprintf(rd->f, "  #%lld", row_int(o, "seq"));
	render_off(rd);
	putc('\n', rd->f);
}

static void
run_line(const struct render *rd, const json_t *o)
{
	char time[RENDER_TIME_MAX];
	struct row w = { .len = 0 };

	row_part(&w, "run ", row_string(o, "run"));
	row_part(&w, "agent ", row_string(o, "agent"));
	row_part(&w, "box ", row_string(o, "name"));
	row_part(&w, "owner ", row_string(o, "owner"));
	row_part(&w, "role ", row_string(o, "role"));
	row_part(&w, "profile ", row_string(o, "profile"));
	row_part(&w, "for ", row_string(o, "on_behalf_of"));
	row_part(&w, "started by ", row_string(o, "parent"));
	row_part(&w, "",
		 render_time((uint64_t)row_int(o, "time_us"), rd->utc, time));
	indent(rd, o);
	row_print(rd, &w);
	putc('\n', rd->f);
	if (!json_object_get(o, "beginning_gone"))
		return;
	indent(rd, o);
	fputs("             its beginning is not in the log any more\n", rd->f);
}

static void
start_line(const struct render *rd, const json_t *o)
{
	struct row w = { .len = 0 };
	char shown[512];

	why_value(json_object_get(o, "command"), shown, sizeof(shown));
	row_add(&w, "%s", shown);
	row_part(&w, "in ", row_string(o, "workspace"));
	row_number(&w, "uid ", o, "by_uid");
	print_line(rd, o, "start", &w);
}

static void
names_part(struct row *w, const char *before, const json_t *names)
{
	if (!json_array_size(names))
		return;
	row_add(w, "%s%s ", w->len ? ", " : "", before);
	row_list(w, names);
}

static void
confined_line(const struct render *rd, const json_t *o)
{
	size_t n = json_array_size(json_object_get(o, "held"));
	struct row w = { .len = 0 };

	row_add(&w, "%zu layers hold", n);
	names_part(&w, "degraded", json_object_get(o, "degraded"));
	names_part(&w, "absent", json_object_get(o, "absent"));
	row_part(&w, "cgroup ", row_string(o, "detail"));
	print_line(rd, o, "confined", &w);
}

static void
policy_line(const struct render *rd, const json_t *o)
{
	bool failed = *row_string(o, "status");
	struct row w = { .len = 0 };

	row_add(&w, "%s%s", failed ? "load failed, still " : "",
		row_string(o, "policy"));
	row_number(&w, "epoch ", o, "epoch");
	if (*row_string(o, "hash"))
		row_add(&w, ", sha256 %.12s", row_string(o, "hash"));
	row_part(&w, "", row_string(o, "detail"));
	print_line(rd, o, "policy", &w);
}

static void
outcome_part(struct row *w, const json_t *o)
{
	const json_t *out = json_object_get(o, "outcome");
	const json_t *in = json_object_get(o, "labels_in");
	const json_t *after = json_object_get(out, "labels_out");

	if (!out)
		return;
	row_part(w, "", row_string(out, "status"));
	row_part(w, "", row_string(out, "error"));
	row_duration(w, "", out, "latency_us");
	row_duration(w, "waited ", out, "wait_us");
	row_bytes(w, "in ", out, "bytes_in");
	row_bytes(w, "out ", out, "bytes_out");
	if (!after || (in && json_equal(in, after)))
		return;
	row_add(w, ", labels ");
	row_list(w, in);
	row_add(w, " -> ");
	row_list(w, after);
}

static void
decision_line(const struct render *rd, const json_t *o)
{
	bool ahead = json_is_true(json_object_get(o, "goes_ahead"));
	struct row w = { .len = 0 };

	row_add(&w, "%s", row_string(o, "what"));
	if (*row_string(o, "target"))
		row_add(&w, " %s", row_string(o, "target"));
	if (*row_string(o, "rule"))
		row_part(&w, "rule ", row_string(o, "rule"));
	if (!ahead && strcmp(row_string(o, "reason"), "rule") != 0)
		row_part(&w, "", row_string(o, "reason"));
	if (ahead && !json_object_get(o, "outcome"))
		row_part(&w, "", "no outcome yet");
	outcome_part(&w, o);
	print_line(rd, o, row_string(o, "effect"), &w);
}

static void
act_line(const struct render *rd, const json_t *o)
{
	struct row w = { .len = 0 };

	row_add(&w, "%s", row_string(o, "what"));
	row_number(&w, "by uid ", o, "by_uid");
	if (*row_string(o, "why"))
		row_add(&w, ": \"%s\"", row_string(o, "why"));
	outcome_part(&w, o);
	print_line(rd, o, "operator", &w);
}

static void
end_line(const struct render *rd, const json_t *o)
{
	struct row w = { .len = 0 };

	row_part(&w, "", row_string(o, "status"));
	row_part(&w, "", row_string(o, "error"));
	row_number(&w, "exit status ", o, "exit_status");
	row_number(&w, "signal ", o, "signal");
	row_part(&w, "", row_string(o, "detail"));
	row_duration(&w, "after ", o, "latency_us");
	row_duration(&w, "processor ", o, "cpu_us");
	row_bytes(&w, "memory ", o, "memory_peak");
	print_line(rd, o, "end", &w);
}

/* Anomalies, approvals, life. */
static void
other_line(const struct render *rd, const json_t *o)
{
	struct row w = { .len = 0 };

	row_part(&w, "", row_string(o, "what"));
	row_part(&w, "", row_string(o, "target"));
	row_part(&w, "", row_string(o, "trigger"));
	row_part(&w, "", row_string(o, "detail"));
	row_part(&w, "", row_string(o, "approval"));
	names_part(&w, "approved by", json_object_get(o, "approvers"));
	row_part(&w, "", row_string(o, "status"));
	row_number(&w, "of #", o, "of");
	print_line(rd, o, row_string(o, "kind"), &w);
}

static void
count_part(struct row *w, const json_t *o, const char *name, const char *one,
	   const char *many)
{
	row_add(w, "%lld %s", row_int(o, name),
		row_int(o, name) == 1 ? one : many);
}

static void
summary_line(const struct render *rd, const json_t *o)
{
	struct row w = { .len = 0 };

	count_part(&w, o, "decisions", "decision", "decisions");
	if (row_int(o, "decisions"))
		row_add(&w, ": %lld allowed, %lld denied, %lld asked",
			row_int(o, "allowed"), row_int(o, "denied"),
			row_int(o, "asked"));
	row_add(&w, "; ");
	count_part(&w, o, "anomalies", "anomaly", "anomalies");
	row_add(&w, "; ");
	count_part(&w, o, "acts", "act", "acts");
	row_add(&w, " of operators");
	if (row_int(o, "bytes_in") || row_int(o, "bytes_out")) {
		row_bytes(&w, "in ", o, "bytes_in");
		row_bytes(&w, "out ", o, "bytes_out");
	}
	if (row_int(o, "left_out"))
		row_add(&w, "; %lld not shown: --limit 0 shows all",
			row_int(o, "left_out"));
	if (!json_is_true(json_object_get(o, "ended")))
		row_add(&w, "; it has not ended, or nobody said so");
	indent(rd, o);
	fputs("             ", rd->f);
	row_print(rd, &w);
	putc('\n', rd->f);
}

static void
resumed_line(const struct render *rd, const json_t *o)
{
	struct row w = { .len = 0 };

	row_add(&w, "its supervisor has reached the log again");
	print_line(rd, o, "resumed", &w);
}

void
trace_print(const struct render *rd, const json_t *o)
{
	static const struct {
		const char *kind;
		void (*print)(const struct render *rd, const json_t *o);
	} kinds[] = {
		{ "run", run_line },	       { "start", start_line },
		{ "confined", confined_line }, { "policy", policy_line },
		{ "decision", decision_line }, { "act", act_line },
		{ "end", end_line },	       { "summary", summary_line },
		{ "resumed", resumed_line },
	};
	const char *kind = row_string(o, "kind");

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kind, kinds[i].kind)) {
			kinds[i].print(rd, o);
			return;
		}
	other_line(rd, o);
}
