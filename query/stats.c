/*
 * Counting records by type, effect and agent. What always holds: the space does
 * not grow with the log; agents beyond AGENTS_MAX are counted together.
 */
#include "query/stats.h"
#include "audit/client.h"
#include "audit/config.h"
#include "audit/reader.h"
#include "lib/str.h"
#include "query/jw.h"
#include "query/render.h"

#include <jansson.h>
#include <string.h>

#define AGENTS_MAX 1000u
#define SLOTS 2048u /* a power of two, more than AGENTS_MAX */
#define NAME_BYTES 128u
#define WRITER_US (2u * 1000 * 1000)

static const char *const effects[] = { "allow", "limit",    "redact", "ask",
				       "deny",	"prohibit", "none" };

struct agent {
	char name[NAME_BYTES];
	uint64_t records, denied;
};

struct stats {
	uint64_t n, bytes;
	uint64_t first, last, first_us, last_us;
	uint64_t type[RECORD_TYPE_MAX + 1]; /* the last: not known */
	uint64_t effect[ARRAY_SIZE(effects)];
	uint64_t status_ok, status_other;
	struct agent agent[SLOTS];
	uint64_t agents, others;
	uint64_t covered; /* by the last checkpoint that was seen */
	uint64_t covered_us, uncovered, refused;
	uint64_t files, file_bytes;
	uint32_t retention_days;
	char *writer; /* JSON; NULL: none runs */
};

int
stats_new(struct stats **ret, struct err *e)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : err_sys(e, ENOMEM, "stats");
}

void
stats_free(struct stats *s)
{
	if (s)
		free(s->writer);
	free(s);
}

/* ---- counting ------------------------------------------------------------*/

static struct agent *
agent_of(struct stats *s, const struct record *who)
{
	char name[NAME_BYTES];
	uint32_t h = 2166136261u;

	render_get(who, FIELD_AGENT, name, sizeof(name));
	for (const char *p = name; *p; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	for (uint32_t i = h & (SLOTS - 1);; i = (i + 1) & (SLOTS - 1)) {
		struct agent *a = &s->agent[i];

		if (!strcmp(a->name, name))
			return a;
		if (a->name[0])
			continue;
		if (s->agents == AGENTS_MAX || !name[0])
			return NULL;
		s->agents++;
		memcpy(a->name, name, sizeof(name));
		return a;
	}
}

static void
count_effect(struct stats *s, const struct record *r, struct agent *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(effects); i++) {
		if (!render_is(r, FIELD_EFFECT, effects[i]))
			continue;
		s->effect[i]++;
		if (a && i >= 4)
			a->denied++;
	}
}

static void
count_checkpoint(struct stats *s, const struct record *r)
{
	if (r->type == RECORD_LOG_GAP)
		s->refused += record_get_uint(r, FIELD_COUNT);
	if (r->type != RECORD_LOG_CHECKPOINT) {
		s->uncovered++;
		return;
	}
	s->covered = record_get_uint(r, FIELD_SIZE);
	s->covered_us = r->time_us;
	s->uncovered = 0;
}

void
stats_count(struct stats *s, const struct record *r, const struct record *who)
{
	struct agent *a = who ? agent_of(s, who) : NULL;

	if (!s->n++) {
		s->first = r->seq;
		s->first_us = r->time_us;
	}
	s->last = r->seq;
	s->last_us = r->time_us;
	s->bytes += r->size;
	s->type[MIN(r->type, RECORD_TYPE_MAX)]++;
	if (a)
		a->records++;
	else if (who)
		s->others++;
	if (r->type == RECORD_INTENT)
		count_effect(s, r, a);
	if (r->type == RECORD_OUTCOME && render_is(r, FIELD_STATUS, "ok"))
		s->status_ok++;
	else if (r->type == RECORD_OUTCOME)
		s->status_other++;
	count_checkpoint(s, r);
}

/* ---- the log -------------------------------------------------------------*/

static int
count_files(struct stats *s, int audit, struct err *e)
{
	const struct reader_segment *seg;
	struct reader *r;
	size_t n;
	int k = reader_new(audit, &r, e);

	if (k < 0)
		return k;
	k = reader_segments(r, &seg, &n, e);
	for (size_t i = 0; k >= 0 && i < n; i++) {
		s->files++;
		s->file_bytes += seg[i].bytes;
	}
	reader_free(r);
	return k;
}

/* A writer that does not run, or does not answer, is no error here. */
static void
ask_writer(struct stats *s)
{
	const struct client_options o = { .start = false };
	struct err e = ERR_INIT;
	struct client *c = NULL;
	char *text = NULL;
	json_t *j;

	if (client_new(&o, &c, &e) < 0)
		return;
	if (client_status(c, WRITER_US, &text, &e) >= 0) {
		/* what is printed is what was understood */
		j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
		s->writer = j ? json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII)
			      : NULL;
		json_decref(j);
	}
	free(text);
	client_free(c);
}

int
stats_log(struct stats *s, int audit, struct err *e)
{
	struct audit_config c;
	int k = audit_config_load(&c, e);

	if (k < 0)
		return k;
	s->retention_days = c.retention_days;
	audit_config_done(&c);
	ask_writer(s);
	return count_files(s, audit, e);
}

/* ---- saying --------------------------------------------------------------*/

static const char *
type_name(unsigned int t)
{
	const char *name = record_type_name(t);

	return name ? name : "other";
}

static void
json_counts(const struct stats *s, struct jw *w)
{
	jw_open(w, "types", '{');
	for (unsigned int i = 0; i <= RECORD_TYPE_MAX; i++)
		if (s->type[i])
			jw_uint(w, type_name(i), s->type[i]);
	jw_close(w, '}');
	jw_open(w, "effects", '{');
	for (size_t i = 0; i < ARRAY_SIZE(effects); i++)
		if (s->effect[i])
			jw_uint(w, effects[i], s->effect[i]);
	jw_close(w, '}');
	jw_open(w, "agents", '[');
	for (size_t i = 0; i < SLOTS; i++) {
		if (!s->agent[i].name[0])
			continue;
		jw_open(w, NULL, '{');
		jw_str(w, "agent", s->agent[i].name);
		jw_uint(w, "records", s->agent[i].records);
		jw_uint(w, "denied", s->agent[i].denied);
		jw_close(w, '}');
	}
	jw_close(w, ']');
	jw_uint(w, "other_agents_records", s->others);
}

void
stats_json(const struct stats *s, FILE *f)
{
	char time[RENDER_TIME_MAX];
	struct jw w = { .f = f };

	jw_open(&w, NULL, '{');
	jw_uint(&w, "records", s->n);
	jw_uint(&w, "bytes", s->bytes);
	jw_uint(&w, "first", s->first);
	jw_uint(&w, "last", s->last);
	if (s->n) {
		jw_str(&w, "first_time", render_time(s->first_us, true, time));
		jw_str(&w, "last_time", render_time(s->last_us, true, time));
	}
	json_counts(s, &w);
	jw_uint(&w, "outcomes_ok", s->status_ok);
	jw_uint(&w, "outcomes_not_ok", s->status_other);
	jw_uint(&w, "refused", s->refused);
	jw_uint(&w, "covered", s->covered);
	jw_uint(&w, "uncovered", s->uncovered);
	jw_uint(&w, "files", s->files);
	jw_uint(&w, "file_bytes", s->file_bytes);
	jw_uint(&w, "retention_days", s->retention_days);
	jw_key(&w, "writer");
	fputs(s->writer ? s->writer : "null", f);
	jw_close(&w, '}');
	putc('\n', f);
}

static void
print_agents(const struct stats *s, FILE *f)
{
	for (size_t i = 0; i < SLOTS; i++) {
		const struct agent *a = &s->agent[i];

		if (a->name[0])
			fprintf(f, "agent %-18s %12llu  denied %llu\n", a->name,
				(unsigned long long)a->records,
				(unsigned long long)a->denied);
	}
	if (s->others)
		fprintf(f, "%-24s %12llu\n", "other agents",
			(unsigned long long)s->others);
}

/* What of the writer's state a person looks for; --json has all of it. */
static void
print_writer(const struct stats *s, FILE *f)
{
	json_t *j = s->writer ? json_loads(s->writer, 0, NULL) : NULL;
	const char *failing = json_string_value(json_object_get(j, "failing"));

	if (!j) {
		fputs("writer     does not run\n", f);
		return;
	}
	fprintf(f,
		"writer     runs, %lld channels, %lld open actions, "
		"%lld records refused",
		(long long)json_integer_value(json_object_get(j, "channels")),
		(long long)json_integer_value(
			json_object_get(j, "open_actions")),
		(long long)json_integer_value(json_object_get(j, "refused")));
	if (failing) {
		fputs("; the log cannot be written: ", f);
		render_safe(f, failing, strlen(failing));
	}
	putc('\n', f);
	json_decref(j);
}

static void
print_log(const struct stats *s, FILE *f, bool utc)
{
	char time[RENDER_TIME_MAX], size[16];

	fprintf(f, "files      %llu, %s; kept %u days\n",
		(unsigned long long)s->files,
		str_from_size(s->file_bytes, size, sizeof(size)),
		s->retention_days);
	if (s->covered)
		fprintf(f,
			"checkpoint covers up to %llu, of %s; since then "
			"%llu records\n",
			(unsigned long long)s->covered,
			render_time(s->covered_us, utc, time),
			(unsigned long long)s->uncovered);
	if (s->refused)
		fprintf(f,
			"refused    %llu records: see `agentbox audit query "
			"--type log.gap`\n",
			(unsigned long long)s->refused);
	print_writer(s, f);
}

void
stats_print(const struct stats *s, FILE *f, bool utc)
{
	char time[RENDER_TIME_MAX], last[RENDER_TIME_MAX];

	fprintf(f, "records    %llu", (unsigned long long)s->n);
	if (s->n)
		fprintf(f, ", %llu to %llu, from %s to %s",
			(unsigned long long)s->first,
			(unsigned long long)s->last,
			render_time(s->first_us, utc, time),
			render_time(s->last_us, utc, last));
	putc('\n', f);
	print_log(s, f, utc);
	for (unsigned int i = 0; i <= RECORD_TYPE_MAX; i++)
		if (s->type[i])
			fprintf(f, "type %-19s %12llu\n", type_name(i),
				(unsigned long long)s->type[i]);
	for (size_t i = 0; i < ARRAY_SIZE(effects); i++)
		if (s->effect[i])
			fprintf(f, "effect %-17s %12llu\n", effects[i],
				(unsigned long long)s->effect[i]);
	print_agents(s, f);
}
