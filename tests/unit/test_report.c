/* links: lib sandbox supervisor */
/* The table of requested against enforced, there and back, and aligned. */
#include "lib/macro.h"
#include "supervisor/report.h"
#include "tests/tap.h"

#include <string.h>

static void
fill(struct layer_table *t)
{
	memset(t, 0, sizeof(*t));
	for (int i = 0; i < LAYER_MAX; i++) {
		struct layer_row *r = &t->row[i];

		r->state = (enum layer_state)(i % (LAYER_ABSENT + 1));
		r->optional = i % 2;
		snprintf(r->requested, sizeof(r->requested), "want %d", i);
		snprintf(r->enforced, sizeof(r->enforced), "have %d", i);
	}
}

TEST(json_there_and_back)
{
	struct layer_table t, back;
	json_t *j;

	fill(&t);
	j = report_layers_json(&t);
	ASSERT_NOT_NULL(j);
	ASSERT_OK(report_layers_parse(j, &back));
	for (int i = 0; i < LAYER_MAX; i++) {
		ASSERT_EQ(back.row[i].state, t.row[i].state);
		ASSERT_EQ(back.row[i].optional, t.row[i].optional);
		ASSERT_STREQ(back.row[i].requested, t.row[i].requested);
		ASSERT_STREQ(back.row[i].enforced, t.row[i].enforced);
	}
	json_decref(j);
}

TEST(parse_refuses_what_is_no_table)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{ "[]", 0 },
		{ "{}", -EPROTO },
		{ "[1]", -EPROTO },
		{ "[{\"layer\":\"pid\"}]", -EPROTO },
		{ "[{\"layer\":\"pid\",\"state\":\"odd\",\"optional\":false,"
		  "\"requested\":\"\",\"enforced\":\"\"}]",
		  -EPROTO },
		{ "[{\"layer\":\"unheard-of\",\"state\":\"held\","
		  "\"optional\":false,\"requested\":\"\",\"enforced\":\"\"}]",
		  0 },
	};
	struct layer_table t;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *j = json_loads(rows[i].text, 0, NULL);

		ASSERT_NOT_NULL(j);
		ASSERT_EQ(report_layers_parse(j, &t), rows[i].want);
		json_decref(j);
	}
	ASSERT_ERR(report_layers_parse(NULL, &t), -EPROTO);
}

TEST(the_printed_table_is_aligned_and_harmless)
{
	struct layer_table t;
	char *text = NULL, *line, *save = NULL;
	size_t len = 0, column = 0;
	int lines = 0;
	FILE *f = open_memstream(&text, &len);

	fill(&t);
	snprintf(t.row[LAYER_PID].enforced, LAYER_TEXT_MAX, "\x1b[2J");
	t.row[LAYER_PID].state = LAYER_HELD;
	t.row[LAYER_NET].state = LAYER_OFF;
	report_layers(f, &t, false);
	fclose(f);
	ASSERT_NULL(strchr(text, '\x1b'));
	ASSERT_STRSTR(text, "\\x1b[2J");
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *want = strstr(line, lines ? "want" : "REQUESTED");

		ASSERT_NOT_NULL(want);
		if (lines++ == 0)
			column = (size_t)(want - line);
		ASSERT_EQ((size_t)(want - line), column);
		ASSERT_NE(strncmp(line, "net ", 4), 0);
	}
	ASSERT_GE(lines, 10);
	free(text);
}

TEST(durations)
{
	static const struct {
		uint64_t s;
		const char *want;
	} rows[] = { { 0, "0s" },	 { 59, "59s" },	    { 60, "1m00s" },
		     { 3599, "59m59s" }, { 3600, "1h00m" }, { 86399, "23h59m" },
		     { 86400, "1d00h" }, { 90000, "1d01h" } };
	char buf[32];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ASSERT_STREQ(
			report_duration(rows[i].s * 1000000, buf, sizeof(buf)),
			rows[i].want);
}
