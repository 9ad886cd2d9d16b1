/*
 * Records as a table. What always holds: no cell begins as a formula, since
 * much of the text was chosen by an agent and a spreadsheet would compute it
 * (CWE-1236).
 */
#include "query/export.h"
#include "query/render.h"

#include <string.h>

static const struct {
	enum field_id id;
	bool who;
} columns[] = {
	{ FIELD_AGENT, true },		{ FIELD_RUN, true },
	{ FIELD_INSTANCE, true },	{ FIELD_OWNER, true },
	{ FIELD_TEAM, true },		{ FIELD_ON_BEHALF_OF, true },
	{ FIELD_WHAT, false },		{ FIELD_SURFACE, false },
	{ FIELD_CLASS, false },		{ FIELD_TARGET, false },
	{ FIELD_EFFECT, false },	{ FIELD_RULE, false },
	{ FIELD_REASON, false },	{ FIELD_LEVEL, false },
	{ FIELD_POLICY, false },	{ FIELD_POLICY_HASH, false },
	{ FIELD_EPOCH, false },		{ FIELD_STATUS, false },
	{ FIELD_ERROR, false },		{ FIELD_DETAIL, false },
	{ FIELD_LATENCY_US, false },	{ FIELD_BYTES_IN, false },
	{ FIELD_BYTES_OUT, false },	{ FIELD_ARGS_DIGEST, false },
	{ FIELD_RESULT_DIGEST, false }, { FIELD_APPROVAL, false },
	{ FIELD_BY_UID, false },	{ FIELD_WHY, false },
	{ FIELD_CAUSE, false },
};

void
export_csv_head(FILE *f)
{
	fputs("seq,time,type,ref", f);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		fprintf(f, ",%s", field_name(columns[i].id));
	fputs(",hash\r\n", f);
}

static void
text_cell(FILE *f, const uint8_t *s, size_t n)
{
	putc_unlocked('"', f);
	if (n && s[0] && strchr("=+-@", s[0]))
		putc_unlocked('\'', f);
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"')
			putc_unlocked('"', f);
		putc_unlocked(s[i], f);
	}
	putc_unlocked('"', f);
}

static void
cell(FILE *f, const struct record *r, enum field_id id)
{
	struct field v;

	putc_unlocked(',', f);
	if (!r || !record_get(r, id, &v))
		return;
	if (field_kind(id) == AS_TEXT || field_kind(id) == AS_JSON)
		text_cell(f, v.bytes, v.len);
	else
		render_field(f, &v);
}

void
export_csv(FILE *f, const struct record *r, const struct record *who)
{
	char time[RENDER_TIME_MAX], type[RENDER_TYPE_MAX];

	fprintf(f, "%llu,%s,%s,", (unsigned long long)r->seq,
		render_time(r->time_us, true, time), render_type(r, type));
	if (r->ref)
		fprintf(f, "%llu", (unsigned long long)r->ref);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		cell(f, columns[i].who ? who : r, columns[i].id);
	putc_unlocked(',', f);
	render_hex(f, r->hash, RECORD_HASH_LEN);
	fputs("\r\n", f);
}
