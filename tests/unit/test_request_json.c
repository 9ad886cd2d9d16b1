/* links: lib policy sandbox profiles */
/* The input document as JSON: what it becomes, and what is refused. */
#include "profiles/request_json.h"

#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

static struct request_doc *
doc_of(const char *text)
{
	struct err e = ERR_INIT;
	struct request_doc *d;

	if (request_doc_read("r.json", text, strlen(text), &d, &e) < 0)
		FAIL("%s", e.text);
	return d;
}

static void
is_string(const struct request *rq, const char *pointer, const char *want)
{
	const struct value *v = request_get(rq, pointer);

	ASSERT_NOT_NULL(v);
	ASSERT_EQ(v->type, VALUE_STRING);
	ASSERT_EQ(v->len, strlen(want));
	ASSERT_MEMEQ(v->s, want, v->len);
}

static void
is_int(const struct request *rq, const char *pointer, int64_t want)
{
	const struct value *v = request_get(rq, pointer);

	ASSERT_NOT_NULL(v);
	ASSERT_EQ(v->type, VALUE_INT);
	ASSERT_EQ(v->i, want);
}

TEST(a_call_of_a_tool)
{
	struct request_doc *d = doc_of(
		"{\"surface\": \"tools\", // a comment\n \"server\": \"crm\", "
		"\"tool\": \"t\", \"args\": {\"n\": -3, \"l\": [1, {\"a/b\": "
		"\"x\"}, null], \"f\": 1.5, \"b\": true}, \"run\": {\"id\": "
		"\"r1\", \"labels\": [\"p\"], \"age\": 7}, \"data\": "
		"{\"labels\": []}, \"approvers\": [\"joe\"], \"time\": "
		"\"2026-11-25T10:00:00Z\"}");
	const struct request *rq = request_doc_request(d);
	int64_t t = 0;

	ASSERT_EQ(rq->surface, SURFACE_TOOLS);
	is_string(rq, "/server", "crm");
	is_int(rq, "/args/n", -3);
	is_string(rq, "/args/l/1/a~1b", "x");
	ASSERT_EQ(request_get(rq, "/args/l/2")->type, VALUE_NULL);
	ASSERT_TRUE(request_get(rq, "/args/f")->r == 1.5);
	ASSERT_TRUE(request_get(rq, "/args/b")->b);
	is_string(rq, "/run/id", "r1");
	is_int(rq, "/run/age", 7);
	ASSERT_EQ(request_get(rq, "/run/labels")->n, 1);
	ASSERT_EQ(request_get(rq, "/data/labels")->n, 0);
	ASSERT_EQ(request_get(rq, "/approvers")->n, 1);
	ASSERT_NULL(request_get(rq, "/class"));
	ASSERT_TRUE(request_doc_time(d, &t));
	ASSERT_EQ(t, INT64_C(1795600800) * 1000000);
	request_doc_free(d);
}

TEST(classes_are_derived)
{
	struct request_doc *d = doc_of("{\"surface\": \"network\", \"method\": "
				       "\"GET\", \"host\": \"x\"}");
	int64_t t;

	is_string(request_doc_request(d), "/class", "read");
	ASSERT_FALSE(request_doc_time(d, &t));
	request_doc_free(d);
}

/* Where a path lies inside of a box. */
static const char *const paths[][2] = {
	{ "./x", "/$WORKSPACE/x" },
	{ ".", "/$WORKSPACE" },
	{ "$WORKSPACE/a/b", "/$WORKSPACE/a/b" },
	{ "$WORKSPACE", "/$WORKSPACE" },
	{ "~/x", "/home/agent/x" },
	{ "~", "/home/agent" },
	{ "/x", "/x" },
	{ "../x", "../x" }, /* unclean, and stays it */
	{ "$HOME/x", "$HOME/x" },
};

TEST(paths_inside)
{
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		char text[256];
		struct request_doc *d;

		snprintf(text, sizeof(text),
			 "{\"surface\": \"files\", \"path\": \"%s\"}",
			 paths[i][0]);
		d = doc_of(text);
		is_string(request_doc_request(d), "/path", paths[i][1]);
		request_doc_free(d);
	}
}

/* The path of a URL is no path of a box. */
TEST(paths_of_urls)
{
	struct request_doc *d =
		doc_of("{\"surface\": \"network\", \"path\": \"~/x\"}");

	is_string(request_doc_request(d), "/path", "~/x");
	request_doc_free(d);
}

static const struct {
	const char *text, *want;
} mistakes[] = {
	{ "", "r.json:1: not JSON: " },
	{ "[]", "r.json:1: /: expected an object, found a list" },
	{ "{}", "r.json:1: /: the key \"surface\" is missing" },
	{ "{\"surface\": 3}",
	  "r.json:1: /surface: expected a string, found an integer" },
	{ "{\"surface\": \"tool\"}",
	  "r.json:1: /surface: unknown word \"tool\"; did you mean "
	  "\"tools\"?" },
	{ "{\"surface\": \"tools\",\n \"sever\": \"x\"}",
	  "r.json:2: /sever: unknown key \"sever\"; did you mean \"server\"?" },
	{ "{\"surface\": \"tools\", \"host\": \"x\"}",
	  "r.json:1: /host: there is no \"host\" on tools" },
	{ "{\"surface\": \"tools\", \"server\": 3}",
	  "r.json:1: /server: expected a string, found an integer" },
	{ "{\"surface\": \"tools\", \"class\": \"x\"}",
	  "r.json:1: /class: unknown word \"x\"; allowed: read, write, delete, "
	  "send, pay, delegate, spawn" },
	{ "{\"surface\": \"network\", \"port\": 1.5}",
	  "r.json:1: /port: expected an integer, found a number with a "
	  "fraction" },
	{ "{\"surface\": \"process\", \"argv\": \"x\"}",
	  "r.json:1: /argv: expected a list of strings, found a string" },
	{ "{\"surface\": \"process\", \"argv\": [\"x\", null]}",
	  "r.json:1: /argv/1: expected a string, found null" },
	{ "{\"surface\": \"tools\", \"run\": []}",
	  "r.json:1: /run: expected an object, found a list" },
	{ "{\"surface\": \"tools\", \"run\": {\"label\": []}}",
	  "r.json:1: /run/label: unknown key \"label\"; did you mean "
	  "\"labels\"?" },
	{ "{\"surface\": \"tools\", \"run/id\": \"x\"}",
	  "r.json:1: /run~1id: unknown key \"run/id\"; did you mean "
	  "\"run/id\"?" },
	{ "{\"surface\": \"tools\", \"time\": \"now\"}",
	  "r.json:1: /time: \"now\" is not a time such as "
	  "\"2026-12-31T00:00:00Z\"" },
	{ "{\"surface\": \"tools\", \"server\": \"a\", \"server\": \"b\"}",
	  "r.json:1: /server: duplicate key \"server\"; it was given on line 1 "
	  "already" },
};

TEST(what_is_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		struct err e = ERR_INIT;
		struct request_doc *d = NULL;

		ASSERT_TRUE(request_doc_read("r.json", mistakes[i].text,
					     strlen(mistakes[i].text), &d,
					     &e) < 0);
		ASSERT_NULL(d);
		if (strncmp(e.text, mistakes[i].want,
			    strlen(mistakes[i].want)) != 0)
			FAIL("got \"%s\", want \"%s\"", e.text,
			     mistakes[i].want);
	}
}

TEST(bounds)
{
	const size_t size = REQUEST_SIZE_MAX + 2;
	char *text = malloc(size + 1);
	struct err e = ERR_INIT;
	struct request_doc *d = NULL;
	size_t n;

	ASSERT_NOT_NULL(text);
	memset(text, ' ', size);
	ASSERT_ERR(request_doc_read("r", text, size, &d, &e), -EFBIG);
	n = (size_t)snprintf(text, size, "{\"surface\":\"tools\",\"args\":[");
	while (n < size - 8)
		n += (size_t)snprintf(text + n, size - n, "1,");
	n += (size_t)snprintf(text + n, size - n, "1]}");
	ASSERT_TRUE(request_doc_read("r", text, MIN(n, REQUEST_SIZE_MAX), &d,
				     &e) < 0);
	/* 70000 values in less than the size */
	n = (size_t)snprintf(text, size, "{\"surface\":\"tools\",\"args\":[");
	for (int i = 0; i < 70000; i++)
		n += (size_t)snprintf(text + n, size - n, "1,");
	n += (size_t)snprintf(text + n, size - n, "1]}");
	ASSERT_ERR(request_doc_read("r", text, n, &d, &e), -EINVAL);
	ASSERT_STRSTR(e.text, "more than 65536 values");
	n = (size_t)snprintf(text, size, "{\"surface\":\"tools\",\"args\":");
	memset(text + n, '[', 40);
	ASSERT_ERR(request_doc_read("r", text, n + 40, &d, &e), -EINVAL);
	ASSERT_STRSTR(e.text, "nested deeper than 32 levels");
	ASSERT_NULL(d);
	free(text);
}

/* Times, checked against date(1): `date -u -d TEXT +%s`. */
static const struct {
	const char *text;
	int64_t s; /* -1: refused */
} times[] = {
	{ "1970-01-01T00:00:01Z", 1 },
	{ "2000-02-29T12:00:00Z", 951825600 },
	{ "2026-11-25T10:00:00Z", 1795600800 },
	{ "2026-11-25T10:00:00+01:00", 1795597200 },
	{ "2026-11-25T10:00:00-03:30", 1795613400 },
	{ "9999-12-31T23:59:59Z", 253402300799 },
	{ "2100-03-01T00:00:00Z", 4107542400 },
	{ "1970-01-01T00:00:00Z", -1 },
	{ "1969-12-31T23:59:59Z", -1 },
	{ "2026-02-29T00:00:00Z", -1 },
	{ "2100-02-29T00:00:00Z", -1 },
	{ "2026-13-01T00:00:00Z", -1 },
	{ "2026-00-01T00:00:00Z", -1 },
	{ "2026-01-00T00:00:00Z", -1 },
	{ "2026-01-01T24:00:00Z", -1 },
	{ "2026-01-01T00:60:00Z", -1 },
	{ "2026-01-01T00:00:60Z", -1 },
	{ "2026-01-01T00:00:00", -1 },
	{ "2026-01-01T00:00:00.5Z", -1 },
	{ "2026-01-01T00:00:00+24:00", -1 },
	{ "2026-01-01T00:00:00Zx", -1 },
	{ "2026-01-01 00:00:00Z", -1 },
	{ "", -1 },
};

TEST(times_from_text)
{
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		int64_t us = -1;
		int r = time_from_text(times[i].text, &us);

		if (times[i].s < 0 ? r >= 0
				   : r < 0 || us != times[i].s * 1000000)
			FAIL("\"%s\" is %lld", times[i].text, (long long)us);
	}
}

TEST(times_to_text)
{
	char buf[40];

	ASSERT_STREQ(time_to_text(INT64_C(951825600) * 1000000, buf, 40),
		     "2000-02-29T12:00:00Z");
	ASSERT_STREQ(time_to_text(INT64_C(4107542399) * 1000000, buf, 40),
		     "2100-02-28T23:59:59Z");
}
