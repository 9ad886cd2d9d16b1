/*
 * Numbers of a profile: plain, sizes, times, percentages. What always holds:
 * what is stored lies in the range that the table gives, or is "unlimited"
 * where the table allows the word.
 */
#include "profiles/loader-internal.h"

#include "lib/str.h"

#include <inttypes.h>
#include <string.h>

/* A number of the key's kind as a person writes it. */
const char *
load_number_text(const struct profile_key *k, uint64_t v, char *buf,
		 size_t size)
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
	char lo[32], hi[32], shown[40], given[64];

	if (json_is_string(j)) {
		str_escape(json_string_value(j), shown, sizeof(shown));
		snprintf(given, sizeof(given), "\"%s\"", shown);
	} else {
		snprintf(given, sizeof(given), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(j));
	}
	if (k->min == k->max)
		return jsonc_fail(l->doc, l->e, l->at,
				  "%s is out of range: only %s is allowed",
				  given,
				  load_number_text(k, k->min, lo, sizeof(lo)));
	return jsonc_fail(l->doc, l->e, l->at,
			  "%s is out of range: %s to %s is allowed", given,
			  load_number_text(k, k->min, lo, sizeof(lo)),
			  load_number_text(k, k->max, hi, sizeof(hi)));
}

static void
store_number(struct load *l, const struct profile_key *k, uint64_t v)
{
	uint32_t narrow = (uint32_t)v;

	if (k->width == sizeof(v))
		memcpy(load_member(l, k), &v, sizeof(v));
	else
		memcpy(load_member(l, k), &narrow, sizeof(narrow));
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
load_number_string(struct load *l, const struct profile_key *k, const json_t *j)
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
		return load_wrong_type(l, k, j);
	r = number_from_string(k, s, &v);
	if (r == -ERANGE)
		return out_of_range(l, k, j);
	if (r < 0)
		return jsonc_fail(
			l->doc, l->e, l->at, "\"%s\" is not %s%s",
			str_escape(s, shown, sizeof(shown)), load_type_name(k),
			k->flags & KEY_UNLIMITED ? " or \"unlimited\"" : "");
	if (v < k->min * unit || v > k->max * unit)
		return out_of_range(l, k, j);
	store_number(l, k, v);
	return 0;
}

int
load_number(struct load *l, const struct profile_key *k, const json_t *j)
{
	json_int_t v = json_integer_value(j);
	uint64_t u = (uint64_t)v;

	if (json_is_string(j))
		return load_number_string(l, k, j);
	if (!json_is_integer(j) || k->type == KEY_PERCENT)
		return load_wrong_type(l, k, j);
	if (v < 0 || u < k->min || u > k->max)
		return out_of_range(l, k, j);
	store_number(l, k, k->type == KEY_TIME ? u * 1000000 : u);
	return 0;
}

int
load_default_number(struct load *l, const struct profile_key *k)
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
