/*
 * The match of a rule: attributes of the surface and what they must be, each
 * read as its kind asks for. What always holds: a pattern that is kept is one
 * that the decision point can judge.
 */
#include "profiles/rules-internal.h"

#include "lib/str.h"

#include <inttypes.h>
#include <string.h>

/* Conditions */

struct rule_cond *
match_push(struct load *l, struct rule *r, enum cond_op op, const char *pointer)
{
	struct rule_cond *c;

	if (r->n_match + r->n_when >= POLICY_CONDS_MAX) {
		load_fail(l, "more than %d conditions in one rule",
			  POLICY_CONDS_MAX);
		return NULL;
	}
	c = hand_push(l, &r->match, &r->n_match, sizeof(*c));
	if (!c)
		return NULL;
	c->op = op;
	c->pointer = strdup(pointer);
	if (!c->pointer)
		hand_no_memory(l);
	return c->pointer ? c : NULL;
}

struct rule_value *
cond_push(struct load *l, struct rule_cond *c, enum rule_value_type type)
{
	struct rule_value *v = hand_push(l, &c->v, &c->n, sizeof(*v));

	if (v)
		v->type = type;
	return v;
}

int
cond_string(struct load *l, struct rule_cond *c, const char *s)
{
	struct rule_value *v = cond_push(l, c, RULE_STRING);

	if (!v)
		return -ENOMEM;
	v->s = strdup(s);
	return v->s ? 0 : hand_no_memory(l);
}

/* Attributes */

enum attr
match_attr(const char *key)
{
	for (int a = 0; a < ATTR_MAX; a++) {
		const char *pointer = attr_pointer((enum attr)a);

		if (pointer[1] == *key && !strcmp(pointer + 1, key))
			return (enum attr)a;
	}
	return ATTR_MAX;
}

void
match_names(unsigned int on, const char *names[MATCH_NAMES_MAX + 1], size_t n)
{
	for (int i = 0; i < ATTR_MAX && n < MATCH_NAMES_MAX; i++) {
		enum attr a = (enum attr)i;

		if (a != ATTR_SURFACE && (attr_surfaces(a) & on) == on)
			names[n++] = attr_pointer(a) + 1;
	}
	names[n] = NULL;
}

int
match_known(struct load *l, enum attr a, unsigned int on, const char *shown)
{
	unsigned int missing = on & ~attr_surfaces(a);

	for (int s = 0; s < SURFACE_MAX; s++)
		if (missing & 1u << s)
			return load_fail(l, "there is no \"%s\" on %s", shown,
					 surface_name((enum surface)s));
	return 0;
}

/* Values */

struct item {
	struct rule_cond *c;
	enum attr a;
	bool any; /* "*" for a number: no condition at all */
};

static int
refuse(struct load *l, const char *s, const char *why)
{
	char shown[128];

	return load_fail(l, "\"%s\" %s", str_escape(s, shown, sizeof(shown)),
			 why);
}

static int
word_item(struct load *l, json_t *j, struct item *it)
{
	int i = load_word_index(l, attr_words(it->a), j);

	return i < 0 ? i : cond_string(l, it->c, json_string_value(j));
}

static int
glob_item(struct load *l, const char *s, struct item *it)
{
	const char *why = glob_check(s);

	if (!why && attr_kind(it->a) == KIND_PATH && *s != '/' &&
	    !str_starts(s, "**"))
		why = "begins neither with \"/\" nor with \"**\"";
	if (why)
		return refuse(l, s, why);
	if (strpbrk(s, "*?\\"))
		it->c->op = OP_GLOB;
	return cond_string(l, it->c, s);
}

static int
host_item(struct load *l, const char *s, struct item *it)
{
	const char *why = host_pattern_check(s);

	return why ? refuse(l, s, why) : cond_string(l, it->c, s);
}

static int
cidr_item(struct load *l, const char *s, struct item *it)
{
	struct rule_value *v = cond_push(l, it->c, RULE_CIDR);

	if (!v)
		return -ENOMEM;
	if (cidr_parse(s, v) < 0)
		return refuse(l, s,
			      "is not an address or a block such as "
			      "\"10.0.0.0/8\" (with no bit set after the "
			      "prefix)");
	v->type = RULE_CIDR;
	return 0;
}

static int
range_of(const char *s, struct rule_value *ret)
{
	const char *dash = strchr(s, '-');
	char lo[24];
	uint64_t a, b;

	if (!dash) {
		if (str_to_u64(s, &a) < 0)
			return -EINVAL;
		b = a;
	} else {
		size_t n = (size_t)(dash - s);

		if (n >= sizeof(lo))
			return -EINVAL;
		memcpy(lo, s, n);
		lo[n] = '\0';
		if (str_to_u64(lo, &a) < 0 || str_to_u64(dash + 1, &b) < 0)
			return -EINVAL;
	}
	if (a > b || b > INT64_MAX)
		return -EINVAL;
	ret->lo = (int64_t)a;
	ret->hi = (int64_t)b;
	return 0;
}

int
cond_range(struct load *l, const json_t *j, struct rule_value *ret)
{
	const char *s = json_string_value(j);

	ret->type = RULE_RANGE;
	if (json_is_integer(j)) {
		ret->lo = ret->hi = json_integer_value(j);
		return 0;
	}
	if (!s)
		return load_expected(
			l, "a number or a range such as \"8000-8999\"", j);
	if (!strcmp(s, "*"))
		return 1;
	if (range_of(s, ret) < 0)
		return refuse(l, s,
			      "is neither a number nor a range such as "
			      "\"8000-8999\"");
	return 0;
}

static int
int_item(struct load *l, json_t *j, struct item *it)
{
	int64_t min = it->a == ATTR_PORT ? 1 : 0;
	int64_t max = it->a == ATTR_PORT ? 65535 : INT64_MAX;
	struct rule_value v = { 0 }, *to;
	int r = cond_range(l, j, &v);

	if (r < 0)
		return r;
	if (r > 0) {
		it->any = true;
		return 0;
	}
	if (v.lo < min || v.hi > max)
		return load_fail(l,
				 "out of range: %" PRId64 " to %" PRId64
				 " is allowed",
				 min, max);
	to = cond_push(l, it->c, RULE_RANGE);
	if (!to)
		return -ENOMEM;
	*to = v;
	return 0;
}

static int
match_item(struct load *l, json_t *j, void *arg)
{
	struct item *it = arg;
	enum attr_kind kind = attr_kind(it->a);
	const char *s = json_string_value(j);

	if (kind == KIND_INT)
		return int_item(l, j, it);
	if (!s)
		return load_expected(l, "a string", j);
	if (json_string_length(j) > POLICY_TEXT_MAX - 1)
		return load_fail(l, "longer than %d bytes",
				 POLICY_TEXT_MAX - 1);
	if (!*s)
		return load_fail(l, "an empty string matches nothing");
	switch (kind) {
	case KIND_WORD:
		return word_item(l, j, it);
	case KIND_HOST:
		return host_item(l, s, it);
	case KIND_ADDR:
		return cidr_item(l, s, it);
	default:
		return glob_item(l, s, it);
	}
}

static enum cond_op
match_op(enum attr a)
{
	switch (attr_kind(a)) {
	case KIND_HOST:
		return OP_HOST;
	case KIND_ADDR:
		return OP_CIDR;
	case KIND_INT:
		return OP_RANGE;
	default:
		return OP_IN; /* OP_GLOB once a pattern is met */
	}
}

static void
drop_last_match(struct rule *r)
{
	struct rule_cond *c = &r->match[--r->n_match];

	for (size_t i = 0; i < c->n; i++)
		free(c->v[i].s);
	free(c->v);
	free(c->pointer);
	memset(c, 0, sizeof(*c));
}

/* "*" among patterns that are compared whole would stand for itself. */
int
match_read(struct load *l, struct rule *r, enum attr a, json_t *j)
{
	struct item it = { .a = a };
	enum attr_kind kind = attr_kind(a);
	int ret = match_known(l, a, r->on, attr_pointer(a) + 1);

	if (ret < 0)
		return ret;
	if (a == ATTR_SURFACE || kind == KIND_LIST || kind == KIND_LABELS ||
	    kind == KIND_TREE)
		return load_fail(l,
				 "\"%s\" cannot be matched; use a condition "
				 "in \"when\"",
				 attr_pointer(a) + 1);
	it.c = match_push(l, r, match_op(a), attr_pointer(a));
	if (!it.c)
		return -EINVAL;
	ret = hand_some(l, j, POLICY_VALUES_MAX, match_item, &it);
	if (ret >= 0 && it.any)
		drop_last_match(r);
	return ret;
}

int
match_object(struct load *l, json_t *j, struct rule *r)
{
	const char *key;
	json_t *value;

	if (!json_is_object(j))
		return load_expected(l, "an object", j);
	if (!json_object_size(j))
		return load_fail(l, "an empty object; leave \"match\" out to "
				    "mean every request");
	json_object_foreach(j, key, value)
	{
		enum attr a = match_attr(key);
		size_t back;
		int ret;

		if (a == ATTR_MAX) {
			const char *names[MATCH_NAMES_MAX + 1];

			match_names(r->on, names, 0);
			return load_unknown_key(l, key, names);
		}
		back = load_enter(l, key);
		ret = match_read(l, r, a, value);
		if (ret < 0)
			return ret;
		l->at[back] = '\0';
	}
	return 0;
}
