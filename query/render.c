/*
 * Records as lines for people and as JSON. What always holds: nothing printed
 * here steers a terminal. Texts of records were checked when they were parsed;
 * numbers and hex are ours; JSON fields are printable ASCII; a field of a
 * number that is not known is hex.
 */
#include "query/render.h"
#include "lib/str.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

void
render_init(struct render *rd, FILE *f, bool utc)
{
	const char *no = getenv("NO_COLOR");

	*rd = (struct render){ .f = f,
			       .utc = utc,
			       .colour = isatty(fileno(f)) && !(no && no[0]) };
}

/* ---- pieces --------------------------------------------------------------*/

const char *
render_time(uint64_t us, bool utc, char *buf)
{
	time_t t = (time_t)(us / 1000000);
	char date[24], zone[8];
	struct tm tm;

	if (us / 1000000 > 253402300799u) { /* the year 10000 */
		snprintf(buf, RENDER_TIME_MAX, "%llu us",
			 (unsigned long long)us);
		return buf;
	}
	if (utc ? !gmtime_r(&t, &tm) : !localtime_r(&t, &tm))
		memset(&tm, 0, sizeof(tm));
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	if (utc)
		snprintf(zone, sizeof(zone), "Z");
	else
		snprintf(zone, sizeof(zone), "%c%02ld:%02ld",
			 tm.tm_gmtoff < 0 ? '-' : '+',
			 labs(tm.tm_gmtoff) / 3600 % 100,
			 labs(tm.tm_gmtoff) / 60 % 60);
	snprintf(buf, RENDER_TIME_MAX, "%s.%06u%s", date,
		 (unsigned int)(us % 1000000), zone);
	return buf;
}

void
render_hex(FILE *f, const uint8_t *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		putc_unlocked(hex[p[i] >> 4], f);
		putc_unlocked(hex[p[i] & 15], f);
	}
}

/* Through the escapes of records, piece by piece. */
void
render_safe(FILE *f, const char *s, size_t n)
{
	struct fields *v = malloc(sizeof(*v));
	struct record r;
	struct field t;

	if (!v)
		return;
	fields_init(v);
	fields_text_n(v, FIELD_DETAIL, s, n, 0);
	r = (struct record){ .fields = v->bytes, .fields_len = v->len };
	if (record_get(&r, FIELD_DETAIL, &t))
		fwrite(t.bytes, 1, t.len, f);
	free(v);
}

/* What JSON wants escaped (RFC 8259, section 7); the rest is UTF-8 already. */
static void
json_escape(FILE *f, const uint8_t *s, size_t n)
{
	size_t from = 0;

	putc_unlocked('"', f);
	for (size_t i = 0; i < n; i++) {
		if (s[i] >= 0x20 && s[i] != '"' && s[i] != '\\')
			continue;
		fwrite_unlocked(s + from, 1, i - from, f);
		if (s[i] < 0x20)
			fprintf(f, "\\u%04x", s[i]);
		else {
			putc_unlocked('\\', f);
			putc_unlocked(s[i], f);
		}
		from = i + 1;
	}
	fwrite_unlocked(s + from, 1, n - from, f);
	putc_unlocked('"', f);
}

/* jansson knows what UTF-8 is. */
void
render_json_string(FILE *f, const char *s, size_t n)
{
	json_t *j = json_stringn(s, n);

	if (j) {
		json_escape(f, (const uint8_t *)s, n);
		json_decref(j);
		return;
	}
	putc_unlocked('"', f);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x80 && s[i] >= 0x20 && s[i] != '"' &&
		    s[i] != '\\')
			putc_unlocked(s[i], f);
		else
			fputs("\xef\xbf\xbd", f);
	putc_unlocked('"', f);
}

/* One JSON value as it is, if it is one: jansson bounds the depth, and numbers
 * that no reader would keep whole are none. */
static void
json_value(FILE *f, const uint8_t *s, size_t n)
{
	json_t *j = json_loadb((const char *)s, n,
			       JSON_DECODE_ANY | JSON_REJECT_DUPLICATES |
				       JSON_ALLOW_NUL,
			       NULL);

	if (j)
		fwrite_unlocked(s, 1, n, f);
	else
		json_escape(f, s, n);
	json_decref(j);
}

static enum field_kind
kind_of(const struct field *v)
{
	return field_name(v->id) ? field_kind(v->id) : AS_BYTES;
}

void
render_field(FILE *f, const struct field *v)
{
	switch (kind_of(v)) {
	case AS_UINT:
		fprintf(f, "%llu", (unsigned long long)record_u64(v->bytes));
		break;
	case AS_TEXT:
	case AS_JSON:
		fwrite_unlocked(v->bytes, 1, v->len, f);
		break;
	case AS_BYTES:
		render_hex(f, v->bytes, v->len);
		break;
	}
}

const char *
render_get(const struct record *r, enum field_id id, char *buf, size_t size)
{
	struct field v;
	size_t n = 0;

	if (r && record_get(r, id, &v)) {
		n = MIN((size_t)v.len, size - 1);
		/* not in the middle of a character */
		while (n && n < v.len && (v.bytes[n] & 0xc0) == 0x80)
			n--;
		memcpy(buf, v.bytes, n);
	}
	buf[n] = '\0';
	return buf;
}

bool
render_is(const struct record *r, enum field_id id, const char *word)
{
	struct field v;

	return r && record_get(r, id, &v) && v.len == strlen(word) &&
	       memcmp(v.bytes, word, v.len) == 0;
}

/* ---- JSON ----------------------------------------------------------------*/

/* Above what readers hold in 64 bits with a sign it is a string: one such
 * number must not cost them the record. */
void
render_json_uint(FILE *f, uint64_t v)
{
	fprintf(f, v > INT64_MAX ? "\"%llu\"" : "%llu", (unsigned long long)v);
}

static void
json_field(FILE *f, const struct field *v)
{
	const char *name = field_name(v->id);

	if (name)
		fprintf(f, ",\"%s\":", name);
	else
		fprintf(f, ",\"field-%u\":", v->id);
	switch (kind_of(v)) {
	case AS_UINT:
		render_json_uint(f, record_u64(v->bytes));
		break;
	case AS_TEXT:
		json_escape(f, v->bytes, v->len);
		break;
	case AS_JSON:
		json_value(f, v->bytes, v->len);
		break;
	case AS_BYTES:
		putc_unlocked('"', f);
		render_hex(f, v->bytes, v->len);
		putc_unlocked('"', f);
		break;
	}
}

void
render_json_fields(FILE *f, const struct record *r)
{
	struct field v;
	size_t at = 0;

	while (record_next(r, &at, &v))
		json_field(f, &v);
}

const char *
render_type(const struct record *r, char *buf)
{
	const char *name = record_type_name(r->type);

	if (name)
		snprintf(buf, RENDER_TYPE_MAX, "%s", name);
	else
		snprintf(buf, RENDER_TYPE_MAX, "type-%u", r->type);
	return buf;
}

/* Who made it, from the channel record. */
static void
json_who(FILE *f, const struct record *who)
{
	static const enum field_id ids[] = { FIELD_AGENT,	FIELD_AGENT_ID,
					     FIELD_INSTANCE,	FIELD_RUN,
					     FIELD_OWNER,	FIELD_TEAM,
					     FIELD_ON_BEHALF_OF };
	struct field v;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (record_get(who, ids[i], &v))
			json_field(f, &v);
}

static void
head_number(FILE *f, const char *name, uint64_t v)
{
	if (!v)
		return;
	fprintf(f, ",\"%s\":", name);
	render_json_uint(f, v);
}

void
render_json(FILE *f, const struct record *r, const struct record *who)
{
	char time[RENDER_TIME_MAX], type[RENDER_TYPE_MAX];

	fputs("{\"seq\":", f);
	render_json_uint(f, r->seq);
	fprintf(f, ",\"time\":\"%s\",\"type\":\"%s\"",
		render_time(r->time_us, true, time), render_type(r, type));
	head_number(f, "ref", r->ref);
	head_number(f, "channel", r->channel);
	head_number(f, "monotonic_us", r->boot_us);
	if (who && r->type != RECORD_CHANNEL)
		json_who(f, who);
	render_json_fields(f, r);
	fprintf(f, ",\"key\":%u,\"mac\":\"", r->key);
	render_hex(f, r->mac, RECORD_HASH_LEN);
	fputs("\",\"hash\":\"", f);
	render_hex(f, r->hash, RECORD_HASH_LEN);
	fputs("\"}", f);
}
