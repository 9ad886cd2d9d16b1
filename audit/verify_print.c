/*
 * Reports as text and JSON. What always holds: nothing of a log reaches a
 * terminal but texts that record_parse() found harmless; what is in JSON is
 * escaped; what was not checked is said.
 */
#include "audit/verify_print.h"
#include "lib/str.h"

#include <string.h>
#include <time.h>

#define N(v) ((unsigned long long)(v))

static void
print_hex(FILE *f, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%02x", p[i]);
}

/* RFC 3339, UTC; a year beyond 9999 as microseconds. */
static const char *
time_text(uint64_t us, char *buf, size_t size)
{
	time_t s = (time_t)(us / 1000000);
	char date[32];
	struct tm tm;

	if (us / 1000000 > 253402300799u || !gmtime_r(&s, &tm) ||
	    !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm))
		snprintf(buf, size, "%llu us", N(us));
	else
		snprintf(buf, size, "%s.%03uZ", date,
			 (unsigned int)(us / 1000 % 1000));
	return buf;
}

/* ---- for people ----------------------------------------------------------*/

void
verify_print_fault(FILE *f, const struct verify_report *r)
{
	bool cannot = r->fault == VERIFY_EMPTY || r->fault == VERIFY_READ;

	fputs(cannot ? "CANNOT CHECK: " : "NOT WHOLE: ", f);
	if (r->file[0] && r->seq)
		fprintf(f, "%s: offset %llu: ", r->file, N(r->offset));
	else if (r->file[0])
		fprintf(f, "%s: ", r->file);
	if (r->seq)
		fprintf(f, "record %llu: ", N(r->seq));
	fprintf(f, "%s (%s)\n", r->text, verify_fault_name(r->fault));
}

static void
print_seen(FILE *f, const struct verify_report *r)
{
	char size[32], first[40], last[40];

	fprintf(f, "log          ");
	print_hex(f, r->log, sizeof(r->log));
	if (r->follows) {
		fprintf(f, ", follows a damaged log: ");
		print_hex(f, r->former, sizeof(r->former));
	}
	fprintf(f, "\nrecords      %llu to %llu: %s in %llu files\n",
		N(r->first), N(r->last),
		str_from_size(r->bytes, size, sizeof(size)), N(r->segments));
	fprintf(f, "time         %s to %s\n",
		time_text(r->first_us, first, sizeof(first)),
		time_text(r->last_us, last, sizeof(last)));
	fprintf(f, "checkpoints  %llu, ", N(r->checkpoints));
	if (r->covered >= r->first)
		fprintf(f, "signed up to record %llu\n", N(r->covered));
	else
		fprintf(f, "no record is signed\n");
	fprintf(f,
		"actions      %llu intents, %llu outcomes, %llu went ahead and "
		"have no outcome yet\n",
		N(r->intents), N(r->outcomes), N(r->open_actions));
	fprintf(f,
		"events       %llu restarts, %llu gaps (%llu records refused), "
		"%llu files removed by retention\n",
		N(r->restarts), N(r->gaps), N(r->gap_records), N(r->expired));
}

/* What was held against the log, and what was not. */
static void
print_limits(FILE *f, const struct verify_report *r,
	     const struct verify_source *s)
{
	fprintf(f, "notes        %llu kept elsewhere", N(r->notes));
	if (r->notes_old)
		fprintf(f, ", %llu older than the first record",
			N(r->notes_old));
	if (r->head)
		fprintf(f, "; file head: %llu records", N(r->head));
	else
		fprintf(f, "; no file head");
	fprintf(f, "\nMACs         %s\n",
		r->macs ? "checked" : "not checked (no --mac-key)");
	if (s->key_beside_log)
		fprintf(f, "warning: the public key lies beside the log: by "
			   "itself it proves nothing against those who can "
			   "write there\n");
	if (!r->notes)
		fprintf(f, "warning: no checkpoint kept elsewhere was given: "
			   "a log that was cut, and its file head replaced, "
			   "looks whole\n");
	if (r->uncovered && !r->macs)
		fprintf(f,
			"warning: %llu records after the last checkpoint are "
			"not signed yet: who can write there can change them\n",
			N(r->uncovered));
}

void
verify_print(FILE *f, const struct verify_report *r,
	     const struct verify_source *s)
{
	if (r->records)
		print_seen(f, r);
	if (r->records || r->fault == VERIFY_OK)
		print_limits(f, r, s);
	if (r->fault == VERIFY_OK)
		fprintf(f, "WHOLE\n");
	else
		verify_print_fault(f, r);
}

/* ---- JSON ----------------------------------------------------------------*/

/* The bytes are UTF-8 without control characters, as a checked field or our own
 * text; other bytes are not let through. */
static void
json_string(FILE *f, const char *s, size_t n)
{
	putc('"', f);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(f, "\\u%04x", c);
		else
			putc(c, f);
	}
	putc('"', f);
}

static void
json_hex(FILE *f, const char *name, const uint8_t *p, size_t n)
{
	fprintf(f, ",\"%s\":\"", name);
	print_hex(f, p, n);
	putc('"', f);
}

static void
json_fault(FILE *f, const struct verify_report *r)
{
	fprintf(f, "{\"whole\":%s,\"fault\":\"%s\"",
		r->fault ? "false" : "true", verify_fault_name(r->fault));
	if (!r->fault)
		return;
	if (r->seq)
		fprintf(f, ",\"seq\":%llu", N(r->seq));
	if (r->file[0]) {
		fprintf(f, ",\"file\":");
		json_string(f, r->file, strlen(r->file));
		fprintf(f, ",\"offset\":%llu", N(r->offset));
	}
	fprintf(f, ",\"text\":");
	json_string(f, r->text, strlen(r->text));
}

void
verify_print_json(FILE *f, const struct verify_report *r,
		  const struct verify_source *s)
{
	const struct {
		const char *name;
		uint64_t v;
	} numbers[] = {
		{ "first", r->first },
		{ "last", r->last },
		{ "records", r->records },
		{ "bytes", r->bytes },
		{ "segments", r->segments },
		{ "checkpoints", r->checkpoints },
		{ "covered", r->covered },
		{ "uncovered", r->uncovered },
		{ "intents", r->intents },
		{ "outcomes", r->outcomes },
		{ "open_actions", r->open_actions },
		{ "restarts", r->restarts },
		{ "gaps", r->gaps },
		{ "gap_records", r->gap_records },
		{ "expired", r->expired },
		{ "first_us", r->first_us },
		{ "last_us", r->last_us },
		{ "head", r->head },
		{ "notes", r->notes },
		{ "notes_old", r->notes_old },
	};

	json_fault(f, r);
	json_hex(f, "log", r->log, sizeof(r->log));
	json_hex(f, "root", r->root, sizeof(r->root));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		fprintf(f, ",\"%s\":%llu", numbers[i].name, N(numbers[i].v));
	if (r->follows)
		json_hex(f, "former", r->former, sizeof(r->former));
	fprintf(f, ",\"macs\":%s,\"key_beside_log\":%s}\n",
		r->macs ? "true" : "false",
		s->key_beside_log ? "true" : "false");
}

/* ---- proofs --------------------------------------------------------------*/

static void
print_value(FILE *f, const struct field *v, bool json)
{
	const char *quote = json ? "\"" : "";

	if (field_name(v->id) && field_kind(v->id) == AS_UINT) {
		fprintf(f, "%llu", N(record_u64(v->bytes)));
	} else if (field_name(v->id) && field_kind(v->id) != AS_BYTES) {
		if (json)
			json_string(f, (const char *)v->bytes, v->len);
		else
			fprintf(f, "%.*s", (int)v->len, (const char *)v->bytes);
	} else {
		fprintf(f, "%s", quote);
		print_hex(f, v->bytes, v->len);
		fprintf(f, "%s", quote);
	}
}

static const char *
name_of(unsigned int id, char *buf, size_t size)
{
	const char *name = field_name(id);

	snprintf(buf, size, "%u", id);
	return name ? name : buf;
}

void
verify_print_proof(FILE *f, const struct proof *p)
{
	const char *type = record_type_name(p->record.type);
	char when[40], number[16];
	struct field v;
	size_t at = 0;

	fprintf(f, "record %llu of log ", N(p->record.seq));
	print_hex(f, p->note.log, sizeof(p->note.log));
	fprintf(f, ", signed with the checkpoint of %llu records, %s\n",
		N(p->note.size),
		time_text(p->note.time_us, when, sizeof(when)));
	fprintf(f, "  type %s\n", type ? type : "unknown");
	fprintf(f, "  time %s\n",
		time_text(p->record.time_us, when, sizeof(when)));
	if (p->record.ref)
		fprintf(f, "  ref %llu\n", N(p->record.ref));
	if (p->record.channel)
		fprintf(f, "  channel %llu\n", N(p->record.channel));
	while (record_next(&p->record, &at, &v)) {
		fprintf(f, "  %s ", name_of(v.id, number, sizeof(number)));
		print_value(f, &v, false);
		putc('\n', f);
	}
}

void
verify_print_proof_json(FILE *f, const struct proof *p)
{
	const char *type = record_type_name(p->record.type);
	char number[16];
	struct field v;
	size_t at = 0;

	fprintf(f, "{\"proved\":true,\"seq\":%llu", N(p->record.seq));
	json_hex(f, "log", p->note.log, sizeof(p->note.log));
	fprintf(f, ",\"checkpoint\":{\"size\":%llu,\"time_us\":%llu}",
		N(p->note.size), N(p->note.time_us));
	fprintf(f, ",\"type\":\"%s\",\"time_us\":%llu", type ? type : "unknown",
		N(p->record.time_us));
	fprintf(f, ",\"ref\":%llu,\"channel\":%llu,\"fields\":{",
		N(p->record.ref), N(p->record.channel));
	while (record_next(&p->record, &at, &v)) {
		fprintf(f,
			"%s\"%s\":", v.bytes == p->record.fields + 4 ? "" : ",",
			name_of(v.id, number, sizeof(number)));
		print_value(f, &v, true);
	}
	fprintf(f, "}}\n");
}
