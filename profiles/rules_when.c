/*
 * Conditions of a rule: {"at": POINTER, "op": WORD, "value": ...}. What always
 * holds: the operator fits what the pointer leads to, and the value fits the
 * operator, so that only the inside of a tree can turn out to have the wrong
 * type.
 */
#include "profiles/checks.h"
#include "profiles/when-internal.h"

#include "lib/str.h"

#include <string.h>

/* Operators: what they can look at, and how their value is read */

#define K(kind) (1u << KIND_##kind)
#define STRINGS (K(NAME) | K(PATH) | K(TREE))

static int read_scalar(struct load *l, json_t *j, void *arg);
static int read_scalars(struct load *l, json_t *j, void *arg);
static int read_strings(struct load *l, json_t *j, void *arg);
static int read_number(struct load *l, json_t *j, void *arg);
static int read_ranges(struct load *l, json_t *j, void *arg);
static int read_len(struct load *l, json_t *j, void *arg);
static int read_exists(struct load *l, json_t *j, void *arg);

static const struct operator
{
	const char *name;
	unsigned int kinds; /* 0: looks at nothing in the document */
	hand_fn *read;
}
operators[OP_MAX] = {
	[OP_EQ] = { "eq", K(WORD) | K(HOST) | K(INT) | STRINGS, read_scalar },
	[OP_NE] = { "ne", K(WORD) | K(HOST) | K(INT) | STRINGS, read_scalars },
	[OP_IN] = { "in", K(WORD) | K(HOST) | K(INT) | STRINGS, read_scalars },
	[OP_PREFIX] = { "prefix", STRINGS, read_strings },
	[OP_SUFFIX] = { "suffix", STRINGS, read_strings },
	[OP_GLOB] = { "glob", STRINGS, read_strings },
	[OP_HOST] = { "host", K(HOST) | K(TREE), read_strings },
	[OP_CIDR] = { "cidr", K(ADDR) | K(TREE), read_strings },
	[OP_REGEX] = { "regex", STRINGS, read_strings },
	[OP_LT] = { "lt", K(INT) | K(TREE), read_number },
	[OP_LE] = { "le", K(INT) | K(TREE), read_number },
	[OP_GT] = { "gt", K(INT) | K(TREE), read_number },
	[OP_GE] = { "ge", K(INT) | K(TREE), read_number },
	[OP_RANGE] = { "range", K(INT) | K(TREE), read_ranges },
	[OP_LEN] = { "len", K(LIST) | K(LABELS) | STRINGS, read_len },
	[OP_EXISTS] = { "exists", ~0u, read_exists },
	[OP_SUBSET] = { "subset", K(LIST) | K(LABELS) | K(TREE), read_strings },
	[OP_SUPERSET] = { "superset", K(LIST) | K(LABELS) | K(TREE),
			  read_strings },
	[OP_DISJOINT] = { "disjoint", K(LIST) | K(LABELS) | K(TREE),
			  read_strings },
	[OP_INTERSECTS] = { "intersects", K(LIST) | K(LABELS) | K(TREE),
			    read_strings },
	[OP_REGION] = { "region", K(NAME) | K(TREE), read_strings },
	[OP_TIME] = { "time", 0, when_time },
	[OP_COUNT] = { "count", 0, when_count },
	[OP_SEEN] = { "seen", 0, when_seen },
	[OP_APPROVERS] = { "approvers", 0, when_approvers },
};

/* Values */

/* What an attribute can be compared with. */
static int
check_scalar(struct load *l, const json_t *j, const struct when *w)
{
	if (w->kind == KIND_WORD) {
		if (!json_is_string(j))
			return load_expected(l, "a string", j);
		return load_word_index(l, attr_words(w->a), j) < 0 ? -EINVAL
								   : 0;
	}
	if (w->kind == KIND_INT && !json_is_integer(j))
		return load_expected(l, "an integer", j);
	if (w->kind != KIND_INT && w->kind != KIND_TREE && !json_is_string(j))
		return load_expected(l, "a string", j);
	if (json_is_object(j) || json_is_array(j))
		return load_expected(
			l, "a string, a number, true, false or null", j);
	return 0;
}

static int
read_scalar(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;
	struct rule_value *v;
	int r = check_scalar(l, j, w);

	if (r < 0)
		return r;
	if (json_is_string(j)) {
		if (json_string_length(j) >= POLICY_TEXT_MAX)
			return load_fail(l, "longer than %d bytes",
					 POLICY_TEXT_MAX - 1);
		return cond_string(l, w->c, json_string_value(j));
	}
	v = cond_push(l, w->c, RULE_NULL);
	if (!v)
		return -ENOMEM;
	if (json_is_integer(j)) {
		v->type = RULE_INT;
		v->lo = v->hi = json_integer_value(j);
	} else if (json_is_real(j)) {
		v->type = RULE_REAL;
		v->r = json_real_value(j);
	} else if (json_is_boolean(j)) {
		v->type = RULE_BOOL;
		v->b = json_is_true(j);
	}
	return 0;
}

static int
read_scalars(struct load *l, json_t *j, void *arg)
{
	return hand_some(l, j, POLICY_VALUES_MAX, read_scalar, arg);
}

static const char *
check_by_op(enum cond_op op, const char *s)
{
	switch (op) {
	case OP_GLOB:
		return glob_check(s);
	case OP_HOST:
		return host_pattern_check(s);
	case OP_REGEX:
		if (strlen(s) > POLICY_REGEX_MAX)
			return "is longer than 256 bytes";
		return regex_check(s);
	default:
		return *s ? NULL : "is empty";
	}
}

static int
read_string(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;
	const char *s = json_string_value(j), *why;
	struct rule_value *v;

	if (!s)
		return load_expected(l, "a string", j);
	if (json_string_length(j) >= POLICY_TEXT_MAX)
		return load_fail(l, "longer than %d bytes",
				 POLICY_TEXT_MAX - 1);
	if (w->kind == KIND_LABELS)
		why = check_label(s);
	else
		why = check_by_op(w->c->op, s);
	if (why)
		return when_refuse(l, s, why);
	if (w->c->op != OP_CIDR)
		return cond_string(l, w->c, s);
	v = cond_push(l, w->c, RULE_CIDR);
	if (!v)
		return -ENOMEM;
	if (cidr_parse(s, v) < 0)
		return when_refuse(l, s,
				   "is not an address or a block such as "
				   "\"10.0.0.0/8\" (with no bit set after the "
				   "prefix)");
	v->type = RULE_CIDR;
	return 0;
}

static int
read_strings(struct load *l, json_t *j, void *arg)
{
	return hand_some(l, j, POLICY_VALUES_MAX, read_string, arg);
}

static int
read_number(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;

	if (!json_is_number(j))
		return load_expected(l, "a number", j);
	if (w->kind == KIND_INT && !json_is_integer(j))
		return load_expected(l, "an integer", j);
	return read_scalar(l, j, arg);
}

/* [lo, hi] */
static int
read_range(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;
	const json_t *lo = json_array_get(j, 0), *hi = json_array_get(j, 1);
	struct rule_value *v;

	if (json_array_size(j) != 2 || !json_is_integer(lo) ||
	    !json_is_integer(hi))
		return load_fail(l, "expected two integers [FROM, TO], or a "
				    "list of such pairs");
	if (json_integer_value(lo) > json_integer_value(hi))
		return load_fail(l, "the range ends before it begins");
	v = cond_push(l, w->c, RULE_RANGE);
	if (!v)
		return -ENOMEM;
	v->lo = json_integer_value(lo);
	v->hi = json_integer_value(hi);
	return 0;
}

static int
read_ranges(struct load *l, json_t *j, void *arg)
{
	if (json_is_array(json_array_get(j, 0)))
		return hand_list(l, j, POLICY_VALUES_MAX, read_range, arg);
	return read_range(l, j, arg);
}

static int
read_len(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;
	struct rule_value *v;
	int r;

	if (!json_is_integer(j)) {
		r = read_range(l, j, arg);
		if (r < 0)
			return r;
	} else {
		v = cond_push(l, w->c, RULE_RANGE);
		if (!v)
			return -ENOMEM;
		v->lo = v->hi = json_integer_value(j);
	}
	if (w->c->v[0].lo < 0)
		return load_fail(l, "a length is never negative");
	return 0;
}

static int
read_exists(struct load *l, json_t *j, void *arg)
{
	struct when *w = arg;
	struct rule_value *v;
	bool b = false;
	int r = hand_bool(l, j, &b);

	if (r < 0)
		return r;
	v = cond_push(l, w->c, RULE_BOOL);
	if (!v)
		return -ENOMEM;
	v->b = b;
	return 0;
}

/* One condition */

static const char *
kind_text(enum attr_kind kind)
{
	static const char *const text[] = {
		[KIND_WORD] = "a word of a closed list",
		[KIND_NAME] = "a string",
		[KIND_PATH] = "a path",
		[KIND_HOST] = "a host name",
		[KIND_ADDR] = "an address",
		[KIND_INT] = "an integer",
		[KIND_LIST] = "a list",
		[KIND_LABELS] = "a set of labels",
		[KIND_TREE] = "any value",
	};

	return text[kind];
}

static int
read_op(struct load *l, const json_t *j, struct when *w)
{
	const char *names[OP_MAX + 1];
	size_t back = load_enter(l, "op");
	int i;

	for (int op = 0; op < OP_MAX; op++)
		names[op] = operators[op].name;
	names[OP_MAX] = NULL;
	if (!json_is_string(j))
		return load_expected(l, "the name of an operator", j);
	i = load_word_index(l, names, j);
	if (i < 0)
		return i;
	w->c->op = (enum cond_op)i;
	l->at[back] = '\0';
	return 0;
}

static int
unknown_attr(struct load *l, const char *s, unsigned int on)
{
	const char *names[MATCH_NAMES_MAX + 1], *hint;
	char shown[128];

	for (int a = 0; a < ATTR_MAX; a++) {
		size_t n = strlen(attr_pointer((enum attr)a));

		if (!strncmp(s, attr_pointer((enum attr)a), n) && s[n] == '/')
			return load_fail(l, "there is nothing inside \"%.*s\"",
					 (int)n, s);
	}
	match_names(on, names, 0);
	hint = str_suggest(s + 1, names);
	str_escape(s, shown, sizeof(shown));
	if (hint)
		return load_fail(l,
				 "the input document has no \"%s\"; did you "
				 "mean \"/%s\"?",
				 shown, hint);
	return load_fail(l, "the input document has no \"%s\"", shown);
}

static int
read_pointer(struct load *l, const json_t *j, struct when *w)
{
	size_t back = load_enter(l, "at");
	const char *rest;
	char *s = NULL;
	int r = hand_text(l, j, 512, check_pointer, &s), a;

	w->c->pointer = s;
	if (r < 0)
		return r;
	a = attr_from_pointer(s, &rest);
	if (a < 0 || (*rest && attr_kind((enum attr)a) != KIND_TREE))
		return unknown_attr(l, s, w->r->on);
	w->a = (enum attr)a;
	w->kind = attr_kind(w->a);
	r = match_known(l, w->a, w->r->on, s);
	if (r >= 0)
		l->at[back] = '\0';
	return r;
}

/* at and op, and whether they fit. */
static int
read_subject(struct load *l, const json_t *j, struct when *w)
{
	const json_t *at = json_object_get(j, "at");
	const json_t *op = json_object_get(j, "op");
	const struct operator* o;
	int r;

	if (!op)
		return load_fail(l, "the key \"op\" is missing");
	r = read_op(l, op, w);
	if (r < 0)
		return r;
	o = &operators[w->c->op];
	if (!o->kinds)
		return at ? load_fail(l,
				      "\"%s\" looks at nothing in the input "
				      "document; leave \"at\" out",
				      o->name)
			  : 0;
	if (!at)
		return load_fail(l, "the key \"at\" is missing");
	r = read_pointer(l, at, w);
	if (r >= 0 && !(o->kinds & 1u << w->kind))
		return load_fail(l, "\"%s\" does not fit \"%s\", which is %s",
				 o->name, w->c->pointer, kind_text(w->kind));
	return r;
}

static int
read_cond(struct load *l, json_t *j, void *arg)
{
	struct rule *rule = arg;
	struct when w = { .r = rule, .a = ATTR_MAX };
	struct hand_key keys[] = {
		{ "at", false, NULL },
		{ "op", true, NULL },
		{ "value", true, NULL },
		{ NULL, false, NULL },
	};
	int r;

	if (!json_is_object(j))
		return load_expected(l, "an object", j);
	if (rule->n_match + rule->n_when >= POLICY_CONDS_MAX)
		return load_fail(l, "more than %d conditions in one rule",
				 POLICY_CONDS_MAX);
	w.c = hand_push(l, &rule->when, &rule->n_when, sizeof(*w.c));
	if (!w.c)
		return -ENOMEM;
	r = read_subject(l, j, &w);
	if (r < 0)
		return r;
	keys[2].read = operators[w.c->op].read;
	return hand_object(l, j, keys, &w);
}

int
when_read(struct load *l, json_t *j, struct rule *r)
{
	return hand_list(l, j, POLICY_CONDS_MAX, read_cond, r);
}
