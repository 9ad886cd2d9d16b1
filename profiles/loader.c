/*
 * Walks a parsed profile along the table of keys. What always holds: the
 * profile is as its defaults say wherever the file is silent; the first
 * mistake ends the load and names its line, its place and, where there is one,
 * the key or word that was probably meant.
 */
#include "profiles/loader.h"

#include "lib/str.h"

#include <inttypes.h>
#include <string.h>

#define WORDS_MAX 32

struct load {
	const struct jsonc *doc;
	struct profile *p;
	struct err *e;
	char at[512]; /* JSON pointer of what is read now */
};

/* Adds a segment to the pointer; returns the length to go back to. */
static size_t
enter(struct load *l, const char *segment)
{
	size_t n = strlen(l->at), i = n;

	if (i + 1 < sizeof(l->at))
		l->at[i++] = '/';
	for (; *segment && i + 2 < sizeof(l->at); segment++) {
		if (*segment == '~' || *segment == '/') {
			l->at[i++] = '~';
			l->at[i++] = *segment == '~' ? '0' : '1';
		} else {
			l->at[i++] = *segment;
		}
	}
	l->at[i] = '\0';
	return n;
}

static size_t
enter_index(struct load *l, size_t i)
{
	char s[24];

	snprintf(s, sizeof(s), "%zu", i);
	return enter(l, s);
}

static void *
member(struct load *l, const struct profile_key *k)
{
	return (char *)l->p + k->off;
}

/* Types */

static const char *
json_type_name(const json_t *j)
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

static const char *
key_type_name(const struct profile_key *k)
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

static int
wrong_type(struct load *l, const struct profile_key *k, const json_t *j)
{
	bool unlimited = k->flags & KEY_UNLIMITED;

	return jsonc_fail(l->doc, l->e, l->at, "expected %s%s, found %s",
			  key_type_name(k), unlimited ? " or \"unlimited\"" : "",
			  json_type_name(j));
}

/* Numbers */

/* A number of the key's kind as a person writes it. */
static const char *
number_text(const struct profile_key *k, uint64_t v, char *buf, size_t size)
{
	static const char suffix[] = " KMGT";
	unsigned int i = 0;

	if (k->type == KEY_PERCENT)
		snprintf(buf, size, "\"%" PRIu64 "%%\"", v);
	else if (k->type == KEY_TIME)
		snprintf(buf, size, "%" PRIu64 "s", v);
	else if (k->type == KEY_INT || !v)
		snprintf(buf, size, "%" PRIu64, v);
	else {
		for (; i < 4 && !(v & 1023); i++)
			v >>= 10;
		snprintf(buf, size, "%" PRIu64 "%.*s", v, i ? 1 : 0,
			 suffix + i);
	}
	return buf;
}

static int
out_of_range(struct load *l, const struct profile_key *k, const json_t *j)
{
	char lo[32], hi[32], given[64];

	if (json_is_string(j)) {
		given[0] = '"';
		str_escape(json_string_value(j), given + 1, 40);
		strncat(given, "\"", 2);
	} else {
		snprintf(given, sizeof(given), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(j));
	}
	return jsonc_fail(l->doc, l->e, l->at,
			  "%s is out of range: %s to %s is allowed", given,
			  number_text(k, k->min, lo, sizeof(lo)),
			  number_text(k, k->max, hi, sizeof(hi)));
}

static void
store_number(struct load *l, const struct profile_key *k, uint64_t v)
{
	uint32_t narrow = (uint32_t)v;

	if (k->width == sizeof(v))
		memcpy(member(l, k), &v, sizeof(v));
	else
		memcpy(member(l, k), &narrow, sizeof(narrow));
}

/* "150%" */
static int
str_to_percent(const char *s, uint64_t *ret)
{
	char digits[16];
	size_t n = strlen(s);

	if (n < 2 || n >= sizeof(digits) || s[n - 1] != '%')
		return -EINVAL;
	memcpy(digits, s, n - 1);
	digits[n - 1] = '\0';
	return str_to_u64(digits, ret);
}

static int
number_from_string(const struct profile_key *k, const char *s, uint64_t *ret)
{
	switch (k->type) {
	case KEY_SIZE:
		return str_to_size(s, ret);
	case KEY_TIME:
		return str_to_usec(s, ret);
	case KEY_PERCENT:
		return str_to_percent(s, ret);
	default:
		return -EINVAL;
	}
}

static int
load_number_string(struct load *l, const struct profile_key *k,
		   const json_t *j)
{
	uint64_t v, unit = k->type == KEY_TIME ? 1000000 : 1;
	const char *s = json_string_value(j);
	char shown[64];
	int r;

	if (k->flags & KEY_UNLIMITED && !strcmp(s, "unlimited")) {
		store_number(l, k, CGROUP_UNLIMITED);
		return 0;
	}
	if (k->type == KEY_INT)
		return wrong_type(l, k, j);
	r = number_from_string(k, s, &v);
	if (r == -ERANGE)
		return out_of_range(l, k, j);
	if (r < 0)
		return jsonc_fail(l->doc, l->e, l->at, "\"%s\" is not %s%s",
				  str_escape(s, shown, sizeof(shown)),
				  key_type_name(k),
				  k->flags & KEY_UNLIMITED ? " or \"unlimited\""
							   : "");
	if (v < k->min * unit || v > k->max * unit)
		return out_of_range(l, k, j);
	store_number(l, k, v);
	return 0;
}

static int
load_number(struct load *l, const struct profile_key *k, const json_t *j)
{
	json_int_t v = json_integer_value(j);
	uint64_t u = (uint64_t)v;

	if (json_is_string(j))
		return load_number_string(l, k, j);
	if (!json_is_integer(j) || k->type == KEY_PERCENT)
		return wrong_type(l, k, j);
	if (v < 0 || u < k->min || u > k->max)
		return out_of_range(l, k, j);
	store_number(l, k, k->type == KEY_TIME ? u * 1000000 : u);
	return 0;
}

static int
load_bool(struct load *l, const struct profile_key *k, const json_t *j)
{
	bool v = json_is_true(j);

	if (!json_is_boolean(j))
		return wrong_type(l, k, j);
	memcpy(member(l, k), &v, sizeof(v));
	return 0;
}

/* Words */

static int
word_index(struct load *l, const struct profile_key *k, const json_t *j)
{
	const char *s = json_string_value(j), *hint;
	char shown[80], all[256] = "";
	size_t n = 0;

	for (int i = 0; k->words[i]; i++)
		if (!strcmp(k->words[i], s))
			return i;
	str_escape(s, shown, sizeof(shown));
	hint = str_suggest(s, k->words);
	if (hint)
		return jsonc_fail(l->doc, l->e, l->at,
				  "unknown word \"%s\"; did you mean \"%s\"?",
				  shown, hint);
	for (int i = 0; k->words[i] && n < sizeof(all); i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s",
				      i ? ", " : "", k->words[i]);
	return jsonc_fail(l->doc, l->e, l->at,
			  "unknown word \"%s\"; allowed: %s", shown, all);
}

static int
load_word(struct load *l, const struct profile_key *k, const json_t *j)
{
	int i;

	if (!json_is_string(j))
		return wrong_type(l, k, j);
	i = word_index(l, k, j);
	if (i < 0)
		return i;
	memcpy(member(l, k), &i, sizeof(i));
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

static int
load_text(struct load *l, const struct profile_key *k, const json_t *j)
{
	size_t n = json_string_length(j);
	char *s;

	if (!json_is_string(j))
		return wrong_type(l, k, j);
	if (n < k->min || n > k->max)
		return jsonc_fail(l->doc, l->e, l->at,
				  "%zu bytes long: %" PRIu64 " to %" PRIu64
				  " are allowed",
				  n, k->min, k->max);
	if (check_string(l, k, json_string_value(j)) < 0)
		return -EINVAL;
	s = strdup(json_string_value(j));
	if (!s)
		return err_set(l->e, -ENOMEM, "out of memory");
	memcpy(member(l, k), &s, sizeof(s));
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
				  json_type_name(j));
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

static int
load_list(struct load *l, const struct profile_key *k, const json_t *j)
{
	struct strv *sv = member(l, k);
	int r;

	if (!json_is_array(j))
		return wrong_type(l, k, j);
	r = check_count(l, k, json_array_size(j));
	if (r < 0)
		return r;
	strv_done(sv); /* the default */
	for (size_t i = 0; i < json_array_size(j); i++) {
		size_t back = enter_index(l, i);

		r = load_item(l, k, json_array_get(j, i), sv);
		if (r < 0)
			return r;
		l->at[back] = '\0';
	}
	return 0;
}

static int
load_bits(struct load *l, const struct profile_key *k, const json_t *j)
{
	uint32_t bits = 0;
	int r;

	if (!json_is_array(j))
		return wrong_type(l, k, j);
	r = check_count(l, k, json_array_size(j));
	for (size_t i = 0; r >= 0 && i < json_array_size(j); i++) {
		const json_t *item = json_array_get(j, i);
		size_t back = enter_index(l, i);

		if (!json_is_string(item))
			return jsonc_fail(l->doc, l->e, l->at,
					  "expected a string, found %s",
					  json_type_name(item));
		r = word_index(l, k, item);
		if (r < 0)
			return r;
		bits |= LAYER_BIT(layer_from_name(k->words[r]));
		l->at[back] = '\0';
	}
	if (r >= 0)
		memcpy(member(l, k), &bits, sizeof(bits));
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
				  json_type_name(j));
	if (check_string(l, k, name) < 0)
		return -EINVAL;
	if (json_string_length(j) > VALUE_MAX)
		return jsonc_fail(l->doc, l->e, l->at,
				  "longer than %d bytes", VALUE_MAX);
	if (strv_take(sv, str_printf("%s=%s", name, json_string_value(j))) < 0)
		return err_set(l->e, -ENOMEM, "out of memory");
	return 0;
}

static int
load_map(struct load *l, const struct profile_key *k, json_t *j)
{
	struct strv *sv = member(l, k);
	const char *name;
	json_t *value;
	int r;

	if (!json_is_object(j))
		return wrong_type(l, k, j);
	r = check_count(l, k, json_object_size(j));
	if (r < 0)
		return r;
	json_object_foreach(j, name, value) {
		size_t back = enter(l, name);

		r = load_pair(l, k, name, value, sv);
		if (r < 0)
			return r;
		l->at[back] = '\0';
	}
	return 0;
}

/* Objects */

static int
unknown_key(struct load *l, const struct profile_key *k, const char *name)
{
	const char *names[WORDS_MAX + 1], *hint;
	char shown[80];
	size_t n = 0;

	for (; k->sub[n].name && n < WORDS_MAX; n++)
		names[n] = k->sub[n].name;
	names[n] = NULL;
	hint = str_suggest(name, names);
	str_escape(name, shown, sizeof(shown));
	enter(l, name);
	if (hint)
		return jsonc_fail(l->doc, l->e, l->at,
				  "unknown key \"%s\"; did you mean \"%s\"?",
				  shown, hint);
	return jsonc_fail(l->doc, l->e, l->at, "unknown key \"%s\"", shown);
}

static const struct profile_key *
find_key(const struct profile_key *k, const char *name)
{
	for (k = k->sub; k->name; k++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}

static int load_value(struct load *l, const struct profile_key *k, json_t *j);

static int
load_object(struct load *l, const struct profile_key *k, json_t *j)
{
	const struct profile_key *sub;
	const char *name;
	json_t *value;
	int r;

	if (!json_is_object(j))
		return wrong_type(l, k, j);
	json_object_foreach(j, name, value) {
		size_t back;

		sub = find_key(k, name);
		if (!sub)
			return unknown_key(l, k, name);
		back = enter(l, name);
		r = load_value(l, sub, value);
		if (r < 0)
			return r;
		l->at[back] = '\0';
	}
	for (sub = k->sub; sub->name; sub++)
		if (sub->flags & KEY_REQUIRED && !json_object_get(j, sub->name))
			return jsonc_fail(l->doc, l->e, l->at,
					  "the key \"%s\" is missing",
					  sub->name);
	return 0;
}

static int
load_value(struct load *l, const struct profile_key *k, json_t *j)
{
	switch (k->type) {
	case KEY_OBJECT:
		return load_object(l, k, j);
	case KEY_BOOL:
		return load_bool(l, k, j);
	case KEY_WORD:
		return load_word(l, k, j);
	case KEY_BITS:
		return load_bits(l, k, j);
	case KEY_TEXT:
		return load_text(l, k, j);
	case KEY_LIST:
		return load_list(l, k, j);
	case KEY_MAP:
		return load_map(l, k, j);
	default:
		return load_number(l, k, j);
	}
}

/* Defaults */

static int
default_number(struct load *l, const struct profile_key *k)
{
	uint64_t v = CGROUP_UNLIMITED;
	int r = 0;

	if (k->def && strcmp(k->def, "unlimited"))
		r = k->type == KEY_INT ? str_to_u64(k->def, &v)
				       : number_from_string(k, k->def, &v);
	if (r >= 0)
		store_number(l, k, v);
	return r;
}

/* Absent numbers are "unlimited", texts NULL, lists empty. */
static int
set_defaults(struct load *l, const struct profile_key *k)
{
	int r = 0;

	for (k = k->sub; k->name && r >= 0; k++) {
		if (k->type == KEY_OBJECT)
			r = set_defaults(l, k);
		else if (k->type == KEY_LIST && k->def)
			r = strv_add(member(l, k), k->def);
		else if (k->type == KEY_INT || k->type == KEY_SIZE ||
			 k->type == KEY_TIME || k->type == KEY_PERCENT)
			r = default_number(l, k);
	}
	return r;
}

/* What the table cannot say. */
static void
derive(struct profile *p, const json_t *root)
{
	const json_t *limits = json_object_get(
		json_object_get(root, "process"), "limits");

	/* The same bound twice: where no cgroup can be had, this one holds. */
	if (!json_object_get(limits, "nproc"))
		p->process.nproc = p->process.cgroup.pids;
	if (p->process.timeout_us == CGROUP_UNLIMITED)
		p->process.timeout_us = 0;
	if (p->files.workspace_max == CGROUP_UNLIMITED)
		p->files.workspace_max = 0;
}

int
loader_fill(const struct jsonc *doc, struct profile *p, struct err *e)
{
	struct load l = { .doc = doc, .p = p, .e = e };
	int r = set_defaults(&l, &profile_root);

	if (r < 0)
		return err_sys(e, r, "%s", doc->label);
	r = load_object(&l, &profile_root, doc->root);
	if (r >= 0)
		derive(p, doc->root);
	return r;
}

static void
clear_keys(struct profile *p, const struct profile_key *k)
{
	for (k = k->sub; k->name; k++) {
		void *at = (char *)p + k->off;

		if (k->type == KEY_OBJECT)
			clear_keys(p, k);
		else if (k->type == KEY_TEXT)
			free_ptr(at);
		else if (k->type == KEY_LIST || k->type == KEY_MAP)
			strv_done(at);
	}
}

void
loader_clear(struct profile *p)
{
	clear_keys(p, &profile_root);
}
