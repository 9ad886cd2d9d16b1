/*
 * The input document from JSON. What always holds: the nodes are as many as
 * the bound allows and lie in one block; strings stay jansson's, which the
 * document keeps; a path means what it means inside a box.
 */
#include "profiles/request_json.h"

#include "profiles/jsonc.h"
#include "profiles/loader-internal.h"
#include "profiles/rules-internal.h"

#include "lib/str.h"

#include <string.h>

struct request_doc {
	struct request rq;
	struct jsonc jsonc; /* of request_doc_read() */
	json_t *held, *beside;
	struct value *node;
	size_t n, room;
	struct strv paths; /* rewritten ones */
	bool has_time;
	int64_t time_us;
};

void
request_doc_free(struct request_doc *d)
{
	if (!d)
		return;
	json_decref(d->held);
	json_decref(d->beside);
	jsonc_done(&d->jsonc);
	strv_done(&d->paths);
	free(d->node);
	free(d);
}

static void
request_doc_free_ptr(struct request_doc **d)
{
	request_doc_free(*d);
}

const struct request *
request_doc_request(const struct request_doc *d)
{
	return &d->rq;
}

bool
request_doc_time(const struct request_doc *d, int64_t *ret_us)
{
	if (d->has_time)
		*ret_us = d->time_us;
	return d->has_time;
}

/* Nodes. Depth is bounded by the parser of the text. */

static size_t
count_nodes(json_t *j)
{
	size_t n = 1, i;
	const char *key;
	json_t *v;

	if (json_is_object(j)) {
		json_object_foreach(j, key, v)
		{
			n += count_nodes(v);
		}
	} else if (json_is_array(j)) {
		json_array_foreach(j, i, v)
		{
			n += count_nodes(v);
		}
	}
	return n;
}

static void fill_value(struct request_doc *d, json_t *j, struct value *v);

static struct value *
new_node(struct request_doc *d)
{
	return &d->node[d->n++];
}

static void
fill_object(struct request_doc *d, json_t *j, struct value *v)
{
	const struct value **last = &v->first;
	const char *key;
	json_t *member;

	v->type = VALUE_OBJECT;
	json_object_foreach(j, key, member)
	{
		struct value *node = new_node(d);

		fill_value(d, member, node);
		node->key = key;
		node->key_len = (uint32_t)strlen(key);
		*last = node;
		last = &node->next;
		v->n++;
	}
}

static void
fill_list(struct request_doc *d, json_t *j, struct value *v)
{
	const struct value **last = &v->first;
	json_t *item;
	size_t i;

	v->type = VALUE_LIST;
	json_array_foreach(j, i, item)
	{
		struct value *node = new_node(d);

		fill_value(d, item, node);
		*last = node;
		last = &node->next;
		v->n++;
	}
}

static void
fill_value(struct request_doc *d, json_t *j, struct value *v)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		fill_object(d, j, v);
		break;
	case JSON_ARRAY:
		fill_list(d, j, v);
		break;
	case JSON_STRING:
		v->type = VALUE_STRING;
		v->s = json_string_value(j);
		v->len = json_string_length(j);
		break;
	case JSON_INTEGER:
		v->type = VALUE_INT;
		v->i = json_integer_value(j);
		break;
	case JSON_REAL:
		v->type = VALUE_REAL;
		v->r = json_real_value(j);
		break;
	case JSON_NULL:
		v->type = VALUE_NULL;
		break;
	default:
		v->type = VALUE_BOOL;
		v->b = json_is_true(j);
	}
}

/* Attributes */

static int
check_strings(struct load *l, json_t *j)
{
	size_t i;
	json_t *item;

	if (!json_is_array(j))
		return load_expected(l, "a list of strings", j);
	if (json_array_size(j) > REQUEST_LIST_MAX)
		return load_fail(l, "%zu entries; at most %d are allowed",
				 json_array_size(j), REQUEST_LIST_MAX);
	json_array_foreach(j, i, item)
	{
		if (!json_is_string(item)) {
			load_enter_index(l, i);
			return load_expected(l, "a string", item);
		}
	}
	return 0;
}

static int
check_type(struct load *l, enum attr a, json_t *j)
{
	switch (attr_kind(a)) {
	case KIND_TREE:
		return 0;
	case KIND_INT:
		return json_is_integer(j) ? 0
					  : load_expected(l, "an integer", j);
	case KIND_LIST:
	case KIND_LABELS:
		return check_strings(l, j);
	case KIND_WORD:
		if (!json_is_string(j))
			return load_expected(l, "a string", j);
		return load_word_index(l, attr_words(a), j) < 0 ? -EINVAL : 0;
	default:
		return json_is_string(j) ? 0 : load_expected(l, "a string", j);
	}
}

/* Inside a box: "./x" and "$WORKSPACE/x" lie in the workspace, "~/x" in the
 * agent's home. */
static char *
inside(const char *s)
{
	if (!strcmp(s, ".") || !strcmp(s, "$WORKSPACE"))
		return strdup("/$WORKSPACE");
	if (str_starts(s, "./"))
		return str_printf("/$WORKSPACE/%s", s + 2);
	if (str_starts(s, "$WORKSPACE/"))
		return str_printf("/%s", s);
	if (!strcmp(s, "~"))
		return strdup("/home/agent");
	if (str_starts(s, "~/"))
		return str_printf("/home/agent/%s", s + 2);
	return NULL;
}

static bool
is_rewritten(const char *s)
{
	return *s == '~' || *s == '.' || *s == '$';
}

static int
set_path(struct load *l, struct request_doc *d, const char *s)
{
	char *path = is_rewritten(s) ? inside(s) : NULL;

	if (!path)
		return 0;
	if (strv_take(&d->paths, path) < 0)
		return hand_no_memory(l);
	request_set(&d->rq, ATTR_PATH, d->paths.v[d->paths.n - 1]);
	return 0;
}

static int
set_attr(struct load *l, struct request_doc *d, enum attr a, json_t *j)
{
	struct value v = { .type = VALUE_NONE };
	bool kernel = d->rq.surface == SURFACE_FILES ||
		      d->rq.surface == SURFACE_PROCESS;
	int r = check_type(l, a, j);

	if (r < 0)
		return r;
	fill_value(d, j, &v);
	request_set_value(&d->rq, a, &v);
	if (a == ATTR_PATH && kernel)
		return set_path(l, d, json_string_value(j));
	return 0;
}

static int
unknown_attr(struct load *l, enum surface s, const char *key, bool whole)
{
	const char *names[MATCH_NAMES_MAX + 1];
	const char *some[] = { "surface", "time", "run", "data", "approvers" };
	size_t n = 0;

	if (whole)
		for (; n < ARRAY_SIZE(some); n++)
			names[n] = some[n];
	match_names(1u << s, names, n);
	return load_unknown_key(l, key, names);
}

static int
unknown_part(struct load *l, const char *part, const char *key)
{
	const char *names[MATCH_NAMES_MAX + 1];
	size_t n = strlen(part), kept = 0;

	match_names(ON_ALL, names, 0);
	for (size_t i = 0; names[i]; i++)
		if (!strncmp(names[i], part, n) && names[i][n] == '/')
			names[kept++] = names[i] + n + 1;
	names[kept] = NULL;
	return load_unknown_key(l, key, names);
}

/* One of the objects "run" and "data". */
static int
read_part(struct load *l, struct request_doc *d, const char *part, json_t *j)
{
	const char *key;
	json_t *value;
	size_t back = load_enter(l, part);

	if (!json_is_object(j))
		return load_expected(l, "an object", j);
	json_object_foreach(j, key, value)
	{
		char name[64];
		enum attr a = ATTR_MAX;
		size_t here;
		int r;

		if (snprintf(name, sizeof(name), "%s/%s", part, key) <
		    (int)sizeof(name))
			a = match_attr(name);
		if (a == ATTR_MAX)
			return unknown_part(l, part, key);
		here = load_enter(l, key);
		r = set_attr(l, d, a, value);
		if (r < 0)
			return r;
		l->at[here] = '\0';
	}
	l->at[back] = '\0';
	return 0;
}

static bool
is_beside(const char *key)
{
	return !strcmp(key, "run") || !strcmp(key, "data") ||
	       !strcmp(key, "approvers");
}

static int
read_beside(struct load *l, struct request_doc *d, json_t *j)
{
	json_t *approvers = json_object_get(j, "approvers");
	static const char *const parts[] = { "run", "data" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts) && r >= 0; i++) {
		json_t *part = json_object_get(j, parts[i]);

		if (part)
			r = read_part(l, d, parts[i], part);
	}
	if (r >= 0 && approvers) {
		size_t back = load_enter(l, "approvers");

		r = set_attr(l, d, ATTR_APPROVERS, approvers);
		if (r >= 0)
			l->at[back] = '\0';
	}
	return r;
}

static int
read_attrs(struct load *l, struct request_doc *d, json_t *j, bool whole)
{
	enum surface s = d->rq.surface;
	const char *key;
	json_t *value;

	json_object_foreach(j, key, value)
	{
		enum attr a = match_attr(key);
		size_t back;
		int r;

		if (whole && (is_beside(key) || !strcmp(key, "surface") ||
			      !strcmp(key, "time")))
			continue;
		if (a == ATTR_MAX || a == ATTR_APPROVERS || a == ATTR_SURFACE ||
		    strchr(key, '/'))
			return unknown_attr(l, s, key, whole);
		back = load_enter(l, key);
		r = match_known(l, a, 1u << s, key);
		if (r >= 0)
			r = set_attr(l, d, a, value);
		if (r < 0)
			return r;
		l->at[back] = '\0';
	}
	return 0;
}

/* Documents */

static int
make(struct load *l, enum surface surface, json_t *j, json_t *beside,
     struct request_doc *d)
{
	bool whole = j == beside;
	size_t back = strlen(l->at);
	int r;

	d->room = count_nodes(j) + (whole || !beside ? 0 : count_nodes(beside));
	if (d->room > REQUEST_NODES_MAX)
		return load_fail(l, "more than %u values", REQUEST_NODES_MAX);
	d->node = calloc(d->room, sizeof(*d->node));
	if (!d->node)
		return hand_no_memory(l);
	request_init(&d->rq, surface);
	if (!whole)
		load_enter(l, "request");
	r = read_attrs(l, d, j, whole);
	if (r < 0)
		return r;
	l->at[back] = '\0';
	if (beside)
		r = read_beside(l, d, beside);
	if (r >= 0)
		request_derive(&d->rq);
	return r;
}

int
request_doc_make(struct load *l, enum surface surface, json_t *j,
		 json_t *beside, struct request_doc **ret)
{
	_cleanup_(request_doc_free_ptr) struct request_doc *d =
		calloc(1, sizeof(*d));
	int r;

	if (!d)
		return hand_no_memory(l);
	d->held = json_incref(j);
	d->beside = json_incref(beside);
	r = make(l, surface, j, beside, d);
	if (r >= 0)
		*ret = TAKE_PTR(d);
	return r;
}

static int
read_surface(struct load *l, const json_t *root, enum surface *ret)
{
	const char *names[SURFACE_MAX + 1];
	const json_t *j = json_object_get(root, "surface");
	int i;

	if (!j)
		return load_fail(l, "the key \"surface\" is missing");
	load_enter(l, "surface");
	for (int s = 0; s < SURFACE_MAX; s++)
		names[s] = surface_name((enum surface)s);
	names[SURFACE_MAX] = NULL;
	if (!json_is_string(j))
		return load_expected(l, "a string", j);
	i = load_word_index(l, names, j);
	if (i < 0)
		return i;
	*ret = (enum surface)i;
	l->at[0] = '\0';
	return 0;
}

static int
read_document(struct load *l, struct request_doc *d)
{
	json_t *root = d->jsonc.root, *time;
	enum surface s = SURFACE_MAX;
	int r;

	if (!json_is_object(root))
		return load_expected(l, "an object", root);
	r = read_surface(l, root, &s);
	time = json_object_get(root, "time");
	if (r >= 0 && time) {
		load_enter(l, "time");
		r = hand_time(l, time, &d->time_us);
		d->has_time = true;
		if (r >= 0)
			l->at[0] = '\0';
	}
	return r < 0 ? r : make(l, s, root, root, d);
}

int
request_doc_read(const char *label, const char *text, size_t len,
		 struct request_doc **ret, struct err *e)
{
	_cleanup_(request_doc_free_ptr) struct request_doc *d =
		calloc(1, sizeof(*d));
	struct load l = { .e = e };
	int r;

	if (!d)
		return err_set(e, -ENOMEM, "%s: out of memory", label);
	r = jsonc_parse(label, text, len, REQUEST_SIZE_MAX, REQUEST_DEPTH_MAX,
			&d->jsonc, e);
	if (r < 0)
		return r;
	l.doc = &d->jsonc;
	r = read_document(&l, d);
	if (r >= 0)
		*ret = TAKE_PTR(d);
	return r;
}
