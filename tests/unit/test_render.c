/* links: query audit lib */
/* Records as lines and as JSON: valid whatever is in them, and nothing that
 * steers a terminal. */
#include "query/export.h"
#include "query/render.h"
#include "tests/tap.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

static uint8_t frame[2][RECORD_MAX];

static struct record
record(int i, enum record_type type, const struct fields *f)
{
	struct record_head h = { .seq = 17 + (uint64_t)i,
				 .time_us = UINT64_C(1764064800123456),
				 .boot_us = 5,
				 .channel = type == RECORD_CHANNEL ? 0 : 3,
				 .ref = type == RECORD_OUTCOME ? 12 : 0,
				 .type = (uint16_t)type };
	struct record r;
	size_t n = record_write(&h, f->bytes, f->len, frame[i]);

	if (record_parse(frame[i], n, &r) != (int)n)
		FAIL("the record is none");
	return r;
}

static struct record
intent(void)
{
	static const char inputs[] = "{\"a\":[1,2.5,\"x\"]}";
	struct fields f;

	fields_init(&f);
	fields_text(&f, FIELD_WHAT, "tools.call");
	fields_text(&f, FIELD_TARGET, "=gi\"t\\\033[31m\xe2\x80\xae/x");
	fields_bytes(&f, FIELD_ARGS_DIGEST, "\x01\xff", 2);
	fields_json(&f, FIELD_INPUTS, inputs, sizeof(inputs) - 1);
	fields_json(&f, FIELD_DECISION, "{\"a\":", 5); /* not JSON */
	fields_text(&f, FIELD_EFFECT, "deny");
	fields_text(&f, FIELD_RULE, "no-git");
	fields_text(&f, FIELD_REASON, "rule");
	fields_uint(&f, FIELD_EPOCH, UINT64_MAX);
	return record(0, RECORD_INTENT, &f);
}

static struct record
channel(void)
{
	struct fields f;

	fields_init(&f);
	fields_text(&f, FIELD_AGENT, "helper");
	fields_text(&f, FIELD_RUN, "r-1");
	fields_text(&f, FIELD_OWNER, "alice");
	return record(1, RECORD_CHANNEL, &f);
}

/* What one of the writers wrote. */
static char *
written(void (*fn)(FILE *, const struct record *, const struct record *),
	const struct record *r, const struct record *who)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	ASSERT_NOT_NULL(f);
	fn(f, r, who);
	fclose(f);
	return text;
}

static char *
line(const struct record *r, const struct record *who, bool colour)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	struct render rd = { .f = f, .utc = true, .colour = colour };

	render_line(&rd, r, who);
	fclose(f);
	return text;
}

static const char *
string(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	if (!s)
		FAIL("no text \"%s\"", key);
	return s;
}

TEST(json)
{
	struct record r = intent(), who = channel();
	char *text = written(render_json, &r, &who);
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (!j)
		FAIL("no JSON: %s", text);
	ASSERT_EQ(json_integer_value(json_object_get(j, "seq")), 17);
	ASSERT_STREQ(string(j, "time"), "2025-11-25T10:00:00.123456Z");
	ASSERT_STREQ(string(j, "type"), "intent");
	ASSERT_STREQ(string(j, "agent"), "helper");
	ASSERT_STREQ(string(j, "owner"), "alice");
	ASSERT_STREQ(string(j, "args_digest"), "01ff");
	ASSERT_STREQ(string(j, "decision"), "{\"a\":");
	ASSERT_STREQ(string(j, "target"), "=gi\"t\\\\\\x1b[31m\\u{202e}/x");
	ASSERT_TRUE(json_is_object(json_object_get(j, "inputs")));
	ASSERT_NULL(json_object_get(j, "ref"));
	ASSERT_EQ(strlen(string(j, "hash")), 64);
	ASSERT_STRSTR(text, "\"epoch\":\"18446744073709551615\"");
	json_decref(j);
	free(text);
	/* without who, and who itself */
	text = written(render_json, &r, NULL);
	ASSERT_NULL(strstr(text, "helper"));
	free(text);
	text = written(render_json, &who, &who);
	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ASSERT_NOT_NULL(j);
	json_decref(j);
	free(text);
}

/* Every type and field that there is, by itself. */
TEST(json_of_each_field)
{
	for (unsigned int id = 1; id < FIELD_ID_MAX; id++) {
		struct fields f;
		struct record r;
		char *text;
		json_t *j;

		if (!field_name(id))
			continue;
		fields_init(&f);
		if (field_kind(id) == AS_UINT)
			fields_uint(&f, (enum field_id)id, 7);
		else if (field_kind(id) == AS_JSON)
			fields_json(&f, (enum field_id)id, "[1e400]", 7);
		else
			fields_bytes(&f, (enum field_id)id, "\"\\", 2);
		r = record(0, RECORD_ANOMALY, &f);
		text = written(render_json, &r, NULL);
		j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
		if (!j || !json_object_get(j, field_name(id)))
			FAIL("%s: %s", field_name(id), text);
		json_decref(j);
		free(text);
	}
}

TEST(json_of_what_is_not_known)
{
	static const uint8_t odd[] = { 250, 0, 2, 0, 0x1b, '[' };
	struct fields f;
	struct record r;
	char *text;

	fields_init(&f);
	memcpy(f.bytes, odd, sizeof(odd));
	f.len = sizeof(odd);
	r = record(0, (enum record_type)63, &f);
	text = written(render_json, &r, NULL);
	ASSERT_STRSTR(text, "\"type\":\"type-63\"");
	ASSERT_STRSTR(text, "\"field-250\":\"1b5b\"");
	free(text);
	text = line(&r, NULL, false);
	ASSERT_STRSTR(text, "type-63");
	ASSERT_NULL(strchr(text, '\033'));
	free(text);
}

TEST(lines)
{
	struct record r = intent(), who = channel();
	char *text = line(&r, &who, false);

	ASSERT_STREQ(text, "2025-11-25T10:00:00.123Z      17  helper/r-1  "
			   "intent  tools.call  "
			   "=gi\"t\\\\\\x1b[31m\\u{202e}/x  deny  "
			   "rule no-git  (rule)  epoch "
			   "18446744073709551615\n");
	free(text);
	text = line(&r, &who, true);
	ASSERT_STRSTR(text, "\033[31mdeny\033[0m");
	free(text);
	text = line(&r, NULL, false);
	ASSERT_STRSTR(text, "  channel-3  intent");
	free(text);
}

TEST(long_texts_are_cut)
{
	char word[1001], *text;
	struct fields f;
	struct record r;

	memset(word, 'x', 1000);
	/* a character of two bytes over the cut */
	memcpy(word + 199, "\xc3\xa9", 2);
	word[1000] = '\0';
	fields_init(&f);
	fields_text(&f, FIELD_WHAT, word);
	r = record(0, RECORD_ANOMALY, &f);
	text = line(&r, NULL, false);
	ASSERT_STRSTR(text, "xx...\n");
	ASSERT_NULL(strstr(text, "\xc3"));
	free(text);
}

TEST(times)
{
	char buf[RENDER_TIME_MAX];

	ASSERT_STREQ(render_time(0, true, buf), "1970-01-01T00:00:00.000000Z");
	setenv("TZ", "XYZ-05:30", 1);
	tzset();
	ASSERT_STREQ(render_time(1, false, buf),
		     "1970-01-01T05:30:00.000001+05:30");
	setenv("TZ", "XYZ03", 1);
	tzset();
	ASSERT_STREQ(render_time(UINT64_C(86400000000), false, buf),
		     "1970-01-01T21:00:00.000000-03:00");
	ASSERT_STREQ(render_time(UINT64_MAX, true, buf),
		     "18446744073709551615 us");
}

TEST(texts)
{
	char buf[4], *text = NULL;
	struct record r = intent();
	size_t n;
	FILE *f = open_memstream(&text, &n);

	render_safe(f, "a\033b\xff", 4);
	render_json_string(f, "q\"\n\xc3\xa9", 5);
	render_json_string(f, "\xff\"", 2);
	fclose(f);
	ASSERT_STREQ(text, "a\\x1bb\\xff\"q\\\"\\u000a\xc3\xa9\""
			   "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	free(text);
	ASSERT_STREQ(render_get(&r, FIELD_WHAT, buf, sizeof(buf)), "too");
	ASSERT_STREQ(render_get(&r, FIELD_STATUS, buf, sizeof(buf)), "");
	ASSERT_STREQ(render_get(NULL, FIELD_WHAT, buf, sizeof(buf)), "");
	ASSERT_TRUE(render_is(&r, FIELD_EFFECT, "deny"));
	ASSERT_FALSE(render_is(&r, FIELD_EFFECT, "den"));
	ASSERT_FALSE(render_is(NULL, FIELD_EFFECT, "deny"));
}

static json_t *
exported(void (*fn)(FILE *, const struct record *, const struct record *))
{
	struct record r = intent(), who = channel();
	char *text = written(fn, &r, &who);
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (!j)
		FAIL("no JSON: %s", text);
	free(text);
	return j;
}

static json_int_t
number(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

TEST(ocsf)
{
	json_t *j = exported(export_ocsf), *in;
	struct fields f;
	struct record r;
	char *text;

	ASSERT_EQ(number(j, "action_id"), 2);
	ASSERT_EQ(number(j, "type_uid"),
		  number(j, "class_uid") * 100 + number(j, "activity_id"));
	ASSERT_STREQ(string(json_object_get(j, "ai_agent"), "name"), "helper");
	in = json_object_get(json_object_get(j, "unmapped"), "agentbox");
	ASSERT_STREQ(string(in, "rule"), "no-git");
	json_decref(j);

	fields_init(&f);
	fields_text(&f, FIELD_WHAT, "memory.get");
	fields_text(&f, FIELD_SURFACE, "memory");
	fields_text(&f, FIELD_CLASS, "read");
	fields_text(&f, FIELD_EFFECT, "allow");
	r = record(0, RECORD_INTENT, &f);
	text = written(export_ocsf, &r, NULL);
	j = json_loads(text, 0, NULL);
	ASSERT_EQ(number(j, "class_uid"), 6005);
	ASSERT_EQ(number(j, "category_uid"), 6);
	ASSERT_EQ(number(j, "activity_id"), 1);
	ASSERT_EQ(number(j, "action_id"), 1);
	json_decref(j);
	free(text);
}

TEST(otel)
{
	json_t *j = exported(export_otel), *l;
	char *text;

	l = json_array_get(json_object_get(j, "resourceLogs"), 0);
	l = json_array_get(json_object_get(l, "scopeLogs"), 0);
	ASSERT_STRSTR(string(l, "schemaUrl"), "gen-ai");
	l = json_array_get(json_object_get(l, "logRecords"), 0);
	ASSERT_STREQ(string(l, "timeUnixNano"), "1764064800123456000");
	ASSERT_EQ(number(l, "severityNumber"), 13);
	text = json_dumps(l, JSON_COMPACT);
	ASSERT_STRSTR(text, "{\"key\":\"gen_ai.agent.name\",\"value\":"
			    "{\"stringValue\":\"helper\"}}");
	free(text);
	json_decref(j);
}

/* Cells that a spreadsheet would compute, and quotes. */
TEST(csv)
{
	struct record r = intent(), who = channel();
	char *text = written(export_csv, &r, &who), *head = NULL;
	size_t n, commas[2] = { 0 };
	FILE *f = open_memstream(&head, &n);

	export_csv_head(f);
	fclose(f);
	ASSERT_STRSTR(text, ",\"'=gi\"\"t");
	ASSERT_STRSTR(text, "\r\n");
	for (const char *p = head; *p; p++)
		commas[0] += *p == ',';
	for (const char *p = text; *p; p++)
		commas[1] += *p == ',';
	ASSERT_EQ(commas[0], commas[1]);
	free(text);
	free(head);
}
