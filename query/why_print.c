/* Facts as text: one row for each, aligned, nothing in it that could steer a
 * terminal. */
#include "query/row.h"
#include "query/why-internal.h"

#include <string.h>

static void
print(const struct render *rd, const char *head, const struct row *w)
{
	if (!w->len)
		return;
	render_on(rd, COLOUR_DIM);
	fprintf(rd->f, "%-9s ", head);
	render_off(rd);
	row_print(rd, w);
	putc('\n', rd->f);
}

static void
print_head(const struct render *rd, const json_t *o)
{
	const char *verdict = row_string(o, "verdict");
	bool ahead = json_is_true(json_object_get(o, "goes_ahead"));
	const char *target = row_string(o, "target");
	const char *what = row_string(o, "what");

	if (*verdict) {
		render_on(rd, ahead ? COLOUR_GOOD : COLOUR_BAD);
		fprintf(rd->f, "%s", verdict);
		render_off(rd);
		fputs(": ", rd->f);
	}
	if (!*what)
		what = row_string(o, "type");
	render_safe(rd->f, what, strlen(what));
	if (*target) {
		putc(' ', rd->f);
		render_safe(rd->f, target, strlen(target));
	}
	putc('\n', rd->f);
}

static void
print_record(const struct render *rd, const json_t *o)
{
	char time[RENDER_TIME_MAX];
	struct row w = { .len = 0 };

	row_add(&w, "%lld, %s, %s", row_int(o, "seq"), row_string(o, "type"),
		render_time((uint64_t)row_int(o, "time_us"), rd->utc, time));
	print(rd, "record", &w);
	w.len = 0;
	row_part(&w, "", row_string(o, "agent"));
	row_part(&w, "run ", row_string(o, "run"));
	row_part(&w, "box ", row_string(o, "name"));
	row_part(&w, "role ", row_string(o, "role"));
	row_part(&w, "owner ", row_string(o, "owner"));
	row_part(&w, "for ", row_string(o, "on_behalf_of"));
	print(rd, "agent", &w);
}

/* "host \"example.org\", port 443": what is not said elsewhere. */
static void
print_asked(const struct render *rd, const json_t *o)
{
	static const char *const elsewhere[] = { "surface", "run", "class" };
	json_t *asked = json_object_get(o, "asked"), *v;
	struct row w = { .len = 0 };
	char shown[240];
	const char *key;

	row_part(&w, "class ", row_string(o, "class"));
	json_object_foreach(asked, key, v)
	{
		bool skip = false;

		for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
			skip = skip || !strcmp(key, elsewhere[i]);
		if (skip)
			continue;
		why_value(v, shown, sizeof(shown));
		row_add(&w, "%s%s %s", w.len ? ", " : "", key, shown);
	}
	v = json_object_get(o, "command");
	if (v) {
		why_value(v, shown, sizeof(shown));
		row_add(&w, "%scommand %s", w.len ? ", " : "", shown);
	}
	print(rd, "asked", &w);
	w.len = 0;
	v = json_object_get(o, "by");
	if (json_object_get(v, "uid"))
		row_add(&w, "uid %lld", row_int(v, "uid"));
	if (json_object_get(v, "pid"))
		row_add(&w, ", pid %lld", row_int(v, "pid"));
	if (*row_string(v, "why"))
		row_add(&w, ": \"%s\"", row_string(v, "why"));
	print(rd, "by", &w);
}

static void
print_rule(const struct render *rd, const json_t *o)
{
	const json_t *rule = json_object_get(o, "rule");
	struct row w = { .len = 0 };

	row_add(&w, "%s", row_string(o, "because"));
	print(rd, "because", &w);
	w.len = 0;
	if (!strcmp(row_string(rule, "level"), "host") &&
	    *row_string(rule, "id"))
		row_add(&w, "%s (of the host)", row_string(rule, "id"));
	else if (*row_string(rule, "id"))
		row_add(&w, "%s (level %s %s)", row_string(rule, "id"),
			row_string(rule, "level"), row_string(rule, "profile"));
	row_part(&w, "", row_string(rule, "text"));
	if (*row_string(rule, "file"))
		row_add(&w, "  %s:%lld", row_string(rule, "file"),
			row_int(rule, "line"));
	print(rd, "rule", &w);
	w.len = 0;
	if (*row_string(rule, "because"))
		row_add(&w, "\"%s\"", row_string(rule, "because"));
	print(rd, "", &w);
}

/* A condition that is not true. */
static void
print_cond(const struct render *rd, const char *head, const json_t *f)
{
	struct row w = { .len = 0 };

	row_part(&w, "", row_string(f, "text"));
	if (*row_string(f, "expected")) {
		row_add(&w, "%s", row_string(f, "at"));
		row_add(&w, "%sexpected %s", *row_string(f, "at") ? ": " : "",
			row_string(f, "expected"));
		row_part(&w, "was ", row_string(f, "actual"));
	}
	if (*row_string(f, "rule"))
		row_add(&w, w.len ? "  (rule %s)" : "rule %s",
			row_string(f, "rule"));
	if (json_is_true(json_object_get(f, "unknown")))
		row_add(&w, ", so nobody could tell");
	print(rd, head, &w);
}

static void
print_matched(const struct render *rd, const json_t *o)
{
	json_t *m, *list = json_object_get(o, "matched");
	struct row w = { .len = 0 };
	size_t i;

	json_array_foreach(list, i, m)
	{
		const char *how = row_string(m, "how");

		row_add(&w, "%s%s %s", w.len ? ", " : "",
			row_string(m, "effect"), row_string(m, "rule"));
		if (strcmp(how, "true") != 0)
			row_add(&w, " (%s)", how);
		if (json_is_true(json_object_get(m, "observe")))
			row_add(&w, " (only observes)");
	}
	print(rd, "matches", &w);
}

static void
print_list(const struct render *rd, const char *head, const json_t *list)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		struct row w = { .len = 0 };

		row_add(&w, "%s",
			json_string_value(v) ? json_string_value(v) : "");
		print(rd, i ? "" : head, &w);
	}
}

static void
print_policy(const struct render *rd, const json_t *o)
{
	const json_t *p = json_object_get(o, "policy");
	struct row w = { .len = 0 };

	if (!p)
		return;
	row_add(&w, "%s", row_string(p, "name"));
	row_add(&w, ", epoch %lld", row_int(p, "epoch"));
	if (*row_string(p, "hash"))
		row_add(&w, ", sha256 %.16s...", row_string(p, "hash"));
	print(rd, "policy", &w);
}

static void
print_outcome(const struct render *rd, const json_t *o)
{
	static const struct {
		const char *name, *before;
	} numbers[] = {
		{ "exit_status", "exit status " },
		{ "signal", "signal " },
	};
	const json_t *out = json_object_get(o, "outcome");
	const json_t *by = json_object_get(out, "by");
	struct row w = { .len = 0 };

	row_add(&w, "%s", row_string(out, "status"));
	row_part(&w, "", row_string(out, "text"));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (json_object_get(out, numbers[i].name))
			row_add(&w, ", %s%lld", numbers[i].before,
				row_int(out, numbers[i].name));
	row_bytes(&w, "in ", out, "bytes_in");
	row_bytes(&w, "out ", out, "bytes_out");
	row_bytes(&w, "memory ", out, "memory_peak");
	row_duration(&w, "after ", out, "latency_us");
	row_duration(&w, "waited ", out, "wait_us");
	row_duration(&w, "processor ", out, "cpu_us");
	print(rd, "outcome", &w);
	w.len = 0;
	row_part(&w, "", row_string(out, "detail"));
	if (by)
		row_add(&w, "%suid %lld (record %lld)", w.len ? ", " : "",
			row_int(by, "uid"), row_int(by, "seq"));
	if (*row_string(by, "why"))
		row_add(&w, ": \"%s\"", row_string(by, "why"));
	print(rd, "", &w);
}

static void
print_fields(const struct render *rd, const json_t *o)
{
	json_t *v, *all = json_object_get(o, "fields");
	const json_t *p = json_object_get(o, "part_of");
	struct row w = { .len = 0 };
	char shown[1024];
	const char *key;

	row_add(&w, "%s", row_string(o, "says"));
	print(rd, "says", &w);
	json_object_foreach(all, key, v)
	{
		if (!strcmp(key, "what") || !strcmp(key, "target"))
			continue;
		w.len = 0;
		if (json_is_string(v))
			row_add(&w, "%s", json_string_value(v));
		else
			why_value(v, shown, sizeof(shown));
		if (!json_is_string(v))
			row_add(&w, "%s", shown);
		print(rd, key, &w);
	}
	if (!p)
		return;
	w.len = 0;
	row_add(&w, "record %lld, %s %s", row_int(p, "seq"),
		row_string(p, "what"), row_string(p, "target"));
	print(rd, "part of", &w);
}

void
why_print(const struct render *rd, const json_t *o)
{
	print_head(rd, o);
	print_record(rd, o);
	print_asked(rd, o);
	print_rule(rd, o);
	print_cond(rd, "failed", json_object_get(o, "failed"));
	print_cond(rd, "nearest", json_object_get(o, "nearest"));
	print_matched(rd, o);
	print_list(rd, "redacts", json_object_get(o, "redact"));
	print_list(rd, "adds", json_object_get(o, "labels_add"));
	print_list(rd, "clears", json_object_get(o, "labels_clear"));
	print_policy(rd, o);
	print_outcome(rd, o);
	print_list(rd, "change", json_object_get(o, "change"));
	print_fields(rd, o);
}
