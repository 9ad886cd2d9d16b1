/*
 * Does one rule take in another? Every condition of the wider one must follow
 * from a single condition of the narrower one on the same pointer. What always
 * holds: "yes" is proved; what cannot be shown this way is "no". A condition
 * that follows is true whenever the other is, so it is never unknown then.
 */
#include "policy/policy-internal.h"

#include <string.h>

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool
is_number(const struct rule_value *v)
{
	return v->type == RULE_INT || v->type == RULE_REAL;
}

static long double
number(const struct rule_value *v)
{
	return v->type == RULE_INT ? (long double)v->lo : (long double)v->r;
}

static bool
same_value(const struct rule_value *a, const struct rule_value *b)
{
	if (is_number(a) && is_number(b))
		return number(a) == number(b);
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case RULE_NULL:
		return true;
	case RULE_BOOL:
		return a->b == b->b;
	case RULE_STRING:
		return same_text(a->s, b->s);
	case RULE_RANGE:
		return a->lo == b->lo && a->hi == b->hi;
	default:
		return a->family == b->family && a->bits == b->bits &&
		       memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
	}
}

/* Is the value, known to be just that, one that is true of a? */

static bool
region_within(const char *s, const char *region)
{
	size_t n = strlen(region);

	return strncmp(s, region, n) == 0 && (!s[n] || s[n] == '-');
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

static bool
addr_within(const char *s, const struct rule_value *net)
{
	const struct flat_value f = {
		.family = net->family,
		.bits = net->bits,
	};
	struct flat_value v = f;
	struct rule_value addr;

	memcpy(v.addr, net->addr, sizeof(v.addr));
	return addr_parse(s, strlen(s), &addr) == 0 && cidr_match(&v, &addr);
}

static bool
text_matches(enum cond_op op, const struct rule_value *a, const char *s)
{
	switch (op) {
	case OP_PREFIX:
		return str_starts(s, a->s);
	case OP_SUFFIX:
		return ends_with(s, a->s);
	case OP_GLOB:
		return glob_match(a->s, s, strlen(s)) == IS_TRUE;
	case OP_HOST:
		return host_pattern_covers(a->s, s) && *s != '*';
	case OP_CIDR:
		return addr_within(s, a);
	case OP_REGION:
		return region_within(s, a->s);
	default:
		return false;
	}
}

static bool
number_matches(enum cond_op op, const struct rule_value *a, long double v)
{
	switch (op) {
	case OP_LT:
		return v < number(a);
	case OP_LE:
		return v <= number(a);
	case OP_GT:
		return v > number(a);
	case OP_GE:
		return v >= number(a);
	case OP_RANGE:
		return v >= (long double)a->lo && v <= (long double)a->hi;
	default:
		return false;
	}
}

static bool
differs(const struct rule_value *a, const struct rule_value *v)
{
	bool comparable = a->type == v->type || a->type == RULE_NULL ||
			  v->type == RULE_NULL ||
			  (is_number(a) && is_number(v));

	return comparable && !same_value(a, v);
}

static bool
differs_from_all(const struct rule_cond *a, const struct rule_value *v)
{
	for (size_t i = 0; i < a->n; i++)
		if (!differs(&a->v[i], v))
			return false;
	return true;
}

static bool
value_matches(enum cond_op op, const struct rule_value *a,
	      const struct rule_value *v)
{
	if (op == OP_EQ || op == OP_IN)
		return same_value(a, v);
	if (v->type == RULE_STRING)
		return text_matches(op, a, v->s);
	return is_number(v) && number_matches(op, a, number(v));
}

/* Everything that a pattern, range or bound of b lets through, a's does too. */

static bool
range_within(enum cond_op op, const struct rule_value *a,
	     const struct rule_value *b)
{
	long double lo = (long double)b->lo, hi = (long double)b->hi;

	switch (op) {
	case OP_RANGE:
	case OP_LEN:
		return b->lo >= a->lo && b->hi <= a->hi;
	case OP_LT:
		return hi < number(a);
	case OP_LE:
		return hi <= number(a);
	case OP_GT:
		return lo > number(a);
	case OP_GE:
		return lo >= number(a);
	default:
		return false;
	}
}

static bool
bound_within(enum cond_op op_a, const struct rule_value *a, enum cond_op op_b,
	     const struct rule_value *b)
{
	long double x = number(a), y = number(b);

	if (op_a == OP_LT)
		return op_b == OP_LT ? y <= x : op_b == OP_LE && y < x;
	if (op_a == OP_LE)
		return (op_b == OP_LT || op_b == OP_LE) && y <= x;
	if (op_a == OP_GT)
		return op_b == OP_GT ? y >= x : op_b == OP_GE && y > x;
	if (op_a == OP_GE)
		return (op_b == OP_GT || op_b == OP_GE) && y >= x;
	return false;
}

static bool
net_within(const struct rule_value *a, const struct rule_value *b)
{
	struct flat_value v = { .family = a->family, .bits = a->bits };

	memcpy(v.addr, a->addr, sizeof(v.addr));
	return cidr_match(&v, b);
}

static bool
pattern_within(const struct rule_cond *ca, const struct rule_value *a,
	       const struct rule_cond *cb, const struct rule_value *b)
{
	if (cb->op == OP_LT || cb->op == OP_LE || cb->op == OP_GT ||
	    cb->op == OP_GE)
		return bound_within(ca->op, a, cb->op, b);
	if (cb->op == OP_RANGE && ca->op != OP_LEN)
		return range_within(ca->op, a, b);
	if (ca->op != cb->op)
		return false;
	switch (cb->op) {
	case OP_LEN:
		return range_within(ca->op, a, b);
	case OP_PREFIX:
		return str_starts(b->s, a->s);
	case OP_SUFFIX:
		return ends_with(b->s, a->s);
	case OP_GLOB:
		return glob_covers(a->s, b->s);
	case OP_HOST:
		return host_pattern_covers(a->s, b->s);
	case OP_CIDR:
		return net_within(a, b);
	case OP_REGION:
		return region_within(b->s, a->s);
	default:
		return same_value(a, b);
	}
}

static bool
one_within(const struct rule_cond *a, const struct rule_cond *b,
	   const struct rule_value *v)
{
	bool exact = b->op == OP_EQ || b->op == OP_IN;

	if (a->op == OP_NE)
		return exact && a->n && differs_from_all(a, v);
	for (size_t i = 0; i < a->n; i++)
		if (exact ? value_matches(a->op, &a->v[i], v)
			  : pattern_within(a, &a->v[i], b, v))
			return true;
	return false;
}

/* Sets */

static bool
has_value(const struct rule_cond *c, const struct rule_value *v)
{
	for (size_t i = 0; i < c->n; i++)
		if (same_value(&c->v[i], v))
			return true;
	return false;
}

static bool
all_in(const struct rule_cond *a, const struct rule_cond *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (!has_value(b, &a->v[i]))
			return false;
	return true;
}

static bool
some_in(const struct rule_cond *a, const struct rule_cond *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (has_value(b, &a->v[i]))
			return true;
	return false;
}

static bool
set_follows(const struct rule_cond *a, const struct rule_cond *b)
{
	switch (a->op) {
	case OP_SUBSET:
		return b->op == OP_SUBSET && all_in(b, a);
	case OP_SUPERSET:
		return b->op == OP_SUPERSET && all_in(a, b);
	case OP_DISJOINT:
		return (b->op == OP_DISJOINT && all_in(a, b)) ||
		       (b->op == OP_SUBSET && !some_in(a, b));
	default:
		return (b->op == OP_INTERSECTS && all_in(b, a)) ||
		       (b->op == OP_SUPERSET && some_in(a, b));
	}
}

/* Conditions that have no pointer */

static bool
time_follows(const struct rule_time *a, const struct rule_time *b)
{
	if (a->offset_min != b->offset_min || (b->days & ~a->days))
		return false;
	if (a->from_min == b->from_min && a->to_min == b->to_min)
		return true;
	return a->from_min <= a->to_min && b->from_min <= b->to_min &&
	       b->from_min >= a->from_min && b->to_min <= a->to_min;
}

static bool
is_about_run(enum cond_op op)
{
	return op == OP_TIME || op == OP_COUNT || op == OP_SEEN ||
	       op == OP_APPROVERS;
}

static bool
run_follows(const struct rule_cond *a, const struct rule_cond *b)
{
	switch (a->op) {
	case OP_TIME:
		return time_follows(&a->time, &b->time);
	case OP_COUNT:
		return same_text(a->name, b->name) &&
		       a->window_us == b->window_us && b->max <= a->max;
	case OP_SEEN:
		return same_text(a->name, b->name);
	default:
		return b->max >= a->max;
	}
}

static bool
wants(const struct rule_cond *c)
{
	return c->n > 0 && c->v[0].b;
}

/* Whenever b is true, there is a value. */
static bool
exists_follows(const struct rule_cond *a, const struct rule_cond *b)
{
	if (b->op == OP_EXISTS)
		return wants(a) == wants(b);
	return wants(a);
}

static bool
is_set_op(enum cond_op op)
{
	return op == OP_SUBSET || op == OP_SUPERSET || op == OP_DISJOINT ||
	       op == OP_INTERSECTS;
}

static bool
is_exact(enum cond_op op)
{
	return op == OP_EQ || op == OP_IN;
}

/* Host names are compared in another spelling than the author's. */
static bool
is_host(const char *pointer)
{
	const char *rest;
	int a = attr_from_pointer(pointer, &rest);

	return a >= 0 && attr_kind((enum attr)a) == KIND_HOST;
}

/* Is a true whenever b is? */
static bool
cond_follows(const struct rule_cond *a, const struct rule_cond *b)
{
	if (is_about_run(a->op) || is_about_run(b->op))
		return a->op == b->op && run_follows(a, b);
	if (!same_text(a->pointer, b->pointer))
		return false;
	if (a->op == OP_EXISTS)
		return exists_follows(a, b);
	if (is_set_op(a->op) || is_set_op(b->op))
		return is_set_op(a->op) && is_set_op(b->op) &&
		       set_follows(a, b);
	if (b->op == OP_EXISTS || !b->n)
		return false;
	if (b->op == OP_NE)
		return a->op == OP_NE && a->n && all_in(a, b);
	if (is_exact(b->op) && !is_exact(a->op) && a->op != OP_HOST &&
	    is_host(b->pointer))
		return false;
	for (size_t i = 0; i < b->n; i++)
		if (!one_within(a, b, &b->v[i]))
			return false;
	return true;
}

static bool
follows_from_any(const struct rule_cond *a, const struct rule_cond *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (cond_follows(a, &b[i]))
			return true;
	return false;
}

static bool
conds_follow(const struct rule_cond *a, size_t n, const struct rule *b)
{
	for (size_t i = 0; i < n; i++)
		if (!follows_from_any(&a[i], b->match, b->n_match) &&
		    !follows_from_any(&a[i], b->when, b->n_when))
			return false;
	return true;
}

/* Less often in a longer time is less. Window 0: the whole run. */
static bool
rate_within(uint64_t max_a, uint64_t window_a, uint64_t max_b,
	    uint64_t window_b)
{
	return max_b <= max_a &&
	       (!window_b || (window_a && window_b >= window_a));
}

static bool
bounds_within(const struct rule *a, const struct rule *b)
{
	if (a->not_after_us &&
	    (!b->not_after_us || b->not_after_us > a->not_after_us))
		return false;
	if (a->max_uses && (!b->max_uses || b->max_uses > a->max_uses))
		return false;
	if (a->rate.max &&
	    (!b->rate.max || !rate_within(a->rate.max, a->rate.window_us,
					  b->rate.max, b->rate.window_us)))
		return false;
	if (!a->budget.pointer)
		return true;
	return same_text(a->budget.pointer, b->budget.pointer) &&
	       rate_within(a->budget.max, a->budget.window_us, b->budget.max,
			   b->budget.window_us);
}

bool
rule_covers(const struct rule *a, const struct rule *b)
{
	return !(b->on & ~a->on) && bounds_within(a, b) &&
	       conds_follow(a->match, a->n_match, b) &&
	       conds_follow(a->when, a->n_when, b);
}
