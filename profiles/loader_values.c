/*
 * Values of a profile that are no numbers: words, strings, lists, maps. What
 * always holds: a string is stored only after the table's check let it pass.
 */
#include "profiles/loader-internal.h"

#include "lib/str.h"

#include <inttypes.h>
#include <string.h>

/* Types */

const char *
load_found_name(const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a number with a fraction";
	case JSON_NULL:
		return "null";
	default:
		return "true or false";
	}
}

const char *
load_type_name(const struct profile_key *k)
{
	static const char *const names[KEY_TYPE_MAX] = {
		[KEY_OBJECT] = "an object",
		[KEY_BOOL] = "true or false",
		[KEY_INT] = "an integer",
		[KEY_SIZE] = "a size such as \"512M\" or an integer of bytes",
		[KEY_TIME] = "a time such as \"90s\" or an integer of seconds",
		[KEY_PERCENT] = "a string such as \"150%\"",
		[KEY_WORD] = "a string",
		[KEY_BITS] = "a list of strings",
		[KEY_TEXT] = "a string",
		[KEY_LIST] = "a list of strings",
		[KEY_MAP] = "an object of strings",
	};

	return names[k->type];
}

int
load_wrong_type(struct load *l, const struct profile_key *k, const json_t *j)
{
	bool unlimited = k->flags & KEY_UNLIMITED;

	return jsonc_fail(l->doc, l->e, l->at, "expected %s%s, found %s",
			  load_type_name(k),
			  unlimited ? " or \"unlimited\"" : "",
			  load_found_name(j));
}

int
load_bool(struct load *l, const struct profile_key *k, const json_t *j)
{
	bool v = json_is_true(j);

	if (!json_is_boolean(j))
		return load_wrong_type(l, k, j);
	memcpy(load_member(l, k), &v, sizeof(v));
	return 0;
}

/* Words */

int
load_word_index(struct load *l, const char *const *words, const json_t *j)
{
	const char *s = json_string_value(j), *hint;
	char shown[80], all[256] = "";
	size_t n = 0;

	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], s))
			return i;
	str_escape(s, shown, sizeof(shown));
	hint = str_suggest(s, words);
	if (hint)
		return jsonc_fail(l->doc, l->e, l->at,
				  "unknown word \"%s\"; did you mean \"%s\"?",
				  shown, hint);
	for (int i = 0; words[i] && n < sizeof(all); i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s",
				      i ? ", " : "", words[i]);
	return jsonc_fail(l->doc, l->e, l->at,
			  "unknown word \"%s\"; allowed: %s", shown, all);
}

int
load_word(struct load *l, const struct profile_key *k, const json_t *j)
{
	int i;

	if (!json_is_string(j))
		return load_wrong_type(l, k, j);
	i = load_word_index(l, k->words, j);
	if (i < 0)
		return i;
	memcpy(load_member(l, k), &i, sizeof(i));
	return 0;
}

/* Strings */

/* Checks s, which stands at l->at; min and max are bytes, 0: no bound. */
static int
check_string(struct load *l, const struct profile_key *k, const char *s)
{
	const char *why = k->check ? k->check(s) : NULL;
	char shown[128];

	if (!why)
		return 0;
	return jsonc_fail(l->doc, l->e, l->at, "\"%s\" %s",
			  str_escape(s, shown, sizeof(shown)), why);
}

int
load_text(struct load *l, const struct profile_key *k, const json_t *j)
{
	size_t n = json_string_length(j);
	char **at = load_member(l, k);

	if (!json_is_string(j))
		return load_wrong_type(l, k, j);
	if (n < k->min || n > k->max)
		return jsonc_fail(l->doc, l->e, l->at,
				  "%zu bytes long: %" PRIu64 " to %" PRIu64
				  " are allowed",
				  n, k->min, k->max);
	if (check_string(l, k, json_string_value(j)) < 0)
		return -EINVAL;
	*at = strdup(json_string_value(j));
	if (!*at)
		return err_set(l->e, -ENOMEM, "out of memory");
	return 0;
}

/* Length of a list or an object, which must not be empty or too long. */
static int
check_count(struct load *l, const struct profile_key *k, size_t n)
{
	if (!n)
		return jsonc_fail(l->doc, l->e, l->at,
				  "empty; leave \"%s\" out to grant nothing",
				  k->name);
	if (n > k->max)
		return jsonc_fail(l->doc, l->e, l->at,
				  "%zu entries; at most %" PRIu64
				  " are allowed",
				  n, k->max);
	return 0;
}

static int
load_item(struct load *l, const struct profile_key *k, const json_t *j,
	  struct strv *sv)
{
	const char *s = json_string_value(j);
	char shown[128];

	if (!s)
		return jsonc_fail(l->doc, l->e, l->at,
				  "expected a string, found %s",
				  load_found_name(j));
	if (check_string(l, k, s) < 0)
		return -EINVAL;
	if (strv_has(sv, s))
		return jsonc_fail(l->doc, l->e, l->at,
				  "\"%s\" is in this list already",
				  str_escape(s, shown, sizeof(shown)));
	if (strv_add(sv, s) < 0)
		return err_set(l->e, -ENOMEM, "out of memory");
	return 0;
}

int
load_list(struct load *l, const struct profile_key *k, const json_t *j)
{
	struct strv *sv = load_member(l, k);
	int r;

	if (!json_is_array(j))
		return load_wrong_type(l, k, j);
	r = check_count(l, k, json_array_size(j));
	if (r < 0)
		return r;
	strv_done(sv); /* the default */
	for (size_t i = 0; i < json_array_size(j); i++) {
		size_t back = load_enter_index(l, i);

		r = load_item(l, k, json_array_get(j, i), sv);
		if (r < 0)
			return r;
		l->at[back] = '\0';
	}
	return 0;
}

int
load_bits(struct load *l, const struct profile_key *k, const json_t *j)
{
	uint32_t bits = 0;
	int r;

	if (!json_is_array(j))
		return load_wrong_type(l, k, j);
	r = check_count(l, k, json_array_size(j));
	for (size_t i = 0; r >= 0 && i < json_array_size(j); i++) {
		const json_t *item = json_array_get(j, i);
		size_t back = load_enter_index(l, i);

		if (!json_is_string(item))
			return jsonc_fail(l->doc, l->e, l->at,
					  "expected a string, found %s",
					  load_found_name(item));
		r = load_word_index(l, k->words, item);
		if (r < 0)
			return r;
		bits |= LAYER_BIT(layer_from_name(k->words[r]));
		l->at[back] = '\0';
	}
	if (r >= 0)
		memcpy(load_member(l, k), &bits, sizeof(bits));
	return r;
}

#define VALUE_MAX 32768

static int
load_pair(struct load *l, const struct profile_key *k, const char *name,
	  const json_t *j, struct strv *sv)
{
	if (!json_is_string(j))
		return jsonc_fail(l->doc, l->e, l->at,
				  "expected a string, found %s",
				  load_found_name(j));
	if (check_string(l, k, name) < 0)
		return -EINVAL;
	if (json_string_length(j) > VALUE_MAX)
		return jsonc_fail(l->doc, l->e, l->at, "longer than %d bytes",
				  VALUE_MAX);
	if (strv_take(sv, str_printf("%s=%s", name, json_string_value(j))) < 0)
		return err_set(l->e, -ENOMEM, "out of memory");
	return 0;
}

int
load_map(struct load *l, const struct profile_key *k, json_t *j)
{
	struct strv *sv = load_member(l, k);
	const char *name;
	json_t *value;
	int r;

	if (!json_is_object(j))
		return load_wrong_type(l, k, j);
	r = check_count(l, k, json_object_size(j));
	if (r < 0)
		return r;
	json_object_foreach(j, name, value)
	{
		size_t back = load_enter(l, name);

		r = load_pair(l, k, name, value, sv);
		if (r < 0)
			return r;
		l->at[back] = '\0';
	}
	return 0;
}
