/*
 * The document of an outcome. What always holds: what passed has a number, a
 * status and nothing of a wrong type; strings live as long as the document.
 */
#include "supervisor/outcome_json.h"

#include "lib/str.h"

#include <string.h>

#define OUTCOME_MAX (64u * 1024)
#define OUTCOME_DEPTH 4

/* Members of the document of an outcome; unknown ones are refused. */
static int
check_keys(json_t *j, struct err *e)
{
	static const char *const keys[] = { "action",	 "status", "error",
					    "detail",	 "result", "bytes_in",
					    "bytes_out", "labels", NULL };
	const char *key;
	json_t *v;

	json_object_foreach(j, key, v)
	{
		bool known = false;

		for (size_t i = 0; keys[i]; i++)
			known = known || !strcmp(key, keys[i]);
		if (!known) {
			char shown[64];

			str_escape(key, shown, sizeof(shown));
			return err_set(e, -EINVAL,
				       "outcome: unknown key \"%s\"", shown);
		}
	}
	return 0;
}

static int
take_labels(json_t *list, const char **names, struct gate_outcome *o,
	    struct err *e)
{
	size_t i;
	json_t *v;

	if (!list)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > POLICY_LABELS_MAX)
		return err_set(e, -EINVAL,
			       "outcome: /labels: a list of at most %d strings",
			       POLICY_LABELS_MAX);
	json_array_foreach(list, i, v)
	{
		if (!json_is_string(v))
			return err_set(e, -EINVAL,
				       "outcome: /labels/%zu: not a string", i);
		names[i] = json_string_value(v);
	}
	o->labels = names;
	o->n_labels = json_array_size(list);
	return 0;
}

static int
bad_type(struct err *e, const char *key, const char *want)
{
	return err_set(e, -EINVAL, "outcome: /%s: not %s", key, want);
}

static int
take_text(json_t *j, const char *key, const char **ret, struct err *e)
{
	json_t *v = json_object_get(j, key);

	*ret = json_string_value(v);
	return v && !*ret ? bad_type(e, key, "a string") : 0;
}

static int
take_bytes(json_t *j, const char *key, int64_t *ret, struct err *e)
{
	json_t *v = json_object_get(j, key);

	*ret = v ? json_integer_value(v) : -1;
	return v && (!json_is_integer(v) || *ret < 0)
		       ? bad_type(e, key, "a number of bytes")
		       : 0;
}

static int
take_outcome(struct outcome_doc *d, struct err *e)
{
	json_t *j = d->json.root;
	struct gate_outcome *o = &d->outcome;
	json_t *action = json_object_get(j, "action");
	const char *result;
	int r = check_keys(j, e);

	if (r < 0)
		return r;
	if (!json_is_integer(action) || json_integer_value(action) <= 0)
		return bad_type(e, "action", "the number of an action");
	d->action = (uint64_t)json_integer_value(action);
	r = take_text(j, "status", &o->status, e);
	if (r >= 0 && !o->status)
		r = bad_type(e, "status", "there");
	if (r >= 0)
		r = take_text(j, "error", &o->error, e);
	if (r >= 0)
		r = take_text(j, "detail", &o->detail, e);
	if (r >= 0)
		r = take_text(j, "result", &result, e);
	if (r >= 0)
		r = take_bytes(j, "bytes_in", &o->bytes_in, e);
	if (r >= 0)
		r = take_bytes(j, "bytes_out", &o->bytes_out, e);
	if (r >= 0)
		r = take_labels(json_object_get(j, "labels"), d->labels, o, e);
	if (r >= 0 && result) {
		o->result = result;
		o->result_len = strlen(result);
	}
	return r;
}

int
outcome_doc_read(const char *text, size_t len, struct outcome_doc *ret,
		 struct err *e)
{
	struct outcome_doc d = { .action = 0 };
	int r = jsonc_parse("outcome", text, len, OUTCOME_MAX, OUTCOME_DEPTH,
			    &d.json, e);

	if (r < 0)
		return r;
	*ret = d;
	r = take_outcome(ret, e);
	if (r < 0)
		outcome_doc_done(ret);
	return r;
}

void
outcome_doc_done(struct outcome_doc *d)
{
	jsonc_done(&d->json);
}
