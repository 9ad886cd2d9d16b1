/*
 * The pieces that rules, triggers and cases are read with. What always holds:
 * every list has a bound and is not empty, every string was checked before it
 * is kept.
 */
#include "profiles/rules-internal.h"

#include "lib/str.h"
#include "profiles/request_json.h"

#include <inttypes.h>
#include <string.h>

#define YEAR_US (UINT64_C(31536000) * 1000000)
#define HAND_KEYS_MAX 24

int
hand_no_memory(struct load *l)
{
	return err_set(l->e, -ENOMEM, "%s: out of memory", l->doc->label);
}

/* Room is 8, 16, 32...: grown when the count is one of them. */
void *
hand_push(struct load *l, void *v, size_t *n, size_t size)
{
	char *old, *fresh;
	size_t room = *n ? 2 * *n : 8;

	memcpy(&old, v, sizeof(old));
	if (!*n || (*n >= 8 && !(*n & (*n - 1)))) {
		fresh = reallocarray(old, room, size);
		if (!fresh) {
			hand_no_memory(l);
			return NULL;
		}
		old = fresh;
		memcpy(v, &old, sizeof(old));
	}
	return memset(old + (*n)++ * size, 0, size);
}

/* Objects and lists */

static int
unknown_member(struct load *l, const struct hand_key *keys, const char *name)
{
	const char *names[HAND_KEYS_MAX + 1];
	size_t n = 0;

	for (; keys->name && n < HAND_KEYS_MAX; keys++)
		names[n++] = keys->name;
	names[n] = NULL;
	return load_unknown_key(l, name, names);
}

int
hand_object(struct load *l, json_t *j, const struct hand_key *keys, void *arg)
{
	const struct hand_key *k;
	const char *name;
	json_t *value;

	if (!json_is_object(j))
		return load_expected(l, "an object", j);
	json_object_foreach(j, name, value)
	{
		size_t back;
		int r;

		for (k = keys; k->name && strcmp(k->name, name); k++)
			;
		if (!k->name)
			return unknown_member(l, keys, name);
		back = load_enter(l, name);
		r = k->read ? k->read(l, value, arg) : 0;
		if (r < 0)
			return r;
		l->at[back] = '\0';
	}
	for (k = keys; k->name; k++)
		if (k->required && !json_object_get(j, k->name))
			return load_fail(l, "the key \"%s\" is missing",
					 k->name);
	return 0;
}

int
hand_list(struct load *l, json_t *j, size_t max, hand_fn *fn, void *arg)
{
	size_t n = json_array_size(j);

	if (!json_is_array(j))
		return load_expected(l, "a list", j);
	if (!n)
		return load_fail(l, "an empty list; leave the key out, or say "
				    "what it is to hold");
	if (n > max)
		return load_fail(l, "%zu entries; at most %zu are allowed", n,
				 max);
	for (size_t i = 0; i < n; i++) {
		size_t back = load_enter_index(l, i);
		int r = fn(l, json_array_get(j, i), arg);

		if (r < 0)
			return r;
		l->at[back] = '\0';
	}
	return 0;
}

int
hand_some(struct load *l, json_t *j, size_t max, hand_fn *fn, void *arg)
{
	return json_is_array(j) ? hand_list(l, j, max, fn, arg) : fn(l, j, arg);
}

/* Strings */

int
hand_text(struct load *l, const json_t *j, size_t max,
	  const char *(*check)(const char *), char **ret)
{
	const char *s = json_string_value(j), *why;
	size_t n = json_string_length(j);
	char shown[128];

	if (!s)
		return load_expected(l, "a string", j);
	if (!n || n > max)
		return load_fail(l, "%zu bytes long: 1 to %zu are allowed", n,
				 max);
	why = check ? check(s) : NULL;
	if (why)
		return load_fail(l, "\"%s\" %s",
				 str_escape(s, shown, sizeof(shown)), why);
	free(*ret);
	*ret = strdup(s);
	return *ret ? 0 : hand_no_memory(l);
}

struct texts {
	size_t max;
	const char *(*check)(const char *);
	struct strv *ret;
};

static int
one_text(struct load *l, json_t *j, void *arg)
{
	const struct texts *t = arg;
	char *s = NULL, shown[128];
	int r = hand_text(l, j, POLICY_TEXT_MAX, t->check, &s);

	if (r >= 0 && strv_has(t->ret, s))
		r = load_fail(l, "\"%s\" is in this list already",
			      str_escape(s, shown, sizeof(shown)));
	if (r < 0) {
		free(s);
		return r;
	}
	return strv_take(t->ret, s) < 0 ? hand_no_memory(l) : 0;
}

int
hand_texts(struct load *l, json_t *j, size_t max,
	   const char *(*check)(const char *), struct strv *ret)
{
	struct texts t = { max, check, ret };

	return hand_some(l, j, max, one_text, &t);
}

/* Numbers and times */

int
hand_u64(struct load *l, const json_t *j, uint64_t min, uint64_t max,
	 uint64_t *ret)
{
	json_int_t v = json_integer_value(j);

	if (!json_is_integer(j))
		return load_expected(l, "an integer", j);
	if (v < 0 || (uint64_t)v < min || (uint64_t)v > max)
		return load_fail(l,
				 "%" JSON_INTEGER_FORMAT
				 " is out of range: %" PRIu64 " to %" PRIu64
				 " is allowed",
				 v, min, max);
	*ret = (uint64_t)v;
	return 0;
}

int
hand_usec(struct load *l, const json_t *j, uint64_t *ret)
{
	const char *s = json_string_value(j);
	json_int_t seconds = json_integer_value(j);
	uint64_t us = 0;
	char shown[64];

	if (json_is_integer(j))
		us = seconds > 0 && seconds <= 31536000
			     ? (uint64_t)seconds * 1000000
			     : 0;
	else if (!s)
		return load_expected(l, "a time such as \"1h\"", j);
	else if (str_to_usec(s, &us) == -EINVAL)
		return load_fail(l, "\"%s\" is not a time such as \"1h\"",
				 str_escape(s, shown, sizeof(shown)));
	if (us < 1000000 || us > YEAR_US)
		return load_fail(l, "not a time from \"1s\" to \"365d\"");
	*ret = us;
	return 0;
}

int
hand_time(struct load *l, const json_t *j, int64_t *ret)
{
	const char *s = json_string_value(j);
	char shown[64];

	if (!s)
		return load_expected(
			l, "a time such as \"2026-12-31T00:00:00Z\"", j);
	if (time_from_text(s, ret) < 0)
		return load_fail(l,
				 "\"%s\" is not a time such as "
				 "\"2026-12-31T00:00:00Z\"",
				 str_escape(s, shown, sizeof(shown)));
	return 0;
}

int
hand_word(struct load *l, const json_t *j, const char *const *words, int *ret)
{
	int i;

	if (!json_is_string(j))
		return load_expected(l, "a string", j);
	i = load_word_index(l, words, j);
	if (i < 0)
		return i;
	*ret = i;
	return 0;
}

int
hand_bool(struct load *l, const json_t *j, bool *ret)
{
	if (!json_is_boolean(j))
		return load_expected(l, "true or false", j);
	*ret = json_is_true(j);
	return 0;
}

/* Surfaces */

static const char *const surface_words[] = {
#define SURFACE(id, name, text) [SURFACE_##id] = name,
	SURFACES(SURFACE)
#undef SURFACE
		[SURFACE_MAX] = "any",
	NULL,
};

static int
one_surface(struct load *l, json_t *j, void *arg)
{
	unsigned int *on = arg;
	int i;

	if (!json_is_string(j))
		return load_expected(l, "the name of a surface", j);
	i = load_word_index(l, surface_words, j);
	if (i < 0)
		return i;
	if ((i == SURFACE_MAX && *on) || *on == BROKERED)
		return load_fail(l, "\"any\" stands alone");
	if (i != SURFACE_MAX && !(BROKERED & 1u << i))
		return load_fail(l,
				 "the kernel holds %s and cannot look at "
				 "rules; use the section \"%s\"",
				 i == SURFACE_PROCESS ? "processes" : "files",
				 surface_words[i]);
	if (i != SURFACE_MAX && *on & 1u << i)
		return load_fail(l, "\"%s\" is in this list already",
				 surface_words[i]);
	*on |= i == SURFACE_MAX ? BROKERED : 1u << i;
	return 0;
}

int
hand_surfaces(struct load *l, json_t *j, unsigned int *ret)
{
	unsigned int on = 0;
	int r = hand_some(l, j, SURFACE_MAX, one_surface, &on);

	if (r >= 0)
		*ret = on;
	return r;
}
