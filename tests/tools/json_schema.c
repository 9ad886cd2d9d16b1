/*
 * A small validator. Patterns are tried as POSIX extended regular expressions,
 * so the schema keeps to what both those and ECMA-262 mean the same by.
 */
#include "tests/tools/json_schema.h"

#include "lib/macro.h"
#include "tests/tap.h"

#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct check {
	const json_t *root;
	char *why;
	size_t size;
};

static bool valid(struct check *c, const json_t *s, json_t *j);

__attribute__((format(printf, 2, 3))) static bool
no(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (c->why)
		vsnprintf(c->why, c->size, fmt, ap);
	va_end(ap);
	return false;
}

static bool
is_type(const json_t *j, const char *name)
{
	if (!strcmp(name, "number"))
		return json_is_number(j);
	if (!strcmp(name, "integer"))
		return json_is_integer(j);
	if (!strcmp(name, "string"))
		return json_is_string(j);
	if (!strcmp(name, "boolean"))
		return json_is_boolean(j);
	if (!strcmp(name, "null"))
		return json_is_null(j);
	if (!strcmp(name, "array"))
		return json_is_array(j);
	if (!strcmp(name, "object"))
		return json_is_object(j);
	FAIL("the schema has the type \"%s\"", name);
}

static bool
type_ok(struct check *c, const json_t *want, json_t *j)
{
	if (json_is_string(want))
		return is_type(j, json_string_value(want)) ||
		       no(c, "not %s", json_string_value(want));
	for (size_t i = 0; i < json_array_size(want); i++)
		if (is_type(j, json_string_value(json_array_get(want, i))))
			return true;
	return no(c, "of another type");
}

static bool
enum_ok(struct check *c, const json_t *want, json_t *j)
{
	for (size_t i = 0; i < json_array_size(want); i++)
		if (json_equal(json_array_get(want, i), j))
			return true;
	return no(c, "not one of the words");
}

static bool
pattern_ok(struct check *c, const json_t *want, json_t *j)
{
	const char *pattern = json_string_value(want);
	regex_t re;
	int r;

	if (!json_is_string(j))
		return true;
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		FAIL("the pattern %s does not compile", pattern);
	r = regexec(&re, json_string_value(j), 0, NULL, 0);
	regfree(&re);
	return !r ||
	       no(c, "\"%s\" is not as %s", json_string_value(j), pattern);
}

static bool
items_ok(struct check *c, const json_t *want, json_t *j)
{
	for (size_t i = 0; i < json_array_size(j); i++)
		if (!valid(c, want, json_array_get(j, i)))
			return false;
	return true;
}

static bool
properties_ok(struct check *c, const json_t *want, json_t *j)
{
	const char *key;
	json_t *v;

	json_object_foreach(j, key, v)
	{
		const json_t *s = json_object_get(want, key);

		if (s && !valid(c, s, v))
			return false;
	}
	return true;
}

static bool
additional_ok(struct check *c, const json_t *schema, const json_t *want,
	      json_t *j)
{
	const json_t *known = json_object_get(schema, "properties");
	const char *key;
	json_t *v;

	json_object_foreach(j, key, v)
	{
		if (json_object_get(known, key))
			continue;
		if (json_is_false(want))
			return no(c, "unknown key \"%s\"", key);
		if (!valid(c, want, v))
			return false;
	}
	return true;
}

static bool
names_ok(struct check *c, const json_t *want, json_t *j)
{
	const char *key;
	json_t *v;

	json_object_foreach(j, key, v)
	{
		json_t *name = json_string(key);
		bool ok = valid(c, want, name);

		json_decref(name);
		if (!ok)
			return false;
	}
	return true;
}

static bool
required_ok(struct check *c, const json_t *want, json_t *j)
{
	for (size_t i = 0; json_is_object(j) && i < json_array_size(want);
	     i++) {
		const char *key = json_string_value(json_array_get(want, i));

		if (!json_object_get(j, key))
			return no(c, "the key \"%s\" is missing", key);
	}
	return true;
}

static bool
any_ok(struct check *c, const json_t *want, json_t *j)
{
	for (size_t i = 0; i < json_array_size(want); i++)
		if (valid(c, json_array_get(want, i), j))
			return true;
	return false;
}

static bool
all_ok(struct check *c, const json_t *want, json_t *j)
{
	for (size_t i = 0; i < json_array_size(want); i++)
		if (!valid(c, json_array_get(want, i), j))
			return false;
	return true;
}

static bool
if_ok(struct check *c, const json_t *schema, const json_t *want, json_t *j)
{
	struct check quiet = { .root = c->root };
	const char *branch = valid(&quiet, want, j) ? "then" : "else";
	const json_t *s = json_object_get(schema, branch);

	return !s || valid(c, s, j);
}

static bool
not_ok(struct check *c, const json_t *want, json_t *j)
{
	struct check quiet = { .root = c->root };

	return !valid(&quiet, want, j) || no(c, "what must not be there is");
}

/* "#/a/b~1c" */
static const json_t *
resolve(const json_t *root, const char *ref)
{
	const json_t *s = root;
	char name[128];

	if (*ref++ != '#')
		FAIL("a reference outside of the file: %s", ref);
	while (s && *ref == '/') {
		size_t n = strcspn(++ref, "/");

		if (n >= sizeof(name))
			FAIL("a long reference");
		memcpy(name, ref, n);
		name[n] = '\0';
		s = json_object_get(s, name);
		ref += n;
	}
	if (!s)
		FAIL("a reference that leads nowhere: %s", name);
	return s;
}

/* Bounds of one kind: sizes of what has the type that they are about. */
static bool
bound_ok(struct check *c, const char *key, const json_t *want, json_t *j,
	 bool *ret_known)
{
	double n = json_number_value(want), have = NAN;
	bool min = !strncmp(key, "min", 3);
	const char *what = key + 3;

	*ret_known = min || !strncmp(key, "max", 3);
	if (!*ret_known)
		return true;
	if (!strcmp(what, "imum"))
		have = json_is_number(j) ? json_number_value(j) : NAN;
	else if (!strcmp(what, "Length"))
		have = json_is_string(j) ? (double)json_string_length(j) : NAN;
	else if (!strcmp(what, "Items"))
		have = json_is_array(j) ? (double)json_array_size(j) : NAN;
	else if (!strcmp(what, "Properties"))
		have = json_is_object(j) ? (double)json_object_size(j) : NAN;
	else
		*ret_known = false;
	if (isnan(have))
		return true;
	return (min ? have >= n : have <= n) || no(c, "%s", key);
}

static bool
is_comment(const char *key)
{
	static const char *const keys[] = { "description", "default", "title",
					    "$schema",	   "$id",     "$defs",
					    "then",	   "else" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i], key))
			return true;
	return false;
}

static bool
keyword_ok(struct check *c, const json_t *s, const char *key,
	   const json_t *want, json_t *j)
{
	static const struct {
		const char *key;
		bool (*fn)(struct check *c, const json_t *want, json_t *j);
	} table[] = {
		{ "type", type_ok },
		{ "enum", enum_ok },
		{ "pattern", pattern_ok },
		{ "items", items_ok },
		{ "properties", properties_ok },
		{ "propertyNames", names_ok },
		{ "required", required_ok },
		{ "anyOf", any_ok },
		{ "allOf", all_ok },
		{ "not", not_ok },
	};
	bool known, ok;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(table[i].key, key))
			return table[i].fn(c, want, j);
	if (!strcmp(key, "additionalProperties"))
		return additional_ok(c, s, want, j);
	if (!strcmp(key, "if"))
		return if_ok(c, s, want, j);
	if (!strcmp(key, "$ref"))
		return valid(c, resolve(c->root, json_string_value(want)), j);
	ok = bound_ok(c, key, want, j, &known);
	if (!known && !is_comment(key))
		FAIL("the schema uses \"%s\", which this test cannot check",
		     key);
	return ok;
}

static bool
valid(struct check *c, const json_t *s, json_t *j)
{
	const char *key;
	json_t *want;

	if (json_is_boolean(s))
		return json_is_true(s);
	json_object_foreach((json_t *)(uintptr_t)s, key, want)
	{
		if (!keyword_ok(c, s, key, want, j))
			return false;
	}
	return true;
}

bool
json_schema_ok(const json_t *root, const json_t *schema, json_t *j, char *why,
	       size_t size)
{
	struct check c = { root, why, size };

	if (why && size)
		*why = '\0';
	return valid(&c, schema, j);
}

json_t *
json_schema_shipped(void)
{
	char path[512];
	json_error_t e;
	json_t *j;

	snprintf(path, sizeof(path), "%s/profiles/schema/profile.schema.json",
		 tap_srcdir());
	j = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
	if (!j)
		FAIL("%s:%d: %s", path, e.line, e.text);
	return j;
}
