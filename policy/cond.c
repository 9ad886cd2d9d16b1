/*
 * One condition on one request: true, false or unknown. What always holds:
 * unknown is never guessed away; work is bounded by the lengths that request.h
 * and policy.h allow; nothing allocates.
 */
#include "policy/policy-internal.h"

#include <string.h>

#define APPROVERS_MAX 64
#define DAY_MIN 1440

static enum truth
truth(bool b)
{
	return b ? IS_TRUE : IS_FALSE;
}

static bool
same(const char *s, size_t len, const char *t, size_t t_len)
{
	return len == t_len && memcmp(s, t, len) == 0;
}

static const struct value *
member(const struct value *v, const char *name, size_t len)
{
	if (v->type != VALUE_OBJECT)
		return NULL;
	for (v = v->first; v; v = v->next)
		if (same(v->key, v->key_len, name, len))
			return v;
	return NULL;
}

const struct value *
cond_value(const struct policy *p, const struct flat_cond *c,
	   const struct request *rq)
{
	const struct flat_text *seg = FLAT(p, segments, struct flat_text);
	const struct value *v;

	if (c->attr >= ATTR_MAX)
		return NULL;
	v = &rq->attr[c->attr];
	for (uint32_t i = 0; v && i < c->n_seg; i++) {
		const struct flat_text *t = &seg[c->seg + i];
		const char *name = flat_str(p, t->off);

		v = v->type == VALUE_LIST ? value_item(v, name, t->len)
					  : member(v, name, t->len);
	}
	return v && v->type != VALUE_NONE ? v : NULL;
}

uint64_t
cond_attrs(const struct flat_cond *c)
{
	_Static_assert(ATTR_MAX < 64, "a bit for each attribute");
	if (c->op == OP_APPROVERS)
		return UINT64_C(1) << ATTR_APPROVERS |
		       UINT64_C(1) << ATTR_RUN_OWNER |
		       UINT64_C(1) << ATTR_RUN_AGENT;
	return c->attr < ATTR_MAX ? UINT64_C(1) << c->attr : 0;
}

/* What string operators look at. False: there is no such string. */
static bool
subject(const struct eval *e, const struct flat_cond *c, const struct value *v,
	const char **ret, size_t *ret_len)
{
	if (v->type != VALUE_STRING || v->len > REQUEST_STRING_MAX)
		return false;
	*ret = v->s;
	*ret_len = v->len;
	if (attr_kind((enum attr)c->attr) == KIND_HOST) {
		*ret = e->host;
		*ret_len = (size_t)e->host_len;
		return e->host_len >= 0;
	}
	if (attr_kind((enum attr)c->attr) == KIND_PATH)
		return c->attr == ATTR_PATH ? e->path_ok
					    : path_is_plain(v->s, v->len);
	return true;
}

/* Numbers */

static bool
is_number(const struct value *v)
{
	/* NaN is no number */
	return v->type == VALUE_INT || (v->type == VALUE_REAL && v->r == v->r);
}

/* -1, 0, 1. long double holds every int64_t and every double. */
static int
compare(const struct value *v, const struct flat_value *f)
{
	long double a =
		v->type == VALUE_INT ? (long double)v->i : (long double)v->r;
	long double b =
		f->type == RULE_INT ? (long double)f->lo : (long double)f->r;

	return a < b ? -1 : a > b;
}

static bool
in_range(const struct value *v, const struct flat_value *f)
{
	long double a =
		v->type == VALUE_INT ? (long double)v->i : (long double)v->r;

	return a >= (long double)f->lo && a <= (long double)f->hi;
}

static enum truth
eval_order(const struct flat_cond *c, const struct value *v,
	   const struct flat_value *f)
{
	int d;

	if (!is_number(v))
		return IS_UNKNOWN;
	d = compare(v, f);
	switch (c->op) {
	case OP_LT:
		return truth(d < 0);
	case OP_LE:
		return truth(d <= 0);
	case OP_GT:
		return truth(d > 0);
	default:
		return truth(d >= 0);
	}
}

static enum truth
eval_range(const struct flat_cond *c, const struct value *v,
	   const struct flat_value *f)
{
	if (!is_number(v))
		return IS_UNKNOWN;
	for (uint32_t i = 0; i < c->n_value; i++)
		if (in_range(v, &f[i]))
			return IS_TRUE;
	return IS_FALSE;
}

static enum truth
eval_len(const struct flat_cond *c, const struct value *v,
	 const struct flat_value *f)
{
	struct value n = { .type = VALUE_INT };

	if (v->type == VALUE_STRING)
		n.i = (int64_t)v->len;
	else if (v->type == VALUE_LIST || v->type == VALUE_OBJECT)
		n.i = (int64_t)v->n;
	else
		return IS_UNKNOWN;
	return eval_range(c, &n, f);
}

/* Equality */

/* Of one value with one constant; unknown when they are of different types,
 * but null is different from everything else. */
static enum truth
equal(const struct eval *e, const struct flat_cond *c, const struct value *v,
      const struct flat_value *f)
{
	const char *s;
	size_t len;

	if (v->type == VALUE_NULL || f->type == RULE_NULL)
		return truth(v->type == VALUE_NULL && f->type == RULE_NULL);
	if (f->type == RULE_STRING) {
		if (!subject(e, c, v, &s, &len))
			return IS_UNKNOWN;
		return truth(same(s, len, flat_str(e->p, f->text), f->len));
	}
	if (f->type == RULE_BOOL)
		return v->type == VALUE_BOOL ? truth(v->b == (f->lo != 0))
					     : IS_UNKNOWN;
	return is_number(v) ? truth(compare(v, f) == 0) : IS_UNKNOWN;
}

static enum truth
eval_in(const struct eval *e, const struct flat_cond *c, const struct value *v,
	const struct flat_value *f)
{
	enum truth all = IS_UNKNOWN;

	for (uint32_t i = 0; i < c->n_value; i++) {
		enum truth t = equal(e, c, v, &f[i]);

		if (t == IS_TRUE)
			return IS_TRUE;
		/* that it is not null says nothing of the others */
		if (t == IS_FALSE &&
		    (f[i].type != RULE_NULL || c->n_value == 1))
			all = IS_FALSE;
	}
	return all;
}

/* Different from every one. */
static enum truth
eval_ne(const struct eval *e, const struct flat_cond *c, const struct value *v,
	const struct flat_value *f)
{
	enum truth all = IS_TRUE;

	for (uint32_t i = 0; i < c->n_value; i++) {
		enum truth t = equal(e, c, v, &f[i]);

		if (t == IS_TRUE)
			return IS_FALSE;
		if (t == IS_UNKNOWN)
			all = t;
	}
	return all;
}

/* Strings */

static bool
region_within(const char *s, size_t len, const char *region, size_t n)
{
	return len >= n && memcmp(s, region, n) == 0 &&
	       (len == n || s[n] == '-');
}

static enum truth
test_string(const struct eval *e, const struct flat_cond *c,
	    const struct flat_value *f, const char *s, size_t len)
{
	const char *t = flat_str(e->p, f->text);

	switch (c->op) {
	case OP_PREFIX:
		return truth(len >= f->len && memcmp(s, t, f->len) == 0);
	case OP_SUFFIX:
		return truth(len >= f->len &&
			     memcmp(s + len - f->len, t, f->len) == 0);
	case OP_GLOB:
		return glob_match(t, s, len);
	case OP_HOST:
		return truth(host_match(t, s, len));
	case OP_REGEX:
		return regex_match(e->p, f->regex, s, len);
	default:
		return truth(region_within(s, len, t, f->len));
	}
}

static enum truth
eval_string(const struct eval *e, const struct flat_cond *c,
	    const struct value *v, const struct flat_value *f)
{
	enum truth all = IS_FALSE;
	char host[256];
	const char *s;
	size_t len;

	if (!subject(e, c, v, &s, &len))
		return IS_UNKNOWN;
	if (c->op == OP_HOST && s != e->host) {
		int n = host_normal(s, len, host);

		if (n < 0)
			return IS_UNKNOWN;
		s = host;
		len = (size_t)n;
	}
	for (uint32_t i = 0; i < c->n_value; i++) {
		enum truth t = test_string(e, c, &f[i], s, len);

		if (t == IS_TRUE)
			return t;
		if (t == IS_UNKNOWN)
			all = t;
	}
	return all;
}

static enum truth
eval_cidr(const struct eval *e, const struct flat_cond *c,
	  const struct value *v, const struct flat_value *f)
{
	struct rule_value addr;
	const char *s;
	size_t len;

	if (!subject(e, c, v, &s, &len) || addr_parse(s, len, &addr) < 0)
		return IS_UNKNOWN;
	for (uint32_t i = 0; i < c->n_value; i++)
		if (cidr_match(&f[i], &addr))
			return IS_TRUE;
	return IS_FALSE;
}

/* Sets */

static enum truth
labels_truth(uint8_t op, uint64_t have, bool strange, uint64_t set)
{
	switch (op) {
	case OP_SUBSET:
		return truth(!strange && !(have & ~set));
	case OP_SUPERSET:
		return truth((have & set) == set);
	case OP_DISJOINT:
		return truth(!(have & set));
	default:
		return truth(have & set);
	}
}

static enum truth
eval_labels(const struct eval *e, const struct flat_cond *c)
{
	if (c->attr == ATTR_RUN_LABELS)
		return e->run_ok ? labels_truth(c->op, e->run, e->run_strange,
						c->set)
				 : IS_UNKNOWN;
	return e->data_ok
		       ? labels_truth(c->op, e->data, e->data_strange, c->set)
		       : IS_UNKNOWN;
}

static bool
is_string_list(const struct value *v)
{
	if (v->type != VALUE_LIST || v->n > REQUEST_LIST_MAX)
		return false;
	for (v = v->first; v; v = v->next)
		if (v->type != VALUE_STRING || v->len > REQUEST_STRING_MAX)
			return false;
	return true;
}

static bool
list_has(const struct value *list, const char *s, size_t len)
{
	for (const struct value *v = list->first; v; v = v->next)
		if (same(v->s, v->len, s, len))
			return true;
	return false;
}

static bool
values_have(const struct eval *e, const struct flat_cond *c,
	    const struct flat_value *f, const struct value *v)
{
	for (uint32_t i = 0; i < c->n_value; i++)
		if (same(v->s, v->len, flat_str(e->p, f[i].text), f[i].len))
			return true;
	return false;
}

static enum truth
eval_set(const struct eval *e, const struct flat_cond *c, const struct value *v,
	 const struct flat_value *f)
{
	bool some = false, all = true;

	if (!is_string_list(v))
		return IS_UNKNOWN;
	if (c->op == OP_SUPERSET) {
		for (uint32_t i = 0; i < c->n_value; i++)
			all = all &&
			      list_has(v, flat_str(e->p, f[i].text), f[i].len);
		return truth(all);
	}
	for (v = v->first; v; v = v->next) {
		bool in = values_have(e, c, f, v);

		some = some || in;
		all = all && in;
	}
	if (c->op == OP_SUBSET)
		return truth(all);
	return truth(c->op == OP_DISJOINT ? !some : some);
}

/* Not about a value */

static enum truth
eval_time(const struct eval *e, const struct flat_cond *c)
{
	int64_t min = e->now->wall_us / 60000000 + c->offset_min, day, m;
	unsigned int today, before;

	if (e->now->wall_us <= 0)
		return IS_UNKNOWN;
	day = min / DAY_MIN;
	m = min % DAY_MIN;
	today = (unsigned int)((day + 3) % 7); /* 1970-01-01: Thursday */
	before = (today + 6) % 7;
	if (c->from_min <= c->to_min)
		return truth(c->days >> today & 1 && m >= c->from_min &&
			     m < c->to_min);
	return truth((c->days >> today & 1 && m >= c->from_min) ||
		     (c->days >> before & 1 && m < c->to_min));
}

static bool
is_person(const struct value *who, const struct value *v)
{
	return who->type == VALUE_STRING &&
	       same(who->s, who->len, v->s, v->len);
}

/* The run's owner and the agent itself do not count, nor anybody twice. */
static enum truth
eval_approvers(const struct eval *e, const struct flat_cond *c)
{
	const struct value *list = &e->rq->attr[ATTR_APPROVERS];
	const struct value *owner = &e->rq->attr[ATTR_RUN_OWNER];
	const struct value *agent = &e->rq->attr[ATTR_RUN_AGENT];
	uint64_t n = 0;

	if (!is_string_list(list) || list->n > APPROVERS_MAX ||
	    owner->type != VALUE_STRING || agent->type != VALUE_STRING)
		return IS_UNKNOWN;
	for (const struct value *v = list->first; v; v = v->next) {
		const struct value *w = list->first;

		while (w != v && !same(w->s, w->len, v->s, v->len))
			w = w->next;
		n += w == v && v->len && !is_person(owner, v) &&
		     !is_person(agent, v);
	}
	return truth(n >= c->max);
}

static enum truth
eval_value(const struct eval *e, const struct flat_cond *c,
	   const struct value *v)
{
	const struct flat_value *f = flat_values(e->p) + c->value;

	switch (c->op) {
	case OP_EQ:
		return equal(e, c, v, f);
	case OP_NE:
		return eval_ne(e, c, v, f);
	case OP_IN:
		return eval_in(e, c, v, f);
	case OP_CIDR:
		return eval_cidr(e, c, v, f);
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
		return eval_order(c, v, f);
	case OP_RANGE:
		return eval_range(c, v, f);
	case OP_LEN:
		return eval_len(c, v, f);
	case OP_SUBSET:
	case OP_SUPERSET:
	case OP_DISJOINT:
	case OP_INTERSECTS:
		return eval_set(e, c, v, f);
	default:
		return eval_string(e, c, v, f);
	}
}

static bool
is_set_op(uint8_t op)
{
	return op == OP_SUBSET || op == OP_SUPERSET || op == OP_DISJOINT ||
	       op == OP_INTERSECTS;
}

/* "/%61dmin" and "/a%2Fb": one server decodes before it looks, another does
 * not. Only what is true either way is true, and only what is false either way
 * is false. */
static enum truth
eval_coded(const struct eval *e, const struct flat_cond *c,
	   const struct value *v)
{
	enum truth raw = eval_value(e, c, v);
	struct value decoded = { .type = VALUE_STRING };

	decoded.s = e->path;
	decoded.len = e->path_len;
	return eval_value(e, c, &decoded) == raw ? raw : IS_UNKNOWN;
}

enum truth
cond_eval(const struct eval *e, const struct flat_cond *c)
{
	const struct value *v;

	switch (c->op) {
	case OP_TIME:
		return eval_time(e, c);
	case OP_COUNT:
		return truth(usage_window(e->u, e->p, c->ref, c->window_us,
					  e->now->boot_us) < c->max);
	case OP_SEEN:
		return truth(usage_step(e->u, c->ref));
	case OP_APPROVERS:
		return eval_approvers(e, c);
	default:
		break;
	}
	if (is_set_op(c->op) && attr_kind((enum attr)c->attr) == KIND_LABELS)
		return eval_labels(e, c);
	v = cond_value(e->p, c, e->rq);
	if (c->op == OP_EXISTS)
		return truth((v != NULL) ==
			     (flat_values(e->p)[c->value].lo != 0));
	if (!v)
		return IS_UNKNOWN;
	if (c->attr == ATTR_PATH && e->path_coded && c->op != OP_LEN)
		return eval_coded(e, c, v);
	return eval_value(e, c, v);
}

/* Once for a request */

static bool
label_bits(const struct policy *p, const struct value *list, uint64_t *ret,
	   bool *ret_strange)
{
	if (!is_string_list(list))
		return false;
	for (const struct value *v = list->first; v; v = v->next) {
		int bit = policy_label(p, v->s, v->len);

		if (bit < 0)
			*ret_strange = true;
		else
			*ret |= UINT64_C(1) << bit;
	}
	return true;
}

static void
init_path(struct eval *v, const struct request *rq)
{
	const struct value *path = &rq->attr[ATTR_PATH];
	int n;

	v->path_coded = false;
	v->path_ok = path->type == VALUE_STRING &&
		     path->len <= REQUEST_STRING_MAX &&
		     path_is_plain(path->s, path->len);
	if (!v->path_ok || rq->surface != SURFACE_NETWORK ||
	    !memchr(path->s, '%', path->len))
		return;
	n = path_decode(path->s, path->len, v->path);
	v->path_ok = n >= 0;
	v->path_coded = n >= 0;
	v->path_len = n >= 0 ? (size_t)n : 0;
}

void
eval_init(struct eval *v, const struct policy *p, const struct request *rq,
	  const struct usage *u, const struct decide_time *now)
{
	const struct value *host = &rq->attr[ATTR_HOST];

	v->p = p;
	v->rq = rq;
	v->u = u;
	v->now = now;
	v->host_len = host->type == VALUE_STRING
			      ? host_normal(host->s, host->len, v->host)
			      : -ENOENT;
	init_path(v, rq);
	v->data = v->run = 0;
	v->data_strange = v->run_strange = false;
	v->data_ok = label_bits(p, &rq->attr[ATTR_DATA_LABELS], &v->data,
				&v->data_strange);
	v->run_ok = label_bits(p, &rq->attr[ATTR_RUN_LABELS], &v->run,
			       &v->run_strange);
}
