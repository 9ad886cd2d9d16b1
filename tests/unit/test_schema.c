/* links: lib policy sandbox profiles */
/*
 * The shipped schema and the loader's table say the same: every key, type,
 * bound, default, word and pattern, in both directions; and what the loader
 * accepts, the patterns accept too.
 */
#include "profiles/rules-internal.h"

#include "tests/tap.h"
#include "tests/tools/json_schema.h"

#include <regex.h>
#include <string.h>

/* The schema's keywords for one kind of key; the walk removes from a copy what
 * it compared, so that whatever is left is a keyword that nobody checked. */
struct cmp {
	const struct profile_key *k;
	json_t *j;
	char at[512];
};

static void
expect(struct cmp *c, const char *keyword, json_t *want)
{
	json_t *got = json_object_get(c->j, keyword);
	char *g =
		got ? json_dumps(got, JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
	char *w = want ? json_dumps(want, JSON_ENCODE_ANY | JSON_SORT_KEYS)
		       : NULL;

	if (!want != !got || (want && !json_equal(want, got)))
		FAIL("%s: \"%s\" is %s in the schema and %s in the table",
		     c->at, keyword, g ? g : "absent", w ? w : "absent");
	free(g);
	free(w);
	json_decref(want);
	json_object_del(c->j, keyword);
}

static json_t *
number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *
string_or_absent(const char *s)
{
	return s ? json_string(s) : NULL;
}

/* A default as JSON: a number for KEY_INT, else as written. */
static json_t *
default_of(const struct profile_key *k)
{
	if (!k->def)
		return NULL;
	if (k->type == KEY_INT)
		return number(strtoull(k->def, NULL, 10));
	if (k->type == KEY_BOOL)
		return json_boolean(!strcmp(k->def, "true"));
	if (k->type == KEY_LIST)
		return json_pack("[s]", k->def);
	return json_string(k->def);
}

static json_t *
words_of(const struct profile_key *k)
{
	json_t *list = json_array();

	for (const char *const *w = k->words; *w; w++)
		json_array_append_new(list, json_string(*w));
	return list;
}

static void compare_object(struct cmp *c);

static void
compare_number(struct cmp *c)
{
	const struct profile_key *k = c->k;
	bool text = k->type == KEY_PERCENT;
	bool both = k->type == KEY_SIZE || k->type == KEY_TIME ||
		    k->flags & KEY_UNLIMITED;

	if (text)
		expect(c, "type", json_string("string"));
	else
		expect(c, "type",
		       both ? json_pack("[ss]", "integer", "string")
			    : json_string("integer"));
	expect(c, "minimum", text ? NULL : number(k->min));
	expect(c, "maximum", text ? NULL : number(k->max));
	expect(c, "pattern", string_or_absent(k->pattern));
}

static void
compare_items(struct cmp *c, json_t *items)
{
	expect(c, "type", json_string("array"));
	expect(c, "minItems", number(1));
	expect(c, "maxItems", number(c->k->max));
	expect(c, "items", items);
}

static void
compare_map(struct cmp *c)
{
	expect(c, "type", json_string("object"));
	expect(c, "minProperties", number(1));
	expect(c, "maxProperties", number(c->k->max));
	expect(c, "propertyNames", json_pack("{ss}", "pattern", c->k->pattern));
	expect(c, "additionalProperties", json_pack("{ss}", "type", "string"));
}

/* What is read by hand is a definition; documents are tried below. */
static void
compare_hand(struct cmp *c)
{
	const char *ref = json_string_value(json_object_get(c->j, "$ref"));

	if (!ref || strncmp(ref, "#/$defs/", 8) != 0)
		FAIL("%s: no definition", c->at);
	json_object_del(c->j, "$ref");
}

static void
compare_key(struct cmp *c)
{
	const struct profile_key *k = c->k;

	switch (k->type) {
	case KEY_OBJECT:
		compare_object(c);
		break;
	case KEY_BOOL:
		expect(c, "type", json_string("boolean"));
		break;
	case KEY_WORD:
		expect(c, "type", json_string("string"));
		expect(c, "enum", words_of(k));
		break;
	case KEY_TEXT:
		expect(c, "type", json_string("string"));
		expect(c, "minLength", number(k->min));
		expect(c, "maxLength", number(k->max));
		expect(c, "pattern", string_or_absent(k->pattern));
		break;
	case KEY_BITS:
		compare_items(c, json_pack("{ssso}", "type", "string", "enum",
					   words_of(k)));
		break;
	case KEY_LIST:
		compare_items(c, json_pack("{ssss}", "type", "string",
					   "pattern", k->pattern));
		break;
	case KEY_MAP:
		compare_map(c);
		break;
	case KEY_HAND:
		compare_hand(c);
		break;
	default:
		compare_number(c);
	}
	expect(c, "default", default_of(k));
}

/* Nothing but the description may be left. */
static void
nothing_left(struct cmp *c)
{
	const char *key;
	json_t *v;

	if (!json_string_length(json_object_get(c->j, "description")))
		FAIL("%s: no description", c->at);
	json_object_del(c->j, "description");
	json_object_foreach(c->j, key, v)
	{
		FAIL("%s: \"%s\" is in the schema only", c->at, key);
	}
}

static void
compare_object(struct cmp *c)
{
	json_t *props = json_incref(json_object_get(c->j, "properties"));
	json_t *required = json_array();
	const char *name;
	json_t *v;

	ASSERT_TRUE(json_is_object(props));
	for (const struct profile_key *k = c->k->sub; k->name; k++) {
		struct cmp sub = { .k = k };

		snprintf(sub.at, sizeof(sub.at), "%.400s/%s", c->at, k->name);
		sub.j = json_object_get(props, k->name);
		if (!sub.j)
			FAIL("%s: in the table only", sub.at);
		compare_key(&sub);
		nothing_left(&sub);
		json_object_del(props, k->name);
		if (k->flags & KEY_REQUIRED)
			json_array_append_new(required, json_string(k->name));
	}
	json_object_foreach(props, name, v)
	{
		FAIL("%s/%s: in the schema only", c->at, name);
	}
	json_decref(props);
	json_object_del(c->j, "properties");
	expect(c, "type", json_string("object"));
	expect(c, "additionalProperties", json_false());
	if (json_array_size(required))
		expect(c, "required", required);
	else
		json_decref(required);
}

TEST(schema_equals_table)
{
	struct cmp c = { .k = &profile_root, .j = json_schema_shipped() };

	ASSERT_STREQ(json_string_value(json_object_get(c.j, "$schema")),
		     "https://json-schema.org/draft/2020-12/schema");
	json_object_del(c.j, "$schema");
	json_object_del(c.j, "$id");
	json_object_del(c.j, "title");
	ASSERT_TRUE(json_is_object(json_object_get(c.j, "$defs")));
	json_object_del(c.j, "$defs");
	compare_object(&c);
	nothing_left(&c);
	json_decref(c.j);
}

/* Whatever the loader's check lets through, the pattern lets through. */

static const char *const samples[] = {
	"",	"a",	     "abc",	"A.b-c_9", ".a",       "-a",
	"a b",	"é",	     "a/b",	"@etc",	   "@",	       "@.x",
	"~/x",	"~",	     "~/",	"~x",	   "/",	       "/x",
	"/x/",	"/x//y",     "/x/../y", "x",	   "/x y",     "/x\ny",
	"5.13", "5",	     "5.",	"5.1.2",   "1234.5",   "5.1234",
	"LANG", "LC_*",	     "*",	"9A",	   "LD_DEBUG", "A-B",
	"read", "Read",	     "read2",	"2read",   "_read",    "host-1",
	"-h",	"host.de",   "HOME",	"PATH",	   "AGENTBOX", "A*B",
	"1G",	"1g",	     "1KB",	"0",	   "01",       "-1",
	"1.5G", "unlimited", "1h",	"1x",	   "250ms",    "50%",
};

static void
check_pattern(const struct profile_key *k)
{
	regex_t re;

	ASSERT_EQ(regcomp(&re, k->pattern, REG_EXTENDED | REG_NOSUB), 0);
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const char *s = samples[i];
		bool ok = k->check ? !k->check(s) : false;

		if (ok && regexec(&re, s, 0, NULL, 0))
			FAIL("%s: the loader takes \"%s\", the pattern %s "
			     "does not",
			     k->name, s, k->pattern);
	}
	regfree(&re);
}

static void
check_patterns(const struct profile_key *k)
{
	for (k = k->sub; k->name; k++) {
		if (k->type == KEY_OBJECT)
			check_patterns(k);
		else if (k->pattern)
			check_pattern(k);
	}
}

TEST(patterns_take_what_checks_take)
{
	check_patterns(&profile_root);
}

/* Sizes, times and percentages have no check function: load them. */
static bool
loads(const char *key, const char *value)
{
	char text[512];
	struct profile *p;
	int n = snprintf(text, sizeof(text),
			 "{\"version\":1,\"name\":\"x\",\"role\":\"reason\","
			 "\"process\":{%s\"%s\":\"%s\"}%s}",
			 strcmp(key, "timeout") ? "\"limits\":{" : "", key,
			 value, strcmp(key, "timeout") ? "}" : "");

	if (profile_parse("x", text, (size_t)n, &p, NULL) < 0)
		return false;
	profile_free(p);
	return true;
}

static void
number_patterns(const struct profile_key *k)
{
	for (k = k->sub; k->name; k++) {
		regex_t re;

		if (k->type == KEY_OBJECT && strcmp(k->name, "files"))
			number_patterns(k);
		if (k->check || !k->pattern || k->type == KEY_MAP ||
		    k->type == KEY_OBJECT || !strcmp(k->name, "bandwidth"))
			continue;
		if (k->type == KEY_LIST || k->type == KEY_TEXT)
			continue;
		ASSERT_EQ(regcomp(&re, k->pattern, REG_EXTENDED | REG_NOSUB),
			  0);
		for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
			if (!strchr(samples[i], '\n') &&
			    loads(k->name, samples[i]) &&
			    regexec(&re, samples[i], 0, NULL, 0))
				FAIL("%s: the loader takes \"%s\"", k->name,
				     samples[i]);
		regfree(&re);
	}
}

TEST(number_patterns_take_what_loads)
{
	number_patterns(&profile_root);
	ASSERT_TRUE(loads("memory", "1G"));
	ASSERT_TRUE(loads("timeout", "1h"));
	ASSERT_TRUE(loads("cpu", "50%"));
	ASSERT_FALSE(loads("cpu", "50"));
}

/* The other kinds of documents */

static void
compare_kind(const json_t *root, const struct profile_key *k, const json_t *def,
	     enum profile_kind kind, const char *at)
{
	const json_t *props = json_object_get(def, "properties");
	size_t n = 0;

	if (!json_is_false(json_object_get(def, "additionalProperties")))
		FAIL("%s: takes any key", at);
	for (k = k->sub; k->name; k++) {
		uint32_t kinds = k->kinds ? k->kinds : IN(AGENT) | IN(RUN);
		const json_t *p = json_object_get(props, k->name);
		char here[128];

		snprintf(here, sizeof(here), "%s/%s", at, k->name);
		if (!p != !(kinds & 1u << kind))
			FAIL("%s: is %s the schema", here, p ? "in" : "not in");
		n += p != NULL;
		if (p && k->type == KEY_OBJECT && !json_object_get(p, "$ref"))
			compare_kind(root, k, p, kind, here);
	}
	if (n != json_object_size(props))
		FAIL("%s: the schema has more keys", at);
}

TEST(other_documents)
{
	json_t *root = json_schema_shipped(),
	       *defs = json_object_get(root, "$defs");

	compare_kind(root, &profile_root, json_object_get(defs, "group"),
		     PROFILE_GROUP, "group");
	compare_kind(root, &profile_root, json_object_get(defs, "host_policy"),
		     PROFILE_HOST, "host_policy");
	compare_kind(root, &profile_root, json_object_get(defs, "run_policy"),
		     PROFILE_RUN, "run_policy");
	json_decref(root);
}

/* Every definition is described, with everything in it that has a name. */
static void
check_described(const json_t *s, const char *at)
{
	const json_t *props = json_object_get(s, "properties");
	const char *key;
	json_t *v;
	char here[256];

	if (!json_string_length(json_object_get(s, "description")))
		FAIL("%s: no description", at);
	json_object_foreach((json_t *)(uintptr_t)props, key, v)
	{
		snprintf(here, sizeof(here), "%s/%s", at, key);
		check_described(v, here);
	}
}

TEST(definitions_are_described)
{
	json_t *root = json_schema_shipped(), *v;
	const char *key;

	json_object_foreach(json_object_get(root, "$defs"), key, v)
	{
		check_described(v, key);
	}
	json_decref(root);
}

/* The attributes that a grant may have, and only those. */
TEST(grants_have_the_attributes)
{
	static const char *const sections[] = { "network", "tools", "memory",
						"credentials" };
	json_t *root = json_schema_shipped(),
	       *defs = json_object_get(root, "$defs");

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		enum surface s = (enum surface)surface_from_name(sections[i]);
		char name[64];
		const json_t *props;

		snprintf(name, sizeof(name), "grant.%s", sections[i]);
		props = json_object_get(
			json_array_get(
				json_object_get(json_object_get(defs, name),
						"anyOf"),
				1),
			"properties");
		ASSERT_TRUE(json_is_object(props));
		for (int a = 0; a < ATTR_MAX; a++) {
			enum attr_kind k = attr_kind((enum attr)a);
			const char *key = attr_pointer((enum attr)a) + 1;
			bool want = attr_surfaces((enum attr)a) & 1u << s &&
				    a != ATTR_SURFACE && k != KIND_LIST &&
				    k != KIND_LABELS && k != KIND_TREE;

			if (!json_object_get(props, key) == want)
				FAIL("%s: \"%s\"", name, key);
		}
	}
	json_decref(root);
}
