/* links: query audit lib */
/* What is asked for: options, times, numbers, and which records match. */
#include "query/filter.h"
#include "tests/tap.h"

#include <getopt.h>
#include <string.h>

#define NOW UINT64_C(1764064800000000) /* 2025-11-25T10:00:00Z */

static struct record
record(struct fields *f, enum record_type type, uint64_t seq)
{
	struct record r = { .seq = seq,
			    .time_us = NOW,
			    .type = (uint16_t)type,
			    .fields = f->bytes,
			    .fields_len = f->len };

	return r;
}

TEST(times)
{
	static const struct {
		const char *text;
		uint64_t us;
	} good[] = {
		{ "1970-01-01", 0 },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2025-11-25T10:00:00Z", NOW },
		{ "2025-11-25t10:00:00z", NOW },
		{ "2025-11-25 10:00:00Z", NOW },
		{ "2025-11-25T12:00:00+02:00", NOW },
		{ "2025-11-25T04:30:00-05:30", NOW },
		{ "2025-11-25T10:00:00.5Z", NOW + 500000 },
		{ "2025-11-25T10:00:00.1234567Z", NOW + 123456 },
		{ "2000-02-29", UINT64_C(951782400000000) },
		{ "2024-03-01", UINT64_C(1709251200000000) },
		{ "2100-03-01", UINT64_C(4107542400000000) },
		{ "10m", NOW - UINT64_C(600000000) },
		{ "2h", NOW - UINT64_C(7200000000) },
		{ "3d", NOW - UINT64_C(259200000000) },
		{ "100000d", 0 },
	};
	uint64_t us;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		us = 1;
		if (filter_time(good[i].text, NOW, &us) < 0)
			FAIL("%s: refused", good[i].text);
		if (us != good[i].us)
			FAIL("%s: %llu", good[i].text, (unsigned long long)us);
	}
}

TEST(times_that_are_none)
{
	static const char *const bad[] = {
		"",
		"x",
		"1969-12-31",
		"2025-13-01",
		"2025-00-01",
		"2025-02-29",
		"2100-02-29",
		"2025-11-25T",
		"2025-11-25T10:00",
		"2025-11-25T10:00:00",
		"2025-11-25T10:00:00+2",
		"2025-11-25T24:00:00Z",
		"2025-11-25T10:60:00Z",
		"2025-11-25T10:00:61Z",
		"2025-11-25T10:00:00.Z",
		"2025-11-25T10:00:00Zx",
		"1970-01-01T00:00:00+01:00",
		"-10m",
		"10 m",
		"10y",
		"99999999999999999999d",
	};
	uint64_t us = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (filter_time(bad[i], NOW, &us) != -EINVAL)
			FAIL("\"%s\" was taken", bad[i]);
	ASSERT_EQ(us, 7);
}

TEST(ranges)
{
	static const struct {
		const char *text;
		uint64_t first, last;
	} good[] = {
		{ "17", 17, 17 },	    { "17..20", 17, 20 },
		{ "17..", 17, UINT64_MAX }, { "..20", 0, 20 },
		{ "5..5", 5, 5 },
	};
	static const char *const bad[] = { "",
					   "..",
					   "20..17",
					   "a",
					   "1..b",
					   "1...2",
					   "1..2..3",
					   " 1",
					   "99999999999999999999..",
					   "1000000000000000000000000000..2" };
	uint64_t first = 1, last = 2;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (filter_range(good[i].text, &first, &last) < 0)
			FAIL("%s: refused", good[i].text);
		ASSERT_EQ(first, good[i].first);
		ASSERT_EQ(last, good[i].last);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (filter_range(bad[i], &first, &last) != -EINVAL)
			FAIL("\"%s\" was taken", bad[i]);
}

/* The number of a filter's option. */
static int
option(const char *name)
{
	struct option all[FILTER_OPTIONS_MAX + 1];

	filter_options(NULL, all);
	for (size_t i = 0; all[i].name; i++)
		if (!strcmp(all[i].name, name))
			return all[i].val;
	FAIL("there is no --%s", name);
}

static int
take(struct filter *f, const char *name, const char *value, struct err *e)
{
	return filter_take(f, option(name), value, NOW, e);
}

TEST(options)
{
	static const struct option own[] = { { "own", no_argument, NULL, 'o' },
					     { 0 } };
	struct option all[FILTER_OPTIONS_MAX + 2];
	struct err e = ERR_INIT;
	struct filter f;
	bool found = false;

	filter_options(own, all);
	for (size_t i = 0; all[i].name; i++)
		found = found || all[i].val == 'o';
	ASSERT_TRUE(found);
	filter_init(&f);
	ASSERT_OK(take(&f, "effect", "deny", &e));
	ASSERT_OK(take(&f, "effect", "ask", &e));
	ASSERT_EQ(f.key[FILTER_EFFECT].n, 2);
	ASSERT_OK(take(&f, "type", "log.gap", &e));
	ASSERT_EQ(f.types, UINT64_C(1) << RECORD_LOG_GAP);
	ASSERT_OK(take(&f, "since", "10m", &e));
	ASSERT_EQ(f.since_us, NOW - UINT64_C(600000000));
	ASSERT_OK(take(&f, "seq", "4..9", &e));
	ASSERT_EQ(f.seq_last, 9);
	ASSERT_OK(take(&f, "limit", "0", &e));
}

TEST(words_that_name_nothing)
{
	struct err e = ERR_INIT;
	struct filter f;

	filter_init(&f);
	ASSERT_ERR(take(&f, "effect", "denny", &e), -EINVAL);
	ASSERT_STRSTR(e.text, "\"denny\"");
	ASSERT_STRSTR(e.cure, "deny");
	ASSERT_ERR(take(&f, "type", "intents", &e), -EINVAL);
	ASSERT_STRSTR(e.cure, "intent");
	ASSERT_ERR(take(&f, "status", "good", &e), -EINVAL);
	ASSERT_ERR(take(&f, "agent", "", &e), -EINVAL);
	ASSERT_ERR(take(&f, "since", "yesterday", &e), -EINVAL);
	ASSERT_STRSTR(e.cure, "10m");
	ASSERT_ERR(take(&f, "seq", "x", &e), -EINVAL);
	ASSERT_ERR(take(&f, "limit", "-1", &e), -EINVAL);
	for (int i = 0; i < FILTER_WORDS_MAX; i++)
		ASSERT_OK(take(&f, "rule", "r", &e));
	ASSERT_ERR(take(&f, "rule", "r", &e), -E2BIG);
	/* what an error repeats does not steer a terminal */
	ASSERT_ERR(take(&f, "effect", "\033[31m", &e), -EINVAL);
	ASSERT_NULL(strchr(e.text, '\033'));
}

TEST(matching)
{
	struct fields intent, channel;
	struct record r, who;
	struct filter f;

	fields_init(&intent);
	fields_text(&intent, FIELD_WHAT, "tools.call");
	fields_text(&intent, FIELD_EFFECT, "deny");
	fields_text(&intent, FIELD_RULE, "r1");
	fields_init(&channel);
	fields_text(&channel, FIELD_AGENT, "a1");
	fields_text(&channel, FIELD_RUN, "run1");
	r = record(&intent, RECORD_INTENT, 10);
	who = record(&channel, RECORD_CHANNEL, 3);

	filter_init(&f);
	ASSERT_TRUE(filter_match(&f, &r, &who));
	ASSERT_TRUE(filter_match(&f, &r, NULL));
	ASSERT_OK(filter_add(&f, FILTER_AGENT, "a2", NULL));
	ASSERT_FALSE(filter_match(&f, &r, &who));
	ASSERT_OK(filter_add(&f, FILTER_AGENT, "a1", NULL));
	ASSERT_TRUE(filter_match(&f, &r, &who));
	ASSERT_FALSE(filter_match(&f, &r, NULL)); /* who is not known */
	ASSERT_TRUE(filter_match(&f, &who, &who));
	ASSERT_OK(filter_add(&f, FILTER_RULE, "r", NULL));
	ASSERT_FALSE(filter_match(&f, &r, &who)); /* whole words */
	ASSERT_OK(filter_add(&f, FILTER_RULE, "r1", NULL));
	ASSERT_TRUE(filter_match(&f, &r, &who));
	ASSERT_FALSE(filter_match(&f, &who, &who)); /* has no rule */
}

TEST(matching_numbers)
{
	struct fields none;
	struct record r;
	struct filter f;

	fields_init(&none);
	r = record(&none, RECORD_OUTCOME, 10);
	r.ref = 7;
	filter_init(&f);
	filter_type(&f, RECORD_INTENT);
	ASSERT_FALSE(filter_match(&f, &r, NULL));
	filter_type(&f, RECORD_OUTCOME);
	ASSERT_TRUE(filter_match(&f, &r, NULL));
	f.since_us = NOW;
	f.until_us = NOW;
	ASSERT_TRUE(filter_match(&f, &r, NULL));
	f.since_us = NOW + 1;
	ASSERT_FALSE(filter_match(&f, &r, NULL));
	filter_init(&f);
	f.until_us = NOW - 1;
	ASSERT_FALSE(filter_match(&f, &r, NULL));
	filter_init(&f);
	f.seq_first = f.seq_last = 10;
	f.ref = 7;
	ASSERT_TRUE(filter_match(&f, &r, NULL));
	f.ref = 8;
	ASSERT_FALSE(filter_match(&f, &r, NULL));
	filter_init(&f);
	f.seq_first = 11;
	ASSERT_FALSE(filter_match(&f, &r, NULL));
	/* a type beyond the table matches only where none is asked for */
	filter_init(&f);
	r.type = 500;
	ASSERT_TRUE(filter_match(&f, &r, NULL));
	filter_type(&f, RECORD_INTENT);
	ASSERT_FALSE(filter_match(&f, &r, NULL));
}
