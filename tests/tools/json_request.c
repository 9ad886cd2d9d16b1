/* Requests from JSON as it stands: see the header. */
#include "tests/tools/json_request.h"
#include "lib/str.h"
#include "tests/tap.h"

#include <string.h>

static json_t *
value_of(const char *s)
{
	json_error_t e;
	json_t *j;

	if (*s == '@') { /* @9000: so many letters */
		uint64_t n;
		char *text;

		ASSERT_OK(str_to_u64(s + 1, &n));
		text = malloc(n);
		ASSERT_NOT_NULL(text);
		memset(text, 'a', n);
		j = json_stringn(text, n);
		free(text);
		return j;
	}
	if (strchr("\"[{", *s) || (*s >= '0' && *s <= '9') || *s == '-' ||
	    !strcmp(s, "true") || !strcmp(s, "false") || !strcmp(s, "null")) {
		j = json_loads(s, JSON_DECODE_ANY, &e);
		/* 10.0.0.1, 2026-11-25 */
		if (!j && *s != '"' && *s != '[' && *s != '{')
			j = json_string(s);
	} else {
		j = json_string(s);
	}
	if (!j)
		FAIL("\"%s\": %s", s, e.text);
	return j;
}

void
json_request_set(json_t *root, char *path, const char *value)
{
	json_t *at = root;
	char *slash;

	for (; (slash = strchr(path, '/')); path = slash + 1) {
		json_t *in;

		*slash = '\0';
		in = json_object_get(at, path);
		if (!in) {
			in = json_object();
			json_object_set_new(at, path, in);
		}
		at = in;
	}
	if (!strcmp(value, "~"))
		json_object_del(at, path);
	else
		json_object_set_new(at, path, value_of(value));
}

static void value_from(struct json_request *r, const json_t *j,
		       struct value *ret);

static struct value *
add_node(struct json_request *r, struct value *list, struct value *last,
	 const json_t *j)
{
	struct value *v = &r->node[r->n++];

	ASSERT_LE(r->n, (size_t)JSON_REQUEST_NODES);
	value_from(r, j, v);
	if (last)
		last->next = v;
	else
		list->first = v;
	list->n++;
	return v;
}

static void
list_from(struct json_request *r, const json_t *j, struct value *ret)
{
	struct value *last = NULL;

	for (size_t i = 0; i < json_array_size(j); i++)
		last = add_node(r, ret, last, json_array_get(j, i));
}

static void
object_from(struct json_request *r, json_t *j, struct value *ret)
{
	struct value *last = NULL;
	const char *key;
	json_t *member;

	json_object_foreach(j, key, member)
	{
		last = add_node(r, ret, last, member);
		last->key = key;
		last->key_len = (uint32_t)strlen(key);
	}
}

static void
value_from(struct json_request *r, const json_t *j, struct value *ret)
{
	static const enum value_type types[] = {
		[JSON_OBJECT] = VALUE_OBJECT, [JSON_ARRAY] = VALUE_LIST,
		[JSON_STRING] = VALUE_STRING, [JSON_INTEGER] = VALUE_INT,
		[JSON_REAL] = VALUE_REAL,     [JSON_TRUE] = VALUE_BOOL,
		[JSON_FALSE] = VALUE_BOOL,    [JSON_NULL] = VALUE_NULL,
	};

	*ret = (struct value){ .type = types[json_typeof(j)] };
	if (ret->type == VALUE_OBJECT) {
		object_from(r, (json_t *)(uintptr_t)j, ret);
	} else if (ret->type == VALUE_LIST) {
		list_from(r, j, ret);
	} else if (ret->type == VALUE_STRING) {
		ret->s = json_string_value(j);
		ret->len = json_string_length(j);
	} else if (ret->type == VALUE_INT) {
		ret->i = json_integer_value(j);
	} else if (ret->type == VALUE_REAL) {
		ret->r = json_real_value(j);
	} else if (ret->type == VALUE_BOOL) {
		ret->b = json_is_true(j);
	}
}

static const json_t *
json_at(const json_t *j, const char *pointer)
{
	while (j && *pointer) {
		size_t n = strcspn(++pointer, "/");
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)n, pointer);
		j = json_object_get(j, name);
		pointer += n;
	}
	return j;
}

void
json_request_make(json_t *doc, struct json_request *r)
{
	int s = surface_from_name(
		json_string_value(json_object_get(doc, "surface")));

	ASSERT_GE(s, 0);
	r->n = 0;
	request_init(&r->rq, (enum surface)s);
	for (int i = 0; i < ATTR_MAX; i++) {
		const json_t *j = json_at(doc, attr_pointer((enum attr)i));

		if (j)
			value_from(r, j, &r->rq.attr[i]);
	}
	request_derive(&r->rq);
}
