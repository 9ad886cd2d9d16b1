/*
 * What a rule may say. The loader has checked the form; here is what makes a
 * rule safe and enforceable, however it was made: no prohibition that runs out,
 * no attribute that its surface does not have, no operator that can never be
 * true.
 */
#include "policy/build-internal.h"

#include <string.h>

#define B(op) (1u << OP_##op)
#define STRING_OPS                                                             \
	(B(EQ) | B(NE) | B(IN) | B(PREFIX) | B(SUFFIX) | B(REGEX) | B(LEN) |   \
	 B(EXISTS))
#define NUMBER_OPS (B(LT) | B(LE) | B(GT) | B(GE) | B(RANGE))
#define SET_OPS (B(SUBSET) | B(SUPERSET) | B(DISJOINT) | B(INTERSECTS))

static unsigned int
ops_of(enum attr_kind k)
{
	switch (k) {
	case KIND_WORD:
		return B(EQ) | B(NE) | B(IN) | B(EXISTS);
	case KIND_NAME:
		return STRING_OPS | B(GLOB) | B(REGION);
	case KIND_PATH:
		return STRING_OPS | B(GLOB);
	case KIND_HOST:
		return STRING_OPS | B(HOST) | B(CIDR);
	case KIND_ADDR:
		return B(CIDR) | B(EXISTS);
	case KIND_INT:
		return B(EQ) | B(NE) | B(IN) | NUMBER_OPS | B(EXISTS);
	case KIND_LIST:
	case KIND_LABELS:
		return SET_OPS | B(LEN) | B(EXISTS);
	default:
		return STRING_OPS | NUMBER_OPS | SET_OPS | B(GLOB) | B(HOST) |
		       B(CIDR) | B(REGION);
	}
}

static bool
has_no_value(enum cond_op op)
{
	return op == OP_TIME || op == OP_COUNT || op == OP_SEEN ||
	       op == OP_APPROVERS;
}

static const char *
kind_name(enum attr_kind k)
{
	static const char *const names[] = {
		[KIND_WORD] = "a word",	    [KIND_NAME] = "a name",
		[KIND_PATH] = "a path",	    [KIND_HOST] = "a host",
		[KIND_ADDR] = "an address", [KIND_INT] = "a number",
		[KIND_LIST] = "a list",	    [KIND_LABELS] = "a set of labels",
		[KIND_TREE] = "any value",
	};

	return names[k];
}

/* A value of an attribute that has a type. */
static int
check_value(struct build *b, const struct rule *r, const struct rule_cond *c,
	    enum attr a, const struct rule_value *v)
{
	enum attr_kind k = attr_kind(a);
	bool scalar = c->op == OP_EQ || c->op == OP_NE || c->op == OP_IN;

	if (k == KIND_TREE || !scalar)
		return 0;
	if (k == KIND_INT)
		return v->type == RULE_INT
			       ? 0
			       : build_fail(b, r,
					    "%s is compared with integers",
					    c->pointer);
	if (v->type != RULE_STRING)
		return build_fail(b, r, "%s is compared with strings",
				  c->pointer);
	if (k == KIND_WORD && !str_in(v->s, attr_words(a)))
		return build_fail(b, r, "%s is never \"%.80s\"", c->pointer,
				  v->s);
	return 0;
}

/* Strings that are patterns. */
static int
check_pattern(struct build *b, const struct rule *r, const struct rule_cond *c,
	      const struct rule_value *v)
{
	const char *why = NULL;

	if (v->type != RULE_STRING)
		return 0;
	if (strlen(v->s) > POLICY_TEXT_MAX)
		return build_fail(b, r, "a string of more than %d bytes",
				  POLICY_TEXT_MAX);
	if (c->op == OP_GLOB)
		why = glob_check(v->s);
	else if (c->op == OP_HOST)
		why = host_pattern_check(v->s);
	else if (c->op == OP_REGEX)
		why = regex_check(v->s);
	if (!why)
		return 0;
	return build_fail(b, r, "\"%.160s\" %s", v->s, why);
}

static bool
type_fits(enum cond_op op, enum rule_value_type t)
{
	switch (op) {
	case OP_EQ:
	case OP_NE:
	case OP_IN:
		return t <= RULE_STRING;
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
		return t == RULE_INT || t == RULE_REAL;
	case OP_RANGE:
	case OP_LEN:
		return t == RULE_RANGE;
	case OP_CIDR:
		return t == RULE_CIDR;
	case OP_EXISTS:
		return t == RULE_BOOL;
	default:
		return t == RULE_STRING;
	}
}

static int
check_values(struct build *b, const struct rule *r, const struct rule_cond *c,
	     enum attr a)
{
	bool one = c->op == OP_EQ || c->op == OP_EXISTS ||
		   (c->op >= OP_LT && c->op <= OP_GE);

	if (!c->n || (one && c->n != 1))
		return build_fail(b, r, "%s: %s", c->pointer,
				  c->n ? "more than one value"
				       : "an empty list");
	if (c->n > POLICY_VALUES_MAX)
		return build_fail(b, r, "%s: %zu values; at most %d",
				  c->pointer, c->n, POLICY_VALUES_MAX);
	for (size_t i = 0; i < c->n; i++) {
		const struct rule_value *v = &c->v[i];

		if (!type_fits(c->op, v->type))
			return build_fail(b, r, "%s: a value does not fit %s",
					  c->pointer, op_name(c->op));
		if (v->type == RULE_RANGE && v->lo > v->hi)
			return build_fail(b, r, "%s: an empty range",
					  c->pointer);
		if (v->type == RULE_REAL && v->r != v->r)
			return build_fail(b, r, "%s: not a number", c->pointer);
		if (check_value(b, r, c, a, v) < 0 ||
		    check_pattern(b, r, c, v) < 0)
			return b->e->code;
	}
	return 0;
}

static int
check_labels_known(struct build *b, const struct rule *r,
		   const struct rule_cond *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (build_label(b, c->v[i].s) < 0)
			return build_fail(b, r,
					  "label \"%.64s\" is not defined",
					  c->v[i].s);
	return 0;
}

static int
check_pointer(struct build *b, const struct rule *r, const char *pointer,
	      const char **ret_rest)
{
	int a = attr_from_pointer(pointer, ret_rest);

	if (a < 0)
		return build_fail(b, r,
				  "\"%.160s\" is not in the input document",
				  pointer);
	if (r->on & ~attr_surfaces((enum attr)a)) {
		for (int s = 0; s < SURFACE_MAX; s++)
			if (r->on & ~attr_surfaces((enum attr)a) & 1u << s)
				return build_fail(
					b, r, "there is no %s on surface %s",
					attr_pointer((enum attr)a),
					surface_name((enum surface)s));
	}
	return a;
}

static int
check_cond(struct build *b, const struct rule *r, const struct rule_cond *c)
{
	const char *rest;
	int a, res;

	if (c->op >= OP_MAX)
		return build_fail(b, r, "an unknown operator");
	if (c->op == OP_COUNT && (!c->window_us || !c->max))
		return build_fail(b, r, "count needs a window and a bound");
	if (c->op == OP_APPROVERS && !c->max)
		return build_fail(b, r, "approvers needs a number above 0");
	if (c->op == OP_TIME && !(c->time.days & 0x7f))
		return build_fail(b, r, "a time window without days");
	if (has_no_value(c->op))
		return 0;
	if (!c->pointer)
		return build_fail(b, r, "%s needs \"at\"", op_name(c->op));
	a = check_pointer(b, r, c->pointer, &rest);
	if (a < 0)
		return a;
	if (!(ops_of(attr_kind((enum attr)a)) & 1u << c->op))
		return build_fail(
			b, r, "%s is %s: %s does not apply to it", c->pointer,
			kind_name(attr_kind((enum attr)a)), op_name(c->op));
	res = check_values(b, r, c, (enum attr)a);
	if (res >= 0 && attr_kind((enum attr)a) == KIND_LABELS &&
	    SET_OPS & 1u << c->op)
		res = check_labels_known(b, r, c);
	return res;
}

static bool
grants(enum effect f)
{
	return f >= EFFECT_ALLOW && f <= EFFECT_ASK;
}

static bool
ends(const struct rule *r)
{
	return r->not_after_us || r->max_uses || r->rate.max ||
	       r->budget.pointer;
}

static int
check_effect(struct build *b, const struct rule *r)
{
	const struct level *l = &b->s->level[r->level];

	if (r->effect <= EFFECT_NONE || r->effect >= EFFECT_MAX)
		return build_fail(b, r, "an unknown effect");
	if (r->effect == EFFECT_PROHIBIT && l->kind != LEVEL_HOST)
		return build_fail(b, r, "only the host policy can prohibit");
	if (!grants(r->effect) && ends(r))
		return build_fail(b, r,
				  "a %s may not run out: no not_after, "
				  "max_uses, rate or budget",
				  effect_name(r->effect));
	if (r->effect == EFFECT_LIMIT && !r->max_uses && !r->rate.max &&
	    !r->budget.pointer)
		return build_fail(b, r,
				  "limit needs a rate, max_uses or budget");
	if ((r->effect == EFFECT_REDACT) != (r->redact.n > 0))
		return build_fail(b, r,
				  "\"redact\" says what is redacted by the "
				  "effect redact, and only there");
	if (r->effect >= EFFECT_DENY && (r->labels_add.n || r->labels_clear.n))
		return build_fail(b, r, "what is denied changes no labels");
	if (r->restricts &&
	    (r->effect < EFFECT_LIMIT || r->effect > EFFECT_ASK))
		return build_fail(b, r,
				  "%s is not something that may grant or "
				  "not",
				  effect_name(r->effect));
	if (r->mode == MODE_OBSERVE &&
	    (r->effect < EFFECT_LIMIT || r->effect == EFFECT_PROHIBIT))
		return build_fail(b, r, "%s cannot be observed only",
				  effect_name(r->effect));
	return 0;
}

/* What is inside of TLS that passes: conditions on it would never be true. */
static bool
is_inside(const char *pointer)
{
	const char *rest;
	int a = attr_from_pointer(pointer, &rest);

	return a == ATTR_METHOD || a == ATTR_PATH || a == ATTR_QUERY ||
	       a == ATTR_HEADERS;
}

static const char *
hidden_cond(const struct rule_cond *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c[i].pointer && is_inside(c[i].pointer))
			return c[i].pointer;
	return NULL;
}

const char *
rule_hidden(const struct rule *r)
{
	const char *at = NULL;

	if (!r->tls_pass)
		return NULL;
	at = hidden_cond(r->match, r->n_match);
	if (!at)
		at = hidden_cond(r->when, r->n_when);
	for (size_t i = 0; i < r->redact.n && !at; i++)
		if (is_inside(r->redact.v[i]))
			at = r->redact.v[i];
	return at;
}

static int
check_pass(struct build *b, const struct rule *r)
{
	const char *hidden = rule_hidden(r);

	if (!r->tls_pass)
		return 0;
	if (r->on != ON(NETWORK) || !grants(r->effect) || r->restricts)
		return build_fail(b, r,
				  "tls \"pass\" goes with what grants, on "
				  "surface network only");
	if (hidden)
		return build_fail(b, r,
				  "%s is never known where TLS passes through",
				  hidden);
	return 0;
}

static int
check_amounts(struct build *b, const struct rule *r)
{
	const char *rest;
	int a;

	if (r->rate.max && !r->rate.window_us)
		return build_fail(b, r, "a rate without a window");
	if (!r->budget.pointer)
		return 0;
	a = check_pointer(b, r, r->budget.pointer, &rest);
	if (a >= 0 && attr_kind((enum attr)a) != KIND_TREE &&
	    attr_kind((enum attr)a) != KIND_INT)
		return build_fail(b, r, "%s is no number to keep a budget of",
				  r->budget.pointer);
	return a < 0 ? a : 0;
}

static int
check_names(struct build *b, const struct rule *r)
{
	const char *rest;

	for (size_t i = 0; i < r->labels_add.n; i++)
		if (build_label(b, r->labels_add.v[i]) < 0)
			return build_fail(b, r,
					  "label \"%.64s\" is not defined",
					  r->labels_add.v[i]);
	for (size_t i = 0; i < r->labels_clear.n; i++)
		if (build_label(b, r->labels_clear.v[i]) < 0)
			return build_fail(b, r,
					  "label \"%.64s\" is not defined",
					  r->labels_clear.v[i]);
	for (size_t i = 0; i < r->redact.n; i++)
		if (check_pointer(b, r, r->redact.v[i], &rest) < 0)
			return b->e->code;
	return 0;
}

int
build_check(struct build *b, const struct rule *r)
{
	int res;

	if (!r->id || !r->id[0] || strlen(r->id) > POLICY_TEXT_MAX)
		return build_fail(b, r, "a rule needs an id");
	if (!r->on || r->on & ~ON_ALL)
		return build_fail(b, r, "no surface");
	if (r->level >= b->s->n_levels)
		return build_fail(b, r, "no such level");
	if (r->n_match + r->n_when > POLICY_CONDS_MAX)
		return build_fail(b, r, "%zu conditions; at most %d",
				  r->n_match + r->n_when, POLICY_CONDS_MAX);
	res = check_effect(b, r);
	if (res >= 0)
		res = check_pass(b, r);
	if (res >= 0)
		res = check_amounts(b, r);
	if (res >= 0)
		res = check_names(b, r);
	for (size_t i = 0; i < r->n_match && res >= 0; i++)
		res = check_cond(b, r, &r->match[i]);
	for (size_t i = 0; i < r->n_when && res >= 0; i++)
		res = check_cond(b, r, &r->when[i]);
	return res;
}
