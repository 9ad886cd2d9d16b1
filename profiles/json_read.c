/*
 * The readers behind tables of settings. What always holds: a value is taken
 * whole or not at all, and the place of a mistake is a JSON pointer that the
 * text of the file can be searched with.
 */
#include "profiles/json_read.h"

#include <string.h>

#define AT_MAX 512

static const char *
type_text(const json_t *v)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",
		[JSON_STRING] = "a string",  [JSON_INTEGER] = "a number",
		[JSON_REAL] = "a fraction",  [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",	     [JSON_NULL] = "null",
	};

	return names[json_typeof(v)];
}

int
json_read_wrong(struct json_reader *x, const char *at, const json_t *v,
		const char *want)
{
	jsonc_fail(&x->doc, x->e, at, "is %s; it must be %s", type_text(v),
		   want);
	return -EINVAL;
}

/* at/name, escaped as RFC 6901, 3 says; too long ones end early, and the
 * message then has no line. */
static void
place(char sub[AT_MAX], const char *at, const char *name)
{
	size_t n = (size_t)snprintf(sub, AT_MAX, "%s/", at);

	for (; *name && n < AT_MAX - 3; name++) {
		if (*name == '~' || *name == '/') {
			sub[n++] = '~';
			sub[n++] = *name == '~' ? '0' : '1';
		} else {
			sub[n++] = *name;
		}
	}
	sub[MIN(n, (size_t)AT_MAX - 1)] = '\0';
}

static int
unknown_key(struct json_reader *x, const char *at, const struct json_key *keys,
	    size_t n, const char *name)
{
	const char *near;
	const char *names[64] = { NULL };

	for (size_t i = 0; i < n && i < ARRAY_SIZE(names) - 1; i++)
		names[i] = keys[i].name;
	near = str_suggest(name, names);
	return jsonc_fail(&x->doc, x->e, at, "unknown key%s%s%s",
			  near ? "; did you mean \"" : "", near ? near : "",
			  near ? "\"?" : "");
}

static const struct json_key *
key_of(const struct json_key *keys, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

int
json_read_object(struct json_reader *x, const char *at, json_t *v,
		 const struct json_key *keys, size_t n, void *to)
{
	const char *name;
	json_t *item;

	if (!json_is_object(v))
		return json_read_wrong(x, at, v, "an object");
	json_object_foreach(v, name, item)
	{
		const struct json_key *k = key_of(keys, n, name);
		char sub[AT_MAX];
		int r;

		place(sub, at, name);
		if (!k)
			return unknown_key(x, sub, keys, n, name);
		r = k->read(x, sub, item, k, (char *)to + k->offset);
		if (r < 0)
			return r;
	}
	return 0;
}

int
json_read_members(struct json_reader *x, const char *at, json_t *v, size_t max,
		  json_item_fn *one, void *to)
{
	const char *name;
	json_t *item;

	if (!json_is_object(v))
		return json_read_wrong(x, at, v, "an object");
	if (json_object_size(v) > max)
		return jsonc_fail(&x->doc, x->e, at,
				  "has %zu members; %zu are the most",
				  json_object_size(v), max);
	json_object_foreach(v, name, item)
	{
		char sub[AT_MAX];
		int r;

		place(sub, at, name);
		r = one(x, sub, name, item, to);
		if (r < 0)
			return r;
	}
	return 0;
}

int
json_read_items(struct json_reader *x, const char *at, json_t *v, size_t min,
		size_t max, json_item_fn *one, void *to)
{
	size_t n = json_array_size(v);

	if (!json_is_array(v))
		return json_read_wrong(x, at, v, "a list");
	if (n < min || n > max)
		return jsonc_fail(&x->doc, x->e, at,
				  "has %zu items; it must have %zu to %zu", n,
				  min, max);
	for (size_t i = 0; i < n; i++) {
		char sub[AT_MAX], number[24];
		int r;

		snprintf(number, sizeof(number), "%zu", i);
		place(sub, at, number);
		r = one(x, sub, NULL, json_array_get(v, i), to);
		if (r < 0)
			return r;
	}
	return 0;
}

int
json_read_text(struct json_reader *x, const char *at, const json_t *v,
	       const char *want, const char **ret)
{
	const char *s = json_string_value(v);

	if (!s)
		return json_read_wrong(x, at, v, want);
	if (strlen(s) != json_string_length(v)) {
		jsonc_fail(&x->doc, x->e, at, "holds a NUL");
		return -EINVAL;
	}
	*ret = s;
	return 0;
}

int
json_read_bool(struct json_reader *x, const char *at, json_t *v,
	       const struct json_key *k, void *to)
{
	(void)k;
	if (!json_is_boolean(v))
		return json_read_wrong(x, at, v, "true or false");
	*(bool *)to = json_is_true(v);
	return 0;
}

static int
read_number(struct json_reader *x, const char *at, const json_t *v,
	    uint64_t min, uint64_t max, uint64_t *ret)
{
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v))
		return json_read_wrong(x, at, v, "a whole number");
	if (n < 0 || (uint64_t)n < min || (uint64_t)n > max)
		return jsonc_fail(
			&x->doc, x->e, at, "must be from %llu to %llu",
			(unsigned long long)min, (unsigned long long)max);
	*ret = (uint64_t)n;
	return 0;
}

int
json_read_u16(struct json_reader *x, const char *at, json_t *v,
	      const struct json_key *k, void *to)
{
	uint64_t n = 0;
	int r = read_number(x, at, v, k->min, k->max, &n);

	if (r >= 0)
		*(uint16_t *)to = (uint16_t)n;
	return r;
}

int
json_read_version(struct json_reader *x, const char *at, json_t *v,
		  const struct json_key *k, void *to)
{
	uint64_t n;

	(void)k;
	(void)to;
	return read_number(x, at, v, 1, 1, &n);
}

int
json_read_usec(struct json_reader *x, const char *at, json_t *v,
	       const struct json_key *k, void *to)
{
	const char *s;
	char shown[64];
	uint64_t n;
	int r = json_read_text(x, at, v, "a time such as \"30s\"", &s);

	if (r < 0)
		return r;
	if (str_to_usec(s, &n) < 0)
		return jsonc_fail(&x->doc, x->e, at,
				  "\"%s\" is no time; write \"30s\", \"5m\", "
				  "\"1d\"",
				  str_escape(s, shown, sizeof(shown)));
	if (n < k->min || n > k->max)
		return jsonc_fail(&x->doc, x->e, at,
				  "must be from %llu to %llu ms",
				  (unsigned long long)k->min / 1000,
				  (unsigned long long)k->max / 1000);
	*(uint64_t *)to = n;
	return 0;
}

int
json_read_string(struct json_reader *x, const char *at, json_t *v,
		 const struct json_key *k, void *to)
{
	const char *s;
	char *copy;
	int r = json_read_text(x, at, v, "a string", &s);

	if (r < 0)
		return r;
	if (strlen(s) < k->min || strlen(s) > k->max)
		return jsonc_fail(
			&x->doc, x->e, at, "must have %llu to %llu bytes",
			(unsigned long long)k->min, (unsigned long long)k->max);
	copy = strdup(s);
	if (!copy)
		return err_sys(x->e, -ENOMEM, "%s", x->doc.label);
	free(*(char **)to);
	*(char **)to = copy;
	return 0;
}
