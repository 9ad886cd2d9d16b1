/* A record as one line: when, number, who, what, to what, with what result. */
#include "query/render.h"

#include <string.h>

#define CUT 200u /* bytes of one field */

static const char *const codes[] = {
	[COLOUR_GOOD] = "\033[32m",
	[COLOUR_BAD] = "\033[31m",
	[COLOUR_WARN] = "\033[33m",
	[COLOUR_DIM] = "\033[2m",
};

void
render_on(const struct render *rd, enum render_colour c)
{
	if (rd->colour && c != COLOUR_NONE)
		fputs(codes[c], rd->f);
}

void
render_off(const struct render *rd)
{
	if (rd->colour)
		fputs("\033[0m", rd->f);
}

static enum render_colour
word_colour(const struct field *v)
{
	static const struct {
		const char *word;
		enum render_colour colour;
	} words[] = {
		{ "allow", COLOUR_GOOD },  { "ok", COLOUR_GOOD },
		{ "deny", COLOUR_BAD },	   { "prohibit", COLOUR_BAD },
		{ "none", COLOUR_BAD },	   { "error", COLOUR_BAD },
		{ "denied", COLOUR_BAD },  { "killed", COLOUR_BAD },
		{ "timeout", COLOUR_BAD }, { "unknown", COLOUR_WARN },
		{ "ask", COLOUR_WARN },	   { "redact", COLOUR_WARN },
		{ "limit", COLOUR_WARN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i].word) == v->len &&
		    memcmp(words[i].word, v->bytes, v->len) == 0)
			return words[i].colour;
	return COLOUR_NONE;
}

enum look {
	PLAIN,
	WORD,	  /* coloured by what it says */
	DIGEST,	  /* the first 12 digits */
	DURATION, /* microseconds */
	SIZE,	  /* bytes */
};

/* What a line shows, in this order. */
static const struct {
	enum field_id id;
	enum look look;
	const char *before, *after;
} parts[] = {
	{ FIELD_WHAT, PLAIN, "", "" },
	{ FIELD_TARGET, PLAIN, "", "" },
	{ FIELD_EFFECT, WORD, "", "" },
	{ FIELD_RULE, PLAIN, "rule ", "" },
	{ FIELD_REASON, PLAIN, "(", ")" },
	{ FIELD_STATUS, WORD, "", "" },
	{ FIELD_ERROR, PLAIN, "", "" },
	{ FIELD_EXIT_STATUS, PLAIN, "exit ", "" },
	{ FIELD_SIGNAL, PLAIN, "signal ", "" },
	{ FIELD_LATENCY_US, DURATION, "", "" },
	{ FIELD_POLICY, PLAIN, "policy ", "" },
	{ FIELD_EPOCH, PLAIN, "epoch ", "" },
	{ FIELD_TRIGGER, PLAIN, "trigger ", "" },
	{ FIELD_APPROVAL, PLAIN, "approval ", "" },
	{ FIELD_NAME, PLAIN, "box ", "" },
	{ FIELD_PROFILE, PLAIN, "profile ", "" },
	{ FIELD_OWNER, PLAIN, "owner ", "" },
	{ FIELD_SEGMENT, PLAIN, "file ", "" },
	{ FIELD_SIZE, PLAIN, "records ", "" },
	{ FIELD_ROOT, DIGEST, "root ", "" },
	{ FIELD_LAST, PLAIN, "up to ", "" },
	{ FIELD_COUNT, PLAIN, "count ", "" },
	{ FIELD_BYTES, SIZE, "", "" },
	{ FIELD_CAUSE, PLAIN, "", "" },
	{ FIELD_DETAIL, PLAIN, "", "" },
	{ FIELD_WHY, PLAIN, "\"", "\"" },
};

static void
print_cut(FILE *f, const uint8_t *s, size_t len)
{
	size_t n = MIN(len, CUT);

	while (n && n < len && (s[n] & 0xc0) == 0x80)
		n--;
	fwrite(s, 1, n, f);
	if (n < len)
		fputs("...", f);
}

static void
print_duration(FILE *f, uint64_t us)
{
	if (us < 10000)
		fprintf(f, "%llu us", (unsigned long long)us);
	else if (us < 10000000)
		fprintf(f, "%llu ms", (unsigned long long)(us / 1000));
	else
		fprintf(f, "%llu s", (unsigned long long)(us / 1000000));
}

static void
print_part(const struct render *rd, const struct field *v, enum look look)
{
	bool number = field_kind(v->id) == AS_UINT;

	if (look == WORD)
		render_on(rd, word_colour(v));
	if (look == DIGEST)
		render_hex(rd->f, v->bytes, MIN(v->len, 6u));
	else if (look == DURATION)
		print_duration(rd->f, record_u64(v->bytes));
	else if (look == SIZE)
		fprintf(rd->f, "%llu bytes",
			(unsigned long long)record_u64(v->bytes));
	else if (number)
		render_field(rd->f, v);
	else
		print_cut(rd->f, v->bytes, v->len);
	if (look == WORD)
		render_off(rd);
}

static void
print_who(const struct render *rd, const struct record *r,
	  const struct record *who)
{
	struct field v;

	if (!r->channel && r->type != RECORD_CHANNEL) {
		fputs("  log", rd->f);
		return;
	}
	fputs("  ", rd->f);
	if (who && record_get(who, FIELD_AGENT, &v))
		print_cut(rd->f, v.bytes, v.len);
	else
		fprintf(rd->f, "channel-%llu", (unsigned long long)r->channel);
	if (who && record_get(who, FIELD_RUN, &v)) {
		putc('/', rd->f);
		print_cut(rd->f, v.bytes, v.len);
	}
}

/* To the millisecond. */
static void
print_when(const struct render *rd, const struct record *r)
{
	char time[RENDER_TIME_MAX];
	size_t n = strlen(render_time(r->time_us, rd->utc, time));

	render_on(rd, COLOUR_DIM);
	if (n > 26)
		fprintf(rd->f, "%.23s%s", time, time + 26);
	else
		fputs(time, rd->f);
	render_off(rd);
}

void
render_line(const struct render *rd, const struct record *r,
	    const struct record *who)
{
	char type[RENDER_TYPE_MAX];
	struct field v;

	print_when(rd, r);
	fprintf(rd->f, " %7llu", (unsigned long long)r->seq);
	print_who(rd, r, who);
	fprintf(rd->f, "  %s", render_type(r, type));
	if (r->ref)
		fprintf(rd->f, " of %llu", (unsigned long long)r->ref);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!record_get(r, parts[i].id, &v) || !v.len)
			continue;
		fprintf(rd->f, "  %s", parts[i].before);
		print_part(rd, &v, parts[i].look);
		fputs(parts[i].after, rd->f);
	}
	putc('\n', rd->f);
}
