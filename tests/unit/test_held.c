/* links: lib policy sandbox profiles */
/* What of a profile may change while a box runs. */
#include "profiles/held.h"
#include "tests/tap.h"

#include <string.h>

#define HEAD "{\"version\": 1, "
#define BASE                                                                   \
	"\"name\": \"p\", \"role\": \"execute\", "                             \
	"\"process\": {\"syscalls\": [\"base\"], \"limits\": {\"pids\": 9}, "  \
	"\"env\": {\"set\": {\"A\": \"1\"}}}, "                                \
	"\"files\": {\"read\": [\"/a\", \"/b\"]}, "                            \
	"\"session\": {\"ttl\": \"1h\"}"

static struct profile *
parse(const char *text)
{
	struct profile *p = NULL;
	struct err e = ERR_INIT;

	if (profile_parse("t", text, strlen(text), &p, &e) < 0)
		FAIL("%s: %s", text, e.text);
	return p;
}

TEST(rows)
{
	static const struct {
		const char *text, *at; /* "" : the same */
	} rows[] = {
		{ HEAD BASE "}", "" },
		{ HEAD BASE ", \"purpose\": \"x\", \"owner\": \"y\"}", "" },
		{ HEAD BASE ", \"mode\": \"observe\"}", "" },
		{ HEAD BASE ", \"ceiling\": \"send\"}", "" },
		{ HEAD BASE ", \"network\": {\"allow\": [\"a.example\"]}}",
		  "" },
		{ HEAD BASE ", \"labels\": {\"define\": {\"l\": \"m\"}, "
			    "\"start\": [\"l\"]}}",
		  "" },
		{ HEAD BASE ", \"requires\": {\"kernel\": \"5.13\"}}",
		  "/requires/kernel" },
		{ HEAD BASE ", \"requires\": {\"optional\": [\"memory\"]}}",
		  "/requires/optional" },
		{ HEAD "\"name\": \"q\", \"role\": \"execute\"}", "/name" },
		{ HEAD "\"name\": \"p\", \"role\": \"reason\"}", "/role" },
	};
	struct profile *base = parse(HEAD BASE "}");
	char at[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct profile *p = parse(rows[i].text);
		bool same = profile_held_same(base, p, at, sizeof(at));

		if (same != !*rows[i].at || strcmp(at, rows[i].at) != 0)
			FAIL("%s: %d at \"%s\"", rows[i].text, same, at);
		ASSERT_EQ(profile_held_same(p, base, at, sizeof(at)), same);
		profile_free(p);
	}
	profile_free(base);
}

/* One thing changed in the text of the base. */
TEST(each_kind_of_key)
{
	static const struct {
		const char *from, *to, *at;
	} rows[] = {
		{ "\"pids\": 9", "\"pids\": 8", "/process/limits/pids" },
		{ "[\"base\"]", "[\"dev\"]", "/process/syscalls" },
		{ "\"A\": \"1\"", "\"A\": \"2\"", "/process/env/set" },
		{ "\"/a\", \"/b\"", "\"/a\"", "/files/read" },
		{ "\"/a\", \"/b\"", "\"/a\", \"/b\", \"/c\"", "/files/read" },
		{ "\"/a\", \"/b\"", "\"/b\", \"/a\"", "" },
		{ "\"1h\"", "\"2h\"", "/session/ttl" },
		{ "\"1h\"", "\"60m\"", "" },
		{ "{\"read\"",
		  "{\"workspace\": {\"access\": \"read\"}, \"read\"",
		  "/files/workspace/access" },
		{ "{\"syscalls\"", "{\"loopback\": true, \"syscalls\"",
		  "/process/loopback" },
		{ "{\"syscalls\"", "{\"hostname\": \"h\", \"syscalls\"",
		  "/process/hostname" },
	};
	static const char text[] = HEAD BASE "}";
	struct profile *base = parse(text);
	char other[1024], at[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *where = strstr(text, rows[i].from);
		struct profile *p;

		ASSERT_NOT_NULL(where);
		snprintf(other, sizeof(other), "%.*s%s%s", (int)(where - text),
			 text, rows[i].to, where + strlen(rows[i].from));
		p = parse(other);
		if (profile_held_same(base, p, at, sizeof(at)) !=
			    !*rows[i].at ||
		    strcmp(at, rows[i].at) != 0)
			FAIL("%s: at \"%s\"", other, at);
		profile_free(p);
	}
	profile_free(base);
}

TEST(observing_is_seen_wherever_it_is_said)
{
	static const struct {
		const char *text;
		bool observes;
	} rows[] = {
		{ HEAD BASE "}", false },
		{ HEAD BASE ", \"mode\": \"enforce\"}", false },
		{ HEAD BASE ", \"mode\": \"observe\"}", true },
		{ HEAD BASE
		  ", \"network\": {\"deny\": [{\"id\": \"d\", "
		  "\"host\": \"a.example\", \"mode\": \"observe\"}]}}",
		  true },
		{ HEAD BASE ", \"network\": {\"deny\": [\"a.example\"]}}",
		  false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct profile *p = parse(rows[i].text);

		if (profile_observes(p) != rows[i].observes)
			FAIL("%s", rows[i].text);
		profile_free(p);
	}
}
